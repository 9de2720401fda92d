"""The one reader of pickles: of signals that wormdatamodel wrote, and of nothing else.

A pickle is a program. This reader does not run it: it walks over the opcodes, knows those that
build plain values, and stops at any other. The few names that a legacy signal needs stand on a
list; what they name is never imported. A class becomes a `LegacyObject` that holds its name and its
state, an array is read out of its bytes by rules of its own.
"""

from __future__ import annotations

import pickletools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    TruncatedRecordingError,
    UnsafeReferenceError,
    WormioError,
)
from wormio.model._fields import as_dict
from wormio.signal.importing._pickled_arrays import ArrayStandIn, DtypeStandIn, raw_bytes
from wormio.storage.door import translated

__all__ = ["LegacyObject", "read_pickle"]

_MAX_BYTES = 2 << 30
_MAX_OPCODES = 1_000_000
# A value may be named again and again: what is done with all of it is bounded by the file.
_WORK_PER_BYTE = 4
_FREE_WORK = 1 << 20
_MAX_BITS = 64
_MAX_DEPTH = 50
_MAX_NODES = 1_000_000

_CLASSES = {
    ("wormdatamodel.signal.signal", "Signal"),
    ("wormdatamodel.data.recording", "recording"),
}
_ARRAY_CLASSES = {("numpy", "ndarray"), ("mistofrutta.struct.irrarray", "irrarray")}
_BUILTINS = ("builtins", "__builtin__")
_ARRAYS_OF_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")
_FUNCTIONS = (
    {(module, name) for module in _ARRAYS_OF_NUMPY for name in ("_reconstruct", "scalar")}
    | {(module, "_frombuffer") for module in ("numpy.core.numeric", "numpy._core.numeric")}
    | {("numpy", "dtype"), ("_codecs", "encode"), ("collections", "OrderedDict")}
    | {(module, name) for module in _BUILTINS for name in ("bytes", "bytearray", "set", "object")}
    | {("copyreg", "_reconstructor"), ("copy_reg", "_reconstructor")}
)
_ALLOWED = _CLASSES | _ARRAY_CLASSES | _FUNCTIONS
"""Module and name, exactly, of all that a pickle may refer to."""

