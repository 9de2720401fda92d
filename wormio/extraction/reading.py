"""Reading the pixels of a task: only the rows that masks touch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import ExtractionError
from wormio.model import Recording

__all__ = ["Block", "read_block", "rows_touched"]


@attrs.frozen(kw_only=True, eq=False)
class Block:
    """Rows of images in one buffer; C channels, P planes, images of Y rows.

    A row is whole, but it may lie anywhere in the buffer: a row that was read as part of a long
    range of a file stays where it is.

    Parameters
    ----------
    buffer : (nbytes,) uint8
        C-contiguous.
    dtype : numpy.dtype
        Of a pixel.
    row_offset : (C, P, Y) int64
        Byte of the buffer at which the first pixel of a row lies; -1: it was not read.
        C-contiguous.
    width : int
        Pixels of a row.
    pixel_stride : int
        Bytes from a pixel to the one on its right; more than its size where channels are
        interleaved.

    Raises
    ------
    ExtractionError
        A row is not within the buffer.
    """

    buffer: NDArray[np.uint8]
    dtype: np.dtype[Any]
    row_offset: NDArray[np.int64]
    width: int
    pixel_stride: int

    def __attrs_post_init__(self) -> None:
        row = (self.width - 1) * self.pixel_stride + self.dtype.itemsize if self.width else 0
        if self.row_offset.size and not (
            self.row_offset.min() >= -1 and self.row_offset.max() <= self.buffer.nbytes - row
        ):
            rows = self.row_offset[self.row_offset >= 0]
            if rows.size or self.row_offset.min() < -1:
                raise ExtractionError(
                    "rows lie outside the buffer of pixels",
                    expected=f"rows of {row} bytes in a buffer of {self.buffer.nbytes}, or -1",
                    found=f"offsets {self.row_offset.min()} to {self.row_offset.max()}",
                )

    @property
    def height(self) -> int:
        """Rows of the whole image, Y."""
        return int(self.row_offset.shape[2])

    @classmethod
    def from_array(cls, pixels: NDArray[Any], *, height: int, row_first: int = 0) -> Block:
        """Return the block of an array in memory, which is not copied.

        Parameters
        ----------
        pixels : (P, C, rows, X) array
            Rows ``row_first`` to ``row_first + rows`` of each image. Any view will do whose pixels
            do not run backwards along x, or a copy is made.
        height : int
            Rows of the whole image.
        row_first : int

        Raises
        ------
        ExtractionError
            These are no rows of the image.
        """
        if not isinstance(pixels, np.ndarray) or pixels.ndim != 4 or pixels.dtype.hasobject:
            raise ExtractionError(
                "these are no pixels",
                expected="a numpy array of numbers (planes, channels, rows, width)",
                found=f"{type(pixels).__name__} of shape {np.shape(pixels)}",
            )
        n_planes, n_channels, n_rows, width = pixels.shape
        if not 0 <= row_first <= row_first + n_rows <= height:
            raise ExtractionError(
                "the rows of pixels are not rows of the image",
                expected=f"rows within 0 to {height}",
                found=f"rows {row_first} to {row_first + n_rows}",
                cure="give the height of the whole image, and the row that pixels begins with",
            )
        if pixels.size and min(pixels.strides) <= 0:
            pixels = np.ascontiguousarray(pixels)
        table = np.full((n_channels, n_planes, height), -1, np.int64)
        planes, channels, rows, stride = pixels.strides
        if not pixels.size:
            buffer, stride = np.empty(0, np.uint8), pixels.itemsize
        else:
            buffer = _bytes_of(pixels)
            table[:, :, row_first : row_first + n_rows] = (
                np.arange(n_channels)[:, np.newaxis, np.newaxis] * channels
                + np.arange(n_planes)[:, np.newaxis] * planes
                + np.arange(n_rows) * rows
            )
        return cls(
            buffer=buffer,
            dtype=pixels.dtype,
            row_offset=table,
            width=width,
            # numpy leaves the stride of an axis of length 1 arbitrary.
            pixel_stride=stride if width > 1 else pixels.itemsize,
        )


def _bytes_of(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return all bytes from the first to the last pixel of a view: they are one block of memory."""
    nbytes = pixels.itemsize + sum(
        (n - 1) * stride for n, stride in zip(pixels.shape, pixels.strides, strict=True)
    )
    first = pixels[:1, :1, :1, :1].view(np.uint8)
    return np.lib.stride_tricks.as_strided(first, (nbytes,), (1,), writeable=False)


def rows_touched(y: NDArray[np.float64], low: int, high: int, height: int) -> tuple[int, int]:
    """Return the half-open range of image rows from `low` to `high` around centres at `y`."""
    y = np.floor(y + 0.5)
    if np.isnan(y).all():
        return 0, 1  # no neuron was found here; nothing of the block will be looked at
    first = int(np.nanmin(y)) + low
    stop = int(np.nanmax(y)) + high + 1
    return min(max(first, 0), height - 1), max(min(stop, height), 1)


def read_block(
    recording: Recording, frames: tuple[int, int], channels: Sequence[int], rows: tuple[int, int]
) -> Block:
    """Read some rows of a range of frames.

    Images that were never saved are left out: their part of the block is never looked at, because
    the plane table marks them.
    """
    pixels = _read(recording, frames, channels, rows)
    return Block.from_array(pixels, height=recording.frames.shape[2], row_first=rows[0])


def _read(
    recording: Recording, frames: tuple[int, int], channels: Sequence[int], rows: tuple[int, int]
) -> NDArray[Any]:
    start, stop = frames
    saved = recording.timeline.stored[start:stop, list(channels)] >= 0
    window = slice(*rows)
    if saved.all() and list(channels) == list(range(recording.frames.shape[1])):
        return recording.frames[start:stop, :, window]
    width = recording.frames.shape[3]
    block = np.zeros(
        (stop - start, len(channels), rows[1] - rows[0], width), recording.frames.dtype
    )
    for j, channel in enumerate(channels):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], saved[:, j], [0]]).astype(np.int8)))
        for first, last in edges.reshape(-1, 2).tolist():
            block[first:last, j] = recording.frames[start + first : start + last, channel, window]
    return block
