"""Numbers of tags, sizes of their values, and how a file writes a directory."""

from __future__ import annotations

import struct
from functools import cached_property
from typing import Literal

import attrs

__all__ = [
    "COUNTS",
    "DESCRIPTION",
    "FIXED",
    "HEADERS",
    "INTEGERS",
    "JPEG_TABLES",
    "OFFSETS",
    "OTHERS",
    "SIZES",
    "TAGS",
    "Entry",
    "Form",
]

Entry = tuple[int, int, int, bytes]
"""Code of a tag, type, count, and the field that holds the values or where they are."""

TAGS = {
    "width": 256,
    "length": 257,
    "bits": 258,
    "compression": 259,
    "photometric": 262,
    "fill_order": 266,
    "samples": 277,
    "rows_per_strip": 278,
    "planar": 284,
    "predictor": 317,
    "tile_width": 322,
    "tile_length": 323,
    "sample_format": 339,
    "depth": 32997,
    "tile_depth": 32998,
}
"""What a page is like."""

OTHERS = (338, 530, 65007, 65008, 65009)
"""The same, for decoders only: extra samples, subsampling, options of EER."""

FIXED = frozenset(TAGS.values()) | frozenset(OTHERS)
"""Both: equal in all pages of a recording."""

OFFSETS = (324, 273)
COUNTS = (325, 279)
"""Of tiles, of strips."""

JPEG_TABLES = 347
DESCRIPTION = 270
HEADERS = frozenset({DESCRIPTION, 50838, 50839})
"""Texts of which pixels have no need; the last two are ImageJ's."""

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
SIZES |= {16: 8, 17: 8, 18: 8}
"""Bytes of a value of each type."""

INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
"""Types that hold whole numbers, as `struct` calls them."""


@attrs.frozen
class Form:
    """How numbers are written: byte order, and 32-bit or 64-bit offsets (BigTIFF)."""

    order: Literal["<", ">"]
    big: bool

    @cached_property
    def entry(self) -> struct.Struct:
        """One tag."""
        return struct.Struct(self.order + ("HHQ8s" if self.big else "HHI4s"))

    @cached_property
    def count(self) -> struct.Struct:
        """How many tags a directory has."""
        return struct.Struct(self.order + ("Q" if self.big else "H"))

    @cached_property
    def offset(self) -> struct.Struct:
        """Where something is in the file."""
        return struct.Struct(self.order + ("Q" if self.big else "I"))

    def outside(self, entry: Entry) -> tuple[int, int] | None:
        """Return offset and size of values that do not fit into their field; else None."""
        _, kind, count, field = entry
        size = SIZES.get(kind, 1) * count
        return None if size <= len(field) else (self.offset.unpack(field)[0], size)