_PLAIN = {
    *("INT", "LONG", "LONG1", "LONG4", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT"),
    *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING"),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_IGNORED = {"PROTO", "FRAME"}
# Of the errors of pickletools, those of a file that ends too early.
_ENDS = ("exhausted", "not enough data", "but only", "no newline found")


@attrs.frozen
class LegacyObject:
    """An object of a class that is not there: its name and what it held.

    Parameters
    ----------
    name : str
        ``"module.Class"``, as the file says.
    state : mapping of str to object
        Plain values, arrays, and further such objects.
    """

    name: str
    state: Mapping[str, Any] = attrs.field(converter=as_dict, repr=False)


def read_pickle(path: Path) -> Any:
    """Read a pickle of a legacy signal, without running it.

    Parameters
    ----------
    path : Path

    Returns
    -------
    object
        Numbers, text, bytes, lists, tuples, sets, dictionaries, arrays of numbers or text, and
        `LegacyObject`, in any nesting. An array of a class of its own is a plain one.

    Raises
    ------
    UnsafeReferenceError
        It refers to a class or function that no legacy signal needs, or does more than to hold
        values.
    TruncatedRecordingError, CorruptRecordingError
        It ends too early, or is no pickle.
    MissingPartError
        There is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingPartError("there is no such file", path=path)
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise CorruptRecordingError(
            "the file is too large for a signal",
            expected=f"at most {_MAX_BYTES} bytes",
            found=f"{size} bytes",
            path=path,
        )
    try:
        with translated(path, "a pickle", "its values were read"):
            return _Machine().run(path.read_bytes())
    except WormioError as error:
        error.path = error.path or str(path)
        raise


class _Mark:
    """Where a collection begins on the stack."""


@attrs.frozen
class _Name:
    """A module and a name on the list; nothing is imported."""

    module: str
    name: str

    @property
    def pair(self) -> tuple[str, str]:
        return self.module, self.name


@attrs.define(eq=False)
class _Instance:
    """An object of a class, before its state is known."""

    cls: _Name
    state: dict[Any, Any] = attrs.field(factory=dict)


class _Machine:
    """The stack and the memo of a pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.left = _FREE_WORK

    def run(self, data: bytes) -> Any:
        steps = 0
        self.left += _WORK_PER_BYTE * len(data)
        try:
            for opcode, argument, _position in pickletools.genops(data):
                steps += 1
                if steps > _MAX_OPCODES:
                    raise CorruptRecordingError(
                        "the pickle has too many steps", expected=f"at most {_MAX_OPCODES}"
                    )
                if opcode.name == "STOP":
                    break
                self._step(opcode.name, argument)
        except ValueError as error:
            if any(word in str(error) for word in _ENDS):
                raise TruncatedRecordingError(
                    "the pickle ends too early", found=str(error)[:200]
                ) from error
            raise
        if len(self.stack) != 1:
            raise _damaged("the pickle leaves one value", f"{len(self.stack)} values")
        return _Resolver().value(self.stack[0], 0)

    def _step(self, name: str, argument: Any) -> None:
        if name in _PLAIN:
            if type(argument) is int and argument.bit_length() > _MAX_BITS:
                raise _damaged(f"whole numbers of {_MAX_BITS} bits", "a longer one")
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name not in _IGNORED:
            handler = getattr(self, f"_op_{name.lower()}", None)
            if handler is None:
                raise _refused(
                    f"the opcode {name}", "it calls or refers to what is outside of the file"
                )
            handler(argument)

    def _charge(self, *values: Any) -> None:
        """Count what is about to be copied or looked through."""
        self.left -= sum(len(x) for x in values if isinstance(x, (str, bytes, tuple, list, dict)))
        if self.left < 0:
            raise _damaged("values that are used once", "one that is copied again and again")

    # The stack. A mark never leaves it but with the values above it.

    def _pop(self) -> Any:
        if not self.stack or isinstance(self.stack[-1], _Mark):
            raise _damaged("a value on the stack", "none")
        return self.stack.pop()

    def _top(self) -> Any:
        if not self.stack or isinstance(self.stack[-1], _Mark):
            raise _damaged("a value on the stack", "none")
        return self.stack[-1]

    def _above_mark(self) -> list[Any]:
        at = len(self.stack) - 1
        while at >= 0 and not isinstance(self.stack[at], _Mark):
            at -= 1
        if at < 0:
            raise _damaged("a mark on the stack", "none")
        values = self.stack[at + 1 :]
        del self.stack[at:]
        return values

    def _op_mark(self, _argument: Any) -> None:
        self.stack.append(_Mark())

    def _op_pop(self, _argument: Any) -> None:
        if not self.stack:
            raise _damaged("a value on the stack", "none")
        self.stack.pop()

    def _op_pop_mark(self, _argument: Any) -> None:
        self._above_mark()

    def _op_dup(self, _argument: Any) -> None:
        self.stack.append(self._top())

    # The memo.

    def _op_put(self, argument: int) -> None:
        self.memo[argument] = self._top()

    _op_binput = _op_long_binput = _op_put

    def _op_memoize(self, _argument: Any) -> None:
        self.memo[len(self.memo)] = self._top()

    def _op_get(self, argument: int) -> None:
        if argument not in self.memo:
            raise _damaged("a value in the memo", f"none of number {argument}")
        self.stack.append(self.memo[argument])

    _op_binget = _op_long_binget = _op_get

    # Plain collections.

    def _op_bytearray8(self, argument: bytearray) -> None:
        self.stack.append(bytes(argument))

    def _op_empty_tuple(self, _argument: Any) -> None:
        self.stack.append(())

    def _op_tuple(self, _argument: Any) -> None:
        self.stack.append(tuple(self._above_mark()))

    def _op_tuple1(self, _argument: Any) -> None:
        self.stack.append((self._pop(),))

    def _op_tuple2(self, _argument: Any) -> None:
        second, first = self._pop(), self._pop()
        self.stack.append((first, second))

    def _op_tuple3(self, _argument: Any) -> None:
        third, second, first = self._pop(), self._pop(), self._pop()
        self.stack.append((first, second, third))

    def _op_empty_list(self, _argument: Any) -> None:
        self.stack.append([])

    def _op_list(self, _argument: Any) -> None:
        self.stack.append(self._above_mark())

    def _op_append(self, _argument: Any) -> None:
        value = self._pop()
        self._expect(list).append(value)

    def _op_appends(self, _argument: Any) -> None:
        values = self._above_mark()
        self._expect(list).extend(values)

    def _op_empty_dict(self, _argument: Any) -> None:
        self.stack.append({})

    def _op_dict(self, _argument: Any) -> None:
        self.stack.append(_filled({}, self._above_mark()))

    def _op_setitem(self, _argument: Any) -> None:
        value, key = self._pop(), self._pop()
        _filled(self._expect(dict), [key, value])

    def _op_setitems(self, _argument: Any) -> None:
        values = self._above_mark()
        _filled(self._expect(dict), values)

    def _op_empty_set(self, _argument: Any) -> None:
        self.stack.append(set())

    def _op_additems(self, _argument: Any) -> None:
        values = self._above_mark()
        self._expect(set).update(map(_key, values))

    def _op_frozenset(self, _argument: Any) -> None:
        self.stack.append(set(map(_key, self._above_mark())))

    def _expect(self, kind: type) -> Any:
        found = self._top()
        if type(found) is not kind:
            raise _damaged(f"a {kind.__name__}", type(found).__name__)
        return found

    # Names and what is made of them.

    def _op_global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._refer(module, name)

    def _op_stack_global(self, _argument: Any) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise _damaged("the names of a module and of something in it", type(name).__name__)
        self._refer(module, name)

    def _refer(self, module: str, name: str) -> None:
        if (module, name) not in _ALLOWED:
            raise _refused(f"{module}.{name}"[:200], "it is on no list of what signals need")
        self.stack.append(_Name(module, name))

    def _op_newobj(self, _argument: Any) -> None:
        arguments, cls = self._pop(), self._pop()
        if not isinstance(cls, _Name) or cls.pair not in _CLASSES or arguments != ():
            raise _refused(
                f"a new object of {_told(cls)}", "only legacy classes, without arguments"
            )
        self.stack.append(_Instance(cls))

    def _op_reduce(self, _argument: Any) -> None:
        arguments, function = self._pop(), self._pop()
        if not isinstance(function, _Name) or type(arguments) is not tuple:
            raise _refused(f"a call of {_told(function)}", "only functions by name")
        self._charge(*arguments)
        self.stack.append(_called(function, arguments))

    def _op_build(self, _argument: Any) -> None:
        state, built = self._pop(), self._top()
        if isinstance(built, (ArrayStandIn, DtypeStandIn)):
            if type(state) is tuple:
                self._charge(*state)
            built.build(state)
        elif isinstance(built, _Instance) and type(state) is dict:
            self._charge(state)
            built.state.update(state)
        else:
            raise _refused(f"a state for {_told(built)}", "only for arrays and legacy objects")


def _called(function: _Name, arguments: tuple[Any, ...]) -> Any:
    """Return what a function on the list would have returned, in our own words."""
    name = function.name
    first = arguments[0] if arguments else None
    if name == "_reconstruct":
        if len(arguments) == 3 and isinstance(first, _Name) and first.pair in _ARRAY_CLASSES:
            return ArrayStandIn()
    elif name == "dtype":
        return DtypeStandIn.of(arguments)
    elif name == "scalar":
        return ArrayStandIn.scalar(arguments)
    elif name == "_frombuffer":
        return ArrayStandIn.of_buffer(arguments)
    elif name == "_reconstructor":
        # (class, object, None): how protocols 0 and 1 make an object without arguments.
        base = arguments[1] if len(arguments) == 3 else None
        of_object = isinstance(base, _Name) and base.name == "object" and arguments[2] is None
        if of_object and isinstance(first, _Name) and first.pair in _CLASSES:
            return _Instance(first)
    elif name == "encode":
        # How bytes are written for Python 2.
        if len(arguments) == 2 and _is_latin(arguments[1]) and type(first) is str:
            return first.encode("latin-1")
    elif name in {"bytes", "bytearray"}:
        if not arguments:
            return b""
        if name == "bytearray" and len(arguments) == 1 and type(first) is bytes:
            return first
        if name == "bytearray" and len(arguments) == 2 and _is_latin(arguments[1]):
            return raw_bytes(first)
    elif name == "set":
        if len(arguments) == 1 and type(first) is list:
            return set(map(_key, first))
    elif name == "OrderedDict" and not arguments:
        return {}
    kinds = ", ".join(type(one).__name__ for one in arguments)[:100]
    raise _refused(f"{function.module}.{name}({kinds})", "no signal needs this call")


def _is_latin(found: Any) -> bool:
    return type(found) is str and found in {"latin1", "latin-1"}


class _Resolver:
    """From what stood on the stack to values; shared ones stay shared, cycles end."""

    def __init__(self) -> None:
        self.done: dict[int, Any] = {}
        self.active: set[int] = set()
        self.nodes = 0

    def value(self, found: Any, depth: int) -> Any:
        if found is None or isinstance(found, (bool, int, float, str, bytes)):
            return found
        if id(found) in self.done:
            return self.done[id(found)]
        self.nodes += 1
        if depth > _MAX_DEPTH or id(found) in self.active or self.nodes > _MAX_NODES:
            raise CorruptRecordingError(
                "the pickle's values are nested too deep, or hold themselves",
                expected=f"at most {_MAX_DEPTH} levels",
            )
        self.active.add(id(found))
        made = self._made(found, depth + 1)
        self.active.remove(id(found))
        self.done[id(found)] = made
        return made

    def _made(self, found: Any, depth: int) -> Any:
        if type(found) is dict:
            return {key: self.value(one, depth) for key, one in found.items()}
        if type(found) in {list, tuple}:
            return type(found)(self.value(one, depth) for one in found)
        if type(found) is set:
            return found
        if isinstance(found, ArrayStandIn):
            return found.values()
        if isinstance(found, DtypeStandIn):
            return found.dtype().str
        if isinstance(found, _Instance):
            state = {str(key): self.value(one, depth) for key, one in found.state.items()}
            return LegacyObject(f"{found.cls.module}.{found.cls.name}", state)
        raise _refused(f"{_told(found)} as a value", "only values, not what makes them")


def _filled(target: dict[Any, Any], values: list[Any]) -> dict[Any, Any]:
    if len(values) % 2:
        raise _damaged("keys with values", f"{len(values)} items")
    target.update(zip(map(_key, values[::2]), values[1::2], strict=True))
    return target


def _key(found: Any) -> Any:
    # Hashing a tuple that holds one tuple twice, and so on, takes for ever.
    if found is None or type(found) in {bool, int, float, str, bytes}:
        return found
    raise _refused(f"{_told(found)} as a key", "only numbers and text")


def _told(found: Any) -> str:
    return f"{found.module}.{found.name}" if isinstance(found, _Name) else type(found).__name__


def _refused(what: str, why: str) -> UnsafeReferenceError:
    return UnsafeReferenceError(
        "the pickle asks for more than to hold a signal: it is not read",
        expected=f"arrays and plain values ({why})",
        found=what,
        cure="if you know who wrote it, save its arrays again with numpy.savez, in the program "
        "that made it",
    )


def _damaged(expected: str, found: str) -> CorruptRecordingError:
    return CorruptRecordingError("the pickle is damaged", expected=expected, found=found)
