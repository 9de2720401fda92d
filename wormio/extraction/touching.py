"""Which rows of which images the masks touch: all that the kernels look at, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = ["MaskRows", "RowSpans", "touched_rows"]

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


@attrs.frozen(eq=False)
class MaskRows:
    """The rows of some masks, each as stretches of rows that follow each other.

    Parameters
    ----------
    start : (masks + 1,) int64
        First stretch of each mask; the last element is K.
    dz, first, stop : (K,) int64
        Plane and half-open range of rows of each stretch, counted from the centre.
    """

    start: Ints
    dz: Ints
    first: Ints
    stop: Ints

    @classmethod
    def of(cls, masks: Sequence[NDArray[np.int32]]) -> MaskRows:
        """Return the rows of masks given as runs, each (R, 4): dz, dy, and the range of dx."""
        pieces = [_stretches(runs) for runs in masks]
        start = np.cumsum([0, *map(len, pieces)], dtype=np.int64)
        dz, first, stop = np.concatenate([np.zeros((0, 3), np.int64), *pieces]).T
        return cls(start, dz, first, stop)


def _stretches(runs: NDArray[np.int32]) -> Ints:
    """Return (K, 3): dz, first dy, and the dy after the last."""
    if not len(runs):
        return np.zeros((0, 3), np.int64)
    # dy fits into 32 bits: planes and rows in one number, which is quicker to sort than pairs.
    rows = np.unique((runs[:, 0].astype(np.int64) << 33) + runs[:, 1])
    dz = (rows + (1 << 32)) >> 33
    dy = rows - (dz << 33)
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    begin = np.concatenate([[0], breaks])
    last = np.concatenate([breaks, [len(rows)]]) - 1
    return np.stack([dz[begin], dy[begin], dy[last] + 1], axis=1)


def touched_rows(
    planes: Ints,
    slot: NDArray[np.int32],
    yx: NDArray[np.float64],
    rows: MaskRows,
    *,
    n_frames: int,
    shape: tuple[int, int],
    clip: bool,
    mask: NDArray[np.integer] | None = None,
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
    rows : MaskRows
    n_frames : int
        Of a channel: image ``c * n_frames + frame``.
    shape : (int, int)
        Height and width of an image. A point outside touches nothing.
    clip : bool
        Whether the edge of the image, and the nearest saved plane towards the centre, stand for
        what is beyond; otherwise that is left out.
    mask : (C, V, N) int, optional
        Which mask; the first one by default.
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

    # One line for each stretch of each sample's mask.
    if mask is None and len(rows.start) == 2:
        each = np.tile(np.arange(len(rows.dz)), len(sample))
        repeats: Ints | int = len(rows.dz)
    else:
        chosen = np.zeros(len(sample), np.int64) if mask is None else mask.ravel()[sample]
        repeats = np.diff(rows.start)[chosen]
        ends = np.cumsum(repeats)
        shift = rows.start[chosen] - (ends - repeats)
        each = np.arange(ends[-1] if len(ends) else 0) + np.repeat(shift, repeats)
    centre = np.floor(yx[..., 0].ravel()[sample]) if linear else y[sample]
    row = np.repeat(centre.astype(np.int64), repeats)
    there = np.repeat(slots[sample], repeats) + rows.dz[each]
    line = np.repeat(sweep, repeats)

    first, stop = row + rows.first[each], row + rows.stop[each] + int(linear)
    if clip:
        first, stop = np.clip(first, 0, height - 1), np.clip(stop, 1, height)
        inside = np.clip(there, 0, n_slots - 1)
        plane = np.where(
            rows.dz[each] >= 0,
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
