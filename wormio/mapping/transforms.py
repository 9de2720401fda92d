"""The functions from points to points: linear, projective, polynomial, thin-plate spline.

Each works on (N, D) arrays, D = 2 (y, x) or 3 (z, y, x), says so in JSON, and knows its inverse.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import MappingError
from wormio.model._fields import array_field

__all__ = [
    "Inverse",
    "Linear",
    "Projective",
    "Quadratic",
    "ThinPlate",
    "Transform",
    "transform_from_json",
]

Floats = NDArray[np.float64]

# Rows of a spline's kernel matrix that are computed at once: 64 MB with 1,000 control points.
_CHUNK = 8192
_NEWTON_STEPS = 50
_NEWTON_TOLERANCE = 1e-9


class Transform(Protocol):
    """A function from (N, D) points to (N, D) points."""

    @property
    def n_axes(self) -> int:
        """D."""
        ...

    def __call__(self, points: Floats) -> Floats:
        """Map points; NaN stays NaN."""
        ...

    def inverse(self) -> Transform:
        """Return the function that goes back."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return what `transform_from_json` needs."""
        ...


@attrs.frozen
class Linear:
    """``matrix @ (p, 1)``: translation, similarity or affine.

    Parameters
    ----------
    matrix : (D, D + 1) float64
    """

    matrix: Floats = array_field("f8", (None, None))

    @property
    def n_axes(self) -> int:
        """D."""
        return len(self.matrix)

    def __call__(self, points: Floats) -> Floats:
        """Map points."""
        moved: Floats = points @ self.matrix[:, :-1].T + self.matrix[:, -1]
        return moved

    def inverse(self) -> Linear:
        """Return the function that goes back.

        Raises
        ------
        MappingError
            Different points fall on one.
        """
        back = _inverse_matrix(self.matrix[:, :-1])
        return Linear(np.column_stack([back, -back @ self.matrix[:, -1]]))

    def to_json(self) -> dict[str, Any]:
        """Return what `transform_from_json` needs."""
        return {"kind": "linear", "matrix": self.matrix.tolist()}


@attrs.frozen
class Projective:
    """A linear map of homogeneous coordinates.

    Parameters
    ----------
    matrix : (D + 1, D + 1) float64
    """

    matrix: Floats = array_field("f8", (None, None))

    @property
    def n_axes(self) -> int:
        """D."""
        return len(self.matrix) - 1

    def __call__(self, points: Floats) -> Floats:
        """Map points; those that go to infinity are NaN."""
        moved = points @ self.matrix[:, :-1].T + self.matrix[:, -1]
        weight = np.where(moved[:, -1:] == 0, np.nan, moved[:, -1:])
        result: Floats = moved[:, :-1] / weight
        return result

    def inverse(self) -> Projective:
        """Return the function that goes back."""
        return Projective(_inverse_matrix(self.matrix))

    def to_json(self) -> dict[str, Any]:
        """Return what `transform_from_json` needs."""
        return {"kind": "projective", "matrix": self.matrix.tolist()}


@attrs.frozen(kw_only=True)
class Quadratic:
    """A polynomial of second order in centred and scaled coordinates.

    Parameters
    ----------
    coefficients : (K, D) float64
        Of the K monomials 1, q_i and q_i q_j (i <= j), q = (p - centre) / scale.
    centre : (D,) float64
    scale : float
    """

    coefficients: Floats = array_field("f8", (None, None))
    centre: Floats = array_field("f8", (None,))
    scale: float = attrs.field(converter=float)

    @property
    def n_axes(self) -> int:
        """D."""
        return len(self.centre)

    def __call__(self, points: Floats) -> Floats:
        """Map points."""
        result: Floats = monomials((points - self.centre) / self.scale) @ self.coefficients
        return result

    def inverse(self) -> Inverse:
        """Return the function that goes back, found by Newton's method."""
        return Inverse(self)

    def to_json(self) -> dict[str, Any]:
        """Return what `transform_from_json` needs."""
        return {
            "kind": "quadratic",
            "coefficients": self.coefficients.tolist(),
            "centre": self.centre.tolist(),
            "scale": self.scale,
        }


@attrs.frozen(kw_only=True)
class ThinPlate:
    """A thin-plate spline: ``a(q) + sum_i w_i phi(|q - c_i|)``, q = (p - centre) / scale.

    phi is r^2 log r in the plane and -r in space (Duchon 1977; Bookstein, IEEE PAMI 11:567, 1989).

    Parameters
    ----------
    knots : (K, D) float64
        c, in scaled coordinates.
    weights : (K, D) float64
    affine : (D + 1, D) float64
        Of 1 and q.
    centre : (D,) float64
    scale : float
    kernel : {"r2logr", "-r"}, optional
        phi, if it is not the one of that number of axes.
    """

    knots: Floats = array_field("f8", (None, None))
    weights: Floats = array_field("f8", (None, None))
    affine: Floats = array_field("f8", (None, None))
    centre: Floats = array_field("f8", (None,))
    scale: float = attrs.field(converter=float)
    kernel: str = attrs.field(
        default=attrs.Factory(
            lambda self: "-r" if len(self.centre) == 3 else "r2logr", takes_self=True
        ),
        validator=attrs.validators.in_(("-r", "r2logr")),
    )

    @property
    def n_axes(self) -> int:
        """D."""
        return len(self.centre)

    def __call__(self, points: Floats) -> Floats:
        """Map points."""
        scaled = (points - self.centre) / self.scale
        result: Floats = with_one(scaled) @ self.affine
        for first in range(0, len(scaled), _CHUNK):
            part = slice(first, first + _CHUNK)
            result[part] += thin_plate_kernel(scaled[part], self.knots, self.kernel) @ self.weights
        return result

    def inverse(self) -> Inverse:
        """Return the function that goes back, found by Newton's method."""
        return Inverse(self)

    def to_json(self) -> dict[str, Any]:
        """Return what `transform_from_json` needs."""
        return {
            "kind": "thin-plate",
            "knots": self.knots.tolist(),
            "weights": self.weights.tolist(),
            "affine": self.affine.tolist(),
            "centre": self.centre.tolist(),
            "scale": self.scale,
            "kernel": self.kernel,
        }


