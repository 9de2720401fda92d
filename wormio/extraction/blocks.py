"""Reading pixels for extraction: a few whole volumes at a time, only the rows that masks touch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.model import Positions, Recording

__all__ = ["Batch", "plan_batches", "read_block", "rows_touched"]

# Larger batches do not get faster, they only leave the processor's cache.
_MAX_BATCH_BYTES = 32 << 20


@attrs.frozen
class Batch:
    """Volumes that are read and reduced together.

    Parameters
    ----------
    volumes : (int, int)
        Half-open range.
    frames : (int, int)
        Half-open range that covers them.
    """

    volumes: tuple[int, int]
    frames: tuple[int, int]


def plan_batches(recording: Recording, n_channels: int, max_bytes: int) -> list[Batch]:
    """Cut the volumes into batches of at most `max_bytes` of pixels, at least one volume each."""
    _, _, height, width = recording.frames.shape
    frame_bytes = n_channels * height * width * recording.frames.dtype.itemsize
    frames_at_once = min(max_bytes, _MAX_BATCH_BYTES) // max(frame_bytes, 1)
    batches = []
    volumes = recording.timeline.volumes
    begin = 0
    for end in range(1, len(volumes) + 1):
        if end == len(volumes) or volumes[end, 1] - volumes[begin, 0] > frames_at_once:
            span = (int(volumes[begin, 0]), int(volumes[end - 1, 1]))
            batches.append(Batch((begin, end), span))
            begin = end
    return batches


def rows_touched(
    positions: Sequence[Positions],
    volumes: tuple[int, int],
    runs: NDArray[np.int32],
    height: int,
) -> tuple[int, int]:
    """Return the half-open range of image rows that the masks touch, in any channel."""
    y = np.floor(np.stack([each.at(*volumes)[..., 1] for each in positions]) + 0.5)
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
