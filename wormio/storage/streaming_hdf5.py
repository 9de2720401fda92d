"""Writing HDF5 so that a full disk is an error like any other.

HDF5 keeps what it has not yet written, fails when it closes the file, and may take the process
with it. Here all its writing goes through a Python file, which remembers the first failure and
swallows the rest: HDF5 closes in peace, and the failure is raised afterwards.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wormio.storage.atomic import naming

if TYPE_CHECKING:
    import h5py

__all__ = ["HDF5Output", "creating"]

# The space that the tables and HDF5's own structures may take, above what is asked for.
_MARGIN = 1 << 20
_CANNOT_RESERVE = {errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}


class HDF5Output(io.RawIOBase):
    """A file that HDF5 writes through; it never fails towards HDF5.

    Parameters
    ----------
    path : Path
        A new file.
    shown : path-like
        The name that errors show.
    """

    def __init__(self, path: Path, shown: str | os.PathLike[str]) -> None:
        self._shown = shown
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self._at = 0
        self._size = 0
        self._failure: BaseException | None = None
        self._discards = False

    def reserve(self, size: int) -> None:
        """Take the room on the disk before any work is done.

        Raises
        ------
        OSError
            There is not enough.
        """
        with naming(self._shown):
            try:
                os.posix_fallocate(self._fd, 0, size)
            except (AttributeError, OSError) as error:
                # macOS and some network file systems cannot reserve.
                if isinstance(error, OSError) and error.errno not in _CANNOT_RESERVE:
                    raise
                room = os.fstatvfs(self._fd)
                if room.f_bavail * room.f_frsize < size:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error

    def check(self) -> None:
        """Raise the first failure, if there was one."""
        if self._failure is not None:
            with naming(self._shown):
                raise self._failure

    def discard(self) -> None:
        """Write nothing more: the file is given up."""
        self._discards = True

    def _try(self, call: Any, *arguments: Any) -> Any:
        if not self._discards:
            try:
                return call(self._fd, *arguments)
            except BaseException as error:
                self._failure = error
                self.discard()
        return None

    def write(self, data: Any) -> int:
        """Write all of it."""
        rest = memoryview(data).cast("B")
        length = len(rest)
        while rest:
            written = self._try(os.pwrite, rest, self._at + length - len(rest))
            if written is None:
                break
            rest = rest[written:]
        self._at += length
        self._size = max(self._size, self._at)
        return length

    def readinto(self, buffer: Any) -> int:
        """Read back what was written."""
        target = memoryview(buffer).cast("B")
        done = 0
        while got := self._try(os.pread, len(target) - done, self._at + done):
            target[done : done + len(got)] = got
            done += len(got)
        target[done:] = bytes(len(target) - done)  # allocated and not yet written
        self._at += len(target)
        return len(target)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def truncate(self, size: int | None = None) -> int:
        """Set the size."""
        self._size = self._at if size is None else size
        self._try(os.ftruncate, self._size)
        return self._size

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            super().close()
            os.close(self._fd)


@contextmanager
def creating(
    path: Path, shown: str | os.PathLike[str], size: int, **settings: Any
) -> Iterator[tuple[h5py.File, HDF5Output]]:
    """Create an HDF5 file.

    Parameters
    ----------
    path : Path
        A new file.
    shown : path-like
        The name that errors show.
    size : int
        Bytes that it will take at least: reserved first.
    **settings
        Of `h5py.File`.

    Yields
    ------
    (h5py.File, HDF5Output)
        Call ``check()`` of the latter now and then: a failed write is raised there, or in the end.

    Raises
    ------
    OSError
        The disk is full, ...
    """
    import h5py

    with HDF5Output(path, shown) as output:
        output.reserve(size + _MARGIN)
        with h5py.File(output, "w", **settings) as file:
            try:
                yield file, output
            except BaseException:
                output.discard()
                raise
        output.check()
