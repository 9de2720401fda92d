"""Which frames of several cameras belong together: by hardware counter, or by time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError
from wormio.model.columns import Flag
from wormio.model.timeline import Timeline

__all__ = ["Pairing", "by_count", "by_time", "single_rows", "time_at"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@attrs.frozen(kw_only=True)
class Pairing:
    """The frames of the result, K of them.

    Parameters
    ----------
    count : (K,) int64
        On the counter of the first camera, strictly rising.
    rows : list of (K,) int64
        For each camera its own frame, -1 where it saved none.
    begin, stop : int
        Half-open stretch of the counter in which all cameras were running.
    """

    count: Ints
    rows: list[Ints]
    begin: int
    stop: int


def by_count(timelines: Sequence[Timeline]) -> Pairing:
    """Pair frames of equal counter.

    Raises
    ------
    OptionError
        The cameras never ran at the same time.
    """
    rows = [single_rows(t) for t in timelines]
    if not all(map(len, rows)):
        raise _apart(timelines, "count")
    covers = [_cover(t) for t in timelines]
    begin, stop = max(c[0] for c in covers), min(c[1] for c in covers)
    count = np.unique(np.concatenate([t.count[r] for t, r in zip(timelines, rows, strict=True)]))
    count = count[(count >= begin) & (count < stop)]
    if not len(count):
        raise _apart(timelines, "count")
    matched = [_equal(t.count, r, count) for t, r in zip(timelines, rows, strict=True)]
    return Pairing(count=count, rows=matched, begin=begin, stop=stop)


def by_time(timelines: Sequence[Timeline], limit: float | None = None) -> Pairing:
    """Pair the frames that are nearest in time; none is used twice.

    Parameters
    ----------
    timelines : sequence of Timeline
        The first one's counter says which frames it dropped; those are filled from the others.
    limit : float, optional
        Seconds between two frames that still are a pair; default: half a frame interval.

    Raises
    ------
    OptionError
        The cameras never ran at the same time.
    """
    lead, *others = timelines
    if not all(map(len, timelines)):
        raise _apart(timelines, "time")
    half = _interval(lead) / 2
    limit = half if limit is None else limit
    begin, stop = _shared_stretch(timelines, half)
    own = single_rows(lead)
    counts = lead.count[own]
    dropped = [_between(lead, o.time[single_rows(o)], begin, stop) for o in others]
    count = np.unique(
        np.concatenate([counts[(counts >= begin) & (counts < stop)], *dropped]).astype(np.int64)
    )
    want = time_at(lead, count)
    rows = [_equal(lead.count, own, count)]
    rows += [_nearest(o.time, single_rows(o), want, limit) for o in others]
    saved = np.any([r >= 0 for r in rows], axis=0)
    if not saved.any():
        raise _apart(timelines, "time")
    return Pairing(count=count[saved], rows=[r[saved] for r in rows], begin=begin, stop=stop)


def single_rows(timeline: Timeline) -> Ints:
    """Return the frames without second copies of one that is there."""
    single = (timeline.flags & Flag.DUPLICATE) == 0
    single[:1] = True
    return np.flatnonzero(single)


def time_at(timeline: Timeline, count: NDArray[Any]) -> Floats:
    """Return the time at any counter: between frames interpolated, outside at the usual rate."""
    rows = single_rows(timeline)
    have, time = timeline.count[rows], timeline.time[rows]
    found: Floats = np.interp(count, have, time)
    step = _interval(timeline)
    before, after = count < have[0], count > have[-1]
    found[before] = time[0] + (count[before] - have[0]) * step
    found[after] = time[-1] + (count[after] - have[-1]) * step
    return found


def _interval(timeline: Timeline) -> float:
    interval = timeline.frame_interval
    return interval if math.isfinite(interval) else 0.0


def _cover(timeline: Timeline) -> tuple[int, int]:
    """Return the counters during which a camera ran: a complete volume may begin with a drop."""
    begin, stop = int(timeline.count[0]), int(timeline.count[-1]) + 1
    can_extend = _interval(timeline) > 0 or np.isnan(timeline.time).all()
    if timeline.n_volumes and can_extend:
        begin = min(begin, int(timeline.volume_counts[0, 0]))
        stop = max(stop, int(timeline.volume_counts[-1, 1]))
    return begin, stop


def _shared_stretch(timelines: Sequence[Timeline], half: float) -> tuple[int, int]:
    """Return the leader's counters while all cameras ran, which their clocks tell."""
    ends = np.array([time_at(t, np.array(_cover(t)) - [0, 1]) for t in timelines])
    first, last = ends[:, 0].max() - half, ends[:, 1].min() + half
    lead = timelines[0]
    begin, stop = _cover(lead)
    if ends[0, 0] < first:
        begin = math.ceil(float(_count_at(lead, np.array([first]))[0]))
    if ends[0, 1] > last:
        stop = math.floor(float(_count_at(lead, np.array([last]))[0])) + 1
    return begin, stop


def _count_at(timeline: Timeline, time: Floats) -> Floats:
    """Return where times lie on the counter, as fractions; the inverse of `time_at`."""
    rows = single_rows(timeline)
    have, count = timeline.time[rows], timeline.count[rows]
    found = np.interp(time, have, count)
    step = _interval(timeline)
    if step > 0:
        before, after = time < have[0], time > have[-1]
        found[before] = count[0] + (time[before] - have[0]) / step
        found[after] = count[-1] + (time[after] - have[-1]) / step
    return found


def _between(lead: Timeline, time: Floats, begin: int, stop: int) -> Ints:
    """Return the counters that the leader dropped and another camera may have saved."""
    near = np.rint(_count_at(lead, time))
    near = near[(near >= begin) & (near < stop)].astype(np.int64)
    return np.setdiff1d(near, lead.count)


def _equal(have: Ints, rows: Ints, want: Ints) -> Ints:
    """Return for each counter the row that has it, or -1."""
    at = np.clip(np.searchsorted(have[rows], want), 0, len(rows) - 1)
    return np.where(have[rows][at] == want, rows[at], -1)


def _nearest(time: Floats, rows: Ints, want: Floats, limit: float) -> Ints:
    """Return for each time the row nearest to it, or -1; a tie goes to the earlier row."""
    have = time[rows]
    right = np.clip(np.searchsorted(have, want), 0, len(have) - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(np.abs(want - have[left]) <= np.abs(have[right] - want), left, right)
    distance = np.abs(have[nearest] - want)
    found = np.where(distance <= limit, rows[nearest], -1)
    # Two frames never share one image: it goes to the nearer one.
    taken = np.argsort(distance, kind="stable")
    taken = taken[found[taken] >= 0]
    _, first = np.unique(found[taken], return_index=True)
    result = np.full(len(want), -1)
    result[taken[first]] = found[taken[first]]
    return result


def _apart(timelines: Sequence[Timeline], on: str) -> OptionError:
    return OptionError(
        f"no frames belong together by {on}",
        expected="recordings that overlap",
        found="; ".join(
            f"counters {t.count[0]} to {t.count[-1]}, {t.time[0]:g} to {t.time[-1]:g} s"
            if len(t)
            else "no frames"
            for t in timelines
        ),
    )
