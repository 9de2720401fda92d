"""Fitting a map to pairs of points, choosing the model by how well it predicts left-out points."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import MappingError
from wormio.mapping.models import MODELS, Model
from wormio.mapping.outliers import find_inliers
from wormio.mapping.pointmap import PointMap
from wormio.mapping.steps import Space, Step, as_points, bounds_of
from wormio.model._fields import array_field, as_tuple

__all__ = ["Fit", "ModelScore", "fit", "leave_one_out"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Models that differ by less, in units of the points' spread, differ by rounding.
_EQUAL = 1e-9


@attrs.frozen(kw_only=True)
class ModelScore:
    """How one model does.

    Parameters
    ----------
    name : str
    rms : float
        Root mean square distance of the fitted points from their targets.
    loo_rms, loo_max : float
        The same, and the greatest, of points predicted by a fit to all others; NaN if it cannot
        be fitted.
    problem : str
        Why it cannot.
    """

    name: str
    rms: float = float("nan")
    loo_rms: float = float("nan")
    loo_max: float = float("nan")
    problem: str = ""


@attrs.frozen(kw_only=True)
class Fit:
    """A fitted map and how well it does.

    Parameters
    ----------
    map : PointMap
    model : str
    scores : tuple of ModelScore
        Of every model that was tried.
    source, target : (N, D) float64
        The pairs of points.
    residuals : (N, D) float64
        Mapped source minus target, outliers included.
    inliers : (N,) bool
        Pairs that the fit used.
    """

    map: PointMap
    model: str
    scores: tuple[ModelScore, ...] = attrs.field(converter=as_tuple)
    source: Floats = array_field("f8", (None, None))
    target: Floats = array_field("f8", (None, None))
    residuals: Floats = array_field("f8", (None, None))
    inliers: Bools = array_field("?", (None,))

    @property
    def rms(self) -> float:
        """Root mean square distance of the inliers from their targets."""
        return _rms(self.residuals[self.inliers])

    def __str__(self) -> str:
        lines = [f"{'model':12} {'residual':>9} {'left out':>9} {'worst':>9}"]
        for score in self.scores:
            mark = " <- chosen" if score.name == self.model else ""
            numbers = f"{score.rms:9.3f} {score.loo_rms:9.3f} {score.loo_max:9.3f}"
            lines.append(f"{score.name:12} {score.problem or numbers}{mark}")
        lines.append(
            f"{int(self.inliers.sum())} of {len(self.inliers)} pairs used; root mean squares of "
            f"distances in {self.map.source.unit}; left out: each pair predicted by all others"
        )
        return "\n".join(lines)


def fit(
    source: ArrayLike,
    target: ArrayLike,
    *,
    model: str = "auto",
    outliers: float = 0.0,
    spaces: tuple[Space, Space] = (Space(), Space()),
    provenance: dict[str, Any] | None = None,
) -> Fit:
    """Fit a map to pairs of points.

    Parameters
    ----------
    source, target : (N, D) array_like
        (y, x) or (z, y, x); row i of one belongs to row i of the other.
    model : str
        ``"auto"``: the one of `MODELS` that predicts left-out points best; of equals the simplest.
    outliers : float
        Share of the pairs that may be wrong, below 0.5. They are found by least trimmed squares of
        an affine map (Rousseeuw, J. Am. Stat. Assoc. 79:871, 1984), then by how well curved maps
        predict each, and left out.
    spaces : (Space, Space)
        Of source and target.
    provenance : dict, optional
        Kept with the map.

    Returns
    -------
    Fit

    Raises
    ------
    MappingError
        Too few points, or points that do not determine the model.

    Examples
    --------
    >>> import numpy as np
    >>> red = np.array([[0, 0], [0, 9], [9, 0], [9, 9], [4, 2], [3, 7]])
    >>> fit(red, red @ [[0, 1], [-1, 0]] + 5, model="similarity").map([[1, 1]], outside="ignore")
    array([[4., 6.]])
    """
    points, goals = _pairs(source, target)
    inliers = find_inliers(points, goals, outliers)
    p, q = points[inliers], goals[inliers]
    candidates = list(MODELS.values()) if model == "auto" else [_named(model)]
    scores = [_score(candidate, p, q) for candidate in candidates]
    usable = [score for score in scores if not score.problem]
    if not usable:
        raise MappingError(
            "no map can be fitted to the points",
            found="; ".join(f"{score.name}: {score.problem}" for score in scores),
        )
    chosen = _best(usable, _EQUAL * float(np.ptp(q, axis=0).max()))
    transform = MODELS[chosen.name].fit(p, q)
    made = PointMap(
        steps=[Step(transform, bounds_of(p))],
        source=spaces[0],
        target=spaces[1],
        provenance={
            "operation": "fit",
            "model": chosen.name,
            "pairs": len(points),
            "used": len(p),
            "rms": chosen.rms,
            "left_out_rms": None if np.isnan(chosen.loo_rms) else chosen.loo_rms,
            **(provenance or {}),
        },
    )
    return Fit(
        map=made,
        model=chosen.name,
        scores=scores,
        source=points,
        target=goals,
        residuals=transform(points) - goals,
        inliers=inliers,
    )


def leave_one_out(source: ArrayLike, target: ArrayLike, *, model: str = "auto") -> Floats:
    """Predict each pair from all others, the model chosen anew without it.

    This is the honest error of ``fit(..., model="auto")``: choosing is part of fitting.

    Returns
    -------
    (N, D) float64
        Mapped source minus target.
    """
    points, goals = _pairs(source, target)
    residuals = np.empty_like(goals)
    for i in range(len(points)):
        others = np.arange(len(points)) != i
        made = fit(points[others], goals[others], model=model).map
        residuals[i] = made(points[i], outside="ignore") - goals[i]
    return residuals


def _pairs(source: ArrayLike, target: ArrayLike) -> tuple[Floats, Floats]:
    points, goals = as_points(source, "source"), as_points(target, "target")
    if points.ndim != 2 or points.shape[1] not in {2, 3} or points.shape != goals.shape:
        raise MappingError(
            "these are no pairs of points",
            expected="two arrays of one shape, (N, 2): y, x or (N, 3): z, y, x",
            found=f"shapes {points.shape} and {goals.shape}",
        )
    if not np.isfinite(points).all() or not np.isfinite(goals).all():
        raise MappingError(
            "a point is not finite", expected="numbers", cure="leave out points that were not found"
        )
    if len(points) > 1 and np.ptp(points, axis=0).any() and not np.ptp(goals, axis=0).any():
        raise MappingError("all points of the target are at one place")
    return points, goals


def _named(model: str) -> Model:
    if model not in MODELS:
        raise MappingError(
            "unknown model", expected=f"auto or one of {', '.join(MODELS)}", found=repr(model)
        )
    return MODELS[model]


def _score(model: Model, points: Floats, goals: Floats) -> ModelScore:
    least = model.least(points.shape[1])
    if len(points) < least:
        return ModelScore(
            name=model.name, problem=f"needs at least {least} pairs, there are {len(points)}"
        )
    if len(points) > model.most:
        return ModelScore(name=model.name, problem=f"takes at most {model.most} pairs")
    try:
        rms = _rms(model.fit(points, goals)(points) - goals)
    except MappingError as error:
        return ModelScore(name=model.name, problem=error.problem)
    try:
        if len(points) <= least:
            raise MappingError("too few to leave one out")
        left_out = model.predict(points, goals)
    except MappingError:
        return ModelScore(name=model.name, rms=rms)
    distance = np.sqrt((left_out**2).sum(axis=1))
    return ModelScore(
        name=model.name, rms=rms, loo_rms=_rms(left_out), loo_max=float(distance.max())
    )


def _best(scores: list[ModelScore], equal: float) -> ModelScore:
    """Choose by prediction, of equals the simplest; models that cannot be judged come last."""
    judged = [score for score in scores if not np.isnan(score.loo_rms)]
    if not judged:
        return scores[0]
    least = min(score.loo_rms for score in judged)
    return next(score for score in judged if score.loo_rms <= least + equal)


def _rms(residuals: Floats) -> float:
    return float(np.sqrt((residuals**2).sum(axis=1).mean()))
