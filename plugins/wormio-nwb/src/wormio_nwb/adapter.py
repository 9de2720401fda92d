"""Opening an image series of an NWB file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
from wormio.errors import CorruptRecordingError, OptionError
from wormio.formats.stacks import (
    ArrayPlanes,
    Axes,
    Grid,
    StackOptions,
    make_timing,
    name_channels,
)
from wormio.formats.stacks.hdf5 import array_frames, no_frames
from wormio.model import BaseRecording, Finding, Source, VoxelSize
from wormio.storage.foreign_hdf5 import ForeignReader, has, open_foreign

from wormio_nwb.depth import depth_timeline, read_depths
from wormio_nwb.events import read_events
from wormio_nwb.external import is_external, open_external
from wormio_nwb.imaging import read_imaging
from wormio_nwb.multiplane import open_container
from wormio_nwb.parts import Made
from wormio_nwb.reading import Nwb
from wormio_nwb.schema import CONTAINER, DEPTH_SERIES, Schema
from wormio_nwb.series import Series, choose, find_series
from wormio_nwb.times import Times, read_clock, read_times

__all__ = ["contents", "open"]


def contents(path: Path, options: StackOptions) -> list[str]:
    """List the image series of a file, as ``item=`` takes them; empty if there is only one.

    Raises
    ------
    RecordingError
        The file is truncated or corrupt.
    """
    with open_foreign(path) as file:
        nwb = Nwb(file, path.absolute().parent, options.trust)
        found, _ = find_series(nwb, Schema(nwb))
        return [one.name for one in found] if len(found) > 1 else []


def open(path: Path, options: StackOptions) -> BaseRecording:
    """Open one image series of a file.

    Raises
    ------
    OptionError
        The file holds several series, or does not say what the dimensions of this one mean.
    FormatError
        It holds none.
    UnsafeReferenceError, MissingPartError
        The images, or part of them, are in a file outside the folder, or not there.
    TruncatedRecordingError, CorruptRecordingError
        The file ends too early, or contradicts itself.
    UnsupportedCapabilityError
        The images are in external files that are no TIFF, or need a filter that is not installed.
    """
    folder = path.absolute().parent
    with open_foreign(path) as file:
        nwb = Nwb(file, folder, options.trust)
        schema = Schema(nwb)
        series, told = choose(nwb, schema, options.item)
        if series.kind == CONTAINER:
            made = open_container(nwb, schema, series, path, options)
        elif is_external(nwb, series.group):
            made = open_external(nwb, series, path, options)
        else:
            made = _open_array(nwb, schema, series, path, options)
        try:
            events, event_findings = read_events(nwb, made.timeline)
            about = {"path": series.name, **nwb.about(series.group)}
            session = _session(nwb)
        except BaseException:
            made.close()
            raise
    imaging = made.imaging
    return BaseRecording(
        source=Source.opened(
            path,
            format="nwb",
            options=options,
            parts=dict.fromkeys([path.absolute(), *made.parts]),
        ),
        frames=no_frames(path) if options.metadata_only else made.frames,
        timeline=made.timeline,
        channels=made.channels,
        voxel_size=VoxelSize(
            z=options.um_per_plane or (imaging.z if made.z_is_regular else None),
            y=options.um_per_pixel or imaging.y,
            x=options.um_per_pixel or imaging.x,
        ),
        events=events,
        metadata={"session": session, "series": about, "imaging": imaging.about},
        findings=(*told, *imaging.findings, *made.findings, *event_findings),
    )


def _session(nwb: Nwb) -> dict[str, Any]:
    """Return what the file says of the session, the animal and the lab."""
    told = nwb.about(nwb.file)
    if has(nwb.file, "general"):
        general = nwb.group(nwb.file, "general")
        told["general"] = nwb.about(general)
        if has(general, "subject"):
            told["subject"] = nwb.about(nwb.group(general, "subject"))
    return told


def _open_array(
    nwb: Nwb, schema: Schema, series: Series, path: Path, options: StackOptions
) -> Made:
    """Open a series whose images are one array of the file."""
    if not has(series.group, "data"):
        raise CorruptRecordingError(f"{series.name} has no data and names no external file")
    source = nwb.dataset(series.group, "data")
    if source.shape is None or not source.size or source.dtype.kind not in "iuf":
        raise CorruptRecordingError(
            f"{series.name} holds no images",
            expected="numbers",
            found=f"{source.dtype} of shape {source.shape}",
        )
    axes, labels = _axes(nwb, schema, series, source.shape, path, options)
    planes = ArrayPlanes(labels, source.shape)
    n_t, n_z, n_channels = planes.grid
    imaging = read_imaging(nwb, series.group, n_channels)
    is_depth_series = series.kind == DEPTH_SERIES and has(series.group, "depth_per_frame_in_um")
    depths = read_depths(nwb, series.group, n_t) if is_depth_series else None
    times = read_times(nwb, series.group, n_t, n_z, options)
    findings = [*times.findings, *_doubt(nwb, series, planes)]
    reader = ForeignReader(path, folder=nwb.folder, trust=nwb.trust)
    frames = array_frames(source, f"{series.name}/data", planes, reader)
    grid = _grid(
        Grid(
            stored=frames.stored,
            z_step=imaging.z if axes.is_own(labels, "Z") else None,
            clock=read_clock(nwb),
        ),
        times if axes.is_own(labels, "T") else Times(),
        options,
    )
    if depths is not None:
        timing = depth_timeline(grid, depths, options)
    else:
        timing = make_timing(grid, options)
    return Made(
        frames=frames.frames,
        parts=frames.parts,
        timeline=timing.timeline,
        channels=name_channels(imaging.channels, timing.channel_offsets),
        imaging=imaging,
        z_is_regular=depths is None and axes.is_own(labels, "Z"),
        findings=(*frames.findings, *findings, *timing.findings),
    )


def _grid(grid: Grid, times: Times, options: StackOptions) -> Grid:
    """Put the times of a series into the grid of its planes."""
    n_t, n_z, n_channels = grid.stored.shape
    grid = attrs.evolve(grid, interval=times.interval, start=times.start)
    if times.each is None:
        return grid
    if len(times.each) == n_t * n_z:  # one a plane; n_z is 1 where the planes lie along T
        each = times.each.reshape(n_t, n_z, 1)
        return attrs.evolve(grid, delta_t=np.broadcast_to(each, (n_t, n_z, n_channels)))
    return attrs.evolve(grid, volume_time=times.each)


def _axes(
    nwb: Nwb,
    schema: Schema,
    series: Series,
    shape: tuple[int, ...],
    path: Path,
    options: StackOptions,
) -> tuple[Axes, list[str]]:
    choices = schema.letters(series.group, len(shape))
    if not choices and series.kind.startswith("Volumetric"):
        choices = _by_space(nwb, series, shape)
    letters = choices[0] if len(choices) == 1 else None
    if letters is None and options.axes is None and series.kind.startswith("Volumetric"):
        depth_last, depth_first = ("TYXZ", "TZYX") if len(shape) == 4 else ("YXZ", "ZYX")
        raise OptionError(
            f"{series.name} does not say in which order its dimensions are: option axes is missing",
            expected=f"axes={depth_last!r} (ndx-microscopy before 0.4) or axes={depth_first!r}",
            found=f"shape {shape}, and a file without the schema of ndx-microscopy",
            path=path,
        )
    axes = Axes(
        letters=letters or "Q" * len(shape),
        shape=shape,
        named=letters is not None,
        title=f"NWB, {series.name}",
        path=path,
    )
    return axes, axes.label(options.axes)


def _by_space(nwb: Nwb, series: Series, shape: tuple[int, ...]) -> list[str]:
    """Return the orders of a volumetric series that fit the size its imaging space names."""
    about = read_imaging(nwb, series.group, 1).about
    size = about.get("dimensions_in_voxels")
    if not isinstance(size, list) or len(size) != 3:
        return []
    x, y, z = size
    time = "T" if len(shape) == 4 else ""
    orders = {time + "YXZ": (y, x, z), time + "ZYX": (z, y, x)}
    fitting = [letters for letters, sizes in orders.items() if shape[-3:] == sizes]
    return fitting if len(fitting) == 1 else []


def _doubt(nwb: Nwb, series: Series, planes: ArrayPlanes) -> list[Finding]:
    """Tell if the series says that its x and y are swapped."""
    said = nwb.about(series.group).get("dimension")
    if not isinstance(said, list) or len(said) < 2:
        return []
    x, y = said[:2]
    if (x, y) == (planes.width, planes.height) or (x, y) != (planes.height, planes.width):
        return []
    letters = "".join(planes.labels).translate(str.maketrans("XY", "YX"))
    return [
        Finding(
            code="axes-doubtful",
            message=f"dimension says {x} x {y} pixels (x, y), but x and y of the data are "
            f"{planes.width} x {planes.height}: whoever wrote the file may have swapped them",
            cure=f"axes={letters!r} reads it so",
        )
    ]
