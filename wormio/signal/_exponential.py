"""The curve a exp(-k x) + c, fitted to many traces at once below their activity.

For a given rate k the best a and c follow from two linear equations (variable projection, Golub &
Pereyra 1973, 10.1137/0710036). So the search is over k alone: a grid for all traces, which cannot
begin badly, then damped Gauss-Newton steps in log k (Kaufman 1975, 10.1007/BF01932995).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = ["Exponential", "fit_exponential"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Rates looked at: from hardly bent over the whole range, to gone after a third of a sample.
_SLOWEST, _FASTEST, _N_RATES = 0.05, 3.0, 60
# Steps from the grid, and again after samples were left out.
_STEPS, _MORE_STEPS, _LONGEST_STEP = 10, 4, 0.5
# Activity only adds: what lies farther above the curve, in standard deviations of what is below,
# is left out of the next round.
_ABOVE, _ROUNDS = 2.5, 4
_LEAST = np.finfo(float).tiny


@attrs.frozen
class Exponential:
    """Curves of N traces: ``amplitude * exp(-rate * (x - origin)) + constant``."""

    amplitude: Floats
    rate: Floats
    constant: Floats
    origin: float
    fitted: Bools
    """Where it describes the trace better than its median, which is the constant elsewhere."""

    def at(self, x: Floats) -> Floats:
        """Return the curves at `x` (M,), as (M, N)."""
        with np.errstate(over="ignore", invalid="ignore"):
            bend = np.exp(-self.rate * (x[:, np.newaxis] - self.origin))
            curve = self.amplitude * bend + self.constant
        return np.where(self.fitted, curve, self.constant)

    def about(self, labels: Sequence[str], per: str) -> dict[str, Any]:
        """Return what a step's `found` says of these curves of neurons, rates per this unit."""
        fitted = self.fitted.tolist()
        return {
            "amplitude": self.amplitude.tolist(),
            "rate": self.rate.tolist(),
            "per": per,
            "not_fitted": [name for name, fine in zip(labels, fitted, strict=True) if not fine],
        }


def fit_exponential(x: Floats, y: Floats) -> Exponential:
    """Fit the curve to each column of `y`.

    Parameters
    ----------
    x : (M,) float64
        Increasing.
    y : (M, N) float64
        Missing samples are NaN.

    Returns
    -------
    Exponential
        Rates are positive. A trace is not fitted, and its median stands in, where the curve is
        worth less than its two further numbers by Schwarz's criterion (1978,
        10.1214/aos/1176344136), or fewer than 5 samples are known.
    """
    from wormio.signal._windows import quantile

    known = np.isfinite(y)
    n_columns = y.shape[1]
    median = quantile(np.where(known, y, np.nan).T) if len(x) else np.full(n_columns, np.nan)
    nothing = np.zeros(n_columns)
    enough = known.sum(axis=0) >= 5
    if not enough.any():
        origin = float(x[0]) if len(x) else 0.0
        return Exponential(nothing, nothing, median, origin, np.zeros(n_columns, bool))
    with np.errstate(invalid="ignore"):
        spread = np.nanmax(np.where(known & enough, y - median, 0), axis=0) - np.nanmin(
            np.where(known & enough, y - median, 0), axis=0
        )
    size = np.where(spread > 0, spread, 1.0)
    origin, span = float(x[0]), float(x[-1] - x[0])
    u = (x - origin) / span
    scaled = np.where(known, (y - median) / size, 0.0)
    rates = np.geomspace(_SLOWEST, _FASTEST / np.median(np.diff(u)), _N_RATES)

    used = known.copy()
    k = _best_on_grid(u, scaled, used, rates)
    for number in range(_ROUNDS):
        k = _refine(u, scaled, used, k, _MORE_STEPS if number else _STEPS)
        a, c, curve, loss = _project(u, scaled, used, k)
        residual = scaled - curve
        below = np.where(used & (residual < 0), residual, np.nan)
        deviation = 1.4826 * quantile(np.abs(below).T)
        # A curve through every sample has no spread, and nothing lies above it.
        fine = ~(deviation > 1e-9)
        kept = known & (fine | (residual <= _ABOVE * deviation))
        if (kept == used).all():
            break
        used = kept
    count = used.sum(axis=0)
    mean = np.where(used, scaled, 0).sum(axis=0) / np.maximum(count, 1)
    alone = np.where(used, (scaled - mean) ** 2, 0).sum(axis=0)
    gain = count * np.log(np.maximum(alone, _LEAST) / np.maximum(loss, _LEAST))
    fitted = enough & (gain > 2 * np.log(np.maximum(count, 2))) & (spread > 0)
    return Exponential(
        amplitude=np.where(fitted, a * size, 0.0),
        rate=np.where(fitted, k / span, 0.0),
        constant=np.where(fitted, c * size + median, median),
        origin=origin,
        fitted=fitted,
    )


