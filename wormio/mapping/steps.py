"""What a map is made of: named spaces, and transforms that know where they may be trusted."""

from __future__ import annotations

from typing import Literal, Self

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import MappingError
from wormio.mapping.transforms import Transform
from wormio.model._fields import array_field

__all__ = ["Space", "Step", "as_points", "bounds_of"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Rounding may push a point of the edge over it; a share of the box.
_SLACK = 1e-6


def _name(value: str | None) -> str:
    if value is not None and not isinstance(value, str):
        raise MappingError("a space is named by text", expected="str", found=repr(value))
    return value or ""


@attrs.frozen
class Space:
    """Where points live; "" where it does not matter.

    Parameters
    ----------
    recording : str
        Recording id, or a name.
    channel : str
    unit : str
        Of y and x: ``"px"``, integers at pixel centres. z of maps in space is in um.
    """

    recording: str = attrs.field(default="", converter=_name)
    channel: str = attrs.field(default="", converter=_name)
    unit: str = attrs.field(default="px", converter=_name)

    def __str__(self) -> str:
        named = [self.recording[:12], self.channel]
        return f"{' '.join(filter(None, named)) or 'any channel'} ({self.unit or 'any unit'})"

    def fits(self, other: Space) -> bool:
        """Tell whether points of `other` may be taken for points of this space."""
        pairs = zip(attrs.astuple(self), attrs.astuple(other), strict=True)
        return all(a == b or not a or not b for a, b in pairs)


@attrs.frozen
class Step:
    """A transform and the box of points to which it was fitted.

    Parameters
    ----------
    transform : Transform
    bounds : (2, D) float64, optional
        Lowest and highest coordinates; None: good everywhere.
    bounds_in : {"source", "target"}
        Whether the box holds the points that go in, or, for a way back, those that come out.
    """

    transform: Transform
    bounds: Floats | None = array_field("f8", (2, 2), (2, 3), optional=True)
    bounds_in: Literal["source", "target"] = "source"

    def __attrs_post_init__(self) -> None:
        if self.bounds_in not in {"source", "target"}:
            raise MappingError(
                "bounds_in is unknown", expected="source or target", found=repr(self.bounds_in)
            )
        if self.bounds is None:
            return
        if self.bounds.shape[1] != self.transform.n_axes:
            raise MappingError(
                "bounds have the wrong number of axes",
                expected=str(self.transform.n_axes),
                found=str(self.bounds.shape[1]),
            )
        if not (self.bounds[0] <= self.bounds[1]).all() or np.isinf(self.bounds).any():
            raise MappingError(
                "bounds are no box",
                expected="the lowest coordinates, then the highest",
                found=str(self.bounds.tolist()),
            )

    def outside(self, points: Floats, images: Floats) -> Bools:
        """Tell which points lie outside the bounds; what has no place is not outside.

        Parameters
        ----------
        points, images : (N, D) float64
            What goes into the transform, and what comes out.
        """
        if self.bounds is None:
            return np.zeros(len(points), bool)
        looked_at = points if self.bounds_in == "source" else images
        low, high = self.bounds
        slack = _SLACK * (high - low)
        return np.asarray(((looked_at < low - slack) | (looked_at > high + slack)).any(axis=1))

    def inverse(self) -> Self:
        """Return the step back, good for the points that it brings into these bounds."""
        other: Literal["source", "target"] = "target" if self.bounds_in == "source" else "source"
        return attrs.evolve(self, transform=self.transform.inverse(), bounds_in=other)


def as_points(values: ArrayLike, name: str) -> Floats:
    """Return numbers as float64.

    Raises
    ------
    MappingError
        They are none, or one is infinite.
    """
    try:
        given = np.asarray(values)
        if given.dtype.kind not in "fiu":
            raise TypeError(f"dtype {given.dtype}")
        points = given.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise MappingError(f"{name} are no points", expected="numbers", found=str(error)) from error
    if np.isinf(points).any():
        raise MappingError(f"{name} are infinite", expected="numbers, or NaN: not found")
    return points


def bounds_of(points: Floats) -> Floats:
    """Return the box around points, (2, D)."""
    return np.stack([points.min(axis=0), points.max(axis=0)])
