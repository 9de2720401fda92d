"""The kernels once more in plain numpy: slow, and plain enough to be believed.

The tests hold the C core against it, and it says in a few lines what the core computes. It shares
nothing with the core: every voxel of a sample is listed by its index, moved or dropped, gathered
at once, and reduced by numpy's own functions. It checks no arguments, and it is never a fallback.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from wormio.errors import ExtractionError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["reduce"]


def reduce(
    images: NDArray[Any],
    *,
    planes: ArrayLike,
    slot: ArrayLike,
    yx: ArrayLike,
    masks: Sequence[NDArray[np.int64]],
    index: ArrayLike = 0,
    weights: Sequence[NDArray[np.float64]] | None = None,
    operation: str = "sum",
    k: int = 1,
    q: float = 0.5,
    boundary: Literal["exclude", "clip", "nan"] = "exclude",
    offset: float = 0.0,
    linear: bool = False,
    rectify: bool = False,
    saturation: float = float("nan"),
    unread: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]:
    """Reduce the voxels of a mask around every point of every volume, in one channel.

    Parameters
    ----------
    images : ndarray (P, Y, X)
    planes : array_like (V, S) of int
        The image in each slot of each volume; -1, never saved.
    slot : array_like (V, N) of int
        The slot of the plane through each point; negative, the sample is not valid.
    yx : array_like (V, N, 2) of float
        The points in pixels (integers are pixel centres), rounded by ``floor(x + 0.5)``.
    masks : sequence of (K, 3) int
        The voxels (dz, dy, dx) of each mask.
    index : array_like, broadcast to (V, N)
        The mask of each sample.
    weights : sequence of (K,) float, optional
        Of the voxels of each mask.
    operation, k, q
        See `wormio.extraction.kernels.Operation`.
    boundary, offset, linear, rectify, saturation
        See `wormio.extraction.kernels.reduce`.
    unread : (P, Y) bool, optional
        Rows that no mask may need.

    Returns
    -------
    value : ndarray (V, N) of float64
    voxels, saturated : ndarray (V, N) of int32

    Raises
    ------
    ExtractionError
        A mask needs a row that was not read.
    """
    planes, slot, yx = np.asarray(planes), np.asarray(slot), np.asarray(yx, np.float64)
    index = np.broadcast_to(index, slot.shape)
    shape = images.shape[1:]
    value = np.full(slot.shape, np.nan)
    voxels, saturated = np.zeros(slot.shape, np.int32), np.zeros(slot.shape, np.int32)
    for sample in np.ndindex(*slot.shape):
        present = planes[sample[0]]
        centre = np.array([slot[sample], *np.floor(yx[sample] + 0.5)])
        if not _is_valid(centre, present, shape):
            continue
        which = int(index[sample])
        mask = np.asarray(masks[which]).reshape(-1, 3)
        corners, shares = _corners(yx[sample], centre, linear)
        zyx = corners[:, np.newaxis] + mask  # (corners, voxels, 3)
        if boundary == "clip":
            zyx[..., 0] = _nearest_saved(zyx[..., 0], int(centre[0]), present)
            zyx[..., 1:] = np.clip(zyx[..., 1:], 0, np.array(shape) - 1)
        inside = _exist(zyx, present, shape).all(axis=0)
        if not inside.any() or (boundary == "nan" and not inside.all()):
            continue
        z, y, x = np.moveaxis(zyx[:, inside], -1, 0)
        _refuse_unread(unread, present[z], y)
        # Wide enough for exact sums of integers.
        kind = np.int64 if images.dtype.kind in "iu" else np.float64
        wide = images[present[z], y, x].astype(kind)
        voxels[sample] = int(inside.sum())
        saturated[sample] = int((wide >= saturation).any(axis=0).sum())
        values = (shares[:, np.newaxis] * wide).sum(axis=0) if linear else wide[0]
        dark = offset
        if rectify:
            values, dark = np.maximum(values - offset, 0.0), 0.0
        w = None if weights is None else np.asarray(weights[which])[inside]
        value[sample] = _number(values, w, operation, k, q, dark)
    return value, voxels, saturated


def _number(
    values: NDArray[Any],
    weights: NDArray[np.float64] | None,
    operation: str,
    k: int,
    q: float,
    offset: float,
) -> float:
    if np.isnan(values).any():
        return float("nan")
    if weights is not None:
        total, count = float((weights * values).sum()), float(weights.sum())
    else:
        if operation == "brightest":
            values, operation = np.sort(values)[::-1][:k], "mean"
        total, count = float(values.sum()), len(values)
    total -= count * offset
    results = {
        "sum": lambda: total,
        "mean": lambda: total / count if count > 0 else float("nan"),
        "quantile": lambda: float(np.quantile(values, q)) - offset,
        "max": lambda: float(values.max()) - offset,
        "std": lambda: float(values.std()),
    }
    return results[operation]()


def _corners(
    yx: NDArray[np.float64], centre: NDArray[np.float64], linear: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the pixels that a centre lies between, (corners, 3), and the share of each."""
    if not linear:
        return centre.astype(np.int64)[np.newaxis], np.ones(1)
    low = np.floor(yx)
    part = yx - low
    corners, shares = [], []
    for dy in (0, 1):
        for dx in (0, 1):
            share = (part[0] if dy else 1 - part[0]) * (part[1] if dx else 1 - part[1])
            if (dy == 0 or part[0] > 0) and (dx == 0 or part[1] > 0):
                corners.append([int(centre[0]), int(low[0]) + dy, int(low[1]) + dx])
                shares.append(share)
    return np.array(corners, np.int64), np.array(shares)


def _is_valid(centre: NDArray[np.float64], present: NDArray[Any], shape: tuple[int, ...]) -> bool:
    limits = (len(present), *shape)
    within = all(0 <= x < limit for x, limit in zip(centre, limits, strict=True))
    return bool(within and present[int(centre[0])] >= 0)


def _nearest_saved(slots: NDArray[np.int64], centre: int, present: NDArray[Any]) -> NDArray[Any]:
    """Replace each slot by the saved one nearest to it between it and the centre."""
    saved = np.flatnonzero(present >= 0)
    nearest = []
    for wanted in slots.ravel():
        low, high = sorted((int(wanted), centre))
        between = saved[(saved >= low) & (saved <= high)]
        nearest.append(between[np.argmin(np.abs(between - wanted))])
    return np.array(nearest, np.int64).reshape(slots.shape)


def _exist(
    zyx: NDArray[np.int64], present: NDArray[Any], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    z, y, x = np.moveaxis(zyx, -1, 0)
    inside: NDArray[np.bool_] = (z >= 0) & (z < len(present))
    inside &= (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
    inside[inside] = present[z[inside]] >= 0
    return inside


def _refuse_unread(unread: NDArray[np.bool_] | None, planes: Any, y: Any) -> None:
    if unread is not None and unread[planes, y].any():
        raise ExtractionError(
            "a mask needs image rows that were not read",
            expected="only rows that were",
            found=f"rows {y.min()} to {y.max()}",
            cure="read every row that a mask touches, within the image, before the sum",
        )
