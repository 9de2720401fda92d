"""Masks: which voxels around a neuron's centre belong to it, and how much each counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import OptionError
from wormio.extraction.voxels import MaskTable, runs_of_voxels, table_of_masks

__all__ = ["Box", "Ellipsoid", "Mask", "Offsets", "Weighted", "mask_from_json"]

# Far beyond any neuron; a mistyped mask must not eat the machine's memory.
_MAX_EXTENT = 100_001
_MAX_RUNS = 1_000_000
_MAX_VOXELS = 100_000_000


class Mask(Protocol):
    """Voxel offsets from the centre; those in z count slots of the sweep."""

    def table(self, n_neurons: int) -> MaskTable:
        """Return the voxels of each neuron.

        Raises
        ------
        OptionError
            It is a mask of another number of neurons.
        """
        ...

    def to_json(self) -> dict[str, Any]:
        """Return the mask's name and parameters, for `mask_from_json`."""
        ...


def _refuse_absurd(shape: str, runs: float, voxels: float, extent: float) -> None:
    if not (runs <= _MAX_RUNS and voxels <= _MAX_VOXELS and extent <= _MAX_EXTENT):
        raise OptionError(
            f"the {shape} is absurdly large",
            expected=f"extents up to {_MAX_EXTENT}, {_MAX_RUNS} rows, {_MAX_VOXELS} voxels",
            found=f"extent {extent:g}, about {runs:g} rows, {voxels:g} voxels",
        )


