"""MATLAB files of version 5 to 7: a header of 128 bytes, then tagged elements, one a variable.

The layout is MathWorks' "MAT-File Format". Only the tags are read; values stay where they are until
somebody asks for them. Objects, function handles and cells are passed over by their length.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError, TruncatedRecordingError
from wormio.formats.mat.streams import InflatedStream, PlainStream, Stream, check_ratio, inflate
from wormio.formats.mat.tree import Compressed, MatArray, MatOther, MatStruct, Node

__all__ = ["HEADER_BYTES", "Version5", "decode", "read_v5"]

HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8"}
_STORED |= {13: "u8", 16: "u1", 17: "u2", 18: "u4"}
_KINDS = (
    *("", "cell", "struct", "object", "char", "sparse", "double", "single", "int8", "uint8"),
    *("int16", "uint16", "int32", "uint32", "int64", "uint64", "function", "opaque object"),
)
_COMPLEX, _LOGICAL = 0x0800, 0x0200
_MAX_DEPTH, _MAX_NODES, _MAX_DIMENSIONS = 16, 20_000, 32
_MAX_NAME = 1 << 20
_FEW_BYTES = 2048


@attrs.frozen(kw_only=True)
class Version5:
    """A file of version 5 to 7; see `wormio.formats.mat.tree.MatFile`.

    Parameters
    ----------
    path : Path
    variables : mapping of str to Node
    """

    path: Path
    variables: Mapping[str, Node]

    def read(self, array: MatArray) -> NDArray[Any]:
        """Return the values in MATLAB's order of dimensions."""
        length = math.prod(array.shape) * array.stored.itemsize
        with self.path.open("rb") as file:
            data: bytes | bytearray
            if isinstance(array.place, Compressed):
                data = decode(file, self.path, array.place, length)
            else:
                data = PlainStream(file, array.place or 0, self.path).read(length)
        values = np.frombuffer(data, array.stored).reshape(array.shape, order="F")
        return values.astype(array.dtype)


def read_v5(path: Path, *, allow_truncated: bool = False) -> Version5:
    """Read the tree of a file.

    Parameters
    ----------
    path : Path
    allow_truncated : bool
        An uncompressed array in which the file ends is listed all the same.

    Raises
    ------
    TruncatedRecordingError, CorruptRecordingError
    """
    with path.open("rb") as file:
        return Version5(path=path, variables=_Reader(file, path, allow_truncated).variables())


def decode(file: BinaryIO, path: Path, place: Compressed, length: int) -> bytearray:
    """Decompress `length` bytes from a compressed element, and check all of it.

    Raises
    ------
    TruncatedRecordingError, CorruptRecordingError
    """
    out = bytearray()
    at = 0
    for piece in inflate(file, place.begin, place.size, path):
        first, stop = place.position - at, place.position + length - at
        out += memoryview(piece)[max(first, 0) : max(stop, 0)]
        at += len(piece)
        if at > place.length:
            raise CorruptRecordingError(
                "a compressed variable is longer than it says",
                expected=f"{place.length} bytes",
                found=f"more than {at}",
                path=path,
            )
    if len(out) != length:
        raise TruncatedRecordingError(
            "a compressed variable ends too early",
            expected=f"{place.length} bytes",
            found=f"{at} bytes",
            path=path,
        )
    return out


@attrs.frozen
class _Tag:
    kind: int
    size: int
    small: bytes | None  # the data themselves, in an element of 8 bytes


