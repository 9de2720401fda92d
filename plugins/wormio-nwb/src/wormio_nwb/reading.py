"""Small values out of an NWB file, as plain Python, without trusting the file.

Every object is reached by its path through `wormio.storage.foreign_hdf5`, which follows no link out
of the recording's folder; object references are never followed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from wormio.errors import CorruptRecordingError, WormioError
from wormio.formats.stacks.hdf5 import attributes, number
from wormio.storage.foreign_hdf5 import dataset, group, has

if TYPE_CHECKING:
    import h5py

__all__ = ["MAX_VALUES", "Nwb", "plain"]

MAX_VALUES = 10_000_000
"""Of a table's column or of a stimulus; there are no longer ones that a reader could use."""

_MAX_SMALL = 256
_MAX_OBJECTS = 20_000
_MAX_DEPTH = 32


@attrs.frozen
class Nwb:
    """An open NWB file and how far its links may be followed.

    Parameters
    ----------
    file : h5py.File
    folder : Path
        The recording's.
    trust : bool
    """

    file: h5py.File
    folder: Path
    trust: bool

    def group(self, parent: h5py.Group, name: str) -> h5py.Group:
        """Return a group; see `wormio.storage.foreign_hdf5.group`."""
        return group(parent, name, folder=self.folder, trust=self.trust)

    def dataset(self, parent: h5py.Group, name: str) -> h5py.Dataset:
        """Return a dataset; see `wormio.storage.foreign_hdf5.dataset`."""
        return dataset(parent, name, folder=self.folder, trust=self.trust)

    def child(self, parent: h5py.Group, name: str) -> Any:
        """Return a group or a dataset, whichever it is."""
        try:
            return self.group(parent, name)
        except CorruptRecordingError:
            return self.dataset(parent, name)

    def value(self, parent: h5py.Group, name: str, at_most: int = MAX_VALUES) -> Any:
        """Return a dataset as JSON's own types; None if it is not there.

        Raises
        ------
        CorruptRecordingError
            It is no array of numbers or text, or has more than `at_most` values.
        """
        if not has(parent, name):
            return None
        source = self.dataset(parent, name)
        if source.shape is None:
            return None
        if not _is_plain(source) or source.size > at_most:
            raise CorruptRecordingError(
                f"{source.name} cannot be used",
                expected=f"at most {at_most} numbers or texts",
                found=f"{source.dtype} of shape {source.shape}",
            )
        return plain(source[()])

    def text(self, parent: h5py.Group, name: str) -> str:
        """Return a dataset that is one text; "" if it is not there, or no text."""
        found = self.value(parent, name, _MAX_SMALL)
        if isinstance(found, list) and len(found) == 1:
            found = found[0]
        return found if isinstance(found, str) else ""

    def number(self, parent: h5py.Group, name: str) -> float | None:
        """Return a dataset that is one finite number; None if it is not there, or none."""
        return number(self.value(parent, name, _MAX_SMALL))

    def about(self, parent: h5py.Group) -> dict[str, Any]:
        """Return the attributes and the small values of a group, but for its data."""
        found = dict(attributes(parent))
        for name in list(parent)[:_MAX_SMALL]:
            if name in found or name == "data":
                continue
            try:
                small = self.child(parent, name)
                if hasattr(small, "shape") and small.shape is not None and _is_small(small):
                    found[name] = plain(small[()])
            except WormioError as error:
                found[name] = f"<{error.problem}>"
        return found

    def groups(self, skip: frozenset[str] = frozenset()) -> Iterator[tuple[str, Any]]:
        """Yield every group once, as its path and itself, or the error that a link to it raised.

        Groups of the root that `skip` names are left out. Soft links are not followed: what they
        lead to is found in its own place.

        Raises
        ------
        CorruptRecordingError
            The file has too many objects to look at.
        """
        import h5py

        seen: set[tuple[int, int]] = set()
        left = _MAX_OBJECTS
        todo: list[tuple[str, Any, int]] = [("", self.file["/"], 0)]
        while todo:
            path, here, depth = todo.pop()
            if not isinstance(here, h5py.Group):
                yield path, here
                continue
            info = h5py.h5o.get_info(here.id)
            if (info.fileno, info.addr) in seen or depth > _MAX_DEPTH:
                continue
            seen.add((info.fileno, info.addr))
            yield path, here
            children = []
            for name in here:
                left -= 1
                if left < 0:
                    raise CorruptRecordingError(
                        f"the file has more than {_MAX_OBJECTS} objects",
                        cure="name the series: item='acquisition/NAME'",
                    )
                if depth == 0 and name in skip:
                    continue
                where = f"{path}/{name}" if path else name
                found = self._followed(here, name)
                if found is not None:
                    children.append((where, found, depth + 1))
            todo += reversed(children)

    def _followed(self, parent: h5py.Group, name: str) -> Any:
        """Return a group, the error of a link that may not be followed, or None."""
        import h5py

        link = parent.get(name, getlink=True)
        if isinstance(link, h5py.SoftLink):
            return None
        try:
            found = parent[name] if isinstance(link, h5py.HardLink) else self.child(parent, name)
        except WormioError as error:
            return error
        return found if isinstance(found, h5py.Group) else None


def plain(value: Any) -> Any:
    """Return a value that h5py read as JSON's own types; what is not finite becomes text."""
    if isinstance(value, np.ndarray):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").rstrip("\0")
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # no lone surrogates
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _is_plain(source: h5py.Dataset) -> bool:
    import h5py

    return source.dtype.kind in "biufSU" or h5py.check_string_dtype(source.dtype) is not None


def _is_small(source: h5py.Dataset) -> bool:
    return source.size <= _MAX_SMALL and source.nbytes <= 1 << 16 and _is_plain(source)