def _shared(runs: NDArray[np.int32]) -> MaskTable:
    return table_of_masks([runs], [[0]])


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
    >>> Box(1, 1, 3).table(1).runs.tolist()
    [[0, 0, -1, 2]]
    """

    z: int = attrs.field(default=3, validator=_odd)
    y: int = attrs.field(default=5, validator=_odd)
    x: int = attrs.field(default=5, validator=_odd)

    def __attrs_post_init__(self) -> None:
        _refuse_absurd(
            "box", self.z * self.y, self.z * self.y * self.x, max(self.z, self.y, self.x)
        )

    def table(self, n_neurons: int) -> MaskTable:  # noqa: ARG002 (all have the same)
        """Return one run for each row of the box."""
        half_z, half_y, half_x = (int(extent) // 2 for extent in (self.z, self.y, self.x))
        z, y = np.indices((int(self.z), int(self.y))).reshape(2, -1)
        ends = np.full_like(z, half_x)
        return _shared(np.column_stack([z - half_z, y - half_y, -ends, ends + 1]).astype(np.int32))

    def to_json(self) -> dict[str, Any]:
        """Return name and extents."""
        return {"name": "box", "z": int(self.z), "y": int(self.y), "x": int(self.x)}


def _positive(_ellipsoid: object, attribute: attrs.Attribute[float], value: float) -> None:
    if isinstance(value, bool) or not np.isfinite(value) or value <= 0:
        raise OptionError(
            f"the {attribute.name} extent of an ellipsoid must be a positive number",
            expected="the full extent in voxels, as of a Box",
            found=repr(value),
        )


@attrs.frozen
class Ellipsoid:
    """An ellipsoid around the centre voxel: the voxels whose centres it holds.

    Parameters
    ----------
    z, y, x : float
        Full extents (diameters, not radii) in slots and pixels: ``Ellipsoid(3, 5, 5)`` lies in
        ``Box(3, 5, 5)``. A voxel belongs to it if (2 dz / z)^2 + (2 dy / y)^2 + (2 dx / x)^2 <= 1.

    Examples
    --------
    >>> Ellipsoid(1, 3, 3).table(1).runs.tolist()  # a disk of 9 voxels
    [[0, -1, -1, 2], [0, 0, -1, 2], [0, 1, -1, 2]]
    """

    z: float = attrs.field(default=3.0, validator=_positive)
    y: float = attrs.field(default=5.0, validator=_positive)
    x: float = attrs.field(default=5.0, validator=_positive)

    def __attrs_post_init__(self) -> None:
        extents = self.z, self.y, self.x
        _refuse_absurd("ellipsoid", self.z * self.y, self.z * self.y * self.x, max(extents))

    def table(self, n_neurons: int) -> MaskTable:  # noqa: ARG002 (all have the same)
        """Return one run for each row of the ellipsoid."""
        # A voxel that lies on the surface belongs to it, whatever the rounding.
        room = 1 + 1e-9
        half_z, half_y = int(self.z / 2 * room), int(self.y / 2 * room)
        z, y = np.indices((2 * half_z + 1, 2 * half_y + 1)).reshape(2, -1)
        z, y = z - half_z, y - half_y
        left = room - (2 * z / self.z) ** 2 - (2 * y / self.y) ** 2
        z, y, left = z[left >= 0], y[left >= 0], left[left >= 0]
        reach = np.floor(np.sqrt(left) * self.x / 2).astype(np.int64)
        return _shared(np.column_stack([z, y, -reach, reach + 1]).astype(np.int32))

    def to_json(self) -> dict[str, Any]:
        """Return name and extents."""
        return {"name": "ellipsoid", "z": float(self.z), "y": float(self.y), "x": float(self.x)}


def _offsets(values: ArrayLike) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.ndim != 2 or array.shape[1] != 3 or not len(array):
        raise OptionError(
            "the voxels of a mask must be offsets (dz, dy, dx), at least one",
            expected="an array (K, 3)",
            found=f"shape {array.shape}",
        )
    if array.dtype.kind not in "iuf" or not (np.isfinite(array) & (array == np.round(array))).all():
        raise OptionError(
            "the voxels of a mask must be whole numbers from the centre voxel",
            expected="integers (dz, dy, dx)",
            found=f"{array.dtype}",
        )
    _refuse_absurd("mask", 1, len(array), 2 * float(np.abs(array).max()))
    array = array.astype(np.int64)
    array.setflags(write=False)
    return array


def _same_arrays(one: Sequence[NDArray[Any]], other: Sequence[NDArray[Any]]) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))


@attrs.frozen
class Offsets:
    """Voxels named one by one.

    Parameters
    ----------
    zyx : (K, 3) array_like of int
        From the centre voxel. One that is named twice counts twice.

    Examples
    --------
    >>> Offsets([(0, 0, -1), (0, 0, 1)]).table(1).most_voxels
    2
    """

    zyx: NDArray[np.int64] = attrs.field(converter=_offsets, eq=attrs.cmp_using(np.array_equal))

    def __attrs_post_init__(self) -> None:
        _refuse_absurd("mask", len(self.table(1).runs), 0, 0)

    def table(self, n_neurons: int) -> MaskTable:  # noqa: ARG002 (all have the same)
        """Return the voxels in the order of z, y and x."""
        return _shared(runs_of_voxels(self.zyx[_in_order(self.zyx)]))

    def to_json(self) -> dict[str, Any]:
        """Return name and offsets."""
        return {"name": "offsets", "zyx": self.zyx.tolist()}


@attrs.frozen(init=False)
class Weighted:
    """Voxels with weights, shared by all neurons or of each neuron.

    Parameters
    ----------
    offsets : (K, 3) array_like of int, or a sequence of N of them
        From the centre voxel, as of `Offsets`; one array, or one a neuron.
    weights : (K,) or (N, K) array_like of float, or a sequence of N arrays
        Of these voxels: not negative, and not all zero. Only their ratios matter to a mean.

    Raises
    ------
    OptionError
        They do not fit together.

    Examples
    --------
    >>> Weighted([(0, 0, 0), (0, 0, 1)], [2.0, 1.0]).table(5).weights.tolist()
    [2.0, 1.0]
    >>> one_each = Weighted([(0, 0, 0), (0, 0, 1)], [[1.0, 0.0], [0.0, 1.0]])
    >>> one_each.table(2).index.tolist()
    [[0, 1]]
    """

    offsets: tuple[NDArray[np.int64], ...] = attrs.field(eq=attrs.cmp_using(_same_arrays))
    weights: tuple[NDArray[np.float64], ...] = attrs.field(eq=attrs.cmp_using(_same_arrays))

    def __init__(
        self,
        offsets: ArrayLike | Sequence[ArrayLike],
        weights: ArrayLike | Sequence[ArrayLike],
    ) -> None:
        voxels = [_offsets(each) for each in _one_or_each(offsets, 2)]
        counts = [_weights(each) for each in _one_or_each(weights, 1)]
        n_neurons = max(len(voxels), len(counts))
        voxels = voxels * n_neurons if len(voxels) == 1 else voxels
        counts = counts * n_neurons if len(counts) == 1 else counts
        if len(voxels) != len(counts) or any(map(lambda v, w: len(v) != len(w), voxels, counts)):
            raise OptionError(
                "weights do not fit the voxels of the mask",
                expected="one weight for each voxel, of all neurons or of each",
                found=f"{len(voxels)} sets of voxels ({sorted(set(map(len, voxels)))[:5]}), "
                f"{len(counts)} of weights ({sorted(set(map(len, counts)))[:5]})",
            )
        self.__attrs_init__(tuple(voxels), tuple(counts))

    def table(self, n_neurons: int) -> MaskTable:
        """Return the voxels in the order of z, y and x, and their weights."""
        if len(self.offsets) not in {1, n_neurons}:
            raise OptionError(
                "the weighted mask is of another number of neurons",
                expected=f"{n_neurons}, or one mask for all",
                found=str(len(self.offsets)),
            )
        orders = [_in_order(each) for each in self.offsets]
        return table_of_masks(
            [runs_of_voxels(v[order]) for v, order in zip(self.offsets, orders, strict=True)],
            [np.arange(len(self.offsets))],
            [w[order] for w, order in zip(self.weights, orders, strict=True)],
        )

    def to_json(self) -> dict[str, Any]:
        """Return name, offsets and weights."""
        return {
            "name": "weighted",
            "offsets": [each.tolist() for each in self.offsets],
            "weights": [each.tolist() for each in self.weights],
        }


def mask_from_json(tree: Mapping[str, Any]) -> Mask:
    """Return the mask that `Mask.to_json` described.

    Raises
    ------
    OptionError
        It is none.
    """
    kinds: dict[str, type[Any]] = {
        "box": Box,
        "ellipsoid": Ellipsoid,
        "offsets": Offsets,
        "weighted": Weighted,
    }
    parameters = dict(tree)
    name = parameters.pop("name", None)
    if name == "labels":
        raise OptionError(
            "a label image is not kept with what was extracted by it",
            expected="a mask around positions",
            found=f"labels of shape {parameters.get('shape')}",
            cure="extract by the label image again: its SHA-256 is among the options",
        )
    try:
        mask: Mask = kinds[name](**parameters)
    except (KeyError, TypeError) as error:
        raise OptionError(
            "this describes no mask",
            expected=f"a name ({', '.join(kinds)}) with its parameters",
            found=f"{tree!r}"[:200],
        ) from error
    return mask


def _in_order(offsets: NDArray[np.int64]) -> NDArray[np.intp]:
    return np.lexsort(offsets.T[::-1])


def _one_or_each(values: Any, n_axes: int) -> list[Any]:
    """Return arrays of so many axes, one or several, as a list."""
    several = list(values)
    return several if several and np.ndim(several[0]) == n_axes else [values]


def _weights(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values)
    fine = array.ndim == 1 and array.dtype.kind in "iuf" and np.isfinite(array).all()
    if not fine or (array < 0).any() or not (array > 0).any():
        raise OptionError(
            "the weights of a mask must be numbers that are not negative, nor all zero",
            expected="an array (K,), or one a neuron",
            found=f"{values!r}"[:200],
        )
    array = array.astype(np.float64)
    array.setflags(write=False)
    return array
