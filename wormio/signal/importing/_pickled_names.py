"""What a pickle may refer to, and what becomes of it: nothing is imported, nothing called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from wormio.errors import CorruptRecordingError, UnsafeReferenceError
from wormio.signal.importing._pickled_arrays import ArrayStandIn, DtypeStandIn, raw_bytes

__all__ = [
    "ALLOWED",
    "CLASSES",
    "Instance",
    "Name",
    "called",
    "damaged",
    "plain_key",
    "refused",
    "told",
]

CLASSES = {
    ("wormdatamodel.signal.signal", "Signal"),
    ("wormdatamodel.data.recording", "recording"),
}
"""Classes of which a stand-in is made."""

_ARRAY_CLASSES = {("numpy", "ndarray"), ("mistofrutta.struct.irrarray", "irrarray")}
_BUILTINS = ("builtins", "__builtin__")


@attrs.frozen
class Name:
    """A module and a name on the list."""

    module: str
    name: str

    @property
    def pair(self) -> tuple[str, str]:
        """Both."""
        return self.module, self.name


@attrs.define(eq=False)
class Instance:
    """An object of a class, before its state is known."""

    cls: Name
    state: dict[Any, Any] = attrs.field(factory=dict)


def _array(*arguments: Any) -> Any:
    """``_reconstruct(class, (0,), b"b")``: an array whose state follows."""
    cls = arguments[0] if len(arguments) == 3 else None
    return ArrayStandIn() if isinstance(cls, Name) and cls.pair in _ARRAY_CLASSES else None


def _dtype(*arguments: Any) -> Any:
    return DtypeStandIn.of(arguments)


def _scalar(*arguments: Any) -> Any:
    return ArrayStandIn.scalar(arguments)


def _from_buffer(*arguments: Any) -> Any:
    return ArrayStandIn.of_buffer(arguments)


def _object(*arguments: Any) -> Any:
    """``_reconstructor(class, object, None)``: how protocols 0 and 1 make an object."""
    if len(arguments) != 3 or arguments[2] is not None:
        return None
    cls, base, _ = arguments
    of_object = isinstance(base, Name) and base.name == "object"
    return Instance(cls) if of_object and isinstance(cls, Name) and cls.pair in CLASSES else None


def _encoded(*arguments: Any) -> Any:
    """``encode(text, "latin1")``: how protocols 0 to 2 write bytes."""
    if len(arguments) == 2 and _is_latin(arguments[1]) and type(arguments[0]) is str:
        return raw_bytes(arguments[0])
    return None


def _bytes(*arguments: Any) -> Any:
    if not arguments:
        return b""
    with_code = len(arguments) == 2 and _is_latin(arguments[1])
    return raw_bytes(arguments[0]) if len(arguments) == 1 or with_code else None


def _set(*arguments: Any) -> Any:
    if len(arguments) == 1 and type(arguments[0]) is list:
        return set(map(plain_key, arguments[0]))
    return None


def _ordered(*arguments: Any) -> Any:
    return None if arguments else {}


_FUNCTIONS: dict[tuple[str, str], Callable[..., Any]] = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _array for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
    ("numpy", "dtype"): _dtype,
    ("copyreg", "_reconstructor"): _object,
    ("copy_reg", "_reconstructor"): _object,
    ("_codecs", "encode"): _encoded,
    ("collections", "OrderedDict"): _ordered,
    **{(module, "bytes"): _bytes for module in _BUILTINS},
    **{(module, "bytearray"): _bytes for module in _BUILTINS},
    **{(module, "set"): _set for module in _BUILTINS},
}

ALLOWED = {*CLASSES, *_ARRAY_CLASSES, *_FUNCTIONS, *((module, "object") for module in _BUILTINS)}
"""Module and name, exactly, of all that a pickle may refer to."""


def called(function: Name, arguments: tuple[Any, ...]) -> Any:
    """Return what a function on the list would have returned, in our own words.

    Raises
    ------
    UnsafeReferenceError
        It is called otherwise than for a signal.
    """
    ours = _FUNCTIONS.get(function.pair)
    made = None if ours is None else ours(*arguments)
    if made is None:
        kinds = ", ".join(type(one).__name__ for one in arguments)[:100]
        raise refused(f"{told(function)}({kinds})", "no signal needs this call")
    return made


def plain_key(found: Any) -> Any:
    """Return a key of a dictionary or an element of a set, if it is a number or text.

    Hashing a tuple that holds one tuple twice, and so on, would take for ever.
    """
    if found is None or type(found) in {bool, int, float, str, bytes}:
        return found
    raise refused(f"{told(found)} as a key", "only numbers and text")


def told(found: Any) -> str:
    """Name a value or its type, for messages."""
    if isinstance(found, Name):
        return f"{found.module}.{found.name}"[:200]
    return type(found).__name__


def refused(what: str, why: str) -> UnsafeReferenceError:
    """Return the error that a pickle does more than to hold a signal."""
    return UnsafeReferenceError(
        "the pickle asks for more than to hold a signal: it is not read",
        expected=f"arrays and plain values ({why})",
        found=what,
        cure="if you know who wrote it, save its arrays again with numpy.savez, in the program "
        "that made it",
    )


def damaged(expected: str, found: str) -> CorruptRecordingError:
    """Return the error that a pickle makes no sense."""
    return CorruptRecordingError("the pickle is damaged", expected=expected, found=found)


def _is_latin(found: Any) -> bool:
    return type(found) is str and found in {"latin1", "latin-1"}
