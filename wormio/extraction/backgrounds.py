"""What glows around a neuron and is not it: measured beside it, and subtracted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError
from wormio.extraction.masks import Box, Mask, mask_from_json
from wormio.extraction.voxels import MaskTable, runs_of_voxels

__all__ = ["Annulus", "Background", "PlanePercentile", "background_from_json", "free_voxels"]


def _percent(_background: object, _attribute: object, value: float) -> None:
    if isinstance(value, bool) or not 0 <= value <= 100:
        raise OptionError(
            "a percentile lies between 0 and 100", expected="0 to 100", found=repr(value)
        )


@attrs.frozen
class Annulus:
    """A percentile of the voxels around a neuron that belong to none.

    Parameters
    ----------
    outer : Mask
        Where the background is measured.
    inner : Mask
        What is left out of it: the neuron and its glow.
    percentile : float
        0 to 100; 50 is the median.

    Notes
    -----
    The voxels of every other neuron's mask, in the same volume and channel, are left out too. Where
    none is left, the sample is not valid.
    """

    outer: Mask = Box(1, 21, 21)
    inner: Mask = Box(1, 9, 9)
    percentile: float = attrs.field(default=50.0, validator=_percent)

    def table(self, n_neurons: int, _shape: tuple[int, int]) -> MaskTable:
        """Return the voxels of `outer` that are none of `inner`, of each neuron."""
        outer, inner = self.outer.table(n_neurons), self.inner.table(n_neurons)
        if len(outer.run_start) > 2 or len(inner.run_start) > 2:
            raise OptionError(
                "the masks of an annulus are shared by all neurons",
                expected="Box, Ellipsoid or Offsets",
                found="a mask of each neuron",
            )
        voxels = outer.offsets()
        kept = ~_among(voxels, inner.offsets())
        if not kept.any():
            raise OptionError(
                "nothing is left of the annulus",
                expected="an outer mask that is larger than the inner one",
                found=f"{self.outer!r} and {self.inner!r}",
            )
        runs = runs_of_voxels(voxels[kept])
        return MaskTable(
            run_start=np.array([0, len(runs)]), runs=runs, index=np.zeros((1, 1), np.int32)
        )

    def to_json(self) -> dict[str, Any]:
        """Return name, masks and percentile."""
        return {
            "name": "annulus",
            "outer": self.outer.to_json(),
            "inner": self.inner.to_json(),
            "percentile": float(self.percentile),
        }


@attrs.frozen
class PlanePercentile:
    """A percentile of all pixels of a neuron's centre plane; whole planes have to be read.

    Parameters
    ----------
    percentile : float
        0 to 100.
    """

    percentile: float = attrs.field(default=50.0, validator=_percent)

    def table(self, _n_neurons: int, shape: tuple[int, int]) -> MaskTable:
        """Return a mask that covers the plane from wherever in it."""
        dy = np.arange(1 - shape[0], shape[0])
        ends = np.full_like(dy, shape[1])
        runs = np.column_stack([np.zeros_like(dy), dy, 1 - ends, ends]).astype(np.int32)
        return MaskTable(
            run_start=np.array([0, len(runs)]), runs=runs, index=np.zeros((1, 1), np.int32)
        )

    def to_json(self) -> dict[str, Any]:
        """Return name and percentile."""
        return {"name": "plane-percentile", "percentile": float(self.percentile)}


Background = Annulus | PlanePercentile


def background_from_json(tree: Mapping[str, Any]) -> Background:
    """Return the background that its `to_json` described.

    Raises
    ------
    OptionError
        It is none.
    """
    parameters = dict(tree)
    name = parameters.pop("name", None)
    try:
        if name == "annulus":
            outer, inner = (mask_from_json(parameters.pop(key)) for key in ("outer", "inner"))
            return Annulus(outer, inner, **parameters)
        if name == "plane-percentile":
            return PlanePercentile(**parameters)
    except (KeyError, TypeError) as error:
        raise _no_background(tree) from error
    raise _no_background(tree)


def _no_background(tree: Mapping[str, Any]) -> OptionError:
    return OptionError(
        "this describes no background",
        expected="annulus or plane-percentile with its parameters",
        found=f"{tree!r}"[:200],
    )


def free_voxels(
    ring: MaskTable,
    neurons: tuple[MaskTable, ...],
    slot: NDArray[np.int32],
    yx: NDArray[np.float64],
    shape: tuple[int, int, int],
) -> MaskTable:
    """Return the ring of each neuron without the voxels of any neuron's masks.

    Parameters
    ----------
    ring : MaskTable
        Of one mask.
    neurons : tuple of MaskTable
    slot : (V, N) int32
    yx : (V, N, 2) float64
        Centres of the neurons in one channel.
    shape : (int, int, int)
        Slots, rows and columns that voxels can lie in.

    Returns
    -------
    MaskTable
        A mask for each neuron in each volume.
    """
    n_volumes, n_neurons = slot.shape
    around = ring.offsets()
    runs = []
    counts = np.zeros(n_volumes * n_neurons, np.int64)
    taken = np.zeros(shape, bool)
    for v in range(n_volumes):
        rounded = np.floor(yx[v] + 0.5)
        valid = np.flatnonzero((slot[v] >= 0) & np.isfinite(rounded).all(axis=1))
        centre = np.column_stack([slot[v, valid], rounded[valid].astype(np.int64)])
        occupied = [np.empty((0, 3), np.int64)]
        for table in neurons:
            index = np.broadcast_to(table.index, slot.shape)[v, valid]
            occupied += [
                at + table.offsets(mask) for at, mask in zip(centre, index.tolist(), strict=True)
            ]
        voxels = np.concatenate(occupied)
        voxels = voxels[((voxels >= 0) & (voxels < shape)).all(axis=1)]
        taken[tuple(voxels.T)] = True
        places = centre[:, np.newaxis] + around
        inside = np.asarray(((places >= 0) & (places < shape)).all(axis=2))
        inside[inside] = ~taken[tuple(places[inside].T)]
        taken[tuple(voxels.T)] = False
        for n, free in zip(valid.tolist(), inside, strict=True):
            found = runs_of_voxels(around[free])
            counts[v * n_neurons + n] = len(found)
            runs.append(found)
    return MaskTable(
        run_start=np.concatenate([[0], np.cumsum(counts)]),
        runs=np.concatenate([np.empty((0, 4), np.int32), *runs]),
        index=np.arange(n_volumes * n_neurons, dtype=np.int32).reshape(slot.shape),
    )


def _among(voxels: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
    known = set(map(tuple, others.tolist()))
    return np.array([tuple(voxel) in known for voxel in voxels.tolist()], bool)
