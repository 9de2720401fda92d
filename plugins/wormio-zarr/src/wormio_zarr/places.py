"""Where the frames of a recording go in an image of OME-Zarr, which has a grid of t and z."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray
from wormio.model import Recording, Timeline

__all__ = ["Places", "make_places"]

# Planes of one slot may differ this much of a step between volumes.
_SAME_PLANE = 0.25


@attrs.frozen(kw_only=True)
class Places:
    """The grid of an image, and where each frame lies in it.

    Parameters
    ----------
    shape : (int, int)
        Lengths of t and z.
    place : (F,) int64
        Index of t times the length of z, plus the index of z; increasing.
    interval : float, optional
        Seconds from t to t; None if unknown.
    start : float
        Seconds at t = 0.
    z_step : float, optional
        Um from plane to plane.
    z_start : float
        Um of plane 0.
    """

    shape: tuple[int, int]
    place: NDArray[np.int64]
    interval: float | None
    start: float
    z_step: float | None
    z_start: float


def make_places(recording: Recording) -> Places:
    """Choose the grid: volumes by planes if they are all alike, else the frames one by one.

    Volumes are alike if every frame lies in one, all have the same number of slots, no slot has
    two frames, and a slot is always at the same z, on planes that rise in equal steps. A plane that
    was dropped leaves a gap. What is not so (sweeps in two directions, frames outside of complete
    volumes, a moving scan) goes frame by frame along t, with one plane of z.
    """
    timeline = recording.timeline
    z_step = recording.voxel_size.z
    n_z = _planes(timeline, z_step)
    if n_z is None:
        interval = timeline.frame_interval
        return Places(
            shape=(len(timeline), 1),
            place=np.arange(len(timeline)),
            interval=interval if interval > 0 else None,
            start=float(timeline.time[0]) if np.isfinite(interval) else 0.0,
            z_step=z_step,
            z_start=0.0,
        )
    interval = timeline.volume_interval
    first = timeline.time[0] - timeline.slot[0] * np.nan_to_num(timeline.frame_interval)
    has_z = timeline.z_unit == "um" and bool(np.isfinite(timeline.z).any())
    lowest = float(np.nanmin(timeline.z)) if has_z else 0.0
    return Places(
        shape=(timeline.n_volumes, n_z),
        place=timeline.volume * n_z + timeline.slot,
        interval=interval if interval > 0 else None,
        start=float(first) if np.isfinite(first) else 0.0,
        z_step=z_step,
        z_start=lowest,
    )


def _planes(timeline: Timeline, z_step: float | None) -> int | None:
    """Return the planes of each volume; None if the volumes are not alike."""
    if not timeline.n_volumes or (timeline.volume < 0).any():
        return None
    n_z = int(timeline.n_slots[0])
    place = timeline.volume * n_z + timeline.slot
    if (timeline.n_slots != n_z).any() or (np.diff(place) <= 0).any():
        return None
    if n_z == 1 or not np.isfinite(timeline.z).any():
        return n_z
    if z_step is None or timeline.z_unit != "um":
        return None
    nominal = timeline.slot * z_step
    away = timeline.z - nominal
    return n_z if np.ptp(away[np.isfinite(away)]) <= 2 * _SAME_PLANE * z_step else None