@attrs.frozen
class Inverse:
    """The way back through a smooth transform, by Newton's method.

    Parameters
    ----------
    of : Transform
        Smooth, and one to one where it is used.
    """

    of: Transform

    @property
    def n_axes(self) -> int:
        """D."""
        return self.of.n_axes

    def __call__(self, points: Floats) -> Floats:
        """Map points back.

        Raises
        ------
        MappingError
            There is no way back from a point: the map folds there.
        """
        goal = points[~np.isnan(points).any(axis=1)]
        found = goal.copy()
        active = np.arange(len(goal))
        for _ in range(_NEWTON_STEPS):
            error = self.of(found[active]) - goal[active]
            far = np.abs(error).max(axis=1, initial=0) > _NEWTON_TOLERANCE
            active, error = active[far], error[far]
            if not len(active):
                break
            found[active] -= self._step(found[active], error)
        # Rounding of large coordinates may keep the last digits from settling.
        limit = _NEWTON_TOLERANCE + 1e-12 * np.abs(goal).max(initial=0)
        lost = active[~(np.abs(self.of(found[active]) - goal[active]).max(axis=1) <= limit)]
        if len(lost):
            raise MappingError(
                f"the map has no way back from {len(lost)} of {len(points)} points",
                found=f"for example {goal[lost[0]].round(3).tolist()}",
                cure="points far outside the fitted region cannot be mapped back; a simpler model "
                "(affine) can",
            )
        result = np.full_like(points, np.nan)
        result[~np.isnan(points).any(axis=1)] = found
        return result

    def _step(self, at: Floats, error: Floats) -> Floats:
        width = 1e-4
        columns = []
        for axis in range(self.n_axes):
            shift = np.zeros(self.n_axes)
            shift[axis] = width
            columns.append((self.of(at + shift) - self.of(at - shift)) / (2 * width))
        jacobian = np.stack(columns, axis=2)
        try:
            return np.asarray(np.linalg.solve(jacobian, error[:, :, np.newaxis])[:, :, 0])
        except np.linalg.LinAlgError:
            return np.full_like(error, np.nan)

    def inverse(self) -> Transform:
        """Return the transform itself."""
        return self.of

    def to_json(self) -> dict[str, Any]:
        """Return what `transform_from_json` needs."""
        return {"kind": "inverse", "of": self.of.to_json()}


def transform_from_json(tree: Mapping[str, Any]) -> Transform:
    """Rebuild a transform.

    Raises
    ------
    MappingError
        It is none that this version knows, or its numbers do not fit each other.
    """
    kinds: dict[str, Any] = {
        "linear": Linear,
        "projective": Projective,
        "quadratic": Quadratic,
        "thin-plate": ThinPlate,
    }
    try:
        fields = dict(tree)
        kind = fields.pop("kind")
        if kind == "inverse":
            return Inverse(transform_from_json(fields["of"]))
        made: Transform = kinds[kind](**fields)
        numbers = [getattr(made, name) for name in fields if name != "kernel"]
        arrays = [np.asarray(number) for number in numbers]
        if not all(np.isfinite(array).all() for array in arrays) or made.n_axes not in {2, 3}:
            raise ValueError("numbers that are not finite, or not two or three axes")
        made(np.zeros((1, made.n_axes)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MappingError(
            f"this is no transform: {type(error).__name__}: {error}",
            expected=f"one of {', '.join([*kinds, 'inverse'])} with its numbers",
            found=f"{tree!r}"[:200],
        ) from error
    return made


def with_one(points: Floats) -> Floats:
    """Return (N, 1 + D): a column of ones, then the points."""
    return np.column_stack([np.ones(len(points)), points])


def monomials(points: Floats) -> Floats:
    """Return the monomials 1, p_i and p_i p_j (i <= j), (N, K)."""
    pairs = [(i, j) for i in range(points.shape[1]) for j in range(i, points.shape[1])]
    squares = [points[:, i] * points[:, j] for i, j in pairs]
    return np.column_stack([with_one(points), *squares])


def natural_kernel(n_axes: int) -> str:
    """Return the name of the thin plate's kernel in the plane or in space."""
    return "-r" if n_axes == 3 else "r2logr"


def thin_plate_kernel(points: Floats, knots: Floats, kernel: str) -> Floats:
    """Return phi(|p - c|) of every point and knot, (N, K)."""
    from scipy.spatial.distance import cdist

    if kernel == "-r":
        return np.asarray(-cdist(points, knots), np.float64)
    square = cdist(points, knots, "sqeuclidean")
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(square == 0, 0.0, square * np.log(square) / 2)


def _inverse_matrix(matrix: Floats) -> Floats:
    if not np.isfinite(matrix).all() or np.linalg.cond(matrix) > 1e12:
        raise MappingError("the map has no way back: different points fall on one")
    return np.asarray(np.linalg.inv(matrix), np.float64)
