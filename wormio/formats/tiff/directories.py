"""The chain of a TIFF's directories, checked against the size of the file.

Reading them here, and not through tifffile, has one reason: tifffile forgives. A chain that breaks
off gives fewer pages, a tag beyond the end is dropped, a page with too few strips is returned with
whatever memory held. A recording must not lose frames or gain pixels that way.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError, FormatError, TruncatedRecordingError
from wormio.formats.tiff.coding import Coding, coding_from_tags
from wormio.formats.tiff.page import Page, find_pixels
from wormio.formats.tiff.repeat import Repeat
from wormio.formats.tiff.tags import (
    COUNTS,
    DESCRIPTION,
    FIXED,
    HEADERS,
    INTEGERS,
    JPEG_TABLES,
    OFFSETS,
    SIZES,
    Entry,
    Form,
)
from wormio.formats.tiff.window import Window

__all__ = ["Chain", "Page", "read_chain"]

# Of a tag that is no list of strips or tiles: one value a sample, and samples are 16-bit.
_MAX_VALUES = 1 << 16
_IMAGES = re.compile(rb"\nimages=(\d{1,9})\s")
_MAX_IMAGEJ_HEADER = 1 << 16
_CLASSIC_END = 1 << 32
_MAX_LOST_HEADERS = 3


@attrs.frozen(kw_only=True)
class Chain:
    """All pages of one file.

    Parameters
    ----------
    path : Path
    size : int
        Of the file in bytes.
    byteorder : {"<", ">"}
    pages : tuple of Page
    broken : str
        What is cut off of the directories; empty for a file that is whole.
    headless : bool
        Whether the description of the first page is cut off, and with it the header of a dialect.
    """

    path: Path
    size: int
    byteorder: Literal["<", ">"]
    pages: tuple[Page, ...]
    broken: str = ""
    headless: bool = False


class _Short(Exception):  # noqa: N818 (never leaves this module)
    """The file ends before what it promises."""


def read_chain(path: Path, *, allow_truncated: bool = False) -> Chain:
    """Read the directories of the pages, not of sub-images.

    Raises
    ------
    FormatError
        The file is no TIFF.
    TruncatedRecordingError
        The chain, or a tag in it, goes on beyond the end of the file; with `allow_truncated`, only
        if not even the first page is there.
    CorruptRecordingError
        The chain bites its tail, or its directories lie one upon the other.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        reader = _Reader(fd, path)
        pages: list[Page] = []
        seen: set[int] = set()
        broken = ""
        try:
            offset = reader.start()
            while offset:
                if offset in seen:
                    raise CorruptRecordingError(
                        "the directories of the file form a loop",
                        found=f"directory {len(pages)} is at offset {offset}, as one before",
                        path=path,
                    )
                seen.add(offset)
                page = reader.page(offset)
                if not pages:
                    page = reader.without_overflow(page)
                pages.append(page)
                offset = page.following
        except _Short as short:
            broken = f"page {len(pages)}: {short}"
        lost = "; ".join([*reader.lost_headers, *([broken] if broken else [])])
        headless = reader.headless
        if lost and not (pages and allow_truncated):
            raise TruncatedRecordingError(
                "the file ends too early",
                expected=f"all that the directories promise; {lost}",
                found=f"{reader.size} bytes, {len(pages)} whole directories",
                path=path,
                cure=_cure(len(pages), headless=headless),
            )
        if not pages:
            raise CorruptRecordingError("the file has no pages", path=path)
        return Chain(
            path=path,
            size=reader.size,
            byteorder=reader.order,
            pages=tuple(pages),
            broken=lost,
            headless=headless,
        )
    finally:
        os.close(fd)


def _cure(n_pages: int, *, headless: bool) -> str:
    if not n_pages:
        return "copy the file again; without its first directory nothing of it can be read"
    if headless:
        return (
            "copy the file again, or open it with allow_truncated=True and, as its header is cut "
            "off, the axes of its pages, axes='TYX' for example"
        )
    return (
        "copy the file again, or open it with allow_truncated=True to get the complete volumes only"
    )


