"""Frames that are stored in strips or tiles: only those that hold what is asked for are read."""

from __future__ import annotations

import math
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import MissingImageError, UnsupportedCapabilityError
from wormio.formats.tiff.coding import Box, Coding
from wormio.formats.tiff.decoding import Decoder
from wormio.formats.tiff.page import Page
from wormio.model._files import SharedFiles
from wormio.model._locks import ForkSafeLock
from wormio.model.frames import LazyFrames
from wormio.storage.door import translated

__all__ = ["PageView", "SegmentFile", "SegmentFrames"]

# Enough for the strips that two calls share, or two channels of one page; more would not help.
_MAX_CACHE = 16 << 20
_MAX_READ = 8 << 20

Key = tuple[int, int, int]


@attrs.frozen(kw_only=True)
class SegmentFile:
    """A file of a recording: what is needed to find and decode its pixels.

    Parameters
    ----------
    path : Path
    pages : sequence of Page
    decoders : mapping of Coding to Decoder
    """

    path: Path
    pages: Sequence[Page]
    decoders: Mapping[Coding, Decoder]


@attrs.frozen(kw_only=True)
class PageView:
    """How the rows and columns of an image lie in its page.

    Parameters
    ----------
    shape : tuple of int
        Of the page, as `Coding.shape`.
    size : (int, int)
        Height and width of the image.
    y, x : int
        Axes of the page.
    """

    shape: tuple[int, ...]
    size: tuple[int, int]
    y: int
    x: int

    @classmethod
    def of(
        cls, shape: tuple[int, ...], *, size: tuple[int, int], steps: tuple[int, int]
    ) -> PageView:
        """Find the axes.

        Parameters
        ----------
        shape, size
        steps : (int, int)
            Pixels of the page from row to row and from column to column.

        Raises
        ------
        UnsupportedCapabilityError
            Rows or columns are no axis of the page.
        """
        strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
        found: list[int] = []
        # An axis of one row or column can be any that is left: nothing is counted along it.
        for step, length in sorted(zip(steps, size, strict=True), key=lambda s: s[1] == 1):
            fitting = [
                axis
                for axis, n in enumerate(shape)
                if axis not in found and (length == 1 or (n == length and strides[axis] == step))
            ]
            if not fitting:
                raise UnsupportedCapabilityError(
                    "the rows and columns of an image must be axes of a page",
                    expected=f"images that lie in pages of {shape}",
                    found=f"images of {size}, {steps} pixels from row to row and from column "
                    "to column",
                )
            found.append(fitting[0])
        y, x = found if size[0] > 1 or size[1] == 1 else found[::-1]
        return cls(shape=shape, size=size, y=y, x=x)

    def box(self, element: int, rows: range, columns: range) -> Box:
        """Return the part of the page that is asked for.

        Parameters
        ----------
        element : int
            Pixels of the page before pixel (0, 0) of the image.
        rows, columns : range
            Of the image.
        """
        spans = [range(int(at), int(at) + 1) for at in np.unravel_index(element, self.shape)]
        for axis, span in ((self.y, rows), (self.x, columns)):
            start = spans[axis].start
            spans[axis] = range(start + span.start, start + span.stop)
        return spans[0], spans[1], spans[2], spans[3], spans[4]

    def as_part_of_page(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return an image seen as such a box."""
        ordered = image if self.y < self.x else image.T
        return ordered[tuple(slice(None) if a in {self.y, self.x} else None for a in range(5))]


class SegmentFrames(LazyFrames):
    """A `FrameArray` over strips and tiles; safe to use from several threads.

    Parameters
    ----------
    files : sequence of SegmentFile
    view : PageView
    file : (F, C) int32
        Index into `files`; -1 where the image was never saved.
    page : (F, C) int64
    element : (F, C) int64
        Pixels of the page before pixel (0, 0) of the image.
    dtype : numpy.dtype
    """

    def __init__(
        self,
        files: Sequence[SegmentFile],
        view: PageView,
        *,
        file: NDArray[np.int32],
        page: NDArray[np.int64],
        element: NDArray[np.int64],
        dtype: np.dtype[Any],
    ) -> None:
        super().__init__((file.shape[0], file.shape[1], *view.size), dtype)
        self._file, self._page, self._element = file, page, element
        self._view = view
        self._parts = tuple(files)
        self._files = SharedFiles([part.path for part in files])
        self._cache = _Cache(_MAX_CACHE)
        self._release = weakref.finalize(self, self._files.close)

    def close(self) -> None:
        """Close the files."""
        super().close()
        self._release()
        self._cache.clear()

    def _read(self, frames: range, channels: range, rows: range, columns: range) -> NDArray[Any]:
        out = np.empty((len(frames), len(channels), len(rows), len(columns)), self.dtype)
        for i, frame in enumerate(frames):
            for j, channel in enumerate(channels):
                self._fill(out[i, j], frame, channel, rows, columns)
        return out

    def _fill(
        self, out: NDArray[Any], frame: int, channel: int, rows: range, columns: range
    ) -> None:
        """Fill rows and columns of one image."""
        number, index = int(self._file[frame, channel]), int(self._page[frame, channel])
        if number < 0:
            raise MissingImageError(
                f"the image of frame {frame}, channel {channel} was never saved",
                cure="see recording.timeline.stored; nothing is filled in",
            )
        part = self._parts[number]
        shape = part.pages[index].coding.segment_shape
        box = self._view.box(int(self._element[frame, channel]), rows, columns)
        image = self._view.as_part_of_page(out)
        with translated(part.path, "TIFF", f"page {index} was decoded"):
            for position, pixels in self._segments(number, index, box):
                source, target = _overlap(box, position, shape)
                piece = pixels[None][source]
                # Checked, because numpy would spread a single row over several.
                if piece.shape != image[target].shape:
                    raise ValueError(f"a strip or tile has only {pixels.shape} pixels")
                image[target] = piece

    def _segments(
        self, number: int, index: int, box: Box
    ) -> Iterator[tuple[tuple[int, ...], NDArray[Any]]]:
        """Yield position and pixels of the strips or tiles that hold pixels of the box."""
        part = self._parts[number]
        page = part.pages[index]
        decoder = part.decoders[page.coding]
        missing: list[tuple[int, tuple[int, ...]]] = []
        for segment, position in page.coding.segments_in(box):
            pixels = self._cache.get((number, index, segment))
            if pixels is None:
                missing.append((segment, position))
            else:
                yield position, pixels
        if not missing:
            return
        tables = None
        if page.jpeg_tables[1]:
            tables = self._files.read(number, *page.jpeg_tables)
        places = page.places()[:, [segment for segment, _ in missing]]
        stored = self._stored(number, places)
        for (segment, position), data in zip(missing, stored, strict=True):
            pixels = decoder.segment(data, segment, position, tables)
            self._cache.put((number, index, segment), pixels)
            yield position, pixels

    def _stored(self, number: int, places: NDArray[np.int64]) -> Iterator[bytes]:
        """Yield the bytes of strips or tiles; those that touch are read at once."""
        offsets, sizes = places.tolist()
        first = 0
        while first < len(offsets):
            last, end = first + 1, offsets[first] + sizes[first]
            while (
                last < len(offsets)
                and offsets[last] == end
                and end + sizes[last] - offsets[first] <= _MAX_READ
            ):
                end += sizes[last]
                last += 1
            data = self._files.read(number, offsets[first], end - offsets[first])
            if last == first + 1:
                yield data
            else:
                for k in range(first, last):
                    start = offsets[k] - offsets[first]
                    yield data[start : start + sizes[k]]
            first = last


def _overlap(
    box: Box, position: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the pixels of a strip or tile that lie in the box, and where they lie in it."""
    source, target = [], []
    for inside, start, length in zip(box, position, shape, strict=True):
        low, high = max(inside.start, start), min(inside.stop, start + length)
        source.append(slice(low - start, high - start))
        target.append(slice(low - inside.start, high - inside.start))
    return tuple(source), tuple(target)


class _Cache:
    """The strips and tiles decoded last; never fewer than one, else at most so many bytes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held = 0
        self._pixels: OrderedDict[Key, NDArray[Any]] = OrderedDict()
        self._lock = ForkSafeLock()

    def get(self, key: Key) -> NDArray[Any] | None:
        with self._lock:
            pixels = self._pixels.get(key)
            if pixels is not None:
                self._pixels.move_to_end(key)
            return pixels

    def put(self, key: Key, pixels: NDArray[Any]) -> None:
        with self._lock:
            before = self._pixels.pop(key, None)
            self._held += pixels.nbytes - (0 if before is None else before.nbytes)
            self._pixels[key] = pixels
            while self._held > self._size and len(self._pixels) > 1:
                self._held -= self._pixels.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        with self._lock:
            self._pixels.clear()
            self._held = 0
