"""Taking one trace's motion out of another's: ratio, regression, independent components.

Each function takes one neuron's two traces (T,), divided by their means, and where both were
measured; it returns the corrected trace (T,), about 1, and what it found, or the reason why there
is none. None of them knows of `Signal`; `wormio.signal.motion` does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wormio.signal._medians import noise_of
from wormio.signal.tmac import fit_tmac

__all__ = ["Outcome", "by_ica", "by_ratio", "by_regression", "by_tmac"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Outcome = tuple[Floats, Mapping[str, Any]] | str
"""What was made and found, or why nothing could be."""

# Huber's weights: residuals beyond this many standard deviations count less.
_HUBER, _ROUNDS = 1.345, 50
# Least share of the reference's variance that must not be noise.
_RELIABLE = 0.1
# Mean of log cosh of a standard normal variable.
_GAUSSIAN = 0.37456720
# Angles looked at by ICA, in a quarter turn.
_ANGLES = 90


def by_ratio(g: Floats, r: Floats, both: Bools, *, floor: float) -> Outcome:
    """Divide; NaN where the reference is within `floor` standard deviations of its noise of 0."""
    noise = float(np.nan_to_num(noise_of(np.where(both, r, np.nan)[:, np.newaxis])[0]))
    least = max(floor * noise, float(np.finfo(float).eps))
    high = r > least
    ratio = np.where(high, g / np.where(high, r, 1.0), np.nan)
    n_low = int(np.count_nonzero(both & ~high))
    if n_low == np.count_nonzero(both):
        return "the reference is nowhere above its noise"
    return ratio, {"floor": least, "below_floor": n_low}


def by_regression(
    g: Floats, r: Floats, both: Bools, *, nonnegative: bool, noisy_reference: bool
) -> Outcome:
    """Subtract ``beta (r - 1)``; beta by Huber's robust regression."""
    x, y = r[both], g[both]
    weight = np.ones_like(x)
    beta = 0.0
    reliability = 1.0
    for _ in range(_ROUNDS):
        total = weight.sum()
        mx, my = (weight @ x) / total, (weight @ y) / total
        sxx, sxy = weight @ (x - mx) ** 2, weight @ ((x - mx) * (y - my))
        if not sxx > 0:
            return "the reference does not vary"
        last, beta = beta, sxy / sxx
        residual = y - my - beta * (x - mx)
        spread = 1.4826 * float(np.median(np.abs(residual - np.median(residual))))
        if not spread > 0 or abs(beta - last) <= 1e-10 * (1 + abs(beta)):
            break
        weight = 1 / np.maximum(np.abs(residual) / (_HUBER * spread), 1.0)
    if noisy_reference:
        # Noise in the reference makes beta too small by the share of its variance that is none.
        noise = float(np.nan_to_num(noise_of(np.where(both, r, np.nan)[:, np.newaxis])[0]))
        reliability = 1 - noise**2 * weight.sum() / sxx
        if reliability < _RELIABLE:
            return "the reference is noise"
        beta /= reliability
    if nonnegative:
        beta = max(beta, 0.0)
    return g - beta * (r - 1), {"beta": float(beta), "reliability": float(reliability)}


def by_ica(g: Floats, r: Floats, both: Bools) -> Outcome:
    """Remove the independent component that the reference shows.

    Two whitened traces differ from two independent sources by a turn: so the contrast of FastICA
    (Hyvarinen 1999, 10.1109/72.761722; log cosh) is looked at over all angles, which cannot end in
    a local optimum.
    """
    from scipy.optimize import minimize_scalar

    pair = np.stack([r[both], g[both]])
    centre = pair.mean(axis=1, keepdims=True)
    covariance = np.cov(pair)
    values, vectors = np.linalg.eigh(covariance)
    if not values[0] > 1e-12 * values[1]:
        return "the channels are proportional"
    white = (vectors / np.sqrt(values)).T @ (pair - centre)

    def sources(angle: float) -> Floats:
        c, s = np.cos(angle), np.sin(angle)
        return np.asarray(np.array([[c, s], [-s, c]]) @ white)

    def contrast(angle: float) -> float:
        u = np.abs(sources(angle))
        log_cosh = u + np.log1p(np.exp(-2 * u)) - np.log(2)
        return -float(((log_cosh.mean(axis=1) - _GAUSSIAN) ** 2).sum())

    step = np.pi / 2 / _ANGLES
    start = step * int(np.argmin([contrast(step * k) for k in range(_ANGLES)]))
    found = minimize_scalar(contrast, bounds=(start - step, start + step), method="bounded")
    turned = sources(float(found.x))
    alike = [float(np.corrcoef(source, pair[0])[0, 1]) for source in turned]
    chosen = int(np.argmax(np.abs(alike)))
    # How much of it the signal holds, and how to read it off the two traces of all rows.
    share = float(np.mean(turned[chosen] * (pair[1] - centre[1])))
    c, s = np.cos(found.x), np.sin(found.x)
    unmix = np.array([[c, s], [-s, c]])[chosen] @ (vectors / np.sqrt(values)).T
    motion = unmix @ (np.stack([r, g]) - centre)
    return g - share * motion, {
        "likeness": sorted((abs(value) for value in alike), reverse=True),
        "contrast": -float(found.fun),
    }


def by_tmac(g: Floats, r: Floats, both: Bools) -> Outcome:
    """Infer the activity; see `wormio.signal.tmac.fit_tmac`."""
    row = np.arange(len(g))
    g, r = (np.interp(row, row[both], trace[both]) for trace in (g, r))
    if not (g.var() > 0 and r.var() > 0):
        return "a channel does not vary"
    fit = fit_tmac(g, r)
    return 1 + fit.activity, {
        "variance_activity": fit.variance_activity,
        "variance_motion": fit.variance_motion,
        "length_activity": fit.length_activity,
        "length_motion": fit.length_motion,
        "noise_signal": fit.noise_signal,
        "noise_reference": fit.noise_reference,
        "converged": fit.converged,
    }
