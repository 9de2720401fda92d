"""How large a step would be at each row of a trace, and how well that is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wormio.signal._medians import nan_median

__all__ = ["FEWEST", "step_field"]

Floats = NDArray[np.float64]

FEWEST = 5
"""Fewest samples on each side of a step."""


def step_field(y: Floats, half: int, transition: int) -> tuple[Floats, Floats]:
    """Fit a line with a step at each row, ``a + b t + c [t >= row]``.

    Parameters
    ----------
    y : (T, N) float64
        NaN where there is no sample.
    half : int
        Rows on each side of the step; fewer near the ends.
    transition : int
        Rows from the step on that are left out.

    Returns
    -------
    c : (T, N) float64
        Least-squares steps. NaN where a side has fewer than `FEWEST` samples.
    error : (T, N) float64
        Their standard errors for noise of standard deviation 1.
    """
    length, n = y.shape
    there = np.isfinite(y)
    centred = np.where(there, y - np.nan_to_num(nan_median(y, 0)), 0.0)
    t = (np.arange(length) - length / 2)[:, np.newaxis]
    sums = []
    for values in (there, t * there, t * t * there, centred, t * centred):
        total = np.zeros((length + 1, n))
        np.cumsum(values, axis=0, out=total[1:])
        sums.append(total)
    row = np.arange(length)
    left = (np.maximum(row - half, 0), row)
    first = np.minimum(row + transition, length)
    right = (first, np.minimum(first + half, length))

    def moments(side: tuple[NDArray[np.intp], NDArray[np.intp]]) -> tuple[Floats, ...]:
        begin, end = side
        k, st, stt, sy, sty = (total[end] - total[begin] for total in sums)
        safe = np.maximum(k, 1)
        mean_t, mean_y = st / safe, sy / safe
        return k, mean_t, mean_y, stt - st * mean_t, sty - st * mean_y

    k1, t1, y1, tt1, ty1 = moments(left)
    k2, t2, y2, tt2, ty2 = moments(right)
    enough = (k1 >= FEWEST) & (k2 >= FEWEST)
    tt = np.where(enough, tt1 + tt2, 1.0)
    slope = (ty1 + ty2) / tt
    c = (y2 - y1) - slope * (t2 - t1)
    variance = 1 / np.maximum(k1, 1) + 1 / np.maximum(k2, 1) + (t2 - t1) ** 2 / tt
    return np.where(enough, c, np.nan), np.where(enough, np.sqrt(variance), np.nan)
