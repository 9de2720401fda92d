"""Reading the pixels of a task: only the rows that masks touch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wormio.model import Recording

__all__ = ["read_block", "rows_touched"]


def rows_touched(y: NDArray[np.float64], runs: NDArray[np.int32], height: int) -> tuple[int, int]:
    """Return the half-open range of image rows that masks around centres at `y` touch."""
    y = np.floor(y + 0.5)
    if np.isnan(y).all():
        return 0, 1  # no neuron was found here; nothing of the block will be looked at
    first = int(np.nanmin(y)) + int(runs[:, 1].min())
    stop = int(np.nanmax(y)) + int(runs[:, 1].max()) + 1
    return min(max(first, 0), height - 1), max(min(stop, height), 1)


def read_block(
    recording: Recording, frames: tuple[int, int], channels: Sequence[int], rows: tuple[int, int]
) -> NDArray[Any]:
    """Read some rows of a range of frames.

    Images that were never saved are left out: their part of the block is never looked at, because
    the plane table marks them.

    Returns
    -------
    (frames, channels, rows, X) array
    """
    start, stop = frames
    saved = recording.timeline.stored[start:stop, list(channels)] >= 0
    window = slice(*rows)
    if saved.all() and list(channels) == list(range(recording.frames.shape[1])):
        return recording.frames[start:stop, :, window]
    width = recording.frames.shape[3]
    block = np.zeros(
        (stop - start, len(channels), rows[1] - rows[0], width), recording.frames.dtype
    )
    for j, channel in enumerate(channels):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], saved[:, j], [0]]).astype(np.int8)))
        for first, last in edges.reshape(-1, 2).tolist():
            block[first:last, j] = recording.frames[start + first : start + last, channel, window]
    return block
