"""Where descriptions come from: files, wormio's own, and ``WORMIO_DESCRIPTIONS``."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import attrs

from wormio.errors import OptionError, WormioError
from wormio.formats.described.checking import check
from wormio.formats.described.schema import Description
from wormio.registry.toml import Document, read_toml, structured

__all__ = [
    "VARIABLE",
    "Shelf",
    "described",
    "example",
    "from_environment",
    "load",
    "of_data",
    "shipped_names",
]

VARIABLE = "WORMIO_DESCRIPTIONS"
_OWN = Path(__file__).parent


@attrs.frozen
class Shelf:
    """The descriptions that take part in recognition.

    Parameters
    ----------
    descriptions : tuple of (str, Description, dict)
        What to call it (its file), what it says, and the same as plain data.
    broken : tuple of str
        Why others could not be read.
    """

    descriptions: tuple[tuple[str, Description, dict[str, Any]], ...] = ()
    broken: tuple[str, ...] = ()


def shipped_names() -> tuple[str, ...]:
    """Return the names of the descriptions that come with wormio."""
    return tuple(sorted(p.stem for p in _OWN.glob("*.toml") if p.name != "example.toml"))


def example() -> str:
    """Return the annotated example, itself a valid description."""
    return (_OWN / "example.toml").read_text(encoding="utf-8")


def described(what: str) -> tuple[Description, dict[str, Any]]:
    """Return a description by the name of a shipped one, its file, or its content as JSON.

    Raises
    ------
    OptionError
        There is none, or it is wrong.
    """
    if what.startswith("{"):  # as a source keeps it
        return _from_json(what)
    if what in shipped_names():
        return load(_OWN / f"{what}.toml")
    path = Path(what)
    if not path.is_file():
        raise OptionError(
            "there is no such description",
            expected=f"a .toml file, or one of {', '.join(shipped_names())}",
            found=repr(what),
            cure="`wormio describe` shows how to write one",
        )
    return load(path)


def load(path: Path) -> tuple[Description, dict[str, Any]]:
    """Read a description from its file; what it says, and the same as plain data.

    Raises
    ------
    OptionError
        The file cannot be read, is no TOML, or breaks the schema.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise OptionError(f"the description cannot be read: {error.strerror}", path=path) from error
    return _load(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=64)
def _load(path: Path, _mtime: int, _size: int) -> tuple[Description, dict[str, Any]]:
    try:
        document = read_toml(path)
    except OSError as error:
        raise OptionError(f"the description cannot be read: {error.strerror}", path=path) from error
    return _understood(document)


def of_data(data: Mapping[str, Any]) -> tuple[Description, dict[str, Any]]:
    """Return a description given as plain data; see `load`."""
    return _from_json(json.dumps(data, sort_keys=True))


@lru_cache(maxsize=64)
def _from_json(text: str) -> tuple[Description, dict[str, Any]]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise OptionError(f"the description is no JSON: {error}", found=text[:200]) from error
    return _understood(Document(Path("<description>"), data, {}))


def _understood(document: Document) -> tuple[Description, dict[str, Any]]:
    description = structured(Description, document)
    check(description, document)
    return description, document.data


def from_environment(variables: Mapping[str, str] | None = None) -> Shelf:
    """Return the descriptions that ``WORMIO_DESCRIPTIONS`` names: files, and folders of them.

    One that is broken is told in `Shelf.broken`; it takes none of the others with it.
    """
    listed = (os.environ if variables is None else variables).get(VARIABLE, "")
    found, broken = [], []
    for name in filter(None, listed.split(os.pathsep)):
        path = Path(name).expanduser()
        files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        for file in files:
            try:
                found.append((str(file), *load(file)))
            except WormioError as error:
                broken.append(re.sub(r"\s+", " ", str(error)))
    return Shelf(tuple(found), tuple(broken))
