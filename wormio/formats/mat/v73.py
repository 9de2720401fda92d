"""MATLAB files of version 7.3: HDF5, with MATLAB's dimensions in reversed order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError
from wormio.formats.mat.tree import CLASSES, MatArray, MatOther, MatStruct, Node
from wormio.storage.foreign_hdf5 import dataset, open_foreign

if TYPE_CHECKING:
    import h5py

__all__ = ["Version73", "hdf5_name", "read_v73"]

_MAX_DEPTH, _MAX_NODES = 16, 20_000


@attrs.frozen(kw_only=True)
class Version73:
    """A file of version 7.3; see `wormio.formats.mat.tree.MatFile`.

    Parameters
    ----------
    path : Path
    variables : mapping of str to Node
    """

    path: Path
    variables: Mapping[str, Node]

    def read(self, array: MatArray) -> NDArray[Any]:
        """Return the values in MATLAB's order of dimensions."""
        with open_foreign(self.path) as file:
            values = dataset(file, hdf5_name(array), folder=self.path.parent)[()]
        return np.asarray(values).T.astype(array.dtype)


def hdf5_name(array: MatArray) -> str:
    """Return the path of an array in the HDF5 file."""
    return array.name.replace(".", "/")


def read_v73(path: Path) -> Version73:
    """Read the tree of a file.

    Raises
    ------
    TruncatedRecordingError, CorruptRecordingError
    """
    with open_foreign(path) as file:
        return Version73(path=path, variables=_Reader().fields(file, "", 0))


class _Reader:
    def __init__(self) -> None:
        self.left = _MAX_NODES

    def fields(self, parent: h5py.Group, path: str, depth: int) -> dict[str, Node]:
        if depth > _MAX_DEPTH:
            raise CorruptRecordingError("the file is too deep", found=path)
        found: dict[str, Node] = {}
        for name in parent:
            if name.startswith("#"):  # where MATLAB keeps what cells and objects refer to
                continue
            self.left -= 1
            if self.left < 0:
                raise CorruptRecordingError(
                    "the file has too many variables", found=str(_MAX_NODES)
                )
            found[name] = self._node(parent, name, f"{path}.{name}" if path else name, depth)
        return found

    def _node(self, parent: h5py.Group, name: str, path: str, depth: int) -> Node:
        import h5py

        if not isinstance(parent.get(name, getlink=True), h5py.HardLink):
            return MatOther(name=path, kind="link")  # MATLAB writes none
        item = parent[name]
        kind = _text(item.attrs.get("MATLAB_class"))
        if isinstance(item, h5py.Group):
            if kind in {"", "struct"} and "MATLAB_sparse" not in item.attrs:
                return MatStruct(name=path, fields=self.fields(item, path, depth + 1))
            return MatOther(name=path, kind=kind)
        if not isinstance(item, h5py.Dataset):
            return MatOther(name=path, kind="type")
        shape = tuple(reversed(item.shape or ()))
        number = item.dtype.kind in "iuf" and item.dtype.newbyteorder("=") in CLASSES.values()
        if not kind and number:
            kind = next(k for k, dtype in CLASSES.items() if dtype == item.dtype.newbyteorder("="))
        empty = "MATLAB_empty" in item.attrs or 0 in shape or not shape
        if kind not in CLASSES or not number or empty:
            kind = "empty" if empty else f"complex {kind}" if item.dtype.kind == "V" else kind
            return MatOther(name=path, kind=kind or str(item.dtype), shape=shape)
        return MatArray(name=path, kind=kind, shape=shape, stored=item.dtype, place=None)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    return "" if value is None else str(value)
