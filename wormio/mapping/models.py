"""The models of a map: how each is fitted to pairs of points, and how well it predicts a new one.

The prediction of a left-out point follows from one fit where the model is linear in its data: by
the hat matrix for polynomials, by Rippa's formula for splines (Adv. Comput. Math. 11:193, 1999).
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import MappingError
from wormio.mapping.transforms import (
    Linear,
    Projective,
    Quadratic,
    ThinPlate,
    Transform,
    monomials,
    natural_kernel,
    thin_plate_kernel,
    with_one,
)

__all__ = ["MODELS", "Model"]

Floats = NDArray[np.float64]

# Powers of ten between which the smoothing of a spline is sought, in units of the points' spread.
_SMOOTHINGS = (-8.0, 3.0)
_SINGULAR = 1e13
# A spline takes time with the third power of the pairs: seconds for these.
_MOST_SPLINE = 1000
# Where a fit to all others must be made anew, it is made at most so often.
_FOLDS = 100


@attrs.frozen(kw_only=True)
class Model:
    """A family of maps.

    Parameters
    ----------
    name : str
    least : callable
        ``least(D)``: pairs of points that determine it.
    fit : callable
        ``fit(source, target)`` of (N, D) arrays.
    predict : callable
        ``predict(source, target)``: the residuals of each point, (N, D), under a fit to all others.
        More than 100 points are left out in 100 groups, if each fit must be made anew.
    most : int
        Pairs beyond which it takes too long.
    """

    name: str
    least: Callable[[int], int]
    fit: Callable[[Floats, Floats], Transform]
    predict: Callable[[Floats, Floats], Floats]
    most: int = sys.maxsize


def _translation(source: Floats, target: Floats) -> Linear:
    shift = (target - source).mean(axis=0)
    return Linear(np.column_stack([np.eye(source.shape[1]), shift]))


def _similarity(source: Floats, target: Floats) -> Linear:
    """Rotation, scale and shift (Umeyama, IEEE PAMI 13:376, 1991)."""
    middle, goal = source.mean(axis=0), target.mean(axis=0)
    moved, wanted = source - middle, target - goal
    u, size, vt = np.linalg.svd(wanted.T @ moved)
    signs = np.ones(len(size))
    signs[-1] = np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0
    spread = (moved**2).sum()
    if spread == 0:
        raise MappingError("all points are at one place")
    scale = (size * signs).sum() / spread
    if scale**2 * spread <= 1e-12 * (wanted**2).sum():
        raise MappingError("no turn and scale explains the points: one set mirrors the other")
    turn = (u * signs) @ vt * scale
    return Linear(np.column_stack([turn, goal - turn @ middle]))


def _affine(source: Floats, target: Floats) -> Linear:
    centre, scale = _frame(source)
    part = _solve(with_one((source - centre) / scale), target)
    turn = part[1:].T / scale
    return Linear(np.column_stack([turn, part[0] - turn @ centre]))


def _projective(source: Floats, target: Floats) -> Projective:
    """Normalised direct linear transform, refined to least squares of distances.

    Hartley & Zisserman, Multiple View Geometry, 2nd ed., algorithms 4.2 and 4.3.
    """
    from scipy.optimize import least_squares

    n_axes = source.shape[1]
    (centre, scale), (goal, size) = _frame(source), _frame(target)
    p, q = (source - centre) / scale, (target - goal) / size
    one = with_one(p)
    zero = np.zeros_like(one)
    rows = []
    for axis in range(n_axes):
        blocks = [zero] * n_axes
        blocks[axis] = one
        rows.append(np.hstack([*blocks, -q[:, axis : axis + 1] * one]))
    # R has the right-hand vectors of the tall matrix, whose left-hand ones would fill the memory.
    _, size_of, vectors = np.linalg.svd(np.linalg.qr(np.vstack(rows), mode="r"))
    start = vectors[-1].reshape(n_axes + 1, n_axes + 1)
    rank = int((size_of > 1e-9 * size_of[0]).sum())
    if rank < start.size - 1 or abs(start[-1, 0]) < 1e-9:
        raise MappingError("the points do not determine a projective map")
    start = start / start[-1, 0]
    free = np.ones(start.size, bool)
    free[-(n_axes + 1)] = False  # the scale of homogeneous coordinates

    def matrix(parameters: Floats) -> Floats:
        full = start.ravel().copy()
        full[free] = parameters
        return np.asarray(full.reshape(start.shape))

    def residuals(parameters: Floats) -> Floats:
        moved = one @ matrix(parameters).T
        return np.asarray((moved[:, :-1] / moved[:, -1:] - q).ravel())

    def slopes(parameters: Floats) -> Floats:
        moved = one @ matrix(parameters).T
        weight = moved[:, -1:]
        result = np.zeros((len(one), n_axes, n_axes + 1, n_axes + 1))
        for axis in range(n_axes):
            result[:, axis, axis] = one / weight
            result[:, axis, -1] = -moved[:, axis : axis + 1] / weight**2 * one
        return np.asarray(result.reshape(len(one) * n_axes, -1)[:, free])

    found = matrix(least_squares(residuals, start.ravel()[free], slopes, method="lm").x)
    if not ((one @ found.T)[:, -1] > 0).all():
        raise MappingError("the horizon of the projective map runs between the points")
    # Columns are ordered (1, p); a `Projective` has (p, 1).
    found = np.column_stack([found[:, 1:], found[:, 0]])
    into = np.eye(n_axes + 1)
    into[:-1] /= scale
    into[:-1, -1] = -centre / scale
    out = np.eye(n_axes + 1)
    out[:-1] *= size
    out[:-1, -1] = goal
    whole = out @ found @ into
    return Projective(whole / np.abs(whole).max())


def _quadratic(source: Floats, target: Floats) -> Quadratic:
    centre, scale = _frame(source)
    coefficients = _solve(monomials((source - centre) / scale), target)
    return Quadratic(coefficients=coefficients, centre=centre, scale=scale)


def _thin_plate(source: Floats, target: Floats) -> ThinPlate:
    centre, scale = _frame(source)
    knots = (source - centre) / scale
    weights, affine, _ = _spline(knots, target)
    return ThinPlate(knots=knots, weights=weights, affine=affine, centre=centre, scale=scale)


def _predict_thin_plate(source: Floats, target: Floats) -> Floats:
    centre, scale = _frame(source)
    return _spline((source - centre) / scale, target)[2]


def _spline(knots: Floats, target: Floats) -> tuple[Floats, Floats, Floats]:
    """Return weights, the affine part, and the residuals of left-out points."""
    n, size = len(knots), len(knots) + knots.shape[1] + 1
    kernel = thin_plate_kernel(knots, knots, natural_kernel(knots.shape[1]))
    system = np.zeros((size, size))
    system[:n, :n] = kernel + _smoothing(kernel, with_one(knots), target) * np.eye(n)
    system[:n, n:] = with_one(knots)
    system[n:, :n] = system[:n, n:].T
    try:
        inverse = np.linalg.inv(system)
    except np.linalg.LinAlgError:
        inverse = np.full_like(system, np.inf)
    if not np.linalg.norm(system, 1) * np.linalg.norm(inverse, 1) <= _SINGULAR:
        raise MappingError(
            "the points do not determine a spline: they lie in line, or two are at one place"
        )
    solved = inverse[:, :n] @ target
    return solved[:n], solved[n:], -solved[:n] / np.diag(inverse)[:n, np.newaxis]


def _smoothing(kernel: Floats, plane: Floats, target: Floats) -> float:
    """Return the spline's smoothing, by restricted maximum likelihood.

    What the affine part leaves of the targets is normal with covariance ``kernel + smoothing``
    (Wahba, Ann. Stat. 13:1378, 1985). With the few points of a map this varies less from sample
    to sample than cross-validation does.
    """
    from scipy.optimize import minimize_scalar

    free = np.linalg.qr(plane, mode="complete")[0][:, plane.shape[1] :]
    if not free.shape[1]:
        return 0.0  # as many points as the affine part needs: it goes through them
    values, vectors = np.linalg.eigh(free.T @ kernel @ free)
    parts = ((vectors.T @ free.T @ target) ** 2).sum(axis=1)
    values = np.maximum(values, 0.0)
    if parts.sum() <= 1e-20 * float((target**2).sum()):
        return 0.0  # an affine map explains all

    def cost(log_smoothing: float) -> float:
        total = values + 10.0**log_smoothing
        return float(len(values) * np.log((parts / total).sum()) + np.log(total).sum())

    return float(10.0 ** minimize_scalar(cost, bounds=_SMOOTHINGS, method="bounded").x)


def _refitting(fit: Callable[[Floats, Floats], Transform]) -> Callable[[Floats, Floats], Floats]:
    def predict(source: Floats, target: Floats) -> Floats:
        residuals = np.empty_like(target)
        n = len(source)
        group = np.arange(n) % min(n, _FOLDS)
        for left_out in range(min(n, _FOLDS)):
            out = group == left_out
            residuals[out] = fit(source[~out], target[~out])(source[out]) - target[out]
        if not np.isfinite(residuals).all():
            raise MappingError("a left-out point lies beyond the horizon")
        return residuals

    return predict


def _by_hat_matrix(basis: Callable[[Floats], Floats]) -> Callable[[Floats, Floats], Floats]:
    def predict(source: Floats, target: Floats) -> Floats:
        centre, scale = _frame(source)
        design = basis((source - centre) / scale)
        residuals = design @ _solve(design, target) - target
        q, _ = np.linalg.qr(design)
        leverage = (q**2).sum(axis=1)
        if (leverage > 1 - 1e-9).any():
            raise MappingError("a single point decides about the model: too few points")
        return np.asarray(residuals / (1 - leverage)[:, np.newaxis])

    return predict


def _frame(points: Floats) -> tuple[Floats, float]:
    """Return the centroid and the root mean square distance from it."""
    centre = points.mean(axis=0)
    scale = float(np.sqrt(((points - centre) ** 2).sum(axis=1).mean()))
    if not scale > 0:
        raise MappingError("all points are at one place")
    return centre, scale


def _solve(design: Floats, target: Floats) -> Floats:
    solution, _, rank, _ = np.linalg.lstsq(design, target, rcond=None)
    if rank < design.shape[1]:
        raise MappingError(
            "the points do not determine the model",
            expected=f"points in general position, at least {design.shape[1]}",
            found=f"{len(design)} points, of which {rank} are independent",
        )
    return np.asarray(solution)


_ALL = (
    Model(
        name="translation",
        least=lambda _: 1,
        fit=_translation,
        predict=_refitting(_translation),
    ),
    Model(name="similarity", least=lambda _: 2, fit=_similarity, predict=_refitting(_similarity)),
    Model(name="affine", least=lambda d: d + 1, fit=_affine, predict=_by_hat_matrix(with_one)),
    Model(
        name="projective", least=lambda d: d + 2, fit=_projective, predict=_refitting(_projective)
    ),
    Model(
        name="quadratic",
        least=lambda d: (d + 1) * (d + 2) // 2,
        fit=_quadratic,
        predict=_by_hat_matrix(monomials),
    ),
    Model(
        name="thin-plate",
        least=lambda d: d + 2,
        fit=_thin_plate,
        predict=_predict_thin_plate,
        most=_MOST_SPLINE,
    ),
)

MODELS: dict[str, Model] = {model.name: model for model in _ALL}
"""By name, the simplest first."""
