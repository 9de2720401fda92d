"""Sums of decaying exponentials, fitted to many traces at once.

The model is ``a1 exp(-k1 t) + a2 exp(-k2 t) + c`` with a1, a2, c >= 0. Only the rates k enter
nonlinearly: for given rates the best amplitudes follow from a 3 x 3 system (variable projection,
Golub & Pereyra 1973, 10.1137/0710036). All traces share one grid of rates, so that the products
of all pairs of basis functions are summed once for all of them: the search over the grid is global
and cannot start badly. Damped Gauss-Newton steps (Kaufman 1975, 10.1007/BF01932995) then leave the
grid.

Everything here is without units: time runs from 0 to about 1, traces are about 1.
"""

from __future__ import annotations

from itertools import combinations

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Curves",
    "best_on_grid",
    "fit_robustly",
    "loss",
    "refine",
    "robust_weights",
    "settle",
]

Floats = NDArray[np.float64]

# Rates looked at, in units of 1 / duration: from hardly bent to a time
# constant of a fortieth: what is faster cannot be told from a response.
_SLOWEST, _FASTEST, _N_RATES = 0.2, 40.0, 30
_RATES = np.geomspace(_SLOWEST, _FASTEST, _N_RATES)
_LOG_BOUNDS = np.log([_SLOWEST / 4, _FASTEST])
# Weights, in standard deviations: where they begin to fall below the curve (Huber), and where they
# begin to fall and vanish above it. Activity only ever adds. Full weight up to a height keeps the
# curve in the middle of symmetric noise.
_HUBER, _FULL, _NONE = 2.0, 1.5, 3.5
# The spread is looked at in so many parts of a trace.
_PARTS = 8
# Rounds of weighting and refinement, which end when no curve moves by more than this.
_ROUNDS, _STILL = 30, 1e-4
# At least this share of the samples has full weight from above.
_FEWEST = 0.2
# The spread is nowhere less than this share of its largest value.
_LEAST = 0.2
# While the curve is still coarse: the weight of what lies above it.
_ABOVE = 0.1


@attrs.frozen
class Curves:
    """Curves of N neurons: amplitudes and rates (N, R), constants (N,)."""

    amplitude: Floats
    rate: Floats
    constant: Floats

    def at(self, t: Floats) -> Floats:
        """Return the curves at times (M,), as (N, M)."""
        result = np.repeat(self.constant[:, np.newaxis], len(t), axis=1)
        for a, k in zip(self.amplitude.T, self.rate.T, strict=True):
            result += a[:, np.newaxis] * np.exp(-k[:, np.newaxis] * t)
        return result

    def take(self, neurons: NDArray[np.intp]) -> Curves:
        """Return the curves of some neurons."""
        return Curves(self.amplitude[neurons], self.rate[neurons], self.constant[neurons])

    def replaced(self, neurons: NDArray[np.intp], by: Curves) -> Curves:
        """Return these curves, but for some neurons."""
        result = Curves(self.amplitude.copy(), self.rate.copy(), self.constant.copy())
        result.amplitude[neurons] = by.amplitude
        result.rate[neurons] = by.rate
        result.constant[neurons] = by.constant
        return result

    def where(self, chosen: NDArray[np.bool_], other: Curves) -> Curves:
        """Return these curves where `chosen`, and the others elsewhere."""
        column = chosen[:, np.newaxis]
        return Curves(
            np.where(column, self.amplitude, other.amplitude),
            np.where(column, self.rate, other.rate),
            np.where(chosen, self.constant, other.constant),
        )


def loss(curves: Curves, t: Floats, y: Floats, weight: Floats) -> Floats:
    """Return the weighted sum of squares of each neuron, (N,)."""
    residual = y - curves.at(t)
    return np.asarray((weight * residual * residual).sum(axis=1))


def robust_weights(f: Floats, y: Floats, given: Floats) -> tuple[Floats, Floats]:
    """Return weights that follow the lower envelope, and the spread around it.

    Parameters
    ----------
    f, y, given : (N, M) float64
        Curves, traces, and weights of the samples by themselves (0 where there is none).

    Returns
    -------
    weight : (N, M) float64
        For squares of ``y - f``.
    spread : (N, M) float64
        Standard deviation of ``y - f``, from what lies below the curve only.
    """
    residual = y - f
    spread = _spread(f, np.where(given > 0, residual, np.nan))
    spread = spread * _inflation(np.where(given > 0, residual / spread, np.inf))[:, np.newaxis]
    u = np.where(given > 0, residual / spread, 0.0)
    # A response lasts longer than a block: its neighbours tell of it as well.
    around = u.copy()
    around[:, 1:] += u[:, :-1]
    around[:, :-1] += u[:, 1:]
    n_around = np.full(u.shape[1], 3.0)
    n_around[[0, -1]] = 2
    above = np.maximum(u, around / np.sqrt(n_around))
    above = np.clip((above - _FULL) / (_NONE - _FULL), 0, 1)
    upper = (1 - above**2) ** 2
    lower = _HUBER / np.maximum(-u, _HUBER)
    return given * upper * lower / spread**2, spread


