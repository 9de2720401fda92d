"""Decays of many traces: in blocks, one exponential or two, and how far to trust them."""

from __future__ import annotations

from typing import Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.signal import _varpro
from wormio.signal._medians import nan_median

__all__ = ["NEGATIVE", "NO_DECAY", "POOR", "UNCLEAR", "Blocks", "Decays", "fit_decays", "trend"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Why a trace has no curve. The last two may have a trend all the same, that is no exponential.
FEW = "too few measured samples"
NEGATIVE = "not positive"
NO_DECAY = "hardly bleaches"
UNCLEAR = "no clear decay"
POOR = "poor fit"

# Traces are fitted as about so many blocks of equal length.
_BLOCKS = 400
# A fit is refused below so many measured samples, where the curve falls by less, or where the trace
# follows it worse.
_FEWEST, _LEAST_BLEACHED, _LARGEST_RMS = 30, 0.02, 0.3
# Least share of a trace that follows its curve: of most traces, and of those that fall by far.
_LEAST_KEPT, _LEAST_KEPT_AT_ALL, _FAR = 0.4, 0.15, 2.5
# Of what is lost, the least share that must be lost after the beginning of the recording.
_BEGINNING, _LEAST_LATER = 0.1, 0.1
# Largest share of blocks that may lie at or below zero.
_MOST_NEGATIVE = 0.05
# Two rates closer than this ratio are one; an amplitude below this share is none.
_SAME_RATE, _NO_AMPLITUDE = 1.3, 1e-3
# A fit whose last step moved it by more has not converged.
_CONVERGED = 0.01
# Residuals whose neighbours are as alike as this are no noise.
_MOST_CORRELATED = 0.98


@attrs.frozen
class Blocks:
    """N traces in M blocks of neighbouring rows.

    `t` (M,) is from 0 to 1; `middle` and `mean` (N, M) are medians and means of the measured
    samples, in units of `unit` (N,); `given` (N, M) is how many of a block's samples there are.
    """

    t: Floats
    middle: Floats
    mean: Floats
    given: Floats
    unit: Floats
    n_measured: NDArray[np.int64]

    @classmethod
    def of(cls, data: Floats, measured: Bools, since: Floats) -> Blocks:
        """Make blocks of traces (T, N) at times (T,)."""
        length, n = data.shape
        size = max(1, length // _BLOCKS)
        n_blocks = -(-length // size)
        padded = np.full((n_blocks * size, n), np.nan)
        padded[:length] = np.where(measured, data, np.nan)
        parts = padded.reshape(n_blocks, size, n)
        count = np.count_nonzero(np.isfinite(parts), axis=1)
        middle = nan_median(parts, 1)
        mean = np.where(np.isfinite(parts), parts, 0.0).sum(axis=1) / np.maximum(count, 1)
        times = np.full(n_blocks * size, np.nan)
        times[:length] = since
        t = np.nanmean(times.reshape(n_blocks, size), axis=1)
        unit = nan_median(middle, 0)
        safe = np.where(unit > 0, unit, 1.0)
        there = count > 0
        return cls(
            t,
            np.where(there, middle / safe, 1.0).T.copy(),
            np.where(there, mean / safe, 1.0).T.copy(),
            (count / size).T.copy(),
            unit,
            measured.sum(axis=0),
        )

    def take(self, neurons: NDArray[np.intp]) -> Blocks:
        """Return the blocks of some neurons."""
        return Blocks(
            self.t,
            self.middle[neurons],
            self.mean[neurons],
            self.given[neurons],
            self.unit[neurons],
            self.n_measured[neurons],
        )


@attrs.frozen
class Decays:
    """Curves of N neurons in the units of their blocks, figures of quality (N,), and reasons.

    `reason` is None where the curve is good.
    """

    curves: _varpro.Curves
    kept: Floats
    r2: Floats
    rms: Floats
    condition: Floats
    converged: Bools
    reason: list[str | None]


def fit_decays(
    blocks: Blocks, model: Literal["auto", "double", "single"], *, shared: bool
) -> Decays:
    """Fit all neurons, and judge each fit."""
    n = len(blocks.unit)
    reason: list[str | None] = [None] * n
    there = blocks.given > 0
    negative = ((blocks.middle <= 0) & there).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    for i in range(n):
        if blocks.n_measured[i] < _FEWEST or there[i].sum() < _FEWEST // 2:
            reason[i] = FEW
        elif negative[i] > _MOST_NEGATIVE or not blocks.unit[i] > 0:
            reason[i] = NEGATIVE
    able = np.array([i for i in range(n) if reason[i] is None], np.intp)
    zeros = np.zeros((n, 2))
    curves = _varpro.Curves(zeros.copy(), zeros + 1, np.zeros(n))
    kept, r2, rms, condition = np.full((4, n), np.nan)
    result = Decays(curves, kept, r2, rms, condition, np.zeros(n, bool), reason)
    if able.size:
        _fit(blocks.take(able), model, shared, able, result)
    return result


def _fit(blocks: Blocks, model: str, shared: bool, able: NDArray[np.intp], result: Decays) -> None:
    t, y, given = blocks.t, blocks.mean, blocks.given
    n_rates = 1 if model == "single" else 2
    curves, weight, moved = _fit_means(blocks, n_rates, shared)
    if model == "auto":
        single, _, single_moved = _fit_means(blocks, 1, shared)
        # By the same weights, else each model would be judged on the samples that it likes.
        plain = _varpro.refine(single, t, y, weight, 4, shared=shared)
        size = _effective_size(y - curves.at(t), weight)
        gain = size * np.log(
            _varpro.loss(plain, t, y, weight)
            / np.maximum(_varpro.loss(curves, t, y, weight), 1e-300)
        )
        simple = gain <= 2 * np.log(np.maximum(size, 2))
        curves = _pad(single).where(simple, curves)
        moved = np.where(simple, single_moved, moved)
    curves = _merge(_pad(curves))
    f = curves.at(t)
    weight, spread = _varpro.robust_weights(f, y, given)
    kept = (weight * spread**2 > 0.5 * given) & (given > 0)
    total = np.maximum(kept.sum(axis=1), 1)
    squares = np.where(kept, (y - f) ** 2, 0.0).sum(axis=1)
    mean = (np.where(kept, y, 0.0).sum(axis=1) / total)[:, np.newaxis]
    around = np.where(kept, (y - mean) ** 2, 0.0).sum(axis=1)
    rms = np.sqrt(np.where(kept, ((y - f) / np.maximum(f, 1e-12)) ** 2, 0.0).sum(axis=1) / total)
    share = kept.sum(axis=1) / np.maximum((given > 0).sum(axis=1), 1)
    level = (weight * y).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-300)
    flat = (weight * (y - level[:, np.newaxis]) ** 2).sum(axis=1)
    size = _effective_size(y - f, weight)
    n_more = np.where(curves.amplitude[:, 1] > 0, 4, 2)
    gain = _gain(flat, _varpro.loss(curves, t, y, weight), size)
    clear = gain > n_more * np.log(np.maximum(size, 2))
    falls = _falls(f, given)
    # What is lost within the first tenth and no more later may as well be a response.
    clear &= _falls(f, np.where(t > _BEGINNING, given, 0.0)) > _LEAST_LATER * falls
    # Little of the trace may follow the curve where it falls by far more than activity rises.
    far = falls * f.max(axis=1) > _FAR * _rises(y, f, given)
    poor = (share < _LEAST_KEPT) & ~far
    poor |= (share < _LEAST_KEPT_AT_ALL) | (rms > _LARGEST_RMS) | (f.min(axis=1) <= 0)
    poor |= moved > _CONVERGED
    for row, i in enumerate(able):
        if falls[row] < _LEAST_BLEACHED:
            result.reason[i] = NO_DECAY
        elif poor[row]:
            result.reason[i] = POOR
        elif not clear[row]:
            result.reason[i] = UNCLEAR
    result.curves.amplitude[able] = curves.amplitude
    result.curves.rate[able] = curves.rate
    result.curves.constant[able] = curves.constant
    result.kept[able], result.rms[able] = share, rms
    result.r2[able] = 1 - squares / np.where(around > 0, around, 1.0)
    result.condition[able] = _condition(curves, t, weight)
    result.converged[able] = moved <= _CONVERGED


def _fit_means(blocks: Blocks, n_rates: int, shared: bool) -> tuple[_varpro.Curves, Floats, Floats]:
    """Fit the medians, which resist, and then the means, which scatter less."""
    t, given = blocks.t, blocks.given
    curves, _, _ = _varpro.fit_robustly(t, blocks.middle, given, n_rates, shared=shared)
    return _varpro.settle(curves, t, blocks.mean, given, shared=shared)


def _pad(curves: _varpro.Curves) -> _varpro.Curves:
    """Return curves of two exponentials, the second without amplitude."""
    if curves.rate.shape[1] == 2:
        return curves
    return _varpro.Curves(
        np.pad(curves.amplitude, ((0, 0), (0, 1))),
        np.pad(curves.rate, ((0, 0), (0, 1)), constant_values=1.0),
        curves.constant,
    )


def _merge(curves: _varpro.Curves) -> _varpro.Curves:
    """Return the curves with the faster rate first, and one where two are alike."""
    a, k = curves.amplitude, curves.rate
    top = a.sum(axis=1) + curves.constant
    a = np.where(a < _NO_AMPLITUDE * top[:, np.newaxis], 0.0, a)
    # What has an amplitude comes first, and of these the faster one.
    order = np.argsort(np.where(a > 0, -k, np.inf), axis=1, kind="stable")
    a, k = np.take_along_axis(a, order, axis=1), np.take_along_axis(k, order, axis=1)
    alike = (a[:, 1] > 0) & (k[:, 0] < _SAME_RATE * k[:, 1])
    both = a.sum(axis=1)
    mean = (a * k).sum(axis=1) / np.where(both > 0, both, 1.0)
    a = np.where(alike[:, np.newaxis], np.stack([both, np.zeros_like(both)], axis=1), a)
    k = np.where(alike[:, np.newaxis], np.stack([mean, k[:, 1]], axis=1), k)
    return _varpro.Curves(a, k, curves.constant)


def _gain(simple: Floats, full: Floats, size: Floats) -> Floats:
    """Return twice the gain in log likelihood, from sums of squares (N,) of `size` samples."""
    tiny = 1e-300
    return np.asarray(size * np.log((simple + tiny) / (full + tiny)))


def _effective_size(residual: Floats, weight: Floats) -> Floats:
    """Return how many independent samples the residuals are worth, (N,)."""
    r = residual * np.sqrt(weight)
    alike = (r[:, 1:] * r[:, :-1]).sum(axis=1) / np.maximum((r * r).sum(axis=1), 1e-300)
    alike = np.clip(alike, 0.0, _MOST_CORRELATED)
    n = (weight > 0).sum(axis=1)
    return np.asarray(n * (1 - alike) / (1 + alike))


def _falls(f: Floats, given: Floats) -> Floats:
    """Return the share that each curve loses from its first measured block to its last."""
    there = given > 0
    rows = np.arange(len(f))
    first, last = there.argmax(axis=1), there.shape[1] - 1 - there[:, ::-1].argmax(axis=1)
    return np.asarray(1 - f[rows, last] / np.maximum(f[rows, first], 1e-300))


def _rises(y: Floats, f: Floats, given: Floats) -> Floats:
    """Return how far most blocks are spread around each curve: from 10 % to 90 % of them."""
    r = np.sort(np.where(given > 0, y - f, np.inf), axis=1)
    rows, last = np.arange(len(r)), np.count_nonzero(given > 0, axis=1) - 1
    low, high = (r[rows, np.rint(part * last).astype(int)] for part in (0.1, 0.9))
    return np.asarray(high - low)


def _condition(curves: _varpro.Curves, t: Floats, weight: Floats) -> Floats:
    """Return the condition number of each neuron's basis, its columns scaled to length 1."""
    result = np.ones(len(weight))
    for i, (a, k) in enumerate(zip(curves.amplitude, curves.rate, strict=True)):
        columns = [np.exp(-rate * t) for rate in k[a > 0]] + [np.ones_like(t)]
        basis = np.stack(columns) * np.sqrt(weight[i])
        length = np.linalg.norm(basis, axis=1, keepdims=True)
        if (length > 0).all():
            result[i] = np.linalg.cond(basis / length)
    return result


def trend(
    blocks: Blocks, neuron: int, window: float, percentile: float, *, falling: bool
) -> Floats | None:
    """Return a rolling percentile of one neuron's blocks, (M,), or the nearest falling curve.

    `window` is a share of the recording. None where the trend is not positive everywhere.
    """
    from scipy.ndimage import gaussian_filter1d, percentile_filter
    from scipy.optimize import isotonic_regression

    there = blocks.given[neuron] > 0
    y = np.interp(blocks.t, blocks.t[there], blocks.middle[neuron, there])
    size = max(3, round(window * len(y)) | 1)
    result: Floats = percentile_filter(y, percentile, size=size, mode="nearest")
    result = gaussian_filter1d(result, size / 4, mode="nearest")
    if falling:
        result = np.asarray(isotonic_regression(result, increasing=False).x)
    return result if result.min() > 0 else None
