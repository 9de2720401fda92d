"""Groups and arrays of a store by their metadata, Zarr 2 and 3 alike."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from wormio.errors import CorruptRecordingError, UnsupportedCapabilityError, WormioError

from wormio_zarr.stores import Store, join

__all__ = ["Node", "read_node", "take", "translated"]

_MAX_JSON = 64 << 20


@attrs.frozen(kw_only=True)
class Node:
    """A group or an array.

    Parameters
    ----------
    key : str
    version : {2, 3}
        Of Zarr.
    attributes : mapping
    array : mapping, optional
        The metadata of an array as they are in the store; None for a group.
    files : tuple of str
        Keys of the files that say so.
    """

    key: str
    version: int
    attributes: Mapping[str, Any]
    array: Mapping[str, Any] | None
    files: tuple[str, ...]

    @property
    def ome(self) -> Mapping[str, Any]:
        """The metadata of OME-Zarr: since 0.5 they have a key of their own."""
        found = self.attributes.get("ome") if self.version == 3 else self.attributes
        return found if isinstance(found, Mapping) else {}


@contextmanager
def translated(path: Path, doing: str) -> Iterator[None]:
    """Translate every exception that bad content causes; `doing` completes "while ..."."""
    try:
        yield
    except WormioError:
        raise
    except Exception as error:
        # An errno means that the system failed (no permission, a broken disk), not the file.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise CorruptRecordingError(
            f"the file cannot be read as Zarr: {type(error).__name__} while {doing}",
            found=str(error)[:300],
            path=path,
            cure="copy the store again from where it was recorded",
        ) from error


def read_node(store: Store, key: str) -> Node | None:
    """Read what a group or array says of itself; None if there is neither.

    Raises
    ------
    CorruptRecordingError
        Its metadata are no JSON, or none of Zarr.
    UnsupportedCapabilityError
        It is of another version of Zarr than 2 and 3.
    """
    name = join(key, "zarr.json")
    found = _json(store, name)
    if found is not None:
        _check_version(store, name, found, 3)
        kind = take(found, "node_type", str, store.where(name))
        if kind not in {"group", "array"}:
            raise CorruptRecordingError(
                "node_type is unknown",
                expected="group or array",
                found=kind,
                path=store.where(name),
            )
        attributes = found.get("attributes", {})
        if not isinstance(attributes, Mapping):
            raise CorruptRecordingError("attributes are no object", path=store.where(name))
        array = found if kind == "array" else None
        return Node(key=key, version=3, attributes=attributes, array=array, files=(name,))
    array = _json(store, join(key, ".zarray"))
    group = None if array is not None else _json(store, join(key, ".zgroup"))
    about = _json(store, join(key, ".zattrs"))
    files = []
    for name, found in ((".zarray", array), (".zgroup", group), (".zattrs", about)):
        if found is not None:
            files.append(join(key, name))
            if name != ".zattrs":
                _check_version(store, files[-1], found, 2)
    if not files:
        return None
    return Node(key=key, version=2, attributes=about or {}, array=array, files=tuple(files))


def take(values: Mapping[str, Any], name: str, kind: type[Any], path: Path) -> Any:
    """Return a value of some JSON object, if it is there and of the right kind.

    Raises
    ------
    CorruptRecordingError
    """
    value = values.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise CorruptRecordingError(
            f"{name} is missing, or of the wrong kind",
            expected=f"of type {kind.__name__}",
            found=repr(value)[:200],
            path=path,
        )
    return value


def _json(store: Store, key: str) -> Mapping[str, Any] | None:
    size = store.size(key)
    if size is None:
        return None
    path = store.where(key)
    if size > _MAX_JSON:
        raise CorruptRecordingError(
            "the metadata are impossibly large", found=f"{size} bytes", path=path
        )
    with translated(path, "reading its metadata"):
        found = json.loads(store.read(key, 0, size))
    if not isinstance(found, Mapping):
        raise CorruptRecordingError(
            "the metadata are no JSON object", found=repr(found)[:200], path=path
        )
    return found


def _check_version(store: Store, key: str, found: Mapping[str, Any], wanted: int) -> None:
    version = take(found, "zarr_format", int, store.where(key))
    if version != wanted:
        raise UnsupportedCapabilityError(
            f"zarr_format of this file must be {wanted}",
            found=str(version),
            path=store.where(key),
            cure="pip install --upgrade wormio-zarr" if version > 3 else "",
        )
