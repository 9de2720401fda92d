"""Traces in units of their own noise or height."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from wormio.signal._checks import check_choice
from wormio.signal._range import computes
from wormio.signal._relative import warn
from wormio.signal._removed import as_found, measured
from wormio.signal._steps import refuse_repeat
from wormio.signal._stretches import Stretch, StretchUnit, rows_of
from wormio.signal._windows import Window, samples
from wormio.signal.noise import SMEARING, local_noise

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["Normalization", "divide_soundly", "divisor", "normalize", "quantity_in_units_of"]

Normalization = Literal["local_std", "global_std", "zscore", "max", "max_abs"]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# A divisor this small against the largest sample is rounding, not a number.
_ROUNDING = 1e-9


@computes
def normalize(
    signal: Signal,
    kind: Normalization = "local_std",
    *,
    over: Stretch | None = None,
    unit: StretchUnit = "seconds",
    window: Window = 4,
    force: bool = False,
) -> Signal:
    """Divide each neuron by one number of its own.

    Parameters
    ----------
    signal : Signal
    kind : {"local_std", "global_std", "zscore", "max", "max_abs"}
        ``"local_std"``: the noise, as `wormio.signal.noise.noise` has it. ``"global_std"``: the
        standard deviation, activity included. ``"zscore"``: likewise, after the mean was
        subtracted. ``"max"``, ``"max_abs"``: the highest sample, the highest absolute value.
    over : (start, stop), optional
        The stretch that the number is taken from; None for an end. Default: the whole recording.
    unit : {"seconds", "rows"}
        Of `over`: seconds on the recording's clock, or rows.
    window : int or str
        Of ``"local_std"``.
    force : bool
        Do it a second time, or take the noise of a smoothed signal, all the same.

    Returns
    -------
    Signal
        Unit ``""``. A neuron whose divisor is zero, unknown or (``"max"``) negative is NaN; the
        step has found ``divisor``, by neuron, and ``counts`` and ``removed`` of such samples, by
        label.

    Raises
    ------
    AlreadyAppliedError
        It was done before, or ``"local_std"`` is asked of a smoothed signal; and not `force`.
    OptionError, SignalError
        An argument is impossible; seconds are given and the volumes' times are unknown.
    """
    check_choice("kind", kind, Normalization)
    refuse_repeat(signal, "normalize", force, also=SMEARING if kind == "local_std" else ())
    check_choice("unit", unit, StretchUnit)
    n = samples(signal, window, odd=False, least=2)
    rows = rows_of(signal, over, unit, "over", least=n if kind == "local_std" else 1)
    number = divisor(signal, rows, kind, n)
    data = signal.data
    if kind == "zscore":
        data = data - _moments(_part(signal, rows))[0]
    data, flagged = divide_soundly(data, number)
    warn(signal, flagged, "no divisor")
    return signal.with_step(
        "normalize",
        {"kind": kind, "over": over, "unit": unit, "window": window, "force": force},
        found={"divisor": as_numbers(number), **as_found(signal, flagged)},
        data=data,
        quantity=quantity_in_units_of(signal, kind),
        unit="",
    )


def divisor(signal: Signal, rows: slice, kind: str, window: int) -> Floats:
    """Return the number of each neuron, (N,), NaN where there is none.

    Parameters
    ----------
    signal : Signal
    rows : slice
        Those it is taken from.
    kind : str
        Of `Normalization`.
    window : int
        Samples, for ``"local_std"``.
    """
    if kind == "local_std":
        return local_noise(measured(signal)[rows], window)
    part = _part(signal, rows)
    if kind in ("global_std", "zscore"):
        return _moments(part)[1]
    heights = np.abs(part) if kind == "max_abs" else part
    highest = np.max(np.where(np.isnan(heights), -np.inf, heights), axis=0, initial=-np.inf)
    return np.where(np.isinf(highest), np.nan, highest)


def divide_soundly(data: Floats, number: Floats) -> tuple[Floats, Bools]:
    """Divide (T, N) by (N,), NaN where a divisor is not clearly above zero.

    Returns
    -------
    data, flagged : (T, N)
        `flagged` where a finite sample became NaN.
    """
    finite = np.isfinite(data)
    size = np.max(np.where(finite, np.abs(data), 0), axis=0, initial=0)
    with np.errstate(invalid="ignore"):
        sound = np.isfinite(number) & (number > _ROUNDING * size)
    result = np.full(data.shape, np.nan)
    np.divide(data, number, out=result, where=sound & finite)
    return result, finite & ~sound


def quantity_in_units_of(signal: Signal, kind: str) -> str:
    """Return the quantity after a division, as ``"fluorescence / local_std"``."""
    return f"z-score of {signal.quantity}" if kind == "zscore" else f"{signal.quantity} / {kind}"


def as_numbers(values: Floats) -> list[float | None]:
    """Return numbers as JSON has them: NaN is None."""
    return [float(value) if np.isfinite(value) else None for value in values]


def _part(signal: Signal, rows: slice) -> Floats:
    return np.where(np.isfinite(signal.data[rows]), signal.data[rows], np.nan)


def _moments(part: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation (ddof=0) of what is not NaN, (N,) each."""
    known = ~np.isnan(part)
    with np.errstate(invalid="ignore"):
        mean = np.where(known, part, 0).sum(axis=0) / known.sum(axis=0)
        squares = np.where(known, part - mean, 0) ** 2
        return mean, np.sqrt(squares.sum(axis=0) / known.sum(axis=0))
