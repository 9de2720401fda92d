"""Samples at given times, each neuron on its own clock: the arithmetic of `around`.

All neurons are looked up at once, a few events at a time, so that what is worked on stays in the
processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.signal._clock import is_ordered

__all__ = ["Traces", "samples_at"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Samples = tuple[Floats, Bools, Floats]

# Neighbouring samples farther apart than this many volume intervals have a volume missing between
# them: no line is drawn across, and neither stands for what is there.
_LONGEST_STEP = 1.5
# Samples at once, so that ten arrays of them fit into a cache of a megabyte.
_AT_ONCE = 2**14
# Rows among which a neuron's neighbours of one time may lie, beyond which each neuron is looked up
# on its own: the clocks of the neurons have little to do with each other.
_WIDEST = 8


@attrs.frozen(eq=False)
class Traces:
    """Samples of N neurons in T rows: clock, data and valid are (T, N), volume is (T,)."""

    clock: Floats
    data: Floats
    valid: Bools
    volume: Ints

    def one(self, neuron: int) -> Traces:
        """Return one neuron's samples whose time is known, in the order of their times."""
        rows = np.flatnonzero(np.isfinite(self.clock[:, neuron]))
        rows = rows[np.argsort(self.clock[rows, neuron], kind="stable")]
        at = (rows, slice(neuron, neuron + 1))
        return Traces(self.clock[at], self.data[at], self.valid[at], self.volume[rows])


def samples_at(
    traces: Traces, target: Floats, stop: Floats, interval: float, error: float, *, lines: bool
) -> Samples:
    """Return what was measured at some times, or nearest to them.

    Parameters
    ----------
    traces : Traces
    target, stop : (K,) float64
        Times, and before when the samples used for each must lie.
    interval, error : float
        Of the volumes, and what times may be off by, in seconds.
    lines : bool
        Between two samples, instead of the nearest.

    Returns
    -------
    data, valid, time : (K, N)
        NaN and False where there is no sample.
    """
    n_neurons = traces.clock.shape[1]
    shape = (len(target), n_neurons)
    found = (np.empty(shape), np.empty(shape, bool), np.empty(shape))
    if 0 in shape:
        return found
    pick = _between if lines else _nearest
    if is_ordered(traces.clock):
        bounds = _bounds(traces.clock, target)
        if (bounds[1] - bounds[0]).max() <= _WIDEST:
            _look_up(traces, target, bounds, stop, interval, error, pick, found)
            return found
    for neuron in range(n_neurons):
        one = traces.one(neuron)
        part = found[0][:, neuron, None], found[1][:, neuron, None], found[2][:, neuron, None]
        if not len(one.clock):
            part[0][:], part[1][:], part[2][:] = np.nan, False, np.nan
        else:
            bounds = _bounds(one.clock, target)
            _look_up(one, target, bounds, stop, interval, error, pick, part)
    return found


def _bounds(clock: Floats, target: Floats) -> tuple[Ints, Ints]:
    """Return for each time the least and the greatest count of rows before it, over neurons."""
    return (
        np.searchsorted(clock.max(axis=1), target),
        np.searchsorted(clock.min(axis=1), target),
    )


