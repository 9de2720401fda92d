"""Levels that move with a window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wormio.signal._windows import quantile

__all__ = ["maximin", "rolling_percentile"]

Floats = NDArray[np.float64]

# Places in a window at which a rolling percentile is worked out; in between it is a line.
_PLACES = 16
# Numbers sorted at once: bounds the memory.
_BATCH = 4_000_000
# Samples: the Gaussian before minimum and maximum.
_MAXIMIN_SIGMA = 10.0


def rolling_percentile(data: Floats, n: int, q: float) -> Floats:
    """Return quantile `q` in windows of `n` around each sample, cut off at the ends.

    Parameters
    ----------
    data : (T, N) float64
        Missing samples are NaN.
    n : int
        Odd.
    q : float

    Returns
    -------
    (T, N) float64
        Worked out at a sixteenth of the window's length, lines in between.
    """
    n_rows, n_columns = data.shape
    if not data.size:
        return data.copy()
    n = min(n, 2 * n_rows - 1)  # which holds all rows, wherever it lies
    padded = np.pad(data, ((n // 2, n // 2), (0, 0)), constant_values=np.nan)
    view = np.lib.stride_tricks.sliding_window_view(padded, n, axis=0)
    every = max(1, n // _PLACES)
    places = np.unique(np.append(np.arange(0, n_rows, every), n_rows - 1))
    batches = np.array_split(places, max(1, len(places) * n * n_columns // _BATCH))
    level = np.concatenate([quantile(view[batch], q) for batch in batches])
    if len(places) == n_rows:
        return level
    right = np.clip(np.searchsorted(places, np.arange(n_rows)), 1, len(places) - 1)
    part = (np.arange(n_rows) - places[right - 1]) / (places[right] - places[right - 1])
    between = level[right - 1] + part[:, np.newaxis] * (level[right] - level[right - 1])
    # At a place it is its own number, also beside one without any samples.
    between[places] = level
    return np.asarray(between)


def maximin(data: Floats, n: int) -> Floats:
    """Return the maximum of the minimum of the smooth trace, NaN where no sample is near."""
    from scipy.ndimage import gaussian_filter1d, maximum_filter1d, minimum_filter1d

    if not data.size:
        return data.copy()
    n = min(n, 2 * len(data) - 1)
    known = ~np.isnan(data)
    sums, weights = (
        gaussian_filter1d(values, _MAXIMIN_SIGMA, axis=0, mode="nearest")
        for values in (np.where(known, data, 0.0), known.astype(np.float64))
    )
    near = weights > 1e-6
    smooth = np.full(data.shape, np.inf)
    np.divide(sums, weights, out=smooth, where=near)
    lowest = minimum_filter1d(smooth, n, axis=0, mode="nearest")
    lowest = np.where(np.isinf(lowest), -np.inf, lowest)
    highest = maximum_filter1d(lowest, n, axis=0, mode="nearest")
    return np.where(np.isinf(highest), np.nan, highest)
