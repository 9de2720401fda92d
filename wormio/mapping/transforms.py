"""The functions from points to points: linear, projective, polynomial, thin-plate spline.

Each works on (N, D) arrays, D = 2 (y, x) or 3 (z, y, x), says so in JSON, and knows its inverse.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any, Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import MappingError
from wormio.mapping.inverses import Inverse
from wormio.model._fields import array_field

__all__ = [
    "Linear",
    "Projective",
    "Quadratic",
    "ThinPlate",
    "Transform",
    "transform_from_json",
]

Floats = NDArray[np.float64]

# Values of a spline's kernel that are computed at once: what fits into a processor's cache.
_CHUNK = 1 << 19


class Transform(Protocol):
    """A function from (N, D) points to (N, D) points."""

    @property
    def n_axes(self) -> int:
        """D."""
        ...

    def __call__(self, points: Floats) -> Floats:
        """Map points; those that have no image are NaN, and NaN stays NaN."""
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

    matrix: Floats = array_field("f8", (2, 3), (3, 4))

    def __attrs_post_init__(self) -> None:
        _check(self)

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
        With the sign that gives points a positive last coordinate: those with another lie beyond
        the horizon, and have no image.
    """

    matrix: Floats = array_field("f8", (3, 3), (4, 4))

    def __attrs_post_init__(self) -> None:
        _check(self)

    @property
    def n_axes(self) -> int:
        """D."""
        return len(self.matrix) - 1

    def __call__(self, points: Floats) -> Floats:
        """Map points; those on the horizon and beyond are NaN."""
        moved = points @ self.matrix[:, :-1].T + self.matrix[:, -1]
        weight = np.where(moved[:, -1:] > 0, moved[:, -1:], np.nan)
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

    coefficients: Floats = array_field("f8", (6, 2), (10, 3))
    centre: Floats = array_field("f8", (2,), (3,))
    scale: float = attrs.field(converter=float)

    def __attrs_post_init__(self) -> None:
        _check(self, coefficients=(None, len(self.centre)))

    @property
    def n_axes(self) -> int:
        """D."""
        return len(self.centre)

    def __call__(self, points: Floats) -> Floats:
        """Map points."""
        result: Floats = monomials((points - self.centre) / self.scale) @ self.coefficients
        return result

    def with_slopes(self, points: Floats) -> tuple[Floats, Floats]:
        """Return the images, and the derivatives of each coordinate (second axis) by each."""
        scaled = (points - self.centre) / self.scale
        d = self.n_axes
        slopes = np.repeat(self.coefficients[np.newaxis, 1 : d + 1], len(scaled), axis=0)
        for (i, j), row in zip(_pairs(d), self.coefficients[d + 1 :], strict=True):
            slopes[:, i] += scaled[:, j : j + 1] * row
            slopes[:, j] += scaled[:, i : i + 1] * row
        return self(points), slopes.transpose(0, 2, 1) / self.scale

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

    knots: Floats = array_field("f8", (None, 2), (None, 3))
    weights: Floats = array_field("f8", (None, 2), (None, 3))
    affine: Floats = array_field("f8", (3, 2), (4, 3))
    centre: Floats = array_field("f8", (2,), (3,))
    scale: float = attrs.field(converter=float)
    kernel: str = attrs.field(
        default=attrs.Factory(
            lambda self: "-r" if len(self.centre) == 3 else "r2logr", takes_self=True
        ),
        validator=attrs.validators.in_(("-r", "r2logr")),
    )

    def __attrs_post_init__(self) -> None:
        d = len(self.centre)
        _check(self, knots=(None, d), weights=(len(self.knots), d), affine=(None, d))

    @property
    def n_axes(self) -> int:
        """D."""
        return len(self.centre)

    def __call__(self, points: Floats) -> Floats:
        """Map points."""
        scaled = (points - self.centre) / self.scale
        result: Floats = with_one(scaled) @ self.affine
        for part in self._parts(len(scaled)):
            result[part] += thin_plate_kernel(scaled[part], self.knots, self.kernel) @ self.weights
        return result

    def with_slopes(self, points: Floats) -> tuple[Floats, Floats]:
        """Return the images, and the derivatives of each coordinate (second axis) by each."""
        scaled = (points - self.centre) / self.scale
        d = self.n_axes
        moved: Floats = with_one(scaled) @ self.affine
        slopes = np.repeat(self.affine[np.newaxis, 1:], len(scaled), axis=0)
        # A kernel's slope by q_k is factor * (q_k - c_k): two sums over the knots.
        by_knot = (self.knots[:, :, np.newaxis] * self.weights[:, np.newaxis]).reshape(-1, d * d)
        for part in self._parts(len(scaled)):
            phi, factor = _kernel_and_slope(scaled[part], self.knots, self.kernel)
            moved[part] += phi @ self.weights
            slopes[part] += scaled[part][:, :, np.newaxis] * (factor @ self.weights)[:, np.newaxis]
            slopes[part] -= (factor @ by_knot).reshape(-1, d, d)
        return moved, slopes.transpose(0, 2, 1) / self.scale

    def _parts(self, n_points: int) -> list[slice]:
        rows = max(1, _CHUNK // max(1, len(self.knots)))
        return [slice(first, first + rows) for first in range(0, n_points, rows)]

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


def transform_from_json(tree: Mapping[str, Any]) -> Transform:
    """Rebuild a transform.

    Raises
    ------
    MappingError
        It is none that this version knows, or its numbers do not fit each other.
    """
    smooth: dict[str, Any] = {"quadratic": Quadratic, "thin-plate": ThinPlate}
    kinds: dict[str, Any] = {"linear": Linear, "projective": Projective, **smooth}
    try:
        fields = dict(tree)
        kind = fields.pop("kind")
        if kind == "inverse":
            inner = dict(fields["of"])
            return Inverse(smooth[inner.pop("kind")](**inner))
        made: Transform = kinds[kind](**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise MappingError(
            f"this is no transform: {type(error).__name__}: {error}",
            expected=f"one of {', '.join([*kinds, 'inverse'])} with its numbers",
            found=reprlib.repr(tree),
        ) from error
    return made


def with_one(points: Floats) -> Floats:
    """Return (N, 1 + D): a column of ones, then the points."""
    return np.column_stack([np.ones(len(points)), points])


def monomials(points: Floats) -> Floats:
    """Return the monomials 1, p_i and p_i p_j (i <= j), (N, K)."""
    squares = [points[:, i] * points[:, j] for i, j in _pairs(points.shape[1])]
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
    return np.asarray(square * _log(square) / 2)


def _kernel_and_slope(points: Floats, knots: Floats, kernel: str) -> tuple[Floats, Floats]:
    """Return phi, and its slope by any coordinate divided by that coordinate's distance."""
    from scipy.spatial.distance import cdist

    if kernel == "-r":
        distance = cdist(points, knots)
        # At a knot itself this kernel has a kink; there the slope counts as none.
        return -distance, np.where(distance > 0, -1 / np.where(distance > 0, distance, 1.0), 0.0)
    square = cdist(points, knots, "sqeuclidean")
    log = _log(square)
    return square * log / 2, log + 1


def _log(square: Floats) -> Floats:
    """Return the logarithm, finite at 0, where whatever it is multiplied with is 0."""
    return np.asarray(np.log(np.maximum(square, np.finfo(float).tiny)))


def _pairs(n_axes: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(n_axes) for j in range(i, n_axes)]


def _check(transform: Any, **shapes: tuple[int | None, int]) -> None:
    """Refuse numbers that are not finite, or do not fit each other."""
    for field in attrs.fields(type(transform)):
        value = getattr(transform, field.name)
        if not isinstance(value, str) and not np.isfinite(value).all():
            raise MappingError(f"{field.name} of a map is not finite", expected="numbers")
        shape = shapes.get(field.name)
        if shape and (value.shape[1] != shape[1] or shape[0] not in {None, len(value)}):
            raise MappingError(
                f"{field.name} of a map has the wrong shape",
                expected=f"({'any' if shape[0] is None else shape[0]}, {shape[1]})",
                found=str(value.shape),
            )
    if not getattr(transform, "scale", 1.0) > 0:
        raise MappingError("the scale of a map is not positive", found=str(transform.scale))


def _inverse_matrix(matrix: Floats) -> Floats:
    if not np.isfinite(matrix).all() or np.linalg.cond(matrix) > 1e12:
        raise MappingError("the map has no way back: different points fall on one")
    return np.asarray(np.linalg.inv(matrix), np.float64)
