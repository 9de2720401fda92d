"""Sources: how a recording was made, as JSON, so that another process can make it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from wormio.errors import ContractError
from wormio.model._fields import as_dict

__all__ = ["Source"]

_MAX_PARTS = 64


def _json_value(value: object) -> Any:
    """Return `value` as JSON would give it back, so that equal sources compare equal."""
    try:
        return json.loads(json.dumps(value, allow_nan=False, default=_plain))
    except (TypeError, ValueError) as error:
        raise ContractError(
            "a source must be JSON-serialisable", found=f"{value!r}"[:300], cure=str(error)
        ) from error


def _short(sizes: dict[str, int]) -> dict[str, int | str]:
    """Return names and sizes, or few of them and a digest of all."""
    if len(sizes) <= _MAX_PARTS:
        return dict(sizes)
    names = list(sizes)
    digest = hashlib.sha256(json.dumps(sorted(sizes.items())).encode()).hexdigest()
    ends = {name: sizes[name] for name in (names[0], names[-1])}
    return {**ends, f"SHA-256 of all {len(names)} names and sizes": digest}


def _part_name(part: Path, folder: Path) -> str:
    """Name a part by its place in the recording's folder: moving both changes nothing."""
    part = part.absolute()
    return part.relative_to(folder).as_posix() if part.is_relative_to(folder) else part.name


def _plain(value: object) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not JSON-serialisable")


@attrs.frozen
class Source:
    """A JSON expression that makes a recording.

    A leaf says what to open; other operations (``"select"``, ``"combine"``, ...) hold the sources
    they derive from. `wormio.reopen` evaluates it.

    Parameters
    ----------
    operation : str
        ``"open"``, ``"memory"``, or the name of a derivation.
    arguments : mapping
        JSON-serialisable parameters.
    parents : mapping of str to Source
        What it derives from, by role.
    content : callable, optional
        Returns a digest of data that no file holds; asked for by `identity` only. It does not
        travel: neither JSON nor a pickle has it.
    """

    operation: str
    arguments: Mapping[str, Any] = attrs.field(factory=dict, converter=_json_value)
    parents: Mapping[str, Source] = attrs.field(factory=dict, converter=as_dict)
    content: Callable[[], str] | None = attrs.field(default=None, eq=False, repr=False)

    def __reduce__(self) -> tuple[object, ...]:
        return (Source, (self.operation, self.arguments, self.parents))  # never its content

    @classmethod
    def opened(
        cls,
        path: str | Path,
        *,
        format: str,
        options: attrs.AttrsInstance | None = None,
        parts: Iterable[str | Path] = (),
    ) -> Source:
        """Describe a recording read from files.

        Parameters
        ----------
        path : path-like
            What was opened.
        format : str
            Name of the `Format`.
        options : attrs instance, optional
            Those that differ from their defaults are kept.
        parts : iterable of path-like
            The files it consists of; their names and sizes enter the recording's identity. Of
            very many, the first and the last are named and the rest enter a digest: a source
            travels with every task.
        """
        path = Path(path).absolute()
        folder = path if path.is_dir() else path.parent
        sizes = {_part_name(Path(part), folder): Path(part).stat().st_size for part in parts}
        chosen = {}
        if options is not None:
            chosen = {
                f.name: getattr(options, f.name)
                for f in attrs.fields(type(options))
                if getattr(options, f.name) != f.default
            }
        return cls(
            "open",
            {"path": str(path), "format": format, "options": chosen, "parts": _short(sizes)},
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-serialisable tree."""
        tree: dict[str, Any] = {"operation": self.operation, "arguments": dict(self.arguments)}
        if self.parents:
            tree["parents"] = {name: parent.to_json() for name, parent in self.parents.items()}
        return tree

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Source:
        """Rebuild a source from `to_json`."""
        try:
            parents = {name: cls.from_json(p) for name, p in tree.get("parents", {}).items()}
            return cls(tree["operation"], tree["arguments"], parents)
        except (KeyError, TypeError, AttributeError) as error:
            raise ContractError(
                "this is no source",
                expected="an object with 'operation' and 'arguments'",
                found=f"{tree!r}"[:300],
            ) from error

    def leaves(self) -> list[Source]:
        """Return the sources at the ends of the tree, in order."""
        if not self.parents:
            return [self]
        return [leaf for parent in self.parents.values() for leaf in parent.leaves()]

    def identity(self) -> dict[str, Any]:
        """Return what identifies the data, without paths: they change when a disk is moved.

        It does not matter either whether an option came from a file or from an argument.
        """
        if self.operation == "configured":
            return self.parents["recording"].identity()
        arguments = {k: v for k, v in self.arguments.items() if k != "path"}
        if self.content is not None:
            arguments["content"] = self.content()
        return {
            "operation": self.operation,
            "arguments": arguments,
            "parents": {name: parent.identity() for name, parent in self.parents.items()},
        }
