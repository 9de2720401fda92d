"""One stretch of time, with its own baseline and scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError
from wormio.signal._checks import check_choice, check_flag, check_number
from wormio.signal._exponential import fit_exponential
from wormio.signal._parts import part_of
from wormio.signal._range import computes
from wormio.signal._relative import floor_of, refuse_relative, relative_quantity, warn
from wormio.signal._removed import as_found
from wormio.signal._steps import refuse_repeat
from wormio.signal._stretches import Stretch, StretchUnit, rows_of, seconds_or_rows
from wormio.signal._windows import Window, quantile, samples
from wormio.signal.noise import SMEARING
from wormio.signal.normalizing import (
    as_numbers,
    divide_soundly,
    divisor,
    quantity_in_units_of,
)

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["SegmentBaseline", "SegmentNormalization", "segment"]

SegmentBaseline = Literal["constant", "exponential", "none"]
SegmentNormalization = Literal["none", "baseline", "local_std", "global_std", "max", "max_abs"]
Floats = NDArray[np.float64]


@computes
def segment(
    signal: Signal,
    start: float,
    stop: float,
    *,
    before: float | None = None,
    baseline: SegmentBaseline = "constant",
    baseline_range: Stretch | None = None,
    normalize: SegmentNormalization = "none",
    noise_range: Stretch | None = None,
    peak_range: Stretch | None = None,
    window: Window = 4,
    unit: StretchUnit = "seconds",
    force: bool = False,
) -> Signal:
    """Cut out one stretch, subtract its own baseline, and divide by its own scale.

    For the responses to all events of a table, `Signal.around` does the cutting.

    Parameters
    ----------
    signal : Signal
    start, stop : float
        Half-open: seconds on the recording's clock, or rows.
    before : float, optional
        How long the stretch is quiet: the ranges below begin or end there, unless they are given.
    baseline : {"constant", "exponential", "none"}
        ``"constant"``: the median of `baseline_range`. ``"exponential"``: ``a exp(-k t) + c``
        fitted there and subtracted from the whole stretch; the median for a neuron where the curve
        is worth no more than that.
    baseline_range : (start, stop), optional
        Counted from the segment's start; None for an end. Default: ``(0, before)``.
    normalize : {"none", "baseline", "local_std", "global_std", "max", "max_abs"}
        ``"baseline"``: by the median of `baseline_range` (ΔF/F); NaN where that is not above three
        standard deviations of the neuron's noise. ``"local_std"``, ``"global_std"``: by the noise,
        or the standard deviation, in `noise_range`. ``"max"``, ``"max_abs"``: by the highest of
        `peak_range`, after the baseline was subtracted.
    noise_range : (start, stop), optional
        Counted from the segment's start. Default: ``(0, before)``: the response is no noise.
    peak_range : (start, stop), optional
        Counted from the segment's start. Default: ``(before, None)``.
    window : int or str
        Of ``"local_std"``: samples, or seconds as text.
    unit : {"seconds", "rows"}
        Of `start`, `stop`, `before` and all ranges.
    force : bool
        Take noise of a smoothed signal, or ΔF/F of ΔF/F, all the same.

    Returns
    -------
    Signal
        The rows of the stretch. Samples whose divisor is close to zero are NaN; the step has found
        their ``counts`` and ``removed``, by label, and the rows of each range that was used.

    Raises
    ------
    OptionError
        An argument is impossible, or a range that is needed is neither given nor follows from
        `before`.
    AlreadyAppliedError
        ``normalize="local_std"`` of a smoothed signal, or ``"baseline"`` of what is relative to a
        baseline already; and not `force`.
    SignalError
        Seconds are given and the volumes' times are unknown.
    """
    _check_stretch(start, stop, before)
    _check(signal, baseline, normalize, unit, force)
    rows = rows_of(signal, (start, stop), unit, "start and stop")
    n = samples(signal, window, odd=False, least=2)
    cut = attrs.evolve(signal, **part_of(signal, rows, None))
    # Seconds count from `start` itself, not from the first sample after it.
    origin = start if unit == "seconds" else 0.0
    quiet: Stretch | None = None if before is None else (None, before)
    found: dict[str, Any] = {"rows": [rows.start, rows.stop]}

    def within(given: Stretch | None, default: Stretch | None, name: str, least: int = 1) -> slice:
        if given is None and default is None:
            raise OptionError(
                f"which {name}?",
                expected=f"{name}=(start, stop), counted from the segment's start, or before=",
            )
        part = rows_of(
            cut, default if given is None else given, unit, name, origin=origin, least=least
        )
        found[name] = [part.start, part.stop]
        return part

    data = np.where(np.isfinite(cut.data), cut.data, np.nan)
    level = np.zeros(cut.n_neurons)
    if baseline != "none" or normalize == "baseline":
        stretch = within(baseline_range, quiet, "baseline_range")
        level = quantile(data[stretch].T)
    if baseline == "exponential":
        x, per = seconds_or_rows(cut)
        curves = fit_exponential(x[stretch], data[stretch])
        found |= curves.about(cut.labels, per)
        data = data - curves.at(x)
    elif baseline == "constant":
        data = data - level
    changes: dict[str, Any] = {}
    flagged = np.isfinite(cut.data) & ~np.isfinite(data)
    if normalize != "none":
        if normalize == "baseline":
            floor = floor_of(np.where(np.isfinite(signal.data), signal.data, np.nan))
            number = np.where(level > floor, level, np.nan)
            quantity = relative_quantity(signal)
            if baseline == "none":
                quantity = quantity_in_units_of(signal, normalize)
            changes = {"quantity": quantity, "unit": ""}
        else:
            if normalize in ("max", "max_abs"):
                part = within(peak_range, None if before is None else (before, None), "peak_range")
            else:
                least = n if normalize == "local_std" else 1
                part = within(noise_range, quiet, "noise_range", least)
            number = divisor(attrs.evolve(cut, data=data), part, normalize, n)
            changes = {"quantity": quantity_in_units_of(signal, normalize), "unit": ""}
        data, undivided = divide_soundly(data, number)
        flagged |= undivided
        found["divisor"] = as_numbers(number)
        warn(cut, flagged, "no divisor")
    return cut.with_step(
        "segment",
        {
            "start": start,
            "stop": stop,
            "before": before,
            "baseline": baseline,
            "baseline_range": baseline_range,
            "normalize": normalize,
            "noise_range": noise_range,
            "peak_range": peak_range,
            "window": window,
            "unit": unit,
            "force": force,
        },
        found={**found, **as_found(cut, flagged)},
        data=data,
        **changes,
    )


def _check_stretch(start: float, stop: float, before: float | None) -> None:
    check_number("start", start)
    check_number("stop", stop)
    if before is not None and start < stop:  # otherwise that is what is wrong
        check_number("before", before, 0, stop - start, above=True)


def _check(
    signal: Signal,
    baseline: str,
    normalize: str,
    unit: str,
    force: bool,
) -> None:
    check_choice("baseline", baseline, SegmentBaseline)
    check_choice("normalize", normalize, SegmentNormalization)
    check_choice("unit", unit, StretchUnit)
    check_flag("force", force)
    if normalize == "local_std":
        refuse_repeat(signal, "local_std", force, also=SMEARING)
    if normalize == "baseline":
        refuse_relative(signal, force)
