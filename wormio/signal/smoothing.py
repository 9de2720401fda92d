"""Smoothing, and slopes per second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError, SignalError
from wormio.signal._checks import check_choice, check_flag
from wormio.signal._local_fits import Rule, local_fits
from wormio.signal._range import computes
from wormio.signal._steps import refuse_repeat
from wormio.signal._windows import Window, require_interval, samples

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["Smoothing", "derivative", "smooth"]

Smoothing = Rule
Floats = NDArray[np.float64]


@computes
def smooth(
    signal: Signal,
    kind: Smoothing = "savgol",
    window: Window = 13,
    order: int | None = None,
    *,
    legacy: bool = False,
    force: bool = False,
) -> Signal:
    """Smooth each neuron by polynomials fitted to the samples around each sample.

    Rows lie at their true times, where these are known. NaN and infinite samples take no part in
    any fit and are NaN in the result: nothing is filled in. A window never reaches farther than
    its own length in volume intervals, so that nothing is smoothed across a pause.

    Parameters
    ----------
    signal : Signal
    kind : {"savgol", "box", "causal"}
        ``"savgol"`` (Savitzky & Golay 1964, 10.1021/ac60214a047): the window is centred; at the
        ends it lies inside the recording as a whole, so that polynomials of that order come
        through unchanged everywhere. ``"box"``: the mean of the window, which the ends cut off;
        with an even number of samples it is half a sample late,
        ``mean(x[t - n//2 : t + n//2])``. ``"causal"``: the window ends at the sample itself, so
        that nothing shows before it happened; until `window` samples are there, it is those that
        are, and the order is lower where they are too few.
    window : int or str
        A number of samples, odd for ``"savgol"``, or seconds as text: ``"4.5 s"``.
    order : int, optional
        Of the polynomial, from 0 to below `window`. Default: 1; a box has order 0.
    legacy : bool
        As wormdatamodel 1.5 did, to reproduce published numbers, and not otherwise: zeros beyond
        the ends, which pull them down (the ends of a constant 100 become 53.85 with 13 samples),
        rows taken as evenly spaced, NaN spreading over their windows. ``"causal"`` then leaves the
        first ``(window - 1) // 2`` samples as they are.
    force : bool
        Smooth a second time all the same.

    Returns
    -------
    Signal

    Raises
    ------
    AlreadyAppliedError
        The signal was smoothed before, and not `force`.
    OptionError
        An argument is impossible.
    SignalError
        `window` is longer than the recording, or in seconds and the volumes' times are unknown;
        times do not increase.
    """
    refuse_repeat(signal, "smooth", force)
    check_choice("kind", kind, Smoothing)
    check_flag("legacy", legacy)
    n = _length(signal, window, odd=kind == "savgol")
    degree = _order(kind, order, n)
    if legacy:
        data = _legacy_smooth(signal.data, kind, n, degree)
    else:
        data = local_fits(signal.data, _positions(signal), kind, n, degree)
    return signal.with_step(
        "smooth",
        {"kind": kind, "window": window, "order": order, "legacy": legacy, "force": force},
        found={"samples": n, "order": degree},
        data=data,
    )


@computes
def derivative(
    signal: Signal,
    window: Window = 3,
    order: int = 1,
    *,
    legacy: bool = False,
    force: bool = False,
) -> Signal:
    """Return slopes per second: those of polynomials fitted to the samples around each sample.

    Take it of the signal before smoothing: the fit smooths as it is, and twice is too much. A line
    through a window of length n loses less than 1 % of a sine of 10 n. NaN, infinite samples, ends
    and pauses are as in `wormio.signal.smoothing.smooth` with ``"savgol"``.

    Parameters
    ----------
    signal : Signal
    window : int or str
        An odd number of samples from 3, or seconds as text.
    order : int
        Of the polynomial, from 1 to below `window`.
    legacy : bool
        As wormdatamodel 1.5 did, to reproduce published numbers, and not otherwise: the sign
        reversed, per sample instead of per second, zeros beyond the ends, NaN spreading over
        their windows.
    force : bool
        Of a smoothed signal, or a second time, all the same.

    Returns
    -------
    Signal
        In `Signal.unit` per second. NaN also where no second sample is known in a window.

    Raises
    ------
    AlreadyAppliedError
        The signal was smoothed or is a derivative, and not `force`.
    OptionError
        An argument is impossible.
    SignalError
        `window` is longer than the recording; times are unknown or do not increase.
    """
    refuse_repeat(signal, "derivative", force, also=("smooth",))
    check_flag("legacy", legacy)
    n = _length(signal, window, odd=True, least=3)
    if not _is_order(order, 1, n):
        raise OptionError(
            "order is impossible", expected=f"a number from 1 to {n - 1}", found=repr(order)
        )
    parameters = {"window": window, "order": order, "legacy": legacy, "force": force}
    if legacy:
        data, per = _legacy_slope(signal.data, n, order), "sample"
    else:
        interval = require_interval(signal, "a derivative")
        if not np.isfinite(signal.time).all():
            raise SignalError(
                "a derivative needs the time of every volume",
                expected="known times",
                found=f"{np.count_nonzero(~np.isfinite(signal.time))} unknown ones",
                cure="give the volumes' times, for example attrs.evolve(signal, time=...)",
            )
        data = local_fits(signal.data, _positions(signal), "savgol", n, order, slope=True)
        data, per = data / interval, "s"
    return signal.with_step(
        "derivative",
        parameters,
        found={"samples": n},
        data=data,
        quantity=f"derivative of {signal.quantity}",
        unit=f"{signal.unit or '1'}/{per}",
    )


def _length(signal: Signal, window: Window, *, odd: bool, least: int = 1) -> int:
    n = samples(signal, window, odd=odd, least=least)
    if n > signal.n_volumes > 0:
        raise SignalError(
            "the window is longer than the recording",
            expected=f"at most {signal.n_volumes} samples",
            found=f"window={window!r}" + (f", {n} samples" if isinstance(window, str) else ""),
        )
    return n


def _is_order(order: object, least: int, n: int) -> bool:
    whole = isinstance(order, int | np.integer) and not isinstance(order, bool)
    return whole and least <= order < n  # type: ignore[operator]


def _order(kind: Smoothing, order: int | None, n: int) -> int:
    if order is None:
        return 0 if kind == "box" else min(1, n - 1)
    if not _is_order(order, 0, n) or (kind == "box" and order != 0):
        raise OptionError(
            "order is impossible",
            expected="none: a box is a mean" if kind == "box" else f"a number from 0 to {n - 1}",
            found=repr(order),
        )
    return int(order)


def _positions(signal: Signal) -> Floats:
    """Return where the rows lie, in volume intervals; by their number where times are unknown."""
    rows = np.arange(float(signal.n_volumes))
    if signal.n_volumes < 2 or not np.isfinite(signal.time).all():
        return rows
    backwards = np.flatnonzero(np.diff(signal.time) <= 0)
    if backwards.size:
        raise SignalError(
            "times do not increase",
            expected="each volume later than the one before",
            found=f"row {backwards[0] + 1} at {signal.time[backwards[0] + 1]} s after "
            f"{signal.time[backwards[0]]} s",
            cure="sort the rows, or correct the times: attrs.evolve(signal, time=...)",
        )
    return np.asarray((signal.time - signal.time[0]) / signal.volume_interval)


def _convolve(data: Floats, kernel: Floats) -> Floats:
    """Return ``np.convolve(trace, kernel, "same")`` of each neuron: zeros beyond the ends."""
    from scipy.signal import convolve

    if not data.size:
        return data.copy()
    return np.asarray(convolve(data, kernel[:, np.newaxis], mode="same", method="direct"))


def _legacy_smooth(data: Floats, kind: Smoothing, n: int, order: int) -> Floats:
    from scipy.signal import savgol_coeffs

    if kind == "box":
        return _convolve(data, np.full(n, 1 / n))
    if kind == "savgol":
        return _convolve(data, savgol_coeffs(n, order))
    late = (n - 1) // 2
    smoothed = _convolve(data, savgol_coeffs(n, order, pos=n - 1))
    result = data.copy()
    result[late:] = smoothed[: len(data) - late]
    return result


def _legacy_slope(data: Floats, n: int, order: int) -> Floats:
    from scipy.signal import savgol_coeffs

    # A table meant for correlation, used for convolution: hence the sign.
    return _convolve(data, savgol_coeffs(n, order, deriv=1, use="dot"))
