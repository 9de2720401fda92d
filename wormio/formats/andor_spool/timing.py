"""The timeline of a spool: times of the camera, volumes by counting."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from wormio.formats.andor_spool.options import AndorSpoolOptions
from wormio.formats.andor_spool.scape import RunInfo
from wormio.formats.andor_spool.sifx import Header
from wormio.model import (
    Clock,
    Finding,
    Flag,
    Origin,
    Timeline,
    from_modulo,
    planar,
    regular,
    stored_in_order,
)

__all__ = ["make_timeline"]

# Two rates whose ratio is this near to a whole number were meant to give it.
_WHOLE = 1e-6


def make_timeline(
    header: Header | None,
    info: RunInfo | None,
    shape: tuple[int, int],
    planes: float,
    options: AndorSpoolOptions,
    findings: list[Finding],
) -> Timeline:
    """Make the timeline.

    Parameters
    ----------
    header : Header, optional
    info : RunInfo, optional
    shape : (int, int)
        Frames and channels.
    planes : float
        Frames of a volume.
    options : AndorSpoolOptions
    findings : list of Finding
        What is found is added.
    """
    n_frames, n_channels = shape
    count = np.arange(n_frames)
    if planes == 1:
        volumes = planar(count)
    elif abs(planes - round(planes)) <= _WHOLE * planes:
        volumes = regular(count, planes=round(planes))
    else:
        volumes = from_modulo(count, frames_per_volume=planes)
    time, time_origin, clock = _time(header, info, n_frames, options, findings)
    n_inside = int(volumes.frames[-1, 1]) if len(volumes.frames) else 0
    flags = np.where(count < n_inside, 0, int(Flag.INCOMPLETE))
    direction = np.zeros(n_frames, np.int8)
    z = np.full(n_frames, math.nan)
    if options.um_per_plane is None:
        flags |= int(Flag.Z_UNKNOWN)
    else:
        starts = np.append(volumes.frames[:, 0], n_inside)
        slot = count - starts[np.searchsorted(starts, count, side="right") - 1]
        z = slot * options.um_per_plane
        direction[:n_inside] = planes > 1
    return Timeline(
        time=time,
        z=z,
        direction=direction,
        volumes=volumes.frames,
        volume_counts=volumes.counts,
        stored=stored_in_order(n_frames, n_channels),
        flags=flags,
        origins={
            "time": time_origin,
            "z": Origin.UNKNOWN if options.um_per_plane is None else Origin.USER,
            "volume": volumes.origin if len(volumes.frames) else Origin.UNKNOWN,
            "direction": Origin.USER if direction.any() else Origin.UNKNOWN,
        },
        clock=clock,
        policy=volumes.policy,
    )


def _time(
    header: Header | None,
    info: RunInfo | None,
    n_frames: int,
    options: AndorSpoolOptions,
    findings: list[Finding],
) -> tuple[NDArray[np.float64], Origin, Clock]:
    count = np.arange(n_frames)
    if options.frame_rate is not None:
        return count / options.frame_rate, Origin.USER, Clock(name="nominal")
    if header is not None and n_frames <= header.n_frames:
        if header.ticks is not None and header.tick_ns is not None:
            ticks = header.ticks[:n_frames]
            if (np.diff(ticks) > 0).all():
                time = np.asarray(ticks * (header.tick_ns * 1e-9))
                return time, Origin.MEASURED, Clock(name="camera")
            findings.append(_unusable("the camera's time stamps do not increase"))
        elif header.ticks is not None:
            findings.append(_unusable("the interval of the camera's ticks is not known"))
        if (np.diff(header.microseconds[:n_frames]) > 0).all():
            return (
                np.asarray(header.microseconds[:n_frames] * 1e-6),
                Origin.NOMINAL,
                Clock(name="nominal"),
            )
        findings.append(_unusable("the times computed from the cycle time do not increase"))
    if info is not None and info.frame_rate is not None:
        return count / info.frame_rate, Origin.NOMINAL, Clock(name="nominal")
    return np.full(n_frames, math.nan), Origin.UNKNOWN, Clock()


def _unusable(problem: str) -> Finding:
    return Finding(
        code="times-unusable",
        message=f"{problem}: they are not used",
        cure="give frame_rate=, if it is known",
    )
