"""Values of `wormio.model` in the groups of an HDF5 file: arrays, columns, events, and JSON.

A group has one dataset an array, and ``meta``, JSON, for everything that is no array.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wormio.model import Column, Events, Origin
from wormio.model._fields import plain
from wormio.storage import hdf5

if TYPE_CHECKING:
    import h5py

__all__ = [
    "get_arrays",
    "get_columns",
    "get_events",
    "get_meta",
    "put_arrays",
    "put_columns",
    "put_events",
    "put_meta",
]

_EVENT_ARRAYS = ("count", "frame", "time", "volume", "duration", "error_frames", "status")


def put_events(group: h5py.Group, events: Events) -> None:
    """Write a table of events."""
    put_arrays(group, events, _EVENT_ARRAYS)
    put_meta(
        group, {"properties": put_columns(group.create_group("properties"), events.properties)}
    )


def get_events(group: h5py.Group) -> Events:
    """Read what `put_events` wrote."""
    columns = get_columns(hdf5.get_group(group, "properties"), get_meta(group)["properties"])
    return Events(**get_arrays(group, _EVENT_ARRAYS), properties=columns)


def put_columns(group: h5py.Group, columns: Mapping[str, Column]) -> list[dict[str, str]]:
    """Write columns, numbered, because a column's name may be any text; return all else of them."""
    about = []
    for index, (name, column) in enumerate(columns.items()):
        about.append(
            {
                "name": name,
                "unit": column.unit,
                "origin": column.origin.name,
                "dtype": column.values.dtype.str,
            }
        )
        put = hdf5.put_texts if column.values.dtype.kind == "U" else hdf5.put_array
        put(group, str(index), column.values)
    return about


def get_columns(group: h5py.Group, about: list[dict[str, str]]) -> dict[str, Column]:
    """Read what `put_columns` wrote, given what it returned."""
    columns = {}
    for index, this in enumerate(about):
        dtype = np.dtype(this["dtype"])
        if dtype.kind == "U":
            values = hdf5.get_texts(group, str(index)).astype(dtype)
        else:
            values = hdf5.get_array(group, str(index), dtype)
        columns[this["name"]] = Column(
            values=values, unit=this["unit"], origin=Origin[this["origin"]]
        )
    return columns


def put_arrays(group: h5py.Group, owner: object, names: tuple[str, ...]) -> list[str]:
    """Write the named fields of a value; return the names of those that are None."""
    absent = []
    for name in names:
        values = getattr(owner, name)
        if values is None:
            absent.append(name)
        else:
            hdf5.put_array(group, name, values)
    return absent


def get_arrays(
    group: h5py.Group, names: tuple[str, ...], absent: Container[str] = ()
) -> dict[str, NDArray[Any]]:
    """Read what `put_arrays` wrote; what is not known to be absent must be there."""
    return {name: hdf5.get_array(group, name) for name in names if name not in absent}


def put_meta(group: h5py.Group, meta: Mapping[str, Any]) -> None:
    """Write everything that is no array, as JSON."""
    # A dataset, because an attribute holds at most 64 KiB.
    hdf5.put_texts(group, "meta", json.dumps(meta, default=plain))


def get_meta(group: h5py.Group) -> dict[str, Any]:
    """Read what `put_meta` wrote."""
    return dict(json.loads(hdf5.get_text(group, "meta")))
