"""Rules that assign frames to volumes. Each is named, so that a recording says which was used.

All of them answer the same question, at which *counter* does each sweep begin, and count complete
volumes only: what lies before the first boundary or after the last belongs to none. A sweep whose
frames were all dropped has nothing to show and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import OptionError
from wormio.model._fields import array_field
from wormio.model._rows import search_rows
from wormio.model.columns import Origin

__all__ = [
    "POLICIES",
    "VolumeAssignment",
    "from_modulo",
    "from_scan",
    "from_volume_index",
    "planar",
    "regular",
    "turning_points",
]

Ints = NDArray[np.int64]


@attrs.frozen(kw_only=True)
class VolumeAssignment:
    """What a policy found.

    Parameters
    ----------
    frames : (V, 2) int64
        Half-open frame ranges of the complete volumes.
    counts : (V, 2) int64
        The same as half-open counter ranges; dropped frames are inside them.
    direction : (F,) int8
        +1, -1, or 0 where a policy does not know.
    origin : Origin
    policy : mapping
        Name and parameters, JSON-serialisable.
    """

    frames: Ints = array_field("i8", (None, 2))
    counts: Ints = array_field("i8", (None, 2))
    direction: NDArray[np.int8] = array_field("i1", (None,))
    origin: Origin
    policy: Mapping[str, Any]


def turning_points(
    z: ArrayLike, *, window: int = 7, order: int = 2, min_swing: float = 0.05
) -> tuple[Ints, NDArray[Any]]:
    """Find the rows where the smoothed z turns.

    The monitor's noise makes the sign of a plain difference useless near the turning points, so z
    is smoothed first (Savitzky & Golay, Anal. Chem. 36:1627, 1964).

    Parameters
    ----------
    z : (R,) array_like
        Scan monitor, one row a trigger, without NaN.
    window, order : int
        Of the Savitzky-Golay filter.
    min_swing : float
        Smaller turns back and forth, as a share of the whole range of z, are no sweeps: the
        filter overshoots where a ramp meets a plateau.

    Returns
    -------
    rows : (K,) int64
        Rows of the extrema; each is the first row of the sweep that follows.
    direction : (R,) int8
        +1 or -1: whether z rises or falls in the sweep a row belongs to.
    """
    from scipy.signal import savgol_filter

    z = np.asarray(z, dtype=float)
    if len(z) < max(window, 3):
        return np.zeros(0, np.int64), np.zeros(len(z), np.int8)
    smooth = savgol_filter(z, window, order)
    sign = np.sign(np.diff(smooth)).astype(np.int8)
    moving = np.flatnonzero(sign)
    if not len(moving):
        return np.zeros(0, np.int64), np.zeros(len(z), np.int8)
    if len(moving) < len(sign):
        # A plateau belongs to the sweep before it; one at the very start, to the first sweep.
        last_moving = np.maximum.accumulate(np.where(sign != 0, np.arange(len(sign)), 0))
        sign = sign[np.maximum(last_moving, moving[0])]
    # sign[i] is the step from row i to row i + 1, so row i carries the step that leaves it.
    turns = np.flatnonzero(sign[1:] != sign[:-1]) + 1
    rows = _large_turns(smooth, turns, min_swing * float(np.ptp(smooth)))
    if not len(rows):
        return rows, np.full(len(z), 1 if smooth[-1] > smooth[0] else -1, np.int8)
    turned = np.zeros(len(z), np.int64)
    turned[rows] = 1
    sweep = np.cumsum(turned)
    after_first = 1 if smooth[rows[0]] < smooth[rows[1] if len(rows) > 1 else -1] else -1
    direction = np.where(sweep % 2 == 1, after_first, -after_first)
    return rows, direction.astype(np.int8)


def _large_turns(smooth: NDArray[Any], turns: Ints, swing: float) -> Ints:
    """Leave out turns that z takes back before it has moved by `swing`.

    Extrema alternate, so two neighbours that differ by less cancel each other.
    """
    kept: list[int] = []
    if (np.abs(np.diff(smooth[turns])) >= swing).all():  # as in any clean scan
        kept, turns = turns.tolist(), turns[:0]
    for row in turns.tolist():
        if kept and abs(smooth[row] - smooth[kept[-1]]) < swing:
            kept.pop()
        else:
            kept.append(row)
    # What lies before the first or after the last turn is a flank only if it is long enough.
    if kept and abs(smooth[kept[0]] - smooth[0]) < swing:
        kept = kept[1:]
    if kept and abs(smooth[kept[-1]] - smooth[-1]) < swing:
        kept = kept[:-1]
    return np.array(kept, np.int64)


def from_scan(
    count: ArrayLike,
    z: ArrayLike,
    *,
    scan_count: ArrayLike | None = None,
    window: int = 7,
    order: int = 2,
    min_swing: float = 0.05,
) -> VolumeAssignment:
    """Volumes between the turning points of a scan monitor.

    Parameters
    ----------
    count : (F,) array_like of int
        Counters of the saved frames.
    z : (R,) array_like
        Scan monitor, usable rows only.
    scan_count : (R,) array_like of int, optional
        Counters of the monitor's rows; default: `count`, when the monitor has one row a frame.
    window, order, min_swing
        See `turning_points`.
    """
    count = np.asarray(count, np.int64)
    scan = count if scan_count is None else np.asarray(scan_count, np.int64)
    z = np.asarray(z, dtype=float)
    known = np.isfinite(z)
    scan, z = scan[known], z[known]
    rows, scan_direction = turning_points(z, window=window, order=order, min_swing=min_swing)
    direction = np.zeros(len(count), np.int8)
    if len(scan):
        row = np.clip(search_rows(scan, count, "right") - 1, 0, len(scan) - 1)
        direction = scan_direction[row]
    return _between(
        count,
        scan[rows][:-1],
        scan[rows][1:],
        direction,
        {"name": "from_scan", "window": window, "order": order, "min_swing": min_swing},
    )


def from_volume_index(
    count: ArrayLike, index: ArrayLike, *, scan_count: ArrayLike | None = None
) -> VolumeAssignment:
    """Volumes from a recorded volume label; any rise of the label starts a volume.

    Rows with a negative label belong to none. The first and the last label are left out: nothing
    shows that they are complete.

    Parameters
    ----------
    count : (F,) array_like of int
        Counters of the saved frames.
    index : (R,) array_like of int
        The label, one row a trigger.
    scan_count : (R,) array_like of int, optional
        Counters of the rows of `index`; default: `count`.
    """
    count = np.asarray(count, np.int64)
    scan = count if scan_count is None else np.asarray(scan_count, np.int64)
    label = np.asarray(index, np.int64)
    used = np.flatnonzero(label >= 0)
    rise = np.flatnonzero(np.diff(label[used]) > 0) + 1
    starts = scan[used[rise[:-1]]]
    stops = scan[used[rise[1:] - 1] + 1]  # the row after a volume's last: negative, or the next's
    zeros = np.zeros(len(count), np.int8)
    return _between(count, starts, stops, zeros, {"name": "from_volume_index"})


def from_modulo(
    count: ArrayLike, *, frames_per_volume: float, first: int | None = None
) -> VolumeAssignment:
    """Volumes of a fixed, possibly fractional number of frames.

    Volume k begins at the first counter not below ``first + k * frames_per_volume``, so that a
    fractional number does not drift.

    Parameters
    ----------
    count : (F,) array_like of int
    frames_per_volume : float
        At least 1.
    first : int, optional
        Counter of the first frame of volume 0; default: the first saved frame's.

    Raises
    ------
    OptionError
        `frames_per_volume` is not a number of at least 1.
    """
    if not frames_per_volume >= 1 or not np.isfinite(frames_per_volume):
        raise OptionError(
            "frames_per_volume is impossible",
            expected="a number of at least 1",
            found=repr(frames_per_volume),
        )
    count = np.asarray(count, np.int64)
    begin = int(count[0]) if first is None and len(count) else int(first or 0)
    n_volumes = 0
    if len(count):
        n_volumes = int((int(count[-1]) + 1 - begin) / frames_per_volume + 1e-9)
    bounds = begin + np.ceil(np.arange(max(n_volumes, 0) + 1) * frames_per_volume - 1e-9)
    bounds = bounds.astype(np.int64)
    return _between(
        count,
        bounds[:-1],
        bounds[1:],
        np.zeros(len(count), np.int8),
        {"name": "from_modulo", "frames_per_volume": frames_per_volume, "first": begin},
        origin=Origin.NOMINAL,
    )


def regular(count: ArrayLike, *, planes: int) -> VolumeAssignment:
    """Volumes of exactly `planes` frames, from the first frame on; a rest belongs to none."""
    if planes != int(planes):
        raise OptionError("planes must be a whole number", found=repr(planes))
    found = from_modulo(count, frames_per_volume=planes)
    return attrs.evolve(found, policy={"name": "regular", "planes": int(planes)})


def planar(count: ArrayLike) -> VolumeAssignment:
    """Make each frame a volume of its own: 2-D recordings. One saved twice is one volume."""
    count = np.asarray(count, np.int64)
    index = np.flatnonzero(np.concatenate([[True], np.diff(count) > 0])[: len(count)])
    return VolumeAssignment(
        frames=np.stack([index, index + 1], axis=1),
        counts=np.stack([count[index], count[index] + 1], axis=1),
        direction=np.zeros(len(count), np.int8),
        origin=Origin.MEASURED,
        policy={"name": "planar"},
    )


POLICIES: dict[str, Callable[..., VolumeAssignment]] = {
    "from_scan": from_scan,
    "from_volume_index": from_volume_index,
    "from_modulo": from_modulo,
    "regular": regular,
    "planar": planar,
}
"""The policies by name, as `with_timeline` and a recording's Source know them."""


def _between(
    count: Ints,
    starts: Ints,
    stops: Ints,
    direction: NDArray[np.int8],
    policy: Mapping[str, Any],
    origin: Origin = Origin.INFERRED,
) -> VolumeAssignment:
    """Volumes between counters; one that the saved frames do not span is not complete."""
    if len(count):
        spanned = (starts >= count[0]) & (stops <= count[-1] + 1)
        starts, stops = starts[spanned], stops[spanned]
    frames = np.stack([np.searchsorted(count, starts), np.searchsorted(count, stops)], axis=1)
    saved = frames[:, 1] > frames[:, 0]
    return VolumeAssignment(
        frames=frames[saved],
        counts=np.stack([starts, stops], axis=1)[saved],
        direction=direction,
        origin=origin,
        policy=policy,
    )