def _look_up(
    traces: Traces,
    target: Floats,
    bounds: tuple[Ints, Ints],
    stop: Floats,
    interval: float,
    error: float,
    pick: Callable[..., tuple[Floats, Bools, Floats, Bools]],
    out: Samples,
) -> None:
    """Fill `out`, some times at once."""
    n_rows, n_neurons = traces.clock.shape
    least, most = bounds
    # Times near an end are looked up in traces with a row more at either end, so that each has
    # two neighbours; for the others the traces need not be copied.
    inner = (least > 0) & (most < n_rows)
    at_once = max(1, _AT_ONCE // n_neurons)
    for which, framed in ((inner, False), (~inner, True)):
        places = np.flatnonzero(which)
        if not len(places):
            continue
        flat = _flat(traces, framed)
        offset = np.arange(n_neurons) + (0 if framed else -n_neurons)
        for first in range(0, len(places), at_once):
            some: Any = places[first : first + at_once]
            if some[-1] - some[0] == len(some) - 1:
                some = slice(some[0], some[-1] + 1)
            goal = target[some, np.newaxis]
            # How many samples lie before each time: the last of them is the earlier neighbour.
            left = least[some, np.newaxis] * n_neurons + offset
            for _ in range(int((most[some] - least[some]).max())):
                left += (_take(flat.clock, left + n_neurons) < goal) * n_neurons
            last = stop[some, np.newaxis] - error
            value, measured, when, there = pick(flat, left, goal, last, interval, error)
            out[0][some], out[2][some] = value, when
            out[1][some] = measured & there
            if not there.all():
                lost = ~there
                for array in (out[0], out[2]):
                    part = array[some]
                    part[lost] = np.nan
                    array[some] = part


def _nearest(
    flat: _Flat, left: Ints, goal: Floats, last: Floats, interval: float, error: float
) -> tuple[Floats, Bools, Floats, Bools]:
    """Return data, valid and times of the nearest samples, and whether there is one."""
    early, late = _take(flat.clock, left), _take(flat.clock, left + flat.n_neurons)
    there = flat.bridged(left, late - early, interval, error)
    # Without the margin, rounding would choose between two equally near samples at random.
    later = late - goal < (goal - error) - early
    at = left + later * flat.n_neurons
    when = _take(flat.clock, at)
    if not there.all():
        there |= np.abs(when - goal) <= interval / 2 + error
    if (last < np.inf).any():
        there &= when < last
    return _take(flat.data, at), _take(flat.valid, at), when, there


def _between(
    flat: _Flat, left: Ints, goal: Floats, last: Floats, interval: float, error: float
) -> tuple[Floats, Bools, Floats, Bools]:
    """Return data, valid and times on the lines between samples, and whether there is one."""
    right = left + flat.n_neurons
    early, late = _take(flat.clock, left), _take(flat.clock, right)
    step = late - early
    there = flat.bridged(left, step, interval, error)
    with np.errstate(invalid="ignore", divide="ignore"):  # beyond the ends, and inf - inf
        weight = (goal - early) / step
        value = (1 - weight) * _take(flat.data, left) + weight * _take(flat.data, right)
    # At a sample's very time that sample stands alone: a NaN beside it does not matter.
    on_late = late <= goal + error
    alone = on_late | (early >= goal - error)
    if alone.any():
        left = np.where(on_late, right, left)
        right = np.where(alone, left, right)
        late = _take(flat.clock, right)
        np.copyto(value, _take(flat.data, left), where=alone)
        there |= alone
    if (last < np.inf).any():
        there &= late < last
    measured = _take(flat.valid, left) & _take(flat.valid, right)
    return value, measured, np.broadcast_to(goal, value.shape), there


@attrs.frozen(eq=False)
class _Flat:
    """Traces laid out flat: the sample after index i of one neuron is at i + n_neurons."""

    clock: Floats
    data: Floats
    valid: Bools
    volume: Ints
    n_neurons: int

    def bridged(self, left: Ints, step: Floats, interval: float, error: float) -> Bools:
        """Tell where no volume is missing between a sample and the next, `step` s later."""
        close = step <= _LONGEST_STEP * interval + error
        if not close.all():
            # On a scan that goes both ways, a neuron near a turning point is seen at intervals
            # that alternate between almost none and almost two.
            row = left // self.n_neurons
            adjacent = np.abs(self.volume[row + 1] - self.volume[row]) == 1
            close |= adjacent & (step < 2 * interval - error)
        return np.asarray(close)


def _flat(traces: Traces, framed: bool) -> _Flat:
    """Return the traces flat; framed: with a row more at either end, endlessly far away."""
    arrays: tuple[NDArray[Any], ...] = (traces.clock, traces.data, traces.valid)
    volume, n_neurons = traces.volume, traces.clock.shape[1]
    if framed:
        ends = ((-np.inf, np.inf), (np.nan, np.nan), (False, False))
        arrays = tuple(map(_between_ends, arrays, ends))
        volume = np.concatenate([[volume[0] - 3], volume, [volume[-1] + 3]])  # next to none
    clock, data, valid = (np.ravel(array) for array in arrays)
    return _Flat(clock, data, valid, volume, n_neurons)


def _between_ends(array: NDArray[Any], ends: tuple[Any, Any]) -> NDArray[Any]:
    more = np.empty((len(array) + 2, array.shape[1]), array.dtype)
    more[0], more[1:-1], more[-1] = ends[0], array, ends[1]
    return more


def _take(values: NDArray[Any], index: Ints) -> NDArray[Any]:
    """Return the values at indices, all of which are known to be inside."""
    return np.take(values, index, mode="clip")  # faster than with a check
