"""The kernels once more in plain numpy: slow, and plain enough to be believed.

The tests hold the C core against it, and it says in a few lines what the core computes. It shares
nothing with the core: every voxel of a sample is listed by its index, moved or dropped, gathered
at once, and summed in another way. It checks no arguments, and it is never a fallback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from wormio.errors import ExtractionError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["sum_runs"]


def sum_runs(
    pixels: NDArray[Any],
    *,
    height: int,
    row_first: int,
    planes: ArrayLike,
    slot: ArrayLike,
    yx: ArrayLike,
    runs: ArrayLike,
    boundary: Literal["exclude", "clip", "nan"],
    offset: float,
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Sum the voxels of a mask around every point of every volume.

    Parameters
    ----------
    pixels : ndarray (P, rows, X)
        Planes of one channel, rows ``row_first`` to ``row_first + rows`` of each image.
    height : int
        Rows of the whole image.
    row_first : int
        The image row that is ``pixels[:, 0]``.
    planes : array_like (V, S) of int
        The index into `pixels` of the plane in each slot of each volume; -1, never saved.
    slot : array_like (V, N) of int
        The slot of the plane through each point; negative, the sample is not valid.
    yx : array_like (V, N, 2) of float
        The points in pixels (integers are pixel centres), rounded by ``floor(x + 0.5)``.
    runs : array_like (R, 4) of int
        The mask as runs of voxels along x: dz (in slots), dy, dx_first, dx_stop (half open).
    boundary : {"exclude", "clip", "nan"}
        What becomes of voxels outside the image or the sweep, or on a missing plane.
    offset : float
        Camera offset in counts, subtracted from each voxel.

    Returns
    -------
    total : ndarray (V, N) of float64
        Sum of the voxels minus ``voxels * offset``; NaN if there is none or no valid sample.
    voxels : ndarray (V, N) of int32
        How many voxels were summed.

    Raises
    ------
    ExtractionError
        A mask needs a row of the image that is not in `pixels`.

    See Also
    --------
    wormio.extraction.kernels.sum_runs : The same in C, with the meaning of each boundary.
    """
    planes, slot, yx = np.asarray(planes), np.asarray(slot), np.asarray(yx, np.float64)
    offsets = _voxel_offsets(np.asarray(runs).reshape(-1, 4))
    shape = (height, pixels.shape[2])
    total = np.full(slot.shape, np.nan)
    voxels = np.zeros(slot.shape, np.int32)
    for volume, point in np.ndindex(*slot.shape):
        centre = np.array([slot[volume, point], *np.floor(yx[volume, point] + 0.5)])
        if not _is_valid(centre, planes[volume], shape):
            continue
        zyx = centre.astype(np.int64) + offsets
        if boundary == "clip":
            zyx[:, 0] = _nearest_saved(zyx[:, 0], int(centre[0]), planes[volume])
            zyx[:, 1:] = np.clip(zyx[:, 1:], 0, np.array(shape) - 1)
        inside = _exist(zyx, planes[volume], shape)
        if not inside.any() or (boundary == "nan" and not inside.all()):
            continue
        values = _gather(pixels, planes[volume], row_first, zyx[inside])
        voxels[volume, point] = len(values)
        total[volume, point] = float(values.sum()) - len(values) * offset
    return total, voxels


def _voxel_offsets(runs: NDArray[Any]) -> NDArray[np.int64]:
    """List the voxels of a mask, (M, 3) zyx, in order."""
    voxels = [(dz, dy, dx) for dz, dy, first, stop in runs for dx in range(first, stop)]
    return np.array(voxels, np.int64).reshape(-1, 3)


def _is_valid(centre: NDArray[np.float64], planes: NDArray[Any], shape: tuple[int, int]) -> bool:
    limits = (len(planes), *shape)
    within = all(0 <= x < limit for x, limit in zip(centre, limits, strict=True))
    return bool(within and planes[int(centre[0])] >= 0)


def _nearest_saved(slots: NDArray[np.int64], centre: int, planes: NDArray[Any]) -> NDArray[Any]:
    """Replace each slot by the saved one nearest to it between it and the centre."""
    saved = np.flatnonzero(planes >= 0)
    nearest = []
    for wanted in slots:
        between = saved[(saved >= min(wanted, centre)) & (saved <= max(wanted, centre))]
        nearest.append(between[np.argmin(np.abs(between - wanted))])
    return np.array(nearest, np.int64)


def _exist(
    zyx: NDArray[np.int64], planes: NDArray[Any], shape: tuple[int, int]
) -> NDArray[np.bool_]:
    z, y, x = zyx.T
    inside: NDArray[np.bool_] = (z >= 0) & (z < len(planes))
    inside &= (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
    inside[inside] = planes[z[inside]] >= 0
    return inside


def _gather(
    pixels: NDArray[Any], planes: NDArray[Any], row_first: int, zyx: NDArray[np.int64]
) -> NDArray[Any]:
    """Gather voxels (M, 3) zyx as int64 or float64, wide enough for their exact sum."""
    z, y, x = zyx.T
    rows = y - row_first
    if (rows < 0).any() or (rows >= pixels.shape[1]).any():
        raise ExtractionError(
            "a mask needs image rows that are not in pixels",
            expected=f"rows {row_first} to {row_first + pixels.shape[1]}",
            found=f"rows {y.min()} to {y.max() + 1}",
            cure="read every row that a mask touches, within the image, before the sum",
        )
    wide = np.int64 if pixels.dtype.kind in "iu" else np.float64
    values: NDArray[Any] = pixels[planes[z], rows, x].astype(wide)
    return values
