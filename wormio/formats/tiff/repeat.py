"""Directories that differ from the one before only in where their pixels lie.

In a recording that is all of them but the first: what the others say need not be found out again.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import attrs

from wormio.formats.tiff.page import Page
from wormio.formats.tiff.tags import COUNTS, FIXED, HEADERS, INTEGERS, OFFSETS, SIZES, Entry, Form

__all__ = ["Repeat"]

Place = tuple[struct.Struct, int]


@attrs.frozen(kw_only=True)
class Repeat:
    """Recognises such directories.

    Parameters
    ----------
    first : Page
        The one before.
    size : int
        Of the directory in bytes.
    mask, pattern : int
        Bits of the directory that must be equal, and what they must be.
    start, count, following : (struct.Struct, int)
        Where the directory says where pixels lie, how many bytes they are, and what follows.
    texts : tuple of (struct.Struct, int, int)
        Where it says count and offset of a text, and how large one of its values is.
    """

    first: Page
    size: int
    mask: int
    pattern: int
    start: Place
    count: Place
    following: Place
    texts: tuple[tuple[struct.Struct, int, int], ...]

    @classmethod
    def of(cls, page: Page, raw: bytes, entries: Sequence[Entry], form: Form) -> Repeat | None:
        """Learn from a page; None if it is not simple enough.

        Parameters
        ----------
        page : Page
        raw : bytes
            Its directory.
        entries : sequence of Entry
            The same, taken apart.
        form : Form
        """
        size, field = form.entry.size, form.offset.size
        mask = bytearray(b"\xff" * len(raw))
        mask[-field:] = bytes(field)
        places: dict[bool, list[Place]] = {False: [], True: []}
        texts = []
        for i, entry in enumerate(entries):
            code, kind, count, _ = entry
            end = form.count.size + size * (i + 1)
            is_place = code in OFFSETS or code in COUNTS
            if (is_place or code in FIXED) and form.outside(entry):
                return None
            if is_place and (count != 1 or kind not in INTEGERS):
                return None
            if is_place:
                number = struct.Struct(form.order + INTEGERS[kind])
                places[code in COUNTS].append((number, end - field))
                mask[end - field : end] = bytes(field)
            elif code in HEADERS and form.outside(entry):
                numbers = struct.Struct(form.order + ("QQ" if form.big else "II"))
                texts.append((numbers, end - 2 * field, SIZES.get(kind, 1)))
                mask[end - 2 * field : end] = bytes(2 * field)
            elif code not in FIXED | HEADERS:
                mask[end - size + 2 : end] = bytes(size - 2)  # it may say what it likes
        if page.flaw or page.jpeg_tables[1] or [len(p) for p in places.values()] != [1, 1]:
            return None
        bits = int.from_bytes(mask, "little")
        return cls(
            first=page,
            size=len(raw),
            mask=bits,
            pattern=int.from_bytes(raw, "little") & bits,
            start=places[False][0],
            count=places[True][0],
            following=(form.offset, len(raw) - field),
            texts=tuple(texts),
        )

    def page(self, offset: int, raw: bytes, size: int) -> Page | None:
        """Return the page of a directory, or None if that takes a closer look.

        Parameters
        ----------
        offset : int
            Of the directory.
        raw : bytes
            As many bytes as the first one has.
        size : int
            Of the file.
        """
        if int.from_bytes(raw, "little") & self.mask != self.pattern:
            return None
        coding = self.first.coding
        (start,) = self.start[0].unpack_from(raw, self.start[1])
        (count,) = self.count[0].unpack_from(raw, self.count[1])
        if not start or not count or start + count > size:
            return None
        for numbers, at, unit in self.texts:
            n, text = numbers.unpack_from(raw, at)
            if n * unit <= numbers.size // 2 or text + n * unit > size:
                return None
        if coding.is_raw and count < coding.decoded_bytes:
            return None
        if coding.is_plain:
            count = coding.decoded_bytes
        return Page(
            offset=offset,
            following=self.following[0].unpack_from(raw, self.following[1])[0],
            coding=coding,
            data=start if coding.is_plain else -1,
            data_end=start + count,
            stored_bytes=count,
        )
