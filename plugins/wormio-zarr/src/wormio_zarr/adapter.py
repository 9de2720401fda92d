"""Opening a store: which recording of it, from which metadata, and its frames."""

from __future__ import annotations

from pathlib import Path

from wormio.errors import CorruptRecordingError, MissingPartError, OptionError
from wormio.model import BaseRecording

from wormio_zarr.arrays import ZarrArray
from wormio_zarr.finding import Item, choose, find_items
from wormio_zarr.grid import open_grid
from wormio_zarr.layout import TABLE
from wormio_zarr.nodes import Node, read_node
from wormio_zarr.ome import Axis, Image, letters_of, read_image
from wormio_zarr.options import ZarrOptions
from wormio_zarr.stores import Store, join, open_store
from wormio_zarr.table import is_table, open_table

__all__ = ["contents", "open"]


def contents(path: Path, options: ZarrOptions) -> list[str]:
    """List the recordings of a store, as ``item=`` takes them; empty if there is only one.

    Raises
    ------
    FormatError
        It is no store of Zarr.
    RecordingError
        It is truncated or corrupt.
    """
    found = find_items(open_store(path, trust=options.trust))
    return [item.name for item in found] if len(found) > 1 else []


def open(path: Path, options: ZarrOptions) -> BaseRecording:
    """Open one image of a store. Its chunks are listed, none is read.

    Raises
    ------
    OptionError
        The store holds several recordings, or does not say what the dimensions mean.
    FormatError
        It holds none.
    UnsafeReferenceError, MissingPartError
        A part lies outside the store, or is not there.
    TruncatedRecordingError, CorruptRecordingError
        A file ends too early, or contradicts another.
    UnsupportedCapabilityError
        A codec, a type of pixel or a version is not known.
    """
    store = open_store(path, trust=options.trust)
    item = choose(store, options.dataset, options.item)
    node = _node(store, item.key)
    if item.kind == "array":
        return _plain(store, node, item, options)
    about = store.where(node.files[-1])
    image = read_image(node, item, None, about)
    array_node = _node(store, join(node.key, image.array))
    array = ZarrArray(store, array_node)
    table = read_node(store, join(node.key, TABLE)) if options.frame_table else None
    files = [*node.files, *array_node.files]
    if len(image.axes) != len(array.about.shape):
        raise CorruptRecordingError(
            "the image has another number of axes than its array of dimensions",
            expected=f"{len(array.about.shape)}, one a dimension",
            found=f"{len(image.axes)}",
            path=about,
        )
    if table is not None and is_table(table):
        return open_table(store, image, array, table, files, options)
    return open_grid(store, image, array, files, options)


def _node(store: Store, key: str) -> Node:
    node = read_node(store, key)
    if node is None:
        raise MissingPartError(
            "a group or array of the store is not there",
            expected="zarr.json, .zarray or .zgroup in it",
            path=store.where(key),
            cure="copy the whole store",
        )
    return node


def _plain(store: Store, node: Node, item: Item, options: ZarrOptions) -> BaseRecording:
    """Open an array of which at most the names of its dimensions are known."""
    if node.array is None:
        raise OptionError(
            "option dataset names a group, not an array", found=repr(item.key), path=store.path
        )
    array = ZarrArray(store, node)
    letters = letters_of(array.about.names) or ""
    image = Image(
        array="",
        axes=tuple(Axis(letter=letter) for letter in letters),
        channels=(),
        metadata={"attributes": dict(node.attributes)},
    )
    return open_grid(store, image, array, list(node.files), options)
