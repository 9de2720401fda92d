"""Signals: what is computed from traces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from benchmarks.contest import Contenders, Contest, Goal
from wormio.model import Channel
from wormio.signal import Signal, fit_bleaching
from wormio.testing import two_channels

__all__ = ["CONTESTS"]

Floats = NDArray[np.float64]


@attrs.frozen
class _Bleaching:
    """120 neurons x 4,000 samples with 3 % noise, and what is left of their brightness."""

    signal: Signal
    left: Floats
    tau: Floats


def _bleaching_neurons(*, n_responses: int) -> _Bleaching:
    rng = np.random.default_rng(0)
    n_volumes, n_neurons = 4000, 120
    row = np.arange(n_volumes)[:, np.newaxis]
    tau = np.stack([rng.uniform(100, 400, n_neurons), rng.uniform(1500, 5000, n_neurons)])
    part = rng.uniform([[0.1], [0.3], [0.1]], [[0.4], [1.0], [0.4]], (3, n_neurons))
    left = part[0] * np.exp(-row / tau[0]) + part[1] * np.exp(-row / tau[1]) + part[2]
    activity = np.zeros(left.shape)
    for column in activity.T:
        for start in rng.integers(0, n_volumes, n_responses):
            since = np.arange(min(100, n_volumes - start))
            decay = rng.uniform(4, 12)
            rise = rng.uniform(0.2, 1.5) * (1 - np.exp(-since / 2))
            column[start : start + 100] += rise * np.exp(-since / decay)
    data = 300 * left * (1 + activity) * (1 + 0.03 * rng.normal(size=left.shape))
    signal = Signal(
        data=data, time=row[:, 0].astype(float), channel=Channel(name="green", role="signal")
    )
    return _Bleaching(signal, left, tau)


def _one_by_one(trace: Floats) -> tuple[Floats, Floats]:
    """Fit as published: BFGS, then again without what is off by 2 standard deviations.

    Returns
    -------
    curve : (T,) float64
    tau : (2,) float64
        Sorted.
    """
    from scipy.optimize import minimize

    t = np.arange(len(trace), dtype=float)
    top = trace.max()
    y = trace / top
    kept = np.ones(len(y), bool)

    def curve(p: Floats) -> Floats:
        return p[0] * np.exp(-abs(p[1]) * t) + p[2] * np.exp(-abs(p[3]) * t) + abs(p[4])

    p = np.array([1, 0.006, 1, 0.001, 0.2])
    for _ in range(100):
        found = minimize(lambda q, kept=kept: ((curve(q) - y)[kept] ** 2).sum(), p, method="BFGS").x
        moved = np.abs((found - p) / p).sum()
        p = found
        if moved < 0.01:
            break
        off = curve(p) - y
        kept = np.abs(off) < 2 * off[kept].std()
    return top * curve(p), np.sort(1 / np.abs(p[[1, 3]]))


def _shape_error(curve: Floats, left: Floats) -> float:
    """Return the median neuron's largest relative error, whatever its level."""
    ratio = curve / left
    return float(np.median(np.abs(ratio / np.median(ratio, axis=0) - 1).max(axis=0)))


_SUBSET = 6
_PUBLISHED = "scipy BFGS, one by one"


@contextmanager
def _bleaching(_folder: Path) -> Iterator[Contenders]:
    for name, n_responses in (("without responses", 0), ("with 25 responses", 25)):
        neurons = _bleaching_neurons(n_responses=n_responses)
        fit = fit_bleaching(neurons.signal)
        some = slice(0, _SUBSET)
        curves, taus = zip(
            *(_one_by_one(trace) for trace in neurons.signal.data.T[some]), strict=True
        )
        left, tau = neurons.left[:, some], neurons.tau[:, some]
        ours = fit.curve[:, some]
        print(f"  {name}: wormio, one by one")
        for what, mine, theirs in (
            ("shape error", _shape_error(ours, left), _shape_error(np.stack(curves, 1), left)),
            (
                "rms of residual / curve",
                *(
                    float(np.median((neurons.signal.data[:, some] / c - 1).std(axis=0)))
                    for c in (ours, np.stack(curves, 1))
                ),
            ),
            (
                "error of time constants",
                *(
                    float(np.median(np.abs(found / tau - 1)))
                    for found in (fit.tau[some].T, np.stack(taus, 1))
                ),
            ),
        ):
            print(f"    {what:28} {mine:8.4f} {theirs:8.4f}")
    signal = neurons.signal

    def at_once() -> object:
        return len(fit_bleaching(signal).labels)

    def one_by_one() -> object:
        # A few neurons stand for all: their time counts as many times over.
        for trace in signal.data.T[some]:
            _one_by_one(trace)
        return signal.n_neurons

    yield {"wormio": at_once, _PUBLISHED: one_by_one}


@contextmanager
def _tmac(_folder: Path) -> Iterator[Contenders]:
    traces = two_channels(5000, 10, seed=1)

    def correct(method: str) -> object:
        traces.signal.correct_motion(traces.reference, method=method)
        return traces.signal.n_neurons

    yield {method: lambda method=method: correct(method) for method in ("tmac", "ratio", "ica")}


CONTESTS = (
    Contest(
        "bleaching",
        "fitting the bleaching of 120 neurons x 4,000 samples",
        _bleaching,
        goals={_PUBLISHED: Goal("at least", 15)},
        shares={_PUBLISHED: _SUBSET / 120},
    ),
    Contest("motion", "correcting the motion of 10 neurons x 5,000 samples", _tmac),
)
