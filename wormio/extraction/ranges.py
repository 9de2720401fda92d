"""From rows of images to the fewest ranges of bytes that hold them, and reading these.

Sorting is numpy's, the pass over the sorted rows and the system calls are C's, without Python's
lock.
"""

from __future__ import annotations

import os

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio._cext import ffi, lib
from wormio.errors import ExtractionError
from wormio.extraction.passing import pointer
from wormio.model._files import Files

__all__ = [
    "GAP",
    "ByteRanges",
    "RowGrid",
    "RowSpans",
    "advise",
    "list_rows",
    "place_rows",
    "read_ranges",
]

Ints = NDArray[np.int64]

GAP = 4095
"""Bytes that nobody wants are read if there are no more of them: they hold no whole page.

The system finds and copies pages: what lies in pages that are touched anyway costs next to
nothing, and a system call less. So a plan never names a page that no mask touches.
"""


@attrs.frozen(eq=False)
class RowSpans:
    """Rows of images that follow each other, in files and in a buffer.

    Parameters
    ----------
    table : (M, 4) int64
        Image, first row, the row after the last one, and the byte in the buffer of the first row;
        -1 as long as it has no place. C-contiguous.
    of_image : (I, 2) int64
        The first span of each image, and the one after its last.
    """

    table: Ints
    of_image: Ints

    @property
    def image(self) -> Ints:
        """(M,) int64."""
        return self.table[:, 0]

    @property
    def first(self) -> Ints:
        """(M,) int64."""
        return self.table[:, 1]

    @property
    def stop(self) -> Ints:
        """(M,) int64, above `first`."""
        return self.table[:, 2]


@attrs.frozen(eq=False, kw_only=True)
class RowGrid:
    """Where the rows of some images lie.

    Parameters
    ----------
    file, offset : (I,) int64
        Of each image: which file, and the byte of its first pixel. -1: the image is in none.
    height : int
        Rows of an image.
    row_stride, row_bytes : int
        Bytes from row to row, and of a row.
    phase : int
        Rows whose offsets differ by no multiple of it are not read together. 1 puts up with any.
    part : (I,) int64, optional
        Of each image: which part it belongs to, from 0 on. One part is read after the other, into
        the same memory. None: all to one.
    n_parts : int
        How many there are; images need not belong to all of them.
    """

    file: Ints
    offset: Ints
    height: int
    row_stride: int
    row_bytes: int
    phase: int = 1
    part: Ints | None = None
    n_parts: int = 1

    @property
    def order(self) -> Ints:
        """(I,) int64: the images by part, file and offset."""
        keys = (self.offset, self.file)
        return np.lexsort(keys if self.part is None else (*keys, self.part))


@attrs.frozen(eq=False, kw_only=True)
class ByteRanges:
    """What to read, in order of part, file and offset.

    Parameters
    ----------
    table : (R, 4) int64
        Group, first byte in the file, bytes, and first byte in the buffer; as C takes it.
    file : (R,) int64
        Which file.
    edges : list of int
        The ranges of part ``k`` are those from ``edges[k]`` to ``edges[k + 1]``.
    buffer_bytes : int
        Size of the buffer: for the largest part, a little more than its lengths together.
    """

    table: Ints = attrs.field(repr=False)
    file: Ints
    edges: list[int]
    buffer_bytes: int

    @property
    def length(self) -> Ints:
        """(R,) bytes."""
        return self.table[:, 2]

    def __len__(self) -> int:
        return len(self.table)


