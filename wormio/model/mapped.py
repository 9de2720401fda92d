"""Frames that lie uncompressed in files: a table of byte offsets, read by ``pread``.

``pread`` and not a memory map: a file cut short under a map kills the process (SIGBUS), a short
``pread`` is an error that says where.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import attrs
import numpy as np
from numpy.typing import DTypeLike, NDArray

from wormio.errors import (
    ContractError,
    MissingImageError,
    MissingPartError,
    TruncatedRecordingError,
)
from wormio.model._fields import array_field
from wormio.model._files import Files, JoinedFiles, SharedFiles
from wormio.model.frames import LazyFrames

__all__ = ["FileLayout", "MappableFrames", "MappedFrames"]

# One system call reads at most this much: large enough to amortise the call, small enough that
# the buffer of a whole recording never exists.
_MAX_READ = 32 << 20
# POSIX promises only 16 buffers a call, Linux gives 1024.
_MAX_BUFFERS = 512


def _dtype(dtype: DTypeLike) -> np.dtype[Any]:
    return np.dtype(dtype)


def _paths(paths: Iterable[str | Path]) -> tuple[Path, ...]:
    return tuple(map(Path, paths))


@attrs.frozen(kw_only=True)
class FileLayout:
    """Where each image lies: enough to read any of its rows without decoding.

    Parameters
    ----------
    files : tuple of Path
    file : (F, C) int32
        Index into `files`; -1 where the image was never saved.
    offset : (F, C) int64
        Byte offset of pixel (0, 0).
    height, width : int
        Of an image, in pixels.
    row_stride, pixel_stride : int
        Bytes from row to row and from pixel to pixel.
    dtype : numpy.dtype
        On disk, with its byte order.
    """

    files: tuple[Path, ...] = attrs.field(converter=_paths)
    file: NDArray[np.int32] = array_field("i4", (None, None))
    offset: NDArray[np.int64] = array_field("i8", (None, None))
    height: int
    width: int
    row_stride: int
    pixel_stride: int
    dtype: np.dtype[Any] = attrs.field(converter=_dtype)

    def __attrs_post_init__(self) -> None:
        if self.file.shape != self.offset.shape:
            raise ContractError(
                "file and offset differ in shape",
                expected=str(self.file.shape),
                found=str(self.offset.shape),
            )
        saved = self.file >= 0
        negative = saved & (self.offset < 0)
        if self.file.max(initial=-1) >= len(self.files) or negative.any():
            raise ContractError(
                "an image lies in no file",
                expected=f"file below {len(self.files)}, offset not negative",
                found=f"file up to {self.file.max(initial=-1)}, "
                f"offset from {self.offset[saved].min(initial=0)}",
            )
        if min(self.row_stride, self.pixel_stride) < 1:
            raise ContractError(
                "strides must be positive",
                found=f"row_stride {self.row_stride}, pixel_stride {self.pixel_stride}",
            )

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(F, C, Y, X)."""
        return (*self.file.shape, self.height, self.width)

    @property
    def end(self) -> NDArray[np.int64]:
        """(F, C) int64: offset just after each image's last pixel."""
        inside = (self.height - 1) * self.row_stride + (self.width - 1) * self.pixel_stride
        return self.offset + inside + self.dtype.itemsize


@runtime_checkable
class MappableFrames(Protocol):
    """Optional capability of a `FrameArray`: its images lie uncompressed in files."""

    @property
    def layout(self) -> FileLayout:
        """Where each image lies."""
        ...


