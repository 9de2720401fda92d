"""What marks the container, for those who look for it and those who write it."""

from __future__ import annotations

__all__ = ["FORMAT", "FRAMES", "ORIGIN", "SCHEMA_VERSION", "SIGNATURE", "SUFFIX"]

FORMAT = "wormio-recording"
"""Attribute ``format`` of the root."""
SCHEMA_VERSION = 1
SIGNATURE = b"\x89HDF\r\n\x1a\n"
SUFFIX = ".wormio.h5"
FRAMES = "frames"
ORIGIN = "wormio_origin"
"""Key of `Recording.metadata` under which a converted recording says what it was made from."""
