"""HDF5 files that others wrote, read without trusting them.

Such a file may point to other files, promise arrays larger than any memory, or need filters that
are not there; and where bytes are missing, HDF5 returns zeros without a word. Open it with
`open_foreign`, reach its objects with `group` and `dataset`, read pixels later with
`ForeignReader`. See `wormio.storage.hdf5` for what wormio itself wrote.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wormio.errors import RecordingClosedError, TruncatedRecordingError
from wormio.model._locks import ForkSafeLock
from wormio.storage.hdf5_opening import open_foreign, open_unlocked, reading
from wormio.storage.hdf5_walk import Walk, expect, plain_offset

if TYPE_CHECKING:
    import h5py

__all__ = [
    "ForeignReader",
    "dataset",
    "group",
    "has",
    "open_foreign",
    "plain_offset",
    "reading",
    "written_rows",
]

_MAX_OPEN_DATASETS = 64


def group(
    parent: h5py.Group, name: str, *, folder: str | os.PathLike[str], trust: bool = False
) -> h5py.Group:
    """Return a group by its path below `parent`, following only links that are safe.

    Parameters
    ----------
    parent : h5py.Group
        Or a file.
    name : str
        ``"a/b/c"``; with a leading slash from the root of the file.
    folder : path-like
        The recording's folder: what lies outside is not followed.
    trust : bool
        Follow everything.

    Raises
    ------
    CorruptRecordingError
        It is not there, no group, or behind a cycle of links.
    UnsafeReferenceError
        It lies in a file outside `folder`.
    MissingPartError
        It lies in a file that is not there.
    """
    import h5py

    return expect(Walk(folder, trust).to(parent, name), h5py.Group, name)


def dataset(
    parent: h5py.Group, name: str, *, folder: str | os.PathLike[str], trust: bool = False
) -> h5py.Dataset:
    """Return a dataset that can be read: its size, its filters and its other files are checked.

    Parameters are those of `group`.

    Raises
    ------
    CorruptRecordingError
        It is not there, no dataset, or promises far more than is stored.
    TruncatedRecordingError, MissingPartError
        A file that holds its values ends too early, or is not there.
    UnsafeReferenceError
        Its values lie outside `folder`.
    UnsupportedCapabilityError
        It needs a filter that is not installed.
    """
    return Walk(folder, trust).dataset(parent, name)


def has(parent: h5py.Group, name: str) -> bool:
    """Tell whether there is something of that name or path; a link counts, wherever it leads."""
    import h5py

    here: Any = parent
    for part in name.split("/"):
        if part in {"", "."}:
            continue
        link = here.get(part, getlink=True) if isinstance(here, h5py.Group) else None
        if not isinstance(link, h5py.HardLink):
            return link is not None
        here = here[part]
    return True


def written_rows(source: h5py.Dataset, axes: int = 1) -> NDArray[np.bool_]:
    """Tell which indices of the first axes were written; HDF5 fills the others with a constant.

    Parameters
    ----------
    source : h5py.Dataset
        As `dataset` returns it.
    axes : int
        How many.

    Returns
    -------
    (N, ...) bool
        Of a chunked dataset, those of which every chunk is there.
    """
    shape = source.shape[:axes]
    if source.is_virtual or source.external:
        return np.ones(shape, bool)  # `dataset` has checked that all of it is there
    if source.chunks is None:
        return np.full(shape, bool(source.id.get_storage_size()))
    steps = source.chunks
    grid = [-(-n // step) for n, step in zip(source.shape, steps, strict=True)]
    if source.id.get_num_chunks() == math.prod(grid):
        return np.ones(shape, bool)
    found = np.zeros(grid[:axes], np.int64)

    def count(chunk: Any) -> None:
        first = zip(chunk.chunk_offset[:axes], steps[:axes], strict=True)
        found[tuple(offset // step for offset, step in first)] += 1

    source.id.chunk_iter(count)
    whole: NDArray[np.bool_] = found == math.prod(grid[axes:])
    for axis, step in enumerate(steps[:axes]):
        whole = np.repeat(whole, step, axis=axis)
    return np.asarray(whole[tuple(map(slice, shape))])


class ForeignReader:
    """Reads arrays from datasets of one file, in any thread and any process.

    The file is opened at the first read, and again after ``fork`` or in the process that
    unpickles the reader; HDF5 reads one array at a time anyway.

    Parameters
    ----------
    path : path-like
    folder : path-like, optional
        The recording's; default: that of the file.
    trust : bool
        As in `group`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        folder: str | os.PathLike[str] | None = None,
        trust: bool = False,
    ) -> None:
        self.path = Path(path).absolute()
        self.folder = self.path.parent if folder is None else Path(folder).absolute()
        self.trust = trust
        self.closed = False
        self._lock = ForkSafeLock()
        self._forget()

    def _forget(self) -> None:
        self._process = os.getpid()
        self._file: h5py.File | None = None
        self._datasets: dict[str, h5py.Dataset] = {}
        self._size = 0

    def read(self, name: str, key: Any = ()) -> Any:
        """Read from a dataset with h5py's indexing.

        Parameters
        ----------
        name : str
            Path of the dataset in the file.
        key : index
            ``()`` reads everything.

        Returns
        -------
        ndarray or scalar
            Fresh.

        Raises
        ------
        RecordingClosedError
        TruncatedRecordingError, CorruptRecordingError, ...
            See `dataset`.
        """
        with self._lock:
            if self.closed:
                raise RecordingClosedError("the recording is closed")
            with reading(self.path, f"reading {name}"):
                source = self._dataset(name)
                values = source[key]
                # Of a file that was cut meanwhile, HDF5 reads zeros.
                if self.path.stat().st_size < self._size:
                    raise TruncatedRecordingError(
                        "the file was cut while it was read",
                        expected=f"{self._size} bytes",
                        found=f"{self.path.stat().st_size} bytes",
                    )
                return values

    def _dataset(self, name: str) -> h5py.Dataset:
        if self._file is not None and self._process != os.getpid():
            self._forget()  # the parent's: a child that shared it would move its file position
        if self._file is None:
            self._process = os.getpid()
            self._size = self.path.stat().st_size
            self._file = open_unlocked(self.path)
        if name not in self._datasets:
            while len(self._datasets) >= _MAX_OPEN_DATASETS:
                self._datasets.pop(next(iter(self._datasets)))
            self._datasets[name] = dataset(self._file, name, folder=self.folder, trust=self.trust)
        return self._datasets[name]

    def close(self) -> None:
        """Close the file; reading afterwards raises `RecordingClosedError`."""
        with self._lock:
            self.closed = True
            file = self._file
            mine = self._process == os.getpid()
            self._forget()
            if file is not None and mine:
                file.close()

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("path", "folder", "trust", "closed")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = ForkSafeLock()
        self._forget()
