"""Reading the pixels of a task: only the rows that masks touch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import ExtractionError
from wormio.extraction.planned import announce_rows, layout_of, plan_rows, read_rows, scratch_for
from wormio.model import FrameArray, Recording

__all__ = ["Block", "BlockPlan", "plan_block"]


@attrs.frozen(kw_only=True, eq=False)
class Block:
    """Rows of images in one buffer; C channels, P planes, images of Y rows.

    A row is whole. Some rows that follow each other lie anywhere in the buffer: what was read as
    part of a long range of a file stays where it is.

    Parameters
    ----------
    buffer : (nbytes,) uint8
        C-contiguous.
    dtype : numpy.dtype
        Of a pixel.
    spans : (M, 4) int64
        Rows of a plane that follow each other: nothing, the first row, the one after the last, and
        the byte of the buffer at which the first pixel of the first row lies. C-contiguous.
    of_plane : (C, P, 2) int64
        The first span of each plane, and the one after its last: its spans follow the order of
        rows, and do not overlap. C-contiguous.
    height, width : int
        Rows of the whole image, pixels of a row.
    pixel_stride : int
        Bytes from a pixel to the one on its right; more than its size where channels are
        interleaved.
    row_stride : int
        Bytes from row to row of a span.

    Notes
    -----
    Whether rows lie within the buffer is found out by the C core, when it looks for them.
    """

    buffer: NDArray[np.uint8]
    dtype: np.dtype[Any]
    spans: NDArray[np.int64]
    of_plane: NDArray[np.int64]
    height: int
    width: int
    pixel_stride: int
    row_stride: int

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
        plane, channel, row, stride = pixels.strides
        n_images = n_channels * n_planes if pixels.size else 0
        c, p = np.divmod(np.arange(n_images), max(n_planes, 1))
        columns = (np.arange(n_images), row_first, row_first + n_rows, c * channel + p * plane)
        of_plane = np.zeros((n_channels, n_planes, 2), np.int64)
        if n_images:
            of_plane.reshape(-1, 2)[:] = np.arange(n_images)[:, np.newaxis] + (0, 1)
        return cls(
            buffer=_bytes_of(pixels) if pixels.size else np.empty(0, np.uint8),
            dtype=pixels.dtype,
            spans=np.column_stack(np.broadcast_arrays(*columns)).astype(np.int64),
            of_plane=of_plane,
            height=height,
            width=width,
            # numpy leaves the stride of an axis of length 1 arbitrary.
            pixel_stride=stride if width > 1 and pixels.size else pixels.itemsize,
            row_stride=row if n_rows > 1 and pixels.size else 0,
        )


def _bytes_of(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return all bytes from the first to the last pixel of a view: they are one block of memory."""
    nbytes = pixels.itemsize + sum(
        (n - 1) * stride for n, stride in zip(pixels.shape, pixels.strides, strict=True)
    )
    first = pixels[:1, :1, :1, :1].view(np.uint8)
    return np.lib.stride_tricks.as_strided(first, (nbytes,), (1,), writeable=False)


@attrs.frozen(eq=False, kw_only=True)
class BlockPlan:
    """What a task reads, part by part; made by `plan_block`.

    Parameters
    ----------
    block : Block
        Where pixels come to lie: of all parts, but of one at a time. It may be **the thread's
        scratch memory**, which a later plan of this thread overwrites, once nobody holds this one.
    fill : callable
        ``fill(part)`` reads one part into the block. Raises RecordingError, OSError: pixels could
        not be read.
    """

    block: Block
    fill: Callable[[int], None]


def plan_block(
    recording: Recording,
    frames: tuple[int, int],
    channels: Sequence[int],
    marks: NDArray[np.uint8],
    parts: Sequence[int] = (),
) -> BlockPlan:
    """Plan the reading of some rows of a range of frames.

    Where pixels lie uncompressed in files, these rows alone are read, and stay where they were
    read. Otherwise the images that hold them are decoded, each once.

    Parameters
    ----------
    recording : Recording
    frames : (int, int)
        Half-open range.
    channels : sequence of int
    marks : (images, Y) uint8
        1 for the rows that are wanted; image ``j * n_frames + i`` is channel ``channels[j]`` of
        frame ``frames[0] + i``.
    parts : sequence of int
        The frames, counted from the first one, with which the second part and the following ones
        begin.

    Raises
    ------
    MissingImageError
        One of the images was never saved.
    RecordingError, OSError
        Pixels that have to be decoded could not be read.
    """
    array = recording.frames
    layout = layout_of(array)
    if layout is None:
        return BlockPlan(
            block=_decoded(array, frames, channels, marks),
            fill=lambda part: None,  # noqa: ARG005 (it is the only one, and it is there)
        )
    rows = plan_rows(layout, frames, channels, marks, parts)
    block = Block(
        buffer=scratch_for(rows),
        dtype=array.dtype,
        spans=rows.spans.table,
        of_plane=rows.spans.of_image.reshape(len(channels), -1, 2),
        height=layout.height,
        width=layout.width,
        pixel_stride=layout.pixel_stride,
        row_stride=layout.row_stride,
    )
    announce_rows(array, rows)
    return BlockPlan(block=block, fill=lambda part: read_rows(array, rows, part, block.buffer))


def _decoded(
    array: FrameArray,
    frames: tuple[int, int],
    channels: Sequence[int],
    marks: NDArray[np.uint8],
) -> Block:
    """Decode the images that are needed, from the first to the last row of them all."""
    height = array.shape[2]
    needed = marks.any(axis=1).reshape(len(channels), frames[1] - frames[0])
    marked = np.flatnonzero(marks.any(axis=0))
    rows = (int(marked[0]), int(marked[-1]) + 1) if len(marked) else (0, 0)
    used = np.flatnonzero(needed.any(axis=0))
    pixels = _images(array, frames[0], channels, needed[:, used], used, rows)
    block = Block.from_array(pixels, height=height, row_first=rows[0])
    of_plane = np.zeros((*needed.shape, 2), np.int64)
    of_plane[:, used] = block.of_plane
    of_plane[~needed] = 0
    return attrs.evolve(block, of_plane=of_plane)


def _images(
    array: FrameArray,
    start: int,
    channels: Sequence[int],
    needed: NDArray[np.bool_],
    used: NDArray[np.int64],
    rows: tuple[int, int],
) -> NDArray[Any]:
    """Return (used, channels, rows, X); what is not needed of it may hold anything."""
    window = slice(*rows)
    whole = list(channels) == list(range(array.shape[1]))
    if whole and needed.all() and len(used) and used[-1] - used[0] == len(used) - 1:
        return array[start + int(used[0]) : start + int(used[-1]) + 1, :, window]
    pixels = np.empty((len(used), len(channels), rows[1] - rows[0], array.shape[3]), array.dtype)
    for j, channel in enumerate(channels):
        wanted = np.flatnonzero(needed[j])
        breaks = np.flatnonzero(np.diff(used[wanted]) != 1) + 1
        for run in np.split(wanted, breaks):
            if len(run):
                begin, stop = start + int(used[run[0]]), start + int(used[run[-1]]) + 1
                pixels[run[0] : run[-1] + 1, j] = array[begin:stop, channel, window]
    return pixels
