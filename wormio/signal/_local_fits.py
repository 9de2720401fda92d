"""Polynomials fitted to the samples around each sample: what smoothing and slopes are made of.

Within a window the fitted value is a weighted sum of the samples (Savitzky & Golay 1964,
10.1021/ac60214a047). The weights depend only on where the samples lie and which of them are known.
Where all are known they are the same for all neurons: one sparse matrix smooths them all. Around
missing samples means and lines follow from a few sums, each by one sparse matrix as well; higher
orders have weights of their own there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Rule", "local_fits"]

Rule = Literal["box", "savgol", "causal"]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Numbers in one batch of windows: bounds the memory.
_BATCH = 4_000_000


def local_fits(
    data: Floats, position: Floats, rule: Rule, n: int, order: int, *, slope: bool = False
) -> Floats:
    """Return the value, or the slope, at each sample of a polynomial fitted around it.

    Parameters
    ----------
    data : (T, N) float64
        NaN and infinite samples take no part.
    position : (T,) float64
        Where the rows lie, increasing, about 1 apart.
    rule : {"box", "savgol", "causal"}
        Where the window lies, see `wormio.signal.smoothing.smooth`.
    n : int
        Samples in a window, at most T unless `rule` is ``"causal"``. A sample n or farther away
        takes no part.
    order : int
        Of the polynomial; lower where fewer than ``order + 1`` samples are known.
    slope : bool
        Per unit of `position`.

    Returns
    -------
    (T, N) float64
        NaN where `data` is not finite, and where a slope has one known sample only.
    """
    finite = np.isfinite(data)
    known = np.where(finite, data, 0.0)
    result = np.full(data.shape, np.nan)
    n_rows = len(data)
    if not result.size:
        return result
    start, stop = _bounds(n_rows, rule, n)
    rows = np.arange(n_rows)

    def window(centre: Ints) -> tuple[Ints, Floats, Bools]:
        """Return the windows' rows, their distances in windows, and which take part."""
        row = start[centre, np.newaxis] + np.arange(n)
        inside = row < stop[centre, np.newaxis]
        row = np.minimum(row, n_rows - 1)
        distance = (position[row] - position[centre, np.newaxis]) / n
        # What lies exactly a window away takes no part, whichever way its distance was rounded.
        return row, distance, inside & (np.abs(distance) < 1 - 1e-9)

    # Where every sample of a window is known, one row of weights does for all neurons.
    present = finite.astype(np.float64)
    incomplete = np.zeros(data.shape, bool)
    for centre in np.array_split(rows, max(1, n_rows * n // _BATCH)):
        row, distance, used = window(centre)
        mapping = partial(_sparse, row, used, n_rows)
        weights = _weights(distance, used, order, slope)
        result[centre] = mapping(weights[used]) @ known
        if finite.all():
            continue
        count = mapping(np.ones(used.sum())) @ present
        partly = finite[centre] & (count < used.sum(axis=1)[:, np.newaxis])
        if order <= 1:
            lines = _lines(mapping, distance[used], known, present, order, slope)
            result[centre] = np.where(partly, lines, result[centre])
        else:
            incomplete[centre] = partly
    result[~finite] = np.nan

    centres, neurons = np.nonzero(incomplete)
    for batch in np.array_split(np.arange(len(centres)), 1 + len(centres) * n // _BATCH):
        row, distance, used = window(centres[batch])
        neuron = neurons[batch, np.newaxis]
        weights = _weights(distance, used & finite[row, neuron], order, slope)
        result[centres[batch], neurons[batch]] = (weights * known[row, neuron]).sum(axis=1)
    return result / n if slope else result


def _sparse(row: Ints, used: Bools, n_rows: int, values: Floats) -> csr_array:
    """Return a matrix from rows to windows, with these values where samples take part."""
    from scipy.sparse import csr_array

    stops = np.concatenate([[0], np.cumsum(used.sum(axis=1))])
    return csr_array((values, row[used], stops), (len(row), n_rows))


def _lines(
    mapping: Callable[[Floats], csr_array],
    distance: Floats,
    known: Floats,
    present: Floats,
    order: int,
    slope: bool,
) -> Floats:
    """Return the value, or slope, at 0 of means or lines through the samples that are known.

    Their equations need five sums of each window, which one sparse matrix each makes for all.

    Parameters
    ----------
    mapping : callable
        Makes the matrix out of the numbers of all windows.
    distance : (K,) float64
        Those numbers: how far the samples lie from their windows' centres.
    known, present : (T, N) float64
        Samples, 0 where they are missing; 1 where they are not.
    order : int
        0 or 1.
    slope : bool
    """
    ones = mapping(np.ones(len(distance)))
    level = known.sum(axis=0) / np.maximum(present.sum(axis=0), 1)
    known = (known - level) * present  # small numbers lose less in the differences below
    count = np.maximum(ones @ present, 1)
    mean = (ones @ known) / count
    if order == 0:
        return np.asarray(mean + level)
    by_distance = mapping(distance)
    centre = (by_distance @ present) / count
    lever = mapping(distance**2) @ present - count * centre**2
    rise = by_distance @ known - count * centre * mean
    alone = (count < 2) | (lever <= 0)
    gradient = np.where(alone, np.nan if slope else 0.0, rise / np.where(alone, 1.0, lever))
    return np.asarray(gradient if slope else mean + level - gradient * centre)


def _bounds(n_rows: int, rule: Rule, n: int) -> tuple[Ints, Ints]:
    """Return the half-open range of rows of each row's window."""
    rows = np.arange(n_rows)
    if rule == "causal":
        return np.maximum(rows - n + 1, 0), rows + 1
    start = rows - n // 2
    if rule == "box":  # cut off at the ends
        return np.maximum(start, 0), np.minimum(start + n, n_rows)
    start = np.clip(start, 0, max(n_rows - n, 0))  # moved inside
    return start, np.minimum(start + n, n_rows)


def _weights(distance: Floats, used: Bools, order: int, slope: bool) -> Floats:
    """Return the weights (M, n) that give the value, or slope, of fitted polynomials at 0.

    Legendre polynomials keep the equations well conditioned, also in windows of many samples.
    """
    from numpy.polynomial import legendre

    weights = np.zeros(distance.shape)
    count = used.sum(axis=1)
    orders = np.minimum(order, count - 1)
    if slope:
        weights[count < 2] = np.nan
    for k in np.unique(orders[count > slope]):
        chosen = np.flatnonzero((orders == k) & (count > slope))
        if k <= 1:  # the usual orders, in closed form
            weights[chosen] = _line_weights(distance[chosen], used[chosen], int(k), slope)
            continue
        basis = legendre.legvander(distance[chosen], int(k)) * used[chosen, :, np.newaxis]
        unit = np.eye(k + 1)
        at_zero = legendre.legval(0.0, legendre.legder(unit) if slope else unit)
        q, r = np.linalg.qr(basis)
        target = np.broadcast_to(at_zero, (len(chosen), k + 1))[..., np.newaxis]
        solved = np.linalg.solve(np.swapaxes(r, 1, 2), target)
        weights[chosen] = (q @ solved)[..., 0]
    return weights


def _line_weights(distance: Floats, used: Bools, order: int, slope: bool) -> Floats:
    """Return the weights (M, n) of a mean or a line, like `_weights`."""
    share = used / used.sum(axis=1, keepdims=True)
    if order == 0:
        return np.asarray(share)
    centre = (share * distance).sum(axis=1, keepdims=True)
    lever = used * (distance - centre)
    lever /= (lever * lever).sum(axis=1, keepdims=True)
    return np.asarray(lever if slope else share - centre * lever)
