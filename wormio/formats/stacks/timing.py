"""The timeline of a grid of planes: from what was measured, else from steps, else unknown."""

from __future__ import annotations

import math

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError
from wormio.formats.stacks.options import StackOptions
from wormio.model import Clock, Finding, Flag, Origin, Timeline, planar, regular

__all__ = ["Grid", "Timing", "make_timing", "planes_per_volume"]

Floats = NDArray[np.float64]


@attrs.frozen(kw_only=True)
class Grid:
    """Planes by time, z and channel; T is slowest, then Z: that is the order of the frames.

    Parameters
    ----------
    stored : (T, Z, C) int64
        Index of each plane in the file's own order; -1 where it is missing.
    interval : float, optional
        Seconds from one index of T to the next, as the file says.
    z_step : float, optional
        Um from one index of Z to the next, as the file says.
    delta_t, position_z : (T, Z, C) float64, optional
        Measured seconds and um of each plane, NaN where not known.
    clock : Clock, optional
    """

    stored: NDArray[np.int64]
    interval: float | None = None
    z_step: float | None = None
    delta_t: Floats | None = None
    position_z: Floats | None = None
    clock: Clock = Clock()


@attrs.frozen(kw_only=True)
class Timing:
    """A timeline and what else follows from the planes' times.

    Parameters
    ----------
    timeline : Timeline
    channel_offsets : (C,) float64
        Seconds from a frame's time to each channel's.
    findings : tuple of Finding
    """

    timeline: Timeline
    channel_offsets: Floats
    findings: tuple[Finding, ...]


def planes_per_volume(n_z: int, options: StackOptions) -> int:
    """Return the planes of a volume: the length of Z, or the option.

    Raises
    ------
    OptionError
        Both say something.
    """
    if options.planes is None or options.planes == n_z:
        return n_z
    if n_z > 1:
        raise OptionError(
            "option planes contradicts the file",
            expected=f"{n_z}, the length of Z, or nothing",
            found=str(options.planes),
        )
    return options.planes


def make_timing(grid: Grid, options: StackOptions) -> Timing:
    """Make the timeline; one frame is all channels at one (t, z).

    Raises
    ------
    OptionError
        Option planes contradicts the grid.
    """
    n_t, n_z, n_channels = grid.stored.shape
    n_frames = n_t * n_z
    per_volume = planes_per_volume(n_z, options)
    findings: list[Finding] = []
    time, time_origin, channel_offsets = _time(grid, per_volume, options, findings)
    z, z_origin = _z(grid, per_volume, options, findings)
    count = np.arange(n_frames)
    volumes = planar(count) if per_volume == 1 else regular(count, planes=per_volume)
    flags = np.where(np.isnan(z), int(Flag.Z_UNKNOWN), 0)
    n_inside = int(volumes.frames[-1, 1]) if len(volumes.frames) else 0
    flags[n_inside:] |= int(Flag.INCOMPLETE)
    direction = _direction(z, volumes.frames)
    timeline = Timeline(
        time=time,
        z=z,
        direction=direction,
        volumes=volumes.frames,
        volume_counts=volumes.counts,
        stored=grid.stored.reshape(n_frames, n_channels),
        flags=flags,
        origins={
            "time": time_origin,
            "z": z_origin,
            "volume": volumes.origin if len(volumes.frames) else Origin.UNKNOWN,
            "direction": max(z_origin, Origin.INFERRED) if direction.any() else Origin.UNKNOWN,
        },
        clock=grid.clock,
        policy=volumes.policy,
    )
    return Timing(timeline=timeline, channel_offsets=channel_offsets, findings=tuple(findings))


def _time(
    grid: Grid,
    per_volume: int,
    options: StackOptions,
    findings: list[Finding],
) -> tuple[Floats, Origin, Floats]:
    n_t, n_z, n_channels = grid.stored.shape
    index = np.arange(n_t * n_z)
    offsets = np.zeros(n_channels)
    if options.volume_rate is not None:
        return index / (per_volume * options.volume_rate), Origin.USER, offsets
    if grid.delta_t is not None:
        delta = grid.delta_t.reshape(-1, n_channels)
        whole = np.flatnonzero(np.isfinite(delta).all(axis=0))
        reference = delta[:, whole[0]] if len(whole) else None
        if reference is None:
            problem = f"DeltaT is given for {int(np.isfinite(delta).sum())} of {delta.size} images"
        elif (np.diff(reference) <= 0).any():
            at = int(np.flatnonzero(np.diff(reference) <= 0)[0]) + 1
            problem = f"DeltaT does not increase at frame {at} (T slowest, then Z)"
        else:
            for channel in range(n_channels):
                lag = delta[:, channel] - reference
                if np.isfinite(lag).any():
                    offsets[channel] = np.nanmedian(lag)
            return reference.copy(), Origin.MEASURED, offsets
        findings.append(
            Finding(
                code="times-unusable",
                message=f"{problem}: the measured times are not used",
                cure="give volume_rate=, if it is known",
            )
        )
    interval = grid.interval
    # The time of a single stack is not known from the interval between stacks.
    if interval is not None and n_t > 1:
        if n_z > 1:
            findings.append(
                Finding(
                    code="times-spread",
                    message=f"only the interval of volumes is known, {interval:g} s: the times of "
                    "their planes are spread over it evenly",
                )
            )
        return index / n_z * interval, Origin.NOMINAL, offsets
    return np.full(len(index), math.nan), Origin.UNKNOWN, offsets


def _z(
    grid: Grid,
    per_volume: int,
    options: StackOptions,
    findings: list[Finding],
) -> tuple[Floats, Origin]:
    n_t, n_z, n_channels = grid.stored.shape
    index = np.arange(n_t * n_z)
    if options.um_per_plane is not None:
        return index % per_volume * options.um_per_plane, Origin.USER
    if grid.position_z is not None:
        position = grid.position_z.reshape(-1, n_channels)
        known = np.isfinite(position)
        # All channels of a frame are at one place: the first that has it, tells it.
        z = position[index, known.argmax(axis=1)]
        if np.isnan(z).any():
            findings.append(
                Finding(
                    code="z-partial",
                    message=f"{int(np.isnan(z).sum())} of {len(z)} frames have no PositionZ",
                )
            )
        return z, Origin.MEASURED
    step = grid.z_step
    if step is not None:
        return index % n_z * step, Origin.NOMINAL
    if per_volume > 1:
        findings.append(
            Finding(
                code="z-unknown",
                message="the file does not say how far its planes are from each other",
                cure="give um_per_plane=",
            )
        )
    return np.full(len(index), math.nan), Origin.UNKNOWN


def _direction(z: Floats, volumes: NDArray[np.int64]) -> NDArray[np.int8]:
    """Return +1 or -1 in the volumes in which z only rises or only falls."""
    direction = np.zeros(len(z), np.int8)
    for first, stop in volumes:
        step = np.diff(z[first:stop])
        if len(step) and (step > 0).all():
            direction[first:stop] = 1
        elif len(step) and (step < 0).all():
            direction[first:stop] = -1
    return direction
