"""What a store holds: images of OME-Zarr, in whatever layout, and plain arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import attrs
from wormio.errors import CorruptRecordingError, FormatError, MissingPartError, OptionError

from wormio_zarr.nodes import Node, read_node, take
from wormio_zarr.stores import Store, join

__all__ = ["Item", "choose", "find_items"]

_MAX_DEPTH = 8
_MAX_NODES = 100_000


@attrs.frozen(kw_only=True)
class Item:
    """One recording of a store.

    Parameters
    ----------
    name : str
        As ``item=`` takes it: its key, "" for the root.
    key : str
    kind : {"image", "array"}
    number : int
        Which of the image's multiscales.
    """

    name: str
    key: str
    kind: Literal["image", "array"] = "image"
    number: int = 0


def find_items(store: Store) -> list[Item]:
    """List the recordings of a store, in the order that its metadata give.

    Raises
    ------
    FormatError
        It is no store of Zarr.
    CorruptRecordingError
    """
    root = read_node(store, "")
    if root is None:
        raise FormatError(
            "is no Zarr store",
            expected="zarr.json, .zgroup, .zattrs or .zarray in it",
            path=store.path,
        )
    return list(_Search(store).items(root, 0))


def choose(store: Store, dataset: str | None, item: str | None) -> Item:
    """Return the recording that is asked for, or the only one.

    Raises
    ------
    OptionError
        There are several, or none of that name.
    FormatError
        There is none at all.
    """
    if dataset is not None:
        if item is not None:
            raise OptionError(
                "options dataset and item both name something",
                expected="one of them",
                found=f"{dataset!r} and {item!r}",
                path=store.path,
            )
        key = dataset.strip("/")
        return Item(name=key, key=key, kind="array")
    found = find_items(store)
    names = ", ".join(repr(one.name) for one in found[:20]) + (", ..." if len(found) > 20 else "")
    if item is not None:
        for one in found:
            if one.name == item.strip("/"):
                return one
        raise OptionError(
            f"the store has no item {item!r}",
            expected=names or "another store: this one has none",
            path=store.path,
        )
    if not found:
        raise FormatError(
            "the store has no images",
            expected="an image of OME-Zarr, or an array of at least two dimensions",
            path=store.path,
        )
    if len(found) > 1:
        raise OptionError(
            f"the store holds {len(found)} recordings: option item is missing",
            expected=f"one of {names}",
            path=store.path,
            cure=f"for example item={found[0].name!r}; wormio.contents(path) lists them",
        )
    return found[0]


class _Search:
    """One walk through a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._left = _MAX_NODES

    def items(self, node: Node, depth: int) -> Iterator[Item]:
        ome = node.ome
        if node.array is not None:
            if _is_image(node.array):
                yield Item(name=node.key, key=node.key, kind="array")
        elif "multiscales" in ome:
            yield from self._image(node)
        elif "plate" in ome:
            plate = take(ome, "plate", dict, self._store.where(node.files[-1]))
            for well in self._paths(node, plate, "wells"):
                yield from self._well(self._required(join(node.key, well)))
        elif "well" in ome:
            yield from self._well(node)
        elif "bioformats2raw.layout" in ome:
            for name in self._series(node):
                yield from self._image(self._required(join(node.key, name)))
        elif depth < _MAX_DEPTH:
            for entry in sorted(self._store.entries(node.key), key=lambda one: _natural(one.name)):
                child = self._node(join(node.key, entry.name)) if entry.is_dir else None
                if child is not None:
                    yield from self.items(child, depth + 1)

    def _image(self, node: Node) -> Iterator[Item]:
        scales = take(node.ome, "multiscales", list, self._store.where(node.files[-1]))
        if len(scales) == 1:
            yield Item(name=node.key, key=node.key)
            return
        for number in range(len(scales)):
            yield Item(name=f"{node.key}#{number}", key=node.key, number=number)

    def _well(self, node: Node) -> Iterator[Item]:
        well = take(node.ome, "well", dict, self._store.where(node.files[-1]))
        for image in self._paths(node, well, "images"):
            yield from self._image(self._required(join(node.key, image)))

    def _series(self, node: Node) -> Iterator[str]:
        """Name the images of bioformats2raw: in a group OME, else 0, 1, 2, ..."""
        about = self._node(join(node.key, "OME"))
        series = None if about is None else about.ome.get("series")
        if series is not None:
            if not isinstance(series, list) or not all(isinstance(one, str) for one in series):
                raise CorruptRecordingError(
                    "the list of series is none",
                    found=repr(series)[:200],
                    path=self._store.where(join(node.key, "OME")),
                )
            yield from series
            return
        number = 0
        while self._node(join(node.key, str(number))) is not None:
            yield str(number)
            number += 1

    def _paths(self, node: Node, owner: Mapping[str, Any], name: str) -> Iterator[str]:
        path = self._store.where(node.files[-1])
        for one in take(owner, name, list, path):
            if not isinstance(one, Mapping):
                raise CorruptRecordingError(
                    f"{name} are no objects", found=repr(one)[:200], path=path
                )
            yield str(take(one, "path", str, path))

    def _required(self, key: str) -> Node:
        node = self._node(key)
        if node is None:
            raise MissingPartError(
                "an image or well that the store lists is not there",
                path=self._store.where(key),
                cure="copy the whole store",
            )
        return node

    def _node(self, key: str) -> Node | None:
        self._left -= 1
        if self._left < 0:
            raise CorruptRecordingError(
                f"the store has more than {_MAX_NODES} groups and arrays",
                path=self._store.path,
                cure="open one of its groups",
            )
        return read_node(self._store, key)


def _is_image(array: Mapping[str, Any]) -> bool:
    shape = array.get("shape")
    return isinstance(shape, list) and sum(isinstance(n, int) and n > 1 for n in shape) >= 2


def _natural(name: str) -> tuple[int, int, str]:
    """Sort numbers by their value, before other names."""
    return (
        (0, int(name), "") if name.isascii() and name.isdigit() and len(name) < 19 else (1, 0, name)
    )
