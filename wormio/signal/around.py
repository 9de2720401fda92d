"""Traces aligned to events, each sample at its own true time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError, SignalError
from wormio.model import Events, EventStatus
from wormio.signal._aligning import Traces, samples_at
from wormio.signal._checks import check_choice, check_number
from wormio.signal._clock import ends, extent, rounding, sample_clock
from wormio.signal._range import computes
from wormio.signal._removed import removed
from wormio.signal._windows import require_interval
from wormio.signal.history import new_step
from wormio.signal.responses import Responses

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["Align", "Until", "around", "event_table"]

Align = Literal["nearest", "interp"]
Until = Literal["window", "next_event"]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# How many recordings long a window may be, and how many samples in any case.
_LONGEST, _LONGEST_ANYWAY = 10, 10_000


@computes
def around(
    signal: Signal,
    event_name: str,
    before: float,
    after: float,
    *,
    until: Until = "window",
    align: Align = "nearest",
    baseline: tuple[float, float] | None = None,
) -> Responses:
    """Cut out the time around each event, each neuron on its own clock.

    The time before an event is kept even where it holds an earlier event. Events outside the
    recording, and those whose whole window lies more than a volume interval away from all rows of
    the signal, are left out; those cut by its ends are kept, NaN where nothing was recorded.

    Parameters
    ----------
    signal : Signal
    event_name : str
        Key of `Signal.events`.
    before, after : float
        Seconds, not negative; rounded down to whole volume intervals.
    until : {"window", "next_event"}
        ``"next_event"``: samples at or after the next event of the same table are NaN.
    align : {"nearest", "interp"}
        ``"nearest"``: the sample nearest to event + tau (of two equally near, the earlier): one of
        the two around it, or one at most half a volume interval away where a volume is missing
        between them and at the ends. ``"interp"``: on the line between the two samples around
        event + tau; NaN where a volume is missing between them, and valid only if both are.
    baseline : (start, stop) of float, optional
        Seconds relative to the event, for example ``(-5, 0)``: the mean of each response from
        start to before stop is subtracted from it; see `Responses.subtract_baseline`.

    Returns
    -------
    Responses

    Raises
    ------
    SignalError
        There is no such event table, or the volumes' times are unknown or go backwards.
    OptionError
        An argument is impossible.
    """
    check_number("before", before, 0)
    check_number("after", after, 0)
    check_choice("until", until, Until)
    check_choice("align", align, Align)
    events = event_table(signal, event_name)
    interval = require_interval(signal, "aligning samples to events")
    _check_window(signal, interval, before=before, after=after)
    clock = sample_clock(signal)
    lags = np.arange(-_whole(before / interval), _whole(after / interval) + 1)
    # A lag is a multiple of the interval, which is itself a difference of two times.
    known = ends(clock)
    error = rounding(known) * len(lags) + 1e-9 * interval
    tau = np.asarray(lags * interval, np.float64)

    inside = (events.status != EventStatus.OUTSIDE) & np.isfinite(events.time)
    kept = np.flatnonzero(inside)
    kept = kept[_touching(events.time[kept], tau, known, interval)]
    start = events.time[kept]
    target = start[:, np.newaxis] + tau
    stop = np.full(len(kept), np.inf)
    if until == "next_event":
        distinct = np.unique(start)
        stop = np.append(distinct, np.inf)[np.searchsorted(distinct, start, side="right")]

    measured = signal.valid & ~removed(signal)
    traces = Traces(clock, signal.data, measured, signal.volume)
    shape = (*target.shape, signal.n_neurons)
    samples = samples_at(
        traces,
        target.ravel(),
        np.repeat(stop, len(tau)),
        interval,
        error,
        lines=align == "interp",
    )
    for array in samples:
        array.setflags(write=False)  # nobody else has them: shared with the responses, not copied
    data, valid, when = (array.reshape(shape) for array in samples)
    whole = _whole_span(known, error + (interval / 2 if align == "nearest" else 0.0))
    parameters = {
        "event_name": event_name,
        "before": before,
        "after": after,
        "until": until,
        "align": align,
    }
    found = {"interval": interval, "events": len(kept), "of": len(events)}
    responses = Responses(
        data=data,
        valid=valid,
        sample_time=when,
        tau=tau,
        event=kept,
        complete=(target[:, 0] >= whole[0])
        & (target[:, -1] <= whole[1])
        & (target[:, -1] < stop - error),
        labels=signal.labels,
        channel=signal.channel,
        quantity=signal.quantity,
        unit=signal.unit,
        history=(*signal.history, new_step("around", parameters, found)),
        recording=signal.recording,
    )
    return responses if baseline is None else responses.subtract_baseline(*_pair(baseline))


def _check_window(signal: Signal, interval: float, **lengths: float) -> None:
    """Refuse windows by far longer than the recording: they would fill the memory with NaN."""
    most = max(_LONGEST * signal.n_volumes, _LONGEST_ANYWAY) * interval
    for name, seconds in lengths.items():
        if seconds > most:
            raise OptionError(
                f"{name} is by far longer than the recording",
                expected=f"at most {most:.6g} s",
                found=f"{seconds:.6g} s",
            )


def _pair(baseline: tuple[float, float]) -> tuple[float, float]:
    try:
        start, stop = (float(second) for second in baseline)
    except (OverflowError, TypeError, ValueError) as error:
        raise OptionError(
            "baseline is no window",
            expected="(start, stop) in seconds relative to the event, for example (-5, 0)",
            found=repr(baseline)[:200],
        ) from error
    return start, stop


def event_table(signal: Signal, name: str) -> Events:
    """Return a table of a signal's events.

    Raises
    ------
    SignalError
        There is none of that name.
    """
    if not isinstance(name, str) or name not in signal.events:
        known = ", ".join(map(repr, signal.events)) or "none: the signal has no events"
        raise SignalError(f"there are no events {name!r}", expected=known)
    return signal.events[name]


def _touching(start: Floats, tau: Floats, known: Floats, margin: float) -> Bools:
    """Tell which windows reach into the time in which any neuron was recorded."""
    first, last = extent(known)
    if not first <= last:
        return np.ones(len(start), bool)
    return np.asarray((start + tau[-1] >= first - margin) & (start + tau[0] <= last + margin))


def _whole(intervals: float) -> int:
    """Round down, but not because of rounding: 0.3 / 0.1 is three intervals."""
    return math.floor(intervals + 1e-6)


def _whole_span(known: Floats, margin: float) -> tuple[float, float]:
    """Return from when to when every neuron was recorded."""
    if not np.isfinite(known).any():
        return -math.inf, math.inf
    return float(np.fmax.reduce(known[0])) - margin, float(np.fmin.reduce(known[1])) + margin
