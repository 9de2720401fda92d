"""Medians of what is there: fast along any axis, NaN without a warning where nothing is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["nan_median", "noise_of"]

Floats = NDArray[np.float64]


def nan_median(values: Floats, axis: int) -> Floats:
    """Return the median along an axis of what is not NaN."""
    order = np.sort(values, axis=axis)  # NaN go last
    n = np.count_nonzero(~np.isnan(order), axis=axis, keepdims=True)
    last = np.maximum(n - 1, 0)
    low = np.take_along_axis(order, last // 2, axis)
    high = np.take_along_axis(order, np.minimum(n // 2, last), axis)
    middle: Floats = np.squeeze((low + high) / 2, axis)
    return middle


def noise_of(values: Floats) -> Floats:
    """Return the standard deviation of white noise in the columns of (T, N), from differences.

    1.4826 times the median absolute deviation of successive samples' differences, over the root
    of two. What changes slowly does not count.
    """
    if len(values) < 2:
        return np.full(values.shape[1], np.nan)
    steps = np.diff(values, axis=0)
    away = np.abs(steps - nan_median(steps, 0))
    return np.asarray(1.4826 * nan_median(away, 0) / np.sqrt(2))
