"""Repairing counters and times, and joining the rows of a scan to the saved frames.

All of it is O(F log F): 400,000 frames take no longer than reading their tables.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.model import Flag
from wormio.model._rows import search_rows

__all__ = [
    "FrameCounters",
    "join_column",
    "longest_rise",
    "nearest_row",
    "repair",
    "rising_edges",
    "snap",
    "steady_rows",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@attrs.frozen
class FrameCounters:
    """Counter and time of the saved frames after repair.

    Parameters
    ----------
    count : (F,) int64
    time : (F,) float64, optional
    flags : (F,) int64
        COUNT_REPAIRED, TIME_REPAIRED, DUPLICATE.
    """

    count: Ints
    time: Floats | None
    flags: Ints


def repair(count: Ints, time: Floats | None, rules: Collection[str]) -> FrameCounters:
    """Mend counters and times that cameras are known to write wrongly.

    ``late-counter``: where the counter jumps by exactly 2 and then by 0, the first of the two equal
    values is its true value + 1. Its time stamp is its successor's, about one frame late, and is
    interpolated. Every other repeat is a frame that was saved twice.

    ``stuck-time``: of the time stamps that do not increase together, the fewest are distrusted and
    interpolated; one that is far too high costs no other.

    Parameters
    ----------
    count : (F,) int64
        Must not decrease.
    time : (F,) float64, optional
    rules : collection of str
    """
    count = count.copy()
    flags = np.zeros(len(count), np.int64)
    mended = np.zeros(len(count), bool)
    if "late-counter" in rules:
        step = np.diff(count)
        late = np.flatnonzero((step[:-1] == 2) & (step[1:] == 0)) + 1
        count[late] -= 1
        flags[late] |= Flag.COUNT_REPAIRED
        mended[late] = True
    duplicate = np.concatenate([[False], np.diff(count) == 0])
    flags[duplicate] |= Flag.DUPLICATE
    if time is None:
        return FrameCounters(count, None, flags)
    trusted = ~duplicate & ~mended
    if "stuck-time" in rules:
        rows = np.flatnonzero(trusted)
        trusted[:] = False
        trusted[rows[longest_rise(time[rows])]] = True
        mended[rows] |= ~trusted[rows]
    time = time.copy()
    time[mended] = _between(count[mended], count[trusted], time[trusted])
    flags[mended] |= Flag.TIME_REPAIRED
    # A frame saved twice was exposed once.
    time = time[np.maximum.accumulate(np.where(duplicate, 0, np.arange(len(time))))]
    return FrameCounters(count, time, flags)


def _between(count: Ints, known_count: Ints, known_time: Floats) -> Floats:
    """Interpolate; before the first and after the last go on at the usual interval."""
    time = np.interp(count, known_count, known_time)
    if len(known_count) > 1:
        interval = np.median(np.diff(known_time) / np.diff(known_count))
        time += interval * np.minimum(count - known_count[0], 0)
        time += interval * np.maximum(count - known_count[-1], 0)
    return np.asarray(time, np.float64)


def longest_rise(values: Floats) -> Ints:
    """Return the longest set of rows in which values increase; the earliest, if several are.

    Returns
    -------
    (K,) int64
        Row numbers, increasing.
    """
    if (np.diff(values) > 0).all():
        return np.arange(len(values))
    ending = _rises(values)
    starting = _rises(-values[::-1])[::-1]
    rows: list[int] = []
    # A row is in one of the longest sets if what ends there and what starts there make one.
    for row in np.flatnonzero(ending + starting - 1 == ending.max()).tolist():
        if ending[row] == len(rows) + 1 and (not rows or values[row] > values[rows[-1]]):
            rows.append(row)
    return np.array(rows, np.int64)


def _rises(values: Floats) -> Ints:
    """Return the length of the longest increasing set that ends at each row."""
    lowest: list[float] = []  # at [k]: the lowest end of a set of length k + 1
    lengths = []
    for value in values.tolist():
        at = bisect_left(lowest, value)
        lowest[at : at + 1] = [value]
        lengths.append(at + 1)
    return np.array(lengths, np.int64)


def steady_rows(count: Ints) -> Bools:
    """Tell which rows of a scan can be trusted: counter unique, its neighbours one step away.

    Returns
    -------
    (R,) bool
    """
    step = np.diff(count)
    follows = step == 1
    if (step > 0).all():  # no need to look for those that come twice
        steady = np.ones(len(count), bool)
    else:
        _, which, times = np.unique(count, return_inverse=True, return_counts=True)
        steady = times[which] == 1
    steady[1:] &= follows
    steady[:-1] &= follows
    return np.asarray(steady)


def join_column(
    place: NDArray[np.generic],
    scan_place: NDArray[np.generic],
    values: Floats,
    row: Ints | None = None,
) -> tuple[Floats, Bools, Bools]:
    """Give each frame the value of the scan row with its counter (or time).

    Parameters
    ----------
    place : (F,)
        Counters, or times.
    scan_place : (R,)
        Of the scan's rows; increasing, not empty.
    values : (R,) float64
    row : (F,) int64, optional
        What `nearest_row` says of the same places, to ask once for several columns.

    Returns
    -------
    joined : (F,) float64
        Interpolated between rows where a frame has none of its own, NaN outside them.
    interpolated, outside : (F,) bool
    """
    if row is None:
        row = nearest_row(place, scan_place)
    own = np.asarray(scan_place[row] == place)
    outside = np.asarray((place < scan_place[0]) | (place > scan_place[-1]))
    joined = values[row]
    between = ~own & ~outside
    joined[between] = np.interp(place[between], scan_place, values)  # type: ignore[arg-type]
    joined[outside] = np.nan
    return joined, between, outside


def nearest_row(place: NDArray[np.generic], scan_place: NDArray[np.generic]) -> Ints:
    """Return the row of the scan that has a frame's place, or else the next one; (F,) int64."""
    return np.clip(search_rows(scan_place, place), 0, len(scan_place) - 1)


def rising_edges(count: Ints, gate: Bools) -> Ints:
    """Return the counters of the rows in which a gate has just opened."""
    return count[1:][gate[1:] & ~gate[:-1]]


def snap(count: Ints, edges: Ints, seen: tuple[int, int]) -> Ints:
    """Move each counter to the nearest edge, the earlier of two that are equally near.

    One outside `seen`, the first and last counter of the gate's table, has no edge of its own:
    moving it would invent an event.
    """
    if not len(edges):
        return count
    right = np.clip(np.searchsorted(edges, count), 0, len(edges) - 1)
    left = np.maximum(right - 1, 0)
    nearer_left = count - edges[left] <= np.abs(edges[right] - count)
    nearest = np.where(nearer_left, edges[left], edges[right])
    return np.where((count >= seen[0]) & (count <= seen[1]), nearest, count)
