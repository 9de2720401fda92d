"""How the pixels of a page are cut into strips or tiles, and what one of those holds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cached_property

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.formats.tiff.tags import OTHERS, TAGS

__all__ = ["Box", "Coding", "coding_from_tags"]

_SUBSAMPLED = 6  # YCbCr
_COMPLEX_INTEGER = 5

Box = tuple[range, range, range, range, range]
"""Part of a page: ranges of sample planes, depth, rows, columns, samples of a pixel."""


@attrs.frozen(kw_only=True, cache_hash=True)
class Coding:
    """What a page is like; pages of equal coding are decoded by one function.

    Parameters
    ----------
    width, length, depth, samples : int
        Of the page in pixels, and of a pixel.
    planar : int
        2 if each sample has a plane of its own.
    bits, sample_format : tuple of int
        Of each sample, or one for all.
    compression, predictor, fill_order, photometric : int
    tiled : bool
    segment : (int, int, int)
        Depth, length and width of a tile or of a strip that is not the last one.
    others : tuple of (int, tuple of int)
        Further tags that matter to a decoder.
    """

    width: int
    length: int
    depth: int
    samples: int
    planar: int
    bits: tuple[int, ...]
    sample_format: tuple[int, ...]
    compression: int
    predictor: int
    fill_order: int
    photometric: int
    tiled: bool
    segment: tuple[int, int, int]
    others: tuple[tuple[int, tuple[int, ...]], ...] = ()

    @cached_property
    def geometry(self) -> tuple[object, ...]:
        """Equal for pages whose pixels have the same shape and type."""
        return (
            *(self.width, self.length, self.depth, self.samples, self.planar),
            *(self.bits, self.sample_format),
        )

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """Sample planes, depth, rows, columns, samples of a pixel: the order of all pixels."""
        planes, samples = (self.samples, 1) if self.planar == 2 else (1, self.samples)
        return planes, self.depth, self.length, self.width, samples

    @property
    def segment_shape(self) -> tuple[int, int, int, int, int]:
        """Of a whole strip or tile, in the same order."""
        return 1, *self.segment, self.shape[4]

    @cached_property
    def grid(self) -> tuple[int, int, int, int, int]:
        """Strips or tiles along each axis."""
        planes, depth, length, width, _ = (
            -(-whole // max(part, 1))
            for whole, part in zip(self.shape, self.segment_shape, strict=True)
        )
        return planes, depth, length, width, 1

    @cached_property
    def n_segments(self) -> int:
        """Strips or tiles of a page."""
        return math.prod(self.grid)

    @cached_property
    def decoded_bytes(self) -> int:
        """Size of the page when unpacked."""
        pixels = self.width * self.length * self.depth * self.samples
        return -(-pixels * self.bits[0] // 8)

    @property
    def segment_bytes(self) -> int:
        """Size of a whole strip or tile when unpacked; rows of packed pixels end on a byte."""
        _, depth, length, width, samples = self.segment_shape
        each = len(self.bits) == samples
        bits = sum(self.bits) if each else max(self.bits) * samples
        return depth * length * -(-bits * width // 8)

    @cached_property
    def is_raw(self) -> bool:
        """Whether each byte of a segment is one of the page, in its order."""
        whole_rows = not self.tiled or (self.segment[0] == 1 and self.segment[2] == self.width)
        return whole_rows and self.compression == 1 and self.photometric != _SUBSAMPLED

    @cached_property
    def is_plain(self) -> bool:
        """Whether those bytes are pixels as numpy knows them."""
        return (
            self.is_raw
            and self.fill_order == 1
            and self.predictor == 1
            and len(set(self.bits)) == 1
            and self.bits[0] in {8, 16, 32, 64, 128}
            and _COMPLEX_INTEGER not in self.sample_format
        )

    @cached_property
    def raw_bytes(self) -> NDArray[np.int64]:
        """Bytes of each segment of a raw page; a last one may be short of rows."""
        planes, depth, strips = self.grid[:3]
        rows = np.full(strips, self.segment[1], np.int64)
        rows[-1] = self.length - (strips - 1) * self.segment[1]
        return np.tile(rows * (self.segment_bytes // self.segment[1]), planes * depth)

    def segments_in(self, box: Box) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Yield index and first pixel of each segment that holds pixels of the box."""
        parts = self.segment_shape
        spans = [
            range(inside.start // part, (inside.stop - 1) // part + 1)
            for inside, part in zip(box, parts, strict=True)
        ]
        _, depths, lengths, widths, _ = self.grid
        for s in spans[0]:
            for d in spans[1]:
                for y in spans[2]:
                    for x in spans[3]:
                        index = ((s * depths + d) * lengths + y) * widths + x
                        yield index, (s, d * parts[1], y * parts[2], x * parts[3], 0)


def coding_from_tags(tags: Mapping[int, tuple[int, ...]]) -> Coding:
    """Make a coding from the integers of its tags."""

    def one(name: str, default: int) -> int:
        return tags.get(TAGS[name], (default,))[0]

    width, length = one("width", 0), one("length", 0)
    tiled = TAGS["tile_width"] in tags
    if tiled:
        segment = (one("tile_depth", 1), one("tile_length", 0), one("tile_width", 0))
    else:
        segment = (1, min(one("rows_per_strip", length), length), width)
    return Coding(
        width=width,
        length=length,
        depth=one("depth", 1),
        samples=one("samples", 1),
        planar=one("planar", 1),
        bits=tags.get(TAGS["bits"], (1,)),
        sample_format=tags.get(TAGS["sample_format"], (1,)),
        compression=one("compression", 1),
        predictor=one("predictor", 1),
        fill_order=one("fill_order", 1),
        photometric=one("photometric", -1),
        tiled=tiled,
        segment=segment,
        others=tuple((code, tags[code]) for code in OTHERS if code in tags),
    )
