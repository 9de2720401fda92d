"""Opening HDF5 files that others wrote, and the one place that translates what h5py raises."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    TruncatedRecordingError,
    WormioError,
)
from wormio.storage.door import translated

if TYPE_CHECKING:
    import h5py

__all__ = ["has_format", "open_foreign", "open_unlocked", "reading"]

_CURE = "copy the file again from where it was recorded"


@contextmanager
def open_foreign(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """Open a file for reading, without locks; all that is raised inside is about this file.

    Parameters
    ----------
    path : path-like

    Yields
    ------
    h5py.File
        Closed in the end.

    Raises
    ------
    TruncatedRecordingError, CorruptRecordingError
        Also for whatever h5py or the values' own checks raise inside the ``with`` block.
    MissingPartError
        There is no such file.
    """
    path = Path(path)
    if not path.exists():
        raise MissingPartError("there is no such file", path=path)
    with reading(path, "reading it"), open_unlocked(path) as file:
        yield file


@contextmanager
def reading(path: str | os.PathLike[str], doing: str) -> Iterator[None]:
    """Translate what h5py raises, as `wormio.storage.door.translated`, and give errors a path.

    Raises
    ------
    TruncatedRecordingError, CorruptRecordingError
    """
    path = Path(path)
    try:
        with translated(path, "HDF5", doing):
            yield
    except CorruptRecordingError as error:
        found = str(error.__cause__ or "")
        if "truncated file" in found or (_is_empty(path) and error.__cause__ is not None):
            raise TruncatedRecordingError(
                "the file ends too early", found=found[:300], path=path, cure=_CURE
            ) from error
        if "already open for write" in found or "consistency flags" in found:
            raise CorruptRecordingError(
                "the file is still being written, or its writer was killed",
                found=found[:300],
                path=path,
                cure="wait until the acquisition has closed it; h5clear -s repairs a copy of it",
            ) from error
        error.path = error.path or str(path)
        raise
    except WormioError as error:
        error.path = error.path or str(path)
        raise


def open_unlocked(path: Path) -> h5py.File:
    """Open a file for reading without locking it: whoever writes it must not notice.

    As long as it is open, this process can open it a second time without locks only.
    """
    import h5py

    try:
        # No locks: some network file systems cannot lock, and nothing is written.
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        if error.errno is not None:  # the system's: without HDF5's own words around it
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        # This process has it open with locks: HDF5 wants the same for both.
        if "locking flag" not in str(error):
            raise
        return h5py.File(path, "r")


def has_format(path: str | os.PathLike[str], name: str) -> bool:
    """Tell whether a path is an HDF5 file whose root has the attribute ``format`` of that value."""
    if not Path(path).is_file():
        return False
    try:
        with open_foreign(path) as file:
            found = file.attrs.get("format")
    except OSError:  # no HDF5 file, or a damaged one
        return False
    return found in {name, name.encode()} if isinstance(found, (str, bytes)) else False


def _is_empty(path: Path) -> bool:
    return path.is_file() and path.stat().st_size == 0
