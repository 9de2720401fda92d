"""The frames of a stack: by their byte offsets where they are stored as they are, else decoded."""

from __future__ import annotations

import math
import threading
import weakref
from collections import OrderedDict
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import (
    CorruptRecordingError,
    MissingImageError,
    TruncatedRecordingError,
    UnsupportedCapabilityError,
)
from wormio.formats.door import translated
from wormio.formats.tiff.arrange import Planes
from wormio.formats.tiff.directories import Page
from wormio.formats.tiff.stack import Stack, TiffPart
from wormio.model import FileLayout, Finding, FrameArray, MappedFrames, frames_from_reader

__all__ = ["make_frames", "stored", "without_cut_planes"]

# One image larger than this, from a thousand times fewer bytes, is a bomb and no image.
_MAX_IMAGE = 1 << 30
_MAX_RATIO = 1000
_MAX_OPEN = 16


def without_cut_planes(stack: Stack, *, allow_truncated: bool) -> Stack:
    """Mark the planes whose pixels lie beyond the end of their file, and tell of all that are lost.

    Raises
    ------
    TruncatedRecordingError
        There are such planes, and `allow_truncated` is not given.
    """
    cut = np.zeros(stack.file.shape, bool)
    for number, part in enumerate(stack.parts):
        if part is None:
            continue
        chain = part.chain
        mine = stack.file == number
        if stack.run >= 0:
            first = chain.pages[stack.run]
            held = (chain.size - first.data) // first.decoded_bytes
            beyond = mine & (stack.page >= held)
        else:
            end = np.array([page.data_end for page in chain.pages], object)
            beyond = mine & (end > chain.size)[np.where(mine, stack.page, 0)]
        if beyond.any() and not allow_truncated:
            raise TruncatedRecordingError(
                "the file ends too early",
                expected=f"the pixels of {int(mine.sum())} images",
                found=f"{int((mine & ~beyond).sum())} of them in {chain.size} bytes",
                path=part.path,
                cure="copy the file again, or open it with allow_truncated=True to get the "
                "complete volumes only",
            )
        cut |= beyond
    cut |= stack.cut
    broken = [part.chain.broken for part in stack.parts if part is not None and part.chain.broken]
    if not cut.any() and not broken:
        return stack
    finding = Finding(
        code="truncated",
        message="; ".join([f"{int(cut.sum())} of {cut.size} images are cut off", *broken]),
        cure="copy the file again",
    )
    return attrs.evolve(
        stack,
        file=np.where(cut, -1, stack.file).astype(np.int32),
        page=np.where(cut, -1, stack.page),
        cut=cut,
        findings=(*stack.findings, finding),
    )


def make_frames(stack: Stack, planes: Planes) -> FrameArray:
    """Make the frames, (T * Z, C, Y, X).

    Raises
    ------
    CorruptRecordingError
        Pages of one stack differ in shape or type, or cannot hold what they declare.
    UnsupportedCapabilityError
        Their compression is not supported here.
    """
    shape = (math.prod(planes.file.shape[:2]), planes.file.shape[2])
    file, page = planes.file.reshape(shape), planes.page.reshape(shape)
    element = planes.element.reshape(shape)
    used = _used_pages(stack, file, page)
    orders = {part.chain.byteorder for part, _, _ in used}
    if used and len(orders) == 1 and all(p.data >= 0 for _, _, p in used):
        dtype = stack.dtype.newbyteorder(orders.pop())
        return MappedFrames(
            FileLayout(
                files=tuple(part.path for part in stack.parts if part is not None),
                file=_without_absent(stack, file),
                offset=_offsets(stack, file, page) + element * dtype.itemsize,
                height=planes.height,
                width=planes.width,
                row_stride=planes.row_step * dtype.itemsize,
                pixel_stride=planes.pixel_step * dtype.itemsize,
                dtype=dtype,
            )
        )
    _check_codecs(used)
    decoder = _Decoder(stack, planes, file, page, element)
    frames = frames_from_reader(
        decoder.read, (*shape, planes.height, planes.width), stack.dtype, on_close=decoder.close
    )
    # A recording that nobody closed must not leave files open.
    weakref.finalize(frames, decoder.close)
    return frames


def stored(stack: Stack, planes: Planes) -> NDArray[np.int64]:
    """Return each plane's index in the files' own order of pages, file after file, (T, Z, C)."""
    n_pages = []
    for number, part in enumerate(stack.parts):
        asked = planes.page[planes.file == number]
        last = int(asked.max()) + 1 if asked.size else 0
        n_pages.append(max(last, len(part.chain.pages) if part else 0))
    base = np.concatenate([[0], np.cumsum(n_pages)])
    return np.where(planes.file < 0, -1, base[planes.file] + planes.page).astype(np.int64)


