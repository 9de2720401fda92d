"""One batch of volumes: what is to be done with its pixels, and what comes of it.

A task holds all that a worker needs beside the recording, and no pixels, so that it can travel to
another process. The samples of a task depend on nothing but the task and the recording.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.extraction.kernels import Boundary
from wormio.extraction.masks import Mask
from wormio.extraction.reducers import Reducer

__all__ = ["Samples", "Task"]


@attrs.frozen(kw_only=True, eq=False)
class Task:
    """C channels, V volumes of at most S slots, N neurons.

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
    mask : Mask
    reducer : Reducer
    boundary : {"exclude", "clip", "nan"}
    offsets : tuple of float
        Camera offset of each channel, in counts.
    """

    volumes: tuple[int, int]
    frames: tuple[int, int]
    channels: tuple[int, ...]
    planes: NDArray[np.int64]
    slot: NDArray[np.int32]
    yx: NDArray[np.float64]
    mask: Mask
    reducer: Reducer
    boundary: Boundary
    offsets: tuple[float, ...]


@attrs.frozen(kw_only=True, eq=False)
class Samples:
    """What a task yields; C channels, V volumes, N neurons.

    Parameters
    ----------
    data : (C, V, N) float64
        NaN where a sample is not valid.
    voxels : (C, V, N) int32
        How many voxels each was made of.
    """

    data: NDArray[np.float64]
    voxels: NDArray[np.int32]
