"""Finding the arrays of a file that may be images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from wormio.errors import CorruptRecordingError, FormatError, OptionError, WormioError
from wormio.storage.foreign_hdf5 import dataset, group, has

if TYPE_CHECKING:
    import h5py

__all__ = ["Candidate", "choose", "find_images"]

_MAX_OBJECTS = 20_000
_MAX_DEPTH = 32


@attrs.frozen
class Candidate:
    """An array that may be a stack of images.

    Parameters
    ----------
    name : str
        Its path in the file, without the leading slash.
    about : str
        Shape and type; or why it cannot be reached.
    refused : WormioError, optional
        What was raised when a link to it was looked at.
    """

    name: str
    about: str
    refused: WormioError | None = None


def find_images(file: h5py.File, *, folder: Path, trust: bool) -> list[Candidate]:
    """Return the arrays of at least two dimensions longer than 1, in the order of their names.

    Links to other files are followed as far as they may be. One that may not, or leads nowhere, is
    returned too: what is behind it might be an image.

    Raises
    ------
    CorruptRecordingError
        The file has too many objects to look at.
    """
    walk = _Listing(folder, trust)
    return list(walk.below(file["/"], "", 0))


def choose(
    file: h5py.File, name: str | None, *, folder: Path, trust: bool
) -> tuple[str, h5py.Dataset]:
    """Return the array of that name, or the only one that there is; and its name.

    Raises
    ------
    OptionError
        There are several, or none of that name.
    FormatError
        There is none.
    RecordingError
        It cannot be read; see `wormio.storage.foreign_hdf5.dataset`.
    """
    if name is None:
        found = find_images(file, folder=folder, trust=trust)
        if not found:
            raise FormatError(
                "the file holds no images",
                expected="an array of numbers of at least two dimensions longer than 1",
                found=_names(file),
                cure="if one is there after all, name it: dataset=; tables of neurons are no "
                "recordings: see wormio.read_positions",
            )
        if len(found) > 1:
            raise OptionError(
                "the file holds several arrays: option dataset (or item) is missing",
                expected="one of " + "; ".join(f"{c.name} {c.about}" for c in found[:50]),
                cure=f"for example dataset={found[0].name!r}",
            )
        if found[0].refused is not None:
            raise found[0].refused
        name = found[0].name
    elif not has(file, name):
        listed = [one.name for one in find_images(file, folder=folder, trust=trust)]
        raise OptionError(
            f"the file has no array {name!r}",
            expected="dataset= (or item=), one of " + ", ".join(listed[:50])
            if listed
            else "an array of numbers",
            found=_names(file),
        )
    source = dataset(file, name, folder=folder, trust=trust)
    if source.shape is None or source.ndim < 2 or not _is_number(source):
        raise OptionError(
            f"{name} is no array of images",
            expected="whole or floating-point numbers, in at least two dimensions",
            found=f"shape {source.shape}",
        )
    if not source.size:
        raise CorruptRecordingError(f"{name} is empty", found=f"shape {source.shape}")
    return name, source


def _names(file: h5py.File) -> str:
    names = list(file)[:20]
    return ", ".join(names) or "an empty file"


class _Listing:
    """One walk through a file; every group is looked at once, however many links lead to it."""

    def __init__(self, folder: Path, trust: bool) -> None:
        self._folder, self._trust = folder, trust
        self._seen: set[tuple[int, int]] = set()
        self._left = _MAX_OBJECTS

    def below(self, parent: h5py.Group, path: str, depth: int) -> Iterator[Candidate]:
        import h5py

        if depth > _MAX_DEPTH or self._is_known(parent):
            return
        for name in parent:
            self._left -= 1
            if self._left < 0:
                raise CorruptRecordingError(
                    f"the file has more than {_MAX_OBJECTS} objects",
                    cure="name the array: dataset='path/inside/the/file'",
                )
            where = f"{path}/{name}" if path else name
            link = parent.get(name, getlink=True)
            if isinstance(link, h5py.SoftLink):
                continue  # what it leads to is found in its own place
            try:
                is_here = isinstance(link, h5py.HardLink)
                child = parent[name] if is_here else self._behind(parent, name)
            except WormioError as error:
                yield Candidate(where, f"({error.problem})", error)
                continue
            if isinstance(child, h5py.Group):
                yield from self.below(child, where, depth + 1)
            elif _is_image(child) and not self._is_known(child):
                yield Candidate(where, f"{child.shape} {child.dtype}")

    def _behind(self, parent: h5py.Group, name: str) -> Any:
        """Return what a link to another file leads to, if it may be followed."""
        try:
            return group(parent, name, folder=self._folder, trust=self._trust)
        except CorruptRecordingError:
            return dataset(parent, name, folder=self._folder, trust=self._trust)

    def _is_known(self, found: h5py.HLObject) -> bool:
        import h5py

        info = h5py.h5o.get_info(found.id)
        key = (info.fileno, info.addr)
        known = key in self._seen
        self._seen.add(key)
        return known


def _is_image(found: Any) -> bool:
    import h5py

    if not isinstance(found, h5py.Dataset) or found.shape is None:
        return False
    return sum(n > 1 for n in found.shape) >= 2 and _is_number(found)


def _is_number(source: h5py.Dataset) -> bool:
    import h5py

    # Not by its dtype: h5py has none for some types of HDF5.
    return source.id.get_type().get_class() in {h5py.h5t.INTEGER, h5py.h5t.FLOAT}
