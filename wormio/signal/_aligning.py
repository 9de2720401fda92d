"""Samples at given times, each neuron on its own clock: the arithmetic of `around`.

All neurons are looked up at once, a few events at a time, so that what is worked on stays in the
processor's cache.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = ["Traces", "samples_at"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Found = tuple[Floats, Bools, Floats]

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
) -> Found:
    """Return what was measured at some times, or nearest to them.

    Parameters
    ----------
    traces : Traces
    target : (E, L) float64
    stop : (E,) float64
        Only samples before it are used.
    interval, error : float
        Of the volumes, and what times may be off by, in seconds.
    lines : bool
        Between two samples, instead of the nearest.

    Returns
    -------
    data, valid, time : (E, L, N)
        NaN and False where there is no sample.
    """
    n_events, n_lags = target.shape
    n_neurons = traces.clock.shape[1]
    shape = (n_events, n_lags, n_neurons)
    found = (np.empty(shape), np.empty(shape, bool), np.empty(shape))
    if 0 in shape:
        return found
    if _is_ordered(traces.clock):
        bounds = _bounds(traces.clock, target)
        if (bounds[1] - bounds[0]).max() <= _WIDEST:
            _look_up(traces, target, bounds, stop, interval, error, lines, found)
            return found
    for neuron in range(n_neurons):
        one = traces.one(neuron)
        part = found[0][..., neuron, None], found[1][..., neuron, None], found[2][..., neuron, None]
        if not len(one.clock):
            part[0][:], part[1][:], part[2][:] = np.nan, False, np.nan
        else:
            bounds = _bounds(one.clock, target)
            _look_up(one, target, bounds, stop, interval, error, lines, part)
    return found


def _is_ordered(clock: Floats) -> bool:
    # Not finite: neither less nor more, and so not in order.
    return bool(len(clock) and np.isfinite(clock).all() and (clock[1:] >= clock[:-1]).all())


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
    lines: bool,
    out: Found,
) -> None:
    """Fill `out`, a few events at a time."""
    n_neurons = traces.clock.shape[1]
    columns = np.arange(n_neurons)
    # A row before the first and one after the last, so that every time has two neighbours: row r
    # of these is row r - 1 of the traces.
    clock = _framed(traces.clock, -np.inf, np.inf)
    data = _framed(traces.data, np.nan, np.nan)
    valid = _framed(traces.valid, False, False)
    bridged = _bridged(traces, interval, error).ravel()
    least, most = bounds
    at_once = max(1, _AT_ONCE // (target.shape[1] * n_neurons))
    for first in range(0, len(target), at_once):
        some = slice(first, first + at_once)
        goal = target[some, :, np.newaxis]
        last = (stop[some] - error)[:, np.newaxis, np.newaxis]
        # How many samples lie before each time: the last of them is the earlier neighbour.
        left = least[some, :, np.newaxis] * n_neurons + columns
        for _ in range(int((most[some] - least[some]).max(initial=0))):
            left += (clock.take(left + n_neurons) < goal) * n_neurons
        right = left + n_neurons
        there = bridged.take(left)
        early, late = clock.take(left), clock.take(right)
        if lines:
            # At a sample's very time that sample stands alone: a NaN beside it does not matter.
            on_late = np.abs(late - goal) <= error
            on_early = ~on_late & (np.abs(early - goal) <= error)
            there |= on_late | on_early
            left = np.where(on_late, right, left)
            right = np.where(on_early, left, right)
            early, late = clock.take(left), clock.take(right)
            there &= late < last
            with np.errstate(invalid="ignore", divide="ignore"):  # beyond the ends, and inf - inf
                weight = (goal - early) / (late - early)
                value = (1 - weight) * data.take(left) + weight * data.take(right)
            alone = on_late | on_early
            np.copyto(value, data.take(left), where=alone)
            measured = valid.take(left) & valid.take(right)
            when = np.broadcast_to(goal, value.shape)
        else:
            # Without the margin, rounding would choose between two equally near at random.
            later = late - goal < goal - early - error
            at = left + later * n_neurons
            when = clock.take(at)
            there |= np.abs(when - goal) <= interval / 2 + error
            there &= when < last
            value, measured = data.take(at), valid.take(at)
        out[0][some], out[2][some] = value, when
        np.logical_and(there, measured, out=out[1][some])
        if not there.all():
            out[0][some][~there] = out[2][some][~there] = np.nan


def _framed(array: NDArray[Any], before: Any, after: Any) -> NDArray[Any]:
    """Return an array, flat, with one more row at either end."""
    result = np.empty((len(array) + 2, array.shape[1]), array.dtype)
    result[0], result[1:-1], result[-1] = before, array, after
    return result.ravel()


def _bridged(traces: Traces, interval: float, error: float) -> Bools:
    """Tell between which rows no volume is missing: (T + 1, N), row r lies before sample r."""
    clock, volume = traces.clock, traces.volume
    step = np.diff(clock, axis=0)
    # On a scan that goes both ways, a neuron near a turning point is seen at intervals that
    # alternate between almost none and almost two.
    adjacent = (np.abs(np.diff(volume)) == 1)[:, np.newaxis]
    close = (step <= _LONGEST_STEP * interval + error) | (adjacent & (step < 2 * interval - error))
    result = np.zeros((len(clock) + 1, clock.shape[1]), bool)
    result[1:-1] = close
    return result
