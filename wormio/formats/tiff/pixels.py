"""The frames of a stack: by their byte offsets where they are stored as they are, else decoded."""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import (
    CorruptRecordingError,
    TruncatedRecordingError,
    UnsupportedCapabilityError,
)
from wormio.formats.tiff.arrange import Planes
from wormio.formats.tiff.coding import Coding
from wormio.formats.tiff.decoding import Decoder, make_decoder
from wormio.formats.tiff.page import Page
from wormio.formats.tiff.segments import PageView, SegmentFile, SegmentFrames
from wormio.formats.tiff.stack import Stack, TiffPart
from wormio.model import FileLayout, Finding, FrameArray, MappedFrames

__all__ = ["make_frames", "stored", "without_cut_planes"]

# One image larger than this, from a thousand times fewer bytes, is a bomb and no image.
_MAX_IMAGE = 1 << 30
_MAX_RATIO = 1000
# Sample formats of TIFF, as numpy calls them; others are unsigned.
_KINDS = {"i": 2, "f": 3, "c": 6}


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
        They are stored in a way that cannot be decoded here.
    """
    shape = (math.prod(planes.file.shape[:2]), planes.file.shape[2])
    file, page = planes.file.reshape(shape), planes.page.reshape(shape)
    element = planes.element.reshape(shape)
    used = _used_pages(stack, file, page)
    orders = {part.chain.byteorder for part, _, _ in used}
    one_order = len(orders) == 1 or stack.dtype.itemsize == 1
    if used and one_order and all(p.data >= 0 for _, _, p in used):
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
    return SegmentFrames(
        _segment_files(stack, used),
        PageView.of(
            used[0][2].coding.shape if used else (1, 1, planes.height, planes.width, 1),
            size=(planes.height, planes.width),
            steps=(planes.row_step, planes.pixel_step),
        ),
        file=_without_absent(stack, file),
        page=page,
        element=element,
        dtype=stack.dtype,
    )


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
        elif this.data >= 0 and not _is_of_type(this.coding, stack.dtype):
            problem, found = f"a page holds no {stack.dtype}", str(this.geometry)
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
    if stack.run >= 0 and any(page.data < 0 for _, _, page in used):
        raise UnsupportedCapabilityError(
            "planes without directories of their own can only be found if they are uncompressed",
            found=f"compression {used[0][2].compression}, in strips or tiles that are no one run",
            path=used[0][0].path,
        )
    return used


def _is_of_type(coding: Coding, dtype: np.dtype[Any]) -> bool:
    """Tell whether plain pixels are what the stack takes them for."""
    kind = _KINDS.get(dtype.kind)
    formats = set(coding.sample_format)
    same = formats == {kind} if kind else formats.isdisjoint(_KINDS.values())
    return same and coding.bits[0] == 8 * dtype.itemsize


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


def _segment_files(stack: Stack, used: list[tuple[TiffPart, int, Page]]) -> list[SegmentFile]:
    decoders: dict[str, dict[Coding, Decoder]] = {"<": {}, ">": {}}
    for part, index, page in used:
        known = decoders[part.chain.byteorder]
        if page.coding not in known:
            known[page.coding] = make_decoder(part, page, index, stack.dtype)
    return [
        SegmentFile(path=part.path, pages=part.chain.pages, decoders=decoders[part.chain.byteorder])
        for part in stack.parts
        if part is not None
    ]
