"""Traces around events, and what is made of them: baselines, gaps, averages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError, SignalError
from wormio.model import Channel
from wormio.model._fields import as_tuple
from wormio.signal._checks import check_choice, check_flag, check_number, check_whole
from wormio.signal._fields import check_shapes, signal_array
from wormio.signal.average import Average
from wormio.signal.history import Step, new_step

__all__ = ["Reduce", "Responses"]

Reduce = Literal["mean", "median"]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Samples that a bootstrap draws at once: 8 bytes each, times a few temporary arrays.
_AT_ONCE = 2**22


@attrs.frozen(kw_only=True, repr=False)
class Responses:
    """Traces around events: E events, L lags, N neurons.

    Parameters
    ----------
    data : (E, L, N) float64
        NaN where there is no sample.
    valid : (E, L, N) bool
        Whether the sample was measured, as in `Signal.valid`, and no step took it out since
        (`Signal.removed`): a spike that was filled in is none. False where there is no sample.
    sample_time : (E, L, N) float64
        When, in seconds of the recording's clock; NaN where there is no sample.
    tau : (L,) float64
        Seconds relative to the event, in steps of the volume interval; 0 is one of them.
    event : (E,) int64
        Row of each event in its table.
    complete : (E,) bool
        Whether the window lies inside the recording and, if it ends at the next event, before it.
    labels : tuple of str
    channel : Channel
    quantity, unit : str
    history : tuple of Step
        That of the signal, then what made these responses.
    recording : str
        Identity of the recording.
    """

    data: Floats = signal_array("f8", 3)
    valid: Bools = signal_array("?", 3)
    sample_time: Floats = signal_array("f8", 3)
    tau: Floats = signal_array("f8", 1)
    event: Ints = signal_array("i8", 1)
    complete: Bools = signal_array("?", 1)
    labels: tuple[str, ...]
    channel: Channel
    quantity: str
    unit: str
    history: tuple[Step, ...] = attrs.field(default=(), converter=as_tuple, repr=False)
    recording: str = ""

    def __attrs_post_init__(self) -> None:
        shape = (len(self.event), len(self.tau), len(self.labels))
        check_shapes(
            self, {"data": shape, "valid": shape, "sample_time": shape, "complete": shape[:1]}
        )

    def __repr__(self) -> str:
        return (
            f"<Responses: {len(self.event)} events x {len(self.tau)} lags x "
            f"{len(self.labels)} neurons, {_span(self.tau)}, channel {self.channel.name!r}>"
        )

    def longest_gap(self) -> Ints:
        """Return the longest run of samples that were not measured, for each event and neuron.

        Lags without a sample (outside the recording, after the next event) are not measured.

        Returns
        -------
        (E, N) int64
            In samples; 0 where all were measured.
        """
        lag = np.arange(len(self.tau))[:, np.newaxis]
        last_valid = np.maximum.accumulate(np.where(self.valid, lag, -1), axis=1)
        return np.asarray((lag - last_valid).max(axis=1, initial=0))

    def without_gaps(self, share: float) -> Responses:
        """Leave out, neuron by neuron, the responses with a gap longer than a share of the window.

        What is left out is NaN and not valid, so that it counts in no average.

        Parameters
        ----------
        share : float
            From 0 to 1: a response is left out if its `longest_gap` is more than ``share * L``
            samples. 0.3: no gap above 30 % of the segment.
        """
        check_number("share", share, 0, 1)
        bad = self.longest_gap() > share * len(self.tau) + 1e-9
        found = {"left_out": int(bad.sum()), "of": int(bad.size)}
        return self._without(bad[:, np.newaxis], "without_gaps", {"share": share}, found)

    def take(self, events: Sequence[int] | NDArray[Any]) -> Responses:
        """Return the responses to some of the events.

        Parameters
        ----------
        events : (K,) int, or (E,) bool
            Places in `event`, for example ``responses.take(responses.complete)``.
        """
        index = np.asarray(events)
        n = len(self.event)
        if index.dtype == bool and index.shape == (n,):
            index = np.flatnonzero(index)
        if index.size == 0:
            index = np.zeros(0, np.int64)
        if (
            index.ndim != 1
            or index.dtype.kind not in "iu"
            or (index >= n).any()
            or (index < -n).any()
        ):
            raise OptionError(
                "events are no places among the responses",
                expected=f"whole numbers below {n}, or {n} truth values",
                found=repr(events)[:200],
            )
        step = new_step("take", {"events": index.tolist()})
        return attrs.evolve(
            self,
            history=(*self.history, step),
            **{
                name: getattr(self, name)[index]
                for name in ("data", "valid", "sample_time", "event", "complete")
            },
        )

    def trim(self) -> Responses:
        """Cut all responses to the lags that every event has: the shortest common length.

        A lag is one that an event has if any neuron has a sample there; of several stretches of
        such lags the one around the event, or else the longest, is kept. ``responses.trim()``
        after ``until="next_event"`` ends all responses with the shortest.

        Raises
        ------
        SignalError
            There is no lag that all events have.
        """
        have = np.asarray(np.isfinite(self.sample_time).any(axis=2).all(axis=0))
        first, stop = _stretch(have, self.tau)
        if first == stop and len(self.event) and self.labels:
            raise SignalError(
                "the responses have no lag in common",
                found=f"{len(self.event)} events",
                cure="leave out the events that the ends cut: responses.take(responses.complete)",
            )
        if not (len(self.event) and self.labels):
            first, stop = 0, len(self.tau)
        step = new_step("trim", {}, {"lags": stop - first})
        return attrs.evolve(
            self,
            data=self.data[:, first:stop],
            valid=self.valid[:, first:stop],
            sample_time=self.sample_time[:, first:stop],
            tau=self.tau[first:stop],
            complete=np.ones(len(self.event), bool),
            history=(*self.history, step),
        )

    def subtract_baseline(
        self, start: float, stop: float, *, reduce: Reduce = "mean", divide: bool = False
    ) -> Responses:
        """Subtract from each response its own baseline.

        Parameters
        ----------
        start, stop : float
            Seconds relative to the event: lags with ``start <= tau < stop``, so that
            ``(-5, 0)`` ends before the event. Only measured samples count.
        reduce : {"mean", "median"}
        divide : bool
            Divide by the baseline as well, which makes ΔF/F: quantity ``"dF/F"``, unit ``""``.

        Returns
        -------
        Responses
            A response without any measured baseline sample, or (with `divide`) with a baseline
            that is not positive, is NaN and not valid: the step's found counts them.

        Raises
        ------
        OptionError
            The window has none of the lags.
        """
        check_number("start", start)
        check_number("stop", stop)
        check_choice("reduce", reduce, Reduce)
        check_flag("divide", divide)
        window = (self.tau >= start - _slack(self.tau)) & (self.tau < stop - _slack(self.tau))
        if not window.any():
            raise OptionError(
                "the baseline has no lag",
                expected=f"a window within {_span(self.tau)}, start < stop",
                found=f"{start} to {stop} s",
            )
        used = self.valid[:, window] & np.isfinite(self.data[:, window])
        level = _reduced(self.data[:, window], used, reduce, axis=1)
        bad = ~np.isfinite(level)
        if divide:
            bad |= ~(level > 0)
        level = np.where(bad, np.nan, level)[:, np.newaxis]
        parameters = {"start": start, "stop": stop, "reduce": reduce, "divide": divide}
        found = {"without_baseline": int(bad.sum())}
        result = self._without(bad[:, np.newaxis], "subtract_baseline", parameters, found)
        data = result.data - level
        if not divide:
            return attrs.evolve(result, data=data)
        return attrs.evolve(result, data=data / level, quantity="dF/F", unit="")

    def average(self) -> Average:
        """Average over events.

        Only measured samples count: filled-in ones are no evidence, and would make the standard
        error too small.
        """
        used = self.valid & np.isfinite(self.data)
        count = used.sum(axis=0)
        mean = _reduced(self.data, used, "mean", axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            squares = np.where(used, self.data - mean, 0) ** 2
            sem = np.sqrt(squares.sum(axis=0) / (count - 1) / count)
        return Average(
            tau=self.tau,
            mean=mean,
            median=_reduced(self.data, used, "median", axis=0),
            sem=np.where(count > 1, sem, np.nan),
            count=count,
            event=self.event,
            labels=self.labels,
            channel=self.channel,
            quantity=self.quantity,
            unit=self.unit,
            history=(*self.history, new_step("average", {})),
            recording=self.recording,
        )

    def confidence(
        self,
        level: float = 0.95,
        *,
        reduce: Reduce = "mean",
        n_resamples: int = 1000,
        seed: int = 0,
    ) -> tuple[Floats, Floats]:
        """Return a bootstrap interval of the average: percentiles over resampled events.

        Events are drawn with replacement, whole, so that lags and neurons stay together
        (Efron & Tibshirani, *An Introduction to the Bootstrap*, 1993, chapter 13). Fewer than
        some ten events make it too narrow.

        Parameters
        ----------
        level : float
            Between 0 and 1.
        reduce : {"mean", "median"}
        n_resamples : int
        seed : int
            The same seed gives the same interval.

        Returns
        -------
        low, high : (L, N) float64
            NaN where fewer than two events have a measured sample.
        """
        check_choice("reduce", reduce, Reduce)
        check_number("level", level, 0, 1, above=True)
        if level == 1:
            raise OptionError("level is no level", expected="between 0 and 1", found=repr(level))
        check_whole("n_resamples", n_resamples, 1, 10**6)
        check_whole("seed", seed, 0, 2**63)
        used = self.valid & np.isfinite(self.data)
        n_events, n_lags, n_neurons = self.data.shape
        low = np.full((n_lags, n_neurons), np.nan)
        high = low.copy()
        enough = used.sum(axis=0) > 1
        if not enough.any():
            return low, high
        drawn = np.random.default_rng(seed).integers(n_events, size=(n_resamples, n_events))
        tails = (50 * (1 - level), 50 * (1 + level))
        values, there = self.data[:, enough], used[:, enough]
        width = max(1, _AT_ONCE // (n_resamples * n_events))
        ends = np.empty((2, values.shape[1]))
        # A sum over drawn events is a product with how often each was drawn.
        often = np.zeros((n_resamples, n_events))
        np.add.at(often, (np.arange(n_resamples)[:, np.newaxis], drawn), 1)
        for first in range(0, values.shape[1], width):
            some, kept = values[:, first : first + width], there[:, first : first + width]
            if reduce == "mean":
                with np.errstate(invalid="ignore", divide="ignore"):
                    means = (often @ np.where(kept, some, 0)) / (often @ kept)
            else:
                means = _reduced(some[drawn], kept[drawn], "median", axis=1)
            ends[:, first : first + width] = np.nanpercentile(means, tails, axis=0)
        low[enough], high[enough] = ends
        return low, high

    def _without(
        self, bad: Bools, name: str, parameters: Mapping[str, Any], found: Mapping[str, Any]
    ) -> Responses:
        step = new_step(name, parameters, found)
        return attrs.evolve(
            self,
            data=np.where(bad, np.nan, self.data),
            valid=self.valid & ~bad,
            history=(*self.history, step),
        )


def _reduced(values: Floats, used: Bools, reduce: str, axis: int) -> Floats:
    """Return mean or median over the used values of an axis; NaN where there is none."""
    count = used.sum(axis=axis)
    if reduce == "mean":
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(used, values, 0).sum(axis=axis) / count)
    if not values.shape[axis]:
        return np.full(count.shape, np.nan)
    # Not used values sort to the end, so that the middle is found by counting.
    ordered = np.sort(np.where(used, values, np.inf), axis=axis)
    high = np.expand_dims(count // 2, axis)
    low = np.expand_dims(np.maximum((count - 1) // 2, 0), axis)
    last = values.shape[axis] - 1
    pair = [np.take_along_axis(ordered, np.minimum(at, last), axis) for at in (low, high)]
    with np.errstate(invalid="ignore"):
        middle = np.squeeze((pair[0] + pair[1]) / 2, axis)
    return np.where(count > 0, middle, np.nan)


def _stretch(have: Bools, tau: Floats) -> tuple[int, int]:
    """Return the run of true lags that holds the event, or else the longest, half-open."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], have.astype(np.int8), [0]])))
    runs = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    if not runs:
        return 0, 0
    zero = int(np.argmin(np.abs(tau)))
    around_event = [run for run in runs if run[0] <= zero < run[1]]
    return around_event[0] if around_event else max(runs, key=lambda run: run[1] - run[0])


def _slack(tau: Floats) -> float:
    """Return what lags may be off by: they are multiples of a measured interval."""
    return 1e-6 * float(tau[1] - tau[0]) if len(tau) > 1 else 0.0


def _span(tau: Floats) -> str:
    if not len(tau) or not math.isfinite(tau[0]):
        return "no lags"
    return f"{tau[0]:.6g} to {tau[-1]:.6g} s"
