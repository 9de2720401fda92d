"""Reducers: one number from the voxels of a mask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = ["Mean", "Reducer", "Sum", "reducer_from_json"]


class Reducer(Protocol):
    """How the voxels of a sample become one number."""

    unit: str
    """Of the result."""

    def finish(self, total: NDArray[np.float64], voxels: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the samples from their sums over the mask and their numbers of voxels."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return the reducer's name and parameters."""
        ...


@attrs.frozen
class Mean:
    """The mean over the voxels that lie inside the image and the volume."""

    unit = "counts"

    def finish(self, total: NDArray[np.float64], voxels: NDArray[np.int32]) -> NDArray[np.float64]:
        """Divide by the number of voxels; NaN where there are none."""
        mean: NDArray[np.float64] = np.divide(
            total, voxels, out=np.full(total.shape, np.nan), where=voxels > 0
        )
        return mean

    def to_json(self) -> dict[str, Any]:
        """Return the name."""
        return {"name": "mean"}


@attrs.frozen
class Sum:
    """The sum over the voxels. With ``boundary="exclude"`` it is smaller at the image's edge."""

    unit = "counts"

    def finish(
        self,
        total: NDArray[np.float64],
        voxels: NDArray[np.int32],  # noqa: ARG002 (of the protocol)
    ) -> NDArray[np.float64]:
        """Return the sums."""
        return total

    def to_json(self) -> dict[str, Any]:
        """Return the name."""
        return {"name": "sum"}


def reducer_from_json(tree: Mapping[str, Any]) -> Reducer:
    """Rebuild a reducer from `Reducer.to_json`."""
    return {"mean": Mean, "sum": Sum}[tree["name"]]()
