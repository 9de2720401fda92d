"""Fitting a map to two sets of points of which nobody knows which belong together.

First an affine map that brings the two clouds over each other, as mixtures of Gaussians that
narrow step by step (Jian & Vemuri, IEEE PAMI 33:1633, 2011). Then mutual nearest neighbours are
taken for pairs, and the map is fitted to these. A spline of all points at once, without pairs, has
bad tails: one wrong pair in twenty is off by many pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import MappingError
from wormio.mapping.fitting import Fit, fit
from wormio.mapping.models import MODELS
from wormio.mapping.steps import Space, as_points
from wormio.mapping.transforms import Linear, Transform, with_one

__all__ = ["match", "register"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Widths of the Gaussians in units of the clouds' spread: the first sees only the whole cloud.
_WIDTHS = (0.5, 0.2, 0.08, 0.03)
_LEAST = 6
# Of the smaller set, at least this share must find a partner: of strangers up to a tenth do, by
# chance, and of a wrong map of few points up to three in ten.
_SHARE = 1 / 3
# The mixtures compare all points with all. More than these add time, not certainty, on one side;
# on the other the partners of those must be among them.
_MOST, _MOST_GOALS = 400, 5000
# Within how many times the last reach the pairs are sought again.
_REACHES = (5.0, 3.0, 2.0)


def register(
    source: ArrayLike,
    target: ArrayLike,
    *,
    model: str = "auto",
    start: Linear | None = None,
    reach: float = 5.0,
    spaces: tuple[Space, Space] = (Space(), Space()),
    provenance: dict[str, Any] | None = None,
) -> Fit:
    """Fit a map to two sets of points without known pairs.

    Parameters
    ----------
    source : (N, D) array_like
        (y, x) or (z, y, x).
    target : (M, D) array_like
        Of the same things, in another order; some may be missing on either side.
    model : str
        See `fit`.
    start : Linear, optional
        First guess; default: shift and scale that bring centroid and spread together, with a scale
        of its own for z, which has another unit. Turns of more than about 30 degrees need one.
    reach : float
        Greatest distance of a pair after the affine map, in units of the target's coordinates.
    spaces, provenance
        See `fit`.

    Returns
    -------
    Fit
        `Fit.source` and `Fit.target` are the pairs that were found.

    Raises
    ------
    MappingError
        Too few points, or too few of them find a partner: less than a third of the smaller set.
    """
    if not reach > 0:
        raise MappingError("the reach must be positive", found=repr(reach))
    points, goals = _cloud(source, "source"), _cloud(target, "target")
    if points.shape[1] != goals.shape[1]:
        raise MappingError(
            "the two sets differ in their number of coordinates",
            found=f"{points.shape[1]} and {goals.shape[1]}",
        )
    if start is not None and (not isinstance(start, Linear) or start.n_axes != points.shape[1]):
        raise MappingError(
            "start does not fit the points",
            expected=f"Linear, of {points.shape[1]} axes",
            found=repr(start),
        )
    moved: Transform = _coarse(points, goals, start)
    least = max(_LEAST, int(np.ceil(_SHARE * min(len(points), len(goals)))))
    for share in _REACHES:
        limit = reach * share / _REACHES[0]
        pairs = match(moved(points), goals, limit)
        if len(pairs) < least:
            raise MappingError(
                "too few points find a partner",
                expected=f"at least {least} pairs within {limit:g}",
                found=f"{len(pairs)} of {len(points)} and {len(goals)} points",
                cure="give start=, a first guess of the map, or a larger reach=",
            )
        p, q = points[pairs[:, 0]], goals[pairs[:, 1]]
        last = share == _REACHES[-1]
        # Until the last round a smooth bend, but none that follows single wrong pairs.
        smooth = "quadratic" if len(p) >= 3 * MODELS["quadratic"].least(p.shape[1]) else "affine"
        found = fit(
            p,
            q,
            model=model if last else smooth,
            spaces=spaces,
            provenance={
                "pairs_by": "gaussian mixtures, then mutual nearest neighbours",
                "source_points": len(points),
                "target_points": len(goals),
                **(provenance or {}),
            },
        )
        moved = found.map.steps[0].transform
    return found


def match(points: Floats, goals: Floats, reach: float) -> Ints:
    """Return the pairs that are each other's nearest, within `reach`.

    Parameters
    ----------
    points, goals : (N, D), (M, D) float64
        What has NaN has no partner.
    reach : float

    Returns
    -------
    (K, 2) int64
        Rows of `points` and of `goals`.
    """
    from scipy.spatial import KDTree

    here, there = (np.flatnonzero(np.isfinite(p).all(axis=1)) for p in (points, goals))
    if not len(here) or not len(there):
        return np.zeros((0, 2), np.int64)
    p, q = points[here], goals[there]
    distance, nearest = map(np.asarray, KDTree(q).query(p))
    back = np.asarray(KDTree(p).query(q)[1])
    rows = np.flatnonzero((back[nearest] == np.arange(len(p))) & (distance <= reach))
    return np.stack([here[rows], there[nearest[rows]]], axis=1).astype(np.int64)


def _cloud(points: ArrayLike, name: str) -> Floats:
    cloud = as_points(points, name)
    if cloud.ndim != 2 or cloud.shape[1] not in {2, 3}:
        raise MappingError(
            f"{name} is no set of points",
            expected="(N, 2): y, x or (N, 3): z, y, x",
            found=f"shape {cloud.shape}",
        )
    cloud = cloud[np.isfinite(cloud).all(axis=1)]
    if len(cloud) < _LEAST:
        raise MappingError(
            f"{name} has too few points", expected=f"at least {_LEAST}", found=str(len(cloud))
        )
    return cloud


def _coarse(points: Floats, goals: Floats, start: Linear | None) -> Linear:
    """Find the affine map that minimises the distance of the two mixtures."""
    from scipy.optimize import minimize

    points, goals = _some(points, _MOST), _some(goals, _MOST_GOALS)
    goal, size = _frame(goals)
    begin = points if start is None else start(points)
    middle, spread = _frame(begin) if start is None else (goal, size)
    p, q = (begin - middle) / spread, (goals - goal) / size
    n_axes = points.shape[1]
    design = with_one(p)
    parameters = np.vstack([np.zeros(n_axes), np.eye(n_axes)]).ravel()
    for width in _WIDTHS:
        parameters = minimize(
            _mixture_distance,
            parameters,
            args=(design, q, width),
            jac=True,
            method="L-BFGS-B",
        ).x
    turn = parameters.reshape(n_axes + 1, n_axes)
    linear = turn[1:].T * size[:, np.newaxis] / spread
    found = Linear(np.column_stack([linear, goal + size * turn[0] - linear @ middle]))
    if start is None:
        return found
    both = found.matrix[:, :-1] @ start.matrix
    both[:, -1] += found.matrix[:, -1]
    return Linear(both)


def _frame(cloud: Floats) -> tuple[Floats, Floats]:
    """Return the centroid, and the spread along each axis: one for the plane, one for z."""
    middle = cloud.mean(axis=0)
    square = ((cloud - middle) ** 2).mean(axis=0)
    plane = np.sqrt(square[-2:].sum())
    size = np.array([np.sqrt(2 * square[0]), plane, plane][-cloud.shape[1] :])
    if not (size > 0).all():
        raise MappingError(
            "all points are at one place, or of one z", cure="give points of one z as (y, x)"
        )
    return middle, size


def _some(points: Floats, most: int) -> Floats:
    if len(points) <= most:
        return points
    return points[np.random.default_rng(len(points)).choice(len(points), most, replace=False)]


def _mixture_distance(
    parameters: Floats, design: Floats, goals: Floats, width: float
) -> tuple[float, Floats]:
    """Return the L2 distance of two mixtures up to a constant, and its gradient."""
    turn = parameters.reshape(design.shape[1], -1)
    moved = design @ turn
    own, pull_own = _overlap(moved, moved, width)
    both, pull = _overlap(moved, goals, width)
    # Both mixtures weigh one; moving a point changes its own overlap twice.
    gradient = 2 * pull_own - 2 * pull
    return own - 2 * both, np.asarray((design.T @ gradient).ravel())


def _overlap(points: Floats, goals: Floats, width: float) -> tuple[float, Floats]:
    """Return the mean of exp(-d^2 / width^2) over all pairs, and its gradient by `points`."""
    from scipy.spatial.distance import cdist

    near = np.exp(-cdist(points, goals, "sqeuclidean") / width**2) / (len(points) * len(goals))
    pull = -2 / width**2 * (points * near.sum(axis=1)[:, np.newaxis] - near @ goals)
    return float(near.sum()), pull
