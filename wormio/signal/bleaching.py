"""Photobleaching: what is left of the brightness, fitted along the lower envelope of each trace."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import SignalError
from wormio.signal._checks import check_choice, check_flag, check_number
from wormio.signal._decay import POOR, UNCLEAR, Blocks, fit_decays, trend
from wormio.signal._range import computes
from wormio.signal._steps import refuse_repeat

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["BleachingFit", "debleach", "fit_bleaching"]

Model = Literal["auto", "double", "single"]
Mode = Literal["divide", "subtract"]
Fallback = Literal["monotone", "percentile"]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_log = logging.getLogger(__name__)

# Quantities whose zero is a baseline.
_RELATIVE = frozenset({"dF/F", "dR/R"})
# The trend that replaces a refused fit: this percentile, in windows of this share of the recording.
_PERCENTILE, _WINDOW = 20.0, 0.1


@attrs.frozen(kw_only=True, eq=False, repr=False)
class BleachingFit:
    """What was fitted to N traces of T volumes, and how well.

    Figures of quality are those of blocks of samples (about 400 a recording).

    Parameters
    ----------
    labels : tuple of str
        The neurons.
    curve : (T, N) float64
        In the signal's unit, along the lower envelope; NaN where the fit was refused.
    model : tuple of str
        ``"double"``, ``"single"``, ``"monotone"``, ``"percentile"`` or ``"none"``, for each neuron.
    amplitude, tau : (N, 2) float64
        In the signal's unit at the first volume, and seconds; the faster one first. NaN where
        there is none.
    constant : (N,) float64
        What does not bleach, in the signal's unit.
    bleached : (N,) float64
        Share lost from the first measured sample to the last, ``1 - curve[-1] / curve[0]``.
    kept : (N,) float64
        Share of the trace that the curve follows; the rest lies above it.
    r2 : (N,) float64
        Share of the variance of what is kept that the curve explains.
    rms : (N,) float64
        Root mean square of ``(trace - curve) / curve`` of what is kept.
    condition : (N,) float64
        Condition number of the basis, columns scaled to length 1: large if the parts of the curve
        cannot be told apart, however well their sum is known.
    converged : (N,) bool
    refused : mapping of str to str
        Label and reason of each neuron whose exponential fit was refused.
    """

    labels: tuple[str, ...]
    curve: Floats
    model: tuple[str, ...]
    amplitude: Floats
    tau: Floats
    constant: Floats
    bleached: Floats
    kept: Floats
    r2: Floats
    rms: Floats
    condition: Floats
    converged: Bools
    refused: Mapping[str, str]

    def __repr__(self) -> str:
        counts = ", ".join(f"{self.model.count(name)} {name}" for name in sorted(set(self.model)))
        return f"<BleachingFit: {len(self.labels)} neurons ({counts or 'none'})>"

    def as_found(self) -> dict[str, Any]:
        """Return the curves' parameters and the neurons left alone, JSON-able."""
        fitted = {}
        for i, label in enumerate(self.labels):
            if self.model[i] == "none":
                continue
            fitted[label] = {"model": self.model[i], "bleached": self.bleached[i]}
            if self.model[i] in {"double", "single"}:
                n = 2 if self.model[i] == "double" else 1
                fitted[label] |= {
                    "amplitude": self.amplitude[i, :n],
                    "tau": self.tau[i, :n],
                    "constant": self.constant[i],
                    "rms": self.rms[i],
                }
        return {"fitted": fitted, "refused": dict(self.refused)}


@computes
def debleach(
    signal: Signal,
    *,
    mode: Mode = "divide",
    model: Model = "auto",
    shared: bool = False,
    fallback: Fallback | None = None,
    window: float | None = None,
    force: bool = False,
) -> Signal:
    """Take the photobleaching out of each trace.

    The curve F of `fit_bleaching` is divided out, ``y * F(0) / F(t)``, or subtracted,
    ``y - F(t) + F(0)``; F(0) is its value at the neuron's first measured sample. Dividing is right
    where activity and background bleach as the fluorophore does: both lose the same share. The
    camera's offset does not bleach and must be gone before: `wormio.extract` subtracts it.

    Parameters
    ----------
    signal : Signal
    mode : {"divide", "subtract"}
    model, shared, fallback, window
        See `fit_bleaching`.
    force : bool
        Whether to do it once more on a signal that was debleached already.

    Returns
    -------
    Signal
        A neuron that hardly bleaches or cannot be fitted keeps its data; ``"refused"`` of what the
        step found names it with the reason, ``"fitted"`` has the curves of the others.

    Raises
    ------
    AlreadyAppliedError
        It was debleached already, and not `force`.
    OptionError
        An option is impossible.
    SignalError
        See `fit_bleaching`.
    """
    refuse_repeat(signal, "debleach", force)
    check_choice("mode", mode, Mode)
    fit = fit_bleaching(signal, model=model, shared=shared, fallback=fallback, window=window)
    measured = signal.valid & np.isfinite(signal.data)
    data = signal.data.copy()
    done = np.array([name != "none" for name in fit.model], bool)
    if done.any():
        curve = fit.curve[:, done]
        first = curve[measured[:, done].argmax(axis=0), np.arange(curve.shape[1])]
        data[:, done] = (
            data[:, done] * (first / curve) if mode == "divide" else data[:, done] - curve + first
        )
    left = [label for label, name in zip(fit.labels, fit.model, strict=True) if name == "none"]
    if left:
        _log.info("not debleached: %s", ", ".join(f"{at} ({fit.refused[at]})" for at in left))
    return signal.with_step(
        "debleach",
        {
            "mode": mode,
            "model": model,
            "shared": shared,
            "fallback": fallback,
            "window": window,
            "force": force,
        },
        found=fit.as_found(),
        data=data,
    )


