"""Samples at given times, each neuron on its own clock: the arithmetic of `around`.

All neurons are looked up at once, a few events at a time, so that what is worked on stays in the
processor's cache.
"""

from __future__ import annotations

from functools import cached_property
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
    kind = _Lines if lines else _Nearest
    together = is_ordered(traces.clock)
    if together and _look_up(kind(traces, interval, error), target, stop, found):
        return found
    for neuron in range(n_neurons):
        one = traces.one(neuron)
        part = found[0][:, neuron, None], found[1][:, neuron, None], found[2][:, neuron, None]
        if not len(one.clock):
            part[0][:], part[1][:], part[2][:] = np.nan, False, np.nan
        else:
            _look_up(kind(one, interval, error), target, stop, part)
    return found


def _look_up(way: _Nearest | _Lines, target: Floats, stop: Floats, out: Samples) -> bool:
    """Fill `out`, some times at once; do nothing and return False if it would take long."""
    n_rows, n_neurons = way.edges.shape
    edges = way.edges.ravel()
    goals = target + way.shift
    # How many edges lie before each time, at least and at most, over the neurons.
    least = np.searchsorted(way.edges.max(axis=1), goals)
    most = np.searchsorted(way.edges.min(axis=1), goals)
    if n_neurons > 1 and (most - least).max() > _WIDEST:
        return False
    columns = np.arange(n_neurons)
    at_once = max(1, _AT_ONCE // n_neurons)
    for first in range(0, len(target), at_once):
        some = slice(first, first + at_once)
        goal = goals[some, np.newaxis]
        count = least[some, np.newaxis] * n_neurons + columns
        for _ in range(int((most[some] - least[some]).max())):
            before = _take(edges, count) < goal
            if most[some].max() == n_rows:
                before &= count < n_rows * n_neurons
            count += before * n_neurons
        part = out[0][some], out[1][some], out[2][some]
        there = way.fill(part, count, target[some, np.newaxis], stop[some, np.newaxis])
        if not there.all():
            part[0][~there] = part[2][~there] = np.nan
            part[1][~there] = False
    return True


class _Nearest:
    """The samples nearest to times.

    Its edges lie halfway between samples: as many as lie before a time, so many samples are
    passed by. A sample is known by its place in the flat arrays.
    """

    def __init__(self, traces: Traces, interval: float, error: float) -> None:
        self._traces, self._interval, self._error = traces, interval, error
        clock = traces.clock
        self.edges = np.empty_like(clock)
        np.add(clock[1:], clock[:-1], out=self.edges[:-1])
        self.edges[:-1] /= 2
        self.edges[-1] = np.inf
        # Without the margin, rounding would choose between two equally near samples at random.
        self.shift = -error / 2
        self._n = clock.shape[1]
        self._clock, self._data, self._valid = (
            np.ravel(array) for array in (clock, traces.data, traces.valid)
        )

    def fill(self, out: Samples, at: Ints, goal: Floats, stop: Floats) -> Bools:
        """Write data, valid and times of samples; tell whether they may stand for `goal`."""
        data, valid, when = out
        _take(self._data, at, data)
        _take(self._valid, at, valid)
        _take(self._clock, at, when)
        there = np.asarray(np.abs(when - goal) <= self._interval / 2 + self._error)
        if not there.all():
            there |= _take(self._bridged, at + (when < goal) * self._n)
        if (stop < np.inf).any():
            there &= when < stop - self._error
        return there

    @cached_property
    def _bridged(self) -> Bools:
        return _bridged(self._traces, self._interval, self._error).ravel()


class _Lines:
    """The lines between samples; its edges are the samples' own times.

    At a sample's very time that sample stands alone: a NaN beside it does not matter. It is then
    always the one before the time, because of the shift.
    """

    def __init__(self, traces: Traces, interval: float, error: float) -> None:
        clock, data, valid = traces.clock, traces.data, traces.valid
        self.edges, self.shift, self._error = clock, error, error
        self._n = clock.shape[1]
        self._bridged = _bridged(traces, interval, error).ravel()
        # Row r lies before sample r, as in `_bridged`.
        slope = np.zeros((len(clock) + 1, self._n))
        with np.errstate(invalid="ignore", divide="ignore"):  # inf - inf, and equal times
            np.subtract(data[1:], data[:-1], out=slope[1:-1])
            slope[1:-1] /= clock[1:] - clock[:-1]
        both = np.zeros(slope.shape, bool)
        np.logical_and(valid[1:], valid[:-1], out=both[1:-1])
        self._slope, self._both = slope.ravel(), both.ravel()
        self._clock, self._data, self._valid = (np.ravel(array) for array in (clock, data, valid))

    def fill(self, out: Samples, right: Ints, goal: Floats, stop: Floats) -> Bools:
        """Write data, valid and times on the lines that end at samples; tell where there are."""
        data, valid, when = out
        left = right - self._n
        early = _take(self._clock, left)
        there = _take(self._bridged, right)
        _take(self._both, right, valid)
        with np.errstate(invalid="ignore"):  # inf - inf
            np.subtract(goal, early, out=data)
            data *= _take(self._slope, right)
            data += _take(self._data, left)
        when[:] = goal
        alone = early >= goal - self._error
        if left.min() < 0:  # before the first sample, there is none before
            alone &= left >= 0
        if (stop < np.inf).any():
            late = np.where(right < len(self._clock), _take(self._clock, right), np.inf)
            there &= late < stop - self._error
            alone &= early < stop - self._error
        if alone.any():
            np.copyto(data, _take(self._data, left), where=alone)
            np.copyto(valid, _take(self._valid, left), where=alone)
            there |= alone
        return there


def _bridged(traces: Traces, interval: float, error: float) -> Bools:
    """Tell between which samples no volume is missing: (T + 1, N), row r lies before sample r."""
    clock, volume = traces.clock, traces.volume
    result = np.zeros((len(clock) + 1, clock.shape[1]), bool)
    step = clock[1:] - clock[:-1]
    close = np.less_equal(step, _LONGEST_STEP * interval + error, out=result[1:-1])
    if not close.all():
        # On a scan that goes both ways, a neuron near a turning point is seen at intervals that
        # alternate between almost none and almost two.
        adjacent = (np.abs(np.diff(volume)) == 1)[:, np.newaxis]
        close |= adjacent & (step < 2 * interval - error)
    return result


def _take(values: NDArray[Any], index: Ints, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return the values at indices; beyond the ends, those at the ends."""
    # Faster than with a check.
    return np.take(values, index, out=out, mode="clip")