def list_rows(marks: NDArray[np.uint8], order: Ints) -> RowSpans:
    """List the marked rows of images, none next to another.

    Parameters
    ----------
    marks : (I, height) uint8
        1 or 0.
    order : (I,) int64
        The images, as they are to be listed.
    """
    n_images, height = marks.shape
    # Masks of few rows in many high images: what is allocated has to be there, used or not.
    most = min(n_images * ((height + 1) // 2), np.count_nonzero(marks.view(np.bool_)))
    found = np.empty((most, 4), np.int64)
    of_image = np.empty((n_images, 2), np.int64)
    n_spans = lib.wormio_list_spans(
        pointer("unsigned char[]", marks),
        n_images,
        height,
        pointer("int64_t[]", order),
        pointer("int64_t[]", found, writable=True),
        pointer("int64_t[]", of_image, writable=True),
    )
    return RowSpans(found[:n_spans].copy(), of_image)


def place_rows(spans: RowSpans, grid: RowGrid, *, gap: int = GAP) -> ByteRanges:
    """Lay rows of images into one buffer, and say what to read for them.

    Parameters
    ----------
    spans : RowSpans
        Of images that lie in files; quickest if they are listed in the order of the grid. **Their
        offsets are set.**
    grid : RowGrid
    gap : int
        Two ranges with no more bytes between them become one.
    """
    n_images = len(grid.file)
    image = spans.image
    begin = grid.offset[image] + spans.first * grid.row_stride
    group = grid.file[image]
    a_part = int(grid.file.max(initial=0)) + 1
    if grid.part is not None:
        group = group + grid.part[image] * a_part
    if grid.phase > 1:
        group = group * grid.phase + begin % grid.phase
        a_part *= grid.phase
    step, rises = np.diff(group), np.diff(begin) >= 0
    sorted_already = ((step > 0) | ((step == 0) & rises)).all()
    order = None if sorted_already else np.lexsort((begin, group))
    table = np.empty((len(begin), 4), np.int64)
    counted = ffi.new("int64_t[2]")
    # The struct holds bare addresses; the names keep the memory alive during the call.
    c_order = ffi.NULL if order is None else pointer("int64_t[]", order)
    columns = [pointer("int64_t[]", column) for column in (group, begin)]
    sizes = {"n_spans": len(begin), "n_images": n_images, "height": grid.height}
    steps = {"row_stride": grid.row_stride, "row_bytes": grid.row_bytes, "gap": gap}
    c_spans = ffi.new(
        "wormio_spans *",
        {
            **sizes,
            **steps,
            "order": c_order,
            "group": columns[0],
            "groups_a_part": a_part,
            "begin": columns[1],
        },
    )
    status = lib.wormio_place_rows(
        c_spans,
        pointer("int64_t[]", spans.table, writable=True),
        pointer("int64_t[]", table, writable=True),
        counted,
        counted + 1,
    )
    if status != lib.WORMIO_READ_OK:
        raise ExtractionError(
            "the rows to be read make no sense",
            expected=f"rows 0 to {grid.height} of {n_images} images in files",
            found=f"status {status} of the C core",
            cure="report this as a bug of wormio.extraction.ranges",
        )
    table = table[: counted[0]]
    return ByteRanges(
        table=table,
        file=table[:, 0] % a_part // grid.phase,
        edges=np.searchsorted(table[:, 0], np.arange(grid.n_parts + 1) * a_part).tolist(),
        buffer_bytes=counted[1],
    )


def advise(fd: int, ranges: Ints) -> None:
    """Have the system fetch ranges of a file at once, if it does not hold them already.

    Whether it does is asked of the first range only: a question costs as much as an answer.
    """
    if not len(ranges):
        return
    begin = int(ranges[0, 1])
    try:
        os.preadv(fd, [bytearray(1)], begin, os.RWF_NOWAIT)
    except BlockingIOError:
        pass
    except OSError:
        return  # this file system cannot tell: the reads themselves will say what is wrong
    else:
        return
    for begin, length in ranges[:, 1:3].tolist():
        os.posix_fadvise(fd, begin, length, os.POSIX_FADV_WILLNEED)


def read_ranges(files: Files, index: int, fd: int, ranges: Ints, buffer: NDArray[np.uint8]) -> None:
    """Read ranges of one file into a buffer.

    Parameters
    ----------
    files : Files
    index : int
        Of the file among these.
    fd : int
        Its descriptor, which they have lent.
    ranges : (R, 4) int64
        Lines of `ByteRanges.table`.
    buffer : (n_bytes,) uint8

    Raises
    ------
    TruncatedRecordingError
        The file ends before.
    OSError
        As the system reports it, with the file and the offset.
    """
    ranges = np.ascontiguousarray(ranges, np.int64)
    progress, error = ffi.new("int64_t[2]"), ffi.new("int *")
    status = lib.WORMIO_READ_INTERRUPTED
    while status == lib.WORMIO_READ_INTERRUPTED:  # between two calls, Python handles the signal
        status = lib.wormio_read_ranges(
            fd,
            len(ranges),
            pointer("int64_t[]", ranges),
            ffi.cast("char *", pointer("uint8_t[]", buffer, writable=True)),
            buffer.nbytes,
            progress,
            error,
        )
    if status == lib.WORMIO_READ_OK:
        return
    if status == lib.WORMIO_READ_EARG:
        raise ExtractionError(
            "the ranges to be read do not fit the buffer",
            found=f"{len(ranges)} ranges for {buffer.nbytes} bytes",
            cure="report this as a bug of wormio.extraction.ranges",
        )
    at = int(ranges[progress[0], 1] + progress[1])
    missing = int(ranges[progress[0], 2] - progress[1])
    if status == lib.WORMIO_READ_ENDED:
        raise files.ended(index, at, missing)
    raise files.failed(index, at, missing, error[0])
