"""Masks as the kernels take them: runs of voxels along x, with the mask of each sample."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["MaskTable", "runs_of_voxels", "table_of_masks"]


@attrs.frozen(kw_only=True, eq=False)
class MaskTable:
    """M masks as runs of voxels along x, one form for all kinds of masks.

    Parameters
    ----------
    run_start : (M + 1,) int64
        First run of each mask; the last element is the number of all runs.
    runs : (R, 4) int32
        dz (in slots), dy, first dx, and the dx after the last, of each run.
    weights : (W,) float64, optional
        Of each voxel, in the order of runs and of x; None: all are 1.
    index : (1 or V, 1 or N) int32
        The mask of each of N neurons in each of V volumes.
    """

    run_start: NDArray[np.int64]
    runs: NDArray[np.int32]
    weights: NDArray[np.float64] | None = None
    index: NDArray[np.int32]

    @property
    def voxels(self) -> NDArray[np.int64]:
        """(M,) int64: number of voxels of each mask."""
        return np.diff(self.weight_start)

    @cached_property
    def weight_start(self) -> NDArray[np.int64]:
        """(M + 1,) int64: first voxel of each mask, counted through all masks."""
        length = self.runs[:, 3].astype(np.int64) - self.runs[:, 2]
        return np.concatenate([[0], np.cumsum(length)])[self.run_start]

    @cached_property
    def most_voxels(self) -> int:
        """Number of voxels of the largest mask."""
        return int(self.voxels.max(initial=0))

    def offsets(self, mask: int = 0) -> NDArray[np.int64]:
        """Return the voxels of one mask, (K, 3) zyx, in the order of its runs."""
        runs = self.runs[self.run_start[mask] : self.run_start[mask + 1]].astype(np.int64)
        length = runs[:, 3] - runs[:, 2]
        voxels = np.repeat(runs[:, :3], length, axis=0)
        first = np.cumsum(length) - length
        voxels[:, 2] += np.arange(len(voxels)) - np.repeat(first, length)
        return voxels

    def of_volumes(self, first: int, stop: int) -> MaskTable:
        """Return the masks of a range of volumes."""
        if len(self.index) == 1:
            return self
        used, index = np.unique(self.index[first:stop], return_inverse=True)
        n_runs = np.diff(self.run_start)[used]
        start = np.concatenate([[0], np.cumsum(n_runs)])
        rows = np.arange(start[-1]) + np.repeat(self.run_start[used] - start[:-1], n_runs)
        weights = None
        if self.weights is not None:
            n_weights, at = self.voxels[used], self.weight_start[used]
            begin = np.concatenate([[0], np.cumsum(n_weights)])
            weights = self.weights[np.arange(begin[-1]) + np.repeat(at - begin[:-1], n_weights)]
        return MaskTable(
            run_start=start,
            runs=self.runs[rows],
            weights=weights,
            index=index.reshape(-1, self.index.shape[1]).astype(np.int32),
        )

    @cached_property
    def slabs(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The rows that each mask touches, plane by plane: what has to be read.

        Returns
        -------
        start : (M + 1,) int64
            First slab of each mask.
        slabs : (Q, 3) int32
            dz, first dy, and the dy after the last.
        """
        owner = np.repeat(np.arange(len(self.run_start) - 1), np.diff(self.run_start))
        order = np.lexsort((self.runs[:, 0], owner))
        owner, dz, dy = owner[order], self.runs[order, 0], self.runs[order, 1]
        if not len(owner):
            return np.zeros(len(self.run_start), np.int64), np.empty((0, 3), np.int32)
        first = np.flatnonzero(np.append(True, (np.diff(owner) != 0) | (np.diff(dz) != 0)))
        low, high = np.minimum.reduceat(dy, first), np.maximum.reduceat(dy, first)
        slabs = np.stack([dz[first], low, high + 1], axis=1)
        start = np.searchsorted(owner[first], np.arange(len(self.run_start)))
        return start, slabs


def runs_of_voxels(offsets: NDArray[np.int64]) -> NDArray[np.int32]:
    """Join voxels, (K, 3) zyx in the order of z, y, x, to runs along x, (R, 4)."""
    if not len(offsets):
        return np.empty((0, 4), np.int32)
    step = np.diff(offsets, axis=0)
    first = np.append(True, (step[:, :2] != 0).any(axis=1) | (step[:, 2] != 1))
    last = np.append(first[1:], True)
    return np.column_stack([offsets[first], offsets[last, 2] + 1]).astype(np.int32)


def table_of_masks(
    runs: Sequence[NDArray[np.int32]],
    index: ArrayLike,
    weights: Sequence[NDArray[np.float64]] | None = None,
) -> MaskTable:
    """Return the table of some masks.

    Parameters
    ----------
    runs : sequence of (R, 4) int32
    index : array_like
        See `MaskTable`.
    weights : sequence of arrays, optional
        Of the voxels of each mask.
    """
    start = np.cumsum([0, *(len(each) for each in runs)])
    return MaskTable(
        run_start=start.astype(np.int64),
        runs=np.ascontiguousarray(np.concatenate([np.empty((0, 4), np.int32), *runs]), np.int32),
        weights=None if weights is None else np.concatenate([np.empty(0), *weights]),
        index=np.asarray(index, np.int32).reshape(np.atleast_2d(index).shape),
    )