class _Reader:
    def __init__(self, fd: int, path: Path) -> None:
        self._fd = fd
        self._path = path
        self.size = os.fstat(fd).st_size
        self.lost_headers: list[str] = []
        self.headless = False
        head = os.pread(fd, 16, 0)
        orders: dict[bytes, Literal["<", ">"]] = {b"II": "<", b"MM": ">"}
        if len(head) < 8 or head[:2] not in orders:
            raise self._no_tiff(head)
        self.order = orders[head[:2]]
        (version,) = struct.unpack(self.order + "H", head[2:4])
        if version not in {42, 43}:
            raise self._no_tiff(head)
        self._head = head
        self._form = Form(self.order, version == 43)
        self._directories, self._arrays = Window(fd), Window(fd)
        self._codings: dict[tuple[Entry, ...], Coding] = {}
        self._repeat: Repeat | None = None
        self._n_pages = 0  # with the one that is being read
        self._description: Entry | None = None
        # Whatever lies on top of each other, reading it takes a time linear in the file's size.
        self._left = 16 * self.size + (1 << 20)

    def _no_tiff(self, head: bytes) -> FormatError:
        return FormatError(
            "the file is no TIFF",
            expected="II*, MM*, or their BigTIFF forms at the start",
            found=f"{self.size} bytes, beginning with {head[:8]!r}",
            path=self._path,
        )

    def start(self) -> int:
        """Return the offset of the first directory."""
        at = self._form.offset.size  # 4, or 8 in BigTIFF
        if len(self._head) < 2 * at:
            raise _Short("the file ends inside its header")
        return int(self._form.offset.unpack_from(self._head, at)[0])

    def _read(self, window: Window, offset: int, size: int, what: str) -> bytes:
        # Compared first: a damaged count must not become an allocation.
        if offset + size > self.size:
            raise _Short(f"{what} needs {size} bytes at offset {offset}")
        self._left -= size
        if self._left < 0:
            raise CorruptRecordingError(
                "the directories of the file lie one upon the other",
                found=f"more than {16 * self.size} bytes of them in {self.size} bytes",
                path=self._path,
            )
        return window.read(offset, size)

    def page(self, offset: int) -> Page:
        """Read one directory.

        Raises
        ------
        _Short
            The file ends before.
        CorruptRecordingError
            A number is no number.
        """
        self._n_pages += 1
        repeat = self._repeat
        if repeat is not None and offset + repeat.size <= self.size:
            raw = self._read(self._directories, offset, repeat.size, "a directory")
            page = repeat.page(offset, raw, self.size)
            if page is not None:
                return page
        form = self._form
        head = self._read(self._directories, offset, form.count.size, "a directory")
        (n,) = form.count.unpack(head)
        size = len(head) + n * form.entry.size + form.offset.size
        raw = self._read(self._directories, offset, size, f"a directory of {n} tags")
        end = size - form.offset.size
        entries = list(form.entry.iter_unpack(raw[len(head) : end]))
        page = self._parse(offset, form.offset.unpack_from(raw, end)[0], entries)
        self._repeat = Repeat.of(page, raw, entries, form)
        return page

    def _parse(self, offset: int, following: int, entries: Sequence[Entry]) -> Page:
        fixed: list[Entry] = []
        places: dict[int, Entry] = {}
        for entry in entries:
            code = entry[0]
            if code in FIXED:
                fixed.append(self._inside(entry))
            elif code in OFFSETS or code in COUNTS or code == JPEG_TABLES:
                places.setdefault(code, entry)
            elif code in HEADERS:
                self._check_header(entry)
        pixels = find_pixels(
            self._coding(tuple(fixed)),
            self._places(places, OFFSETS),
            self._places(places, COUNTS),
        )
        return Page(
            offset=offset,
            following=following,
            jpeg_tables=self._jpeg_tables(places),
            **pixels,
        )

    def without_overflow(self, first: Page) -> Page:
        """Return the first page without what follows it, if that can only be nonsense.

        Above 4 GB ImageJ writes one directory, and all images in one run. It ends the chain there,
        but other writers let the offset of a next directory overflow.
        """
        big = self._form.big or self.size <= _CLASSIC_END
        text = None if self._description is None else self._form.outside(self._description)
        if big or not first.following or first.data < 0 or text is None:
            return first
        header = os.pread(self._fd, min(text[1], _MAX_IMAGEJ_HEADER), text[0])
        images = _IMAGES.search(header) if header.startswith(b"ImageJ=") else None
        if images is None:
            return first
        end = first.data + int(images[1]) * first.decoded_bytes
        # Page by page, the last of these images could not even be named by a 32-bit offset.
        return attrs.evolve(first, following=0) if end > _CLASSIC_END else first

    def _check_header(self, entry: Entry) -> None:
        """Note that the file ends before a text of which the pixels have no need."""
        is_first = entry[0] == DESCRIPTION and self._n_pages == 1
        if is_first:
            self._description = entry
        place = self._form.outside(entry)
        if place is None or sum(place) <= self.size:
            return
        self.headless |= is_first
        if len(self.lost_headers) < _MAX_LOST_HEADERS:
            self.lost_headers.append(
                f"page {self._n_pages - 1}: "
                f"tag {entry[0]} needs {place[1]} bytes at offset {place[0]}"
            )

    def _inside(self, entry: Entry) -> Entry:
        """Return an entry whose field holds the values, wherever they were."""
        place = self._form.outside(entry)
        if place is None:
            return entry
        code, kind, count, _ = entry
        if count > _MAX_VALUES:
            raise self._no_integers(entry)
        return code, kind, count, self._read(self._arrays, *place, f"tag {code}")

    def _no_integers(self, entry: Entry) -> CorruptRecordingError:
        return CorruptRecordingError(
            f"tag {entry[0]} holds no integers",
            found=f"type {entry[1]}, {entry[2]} values",
            path=self._path,
        )

    def _coding(self, fixed: tuple[Entry, ...]) -> Coding:
        """Return what the tags say; most pages say the same as the one before."""
        known = self._codings.get(fixed)
        if known is None:
            tags: dict[int, tuple[int, ...]] = {}
            for entry in fixed:
                code, kind, count, value = entry
                if kind not in INTEGERS or not count:
                    raise self._no_integers(entry)
                values = struct.unpack_from(f"{self.order}{count}{INTEGERS[kind]}", value)
                tags.setdefault(code, values)
            known = self._codings[fixed] = coding_from_tags(tags)
        return known

    def _places(self, places: dict[int, Entry], codes: tuple[int, ...]) -> NDArray[np.int64]:
        """Return the offsets or sizes of tiles or strips."""
        entry = next((places[code] for code in codes if code in places), None)
        if entry is None:
            return np.zeros(0, np.int64)
        code, kind, count, value = entry
        if kind not in INTEGERS or not count:
            raise self._no_integers(entry)
        place = self._form.outside(entry)
        if place is not None:
            value = self._read(self._arrays, *place, f"tag {code}")
        values = np.frombuffer(value, f"{self.order}u{SIZES[kind]}", count)
        # Beyond the end is beyond the end, however far; small numbers cannot overflow.
        near: NDArray[np.int64] = np.minimum(values, np.uint64(self.size + 1)).astype(np.int64)
        return near

    def _jpeg_tables(self, places: dict[int, Entry]) -> tuple[int, int]:
        # What fits into the field is too short to be a table.
        place = self._form.outside(places[JPEG_TABLES]) if JPEG_TABLES in places else None
        if place is None:
            return 0, 0
        if sum(place) > self.size:
            raise _Short(f"tag {JPEG_TABLES} needs {place[1]} bytes at offset {place[0]}")
        return place
