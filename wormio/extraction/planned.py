"""Reading rows of images where they lie in files: planned, then read, nothing copied."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import MissingImageError, RecordingClosedError
from wormio.extraction.ranges import (
    ByteRanges,
    RowGrid,
    RowSpans,
    advise,
    list_rows,
    place_rows,
    read_ranges,
)
from wormio.model import FileLayout, FrameArray, MappableFrames, MappedFrames
from wormio.model._files import Files, SharedFiles

__all__ = [
    "PlannedRows",
    "announce_rows",
    "layout_of",
    "plan_rows",
    "read_rows",
    "scratch_for",
]


class _Scratch(threading.local):
    """Memory of one thread that is used again: new memory costs more than what is put into it."""

    def __init__(self) -> None:
        self.pixels = np.empty(0, np.uint8)
        self.lent: weakref.ref[NDArray[np.uint8]] | None = None

    def take(self, n_bytes: int) -> NDArray[np.uint8]:
        # A plugin's reducer may itself extract, by an executor that works in this very thread.
        in_use = self.lent is not None and self.lent() is not None
        if in_use or len(self.pixels) < n_bytes:
            self.pixels = np.empty(0, np.uint8)  # the old one goes before the new one comes
            self.pixels = np.empty(n_bytes + n_bytes // 8, np.uint8)
        lent = self.pixels[:n_bytes]
        self.lent = weakref.ref(lent)
        return lent


_scratch = _Scratch()


@attrs.frozen(eq=False, kw_only=True)
class PlannedRows:
    """What to read, and where each row comes to lie.

    Parameters
    ----------
    layout : FileLayout
    ranges : ByteRanges
    spans : RowSpans
        Of the rows that are wanted.
    """

    layout: FileLayout
    ranges: ByteRanges
    spans: RowSpans


def layout_of(frames: FrameArray) -> FileLayout | None:
    """Return where the rows of these frames lie; None if they cannot be read in place."""
    # Almost all are of this class; asking a protocol is slow.
    if not isinstance(frames, MappedFrames) and not isinstance(frames, MappableFrames):
        return None
    layout = frames.layout
    if layout.dtype.isnative:
        return layout
    # Bytes are swapped in place, pixel by pixel: pixels must not lie askew to each other.
    item = layout.dtype.itemsize
    return None if layout.row_stride % item or layout.pixel_stride % item else layout


def plan_rows(
    layout: FileLayout,
    frames: tuple[int, int],
    channels: Sequence[int],
    marks: NDArray[np.uint8],
    parts: Sequence[int] = (),
) -> PlannedRows:
    """Plan the reading of rows of some frames.

    Parameters
    ----------
    layout : FileLayout
    frames : (int, int)
        Half-open range.
    channels : sequence of int
    marks : (images, Y) uint8
        1 for the rows that are wanted. Image ``j * n_frames + i`` is channel ``channels[j]`` of
        frame ``frames[0] + i``.
    parts : sequence of int
        One part of the frames is read after the other, into the same memory: the second one
        begins at frame ``frames[0] + parts[0]``, and so on; they do not fall.

    Raises
    ------
    MissingImageError
        An image that is to be read lies in no file.
    """
    window, n_frames = slice(*frames), frames[1] - frames[0]
    itemsize = layout.dtype.itemsize
    part = np.searchsorted(parts, np.arange(n_frames), side="right")
    grid = RowGrid(
        file=np.concatenate([layout.file[window, channel] for channel in channels]).astype(
            np.int64
        ),
        offset=np.concatenate([layout.offset[window, channel] for channel in channels]),
        height=layout.height,
        row_stride=layout.row_stride,
        row_bytes=(layout.width - 1) * layout.pixel_stride + itemsize,
        phase=1 if layout.dtype.isnative else itemsize,
        part=np.tile(part, len(channels)) if len(parts) else None,
        n_parts=len(parts) + 1,
    )
    spans = list_rows(marks, grid.order)
    missing = grid.file[spans.image] < 0
    if missing.any():
        image = int(spans.image[missing].min())
        j, i = divmod(image, n_frames)
        raise MissingImageError(
            f"the image of frame {frames[0] + i}, channel {channels[j]} was never saved",
            cure="see recording.timeline.stored; nothing is filled in",
        )
    return PlannedRows(layout=layout, ranges=place_rows(spans, grid), spans=spans)


def scratch_for(plan: PlannedRows) -> NDArray[np.uint8]:
    """Return memory for a part of what was planned, (n_bytes,) uint8.

    It is **the thread's scratch memory**: once nobody holds the array that is returned, the next
    plan in this thread is given the same. A view of it does not count.
    """
    return _scratch.take(plan.ranges.buffer_bytes)


def announce_rows(frames: FrameArray, plan: PlannedRows) -> None:
    """Have the system fetch all parts of a plan at once, if it does not hold them already.

    Raises
    ------
    RecordingClosedError
    OSError
        As the system reports it, with the file.
    """

    def announce(files: Files, index: int, table: NDArray[np.int64], fd: int) -> None:  # noqa: ARG001
        advise(fd, table)

    _each_file(frames, plan, slice(None), announce)


def read_rows(frames: FrameArray, plan: PlannedRows, part: int, buffer: NDArray[np.uint8]) -> None:
    """Read a part of what was planned, in native byte order.

    Raises
    ------
    TruncatedRecordingError
        A file ends too early.
    RecordingClosedError
    OSError
        As the system reports it, with the file and the offset.
    """

    def read(files: Files, index: int, table: NDArray[np.int64], fd: int) -> None:
        read_ranges(files, index, fd, table, buffer)

    _each_file(frames, plan, slice(*plan.ranges.edges[part : part + 2]), read)
    dtype = plan.layout.dtype
    if not dtype.isnative:
        whole = len(buffer) // dtype.itemsize * dtype.itemsize
        buffer[:whole].view(dtype).byteswap(inplace=True)


def _each_file(
    frames: FrameArray,
    plan: PlannedRows,
    ranges: slice,
    work: Callable[[Files, int, NDArray[np.int64], int], None],
) -> None:
    """Do something with some of the ranges, file by file."""
    if getattr(frames, "closed", False):
        raise RecordingClosedError(
            "the recording is closed", cure="read inside the `with` block, or open it again"
        )
    file, table = plan.ranges.file[ranges], plan.ranges.table[ranges]
    changes = np.flatnonzero(file[1:] != file[:-1]) + 1
    edges = [0, *changes.tolist(), len(file)] if len(file) else []
    with _files_of(frames, plan.layout) as files:
        for begin, end in pairwise(edges):
            index = int(file[begin])
            files.use(index, partial(work, files, index, table[begin:end]))


@contextlib.contextmanager
def _files_of(frames: FrameArray, layout: FileLayout) -> Iterator[Files]:
    if isinstance(frames, MappedFrames):
        yield frames.files
        return
    with contextlib.closing(SharedFiles(layout.files)) as files:
        yield files
