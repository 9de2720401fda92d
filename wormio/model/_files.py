"""Files that several threads read through the same descriptors."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

from wormio.errors import RecordingClosedError, TruncatedRecordingError
from wormio.model._locks import ForkSafeLock

__all__ = ["Files", "JoinedFiles", "SharedFiles"]

_MAX_OPEN_FILES = 64

T = TypeVar("T")


class SharedFiles:
    """File descriptors, opened at first use; beyond a limit, for one read only.

    A descriptor is closed only when no thread reads through it: its number could otherwise be
    given to another file while the read is still on its way.

    Parameters
    ----------
    paths : iterable of Path
        Files are known by their index among these.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self.paths = tuple(paths)
        self._open: dict[int, int] = {}
        self._lock = ForkSafeLock()
        self._readers: dict[int, int] = {}  # how many read through a descriptor
        self._closed = False

    @contextmanager
    def descriptor(self, index: int) -> Iterator[int]:
        """Lend the descriptor of a file."""
        fd = self._acquire(index)
        try:
            yield fd
        except OSError as error:
            if error.errno is not None and error.filename is None:
                error.filename = str(self.paths[index])  # the system only knows a number
            raise
        finally:
            self._release(index, fd)

    def use(self, index: int, work: Callable[[int], T]) -> T:
        """Return what `work` makes of a file's descriptor.

        A file server may forget what a descriptor stands for (ESTALE), after it was started anew
        or the file was replaced: then the file is opened once more, and the work done again.
        """
        seen = -1
        try:
            with self.descriptor(index) as fd:
                seen = fd
                return work(fd)
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
        self._forget(index, seen)
        with self.descriptor(index) as fd:
            return work(fd)

    def read(self, index: int, offset: int, size: int) -> bytes:
        """Return exactly so many bytes.

        Raises
        ------
        TruncatedRecordingError
            The file ends before.
        RecordingClosedError
        """

        def work(fd: int) -> bytes:
            data = os.pread(fd, size, offset)
            while len(data) < size:
                more = os.pread(fd, size - len(data), offset + len(data))
                if not more:
                    raise self.ended(index, offset + len(data), size - len(data))
                data += more
            return data

        return self.use(index, work)

    def ended(self, index: int, offset: int, missing: int) -> TruncatedRecordingError:
        """Return the error that the file ends where more bytes were expected."""
        return TruncatedRecordingError(
            "the file ended while it was read",
            expected=f"{missing} more bytes at offset {offset}",
            found=f"a file of {self.paths[index].stat().st_size} bytes",
            path=self.paths[index],
        )

    def failed(self, index: int, offset: int, missing: int, number: int) -> OSError:
        """Return the error that the system could not read; it keeps its `errno`."""
        problem = f"{os.strerror(number)}, reading {missing} bytes at offset {offset}"
        return OSError(number, problem, str(self.paths[index]))

    def close(self) -> None:
        """Close all files, once nobody reads them any more."""
        with self._lock:
            self._closed = True
            for index in [i for i, fd in self._open.items() if fd not in self._readers]:
                os.close(self._open.pop(index))

    def _acquire(self, index: int) -> int:
        with self._lock:
            if self._closed:
                raise RecordingClosedError("the recording is closed")
            fd = self._open.get(index)
            if fd is None:
                fd = os.open(self.paths[index], os.O_RDONLY | os.O_CLOEXEC)
                if len(self._open) < _MAX_OPEN_FILES:
                    self._open[index] = fd
            self._readers[fd] = self._readers.get(fd, 0) + 1
            return fd

    def _release(self, index: int, fd: int) -> None:
        with self._lock:
            self._readers[fd] -= 1
            if self._readers[fd]:
                return
            del self._readers[fd]
            if self._closed and self._open.get(index) == fd:
                del self._open[index]
            if self._open.get(index) != fd:
                os.close(fd)

    def _forget(self, index: int, fd: int) -> None:
        """Open a file anew next time; its last reader closes this descriptor."""
        with self._lock:
            if self._open.get(index) == fd:
                del self._open[index]
                if fd not in self._readers:
                    os.close(fd)


class JoinedFiles:
    """The files of several others, one after the other; it opens and closes none itself.

    Parameters
    ----------
    parts : sequence of SharedFiles or JoinedFiles
        The files of the second one follow those of the first, and so on.
    """

    def __init__(self, parts: Sequence[SharedFiles | JoinedFiles]) -> None:
        self.paths: tuple[Path, ...] = tuple(path for part in parts for path in part.paths)
        self._place = [(part, i) for part in parts for i in range(len(part.paths))]

    def descriptor(self, index: int) -> AbstractContextManager[int]:
        """Lend the descriptor of a file."""
        part, own = self._place[index]
        return part.descriptor(own)

    def use(self, index: int, work: Callable[[int], T]) -> T:
        """See `SharedFiles.use`."""
        part, own = self._place[index]
        return part.use(own, work)

    def read(self, index: int, offset: int, size: int) -> bytes:
        """See `SharedFiles.read`."""
        part, own = self._place[index]
        return part.read(own, offset, size)

    def ended(self, index: int, offset: int, missing: int) -> TruncatedRecordingError:
        """See `SharedFiles.ended`."""
        part, own = self._place[index]
        return part.ended(own, offset, missing)

    def failed(self, index: int, offset: int, missing: int, number: int) -> OSError:
        """See `SharedFiles.failed`."""
        part, own = self._place[index]
        return part.failed(own, offset, missing, number)


Files = SharedFiles | JoinedFiles