def _best_on_grid(u: Floats, y: Floats, used: Bools, rates: Floats) -> Floats:
    """Return the rate of each column, out of these, that leaves the least squares."""
    weight = used.astype(np.float64)
    wy = weight * y
    e = np.exp(-rates[:, np.newaxis] * u)
    one, ones, squares = weight.sum(axis=0), e @ weight, (e * e) @ weight
    sum_y, sum_ey = wy.sum(axis=0), e @ wy
    one = np.maximum(one, 1)
    lever = np.maximum(squares - ones**2 / one, _LEAST)
    explained = (sum_ey - ones * sum_y / one) ** 2 / lever
    return np.asarray(rates[np.argmax(explained, axis=0)])


def _refine(u: Floats, y: Floats, used: Bools, rate: Floats, n_steps: int) -> Floats:
    """Return better rates (N,), by steps that are taken only where they help."""
    weight = used.astype(np.float64)
    log_rate, longest = np.log(rate), np.full(len(rate), _LONGEST_STEP)
    loss, step = _step(u, y, weight, rate)
    for _ in range(n_steps):
        tried = log_rate + np.clip(step, -longest, longest)
        new_loss, new_step = _step(u, y, weight, np.exp(tried))
        better = new_loss < loss
        log_rate, loss = np.where(better, tried, log_rate), np.where(better, new_loss, loss)
        longest = np.where(better, longest, np.minimum(np.abs(step), longest) / 4)
        step = np.where(better, new_step, step)
    return np.asarray(np.exp(log_rate))


def _step(u: Floats, y: Floats, weight: Floats, rate: Floats) -> tuple[Floats, Floats]:
    """Return the loss at these rates (N,), and by how much their logarithms should change."""
    e = np.exp(-rate * u[:, np.newaxis])
    bend = u[:, np.newaxis] * e
    bend *= rate  # minus the curve's slope in the rate's logarithm, per amplitude
    we, wb = weight * e, weight * bend
    n, sum_y = np.maximum(weight.sum(axis=0), 1), _dot(weight, y)
    sum_e, sum_b = we.sum(axis=0), wb.sum(axis=0)
    ee, eb, ey = _dot(we, e) - sum_e**2 / n, _dot(we, bend), _dot(we, y) - sum_e * sum_y / n
    eb -= sum_e * sum_b / n
    bb, by = _dot(wb, bend) - sum_b**2 / n, _dot(wb, y) - sum_b * sum_y / n
    yy = _dot(weight * y, y) - sum_y**2 / n
    a = ey / np.maximum(ee, _LEAST)
    # What of the slope neither amplitude nor constant can make up for.
    own = np.maximum(bb - eb**2 / np.maximum(ee, _LEAST), _LEAST)
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.nan_to_num(-(by - a * eb) / (a * own), posinf=0.0, neginf=0.0)
    return yy - a * ey, step


def _dot(a: Floats, b: Floats) -> Floats:
    """Return the sum over samples of the product, (N,), without making the product."""
    return np.asarray(np.einsum("mn,mn->n", a, b))


def _project(
    u: Floats, y: Floats, used: Bools, rate: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the best amplitude and constant for these rates (N,), the curve, and its loss."""
    e = np.exp(-rate * u[:, np.newaxis])
    n = np.maximum(used.sum(axis=0), 1)
    mean_e, mean_y = (used * e).sum(axis=0) / n, (used * y).sum(axis=0) / n
    centred = used * (e - mean_e)
    a = (centred * y).sum(axis=0) / np.maximum((centred * centred).sum(axis=0), _LEAST)
    c = mean_y - a * mean_e
    curve = a * e + c
    return a, c, curve, np.asarray(np.where(used, (y - curve) ** 2, 0).sum(axis=0))
