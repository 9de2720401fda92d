"""The text that each page carries in one of its tags: read with two small reads a page.

tifffile would parse every tag of a page, and the pages of a recording are many.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence

from wormio.errors import CorruptRecordingError, TruncatedRecordingError
from wormio.formats.tiff.directories import Chain

__all__ = ["DESCRIPTION", "read_texts"]

DESCRIPTION = 270
# Of a directory, to be had in one read; SI and Micro-Manager write some 20 tags.
_DIRECTORY_BYTES = 1024
# A header of one page that is longer is a damaged number.
_MAX_TEXT = 4 << 20
_SIZES = {1: 1, 2: 1, 7: 1}


def read_texts(chain: Chain, code: int, pages: Sequence[int]) -> list[str]:
    """Read a tag of each page as text; empty where a page has none.

    Parameters
    ----------
    chain : Chain
    code : int
        Of the tag.
    pages : sequence of int

    Raises
    ------
    TruncatedRecordingError
        The text lies beyond the end of the file.
    CorruptRecordingError
        The tag holds no text, or impossibly much.
    """
    fd = os.open(chain.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return [_read(fd, chain, code, page) for page in pages]
    finally:
        os.close(fd)


def _read(fd: int, chain: Chain, code: int, page: int) -> str:
    big = os.pread(fd, 4, 0)[2:4] in {b"+\x00", b"\x00+"}
    entry = struct.Struct(chain.byteorder + ("HHQ8s" if big else "HHI4s"))
    offset = struct.Struct(chain.byteorder + ("Q" if big else "I"))
    number = struct.Struct(chain.byteorder + ("Q" if big else "H"))
    at = chain.pages[page].offset
    head = os.pread(fd, _DIRECTORY_BYTES, at)
    # The chain was read from the same bytes: the directory is whole.
    (n,) = number.unpack_from(head)
    if number.size + n * entry.size > len(head):
        head = os.pread(fd, number.size + n * entry.size, at)
    for tag, kind, count, value in entry.iter_unpack(
        head[number.size : number.size + n * entry.size]
    ):
        if tag != code:
            continue
        size = _SIZES.get(kind, 0) * count
        if not 0 < size <= _MAX_TEXT:
            raise CorruptRecordingError(
                f"tag {code} of page {page} holds no text",
                expected=f"at most {_MAX_TEXT} characters",
                found=f"type {kind}, {count} values",
                path=chain.path,
            )
        text: bytes = value
        if size > len(text):
            (start,) = offset.unpack(text)
            text = os.pread(fd, size, start)
        if len(text) < size:
            raise TruncatedRecordingError(
                "the file ends too early",
                expected=f"{size} characters in tag {code} of page {page}",
                found=f"{chain.size} bytes",
                path=chain.path,
            )
        return text[:size].decode("utf-8", "replace").rstrip("\x00").rstrip()
    return ""
