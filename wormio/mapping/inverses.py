"""The way back through a smooth transform."""

from __future__ import annotations

from typing import Any, Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = ["Inverse", "Smooth"]

Floats = NDArray[np.float64]

_STEPS = 50
# Newton's method doubles the right digits, so the last step's size is far above what is left.
_TOLERANCE = 1e-10
# The linear guess is fitted to a grid of so many points along each axis.
_GRID = 5


class Smooth(Protocol):
    """A transform with derivatives."""

    @property
    def n_axes(self) -> int:
        """D."""
        ...

    @property
    def centre(self) -> Floats:
        """Where it was fitted, (D,)."""
        ...

    @property
    def scale(self) -> float:
        """How far around."""
        ...

    def __call__(self, points: Floats) -> Floats:
        """Map points."""
        ...

    def with_slopes(self, points: Floats) -> tuple[Floats, Floats]:
        """Return the images, (N, D), and their derivatives, (N, D, D)."""
        ...

    def inverse(self) -> Inverse:
        """Return the way back."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return its numbers."""
        ...


@attrs.frozen
class Inverse:
    """The way back through a smooth transform, by Newton's method.

    Parameters
    ----------
    of : Smooth
        One to one where it is used. Beyond a fold it is not: from there is no way back.
    """

    of: Smooth

    @property
    def n_axes(self) -> int:
        """D."""
        return self.of.n_axes

    def __call__(self, points: Floats) -> Floats:
        """Map points back; those from which there is no way back are NaN."""
        found = np.full(points.shape, np.nan)
        known = np.flatnonzero(np.isfinite(points).all(axis=1))
        guess, orientation = self._guess(points[known])
        for _ in range(_STEPS):
            moved, slopes = self.of.with_slopes(guess)
            # On the other side of a fold the map turns the plane over.
            upright = np.linalg.det(slopes) * orientation > 0
            step = _solved(slopes, moved - points[known])
            size = np.sqrt((step**2).sum(axis=1, keepdims=True))
            guess = guess - step * np.minimum(1.0, self.of.scale / np.where(size > 0, size, 1.0))
            reach = self.of.scale + np.abs(guess).max(axis=1, initial=0.0)
            done = size[:, 0] <= _TOLERANCE * reach
            found[known[done & upright]] = guess[done & upright]
            left = ~done & np.isfinite(size[:, 0])
            known, guess = known[left], guess[left]
            if not len(known):
                break
        return found

    def _guess(self, goals: Floats) -> tuple[Floats, float]:
        """Return the way back through a linear map, and whether it keeps the orientation."""
        side = np.linspace(-1.5, 1.5, _GRID) * self.of.scale
        grid = np.stack(np.meshgrid(*[side] * self.n_axes, indexing="ij"), axis=-1)
        points = grid.reshape(-1, self.n_axes)
        images = self.of(points + self.of.centre)
        middle = images.mean(axis=0)
        back = np.linalg.lstsq(images - middle, points, rcond=None)[0]
        return (goals - middle) @ back + self.of.centre, float(np.sign(np.linalg.det(back)))

    def inverse(self) -> Smooth:
        """Return the transform itself."""
        return self.of

    def to_json(self) -> dict[str, Any]:
        """Return what `transform_from_json` needs."""
        return {"kind": "inverse", "of": self.of.to_json()}


def _solved(slopes: Floats, error: Floats) -> Floats:
    """Solve a small linear system for each point; NaN where it is singular."""
    flat = np.abs(np.linalg.det(slopes)) < np.finfo(float).tiny
    usable = np.where(flat[:, np.newaxis, np.newaxis], np.eye(slopes.shape[1]), slopes)
    solved = np.linalg.solve(usable, error[:, :, np.newaxis])[:, :, 0]
    return np.asarray(np.where(flat[:, np.newaxis], np.nan, solved))
