"""How signals, event tables and provenances lie in the groups of an HDF5 file.

::

    /signals/<i>     attribute name; data, time, volume, sample_time, valid, voxels, labels, meta
    /events/<i>      one dataset a column, properties/<j>, meta
    /provenance/<i>  volumes, centre_frame, positions/, meta

``meta`` is JSON and holds everything that is no array. Groups are numbered, because a channel's
name may be any text. Tables and provenances that signals share are written once; ``meta`` of a
signal says which are its own.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError
from wormio.model import Channel, Column, Events, Origin, Positions
from wormio.signal import _hdf5
from wormio.signal._fields import plain
from wormio.signal.provenance import Provenance
from wormio.signal.signal import Signal, Step

if TYPE_CHECKING:
    import h5py

__all__ = ["get_signals", "put_signals"]

_SIGNAL_ARRAYS = ("data", "time", "volume", "sample_time", "valid", "voxels")
_EVENT_ARRAYS = ("count", "frame", "time", "volume", "duration", "error_frames", "status")
_POSITION_ARRAYS = ("coords", "confidence", "volumes")
_PROVENANCE_ARRAYS = ("volumes", "centre_frame")


def put_signals(file: h5py.File, named: Mapping[str, Signal]) -> None:
    """Write signals by name, and what they share once."""
    signals = file.create_group("signals")
    tables: list[Events] = []
    provenances: list[Provenance] = []
    for index, (name, signal) in enumerate(named.items()):
        group = signals.create_group(str(index))
        group.attrs["name"] = name
        _hdf5.put_texts(group, "labels", signal.labels)
        meta = {
            "absent": _put_arrays(group, signal, _SIGNAL_ARRAYS),
            "channel": attrs.asdict(signal.channel),
            "quantity": signal.quantity,
            "unit": signal.unit,
            "recording": signal.recording,
            "history": [attrs.asdict(step) for step in signal.history],
            "events": {key: _number(tables, table) for key, table in signal.events.items()},
            "provenance": None
            if signal.provenance is None
            else _number(provenances, signal.provenance),
        }
        _put_meta(group, meta)
    group = file.create_group("events")
    for index, table in enumerate(tables):
        _put_events(group.create_group(str(index)), table)
    group = file.create_group("provenance")
    for index, provenance in enumerate(provenances):
        _put_provenance(group.create_group(str(index)), provenance)


def get_signals(file: h5py.File) -> dict[str, Signal]:
    """Read what `put_signals` wrote.

    Raises
    ------
    CorruptRecordingError, UnsafeReferenceError
    Exception
        Whatever h5py, numpy, json or a value's own checks make of other content.
    """
    groups = _hdf5.get_group(file, "signals")
    tables = [_get_events(group) for group in _numbered(file, "events")]
    provenances = [_get_provenance(group) for group in _numbered(file, "provenance")]
    result: dict[str, Signal] = {}
    for index in range(len(groups)):
        group = _hdf5.get_group(groups, str(index))
        meta = _get_meta(group)
        shared = meta["provenance"]
        signal = Signal(
            **_get_arrays(group, _SIGNAL_ARRAYS, meta["absent"]),
            labels=_hdf5.get_texts(group, "labels").tolist(),
            events={name: tables[number] for name, number in meta["events"].items()},
            channel=Channel(**meta["channel"]),
            quantity=meta["quantity"],
            unit=meta["unit"],
            history=[Step(**step) for step in meta["history"]],
            recording=meta["recording"],
            provenance=None if shared is None else provenances[shared],
        )
        result[str(group.attrs["name"])] = signal
    if len(result) != len(groups) or not result:
        raise CorruptRecordingError(
            "the signals have no names of their own", found=f"{list(result)} for {len(groups)}"
        )
    return result


def _put_events(group: h5py.Group, events: Events) -> None:
    _put_arrays(group, events, _EVENT_ARRAYS)
    columns = group.create_group("properties")
    properties = []
    for index, (name, column) in enumerate(events.properties.items()):
        properties.append(
            {
                "name": name,
                "unit": column.unit,
                "origin": column.origin.name,
                "dtype": column.values.dtype.str,
            }
        )
        put = _hdf5.put_texts if column.values.dtype.kind == "U" else _hdf5.put_array
        put(columns, str(index), column.values)
    _put_meta(group, {"properties": properties})


def _get_events(group: h5py.Group) -> Events:
    columns = _hdf5.get_group(group, "properties")
    properties = {}
    for index, about in enumerate(_get_meta(group)["properties"]):
        dtype = np.dtype(about["dtype"])
        if dtype.kind == "U":
            values = _hdf5.get_texts(columns, str(index)).astype(dtype)
        else:
            values = _hdf5.get_array(columns, str(index), dtype)
        properties[about["name"]] = Column(
            values=values, unit=about["unit"], origin=Origin[about["origin"]]
        )
    return Events(**_get_arrays(group, _EVENT_ARRAYS), properties=properties)


def _put_provenance(group: h5py.Group, provenance: Provenance) -> None:
    _put_arrays(group, provenance, _PROVENANCE_ARRAYS)
    positions = provenance.positions
    inner = group.create_group("positions")
    _hdf5.put_texts(inner, "labels", positions.labels)
    meta = {
        "absent": _put_arrays(inner, positions, _POSITION_ARRAYS),
        "z_unit": positions.z_unit,
        "channel": positions.channel,
    }
    _put_meta(inner, meta)
    names = ("source", "recording_id", "options", "versions")
    _put_meta(group, {name: getattr(provenance, name) for name in names})


def _get_provenance(group: h5py.Group) -> Provenance:
    inner = _hdf5.get_group(group, "positions")
    meta = _get_meta(inner)
    positions = Positions(
        **_get_arrays(inner, _POSITION_ARRAYS, meta["absent"]),
        labels=_hdf5.get_texts(inner, "labels").tolist(),
        z_unit=meta["z_unit"],
        channel=meta["channel"],
    )
    return Provenance(
        **{**_get_meta(group), **_get_arrays(group, _PROVENANCE_ARRAYS)}, positions=positions
    )


def _put_arrays(group: h5py.Group, owner: object, names: tuple[str, ...]) -> list[str]:
    """Write the named fields of a value; return the names of those that are None."""
    absent = []
    for name in names:
        values = getattr(owner, name)
        if values is None:
            absent.append(name)
        else:
            _hdf5.put_array(group, name, values)
    return absent


def _get_arrays(
    group: h5py.Group, names: tuple[str, ...], absent: Container[str] = ()
) -> dict[str, NDArray[Any]]:
    """Read what `_put_arrays` wrote; what is not known to be absent must be there."""
    return {name: _hdf5.get_array(group, name) for name in names if name not in absent}


def _put_meta(group: h5py.Group, meta: Mapping[str, Any]) -> None:
    # A dataset, because an attribute holds at most 64 KiB.
    _hdf5.put_texts(group, "meta", json.dumps(meta, default=plain))


def _get_meta(group: h5py.Group) -> dict[str, Any]:
    return dict(json.loads(_hdf5.get_text(group, "meta")))


def _number(known: list[Any], value: object) -> int:
    """Return the place of a value among those seen; a new one is added."""
    for index, other in enumerate(known):
        if other is value or other == value:
            return index
    known.append(value)
    return len(known) - 1


def _numbered(file: h5py.File, name: str) -> list[h5py.Group]:
    parent = _hdf5.get_group(file, name)
    return [_hdf5.get_group(parent, str(index)) for index in range(len(parent))]
