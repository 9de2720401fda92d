"""Built-in formats and readers of positions, one module a family.

They come in through the public hook (`wormio.formats.hooks`), as everybody else's do.
"""