def _inflation(u: Floats) -> Floats:
    """Return by how much to widen the spread lest hardly any sample counts, (N,)."""
    order = np.sort(u, axis=1)  # what was not measured is infinite, hence last
    n = np.count_nonzero(np.isfinite(u), axis=1)
    lowest = order[np.arange(len(u)), (_FEWEST * n).astype(int)]
    return np.asarray(np.maximum(1.0, lowest / _FULL))


def _spread(f: Floats, residual: Floats) -> Floats:
    """Return the standard deviation whose square is ``alpha + beta f**2``, for each sample.

    Camera noise does not fade with the fluorophore, motion does: which of the two it is, is read
    off the sizes of what lies below the curve, part by part; `residual` is NaN where there is none.
    What lies below shrinks as the curve sinks: differences of neighbours do not, and hold it up.
    """
    n, m = f.shape
    n_parts = max(1, min(_PARTS, m // 20))
    cut = m // n_parts * n_parts
    below = np.where(residual < 0, -residual, np.nan)
    steps = np.abs(np.diff(residual, axis=1, append=np.nan)) / np.sqrt(2)
    variance, count = np.zeros((n, n_parts)), np.zeros((n, n_parts))
    for sizes in (below, steps):
        parts = np.sort(sizes[:, :cut].reshape(n, n_parts, -1), axis=2)  # NaN go last
        n_known = np.count_nonzero(np.isfinite(parts), axis=2)
        middle = np.maximum(n_known - 1, 0)[..., np.newaxis] // 2
        found = np.nan_to_num((1.4826 * np.take_along_axis(parts, middle, axis=2)[..., 0]) ** 2)
        variance = np.where(n_known >= 3, np.maximum(variance, found), variance)
        count = np.maximum(count, n_known)
    square = (f[:, :cut] ** 2).reshape(n, n_parts, -1).mean(axis=2)
    weight = np.where(count >= 3, count / np.maximum(variance, 1e-18) ** 2, 0.0)
    s0, s1, s2 = weight.sum(axis=1), (weight * square).sum(axis=1), (weight * square**2).sum(axis=1)
    b0, b1 = (weight * variance).sum(axis=1), (weight * variance * square).sum(axis=1)
    nothing = s0 == 0
    s0, s2 = np.where(nothing, 1.0, s0), np.where(nothing, 1.0, s2)
    det = np.maximum(s0 * s2 - s1 * s1, 1e-12 * s0 * s2)
    alpha, beta = (s2 * b0 - s1 * b1) / det, (s0 * b1 - s1 * b0) / det
    constant, proportional = alpha < 0, beta < 0
    alpha, beta = (
        np.where(constant, 0.0, np.where(proportional, b0 / s0, alpha)),
        np.where(proportional, 0.0, np.where(constant, b1 / s2, beta)),
    )
    spread = np.sqrt(alpha[:, np.newaxis] + beta[:, np.newaxis] * f * f)
    # A trace without noise still needs a unit: what cannot be seen. And no part of a trace may
    # count so much more than the rest that only that part is fitted.
    least = np.maximum(_LEAST * spread.max(axis=1), 1e-9 * f.max(axis=1))
    return np.asarray(np.maximum(spread, least[:, np.newaxis]))


@attrs.define
class _Best:
    """The best curves so far of N neurons."""

    gain: Floats
    amplitude: Floats
    rate: Floats
    constant: Floats

    def keep(
        self,
        gain: Floats,
        amplitudes: tuple[Floats, ...],
        constant: Floats,
        rates: tuple[Floats, ...],
    ) -> None:
        """Take each neuron's best of P candidates (N, P) if it is better than what there is."""
        rows = np.arange(len(gain))
        at = np.argmax(gain, axis=1)
        won = gain[rows, at] > self.gain
        self.gain = np.where(won, gain[rows, at], self.gain)
        self.amplitude[won] = 0
        for column, (a, k) in enumerate(zip(amplitudes, rates, strict=True)):
            self.amplitude[won, column] = a[rows, at][won]
            self.rate[won, column] = k[at][won]
        self.constant[won] = np.broadcast_to(constant, gain.shape)[rows, at][won]


def best_on_grid(t: Floats, y: Floats, weight: Floats, n_rates: int) -> Curves:
    """Return the best curves whose rates lie on the grid: a global optimum.

    For given rates, the amplitudes are those of the best of all sets of functions whose amplitudes
    are positive: the constant with none, one or both exponentials, or these without it.
    """
    n, tiny = len(y), 1e-12
    basis = np.exp(-np.outer(t, _RATES))  # (M, K)
    wy = weight * y
    s0, ys = weight.sum(axis=1)[:, np.newaxis], wy.sum(axis=1)[:, np.newaxis]
    s, b, squares = weight @ basis, wy @ basis, weight @ basis**2
    by_constant = ys * ys / s0
    best = _Best(
        by_constant[:, 0], np.zeros((n, n_rates)), np.ones((n, n_rates)), (ys / s0)[:, 0].copy()
    )
    # What the constant does not explain.
    g_c, b_c = np.maximum(squares - s * s / s0, tiny * squares), b - s * ys / s0
    a = b_c / g_c
    c = (ys - a * s) / s0
    fits = (a >= 0) & (c >= 0)
    best.keep(np.where(fits, a * b_c + by_constant, -np.inf), (a,), c, (_RATES,))
    best.keep(b * b / squares, (b / squares,), np.zeros((n, 1)), (_RATES,))
    if n_rates == 1:
        return Curves(best.amplitude, best.rate, best.constant)
    i, j = np.triu_indices(len(_RATES), 1)
    cross = weight @ (basis[:, i] * basis[:, j])
    for centred in (True, False):
        if centred:
            g11, g22, g12 = g_c[:, i], g_c[:, j], cross - s[:, i] * s[:, j] / s0
            b1, b2 = b_c[:, i], b_c[:, j]
        else:
            g11, g22, g12, b1, b2 = squares[:, i], squares[:, j], cross, b[:, i], b[:, j]
        det = g11 * g22 - g12 * g12
        fits = det > tiny * g11 * g22
        det = np.where(fits, det, 1.0)
        a1, a2 = (g22 * b1 - g12 * b2) / det, (g11 * b2 - g12 * b1) / det
        gain, c = a1 * b1 + a2 * b2, np.zeros((n, 1))
        if centred:
            gain, c = gain + by_constant, (ys - a1 * s[:, i] - a2 * s[:, j]) / s0
        fits &= (a1 >= 0) & (a2 >= 0) & (c >= 0)
        best.keep(np.where(fits, gain, -np.inf), (a1, a2), c, (_RATES[i], _RATES[j]))
    return Curves(best.amplitude, best.rate, best.constant)


def _amplitudes(basis: Floats, y: Floats, weight: Floats) -> Floats:
    """Return the best amplitudes that are not negative, (N, C), of the basis (N, C, M)."""
    weighted = basis * weight[:, np.newaxis]
    gram = weighted @ basis.transpose(0, 2, 1)
    right = (weighted @ y[:, :, np.newaxis])[..., 0]
    n, n_columns = right.shape
    best, gain = np.zeros((n, n_columns)), np.zeros(n)
    for size in range(1, n_columns + 1):
        for subset in combinations(range(n_columns), size):
            part = np.ix_(range(n), subset, subset)
            block = gram[part]
            ridge = 1e-13 * np.trace(block, axis1=1, axis2=2)[:, np.newaxis, np.newaxis]
            block = block + (ridge + 1e-300) * np.eye(size)
            at = right[:, subset]
            found = np.linalg.solve(block, at[..., np.newaxis])[..., 0]
            value = (found * at).sum(axis=1)
            won = (found >= 0).all(axis=1) & (value > gain)
            gain = np.where(won, value, gain)
            full = np.zeros((n, n_columns))
            full[:, subset] = found
            best = np.where(won[:, np.newaxis], full, best)
    return best


def refine(
    curves: Curves, t: Floats, y: Floats, weight: Floats, steps: int, *, shared: bool = False
) -> Curves:
    """Return curves after damped Gauss-Newton steps in the logarithms of the rates.

    With `shared`, all neurons have the same rates.
    """
    n, n_rates = curves.rate.shape
    log_rate = np.log(curves.rate)

    def project(log_k: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        k = np.exp(log_k)
        basis = np.ones((n, n_rates + 1, len(t)))
        np.exp(-k[:, :, np.newaxis] * t, out=basis[:, :n_rates])
        linear = _amplitudes(basis, y, weight)
        residual = y - (linear[:, np.newaxis] @ basis)[:, 0]
        return basis, linear, residual, (weight * residual * residual).sum(axis=1)

    basis, linear, residual, value = project(log_rate)
    damping = np.full(n, 1e-3)
    for _ in range(steps):
        k = np.exp(log_rate)
        slope = -linear[:, :n_rates, np.newaxis] * k[:, :, np.newaxis] * t * basis[:, :n_rates]
        both = np.concatenate([slope, basis], axis=1)
        weighted = both * weight[:, np.newaxis]
        normal = weighted @ both.transpose(0, 2, 1)
        right = (weighted @ residual[:, :, np.newaxis])[..., 0]
        # What is at its bound does not move.
        free = np.concatenate([linear[:, :n_rates] > 0, linear > 0], axis=1)
        normal = np.where(free[:, :, np.newaxis] & free[:, np.newaxis], normal, 0.0)
        right = np.where(free, right, 0.0)
        diagonal = np.einsum("nii->ni", normal)
        diagonal[diagonal <= 0] = 1.0
        # Eliminate the amplitudes: what is left is the system of the rates.
        inner = normal[:, n_rates:, n_rates:] + 0.0
        np.einsum("nii->ni", inner)[...] *= 1 + 1e-12
        coupling = np.linalg.solve(inner, normal[:, n_rates:, :n_rates])
        system = normal[:, :n_rates, :n_rates] - normal[:, :n_rates, n_rates:] @ coupling
        goal = right[:, :n_rates] - np.einsum("nci,nc->ni", coupling, right[:, n_rates:])
        if shared:
            system = np.broadcast_to(system.sum(axis=0), system.shape).copy()
            goal = np.broadcast_to(goal.sum(axis=0), goal.shape)
        diagonal = np.einsum("nii->ni", system)
        diagonal[...] = diagonal * (1 + damping[:, np.newaxis]) + 1e-300
        tiny = diagonal <= 1e-250
        diagonal[tiny] = 1.0
        move = np.linalg.solve(system, goal[..., np.newaxis])[..., 0]
        tried = np.clip(log_rate + np.clip(move, -0.7, 0.7), *_LOG_BOUNDS)
        candidate = project(tried)
        together = np.full(n, candidate[3].sum() <= value.sum())
        better = together if shared else candidate[3] <= value
        log_rate = np.where(better[:, np.newaxis], tried, log_rate)
        basis = np.where(better[:, np.newaxis, np.newaxis], candidate[0], basis)
        linear = np.where(better[:, np.newaxis], candidate[1], linear)
        residual = np.where(better[:, np.newaxis], candidate[2], residual)
        value = np.where(better, candidate[3], value)
        damping = np.where(better, damping / 5, damping * 10)
    return Curves(linear[:, :n_rates], np.exp(log_rate), linear[:, n_rates])


def fit_robustly(
    t: Floats, y: Floats, given: Floats, n_rates: int, *, shared: bool = False
) -> tuple[Curves, Floats, Floats]:
    """Return curves along the lower envelope, their weights, and how far the last step moved them.

    Parameters
    ----------
    t : (M,) float64
    y, given : (N, M) float64
        Traces, and the weights of their samples; `y` must be finite everywhere.
    n_rates : int
        1 or 2.
    shared : bool
        Whether all neurons have the same rates.

    Returns
    -------
    curves : Curves
    weight : (N, M) float64
    moved : (N,) float64
        Largest relative change in the last round.
    """
    weight = given
    curves = _search(t, y, weight, n_rates, shared)
    f = curves.at(t)
    for _ in range(3):  # down to the lower envelope
        weight = given * np.where(y > f, _ABOVE, 1.0)
        curves = _search(t, y, weight, n_rates, shared)
        f = curves.at(t)
    for _ in range(5):
        weight, _ = robust_weights(f, y, given)
        curves = _search(t, y, weight, n_rates, shared)
        f = curves.at(t)
    return settle(curves, t, y, given, shared=shared)


def settle(
    curves: Curves, t: Floats, y: Floats, given: Floats, *, shared: bool = False
) -> tuple[Curves, Floats, Floats]:
    """Return curves from which weights and refinement lead no further; as `fit_robustly`."""
    moved = np.full(len(y), np.inf)
    weight = given.copy()
    active = np.arange(len(y))
    for number in range(_ROUNDS):
        part = curves.take(active)
        f = part.at(t)
        new, _ = robust_weights(f, y[active], given[active])
        # Half of the last weights ends a swing between two of them.
        weight[active] = new if number < _ROUNDS // 3 else (new + weight[active]) / 2
        part = refine(part, t, y[active], weight[active], 2, shared=shared)
        moved[active] = np.max(np.abs(part.at(t) - f) / np.maximum(f, 1e-12), axis=1)
        curves = curves.replaced(active, part)
        if not shared:
            active = np.flatnonzero(moved >= _STILL)
        if not active.size or (moved < _STILL).all():
            break
    return curves, weight, moved


def _search(t: Floats, y: Floats, weight: Floats, n_rates: int, shared: bool) -> Curves:
    if not shared:
        return best_on_grid(t, y, weight, n_rates)
    # The same rates for all: those of the trace that all make together.
    total = weight.sum(axis=0)
    mean = (weight * y).sum(axis=0) / np.where(total > 0, total, 1.0)
    one = best_on_grid(t, mean[np.newaxis], total[np.newaxis], n_rates)
    rate = np.repeat(one.rate, len(y), axis=0)
    return refine(Curves(one.amplitude, rate, one.constant), t, y, weight, 0)
