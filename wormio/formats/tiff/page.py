"""One page: where its pixels lie, and whether they can lie there."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.formats.tiff.coding import Coding

__all__ = ["Page", "find_pixels"]


@attrs.frozen(kw_only=True)
class Page:
    """One directory.

    Parameters
    ----------
    offset : int
        Of the directory in the file.
    following : int
        Offset of the next directory as written here; 0 after the last.
    coding : Coding
    data : int
        Offset of the first pixel if they lie in one piece, unpacked; else -1.
    data_end : int
        Offset just after the last byte of pixels.
    stored_bytes : int
        Of the pixels as they lie in the file.
    segments : (2, segments) int64, optional
        Offset and size of each strip or tile; None if there is but one, or if the pixels lie in
        one piece.
    jpeg_tables : (int, int)
        Offset and size of what all JPEG strips or tiles of the page share.
    flaw : str
        Why the pixels cannot be right; empty if nothing is wrong.
    """

    offset: int
    following: int
    coding: Coding
    data: int
    data_end: int
    stored_bytes: int
    segments: NDArray[np.int64] | None = attrs.field(default=None, eq=False)
    jpeg_tables: tuple[int, int] = (0, 0)
    flaw: str = ""

    @property
    def geometry(self) -> tuple[object, ...]:
        """Equal for pages whose pixels have the same shape and type."""
        return self.coding.geometry

    @property
    def compression(self) -> int:
        """Number of the compression; 1 is none."""
        return self.coding.compression

    @property
    def decoded_bytes(self) -> int:
        """Size of the pixels, unpacked."""
        return self.coding.decoded_bytes

    def places(self) -> NDArray[np.int64]:
        """Return offset and size of each strip or tile, (2, segments)."""
        if self.segments is not None:
            return self.segments
        if self.data < 0:
            return np.array([[self.data_end - self.stored_bytes], [self.stored_bytes]])
        size = self.coding.raw_bytes
        return np.stack([self.data + np.cumsum(size) - size, size])


def find_pixels(
    coding: Coding, offsets: NDArray[np.int64], counts: NDArray[np.int64]
) -> dict[str, Any]:
    """Return what a `Page` says of its pixels: the coding, and all fields from `data` on.

    Parameters
    ----------
    coding : Coding
    offsets, counts : (segments,) int64
        As the directory gives them; small enough not to overflow when added.
    """
    if not len(counts) and len(offsets) == 1 and coding.compression == 1:
        counts = np.array([coding.decoded_bytes])  # old writers leave it out
    if not coding.width or not coding.length or not min(coding.segment):
        flaw = f"a size of {coding.width} x {coding.length}, in parts of {coding.segment}"
    elif not len(offsets) == len(counts) == coding.n_segments:
        flaw = (
            f"{len(offsets)} offsets and {len(counts)} sizes for {coding.n_segments} "
            "strips or tiles"
        )
    elif not (offsets.all() and counts.all()):
        flaw = "strips or tiles that were never written"
    else:
        flaw = ""
    if flaw:
        return {"coding": coding, "data": -1, "data_end": 0, "stored_bytes": 0, "flaw": flaw}
    if coding.is_raw:
        raw = coding.raw_bytes
        if (counts < raw).any():
            at = int((counts < raw).argmax())
            flaw = f"{counts[at]} of {raw[at]} bytes of pixels in strip {at}"
        elif coding.is_plain and (offsets[:-1] + raw[:-1] == offsets[1:]).all():
            # What the last strip claims beyond its rows is none of them.
            data, size = int(offsets[0]), coding.decoded_bytes
            return {"coding": coding, "data": data, "data_end": data + size, "stored_bytes": size}
    return {
        "coding": coding,
        "data": -1,
        "data_end": int((offsets + counts).max()),
        "stored_bytes": int(counts.sum(dtype=float)),
        "segments": np.stack([offsets, counts]) if len(offsets) > 1 else None,
        "flaw": flaw,
    }