class MappedFrames(LazyFrames):
    """A `FrameArray` over a `FileLayout`; safe to use from several threads.

    Parameters
    ----------
    layout : FileLayout
    owner : MappedFrames or sequence of MappedFrames, optional
        Frames of the same files, whose descriptors are shared: closing them closes these. If they
        are several, their files follow one another in the layout.

    Raises
    ------
    MissingPartError
        A file is not there.
    TruncatedRecordingError
        A file ends before the last image that the layout puts into it.
    """

    def __init__(
        self,
        layout: FileLayout,
        *,
        owner: MappedFrames | Sequence[MappedFrames] | None = None,
    ) -> None:
        super().__init__(layout.shape, layout.dtype)
        self.layout = layout
        self._owner = owner  # kept alive: its files are used
        self.files: Files
        """Their descriptors."""
        self._release: Callable[[], object] | None = None
        if isinstance(owner, MappedFrames):
            self.files = owner.files
        elif owner is not None:
            self.files = JoinedFiles([each.files for each in owner])
        else:
            self._check_sizes()
            files = self.files = SharedFiles(layout.files)
            self._release = weakref.finalize(self, files.close)

    def _check_sizes(self) -> None:
        saved = self.layout.file >= 0
        end = np.zeros(len(self.layout.files), np.int64)
        if len(end) == 1:  # the quick way
            end[0] = self.layout.end.max(initial=0, where=saved)
        else:
            np.maximum.at(end, self.layout.file[saved], self.layout.end[saved])
        for path, needed in zip(self.layout.files, end.tolist(), strict=True):
            if not path.is_file():
                raise MissingPartError("a frame file is missing", path=path)
            if path.stat().st_size < needed:
                raise TruncatedRecordingError(
                    "the file ends too early",
                    expected=f"at least {needed} bytes",
                    found=f"{path.stat().st_size} bytes",
                    path=path,
                    cure="open it with allow_truncated=True to get the complete volumes only",
                )

    def close(self) -> None:
        """Close the files, unless they are their owner's."""
        super().close()
        if self._release is not None:
            self._release()

    def _read(self, frames: range, channels: range, rows: range, columns: range) -> NDArray[Any]:
        layout = self.layout
        out = np.empty((len(frames), len(channels), len(rows), len(columns)), self.dtype)
        file = layout.file[_as_slice(frames), _as_slice(channels)].ravel()
        if (file < 0).any():
            at = int(np.flatnonzero(file < 0)[0])
            raise MissingImageError(
                f"the image of frame {frames[at // len(channels)]}, "
                f"channel {channels[at % len(channels)]} was never saved",
                cure="see recording.timeline.stored; nothing is filled in",
            )
        start = layout.offset[_as_slice(frames), _as_slice(channels)].ravel()
        start = start + rows.start * layout.row_stride + columns.start * layout.pixel_stride
        itemsize = layout.dtype.itemsize
        length = (len(rows) - 1) * layout.row_stride + (len(columns) - 1) * layout.pixel_stride
        length += itemsize
        images = out.reshape(-1, len(rows), len(columns))
        direct = (
            layout.dtype == self.dtype
            and layout.pixel_stride == itemsize
            and (len(rows) == 1 or layout.row_stride == len(columns) * itemsize)
        )
        for index, first, last, begin, stop in _spans(file, start, length):
            if direct and stop - begin == (last - first) * length:
                self._fill(
                    index, begin, [memoryview(image).cast("B") for image in images[first:last]]
                )
            else:
                buffer = np.empty(stop - begin, np.uint8)
                self._fill(index, begin, [buffer.data])
                for i in range(first, last):
                    images[i] = np.ndarray(
                        images.shape[1:],
                        layout.dtype,
                        buffer,
                        offset=int(start[i]) - begin,
                        strides=(layout.row_stride, layout.pixel_stride),
                    )
        return out

    def _fill(self, index: int, offset: int, targets: list[memoryview]) -> None:
        """Fill the buffers one after the other from `offset` on; short reads go on or raise."""

        def work(fd: int) -> None:
            at = offset
            for target in _grouped(targets):
                done = 0
                wanted = sum(map(len, target))
                while done < wanted:
                    try:
                        n = os.preadv(fd, _rest(target, done), at + done)
                    except OSError as error:
                        number = error.errno or 0
                        raise self.files.failed(index, at + done, wanted - done, number) from error
                    if n == 0:
                        raise self.files.ended(index, at + done, wanted - done)
                    done += n
                at += wanted

        self.files.use(index, work)


def _as_slice(axis: range) -> slice:
    stop: int | None = axis.stop
    if stop is not None and stop < 0:
        stop = None
    return slice(axis.start, stop, axis.step)


def _spans(
    file: NDArray[np.int32], start: NDArray[np.int64], length: int
) -> Iterator[tuple[int, int, int, int, int]]:
    """Join neighbouring images whose bytes touch or overlap: (file, first, last, begin, stop)."""
    first = 0
    begin, stop = int(start[0]), int(start[0]) + length
    for i in range(1, len(start) + 1):
        if i < len(start) and file[i] == file[first]:
            offset = int(start[i])
            if begin <= offset <= stop and offset + length - begin <= _MAX_READ:
                stop = max(stop, offset + length)
                continue
        yield int(file[first]), first, i, begin, stop
        if i < len(start):
            first, begin, stop = i, int(start[i]), int(start[i]) + length


def _grouped(targets: list[memoryview]) -> Iterator[list[memoryview]]:
    for i in range(0, len(targets), _MAX_BUFFERS):
        yield targets[i : i + _MAX_BUFFERS]


def _rest(targets: list[memoryview], done: int) -> list[memoryview]:
    """Return what is still to be filled after `done` bytes."""
    if not done:
        return targets
    rest = []
    for target in targets:
        if done < len(target):
            rest.append(target[done:])
        done = max(0, done - len(target))
    return rest
