"""TOML files that people write by hand: read strictly, every error with its line.

A misspelt key that is quietly ignored costs a night of extraction, so that nothing is ignored: an
unknown key, a value of another type, a missing key raise `OptionError` with file, line and key.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

import attrs

from wormio.errors import ContractError, OptionError
from wormio.registry.toml_lines import Keys, lines_of

__all__ = ["Document", "Keys", "parse_toml", "read_toml", "read_toml_text", "structured"]

T = TypeVar("T")

_MAX_BYTES = 4 * 2**20
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@attrs.frozen
class Document:
    """A TOML file, and the line of each of its keys.

    Parameters
    ----------
    path : Path
    data : dict
        What `tomllib` made of it.
    lines : mapping of tuple to int
        Line (from 1) of each table, key and element of an array.
    """

    path: Path
    data: dict[str, Any]
    lines: Mapping[Keys, int] = attrs.field(repr=False)

    def line_of(self, keys: Iterable[str | int]) -> int:
        """Return the line of a key, or of the nearest table around it; 1 for the document."""
        way = tuple(keys)
        while way and way not in self.lines:
            way = way[:-1]
        return self.lines.get(way, 1)

    def get(self, keys: Iterable[str | int]) -> Any:
        """Return the value at `keys`; LookupError if there is none."""
        value: Any = self.data
        for key in keys:
            value = value[key]
        return value

    def error(
        self,
        keys: Iterable[str | int],
        problem: str,
        *,
        expected: str = "",
        found: str = "",
        cure: str = "",
    ) -> OptionError:
        """Return an error that names the file, the line and the key."""
        way = tuple(keys)
        where = f"line {self.line_of(way)}: " + (f"{_dotted(way)}: " if way else "")
        return OptionError(
            where + problem, expected=expected, found=found, path=self.path, cure=cure
        )


def read_toml(path: str | Path) -> Document:
    """Read a TOML file.

    Raises
    ------
    FileNotFoundError, PermissionError
        As the system says.
    OptionError
        It is no TOML (the message has the line), or larger than any file written by hand.
    """
    return parse_toml(read_toml_text(path), path)


def read_toml_text(path: str | Path) -> str:
    """Read the text of a TOML file; raises as `read_toml` does."""
    path = Path(path)
    with path.open("rb") as file:
        raw = file.read(_MAX_BYTES + 1)
    if len(raw) > _MAX_BYTES:
        raise OptionError(
            "this file is too large to be written by hand",
            expected=f"at most {_MAX_BYTES} bytes of TOML",
            path=path,
        )
    try:
        return raw.decode("utf-8").replace("\r\n", "\n")
    except ValueError as error:
        raise _no_toml(error, path) from error


def parse_toml(text: str, path: str | Path) -> Document:
    """Parse TOML; `path` is for errors. Raises `OptionError` as `read_toml` does."""
    try:
        return Document(Path(path), tomllib.loads(text), lines_of(text))
    except (ValueError, RecursionError) as error:
        raise _no_toml(error, path) from error


def _no_toml(error: Exception, path: str | Path) -> OptionError:
    return OptionError(
        f"this is no TOML: {error or 'nested too deeply'}", path=path, cure="see https://toml.io"
    )


def structured(cls: type[T], document: Document, keys: Iterable[str | int] = ()) -> T:
    """Turn a table of a document into an attrs class whose fields say what it may hold.

    Parameters
    ----------
    cls : type
        An attrs class. Its fields have one of the types str, int, float (finite; whole numbers
        too), bool, Any, ``Literal[...]``, ``tuple[X, ...]``, ``tuple[X, Y, Z]``,
        ``Mapping[str, X]``, ``X | Y``, ``X | None``, or an attrs class again: a table. A field
        whose name cannot be a Python name has ``metadata={"key": ...}``.
    document : Document
    keys : iterable of str and int, optional
        The way to the table; default: the whole document.

    Raises
    ------
    OptionError
        An unknown, missing or wrong key, with file, line, key, and the nearest known name.
    """
    way = tuple(keys)
    return typing.cast(T, _table(cls, document, way, document.get(way)))


def _table(cls: type[Any], document: Document, way: Keys, value: Any) -> Any:
    if not isinstance(value, dict):
        raise document.error(way, "wrong type", expected="a table", found=_show(value))
    hints = typing.get_type_hints(cls)
    fields = {f.metadata.get("key", f.name): f for f in attrs.fields(cls) if f.init}
    for key in value:
        if key not in fields:
            close = difflib.get_close_matches(key, fields, n=1)
            raise document.error(
                (*way, key),
                "unknown key",
                expected=", ".join(fields),
                cure=f"did you mean {close[0]}?" if close else "",
            )
    for key, field in fields.items():
        if field.default is attrs.NOTHING and key not in value:
            raise document.error(way, f"the key {key!r} is missing")
    made = {
        field.alias: _value(hints[field.name], document, (*way, key), value[key])
        for key, field in fields.items()
        if key in value
    }
    try:
        return cls(**made)
    except (OptionError, ContractError) as error:
        raise document.error(
            way, error.problem, expected=error.expected, found=error.found, cure=error.cure
        ) from error
    except (ValueError, TypeError) as error:
        raise document.error(way, str(error)) from error


def _value(kind: Any, document: Document, way: Keys, value: Any) -> Any:
    if attrs.has(kind):
        return _table(kind, document, way, value)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal and isinstance(value, (str, int)):
        return _word(inner, document, way, value)
    if origin in {Union, types.UnionType}:
        for choice in inner:
            if _may_be(choice, value):
                return _value(choice, document, way, value)
    elif origin is tuple and isinstance(value, list):
        endless = len(inner) == 2 and inner[1] is ...
        if endless or len(inner) == len(value):
            kinds = [inner[0]] * len(value) if endless else inner
            return tuple(
                _value(k, document, (*way, i), v)
                for i, (k, v) in enumerate(zip(kinds, value, strict=True))
            )
    elif _is_mapping(origin) and isinstance(value, dict):
        return {k: _value(inner[1], document, (*way, k), v) for k, v in value.items()}
    elif _may_be(kind, value):
        return float(value) if kind is float else value
    raise document.error(way, "wrong type", expected=_name(kind), found=_show(value))


def _word(words: tuple[Any, ...], document: Document, way: Keys, value: str | int) -> Any:
    if any(value == word and type(value) is type(word) for word in words):
        return value
    close = difflib.get_close_matches(str(value), map(str, words), n=1)
    raise document.error(
        way,
        "unknown value",
        expected=", ".join(map(repr, words)),
        found=_show(value),
        cure=f"did you mean {close[0]}?" if close else "",
    )


def _may_be(kind: Any, value: Any) -> bool:
    """Tell whether a value is of a kind at its surface: what is inside is checked later."""
    origin = typing.get_origin(kind)
    if kind in {int, float}:
        if isinstance(value, int):
            return type(value) is not bool and -(2**63) <= value < 2**63
        return kind is float and isinstance(value, float) and math.isfinite(value)
    if origin is Literal:
        return any(isinstance(value, type(word)) for word in typing.get_args(kind))
    if origin is tuple:
        return isinstance(value, list)
    if attrs.has(kind) or _is_mapping(origin):
        return isinstance(value, dict)
    return kind in {Any, object} or (isinstance(kind, type) and isinstance(value, kind))


def _is_mapping(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Mapping)


_WORDS = {str: "text", int: "a whole number", float: "a finite number", bool: "true or false"}


def _name(kind: Any) -> str:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in {Union, types.UnionType}:
        return " or ".join(_name(k) for k in inner if k is not type(None))
    if origin is Literal:
        return ", ".join(repr(word) for word in inner)
    if origin is tuple:
        if inner[-1] is ...:
            return f"an array, each {_name(inner[0])}"
        return f"an array of {len(inner)}: {', '.join(map(_name, inner))}"
    if attrs.has(kind) or _is_mapping(origin):
        return "a table"
    return _WORDS.get(kind, str(kind))


def _show(value: Any) -> str:
    return repr(value)[:200]


def _dotted(way: Keys) -> str:
    text = ""
    for key in way:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            word = key if _BARE.fullmatch(key) else repr(key)
            text += f".{word}" if text else word
    return text
