"""The timeline of a grid of planes: from what was measured, else from steps, else unknown."""

from __future__ import annotations

import math

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError
from wormio.formats.stacks.options import GridOptions
from wormio.model import Clock, Finding, Flag, Origin, Timeline, planar, regular

__all__ = ["Grid", "Timing", "make_timing", "planes_per_volume", "saved_frames"]

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
    start : float
        Seconds at the first index of T, where only `interval` is known.
    delta_t, position_z : (T, Z, C) float64, optional
        Measured seconds and um of each plane, NaN where not known.
    volume_time : (V,) float64, optional
        Measured seconds of each volume, where those of its planes are not known; NaN likewise.
    clock : Clock, optional
    """

    stored: NDArray[np.int64]
    interval: float | None = None
    z_step: float | None = None
    start: float = 0.0
    delta_t: Floats | None = None
    position_z: Floats | None = None
    volume_time: Floats | None = None
    clock: Clock = Clock()


@attrs.frozen(kw_only=True)
class Timing:
    """A timeline and what else follows from the planes' times.

    Parameters
    ----------
    timeline : Timeline
        Without the frames after the last that was saved.
    channel_offsets : (C,) float64
        Seconds from a frame's time to each channel's.
    findings : tuple of Finding
    """

    timeline: Timeline
    channel_offsets: Floats
    findings: tuple[Finding, ...]


def planes_per_volume(n_z: int, options: GridOptions) -> int:
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


def make_timing(grid: Grid, options: GridOptions) -> Timing:
    """Make the timeline; one frame is all channels at one (t, z).

    Raises
    ------
    OptionError
        Option planes contradicts the grid.
    """
    _, n_z, n_channels = grid.stored.shape
    n_frames = saved_frames(grid.stored >= 0)
    per_volume = planes_per_volume(n_z, options)
    findings: list[Finding] = []
    time, time_origin, channel_offsets = _time(grid, per_volume, options, findings)
    z, z_origin = _z(grid, per_volume, options, findings)
    count = np.arange(n_frames)
    volumes = planar(count) if per_volume == 1 else regular(count, planes=per_volume)
    flags = np.where(np.isnan(z), int(Flag.Z_UNKNOWN), 0)
    n_inside = int(volumes.frames[-1, 1]) if len(volumes.frames) else 0
    flags[n_inside:] |= int(Flag.INCOMPLETE)
    stored = grid.stored.reshape(-1, n_channels)[:n_frames]
    if time_origin == Origin.MEASURED and grid.volume_time is None:
        # A frame that was never saved has no time of its own.
        flags |= np.where((stored < 0).all(axis=1), int(Flag.TIME_REPAIRED), 0)
    direction = _direction(z, volumes.frames)
    timeline = Timeline(
        time=time,
        z=z,
        direction=direction,
        volumes=volumes.frames,
        volume_counts=volumes.counts,
        stored=stored,
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


def saved_frames(saved: NDArray[np.bool_]) -> int:
    """Return the number of frames up to the last that was saved; all if none was.

    Parameters
    ----------
    saved : (T, Z, C) bool
        Whether each plane was.
    """
    n_frames = saved.shape[0] * saved.shape[1]
    rows = np.flatnonzero(saved.reshape(n_frames, -1).any(axis=1))
    return int(rows[-1]) + 1 if len(rows) else n_frames


def _time(
    grid: Grid,
    per_volume: int,
    options: GridOptions,
    findings: list[Finding],
) -> tuple[Floats, Origin, Floats]:
    n_t, n_z, n_channels = grid.stored.shape
    index = np.arange(saved_frames(grid.stored >= 0))
    offsets = np.zeros(n_channels)
    if options.volume_rate is not None:
        return index / (per_volume * options.volume_rate), Origin.USER, offsets
    if grid.delta_t is not None:
        delta = grid.delta_t.reshape(-1, n_channels)[index]
        reference = _reference(delta, grid.stored.reshape(-1, n_channels)[index] >= 0)
        if not np.isfinite(reference).all():
            n_known = int(np.isfinite(delta).sum())
            problem = f"a time is given for {n_known} of {delta.size} images"
        elif (np.diff(reference) <= 0).any():
            at = int(np.flatnonzero(np.diff(reference) <= 0)[0]) + 1
            problem = f"the time does not increase at frame {at} (T slowest, then Z)"
        else:
            for channel in range(n_channels):
                lag = delta[:, channel] - reference
                if np.isfinite(lag).any():
                    offsets[channel] = np.nanmedian(lag)
            return reference, Origin.MEASURED, offsets
        findings.append(_unusable(problem))
    if grid.volume_time is not None:
        spread = _spread(grid.volume_time, len(index), per_volume, findings)
        if spread is not None:
            return spread, Origin.MEASURED if per_volume == 1 else Origin.INTERPOLATED, offsets
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
        return grid.start + index / n_z * interval, Origin.NOMINAL, offsets
    return np.full(len(index), math.nan), Origin.UNKNOWN, offsets


def _reference(delta: Floats, saved: NDArray[np.bool_]) -> Floats:
    """Return the time of each frame: of the channel that has most, else of one that has it.

    A frame of which nothing was saved gets its time from its neighbours.
    """
    known = np.isfinite(delta)
    best = int(known.sum(axis=0).argmax())
    reference = delta[:, best].copy()
    for channel in range(delta.shape[1]):
        lag = (delta[:, channel] - delta[:, best])[known[:, channel] & known[:, best]]
        if len(lag):
            fill = np.isnan(reference) & known[:, channel]
            reference[fill] = delta[fill, channel] - np.median(lag)
    there = np.flatnonzero(np.isfinite(reference))
    lost = np.flatnonzero(np.isnan(reference) & ~saved.any(axis=1))
    if len(there):
        lost = lost[(lost > there[0]) & (lost < there[-1])]
        reference[lost] = np.interp(lost, there, reference[there])
    return reference


def _unusable(problem: str) -> Finding:
    return Finding(
        code="times-unusable",
        message=f"{problem}: the measured times are not used",
        cure="give volume_rate=, if it is known",
    )


def _spread(
    volume_time: Floats, n_frames: int, per_volume: int, findings: list[Finding]
) -> Floats | None:
    """Spread the planes of each volume over the time until the next; None if that cannot be."""
    step = np.diff(volume_time)
    if not np.isfinite(volume_time).all():
        n_known = int(np.isfinite(volume_time).sum())
        findings.append(_unusable(f"a time is given for {n_known} of {len(volume_time)} volumes"))
        return None
    if (step <= 0).any():
        at = int(np.flatnonzero(step <= 0)[0]) + 1
        findings.append(_unusable(f"the time does not increase at volume {at}"))
        return None
    if per_volume == 1:
        return volume_time[:n_frames].copy()
    if not len(step):
        findings.append(_unusable("the time of one volume does not say when its planes were taken"))
        return None
    usual = float(np.median(step))
    findings.append(
        Finding(
            code="times-spread",
            message="only the times of volumes are known: each is taken as that of the first "
            f"plane, and the planes are spread evenly up to the next, at most {usual:g} s, the "
            "median interval",
        )
    )
    index = np.arange(n_frames)
    # Frames after the last volume are those of one that the recording cuts off.
    first = np.append(volume_time, volume_time[-1] + usual)
    # Across a pause the planes are not spread: the scan took no longer than ever.
    length = np.append(np.minimum(step, usual), [usual, usual])
    volume = index // per_volume
    spread: Floats = first[volume] + index % per_volume / per_volume * length[volume]
    return spread


def _z(
    grid: Grid,
    per_volume: int,
    options: GridOptions,
    findings: list[Finding],
) -> tuple[Floats, Origin]:
    n_channels = grid.stored.shape[2]
    index = np.arange(saved_frames(grid.stored >= 0))
    if options.um_per_plane is not None:
        return np.asarray(index % per_volume * options.um_per_plane, np.float64), Origin.USER
    if grid.position_z is not None:
        position = grid.position_z.reshape(-1, n_channels)[index]
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
        return np.asarray(index % per_volume * step, np.float64), Origin.NOMINAL
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
    step = np.diff(z)
    first, stop = volumes.T
    for sign in (1, -1):
        # How many of the steps before each frame go that way: differences count those between.
        before = np.concatenate([[0], np.cumsum(sign * step > 0)])
        all_go = (stop - first > 1) & (before[stop - 1] - before[first] == stop - first - 1)
        edges = np.zeros(len(z) + 1, np.int64)
        np.add.at(edges, first[all_go], sign)
        np.add.at(edges, stop[all_go], -sign)
        direction += np.cumsum(edges)[:-1].astype(np.int8)
    return direction
