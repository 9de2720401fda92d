"""Opening a NeRVE folder."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import MissingPartError
from wormio.formats.links import inside
from wormio.formats.nerve.crops import find_crops
from wormio.formats.nerve.frames import find_frame_file, make_frames, match_rows
from wormio.formats.nerve.hires import read_hires
from wormio.formats.nerve.names import ALIGNMENTS, CAMERA_TABLE, DAQ_TABLE, TIMING, named
from wormio.formats.nerve.options import NerveOptions
from wormio.formats.nerve.raw import read_raw
from wormio.formats.nerve.rows import Rows
from wormio.model import (
    BaseRecording,
    Clock,
    Column,
    Events,
    Finding,
    Flag,
    Origin,
    Source,
    Timeline,
    VoxelSize,
    from_scan,
    from_volume_index,
)
from wormio.model.derive import slice_timeline

__all__ = ["open"]

_UNKNOWN = -1
_Number = TypeVar("_Number", np.float64, np.int64)


def open(path: Path, options: NerveOptions) -> BaseRecording:  # noqa: A001 (what openers are called)
    """Open a folder, or the folder of one of its files.

    Raises
    ------
    MissingPartError
        The frame file, or the tables, are not there.
    TruncatedRecordingError
        The frame file ends too early.
    OptionError
        Something is not known: the frame file holds more frames than the tables, ...
    CorruptRecordingError
        The files contradict each other or themselves.
    UnsafeReferenceError
        A file is a link out of the folder; not with ``trust``.
    """
    folder = path if path.is_dir() else path.parent
    names = [entry.name for entry in folder.iterdir()]
    rows = _read_rows(folder, names, options)
    frame_file = find_frame_file(folder, names, options, len(rows.time))
    n_rows, skip, about_frames = match_rows(frame_file, len(rows.time), options)
    found = named(names, ALIGNMENTS)
    alignments = None if found is None else inside(folder, found, trust=options.trust)
    crops = find_crops(
        alignments,
        frame_file.rows,
        frame_file.columns,
        options,
    )
    timeline = _timeline(rows, len(crops.crops), skip, options)
    events = {"flash": _flashes(rows, timeline, skip)} if len(rows.flash) else {}
    findings = [*rows.findings, *about_frames, *crops.findings]
    if options.um_per_volt is None:
        findings.append(
            Finding(
                code="z-uncalibrated",
                message="the folder does not say how many um a volt of the z sensor is",
                cure="--option um_per_volt=NUMBER",
            )
        )
    if n_rows < len(timeline):
        timeline = slice_timeline(timeline, 0, n_rows)
        events = {name: table.on_frames(timeline, 0) for name, table in events.items()}
    parts = [*rows.parts]
    if frame_file.path is not None and not options.metadata_only:
        parts.append(frame_file.path)
    if alignments is not None and crops.meaning.startswith("alignments"):
        parts.append(alignments)
    return BaseRecording(
        source=Source.opened(folder, format="nerve", options=options, parts=parts),
        frames=make_frames(frame_file, crops.crops, n_rows, skip, options),
        timeline=timeline,
        channels=[attrs.evolve(c, offset=options.camera_offset) for c in crops.channels],
        voxel_size=VoxelSize(y=options.um_per_pixel, x=options.um_per_pixel),
        events=events,
        metadata={
            **rows.metadata,
            "frame_file": None if frame_file.path is None else frame_file.path.name,
            "frame_shape": [frame_file.rows, frame_file.columns] if frame_file.rows else None,
            "channels": crops.meaning,
            "crops": [attrs.astuple(crop) for crop in crops.crops],
            "pixel_order": options.pixel_order,
        },
        findings=findings,
    )


def _read_rows(folder: Path, names: list[str], options: NerveOptions) -> Rows:
    timing = named(names, TIMING)
    if timing is not None and not options.raw:
        return read_hires(inside(folder, timing, trust=options.trust))
    camera, daq = named(names, CAMERA_TABLE), named(names, DAQ_TABLE)
    if camera is None or daq is None:
        absent = [w for w, f in ((CAMERA_TABLE, camera), (DAQ_TABLE, daq)) if f is None]
        raise MissingPartError(
            "the times of the frames are missing",
            expected=f"{TIMING}, or both {CAMERA_TABLE} and {DAQ_TABLE}",
            found=f"no {' and no '.join([TIMING, *absent] if timing is None else absent)}",
            path=folder,
            cure="copy the whole folder of the recording",
        )
    return read_raw(*(inside(folder, name, trust=options.trust) for name in (camera, daq)))


def _timeline(rows: Rows, n_channels: int, skip: int, options: NerveOptions) -> Timeline:
    n = len(rows.time)
    count = np.arange(n) if rows.count is None else rows.count
    volts = _late(rows.volts, options.latency, np.nan)
    scanned = from_scan(count, volts)
    assigned = scanned
    if rows.stack is not None:
        labels = _late(_labels(rows.stack), options.latency, _UNKNOWN)
        counted = from_volume_index(count, labels)
        assigned = attrs.evolve(counted, direction=scanned.direction)
    flags = np.where(np.isnan(volts), int(Flag.Z_UNKNOWN), 0)
    missed = int(Flag.TIME_REPAIRED | Flag.Z_INTERPOLATED)
    flags |= np.where(rows.interpolated, missed, 0)
    inside = assigned.frames
    if len(inside):
        flags[: inside[0, 0]] |= int(Flag.INCOMPLETE)
        flags[inside[-1, 1] :] |= int(Flag.INCOMPLETE)
    stored = np.arange(skip, skip + n)[:, np.newaxis] * n_channels + np.arange(n_channels)
    calibration = options.um_per_volt
    return Timeline(
        time=rows.time,
        z=volts if calibration is None else volts * calibration,
        z_unit="V" if calibration is None else "um",
        count=count,
        volumes=inside,
        volume_counts=assigned.counts,
        direction=assigned.direction,
        stored=stored,
        flags=flags,
        extra={
            name: Column(
                values=values,
                unit="counts" if name == "image_sd" else "",
                origin=Origin.MEASURED if name == "image_sd" else Origin.JOINED,
            )
            for name, values in rows.extra.items()
        },
        origins={
            "time": Origin.JOINED,
            "z": Origin.JOINED if np.isfinite(volts).any() else Origin.UNKNOWN,
            "count": Origin.NOMINAL if rows.count is None else Origin.MEASURED,
            "volume": Origin.INFERRED if len(inside) else Origin.UNKNOWN,
            "direction": Origin.INFERRED if assigned.direction.any() else Origin.UNKNOWN,
        },
        clock=Clock(name="daq"),
        policy=dict(assigned.policy) | ({} if rows.stack is None else {"index": "stackIdx"}),
    )


def _labels(stack: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return labels as `from_volume_index` understands them.

    It leaves out the first and the last label. Frames of label 0 at both ends show that their
    neighbours are complete, so they get labels of their own; those in between belong to none.
    """
    inside = np.flatnonzero(stack > 0)
    labels = np.where(stack > 0, stack, _UNKNOWN)
    if len(inside):
        labels[: inside[0]] = 0
        labels[inside[-1] + 1 :] = stack[inside[-1]] + 1
    return labels


def _late(values: NDArray[_Number], latency: int, unknown: float) -> NDArray[_Number]:
    """Give frame f the value of row f - latency."""
    if not latency:
        return values
    late = np.full_like(values, unknown)
    if latency > 0:
        late[latency:] = values[:-latency]
    else:
        late[:latency] = values[-latency:]
    return late


def _flashes(rows: Rows, timeline: Timeline, skip: int) -> Events:
    """Place the flashes; one outside the table keeps a counter outside the recording."""
    row = rows.flash - skip
    n = len(timeline)
    count = np.where(
        row < 0,
        timeline.count[0] + row,
        timeline.count[np.clip(row, 0, n - 1)] + np.maximum(row - (n - 1), 0),
    )
    properties = {"file_frame": Column(values=rows.flash, unit="frames", origin=Origin.INFERRED)}
    return Events.at_counts(timeline, count, properties=properties)