def _used_pages(
    stack: Stack, file: NDArray[np.int32], page: NDArray[np.int64]
) -> list[tuple[TiffPart, int, Page]]:
    """Return the pages that hold pixels of the stack, after checking that they are alike."""
    used = []
    for number, part in enumerate(stack.parts):
        if part is None:
            continue
        indices = np.unique(page[file == number]) if stack.run < 0 else np.array([stack.run])
        used += [(part, int(i), part.chain.pages[i]) for i in indices]
    for part, index, this in used:
        if this.geometry != used[0][2].geometry:
            problem, found = "the pages differ in shape or type", str(this.geometry)
        elif this.flaw:
            problem, found = "a page cannot hold the pixels it declares", this.flaw
        elif this.decoded_bytes > max(_MAX_IMAGE, _MAX_RATIO * this.stored_bytes):
            problem = "a page declares impossibly many pixels"
            found = f"{this.decoded_bytes} bytes from {this.stored_bytes}"
        else:
            continue
        raise CorruptRecordingError(
            f"{problem}: page {index}",
            expected=f"pages of (width, length, depth, samples, planes, bits, kind) "
            f"{used[0][2].geometry}",
            found=found,
            path=part.path,
        )
    return used


def _without_absent(stack: Stack, file: NDArray[np.int32]) -> NDArray[np.int32]:
    """Renumber the files, leaving out those that are not there."""
    there = np.array([part is not None for part in stack.parts])
    numbers = np.append(np.cumsum(there) - 1, -1)
    return np.asarray(numbers[file], np.int32)


def _offsets(stack: Stack, file: NDArray[np.int32], page: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the offset of each page's first pixel; 0 where there is none."""
    offset = np.zeros(file.shape, np.int64)
    for number, part in enumerate(stack.parts):
        if part is None:
            continue
        mine = file == number
        pages = part.chain.pages
        if stack.run >= 0:
            first = pages[stack.run]
            offset[mine] = first.data + page[mine] * first.decoded_bytes
        else:
            offset[mine] = [pages[i].data for i in page[mine]]
    return offset


def _check_codecs(used: list[tuple[TiffPart, int, Page]]) -> None:
    import tifffile

    for compression, part in {page.compression: part for part, _, page in used}.items():
        if compression == 1:
            continue
        try:
            tifffile.TIFF.DECOMPRESSORS[compression]
        except KeyError as error:
            raise UnsupportedCapabilityError(
                "the compression of the file is not supported here",
                expected="none, or one that tifffile can decode",
                found=f"compression {compression}: {error.args[0]}",
                path=part.path,
                cure="pip install imagecodecs",
            ) from error


class _Decoder:
    """Decodes one page a call; the last one is kept, for pages that hold several channels.

    Calls are serialised by the frames, because a TiffFile has one position and a cache.
    """

    def __init__(
        self,
        stack: Stack,
        planes: Planes,
        file: NDArray[np.int32],
        page: NDArray[np.int64],
        element: NDArray[np.int64],
    ) -> None:
        # Only what is needed: the stack itself would keep its metadata alive.
        self._parts = stack.parts
        self._file, self._page, self._element = file, page, element
        self._shape = (planes.height, planes.width)
        self._steps = (planes.row_step, planes.pixel_step)
        self._dtype = stack.dtype
        self._size = math.prod(stack.inner_shape)
        self._open: OrderedDict[int, Any] = OrderedDict()
        self._last: tuple[tuple[int, int], NDArray[Any]] | None = None
        self._closing = threading.Lock()

    def read(self, frame: int, channel: int) -> NDArray[Any]:
        number, index = int(self._file[frame, channel]), int(self._page[frame, channel])
        if number < 0:
            raise MissingImageError(
                f"the image of frame {frame}, channel {channel} was never saved",
                cure="see recording.timeline.stored; nothing is filled in",
            )
        if self._last is None or self._last[0] != (number, index):
            self._last = ((number, index), self._decode(number, index))
        pixels = self._last[1]
        size = self._dtype.itemsize
        return np.ndarray(
            self._shape,
            self._dtype,
            pixels,
            offset=int(self._element[frame, channel]) * size,
            strides=(self._steps[0] * size, self._steps[1] * size),
        )

    def _decode(self, number: int, index: int) -> NDArray[Any]:
        import tifffile

        part = self._parts[number]
        if part is None:  # absent files have no planes
            raise MissingImageError(f"file {number} is not there")
        with translated(part.path, "TIFF", f"page {index} was decoded"):
            tif = self._tiff(number, part)
            tif.filehandle.seek(part.chain.pages[index].offset)
            pixels = tifffile.TiffPage(tif, index=index).asarray(maxworkers=1)
            if pixels.size != self._size or pixels.dtype.newbyteorder("=") != self._dtype:
                raise ValueError(f"got {pixels.shape} {pixels.dtype}")
            return np.ascontiguousarray(pixels, self._dtype)

    def _tiff(self, number: int, part: TiffPart) -> Any:
        import tifffile

        if number in self._open:
            self._open.move_to_end(number)
            return self._open[number]
        if len(self._open) >= _MAX_OPEN:
            self._open.popitem(last=False)[1].close()
        self._open[number] = tifffile.TiffFile(part.path)
        return self._open[number]

    def close(self) -> None:
        """Close the files; harmless the second time."""
        with self._closing:
            self._last = None
            while self._open:
                self._open.popitem()[1].close()
