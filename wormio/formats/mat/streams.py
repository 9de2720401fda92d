"""The bytes of a version-5 element, plain or compressed, read forwards with lengths checked."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from wormio.errors import CorruptRecordingError, TruncatedRecordingError

__all__ = ["InflatedStream", "PlainStream", "Stream", "check_ratio", "inflate"]

_CHUNK = 1 << 16
_INFLATED_CHUNK = 4 << 20
# No stream of zlib is smaller than this share of what it holds.
_MOST_RATIO = 1040


class Stream(Protocol):
    """Bytes with a position that only moves forwards."""

    position: int

    def read(self, count: int) -> bytes:
        """Return exactly so many bytes."""
        ...

    def skip(self, count: int) -> None:
        """Move on."""
        ...


class PlainStream:
    """A stretch of a file; positions are those of the file."""

    def __init__(self, file: BinaryIO, position: int, path: Path) -> None:
        self._file, self._path = file, path
        self.position = position

    def read(self, count: int) -> bytes:
        """Return exactly so many bytes."""
        self._file.seek(self.position)
        found = self._file.read(count)
        if len(found) != count:
            raise _truncated(self._path, count - len(found))
        self.position += count
        return found

    def skip(self, count: int) -> None:
        """Move on."""
        self.position += count


class InflatedStream:
    """What a compressed element holds; only as much is decompressed as is asked for.

    Positions count decompressed bytes.
    """

    def __init__(self, file: BinaryIO, begin: int, size: int, path: Path) -> None:
        self._path = path
        self._pieces = inflate(file, begin, size, path)
        self._rest = memoryview(b"")
        self._at = 0
        self.position = 0

    def read(self, count: int) -> bytes:
        """Return exactly so many bytes."""
        out = bytearray()
        while len(out) < count:
            self._advance()
            take = self._rest[: count - len(out)]
            out += take
            self._move(len(take))
            self.position = self._at
        return bytes(out)

    def skip(self, count: int) -> None:
        """Move on; the bytes between are decompressed only when something after them is read."""
        self.position += count

    def _advance(self) -> None:
        """Go to `position`, with at least one byte in hand."""
        while True:
            self._move(min(self.position - self._at, len(self._rest)))
            if len(self._rest):
                return
            piece = next(self._pieces, None)
            if piece is None:
                raise _truncated(self._path, 1)
            self._rest = memoryview(piece)

    def _move(self, count: int) -> None:
        self._rest = self._rest[count:]
        self._at += count


def inflate(file: BinaryIO, begin: int, size: int, path: Path) -> Iterator[bytes]:
    """Yield what a compressed element holds, in pieces of bounded size.

    Raises
    ------
    TruncatedRecordingError, CorruptRecordingError
        It ends too early, or its checksum is wrong.
    """
    decoder = zlib.decompressobj()
    left = size
    try:
        while not decoder.eof:
            data = decoder.unconsumed_tail
            if not data:
                file.seek(begin + size - left)
                data = file.read(min(_CHUNK, left))
                left -= len(data)
            piece = decoder.decompress(data, _INFLATED_CHUNK)
            if not data and not piece and not decoder.eof:
                raise _truncated(path, 1)
            if piece:
                yield piece
    except zlib.error as error:
        raise CorruptRecordingError(
            "a compressed variable is damaged",
            found=str(error),
            path=path,
            cure="copy the file again from where it was recorded",
        ) from error


def check_ratio(declared: int, size: int, path: Path) -> None:
    """Raise if no stream of `size` bytes can hold so many."""
    if declared > _MOST_RATIO * size + _CHUNK:
        raise CorruptRecordingError(
            "a compressed variable promises more than it can hold",
            expected=f"at most {_MOST_RATIO} times its {size} bytes",
            found=f"{declared} bytes",
            path=path,
        )


def _truncated(path: Path, missing: int) -> TruncatedRecordingError:
    return TruncatedRecordingError(
        "the file ends within a variable",
        expected=f"at least {missing} more bytes",
        path=path,
        cure="copy it again from where it was recorded",
    )
