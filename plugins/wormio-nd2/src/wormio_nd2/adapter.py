"""Opening Nikon ND2 files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from wormio.formats.stacks import Grid, make_timing, name_channels, planes_per_volume
from wormio.model import (
    BaseRecording,
    Channel,
    Column,
    Finding,
    Flag,
    MissingFrames,
    Origin,
    Source,
    Timeline,
    VoxelSize,
)

from wormio_nd2.chunks import read_chunks
from wormio_nd2.columns import (
    Recorded,
    extra_columns,
    find_z,
    read_columns,
    read_times,
    recorded_times,
)
from wormio_nd2.happenings import make_events
from wormio_nd2.header import Header, read_header
from wormio_nd2.loops import Order, make_order
from wormio_nd2.options import Nd2Options
from wormio_nd2.pixels import make_frames, stored

__all__ = ["contents", "open"]


def contents(path: Path, options: Nd2Options) -> list[str]:
    """List the XY positions of a file, as ``item=`` takes them; empty if there is only one.

    Raises
    ------
    RecordingError
        The file is truncated or corrupt.
    """
    positions = read_header(read_chunks(path)).loops.positions
    return list(positions) if len(positions) > 1 else []


def open(path: Path, options: Nd2Options) -> BaseRecording:
    """Open a file, or one XY position of it. Nothing of the pixels is read.

    Raises
    ------
    OptionError
        The file does not say how many planes a volume has, or holds several positions.
    TruncatedRecordingError
        The file, or the acquisition, was cut off.
    CorruptRecordingError
        The file contradicts itself.
    UnsupportedCapabilityError
        Loops or compression are of a kind that is not read.
    """
    chunks = read_chunks(path)
    header = read_header(chunks)
    order = make_order(header.loops, chunks.number, header.n_images, options, path)
    columns = read_columns(chunks, header.tags)
    findings = [*header.findings, *order.findings]
    timeline, recorded = _timeline(order, header, columns, read_times(chunks), options, findings)
    events = make_events(header.noted, timeline, recorded, findings)
    # Always made, so that a damaged file is one with metadata_only, too.
    frames = make_frames(chunks, order, header.image)
    y, x = header.um
    step = abs(order.loops.z_step) if order.loops.z_step is not None else None
    return BaseRecording(
        source=Source.opened(path, format="nd2", options=options, parts=[path]),
        frames=_missing(path) if options.metadata_only else frames,
        timeline=timeline,
        channels=_channels(header),
        voxel_size=VoxelSize(
            z=options.um_per_plane or step,
            y=options.um_per_pixel or y,
            x=options.um_per_pixel or x,
        ),
        events=events,
        metadata=header.metadata,
        findings=findings,
    )


def _missing(path: Path) -> MissingFrames:
    return MissingFrames(
        "the recording was opened with metadata_only=True",
        str(path),
        "open it without metadata_only to read pixels",
    )


def _channels(header: Header) -> tuple[Channel, ...]:
    listed = header.channels
    return name_channels(listed, [0.0] * header.image.components)


def _timeline(
    order: Order,
    header: Header,
    columns: list[Recorded],
    times: NDArray[np.float64],
    options: Nd2Options,
    findings: list[Finding],
) -> tuple[Timeline, NDArray[np.float64]]:
    """Return the timeline, and the frames' times as recorded (repaired, perhaps not of use)."""
    n_t, n_z = order.number.shape
    shape: tuple[int, ...] = (n_t, n_z, header.image.components)
    per_volume = planes_per_volume(n_z, options)
    time, filled = recorded_times(times, order)
    z = None
    if options.um_per_plane is None or options.z_column is not None:
        z = find_z(columns, order, per_volume, options.z_column, findings)

    def for_channels(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.broadcast_to(values[..., np.newaxis], shape)

    timing = make_timing(
        Grid(
            stored=stored(order, header.image),
            interval=order.loops.interval,
            z_step=order.loops.z_step,
            delta_t=for_channels(time) if len(times) else None,
            position_z=None if z is None else for_channels(z),
            clock=header.clock,
        ),
        options,
    )
    findings += timing.findings
    timeline = timing.timeline
    extra: dict[str, Column] = extra_columns(columns, order.number)
    as_recorded = np.full(order.number.size, np.nan)
    inside = order.number.ravel() < len(times)
    as_recorded[inside] = times[order.number.ravel()[inside]]
    changes: dict[str, Any] = {}
    if timeline.origins["time"] == Origin.MEASURED:
        repaired = np.where(filled.ravel(), int(Flag.TIME_REPAIRED), 0)
        changes = {"raw_time": as_recorded, "flags": timeline.flags | repaired}
    elif inside.any():
        extra["recorded time"] = Column(values=as_recorded, unit="s")
    return attrs.evolve(timeline, extra=extra, **changes), time.ravel()
