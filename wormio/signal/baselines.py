"""The level that activity rises from, and what rises above it: F0 and ΔF/F."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError
from wormio.signal._checks import check_choice, check_number
from wormio.signal._exponential import fit_exponential
from wormio.signal._levels import maximin, rolling_percentile
from wormio.signal._range import computes
from wormio.signal._relative import floor_of, refuse_relative, relative_quantity, warn
from wormio.signal._removed import as_found
from wormio.signal._steps import refuse_repeat
from wormio.signal._stretches import Stretch, StretchUnit, rows_of, seconds_or_rows
from wormio.signal._windows import Window, quantile, samples

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = [
    "BaselineKind",
    "baseline",
    "dff",
    "global_baseline",
    "subtract_baseline",
]

BaselineKind = Literal["percentile", "rolling_percentile", "maximin", "exponential", "constant"]
Floats = NDArray[np.float64]


@computes
def baseline(
    signal: Signal,
    kind: BaselineKind = "percentile",
    *,
    percentile: float = 20.0,
    window: Window = "60 s",
    value: float | Sequence[float] | None = None,
    over: Stretch | None = None,
    unit: StretchUnit = "seconds",
) -> Floats:
    """Return the level that each neuron's activity rises from, F0.

    NaN and infinite samples take no part.

    Parameters
    ----------
    signal : Signal
    kind : {"percentile", "rolling_percentile", "maximin", "exponential", "constant"}
        ``"percentile"``: of all samples in `over`. ``"rolling_percentile"``: of a centred window,
        cut off at the ends; worked out at a sixteenth of the window's length, lines in between.
        ``"maximin"`` (as suite2p's default): a Gaussian of 10 samples, then the minimum over
        `window`, then the maximum of that. ``"exponential"``: ``a exp(-k t) + c`` fitted in `over`
        to what is not activity, and prolonged over all rows; the median of `over` where the curve
        is worth no more than that (k > 0: a baseline that grows without bound is none).
        ``"constant"``: `value`, or the median in `over`.
    percentile : float
        From 0 to 100. Below 50 it lies below the noise's middle.
    window : int or str
        Of ``"rolling_percentile"`` and ``"maximin"``: seconds as text, or a number of samples; an
        odd one.
    value : float or (N,) sequence, optional
        Of ``"constant"``, in `Signal.unit`.
    over : (start, stop), optional
        The stretch that a percentile, a curve or a median is taken from; None for an end. Default:
        the whole recording.
    unit : {"seconds", "rows"}
        Of `over`: seconds on the recording's clock, or rows.

    Returns
    -------
    (T, N) float64
        In `Signal.unit`; NaN for a neuron without samples.

    Raises
    ------
    OptionError
        An argument is impossible, or means nothing to this kind.
    SignalError
        Seconds are given and the volumes' times are unknown.
    """
    curve, _ = _baseline(
        signal,
        kind,
        percentile=percentile,
        window=window,
        value=value,
        over=over,
        unit=unit,
    )
    return curve


@computes
def global_baseline(signal: Signal, fraction: float = 0.05) -> Floats:
    """Return a quantile of each neuron's whole trace, (N,), in `Signal.unit`.

    Parameters
    ----------
    signal : Signal
    fraction : float
        From 0 to 1.

    Raises
    ------
    OptionError
        `fraction` is none.
    """
    check_number("fraction", fraction, 0, 1)
    return quantile(_finite(signal).T, fraction)


@computes
def dff(
    signal: Signal,
    kind: BaselineKind = "percentile",
    *,
    percentile: float = 20.0,
    window: Window = "60 s",
    value: float | Sequence[float] | None = None,
    over: Stretch | None = None,
    unit: StretchUnit = "seconds",
    floor: float | None = None,
    force: bool = False,
) -> Signal:
    """Return ΔF/F = (F - F0) / F0, by a baseline of `wormio.signal.baselines.baseline`.

    Subtract the camera's offset first: it belongs to F0 as little as to F.

    Parameters
    ----------
    signal : Signal
    kind, percentile, window, value, over, unit
        See `wormio.signal.baselines.baseline`.
    floor : float, optional
        Where F0 is not above it, in `Signal.unit`, the result is NaN: a baseline of zero gives
        infinities, a negative one turns the response upside down. Default: three standard
        deviations of the neuron's noise (from differences), at least 0.
    force : bool
        Of what is relative to a baseline already, all the same.

    Returns
    -------
    Signal
        Quantity ``"dF/F"`` (of a ratio ``"dR/R"``), unit ``""``. The step has found ``counts``, by
        label, and ``removed``, which samples had a baseline too close to zero.

    Raises
    ------
    AlreadyAppliedError
        It is relative to a baseline already, or that was subtracted; and not `force`.
    OptionError, SignalError
        See `wormio.signal.baselines.baseline`.
    """
    refuse_repeat(signal, "dff", force, also=("subtract_baseline",))
    refuse_relative(signal, force)
    if floor is not None:
        check_number("floor", floor, 0)
    options: dict[str, Any] = {
        "percentile": percentile,
        "window": window,
        "value": value,
        "over": over,
        "unit": unit,
    }
    level, found = _baseline(signal, kind, **options)
    lowest = floor_of(_finite(signal)) if floor is None else np.float64(floor)
    sound = np.isfinite(level) & (level > lowest)
    data = np.full(level.shape, np.nan)
    np.divide(_finite(signal) - level, level, out=data, where=sound)
    flagged = ~sound & np.isfinite(signal.data)
    warn(signal, flagged, "a baseline too close to zero")
    return signal.with_step(
        "dff",
        {"kind": kind, **options, "floor": floor, "force": force},
        found={**found, **as_found(signal, flagged)},
        data=data,
        quantity=relative_quantity(signal),
        unit="",
    )


@computes
def subtract_baseline(
    signal: Signal,
    kind: BaselineKind = "percentile",
    *,
    percentile: float = 20.0,
    window: Window = "60 s",
    value: float | Sequence[float] | None = None,
    over: Stretch | None = None,
    unit: StretchUnit = "seconds",
    force: bool = False,
) -> Signal:
    """Return F - F0, by a baseline of `wormio.signal.baselines.baseline`.

    Parameters
    ----------
    signal : Signal
    kind, percentile, window, value, over, unit
        See `wormio.signal.baselines.baseline`.
    force : bool
        Do it a second time all the same.

    Returns
    -------
    Signal
        In the same unit.

    Raises
    ------
    AlreadyAppliedError
        A baseline was subtracted before, and not `force`.
    OptionError, SignalError
        See `wormio.signal.baselines.baseline`.
    """
    refuse_repeat(signal, "subtract_baseline", force, also=("dff",))
    options: dict[str, Any] = {
        "percentile": percentile,
        "window": window,
        "value": value,
        "over": over,
        "unit": unit,
    }
    level, found = _baseline(signal, kind, **options)
    return signal.with_step(
        "subtract_baseline",
        {"kind": kind, **options, "force": force},
        found=found,
        data=_finite(signal) - level,
    )


def _finite(signal: Signal) -> Floats:
    return np.where(np.isfinite(signal.data), signal.data, np.nan)


def _baseline(
    signal: Signal,
    kind: BaselineKind,
    *,
    percentile: float,
    window: Window,
    value: float | Sequence[float] | None,
    over: Stretch | None,
    unit: StretchUnit,
) -> tuple[Floats, dict[str, Any]]:
    """Return the baseline, and what a step's `found` says of it."""
    check_choice("kind", kind, BaselineKind)
    check_number("percentile", percentile, 0, 100)
    check_choice("unit", unit, StretchUnit)
    rolling = kind in ("rolling_percentile", "maximin")
    for name, meaningless in (
        ("value", value is not None and kind != "constant"),
        ("over", over is not None and (rolling or value is not None)),
    ):
        if meaningless:
            raise OptionError(f"{name} means nothing here", found=f"kind={kind!r}, value={value!r}")
    data = _finite(signal)
    rows = rows_of(signal, over, unit, "over")
    if rolling:
        n = samples(signal, window)
        if kind == "maximin":
            return maximin(data, n), {"samples": n}
        return rolling_percentile(data, n, percentile / 100), {"samples": n}
    if kind == "exponential":
        x, per = seconds_or_rows(signal)
        curves = fit_exponential(x[rows], data[rows])
        return curves.at(x), curves.about(signal.labels, per)
    if value is not None:
        level = _given(signal, value)
    else:
        level = quantile(data[rows].T, percentile / 100 if kind == "percentile" else 0.5)
    return np.broadcast_to(level, data.shape).copy(), {}


def _given(signal: Signal, value: float | Sequence[float]) -> Floats:
    try:
        level = np.asarray(value, np.float64)
    except (OverflowError, TypeError, ValueError):
        level = np.full((2, 2), np.nan)
    if level.shape not in ((), (signal.n_neurons,)) or not np.isfinite(level).all():
        raise OptionError(
            "value is no baseline",
            expected=f"a finite number, or one for each of the {signal.n_neurons} neurons",
            found=repr(value)[:200],
        )
    return level
