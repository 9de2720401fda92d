"""Which rows of which images the masks touch: all that the kernels look at, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from wormio.extraction.task import Task
    from wormio.extraction.voxels import MaskTable

__all__ = ["RowSpans", "touched_rows", "wanted_rows"]

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


def wanted_rows(task: Task, shape: tuple[int, int]) -> RowSpans:
    """Return the rows that a task needs of images of this shape; see `touched_rows`."""
    spans = [
        touched_rows(
            task.planes,
            task.slot,
            task.yx,
            table,
            n_frames=task.frames[1] - task.frames[0],
            shape=shape,
            clip=task.boundary == "clip",
            linear=task.linear,
        )
        for table in task.tables
    ]
    if len(spans) == 1:
        return spans[0]
    return RowSpans(
        *(
            np.concatenate([getattr(one, name) for one in spans])
            for name in ("image", "first", "stop")
        )
    )


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
    height, width = shape
    y, x = np.floor(yx[..., 0] + 0.5).ravel(), np.floor(yx[..., 1] + 0.5).ravel()
    slots = slot.ravel()
    n_volumes, n_points = slot.shape[1:]

    valid = (slots >= 0) & (slots < n_slots)
    valid &= (y >= 0) & (y < height) & (x >= 0) & (x < width)
    sample = np.flatnonzero(valid)
    sweep = sample // max(n_points, 1)
    centre_slot = slots[sample].astype(np.int64)
    saved = planes.ravel()[sweep * n_slots + centre_slot] >= 0
    if not saved.all():
        sample, sweep, centre_slot = sample[saved], sweep[saved], centre_slot[saved]
    centre = np.floor(yx[..., 0].ravel()[sample]) if linear else y[sample]
    row = centre.astype(np.int64)
    first_plane = sweep * n_slots  # in the flattened table of planes
    first_image = sweep // max(n_volumes, 1) * n_frames

    # One line for each slab of each sample's mask.
    start, slabs = table.slabs
    dz, low, high = slabs.T.astype(np.int64)
    if len(start) == 2 and table.index.size == 1:
        dz, low, high = (column[:, np.newaxis] for column in (dz, low, high))
    else:
        index = np.broadcast_to(table.index, slot.shape).ravel()[sample]
        repeats = np.diff(start)[index]
        end = np.cumsum(repeats)
        slab = np.arange(repeats.sum()) + np.repeat(start[index] - (end - repeats), repeats)
        dz, low, high = dz[slab], low[slab], high[slab]
        centre_slot, row, first_plane, first_image = (
            np.repeat(column, repeats) for column in (centre_slot, row, first_plane, first_image)
        )
    there = centre_slot + dz
    first, stop = row + low, row + (high + int(linear))
    if clip:
        first, stop = np.clip(first, 0, height - 1), np.clip(stop, 1, height)
        at = first_plane + np.clip(there, 0, n_slots - 1)
        plane = np.where(dz >= 0, _last_saved(planes).ravel()[at], _next_saved(planes).ravel()[at])
    else:
        np.maximum(first, 0, out=first)
        np.minimum(stop, height, out=stop)
        outside = (there < 0) | (there >= n_slots)
        there[outside] = 0
        plane = planes.ravel()[first_plane + there]
        plane[outside] = -1
    image = plane + first_image
    kept = (plane >= 0) & (first < stop)
    if kept.all():
        return RowSpans(image.ravel(), first.ravel(), stop.ravel())
    return RowSpans(image[kept], first[kept], stop[kept])


def _last_saved(planes: Ints) -> Ints:
    """Return the plane of the last saved slot up to each one, sweep by sweep."""
    slots = np.where(planes >= 0, np.arange(planes.shape[-1]), 0)
    return np.take_along_axis(planes, np.maximum.accumulate(slots, axis=-1), axis=-1)


def _next_saved(planes: Ints) -> Ints:
    return _last_saved(planes[..., ::-1])[..., ::-1]
