"""Filling in samples that were not measured."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from wormio.errors import SignalError
from wormio.signal._checks import check_choice, check_number
from wormio.signal._clock import rounding, sample_clock
from wormio.signal._range import computes

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["Edge", "interpolate"]

Edge = Literal["nearest", "nan"]
Floats = NDArray[np.float64]

_log = logging.getLogger(__name__)


@computes
def interpolate(signal: Signal, *, max_gap: float | None = None, edge: Edge = "nearest") -> Signal:
    """Replace samples that are not finite by lines between their finite neighbours.

    Each neuron is interpolated over its own sample times; a missed sample without one has its
    volume's. `Signal.valid` stays as it was: a filled-in sample is still not a measured one.
    Applying the step again changes no number.

    Parameters
    ----------
    signal : Signal
    max_gap : float, optional
        Seconds between the two finite neighbours beyond which a gap stays NaN, as a whole. At the
        ends of the recording: seconds from the only neighbour to the end. Default: no limit.
    edge : {"nearest", "nan"}
        Before the first and after the last finite sample: that sample's value, or NaN.

    Returns
    -------
    Signal
        A neuron without any finite sample stays NaN; ``"empty"`` of what the step found names it.

    Raises
    ------
    OptionError
        `max_gap` or `edge` is impossible.
    SignalError
        No time is known: a static stack has no order in time.
    """
    check_choice("edge", edge, Edge)
    if max_gap is not None:
        check_number("max_gap", max_gap, 0, above=True)
    clock = sample_clock(signal)
    if signal.n_volumes > 1 and clock.size and not np.isfinite(clock).any():
        raise SignalError(
            "samples cannot be interpolated in time",
            expected="the time of at least one volume",
            found=f"a static stack: none of the {signal.n_volumes} times is known",
            cure="give the volumes' times, for example attrs.evolve(signal, time=..., "
            "sample_time=...)",
        )
    finite = np.isfinite(signal.data)
    limit = math.inf if max_gap is None else max_gap + rounding(clock)
    data = signal.data
    if not finite.all():
        data = np.where(finite, data, np.nan)
        for column in np.flatnonzero(~finite.all(axis=0)):
            _fill(data[:, column], clock[:, column], limit, edge)
    empty = [signal.labels[column] for column in np.flatnonzero(~finite.any(axis=0))]
    if empty:
        _log.warning("neurons without any finite sample stay NaN: %s", ", ".join(empty))
    return signal.with_step(
        "interpolate", {"max_gap": max_gap, "edge": edge}, found={"empty": empty}, data=data
    )


def _fill(trace: Floats, clock: Floats, limit: float, edge: Edge) -> None:
    """Fill the NaN of one neuron in place; `trace` and `clock` are (T,)."""
    missing = np.flatnonzero(np.isnan(trace) & np.isfinite(clock))
    known = np.flatnonzero(np.isfinite(trace) & np.isfinite(clock))
    if not len(missing) or not len(known):
        return
    outside = math.nan if edge == "nan" else None
    values = np.interp(clock[missing], clock[known], trace[known], left=outside, right=outside)
    # A gap is filled as a whole or not at all, also at the ends: otherwise a second pass would
    # start from the samples that the first one filled in, and fill more.
    ends = np.concatenate([clock[missing[:1]], clock[known], clock[missing[-1:]]])
    after = np.searchsorted(known, missing)
    values[ends[after + 1] - ends[after] > limit] = np.nan
    trace[missing] = values
