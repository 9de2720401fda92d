"""Reads Nikon ND2 recordings into wormio, with the library nd2."""
