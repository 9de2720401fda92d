"""Which rows of which images the masks touch: all that the kernels look at, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from wormio.extraction.voxels import MaskTable

__all__ = ["RowSpans", "touched_rows"]

Ints = NDArray[np.int64]


@attrs.frozen(eq=False)
class RowSpans:
    """Stretches of rows, in any order; they may overlap.

    Parameters
    ----------
    image : (M,) int64
        Index into the images, (channel, frame) flattened.
    first, stop : (M,) int64
        Half-open range of its rows, never empty.
    """

    image: Ints
    first: Ints
    stop: Ints


def touched_rows(
    planes: Ints,
    slot: NDArray[np.int32],
    yx: NDArray[np.float64],
    table: MaskTable,
    *,
    n_frames: int,
    shape: tuple[int, int],
    clip: bool,
    linear: bool = False,
) -> RowSpans:
    """Return the rows that masks around points touch.

    Parameters
    ----------
    planes : (C, V, S) int64
        Frame in each slot; -1 if never saved.
    slot : (C, V, N) int32
        Slot of each point's plane; negative: the sample is not valid, and touches nothing.
    yx : (C, V, N, 2) float64
        Points in pixels.
    table : MaskTable
        The masks, and the mask of each sample.
    n_frames : int
        Of a channel: image ``c * n_frames + frame``.
    shape : (int, int)
        Height and width of an image. A point outside touches nothing.
    clip : bool
        Whether the edge of the image, and the nearest saved plane towards the centre, stand for
        what is beyond; otherwise that is left out.
    linear : bool
        Whether voxels are interpolated between two rows.
    """
    n_slots = planes.shape[-1]
    planes = planes.reshape(-1, n_slots)
    height, width = shape
    rounded = np.floor(yx + 0.5)
    y, x = rounded[..., 0].ravel(), rounded[..., 1].ravel()
    slots = slot.ravel().astype(np.int64)
    n_points = slot.shape[-1]

    valid = (slots >= 0) & (slots < n_slots)
    valid &= (y >= 0) & (y < height) & (x >= 0) & (x < width)
    sample = np.flatnonzero(valid)
    sweep = sample // max(n_points, 1)
    saved = planes.ravel()[sweep * n_slots + slots[sample]] >= 0
    sample, sweep = sample[saved], sweep[saved]

    # One line for each slab of each sample's mask.
    start, slabs = table.slabs()
    dz, low, high = slabs.T.astype(np.int64)
    if len(start) == 2 and table.index.size == 1:
        repeats: Ints | int = len(slabs)
        slab = np.tile(np.arange(len(slabs)), len(sample))
    else:
        index = np.broadcast_to(table.index, slot.shape).ravel()[sample]
        repeats = np.diff(start)[index]
        end = np.cumsum(repeats)
        slab = np.arange(repeats.sum()) + np.repeat(start[index] - (end - repeats), repeats)
    centre = np.floor(yx[..., 0].ravel()[sample]) if linear else y[sample]
    row = np.repeat(centre.astype(np.int64), repeats)
    there = np.repeat(slots[sample], repeats) + dz[slab]
    line = np.repeat(sweep, repeats)

    first, stop = row + low[slab], row + high[slab] + int(linear)
    if clip:
        first, stop = np.clip(first, 0, height - 1), np.clip(stop, 1, height)
        inside = np.clip(there, 0, n_slots - 1)
        plane = np.where(
            dz[slab] >= 0,
            _last_saved(planes).ravel()[line * n_slots + inside],
            _next_saved(planes).ravel()[line * n_slots + inside],
        )
    else:
        first, stop = np.maximum(first, 0), np.minimum(stop, height)
        outside = (there < 0) | (there >= n_slots)
        plane = planes.ravel()[line * n_slots + np.where(outside, 0, there)]
        plane[outside] = -1
    n_volumes = max(slot.shape[1], 1)
    image = line // n_volumes * n_frames + plane
    kept = (plane >= 0) & (first < stop)
    if kept.all():
        return RowSpans(image, first, stop)
    return RowSpans(image[kept], first[kept], stop[kept])


def _last_saved(planes: Ints) -> Ints:
    """Return the plane of the last saved slot up to each one, line by line."""
    slots = np.where(planes >= 0, np.arange(planes.shape[1]), 0)
    return np.take_along_axis(planes, np.maximum.accumulate(slots, axis=1), axis=1)


def _next_saved(planes: Ints) -> Ints:
    return _last_saved(planes[:, ::-1])[:, ::-1]
