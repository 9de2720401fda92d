"""Where a store's files are: a folder, or a zip file. Read with `pread`, nothing is kept open.

So a recording can be read by several threads and after a fork, and has nothing to close.
"""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import attrs
from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    TruncatedRecordingError,
    UnsafeReferenceError,
    UnsupportedCapabilityError,
)

__all__ = ["MAX_CHUNK", "Entry", "Folder", "Store", "ZipArchive", "join", "open_store"]

MAX_CHUNK = 1 << 30
"""Bytes of a chunk, and of what it decodes to."""
_LOCAL_HEADER = 30


@attrs.frozen
class Entry:
    """What a folder of a store holds.

    Parameters
    ----------
    name : str
    is_dir : bool
    size : int
        Bytes of a file.
    """

    name: str
    is_dir: bool
    size: int


class Store(Protocol):
    """Files named by keys: texts with slashes, "" is the root."""

    @property
    def path(self) -> Path:
        """What was opened."""
        ...

    @property
    def is_packed(self) -> bool:
        """Whether its files are parts of another file."""
        ...

    def where(self, key: str) -> Path:
        """Return what an error calls the file."""
        ...

    def part(self, key: str) -> Path:
        """Return the file of the disk that holds it."""
        ...

    def size(self, key: str) -> int | None:
        """Return the bytes of a file; None if there is none."""
        ...

    def read(self, key: str, offset: int, length: int) -> bytes:
        """Return exactly so many bytes of a file."""
        ...

    def entries(self, key: str, *, listed: bool = False) -> Iterator[Entry]:
        """List a folder; nothing if there is none. `listed` says that this list has named it."""
        ...


def open_store(path: Path, *, trust: bool) -> Store:
    """Open a folder or a zip file.

    Raises
    ------
    CorruptRecordingError, TruncatedRecordingError
        A zip file that is none.
    """
    return Folder(path, trust) if path.is_dir() else ZipArchive(path)


def join(base: str, name: str) -> str:
    """Return the key of something inside a node."""
    return f"{base}/{name}" if base else name


def _ended(path: Path, wanted: int, found: int) -> TruncatedRecordingError:
    return TruncatedRecordingError(
        "the file is shorter than it was, or than it says",
        expected=f"{wanted} bytes",
        found=f"{found} bytes",
        path=path,
        cure="copy the store again from where it was recorded",
    )


