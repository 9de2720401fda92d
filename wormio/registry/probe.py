"""The probe: everything a format may know about a path while it decides whether it is its own."""

from __future__ import annotations

import fnmatch
import os
from itertools import islice
from pathlib import Path

__all__ = ["HEAD_BYTES", "MAX_NAMES", "Probe"]

HEAD_BYTES = 4096
MAX_NAMES = 20_000
_MAX_HEADS = 16


class Probe:
    """A path, one capped listing, and the first bytes of the files that are asked for.

    Made once by the host and shared by all formats, so that detection costs one listing and a few
    headers however many plugins are installed.

    Parameters
    ----------
    path : path-like
        An existing file or folder.

    Attributes
    ----------
    path : Path
    is_dir : bool
    names : tuple of str
        Entries of the folder, sorted; empty for a file.
    capped : bool
        Whether the folder has more entries than were listed.
    unreadable : dict of (str or None) to OSError
        What the system said of files whose first bytes were asked for; None stands for the path.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.is_dir = self.path.is_dir()
        self.names: tuple[str, ...] = ()
        self.capped = False
        if self.is_dir:
            with os.scandir(self.path) as entries:
                listed = [entry.name for entry in islice(entries, MAX_NAMES + 1)]
            self.capped = len(listed) > MAX_NAMES
            self.names = tuple(sorted(listed[:MAX_NAMES]))
        self._set = frozenset(self.names)
        self._heads: dict[str | None, bytes] = {}
        self.unreadable: dict[str | None, OSError] = {}

    def has(self, name: str) -> bool:
        """Tell whether the folder has an entry of that name."""
        return name in self._set or (self.capped and os.path.lexists(self.path / name))

    def matching(self, pattern: str) -> tuple[str, ...]:
        """Return the entries of the folder that match a shell pattern."""
        return tuple(fnmatch.filter(self.names, pattern))

    def head(self, name: str | None = None) -> bytes:
        """Return the first 4 KiB of the file, or of a file in the folder; b"" if unreadable."""
        if name not in self._heads:
            if len(self._heads) >= _MAX_HEADS:
                return b""  # a detector that wants more is not bounded; it sees nothing
            self._heads[name] = self._read_head(name)
        return self._heads[name]

    def _read_head(self, name: str | None) -> bytes:
        path = self.path if name is None else self.path / name
        try:
            if path.is_file():  # a pipe would block
                with path.open("rb") as file:
                    return file.read(HEAD_BYTES)
        except OSError as error:
            self.unreadable[name] = error
        except ValueError:  # a name that no file can have
            pass
        return b""

    def size(self, name: str | None = None) -> int:
        """Return the size in bytes of the file, or of a file in the folder; -1 if unknown."""
        try:
            return (self.path if name is None else self.path / name).stat().st_size
        except (OSError, ValueError):  # ValueError: a name that no file can have
            return -1