class _Reader:
    def __init__(self, file: BinaryIO, path: Path, allow_truncated: bool) -> None:
        self.file, self.path, self.allow_truncated = file, path, allow_truncated
        self.size = path.stat().st_size
        header = PlainStream(file, 0, path).read(HEADER_BYTES)
        mark = header[126:128]
        if mark not in {b"IM", b"MI"}:
            raise self._corrupt("the header has no byte order", "'IM' or 'MI'", repr(mark))
        self.order = "<" if mark == b"IM" else ">"
        self.left = _MAX_NODES
        self.compressed: tuple[int, int] | None = None
        self.length = 0

    def variables(self) -> dict[str, Node]:
        found: dict[str, Node] = {}
        position = HEADER_BYTES
        while position < self.size:
            outer = PlainStream(self.file, position, self.path)
            tag = self._tag(outer)
            stop = outer.position + tag.size
            if stop > self.size and not (self.allow_truncated and tag.kind == _MATRIX):
                raise TruncatedRecordingError(
                    "the file ends within a variable",
                    expected=f"at least {stop} bytes",
                    found=f"{self.size} bytes",
                    path=self.path,
                    cure="copy it again, or take the complete volumes of an uncompressed array "
                    "with allow_truncated=True",
                )
            node, name = self._variable(outer, tag)
            if name in found:
                raise self._corrupt("two variables have one name", "one", repr(name))
            if name:  # MATLAB keeps the insides of objects in a variable without a name
                found[name] = node
            position = stop
        return found

    def _variable(self, outer: PlainStream, tag: _Tag) -> tuple[Node, str]:
        if tag.kind == _MATRIX:
            self.compressed = None
            return self._matrix(outer, tag.size, "", 0)
        if tag.kind != _COMPRESSED:
            raise self._corrupt("an element is no variable", "type 14 or 15", str(tag.kind))
        self.compressed = (outer.position, tag.size)
        inner = InflatedStream(self.file, outer.position, tag.size, self.path)
        matrix = self._tag(inner)
        if matrix.kind != _MATRIX or matrix.small is not None:
            raise self._corrupt("a compressed element is no variable", "type 14", str(matrix.kind))
        check_ratio(matrix.size, tag.size, self.path)
        self.length = matrix.size + 8
        return self._matrix(inner, matrix.size, "", 0)

    def _matrix(self, stream: Stream, size: int, path: str, depth: int) -> tuple[Node, str]:
        """Read one array, whose tag has been read; go to its end."""
        self.left -= 1
        if self.left < 0 or depth > _MAX_DEPTH:
            raise self._corrupt("the file is too deep", f"{_MAX_DEPTH} levels", path)
        stop = stream.position + size
        node: Node
        if size == 0:
            node, name = MatOther(name=path, kind="empty", shape=(0, 0)), ""
        else:
            node, name = self._array(stream, stop, path, depth)
        if stream.position > stop:
            raise self._corrupt("an element is longer than its variable", f"{size} bytes", path)
        stream.skip(stop - stream.position)
        return node, name

    def _array(self, stream: Stream, stop: int, path: str, depth: int) -> tuple[Node, str]:
        flags_data = self._data(stream, stop)
        if len(flags_data) != 8:
            raise self._corrupt("an array has no flags", "8 bytes", f"{len(flags_data)}")
        (flags,) = struct.unpack(self.order + "I", flags_data[:4])
        number = flags & 0xFF
        kind = _KINDS[number] if number < len(_KINDS) else f"class {number}"
        if kind == "opaque object":
            name = path or self._text(stream, stop)
            return MatOther(name=name, kind=kind), name
        raw = self._data(stream, stop)
        shape = struct.unpack(f"{self.order}{len(raw) // 4}i", raw[: len(raw) // 4 * 4])
        own = self._text(stream, stop)
        name = path or own
        if not 2 <= len(shape) <= _MAX_DIMENSIONS or min(shape) < 0:
            raise self._corrupt("an array has an impossible shape", "lengths", f"{name} {shape}")
        if kind == "struct" and math.prod(shape) == 1:
            return self._struct(stream, stop, name, depth), own
        if flags & _LOGICAL and kind == "uint8":
            kind = "logical"
        if not (number == 4 or 6 <= number <= 15) or flags & _COMPLEX or 0 in shape:
            kind = f"complex {kind}" if flags & _COMPLEX else kind
            return MatOther(name=name, kind=kind, shape=shape), own
        return self._numbers(stream, stop, name, kind, shape), own

    def _numbers(
        self, stream: Stream, stop: int, name: str, kind: str, shape: tuple[int, ...]
    ) -> Node:
        tag = self._tag(stream)
        begin = stream.position - (4 if tag.small is not None else 0)
        code = _STORED.get(tag.kind)
        if code is None:
            raise self._corrupt("an array holds no numbers", "a number type", f"{name} {tag.kind}")
        stored = np.dtype(self.order + code)
        if kind == "char" and tag.kind == 16 and tag.size != math.prod(shape):
            return MatOther(name=name, kind="char", shape=shape)  # UTF-8 beyond ASCII
        if tag.size != math.prod(shape) * stored.itemsize or begin + tag.size > stop:
            raise self._corrupt(
                f"{name} has another size than its shape",
                f"{shape} of {stored.itemsize} bytes each",
                f"{tag.size} bytes",
            )
        place: int | Compressed = begin
        seen = b""
        if self.compressed is not None:
            place = Compressed(*self.compressed, begin, self.length)
            # To come back for them later would mean to decompress everything before them again.
            if tag.size <= _FEW_BYTES:
                seen = stream.read(tag.size) if tag.small is None else tag.small[: tag.size]
        return MatArray(name=name, kind=kind, shape=shape, stored=stored, place=place, seen=seen)

    def _struct(self, stream: Stream, stop: int, path: str, depth: int) -> Node:
        raw = self._data(stream, stop)
        (width,) = struct.unpack(self.order + "i", raw[:4]) if len(raw) >= 4 else (0,)
        names = self._data(stream, stop)
        if width < 1 or len(names) % width:
            raise self._corrupt("a structure has impossible field names", "names", path)
        fields: dict[str, Node] = {}
        for at in range(0, len(names), width):
            name = _word(names[at : at + width])
            tag = self._tag(stream)
            if tag.kind != _MATRIX or tag.small is not None or stream.position + tag.size > stop:
                raise self._corrupt("a field is no array", "type 14", f"{path}.{name}")
            fields[name], _ = self._matrix(stream, tag.size, f"{path}.{name}", depth + 1)
        return MatStruct(name=path, fields=fields)

    def _tag(self, stream: Stream) -> _Tag:
        raw = stream.read(8)
        kind, size = struct.unpack(self.order + "II", raw)
        if kind >> 16:
            if kind >> 16 > 4:
                raise self._corrupt("an element is too long for its tag", "4", str(kind >> 16))
            return _Tag(kind & 0xFFFF, kind >> 16, raw[4:])
        return _Tag(kind, size, None)

    def _data(self, stream: Stream, stop: int) -> bytes:
        """Read a short element whole, with what fills it up to 8 bytes."""
        tag = self._tag(stream)
        if tag.small is not None:
            return tag.small[: tag.size]
        if tag.size > _MAX_NAME or stream.position + tag.size > stop:
            raise self._corrupt("an element is longer than its variable", "less", str(tag.size))
        data = stream.read(tag.size)
        stream.skip(-tag.size % 8)
        return data

    def _text(self, stream: Stream, stop: int) -> str:
        return _word(self._data(stream, stop))

    def _corrupt(self, problem: str, expected: str, found: str) -> CorruptRecordingError:
        return CorruptRecordingError(problem, expected=expected, found=found, path=self.path)


def _word(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode("ascii", "replace")
