"""Reading small things that lie close together in a large file."""

from __future__ import annotations

import os

__all__ = ["Window"]

_FIRST, _LAST, _GAP = 1 << 10, 1 << 20, 1 << 8


class Window:
    """Reads a file in pieces, which grow as long as one follows the other.

    Directories that lie together are so read with few calls; where pixels lie between them, the
    pixels are left alone.

    Parameters
    ----------
    fd : int
        An open file; the caller closes it.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._start = 0
        self._bytes = b""
        self._size = _FIRST

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes that are there, at most `size`."""
        at = offset - self._start
        if at < 0 or at + size > len(self._bytes):
            follows = 0 <= at <= len(self._bytes) + _GAP
            self._size = min(2 * self._size, _LAST) if follows else _FIRST
            self._bytes = os.pread(self._fd, max(size, self._size), offset)
            self._start, at = offset, 0
        return self._bytes[at : at + size]
