"""Everything of a recording but its pixels, in the groups of an HDF5 file: both directions.

``docs/formats/wormio.md`` describes the layout.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from wormio.errors import ContractError, CorruptRecordingError
from wormio.formats.container.names import ORIGIN
from wormio.model import (
    Channel,
    Clock,
    Events,
    Finding,
    Origin,
    Recording,
    Timeline,
    VoxelSize,
    recording_id,
)
from wormio.model._fields import plain
from wormio.storage import hdf5, tables

if TYPE_CHECKING:
    import h5py

__all__ = ["Tables", "get_tables", "put_tables"]

_COLUMNS = (
    "time",
    "z",
    "count",
    "raw_count",
    "raw_time",
    "direction",
    "volumes",
    "volume_counts",
    "stored",
    "flags",
)


@attrs.frozen(kw_only=True)
class Tables:
    """A recording without its pixels."""

    timeline: Timeline
    channels: tuple[Channel, ...]
    voxel_size: VoxelSize
    events: Mapping[str, Events]
    metadata: Mapping[str, Any]
    findings: tuple[Finding, ...]


def put_tables(file: h5py.File, recording: Recording) -> None:
    """Write everything but the pixels.

    Raises
    ------
    ContractError
        Something of it is neither an array nor JSON.
    """
    import wormio

    metadata = dict(recording.metadata)
    origin = {
        "source": recording.source.to_json(),
        "recording_id": recording_id(recording),
        "wormio": wormio.__version__,
    }
    if ORIGIN in metadata:  # a container is converted anew
        origin["before"] = metadata.pop(ORIGIN)
    _put_timeline(file.create_group("timeline"), recording.timeline)
    groups = file.create_group("events")
    for index, events in enumerate(recording.events.values()):
        # Numbered, because the name of a table may be any text.
        tables.put_events(groups.create_group(str(index)), events)
    _put_meta(
        file,
        {
            "channels": [attrs.asdict(channel) for channel in recording.channels],
            "voxel_size": attrs.asdict(recording.voxel_size),
            "events": list(recording.events),
            "findings": [attrs.asdict(finding) for finding in recording.findings],
            "metadata": metadata,
            "origin": origin,
        },
    )


def get_tables(file: h5py.File) -> Tables:
    """Read what `put_tables` wrote.

    Raises
    ------
    CorruptRecordingError, UnsafeReferenceError
        Something is missing, of another kind, or fits no recording.
    """
    meta = tables.get_meta(file)
    names = _take(meta, "events", list)
    groups = hdf5.get_group(file, "events")
    if sorted(groups) != sorted(map(str, range(len(names)))):
        raise CorruptRecordingError(
            "the groups in /events do not fit their names in /meta",
            expected=f"{len(names)} groups, numbered from 0",
            found=", ".join(sorted(groups))[:200] or "none",
        )
    return Tables(
        timeline=_get_timeline(hdf5.get_group(file, "timeline")),
        channels=tuple(Channel(**channel) for channel in _take(meta, "channels", list)),
        voxel_size=VoxelSize(**_take(meta, "voxel_size", dict)),
        events={
            name: tables.get_events(hdf5.get_group(groups, str(index)))
            for index, name in enumerate(names)
        },
        metadata={**_take(meta, "metadata", dict), ORIGIN: _take(meta, "origin", dict)},
        findings=tuple(Finding(**finding) for finding in _take(meta, "findings", list)),
    )


def _put_timeline(group: h5py.Group, timeline: Timeline) -> None:
    tables.put_arrays(group, timeline, _COLUMNS)
    _put_meta(
        group,
        {
            "z_unit": timeline.z_unit,
            "origins": {name: origin.name for name, origin in timeline.origins.items()},
            "clock": attrs.asdict(timeline.clock),
            "policy": dict(timeline.policy),
            "extra": tables.put_columns(group.create_group("extra"), timeline.extra),
        },
    )


def _get_timeline(group: h5py.Group) -> Timeline:
    meta = tables.get_meta(group)
    origins = _take(meta, "origins", dict)
    return Timeline(
        **tables.get_arrays(group, _COLUMNS),
        z_unit=_take(meta, "z_unit", str),
        origins={name: Origin[origin] for name, origin in origins.items()},
        clock=Clock(**_take(meta, "clock", dict)),
        policy=_take(meta, "policy", dict),
        extra=tables.get_columns(hdf5.get_group(group, "extra"), _take(meta, "extra", list)),
    )


def _put_meta(group: h5py.Group, meta: Mapping[str, Any]) -> None:
    try:
        # Once through JSON here, so that what is wrong with it is known to be the recording's.
        plain_meta = json.loads(json.dumps(meta, default=plain))
    except (TypeError, ValueError, RecursionError) as error:
        raise ContractError(
            f"something of the recording cannot be written to {group.name}/meta: {error}",
            expected="metadata and parameters that are JSON-serialisable",
        ) from error
    tables.put_meta(group, plain_meta)


def _take(meta: Mapping[str, Any], name: str, kind: type[dict[Any, Any] | list[Any] | str]) -> Any:
    value = meta.get(name)
    if not isinstance(value, kind):
        raise CorruptRecordingError(
            f"meta lacks {name}, or it is of the wrong kind",
            expected=f"a {kind.__name__}",
            found=repr(value)[:200],
        )
    return value
