"""Finding the pairs of points that are wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wormio.errors import MappingError
from wormio.mapping.models import MODELS, Model

__all__ = ["find_inliers"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_TRIALS = 500
_SEED = 20240
# A point counts as an outlier beyond this many robust standard deviations.
_LIMIT = 3.5
# Median of the distance of normal errors in two and three dimensions, in standard deviations of
# one axis.
_MEDIAN_DISTANCE = {2: 1.1774, 3: 1.5382}
_ROUNDS = 10


def find_inliers(points: Floats, goals: Floats, share: float) -> Bools:
    """Find the pairs that are right, by least trimmed squares of an affine map.

    A bend of the true map looks like an error to an affine one, most of all in the corners. So
    what that rejects is asked again, of curved maps, and comes back if they predict it.

    Parameters
    ----------
    points, goals : (N, D) float64
    share : float
        Of the pairs, that may be wrong.

    Returns
    -------
    (N,) bool
        At most that share is False.

    Raises
    ------
    MappingError
        The share is impossible, or there are too few pairs to judge any.
    """
    if not 0 <= share < 0.5:
        raise MappingError(
            "the share of outliers is impossible", expected="0 to below 0.5", found=repr(share)
        )
    n, n_axes = points.shape
    kept = n - int(np.floor(share * n))
    if kept == n:
        return np.ones(n, bool)
    if kept < n_axes + 2:
        raise MappingError(
            "there are too few pairs to find wrong ones among them",
            expected=f"at least {n_axes + 2} right ones",
            found=f"{n} pairs, of which {n - kept} may be wrong",
        )
    found = _judged(_trimmed(points, goals, kept), kept, n_axes)
    for name in ("quadratic", "thin-plate"):
        model = MODELS[name]
        for _ in range(_ROUNDS):
            used = int(found.sum())
            if used < 2 * model.least(n_axes) or used > model.most:
                break
            again = _judged(_predicted(model, points, goals, found), kept, n_axes)
            if np.array_equal(again, found):
                break
            found = again
    return found


def _trimmed(points: Floats, goals: Floats, kept: int) -> Floats:
    """Return the distances that the best affine map of `kept` pairs leaves."""
    n, n_axes = points.shape
    rng = np.random.default_rng(_SEED)
    best: tuple[float, Floats] = (np.inf, np.zeros(n))
    model = MODELS["affine"]
    for _ in range(_TRIALS):
        chosen = np.asarray(rng.choice(n, n_axes + 1, replace=False), np.intp)
        try:
            for _ in range(4):  # concentration: refit to the points that fit best
                distance = _distance(model.fit(points[chosen], goals[chosen])(points) - goals)
                chosen = np.argsort(distance, kind="stable")[:kept]
        except MappingError:
            continue  # three points in line
        cost = float((distance[chosen] ** 2).sum())
        if cost < best[0]:
            best = (cost, distance)
    if not np.isfinite(best[0]):
        raise MappingError("the points lie in line: they do not determine a map")
    return best[1]


def _predicted(model: Model, points: Floats, goals: Floats, used: Bools) -> Floats:
    """Return by how much each pair misses a fit to the used ones, itself left out."""
    try:
        missed = model.fit(points[used], goals[used])(points) - goals
        missed[used] = model.predict(points[used], goals[used])
    except MappingError:
        return np.where(used, 0.0, np.inf)  # no better judge than the one before
    return _distance(missed)


def _judged(distance: Floats, kept: int, n_axes: int) -> Bools:
    nearest = np.sort(distance)[:kept]
    sigma = float(np.median(nearest)) / _MEDIAN_DISTANCE[n_axes]
    # Never below the reach of the pairs that are promised to be right.
    return np.asarray(distance <= max(_LIMIT * sigma, float(nearest[-1])))


def _distance(residuals: Floats) -> Floats:
    return np.asarray(np.sqrt((residuals**2).sum(axis=1)))