@computes
def fit_bleaching(
    signal: Signal,
    *,
    model: Model = "auto",
    shared: bool = False,
    fallback: Fallback | None = None,
    window: float | None = None,
) -> BleachingFit:
    """Fit what is left of the brightness, to all neurons at once.

    The curve is ``a1 exp(-t/tau1) + a2 exp(-t/tau2) + c`` with a1, a2, c >= 0 and t in seconds
    since the first volume; no tau is shorter than a fortieth of the recording, where bleaching
    cannot be told from a response. Amplitudes follow from the rates (separable least squares,
    variable projection: Golub & Pereyra 1973, 10.1137/0710036); rates are first searched for on a
    grid, then refined by damped Gauss-Newton steps. The fit is robust from above: what rises out
    of the spread below the curve is activity and does not count (iterated weights, flat to 1.5
    and zero beyond 3.5 standard deviations; Huber's below).

    Parameters
    ----------
    signal : Signal
        Only measured samples count: `Signal.valid` and finite.
    model : {"auto", "double", "single"}
        How many exponentials. ``"auto"`` takes two where Bayes' information criterion asks for
        them; the number of samples in it allows for the correlation of the residuals.
    shared : bool
        Whether all neurons have the same time constants, as in Creamer et al. (2022): for traces
        too noisy to be fitted one by one.
    fallback : {"monotone", "percentile"}, optional
        What to take where there is a trend, but no exponential: a rolling 20 % percentile, as it
        is or as the nearest curve that never rises. It also removes slow activity. Default:
        nothing, the neuron is left alone.
    window : float, optional
        Seconds of the rolling percentile. Default: a tenth of the recording.

    Returns
    -------
    BleachingFit
        Fits are refused where fewer than 30 samples were measured, the trace is not positive, it
        loses less than 2 %, the decay is no clearer than chance or over within the first tenth of
        the recording, or the fit is poor: not converged; off by more than 30 % rms; or less than
        two fifths of the trace follow the curve, and it falls by less than 2.5 times what rises out
        of it (less than 15 % in any case).

    Raises
    ------
    OptionError
        An option is impossible.
    SignalError
        Some volume's time is unknown, time stands still, or the signal is dF/F already.
    """
    check_choice("model", model, Model)
    check_flag("shared", shared)
    if fallback is not None:
        check_choice("fallback", fallback, Fallback)
    if window is not None:
        check_number("window", window, 0, above=True)
    _check_quantity(signal)
    duration = _duration(signal)
    measured = signal.valid & np.isfinite(signal.data)
    since = (signal.time - signal.time[0]) / duration
    blocks = Blocks.of(signal.data, measured, since)
    found = fit_decays(blocks, model, shared=shared)
    good = np.array([why is None for why in found.reason], bool)
    n_exponentials = np.count_nonzero(found.curves.amplitude > 0, axis=1)
    names = ["none"] * signal.n_neurons
    curve = np.full(signal.data.shape, np.nan)
    if good.any():
        curve[:, good] = (found.curves.at(since) * blocks.unit[:, np.newaxis])[good].T
    for i in np.flatnonzero(good):
        names[i] = "double" if n_exponentials[i] == 2 else "single"
    if fallback is not None:
        share = _WINDOW if window is None else window / duration
        for neuron, why in enumerate(found.reason):
            if why in {UNCLEAR, POOR}:
                y = trend(blocks, neuron, share, _PERCENTILE, falling=fallback == "monotone")
                if y is not None:
                    curve[:, neuron] = np.interp(since, blocks.t, y) * blocks.unit[neuron]
                    names[neuron] = fallback
    ends = curve[measured.argmax(axis=0), np.arange(signal.n_neurons)]
    last = signal.n_volumes - 1 - measured[::-1].argmax(axis=0)
    absent = ~good[:, np.newaxis] | (found.curves.amplitude <= 0)
    unit = blocks.unit[:, np.newaxis]
    return BleachingFit(
        labels=signal.labels,
        curve=curve,
        model=tuple(names),
        amplitude=np.where(absent, np.nan, found.curves.amplitude * unit),
        tau=np.where(absent, np.nan, duration / found.curves.rate),
        constant=np.where(good, found.curves.constant * blocks.unit, np.nan),
        bleached=1 - curve[last, np.arange(signal.n_neurons)] / ends,
        kept=found.kept,
        r2=found.r2,
        rms=found.rms,
        condition=found.condition,
        converged=found.converged,
        refused={signal.labels[i]: why for i, why in enumerate(found.reason) if why is not None},
    )


def _check_quantity(signal: Signal) -> None:
    if signal.quantity in _RELATIVE:
        raise SignalError(
            f"{signal.quantity} does not show how much is left of the brightness",
            expected="a signal that is not yet divided by its baseline",
            found=repr(signal),
            cure="debleach before the baseline is taken off",
        )


def _duration(signal: Signal) -> float:
    if not np.isfinite(signal.time).all():
        raise SignalError(
            "bleaching cannot be fitted without times",
            expected="the time of every volume",
            found=f"{np.count_nonzero(~np.isfinite(signal.time))} of {signal.n_volumes} unknown",
            cure="give the volumes' times, for example attrs.evolve(signal, time=...)",
        )
    duration = float(np.ptp(signal.time)) if signal.n_volumes else 0.0
    if not duration > 0:
        raise SignalError(
            "bleaching cannot be fitted to a moment",
            expected="volumes at different times",
            found=f"{signal.n_volumes} volumes over {duration} s",
        )
    return duration
