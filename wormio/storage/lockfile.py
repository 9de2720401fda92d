"""A file that says who is working in a folder.

No `fcntl` lock: on network file systems those are unreliable, and they cannot say who holds them.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from wormio.errors import OutputExistsError
from wormio.storage.atomic import write_atomically

__all__ = ["Holder", "held", "holder_of"]


@attrs.frozen
class Holder:
    """Who holds a lock.

    Parameters
    ----------
    host : str
    pid : int
    started : str
        When that process started, in the system's own count: a number of a process is used again.
    token : str
        Differs from lock to lock.
    """

    host: str
    pid: int
    started: str
    token: str

    @property
    def is_gone(self) -> bool:
        """Whether it is known that the process has ended; of another host nothing is known."""
        if self.host != platform.node():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return self.started != _started(self.pid)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def holder_of(path: str | os.PathLike[str]) -> Holder | None:
    """Return who holds a lock; None if nobody does, or if the file does not say."""
    try:
        tree = json.loads(Path(path).read_text())
        return Holder(**{field.name: tree[field.name] for field in attrs.fields(Holder)})
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


@contextmanager
def held(path: str | os.PathLike[str]) -> Iterator[Holder | None]:
    """Hold a lock for the length of a block; None is given if somebody else holds it.

    A lock whose holder has ended is taken over. Two that find it so in the same instant may both
    believe that it is theirs: the lock spares double work and tells users of their mistake; what
    it guards must stay right without it.

    Parameters
    ----------
    path : path-like
        Of the lock file; its folder must be there.

    Raises
    ------
    OSError
        The folder cannot be written to, the disk is full, ...
    """
    path = Path(path)
    mine = Holder(platform.node(), os.getpid(), _started(os.getpid()), secrets.token_hex(8))
    if not _create(path, mine):
        other = holder_of(path)
        if other is not None and other.is_gone:
            path.unlink(missing_ok=True)
        if not _create(path, mine):
            yield None
            return
    try:
        yield mine
    finally:
        if holder_of(path) == mine:
            path.unlink(missing_ok=True)


def _create(path: Path, holder: Holder) -> bool:
    """Make the file, whole from the first moment, unless there is one."""
    try:
        write_atomically(path, json.dumps(attrs.asdict(holder)).encode())
    except OutputExistsError:
        return False
    return True


def _started(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    # Its second field, the name in parentheses, may hold anything; the start time is the 22nd.
    return stat.rpartition(")")[2].split()[19]
