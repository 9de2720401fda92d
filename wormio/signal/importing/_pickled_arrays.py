"""Arrays out of a pickle: their bytes, types and shapes by rules of our own."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError, UnsafeReferenceError

__all__ = ["ArrayStandIn", "DtypeStandIn", "raw_bytes"]

_CODE = re.compile(r"b1|[iu][1248]|f[248]|c8|c16|[SU][1-9]\d{0,3}")
_ORDERS = {"<": "<", ">": ">", "|": "|", "=": "="}
_MAX_DIMENSIONS = 8
# Without elements an array may still claim any length: no signal is longer.
_MAX_EMPTY = 10_000_000
_LAST_CHARACTER = 0x10FFFF


def raw_bytes(found: Any) -> bytes:
    """Return bytes, also those that Python 2 wrote as text."""
    if type(found) is str:
        return found.encode("latin-1")
    if type(found) is bytes:
        return found
    raise _wrong("an array's bytes", type(found).__name__)


class DtypeStandIn:
    """The type of an array's values: numbers, truth values or text, never objects or records."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.order = "="

    @classmethod
    def of(cls, arguments: tuple[Any, ...]) -> DtypeStandIn:
        """Return what ``dtype(code, align, copy)`` describes."""
        code = arguments[0] if arguments else None
        if type(code) is bytes:
            code = code.decode("latin-1")
        if type(code) is not str or _CODE.fullmatch(code) is None:
            raise UnsafeReferenceError(
                "the pickle holds an array of something else than numbers or text: it is not read",
                expected="a type such as f8, i8, b1, U5",
                found=f"dtype {code!r}"[:100] if type(code) is str else type(code).__name__,
            )
        if len(arguments) > 3:
            raise _wrong("a type of numbers", f"{len(arguments)} arguments")
        return cls(code)

    def build(self, state: Any) -> None:
        """Take up the byte order; anything beyond a plain type is refused."""
        if type(state) is not tuple or len(state) < 5 or any(x is not None for x in state[2:5]):
            raise _wrong("the state of a plain type", "a record, or something else")
        order = state[1].decode("latin-1") if type(state[1]) is bytes else state[1]
        if type(order) is not str or order not in _ORDERS:
            raise _wrong("a byte order", type(order).__name__)
        self.order = _ORDERS[order]

    def dtype(self) -> np.dtype[Any]:
        """Return the type."""
        return np.dtype(self.order.replace("|", "=") + self.code)


class ArrayStandIn:
    """An array, before its state is known."""

    def __init__(self) -> None:
        self._values: NDArray[Any] | None = None

    @classmethod
    def scalar(cls, arguments: tuple[Any, ...]) -> ArrayStandIn:
        """Return the one value of ``scalar(dtype, bytes)``, as an array without dimensions."""
        if len(arguments) != 2:
            raise _wrong("a type and its bytes", f"{len(arguments)} arguments")
        made = cls()
        made._fill((), arguments[0], False, raw_bytes(arguments[1]))
        return made

    @classmethod
    def of_buffer(cls, arguments: tuple[Any, ...]) -> ArrayStandIn:
        """Return what ``_frombuffer(bytes, dtype, shape, order)`` describes."""
        if len(arguments) != 4 or arguments[3] not in ("C", "F"):
            raise _wrong("bytes, type, shape and order", f"{len(arguments)} arguments")
        made = cls()
        made._fill(arguments[2], arguments[1], arguments[3] == "F", raw_bytes(arguments[0]))
        return made

    def build(self, state: Any) -> None:
        """Take up ``(version, shape, dtype, is Fortran's order, bytes)``."""
        if type(state) is not tuple or len(state) not in {4, 5}:
            raise _wrong("the state of an array", type(state).__name__)
        shape, dtype, fortran, data = state[-4:]
        if type(data) is list:
            raise UnsafeReferenceError(
                "the pickle holds an array of objects: it is not read", expected="numbers or text"
            )
        self._fill(shape, dtype, bool(fortran), raw_bytes(data))

    def values(self) -> NDArray[Any]:
        """Return the array, read-only.

        Raises
        ------
        CorruptRecordingError
            It never got its state.
        """
        if self._values is None:
            raise _wrong("an array with its values", "an array without")
        return self._values

    def _fill(self, shape: Any, dtype: Any, fortran: bool, data: bytes) -> None:
        if not isinstance(dtype, DtypeStandIn):
            raise _wrong("the type of an array", type(dtype).__name__)
        kind = dtype.dtype()
        if (
            type(shape) is not tuple
            or len(shape) > _MAX_DIMENSIONS
            or any(type(n) is not int or n < 0 for n in shape)
        ):
            raise _wrong("the shape of an array", type(shape).__name__)
        if math.prod(shape) * kind.itemsize != len(data):
            raise _wrong(f"the {len(data)} bytes of an array", f"another shape, type {kind}")
        if math.prod(max(n, 1) for n in shape) > max(len(data), _MAX_EMPTY):
            raise _wrong("the shape of an array", "a length that no signal has")
        if kind.kind == "b" and data.strip(b"\0\1"):
            raise _wrong("truth values", "other bytes")
        if kind.kind == "U" and len(data):
            codes = np.frombuffer(data, np.dtype("u4").newbyteorder(kind.byteorder))
            if codes.max() > _LAST_CHARACTER:
                raise _wrong("text", "codes of no character")
        flat = np.frombuffer(data, kind) if data else np.zeros(0, kind)
        values = flat.reshape(shape, order="F" if fortran else "C")
        values = values.astype(kind.newbyteorder("="), copy=False)
        values.flags.writeable = False
        self._values = values


def _wrong(expected: str, found: str) -> CorruptRecordingError:
    return CorruptRecordingError("the pickle is damaged", expected=expected, found=found)
