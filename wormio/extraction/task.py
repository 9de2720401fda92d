"""One batch of volumes: what is to be done with its pixels, and what comes of it.

A task holds all that a worker needs beside the recording, and no pixels, so that it can travel to
another process. The samples of a task depend on nothing but the task and the recording.
"""

from __future__ import annotations

from itertools import pairwise

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.extraction.backgrounds import Background
from wormio.extraction.passing import Boundary
from wormio.extraction.reducers import Reducer
from wormio.extraction.voxels import MaskTable

__all__ = ["Part", "Samples", "Task"]


@attrs.frozen
class Part:
    """Volumes of a task that are read and reduced together.

    Parameters
    ----------
    volumes : (int, int)
        Half-open range, counted from the task's first.
    frame : int
        Their first frame, counted from the task's first; those of earlier parts lie before it.
    """

    volumes: tuple[int, int]
    frame: int


@attrs.frozen(kw_only=True, eq=False)
class Task:
    """C channels, V volumes of at most S slots, N neurons, K masks.

    Parameters
    ----------
    volumes, frames : (int, int)
        Half-open ranges; `frames` covers the volumes.
    channels : tuple of int
        Indices into the recording's.
    planes : (C, V, S) int64
        Frame of each slot, counted from ``frames[0]``; -1 if never saved.
    slot : (C, V, N) int32
        Slot of each neuron's centre plane; -1: the sample is not valid.
    yx : (C, V, N, 2) float64
        Centres in pixels.
    tables : tuple of MaskTable
        Of each mask; the last one is the background's, if there is one.
    reducer : Reducer
    boundary : {"exclude", "clip", "nan"}
    linear : bool
        Whether voxels are interpolated in y and x; centres are rounded otherwise.
    offsets : tuple of float
        Camera offset of each channel, in counts.
    rectify : bool
        Whether voxels below the offset count as 0.
    saturation : float
        Pixels from here on are counted as saturated; NaN: none.
    background : Background, optional
        Is measured and subtracted.
    at_once : int
        How many volumes are to be read and reduced together; the samples do not depend on it.
    """

    volumes: tuple[int, int]
    frames: tuple[int, int]
    channels: tuple[int, ...]
    planes: NDArray[np.int64]
    slot: NDArray[np.int32]
    yx: NDArray[np.float64]
    tables: tuple[MaskTable, ...]
    reducer: Reducer
    boundary: Boundary
    linear: bool = False
    offsets: tuple[float, ...]
    rectify: bool = False
    saturation: float = float("nan")
    background: Background | None = None
    at_once: int = 1

    def parts(self) -> list[Part]:
        """Return the volumes that are read and reduced together, part by part."""
        n_volumes = self.volumes[1] - self.volumes[0]
        first = np.arange(0, n_volumes, self.at_once)
        begin = np.where(self.planes < 0, self.planes.max() + 1, self.planes).min(axis=(0, 2))
        end = self.planes.max(axis=(0, 2)) + 1
        begins, ends = np.minimum.reduceat(begin, first), np.maximum.reduceat(end, first)
        if (begins[1:] < np.maximum.accumulate(ends)[:-1]).any():  # they share frames
            first, begins = first[:1], begins[:1]
        # A part without any plane begins where the next one does: what is to be read is found by
        # a search, which needs them in order.
        begins = np.minimum.accumulate(begins[::-1])[::-1]
        edges = [*first.tolist(), n_volumes]
        return [Part(*each) for each in zip(pairwise(edges), begins.tolist(), strict=True)]

    def of_volumes(self, first: int, stop: int) -> Task:
        """Return the part of the task for some of its volumes, in the same frames."""
        return attrs.evolve(
            self,
            volumes=(self.volumes[0] + first, self.volumes[0] + stop),
            planes=self.planes[:, first:stop],
            slot=self.slot[:, first:stop],
            yx=self.yx[:, first:stop],
            tables=tuple(table.of_volumes(first, stop) for table in self.tables),
        )

    @property
    def masks(self) -> tuple[MaskTable, ...]:
        """The tables of the neurons, without that of the background."""
        return self.tables if self.background is None else self.tables[:-1]


@attrs.frozen(kw_only=True, eq=False)
class Samples:
    """What a task yields; C channels, K masks, V volumes, N neurons.

    Parameters
    ----------
    data : (C, K, V, N) float64
        NaN where a sample is not valid.
    voxels : (C, K, V, N) int32
        How many voxels each was made of.
    saturated : (C, K, V, N) int32
        How many of these were saturated.
    background : (C, 1, V, N) float64, optional
        What was subtracted from each voxel.
    """

    data: NDArray[np.float64]
    voxels: NDArray[np.int32]
    saturated: NDArray[np.int32]
    background: NDArray[np.float64] | None = None

    @classmethod
    def empty(cls, shape: tuple[int, int, int, int], *, background: bool = False) -> Samples:
        """Return samples none of which is valid."""
        return cls(
            data=np.full(shape, np.nan),
            voxels=np.zeros(shape, np.int32),
            saturated=np.zeros(shape, np.int32),
            background=np.full((shape[0], 1, *shape[2:]), np.nan) if background else None,
        )
