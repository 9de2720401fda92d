"""How signals, event tables and provenances lie in the groups of an HDF5 file.

::

    /signals/<i>     attribute name; data, time, volume, sample_time, valid, voxels, saturated,
                     background, labels, meta
    /events/<i>      one dataset a column, properties/<j>, meta
    /provenance/<i>  volumes, centre_frame, positions/, meta

``meta`` is JSON and holds everything that is no array. Groups are numbered, because a channel's
name may be any text. Tables and provenances that signals share are written once; ``meta`` of a
signal says which are its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from wormio.errors import CorruptRecordingError
from wormio.model import Channel, Events, Positions
from wormio.signal._fields import ROW_ARRAYS, SAMPLE_ARRAYS
from wormio.signal.provenance import Provenance
from wormio.signal.signal import Signal, Step
from wormio.storage import hdf5
from wormio.storage.tables import (
    get_arrays,
    get_events,
    get_meta,
    put_arrays,
    put_events,
    put_meta,
)

if TYPE_CHECKING:
    import h5py

__all__ = ["get_signals", "put_signals"]

_SIGNAL_ARRAYS = (*ROW_ARRAYS, *SAMPLE_ARRAYS)
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
        hdf5.put_texts(group, "labels", signal.labels)
        meta = {
            "absent": put_arrays(group, signal, _SIGNAL_ARRAYS),
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
        put_meta(group, meta)
    group = file.create_group("events")
    for index, table in enumerate(tables):
        put_events(group.create_group(str(index)), table)
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
    groups = hdf5.get_group(file, "signals")
    tables = [get_events(group) for group in _numbered(file, "events")]
    provenances = [_get_provenance(group) for group in _numbered(file, "provenance")]
    result: dict[str, Signal] = {}
    for index in range(len(groups)):
        group = hdf5.get_group(groups, str(index))
        meta = get_meta(group)
        shared = meta["provenance"]
        signal = Signal(
            **get_arrays(group, _SIGNAL_ARRAYS, meta["absent"]),
            labels=hdf5.get_texts(group, "labels").tolist(),
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


def _put_provenance(group: h5py.Group, provenance: Provenance) -> None:
    put_arrays(group, provenance, _PROVENANCE_ARRAYS)
    positions = provenance.positions
    inner = group.create_group("positions")
    hdf5.put_texts(inner, "labels", positions.labels)
    meta = {
        "absent": put_arrays(inner, positions, _POSITION_ARRAYS),
        "z_unit": positions.z_unit,
        "channel": positions.channel,
    }
    put_meta(inner, meta)
    names = ("source", "recording_id", "options", "versions")
    put_meta(group, {name: getattr(provenance, name) for name in names})


def _get_provenance(group: h5py.Group) -> Provenance:
    inner = hdf5.get_group(group, "positions")
    meta = get_meta(inner)
    positions = Positions(
        **get_arrays(inner, _POSITION_ARRAYS, meta["absent"]),
        labels=hdf5.get_texts(inner, "labels").tolist(),
        z_unit=meta["z_unit"],
        channel=meta["channel"],
    )
    return Provenance(
        **{**get_meta(group), **get_arrays(group, _PROVENANCE_ARRAYS)}, positions=positions
    )


def _number(known: list[Any], value: object) -> int:
    """Return the place of a value among those seen; a new one is added."""
    for index, other in enumerate(known):
        if other is value or other == value:
            return index
    known.append(value)
    return len(known) - 1


def _numbered(file: h5py.File, name: str) -> list[h5py.Group]:
    parent = hdf5.get_group(file, name)
    return [hdf5.get_group(parent, str(index)) for index in range(len(parent))]
