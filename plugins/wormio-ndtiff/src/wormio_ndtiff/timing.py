"""The timeline of a recording: time, z and volumes of its frames, each with its origin."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from wormio.errors import TruncatedRecordingError
from wormio.formats.stacks import planes_per_volume
from wormio.model import Clock, Column, Finding, Flag, Origin, Timeline, regular

from wormio_ndtiff.clocks import FrameTimes, frame_times
from wormio_ndtiff.frames import Frames, is_last_volume_whole
from wormio_ndtiff.options import NdtiffOptions
from wormio_ndtiff.told import Told, number_of

__all__ = ["Made", "make_timeline", "whole_volumes", "z_step_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_DATE = re.compile(r"(\d{4})[-/](\d\d)[-/](\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?)(?:\s*([+-]\d{4}))?")
# Steps of z that differ by more are no regular planes.
_IRREGULAR = 0.02


@attrs.frozen(kw_only=True, eq=False)
class Made:
    """A timeline and what else follows from the images' words.

    Parameters
    ----------
    frames : Frames
        In the order of the timeline.
    timeline : Timeline
    lag : (C,) float64
        Seconds from a frame's time to each channel's.
    z_step : float, optional
        Um from plane to plane, where all are equal.
    findings : tuple of Finding
    """

    frames: Frames
    timeline: Timeline
    lag: Floats
    z_step: float | None
    findings: tuple[Finding, ...]


def whole_volumes(
    frames: Frames,
    cut: NDArray[np.bool_],
    index_cut: str,
    options: NdtiffOptions,
    path: Path,
) -> tuple[Frames, tuple[Finding, ...]]:
    """Leave out everything from the first volume on of which an image is cut off.

    Parameters
    ----------
    frames : Frames
    cut : (N,) bool
        Images that reach beyond the end of their file.
    index_cut : str
        Why images after the last one are not known; empty if they are.
    options : NdtiffOptions
    path : Path
        Of what is too short.

    Raises
    ------
    TruncatedRecordingError
        An image is cut off and ``allow_truncated`` is not given, or no volume is left.
    """
    if not cut.any() and not index_cut:
        return frames, ()
    if cut.any() and not options.allow_truncated:
        raise TruncatedRecordingError(
            "the index lists images that reach beyond the end of their file",
            expected=f"{len(cut)} images",
            found=f"{int((~cut).sum())} whole images",
            path=path,
            cure="copy the file again, or take the complete volumes with allow_truncated=True",
        )
    n_frames = len(frames.t)
    known = len(np.unique(frames.t)) > 1
    lost = np.where(frames.image >= 0, cut[frames.image], False).any(axis=1)
    whole = frames.at(frames.t < frames.t[lost].min()) if lost.any() else frames
    if index_cut and not lost.any() and not (known and is_last_volume_whole(frames)):
        whole = frames.at(frames.t < frames.t[-1])
    planes = planes_per_volume(frames.n_z, options)
    if planes > 1 and frames.n_z == 1 and len(whole.t):
        end = regular(whole.count, planes=planes).frames
        whole = whole.at(slice(0, int(end[-1, 1]) if len(end) else 0))
    if not len(whole.t):
        raise TruncatedRecordingError("not even one volume is complete", path=path)
    told = (
        f"{int(cut.sum())} images are cut off" if cut.any() else f"the index is short: {index_cut}"
    )
    finding = Finding(
        code="truncated",
        message=f"{told}: the complete volumes are given, {len(whole.t)} of {n_frames} frames",
    )
    return whole, (finding,)


def make_timeline(
    frames: Frames,
    told: Told,
    stored: Ints,
    summary: Mapping[str, Any],
    options: NdtiffOptions,
) -> Made:
    """Make the timeline.

    Parameters
    ----------
    frames : Frames
    told : Told
        What the images say to which ``frames.image`` points.
    stored : (N,) int64
        Number of each image in the index.
    summary : mapping
    options : NdtiffOptions
    """
    findings: list[Finding] = []
    times, clock = _times(frames, told, summary)
    if not frames.in_blocks and (times is None or times.problem):
        frames = frames.as_written()
        times, clock = _times(frames, told, summary)
        findings.append(
            Finding(
                code="no-volumes",
                message="the planes of one time were not taken one after the other: the frames "
                "are in the order in which they were written, and belong to no volume",
            )
        )
        in_volumes = False
    else:
        in_volumes = True
    per_volume = planes_per_volume(frames.n_z, options)
    n = len(frames.t)
    flags = np.zeros(n, np.int64)
    volumes, counts, policy, n_inside = _volumes(frames, per_volume, in_volumes=in_volumes)
    flags[n_inside:] |= int(Flag.INCOMPLETE) if in_volumes else 0
    place = (frames.count - frames.count[0]) % per_volume if frames.n_z == 1 else frames.z
    z, z_origin, z_step = _z(frames, told, place, summary, options, findings)
    flags[np.isnan(z)] |= int(Flag.Z_UNKNOWN)
    time, raw, time_origin = _chosen_time(frames, times, per_volume, options, findings)
    if time_origin == Origin.MEASURED and times is not None:
        flags[times.repaired] |= int(Flag.TIME_REPAIRED)
    else:
        clock = Clock()
    direction = _direction(z, volumes)
    timeline = Timeline(
        time=time,
        raw_time=raw,
        z=z,
        count=frames.count,
        direction=direction,
        volumes=volumes,
        volume_counts=counts,
        stored=np.where(frames.image < 0, -1, stored[frames.image]),
        flags=flags,
        extra=_stage(frames, told),
        origins={
            "time": time_origin,
            "z": z_origin,
            "count": Origin.MEASURED if in_volumes else Origin.NOMINAL,
            "volume": (Origin.NOMINAL if "planes" in policy else Origin.MEASURED)
            if len(volumes)
            else Origin.UNKNOWN,
            "direction": max(z_origin, Origin.INFERRED) if direction.any() else Origin.UNKNOWN,
        },
        clock=clock,
        policy=policy,
    )
    lag = times.lag if time_origin == Origin.MEASURED and times is not None else None
    return Made(
        frames=frames,
        timeline=timeline,
        lag=np.zeros(frames.image.shape[1]) if lag is None else lag,
        z_step=z_step,
        findings=tuple(findings),
    )


def _of_images(frames: Frames, column: Floats) -> Floats:
    """Return a column of the images as (F, C), NaN where there is none."""
    return np.where(frames.image < 0, np.nan, column[frames.image])


def _times(
    frames: Frames, told: Told, summary: Mapping[str, Any]
) -> tuple[FrameTimes | None, Clock]:
    """Return the better of the two clocks that can be used, else the one that is there."""
    zero = float(np.nanmin(told.received, initial=math.inf))
    received = frame_times(_of_images(frames, (told.received - zero) / 1e6), frames.count)
    elapsed = frame_times(_of_images(frames, told.elapsed), frames.count)
    if received is not None and (not received.problem or elapsed is None or elapsed.problem):
        start = (datetime(1970, 1, 1) + timedelta(microseconds=zero)).isoformat()
        return received, Clock(name="Micro-Manager core", start=start)
    told_start = _DATE.search(str(summary.get("StartTime") or summary.get("DateAndTime") or ""))
    begin = None
    if told_start is not None:
        year, month, day, clock, zone = told_start.groups()
        begin = f"{year}-{month}-{day}T{clock}{zone or ''}"
    return elapsed, Clock(name="Micro-Manager", start=begin)


def _chosen_time(
    frames: Frames,
    times: FrameTimes | None,
    per_volume: int,
    options: NdtiffOptions,
    findings: list[Finding],
) -> tuple[Floats, Floats, Origin]:
    nothing = np.full(len(frames.t), math.nan)
    if options.volume_rate is not None:
        time = (frames.count - frames.count[0]) / (per_volume * options.volume_rate)
        return time, time if times is None else times.raw, Origin.USER
    if times is None:
        return nothing, nothing, Origin.UNKNOWN
    if times.problem:
        findings.append(
            Finding(
                code="times-unusable",
                message=f"{times.problem}: the measured times are not used",
                cure="give volume_rate=, if it is known",
            )
        )
        return nothing, times.raw, Origin.UNKNOWN
    findings.append(
        Finding(
            code="computer-clock",
            message="the times are those at which the computer received each image: they lie "
            "after the exposure, and jitter",
        )
    )
    n = int(times.repaired.sum())
    if n:
        findings.append(
            Finding(
                code="times-repaired",
                message=f"{n} of {len(times.time)} times were missing or did not increase: they "
                "are interpolated and flagged",
            )
        )
    return times.time, times.raw, Origin.MEASURED


def _z(
    frames: Frames,
    told: Told,
    place: Ints,
    summary: Mapping[str, Any],
    options: NdtiffOptions,
    findings: list[Finding],
) -> tuple[Floats, Origin, float | None]:
    """Return z, its origin, and the step from plane to plane."""
    step = number_of(summary, "z-step_um")
    step_told = abs(step) if math.isfinite(step) and step else None
    if options.um_per_plane is not None:
        given: Floats = (place * options.um_per_plane).astype(np.float64)
        return given, Origin.USER, options.um_per_plane
    measured, intended = (_first_known(_of_images(frames, c)) for c in (told.z, told.z_intended))
    z, origin = measured, Origin.MEASURED
    # Where the drive was sent to is no measurement of where it was.
    if np.isfinite(intended).sum() > np.isfinite(measured).sum():
        z, origin = intended, Origin.NOMINAL
    n_unknown = int(np.isnan(z).sum())
    if n_unknown < len(z):
        if n_unknown:
            findings.append(
                Finding(
                    code="z-partial",
                    message=f"{n_unknown} of {len(z)} frames have no position of z",
                )
            )
        return z, origin, z_step_of(z, frames.z) or (step_told if frames.n_z == 1 else None)
    if step_told is not None and (frames.n_z > 1 or options.planes):
        nominal: Floats = (place * step).astype(np.float64)
        return nominal, Origin.NOMINAL, step_told
    if frames.n_z > 1 or (options.planes or 1) > 1:
        findings.append(
            Finding(
                code="z-unknown",
                message="the data set does not say how far its planes are from each other",
                cure="give um_per_plane=",
            )
        )
    return z, Origin.UNKNOWN, step_told


def _first_known(columns: Floats) -> Floats:
    """Return the first number of each row: all channels of a frame are at one place."""
    known = np.isfinite(columns)
    first: Floats = columns[np.arange(len(columns)), known.argmax(axis=1)]
    return first


def z_step_of(z: Floats, plane: Ints) -> float | None:
    """Return the distance of neighbouring planes in um; None if it is not the same for all."""
    known = np.isfinite(z)
    planes, at = np.unique(plane[known], return_inverse=True)
    if len(planes) < 2:
        return None
    mean = np.bincount(at, z[known]) / np.bincount(at)
    step = np.diff(mean) / np.diff(planes)
    usual = float(np.median(step))
    if not usual or (np.abs(step - usual) > _IRREGULAR * abs(usual)).any():
        return None
    return abs(usual)


def _volumes(
    frames: Frames, per_volume: int, *, in_volumes: bool
) -> tuple[Ints, Ints, Mapping[str, Any], int]:
    """Return the volumes, their counters, the policy, and how many frames they reach."""
    none = np.zeros((0, 2), np.int64)
    if not in_volumes:
        return none, none, {"name": "from_file"}, 0
    if per_volume > frames.n_z:
        found = regular(frames.count, planes=per_volume)
        n_inside = int(found.frames[-1, 1]) if len(found.frames) else 0
        return found.frames, found.counts, found.policy, n_inside
    times, first = np.unique(frames.t, return_index=True)
    volumes = np.stack([first, np.append(first[1:], len(frames.t))], axis=1)
    counts = np.stack([times, times + 1], axis=1) * frames.n_z
    if not is_last_volume_whole(frames):
        volumes, counts = volumes[:-1], counts[:-1]
    n_inside = int(volumes[-1, 1]) if len(volumes) else 0
    return volumes, counts, {"name": "from_file"}, n_inside


def _direction(z: Floats, volumes: Ints) -> NDArray[np.int8]:
    """Return +1 or -1 in the volumes in which z only rises or only falls."""
    direction = np.zeros(len(z), np.int8)
    for first, stop in volumes.tolist():
        step = np.diff(z[first:stop])
        if len(step) and (step > 0).all():
            direction[first:stop] = 1
        elif len(step) and (step < 0).all():
            direction[first:stop] = -1
    return direction


def _stage(frames: Frames, told: Told) -> dict[str, Column]:
    """Return where the stage was, or was sent to, if all frames say so."""
    columns: dict[str, Column] = {}
    for name in ("x_stage", "y_stage"):
        for column, origin in ((name, Origin.MEASURED), (f"{name}_intended", Origin.NOMINAL)):
            values = _first_known(_of_images(frames, getattr(told, column)))
            if np.isfinite(values).all():
                label = f"stage_{name[0]}"
                columns.setdefault(label, Column(values=values, unit="um", origin=origin))
    return columns
