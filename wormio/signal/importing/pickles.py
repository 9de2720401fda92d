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
    WormioError,
)
from wormio.model._fields import as_dict
from wormio.signal.importing._pickled_arrays import ArrayStandIn, DtypeStandIn
from wormio.signal.importing._pickled_names import (
    ALLOWED,
    CLASSES,
    Instance,
    Name,
    called,
    damaged,
    plain_key,
    refused,
    told,
)
from wormio.storage.door import translated

__all__ = ["LegacyObject", "read_pickle"]

_MAX_BYTES = 2 << 30
_MAX_OPCODES = 200_000
# A value may be named again and again: what is done with all of it is bounded by the file.
_WORK_PER_BYTE = 4
_FREE_WORK = 1 << 20
_MAX_BITS = 64
_MAX_DEPTH = 50

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


@attrs.frozen(eq=False)
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


_MARK = _Mark()


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
            raise damaged("the pickle leaves one value", f"{len(self.stack)} values")
        return _Resolver().value(self.stack[0], 0)

    def _step(self, name: str, argument: Any) -> None:
        if name in _PLAIN:
            if type(argument) is int and argument.bit_length() > _MAX_BITS:
                raise damaged(f"whole numbers of {_MAX_BITS} bits", "a longer one")
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name not in _IGNORED:
            handler = getattr(self, f"_op_{name.lower()}", None)
            if handler is None:
                raise refused(
                    f"the opcode {name}", "it calls or refers to what is outside of the file"
                )
            handler(argument)

    def _charge(self, *values: Any) -> None:
        """Count what is about to be copied or looked through."""
        self.left -= sum(len(x) for x in values if isinstance(x, (str, bytes, tuple, list, dict)))
        if self.left < 0:
            raise damaged("values that are used once", "one that is copied again and again")

    # The stack. A mark never leaves it but with the values above it.

    def _pop(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise damaged("a value on the stack", "none")
        return self.stack.pop()

    def _top(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise damaged("a value on the stack", "none")
        return self.stack[-1]

    def _above_mark(self) -> list[Any]:
        at = len(self.stack) - 1
        while at >= 0 and self.stack[at] is not _MARK:
            at -= 1
        if at < 0:
            raise damaged("a mark on the stack", "none")
        values = self.stack[at + 1 :]
        del self.stack[at:]
        return values

    def _op_mark(self, _argument: Any) -> None:
        self.stack.append(_MARK)

    def _op_pop(self, _argument: Any) -> None:
        if not self.stack:
            raise damaged("a value on the stack", "none")
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
            raise damaged("a value in the memo", f"none of number {argument}")
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
        self._expect(set).update(map(plain_key, values))

    def _op_frozenset(self, _argument: Any) -> None:
        self.stack.append(set(map(plain_key, self._above_mark())))

    def _expect(self, kind: type) -> Any:
        found = self._top()
        if type(found) is not kind:
            raise damaged(f"a {kind.__name__}", type(found).__name__)
        return found

    # Names and what is made of them.

    def _op_global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._refer(module, name)

    def _op_stack_global(self, _argument: Any) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise damaged("the names of a module and of something in it", type(name).__name__)
        self._refer(module, name)

    def _refer(self, module: str, name: str) -> None:
        if (module, name) not in ALLOWED:
            raise refused(f"{module}.{name}"[:200], "it is on no list of what signals need")
        self.stack.append(Name(module, name))

    def _op_newobj(self, _argument: Any) -> None:
        arguments, cls = self._pop(), self._pop()
        if not isinstance(cls, Name) or cls.pair not in CLASSES or arguments != ():
            raise refused(f"a new object of {told(cls)}", "only legacy classes, without arguments")
        self.stack.append(Instance(cls))

    def _op_reduce(self, _argument: Any) -> None:
        arguments, function = self._pop(), self._pop()
        if not isinstance(function, Name) or type(arguments) is not tuple:
            raise refused(f"a call of {told(function)}", "only functions by name")
        self._charge(*arguments)
        self.stack.append(called(function, arguments))

    def _op_build(self, _argument: Any) -> None:
        state, built = self._pop(), self._top()
        if isinstance(built, (ArrayStandIn, DtypeStandIn)):
            if type(state) is tuple:
                self._charge(*state)
            built.build(state)
        elif isinstance(built, Instance) and type(state) is dict:
            self._charge(state)
            built.state.update(state)
        else:
            raise refused(f"a state for {told(built)}", "only for arrays and legacy objects")


class _Resolver:
    """From what stood on the stack to values; shared ones stay shared, cycles end."""

    def __init__(self) -> None:
        self.done: dict[int, Any] = {}
        self.active: set[int] = set()

    def value(self, found: Any, depth: int) -> Any:
        if found is None or isinstance(found, (bool, int, float, str, bytes)):
            return found
        if id(found) in self.done:
            return self.done[id(found)]
        if depth > _MAX_DEPTH or id(found) in self.active:
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
        if isinstance(found, Instance):
            state = {str(key): self.value(one, depth) for key, one in found.state.items()}
            return LegacyObject(f"{found.cls.module}.{found.cls.name}", state)
        raise refused(f"{told(found)} as a value", "only values, not what makes them")


def _filled(target: dict[Any, Any], values: list[Any]) -> dict[Any, Any]:
    if len(values) % 2:
        raise damaged("keys with values", f"{len(values)} items")
    target.update(zip(map(plain_key, values[::2]), values[1::2], strict=True))
    return target
