"""Several planar series that together make volumes: MultiPlaneMicroscopyContainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from wormio.errors import CorruptRecordingError, UnsupportedCapabilityError
from wormio.formats.stacks import (
    ArrayPlanes,
    Grid,
    StackOptions,
    make_timing,
    name_channels,
    planes_per_volume,
)
from wormio.formats.stacks.hdf5 import decoded_frames, missing_finding
from wormio.model import Origin
from wormio.storage.foreign_hdf5 import ForeignReader, has, written_rows

from wormio_nwb.imaging import Imaging, read_imaging
from wormio_nwb.parts import Made
from wormio_nwb.reading import Nwb
from wormio_nwb.schema import Schema
from wormio_nwb.series import Series
from wormio_nwb.times import Times, read_clock, read_times

__all__ = ["open_container"]

_LABELS = ("T", "Y", "X")


@attrs.frozen(kw_only=True)
class _Plane:
    """One planar series: `name` is the path of its data."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None
    written: NDArray[np.bool_]
    imaging: Imaging
    times: Times


def open_container(
    nwb: Nwb, schema: Schema, series: Series, path: Path, options: StackOptions
) -> Made:
    """Open a container as one recording: T are the images of each series, Z the series.

    The planes follow each other in the order in which they were taken if their times say so, else
    by depth, else by name.

    Raises
    ------
    CorruptRecordingError
        It holds no series, or such that do not fit each other.
    UnsupportedCapabilityError
        Options say of it what only an array can have.
    """
    if options.axes is not None:
        raise UnsupportedCapabilityError(
            "axes= is of arrays; this is a container of planar series",
            cure="item= opens one series of it, with axes=",
        )
    planes = _ordered(_planes(nwb, schema, series, options))
    shapes = {one.shape[1:] for one in planes}
    if len(shapes) != 1 or len({one.dtype for one in planes}) != 1:
        raise CorruptRecordingError(
            f"the planes of {series.name} do not fit each other",
            expected="images of one size and type",
            found="; ".join(f"{one.name}: {one.shape} {one.dtype}" for one in planes[:20]),
        )
    n_t, n_z = max(one.shape[0] for one in planes), len(planes)
    planes_per_volume(n_z, options)  # raises if the options contradict
    stored = np.full((n_t, n_z, 1), -1, np.int64)
    before = 0
    for index, one in enumerate(planes):
        length = one.shape[0]
        stored[:length, index, 0] = np.where(one.written, before + np.arange(length), -1)
        before += length
    timing = make_timing(_grid(nwb, planes, stored), options)
    origins = dict(timing.timeline.origins)
    if origins["z"] == Origin.MEASURED:
        origins["z"] = Origin.NOMINAL  # the place of a plane, not of each of its images
    if origins["time"] == Origin.MEASURED and any(one.times.each is None for one in planes):
        origins["time"] = Origin.NOMINAL
    reader = ForeignReader(path, folder=nwb.folder, trust=nwb.trust)
    frames = decoded_frames(
        ArrayPlanes(_LABELS, (n_t, *planes[0].shape[1:])),
        lambda frame, _channel: (
            planes[frame % n_z].name,
            (frame // n_z, slice(None), slice(None)),
        ),
        written=stored >= 0,
        dtype=planes[0].dtype,
        chunks=planes[0].chunks or (1, *planes[0].shape[1:]),
        reader=reader,
    )
    findings = [found for one in planes for found in (*one.imaging.findings, *one.times.findings)]
    return Made(
        frames=frames,
        parts=(),
        timeline=attrs.evolve(timing.timeline, origins=origins),
        channels=name_channels(planes[0].imaging.channels, timing.channel_offsets),
        imaging=attrs.evolve(planes[0].imaging, z=None, findings=()),
        z_is_regular=False,
        findings=(*dict.fromkeys(findings), *missing_finding(stored >= 0), *timing.findings),
    )


def _planes(nwb: Nwb, schema: Schema, series: Series, options: StackOptions) -> list[_Plane]:
    found = []
    for name in series.group:
        where = f"{series.name}/{name}"
        group = nwb.child(series.group, name)
        if schema.series_kind(group) != "PlanarMicroscopySeries" or not has(group, "data"):
            continue
        source = nwb.dataset(group, "data")
        if source.ndim != 3 or source.dtype.kind not in "iuf" or not source.size:
            raise CorruptRecordingError(
                f"{where} holds no images",
                expected="numbers: frames, rows, columns",
                found=f"{source.dtype} of shape {source.shape}",
            )
        found.append(
            _Plane(
                name=f"{where}/data",
                shape=source.shape,
                dtype=source.dtype,
                chunks=source.chunks,
                written=written_rows(source),
                imaging=read_imaging(nwb, group, 1),
                times=read_times(nwb, group, source.shape[0], 1, options),
            )
        )
    if not found:
        raise CorruptRecordingError(f"{series.name} holds no planar series")
    return found


def _ordered(planes: list[_Plane]) -> list[_Plane]:
    first = [_first_time(one.times) for one in planes]
    if None not in first and len(set(first)) == len(first):
        return sorted(planes, key=lambda one: _first_time(one.times) or 0.0)
    depths = [one.imaging.depth for one in planes]
    if None not in depths and len(set(depths)) == len(depths):
        return sorted(planes, key=lambda one: one.imaging.depth or 0.0)
    return planes


def _first_time(times: Times) -> float | None:
    if times.each is not None and len(times.each):
        return float(times.each[0])
    return times.start if times.interval is not None else None


def _grid(nwb: Nwb, planes: list[_Plane], stored: NDArray[np.int64]) -> Grid:
    n_t, n_z, _ = stored.shape
    delta = np.full((n_t, n_z), np.nan)
    for index, one in enumerate(planes):
        times = one.times
        if times.each is not None:
            delta[: len(times.each), index] = times.each
        elif times.interval is not None:
            delta[:, index] = times.start + np.arange(n_t) * times.interval
    intervals = {one.times.interval for one in planes}
    starts = {_first_time(one.times) for one in planes}
    # Planes that all begin at once have no times of their own, only the volume's.
    own = bool(np.isfinite(delta).any()) and len(starts) == n_z
    depths = [one.imaging.depth for one in planes]
    known = None not in depths
    return Grid(
        stored=stored,
        interval=intervals.pop() if len(intervals) == 1 else None,
        start=planes[0].times.start,
        delta_t=delta[..., np.newaxis] if own else None,
        position_z=np.tile(np.array(depths, float), (n_t, 1))[..., np.newaxis] if known else None,
        clock=read_clock(nwb),
    )
