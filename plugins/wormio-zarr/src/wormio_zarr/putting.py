"""Writing the frame table: everything of a recording but its pixels."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray
from wormio.errors import ContractError
from wormio.model import Column, Recording, recording_id

from wormio_zarr.layout import (
    COLUMNS,
    EVENT_COLUMNS,
    FORMAT,
    ORIGIN,
    PLACE,
    SCHEMA_VERSION,
    TABLE,
)
from wormio_zarr.places import Places

if TYPE_CHECKING:
    import zarr

__all__ = ["put_table"]


def put_table(image: zarr.Group, recording: Recording, places: Places) -> None:
    """Write the group ``wormio`` into that of an image.

    Raises
    ------
    ContractError
        The recording's metadata hold what JSON cannot.
    """
    timeline = recording.timeline
    group = image.create_group(TABLE)
    for name in COLUMNS:
        _put(group, name, getattr(timeline, name))
    _put(group, PLACE, places.place)
    about = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "z_unit": timeline.z_unit,
        "origins": {name: origin.name for name, origin in timeline.origins.items()},
        "clock": attrs.asdict(timeline.clock),
        "policy": dict(timeline.policy),
        "extra": _put_further(group, "extra", timeline.extra),
        "channels": [attrs.asdict(channel) for channel in recording.channels],
        "voxel_size": attrs.asdict(recording.voxel_size),
        "events": _put_events(group, recording),
        "findings": [attrs.asdict(finding) for finding in recording.findings],
        **_metadata(recording),
    }
    try:
        # Once through JSON here, so that what is wrong with it is known to be the recording's.
        group.attrs.put(json.loads(json.dumps(about, default=_plain)))
    except (TypeError, ValueError, RecursionError) as error:
        raise ContractError(
            f"something of the recording cannot be written as JSON: {error}",
            expected="metadata and parameters that are JSON-serialisable",
        ) from error


def _metadata(recording: Recording) -> dict[str, Any]:
    import wormio

    metadata = dict(recording.metadata)
    origin: dict[str, Any] = {
        "source": recording.source.to_json(),
        "recording_id": recording_id(recording),
        "wormio": wormio.__version__,
    }
    if ORIGIN in metadata:  # what was written once is written anew
        origin["before"] = metadata.pop(ORIGIN)
    return {"metadata": metadata, "origin": origin}


def _put_events(group: zarr.Group, recording: Recording) -> list[dict[str, Any]]:
    about = []
    for index, (name, events) in enumerate(recording.events.items()):
        # Numbered, because the name of a table may be any text.
        folder = f"events/{index}"
        for column in EVENT_COLUMNS:
            _put(group, f"{folder}/{column}", getattr(events, column))
        further = _put_further(group, f"{folder}/properties", events.properties)
        about.append({"name": name, "properties": further})
    return about


def _put_further(
    group: zarr.Group, folder: str, columns: Mapping[str, Column]
) -> list[dict[str, Any]]:
    """Write columns, numbered; Zarr has no agreed way to store texts, so these go to the JSON."""
    listed: list[dict[str, Any]] = []
    for index, (name, column) in enumerate(columns.items()):
        values = column.values
        about: dict[str, Any] = {
            "name": name,
            "unit": column.unit,
            "origin": column.origin.name,
            "dtype": values.dtype.str,
        }
        if values.dtype.kind == "U":
            about |= {"values": values.ravel().tolist(), "shape": list(values.shape)}
        elif values.dtype.kind == "b":
            _put(group, f"{folder}/{index}", values.view(np.uint8))
        elif values.dtype.kind in "mM":
            _put(group, f"{folder}/{index}", values.view(np.int64))
        else:
            _put(group, f"{folder}/{index}", values)
        listed.append(about)
    return listed


def _put(group: zarr.Group, name: str, values: NDArray[Any]) -> None:
    array = group.create_array(
        name,
        shape=values.shape,
        dtype=values.dtype.newbyteorder("="),
        # In one piece; a length of 0 has no chunk of that length.
        chunks=tuple(max(n, 1) for n in values.shape),
        config={"write_empty_chunks": True},
        fill_value=0,
    )
    if values.size:
        array[...] = values


def _plain(value: object) -> Any:
    """Return numpy scalars, arrays, paths and mappings as JSON's own types."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON-serialisable")