def _pread(path: Path, offset: int, length: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.pread(descriptor, length, offset)
        while len(data) < length:
            more = os.pread(descriptor, length - len(data), offset + len(data))
            if not more:
                raise _ended(path, offset + length, offset + len(data))
            data += more
    finally:
        os.close(descriptor)
    return data


class Folder:
    """A store in a folder.

    Parameters
    ----------
    path : Path
    trust : bool
        Follow links and paths that lead out of it.
    """

    is_packed = False

    def __init__(self, path: Path, trust: bool) -> None:
        self.path = path.absolute()
        self._trust = trust
        self._real = os.path.realpath(self.path)

    def where(self, key: str) -> Path:
        """Return the path of a file."""
        return self.path / key

    def part(self, key: str) -> Path:
        """Return the path of a file."""
        return self.path / key

    def size(self, key: str) -> int | None:
        """Return the bytes of a file; None if there is none."""
        try:
            about = self._safe(key).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return about.st_size if stat.S_ISREG(about.st_mode) else None

    def read(self, key: str, offset: int, length: int) -> bytes:
        """Return exactly so many bytes of a file."""
        return _pread(self._safe(key), offset, length)

    def entries(self, key: str, *, listed: bool = False) -> Iterator[Entry]:
        """List a folder; nothing if there is none. `listed` says that this list has named it."""
        if not listed:
            self._safe(key)
        try:
            names = os.scandir(f"{self.path}/{key}")
        except (FileNotFoundError, NotADirectoryError):
            return
        with names:
            for entry in names:
                if entry.is_symlink():
                    self._safe(join(key, entry.name))
                if entry.is_dir():
                    yield Entry(entry.name, True, 0)
                    continue
                try:
                    about = entry.stat()
                except FileNotFoundError:
                    raise MissingPartError(
                        "the link leads nowhere", path=entry.path, cure="copy what it points to"
                    ) from None
                if stat.S_ISREG(about.st_mode):  # a pipe would block
                    yield Entry(entry.name, False, about.st_size)

    def _safe(self, key: str) -> Path:
        """Return the path of a key, if it lies in the folder."""
        path = self.path / key
        if self._trust:
            return path
        real = os.path.realpath(path)
        if real != self._real and not real.startswith(self._real.rstrip("/") + "/"):
            raise UnsafeReferenceError(
                "the store leads out of its folder",
                expected=f"something inside {self._real}",
                found=real,
                path=path,
                cure="trust=True (--option trust=yes) follows it, if you made it",
            )
        return path


@attrs.frozen
class _Member:
    """A file in a zip file.

    Parameters
    ----------
    header : int
        Offset of its local header.
    stored : int
        Bytes as they lie there.
    size : int
    deflated : bool
    crc : int
    """

    header: int
    stored: int
    size: int
    deflated: bool
    crc: int


class ZipArchive:
    """A store in a zip file, whose files are stored or deflated.

    Parameters
    ----------
    path : Path
    """

    is_packed = True

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._size = self.path.stat().st_size
        try:
            with zipfile.ZipFile(self.path) as archive:
                listed = archive.infolist()
        except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
            raise TruncatedRecordingError(
                f"the zip file has no readable list of its files: {error}",
                path=path,
                cure="copy the file again from where it was recorded",
            ) from error
        self._members: dict[str, _Member] = {}
        for info in listed:
            if not info.is_dir():
                self._members[info.filename] = self._member(info)
        self._folders: dict[str, dict[str, bool]] = {}
        self._top = self._only_folder()
        for name in self._members:
            self._enter(name)

    def _member(self, info: zipfile.ZipInfo) -> _Member:
        deflated = info.compress_type == zipfile.ZIP_DEFLATED
        if info.flag_bits & 1 or not (deflated or info.compress_type == zipfile.ZIP_STORED):
            raise UnsupportedCapabilityError(
                f"the zip file holds {info.filename!r} encrypted, or compressed in a rare way",
                expected="files stored as they are, or deflated",
                found=f"compression type {info.compress_type}, flags {info.flag_bits:#x}",
                path=self.path,
                cure="unpack it, and open the folder",
            )
        impossible = info.header_offset < 0 or info.header_offset + info.compress_size > self._size
        if impossible or (not deflated and info.compress_size != info.file_size):
            raise CorruptRecordingError(
                f"the zip file cannot hold {info.filename!r}",
                expected=f"a place within {self._size} bytes",
                found=f"{info.compress_size} bytes at {info.header_offset}",
                path=self.path,
            )
        return _Member(info.header_offset, info.compress_size, info.file_size, deflated, info.CRC)

    def _only_folder(self) -> str:
        """Return the folder that holds everything, if the root of the store is not on top."""
        tops = {name.partition("/")[0] for name in self._members}
        nested = all("/" in name for name in self._members)
        return f"{tops.pop()}/" if nested and len(tops) == 1 else ""

    def _enter(self, name: str) -> None:
        child, is_dir = name.removeprefix(self._top), False
        while child:
            parent, _, last = child.rpartition("/")
            known = self._folders.setdefault(parent, {})
            if last in known:
                break
            known[last] = is_dir
            child, is_dir = parent, True

    def where(self, key: str) -> Path:
        """Return the path of a file, as if the zip file were a folder."""
        return self.path / key

    def part(self, _key: str) -> Path:
        """Return the zip file."""
        return self.path

    def size(self, key: str) -> int | None:
        """Return the bytes of a file; None if there is none."""
        member = self._members.get(self._safe(key))
        return None if member is None else member.size

    def read(self, key: str, offset: int, length: int) -> bytes:
        """Return exactly so many bytes of a file."""
        member = self._members[self._safe(key)]
        start = self._start(member, key)
        if not member.deflated:
            if offset + length > member.size:
                raise _ended(self.where(key), offset + length, member.size)
            data = _pread(self.path, start + offset, length)
            if length == member.size:
                self._check(member, data, key)
            return data
        if member.size > MAX_CHUNK:
            raise UnsupportedCapabilityError(
                "a deflated file of the zip file is too large",
                expected=f"at most {MAX_CHUNK} bytes",
                found=f"{member.size} bytes",
                path=self.where(key),
                cure="unpack it, and open the folder",
            )
        inflate = zlib.decompressobj(-15)
        whole = inflate.decompress(_pread(self.path, start, member.stored), member.size + 1)
        self._check(member, whole, key)
        if offset + length > len(whole):
            raise _ended(self.where(key), offset + length, len(whole))
        return whole[offset : offset + length]

    def entries(self, key: str, *, listed: bool = False) -> Iterator[Entry]:
        """List a folder; nothing if there is none."""
        for name, is_dir in self._folders.get(self._safe(key).removeprefix(self._top), {}).items():
            size = 0 if is_dir else self._members[self._top + join(key, name)].size
            yield Entry(name, is_dir, size)

    def _start(self, member: _Member, key: str) -> int:
        header = _pread(self.path, member.header, _LOCAL_HEADER)
        if not header.startswith(b"PK\x03\x04"):
            raise CorruptRecordingError(
                "the zip file has something else where this file should be", path=self.where(key)
            )
        name, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
        return member.header + _LOCAL_HEADER + name + extra

    def _check(self, member: _Member, data: bytes, key: str) -> None:
        if len(data) != member.size or zlib.crc32(data) != member.crc:
            raise CorruptRecordingError(
                "the file is damaged inside the zip file: its checksum is another",
                expected=f"{member.size} bytes with CRC {member.crc:#010x}",
                found=f"{len(data)} bytes with CRC {zlib.crc32(data):#010x}",
                path=self.where(key),
            )

    def _safe(self, key: str) -> str:
        if key.startswith("/") or ".." in key.split("/"):
            raise UnsafeReferenceError(
                "the store leads out of the zip file", found=key, path=self.path
            )
        return self._top + key
