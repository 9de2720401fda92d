"""What a MATLAB file holds, as a tree of plain values; nothing of it is ever instantiated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError
from wormio.model._fields import as_dict, as_tuple

__all__ = [
    "CLASSES",
    "Compressed",
    "MatArray",
    "MatFile",
    "MatOther",
    "MatStruct",
    "Node",
    "arrays",
    "describe",
    "find",
    "glance",
    "numbers",
    "text",
    "walk",
]

CLASSES: dict[str, np.dtype[Any]] = {
    "double": np.dtype("f8"),
    "single": np.dtype("f4"),
    "int8": np.dtype("i1"),
    "uint8": np.dtype("u1"),
    "int16": np.dtype("i2"),
    "uint16": np.dtype("u2"),
    "int32": np.dtype("i4"),
    "uint32": np.dtype("u4"),
    "int64": np.dtype("i8"),
    "uint64": np.dtype("u8"),
    "logical": np.dtype("u1"),
    "char": np.dtype("u2"),
}
"""MATLAB's classes that are arrays of numbers, and what their values are here."""

_MAX_TABLE_BYTES = 256 << 20
_MAX_LISTED = 30


@attrs.frozen
class Compressed:
    """Values inside a compressed element.

    Parameters
    ----------
    begin, size : int
        Bytes of the compressed element in the file.
    position : int
        Byte of the first value once it is decompressed.
    length : int
        Bytes of the whole element once it is decompressed.
    """

    begin: int
    size: int
    position: int
    length: int


@attrs.frozen(kw_only=True)
class MatArray:
    """An array of numbers or characters.

    Parameters
    ----------
    name : str
        Path in the file: ``"worm_data.movie"``.
    kind : str
        MATLAB's class, one of `CLASSES`.
    shape : tuple of int
        As MATLAB shows it, ``size(x)``.
    stored : numpy.dtype
        On disk, with its byte order; MATLAB may store doubles as small integers.
    place : int, Compressed or None
        Byte offset in the file, or where it is in a compressed element; None if HDF5 knows.
    seen : bytes
        The values themselves, if they are few and were passed on the way; not checked.
    """

    name: str
    kind: str
    shape: tuple[int, ...] = attrs.field(converter=as_tuple)
    stored: np.dtype[Any]
    place: int | Compressed | None
    seen: bytes = attrs.field(default=b"", repr=False, eq=False)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values, in native byte order."""
        return CLASSES[self.kind]


@attrs.frozen(kw_only=True)
class MatStruct:
    """One structure (no array of them) and its fields."""

    name: str
    fields: Mapping[str, Node] = attrs.field(converter=as_dict)


@attrs.frozen(kw_only=True)
class MatOther:
    """What is not read: cells, objects, function handles, sparse or complex arrays, ..."""

    name: str
    kind: str
    shape: tuple[int, ...] = attrs.field(default=(), converter=as_tuple)


Node = MatArray | MatStruct | MatOther


class MatFile(Protocol):
    """A MATLAB file of any version."""

    @property
    def path(self) -> Path:
        """The file."""
        ...

    @property
    def variables(self) -> Mapping[str, Node]:
        """The tree."""
        ...

    def read(self, array: MatArray) -> NDArray[Any]:
        """Return the values in MATLAB's order of dimensions, as `MatArray.dtype`."""
        ...


def walk(fields: Mapping[str, Node]) -> Iterator[Node]:
    """Yield everything in a tree but the structures themselves."""
    for node in fields.values():
        if isinstance(node, MatStruct):
            yield from walk(node.fields)
        else:
            yield node


def arrays(fields: Mapping[str, Node], *, dimensions: int) -> list[MatArray]:
    """Return the arrays of numbers, not empty, with at least so many dimensions."""
    return [
        node
        for node in walk(fields)
        if isinstance(node, MatArray)
        and node.kind != "char"
        and len(node.shape) >= dimensions
        and 0 not in node.shape
    ]


def find(fields: Mapping[str, Node], name: str) -> Node | None:
    """Return what is at a path such as ``"worm_data.movie"``; None if there is nothing."""
    node: Node | None = None
    for part in name.split("."):
        node = fields.get(part)
        fields = node.fields if isinstance(node, MatStruct) else {}
    return node


def describe(fields: Mapping[str, Node]) -> str:
    """List a tree in a line, for messages."""
    listed = [
        f"{node.name} ({'x'.join(map(str, node.shape)) + ' ' if node.shape else ''}{node.kind})"
        for node in walk(fields)
        if isinstance(node, (MatArray, MatOther))
    ]
    more = f", ... {len(listed) - _MAX_LISTED} more" if len(listed) > _MAX_LISTED else ""
    return ", ".join(listed[:_MAX_LISTED]) + more or "nothing"


def numbers(file: MatFile, name: str) -> NDArray[np.float64] | None:
    """Return a vector or a table of numbers as float64; None if there is none of that name.

    Raises
    ------
    CorruptRecordingError
        It is something else, or far too large to be a table.
    """
    node = find(file.variables, name)
    if node is None:
        return None
    if not isinstance(node, MatArray) or node.kind == "char":
        raise CorruptRecordingError(
            f"{name} holds no numbers",
            expected="an array of numbers",
            found="a structure" if isinstance(node, MatStruct) else node.kind,
            path=file.path,
        )
    if int(np.prod(node.shape, dtype=object)) * 8 > _MAX_TABLE_BYTES:
        raise CorruptRecordingError(
            f"{name} is too large for a table",
            expected=f"at most {_MAX_TABLE_BYTES} bytes",
            found="x".join(map(str, node.shape)),
            path=file.path,
        )
    return file.read(node).astype(np.float64)


def glance(file: MatFile, node: MatArray) -> NDArray[Any]:
    """Return values that nothing depends on, in MATLAB's order, one after the other."""
    if node.seen:
        return np.frombuffer(node.seen, node.stored).astype(node.dtype)
    return file.read(node).ravel(order="F")


def text(file: MatFile, node: MatArray) -> str:
    """Return an array of characters as one line."""
    codes = glance(file, node).astype(np.int64)
    return "".join(chr(code) if 0 < code < 0xD800 else "?" for code in codes)
