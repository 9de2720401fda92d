"""Masks: which voxels around a neuron's centre belong to it.

A mask is given to the kernels as runs of voxels along x, so that one kernel serves every shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError

__all__ = ["Box", "Mask", "mask_from_json"]

# Far beyond any neuron; a mistyped box must not eat the machine's memory.
_MAX_EXTENT = 100_001
_MAX_RUNS = 1_000_000


class Mask(Protocol):
    """A set of voxel offsets from the centre; z offsets count slots of the sweep."""

    def runs(self) -> NDArray[np.int32]:
        """Return (R, 4) int32: dz, dy, first dx, and the dx after the last, of each run."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return the mask's name and parameters."""
        ...


def _odd(_box: object, attribute: attrs.Attribute[int], value: int) -> None:
    if isinstance(value, bool) or value != int(value) or value < 1 or value % 2 == 0:
        raise OptionError(
            f"the {attribute.name} extent of a box must be an odd number of voxels",
            expected="1, 3, 5, ... (a box has a centre voxel)",
            found=repr(value),
        )


@attrs.frozen
class Box:
    """A box around the centre voxel.

    Parameters
    ----------
    z, y, x : int
        Full extents in slots and pixels, odd. ``Box(3, 5, 5)`` has 75 voxels.

    Examples
    --------
    >>> Box(1, 1, 3).runs().tolist()
    [[0, 0, -1, 2]]
    """

    z: int = attrs.field(default=3, validator=_odd)
    y: int = attrs.field(default=5, validator=_odd)
    x: int = attrs.field(default=5, validator=_odd)

    def __attrs_post_init__(self) -> None:
        if max(self.z, self.y, self.x) > _MAX_EXTENT or self.z * self.y > _MAX_RUNS:
            raise OptionError(
                "the box is absurdly large",
                expected=f"extents up to {_MAX_EXTENT}, and up to {_MAX_RUNS} rows of voxels",
                found=f"{self.z} x {self.y} x {self.x}",
            )

    def runs(self) -> NDArray[np.int32]:
        """Return one run for each row of the box, (z * y, 4)."""
        half_z, half_y, half_x = (int(extent) // 2 for extent in (self.z, self.y, self.x))
        return np.array(
            [
                (dz, dy, -half_x, half_x + 1)
                for dz in range(-half_z, half_z + 1)
                for dy in range(-half_y, half_y + 1)
            ],
            np.int32,
        )

    def to_json(self) -> dict[str, Any]:
        """Return name and extents."""
        return {"name": "box", "z": int(self.z), "y": int(self.y), "x": int(self.x)}


def mask_from_json(tree: Mapping[str, Any]) -> Mask:
    """Rebuild a mask from `Mask.to_json`."""
    parameters = {name: value for name, value in tree.items() if name != "name"}
    return {"box": Box}[tree["name"]](**parameters)
