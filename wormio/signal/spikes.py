"""Samples that are not the neuron's: infinities, spikes, and what a median leaves out."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from wormio.errors import SignalError
from wormio.signal._checks import check_choice, check_number
from wormio.signal._range import computes
from wormio.signal._removed import as_found
from wormio.signal._steps import refuse_repeat
from wormio.signal._windows import Window, quantile, samples, windows

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = [
    "Replacement",
    "SpikeMethod",
    "median_filter",
    "remove_infinities",
    "remove_spikes",
]

SpikeMethod = Literal["hampel", "legacy_global"]
Replacement = Literal["nan", "median"]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# From the median absolute deviation to the standard deviation of normal noise.
_MAD_TO_STD = 1.4826
# Samples over which the level of the noise is taken as constant: long enough for a median, short
# against bleaching.
_NOISE_BLOCK = 101
# Fewer deviations than these say nothing of the noise.
_FEWEST = 8
# Samples on either side that lines are drawn through.
_SIDE = 5
# How far beyond those lines a spike lies, in standard deviations; and from which spread of its
# neighbourhood on, in the same, that spread is activity.
_BEYOND, _ACTIVE = 2.0, 1.5
# The second round sees neither the first one's spikes nor the noise they seemed to be.
_ROUNDS = 2
# Spikes looked at together: bounds the memory.
_BATCH = 50_000
_LEGACY_DEVIATIONS = 5.0
# Numbers sorted at once, for medians: likewise.
_AT_ONCE = 4_000_000
# How often a median filter's window may hold the recording, mirrored at its ends.
_LONGEST = 100


def remove_infinities(signal: Signal) -> Signal:
    """Make infinite samples NaN: an infinity is no measurement.

    `Signal.valid` stays as it was (by default an infinite sample is not valid to begin with); which
    samples they were is in the history, and `Signal.removed` reads it. Nothing is filled in: that
    is what `interpolate` is for.

    Parameters
    ----------
    signal : Signal

    Returns
    -------
    Signal
        Its step has found ``counts`` by label and ``removed``, ranges of volumes by label.
    """
    infinite = np.isinf(signal.data)
    data = np.where(infinite, np.nan, signal.data) if infinite.any() else signal.data
    return signal.with_step("remove_infinities", {}, found=as_found(signal, infinite), data=data)


@computes
def remove_spikes(
    signal: Signal,
    *,
    window: Window = 7,
    threshold: float = 4.0,
    replace: Replacement = "nan",
    method: SpikeMethod = "hampel",
    force: bool = False,
) -> Signal:
    """Take out samples that stand alone, far above or below their neighbours.

    Hampel's identifier (Hampel 1974, 10.1080/01621459.1974.10482962), with two conditions that
    keep it from cutting off activity. A sample is a spike if, all to the same side,

    - it differs from the median of its window by more than `threshold` standard deviations of the
      noise;
    - it differs from the line through the five samples before it, prolonged, by more than two; and
    - from the line through the five after it likewise. (Lines through medians: Siegel 1982,
      10.1093/biomet/69.1.242.) To these two differences is added how much more than noise the
      window's own median absolute deviation is.

    So a sudden rise that lasts is none: the line after it meets it. Activity of one or two samples
    cannot be told from a spike. The noise is measured in stretches of about a hundred samples, by
    the median absolute deviation of second differences. Twice: the second round does without the
    spikes of the first. At the ends only what there is of window and lines is used.
    Missing and infinite samples take no part, and stay as they are.

    Parameters
    ----------
    signal : Signal
    window : int or str
        An odd number of samples from 5, or seconds as text.
    threshold : float
        In standard deviations of the noise.
    replace : {"nan", "median"}
        ``"nan"``: spikes become NaN, to be interpolated or left out. ``"median"``: the median of
        their window without other spikes.
    method : {"hampel", "legacy_global"}
        ``"legacy_global"``: as wormdatamodel 1.5 did, to reproduce published numbers, and not
        otherwise: more than 5 standard deviations of the whole trace above its mean, only in
        neurons without NaN; replaced by the sample before, the first one by the last. `window`,
        `threshold` and `replace` mean nothing to it.
    force : bool
        Repeat it, or do it after smoothing, all the same.

    Returns
    -------
    Signal
        Its step has found ``counts`` by label and ``removed``, ranges of volumes by label, which
        `Signal.removed` reads. `Signal.valid` stays as it was.

    Raises
    ------
    AlreadyAppliedError
        It was done before, or the signal was smoothed, which smears spikes; and not `force`.
    OptionError
        An argument is impossible.
    SignalError
        `window` is in seconds and the volumes' times are unknown.
    """
    refuse_repeat(signal, "remove_spikes", force, also=("smooth", "derivative"))
    check_choice("method", method, SpikeMethod)
    check_choice("replace", replace, Replacement)
    check_number("threshold", threshold, 0, above=True)
    n = samples(signal, window, least=5)
    if method == "legacy_global":
        data, spikes = _legacy(signal.data)
    else:
        data = np.where(np.isfinite(signal.data), signal.data, np.nan)
        spikes = np.zeros(data.shape, bool)
        for _ in range(_ROUNDS):
            new = _hampel(data, n, threshold)
            spikes |= new
            data[new] = np.nan
        if replace == "median" and spikes.any():
            half = min(n // 2, len(data))
            data[spikes] = quantile(windows(data, half, half)[spikes])
        data = np.where(spikes, data, signal.data)
    return signal.with_step(
        "remove_spikes",
        {
            "window": window,
            "threshold": threshold,
            "replace": replace,
            "method": method,
            "force": force,
        },
        found=as_found(signal, spikes),
        data=data if spikes.any() else signal.data,
    )


@computes
def median_filter(signal: Signal, *, window: Window = 3, force: bool = False) -> Signal:
    """Replace each sample by the median of those around it.

    Beyond the ends the trace is mirrored. NaN and infinite samples take no part and become or stay
    NaN: nothing is filled in.

    Parameters
    ----------
    signal : Signal
    window : int or str
        An odd number of samples, or seconds as text.
    force : bool
        Do it a second time all the same.

    Returns
    -------
    Signal

    Raises
    ------
    AlreadyAppliedError
        It was done before, and not `force`.
    OptionError
        `window` is impossible.
    SignalError
        `window` is in seconds and the volumes' times are unknown, or is by far longer than the
        recording.
    """
    refuse_repeat(signal, "median_filter", force)
    n = samples(signal, window)
    if n > _LONGEST * signal.n_volumes > 0:
        raise SignalError(
            "the window is by far longer than the recording",
            expected=f"at most {_LONGEST} times its {signal.n_volumes} volumes",
            found=f"window={window!r}, {n} samples",
        )
    half = n // 2
    finite = np.isfinite(signal.data)
    data = np.where(finite, signal.data, np.nan)
    if data.size:
        padded = np.pad(data, ((half, half), (0, 0)), mode="symmetric")
        medians = _medians(np.lib.stride_tricks.sliding_window_view(padded, n, axis=0))
        data = np.where(finite, medians, np.nan)
    return signal.with_step("median_filter", {"window": window, "force": force}, data=data)


def _hampel(data: Floats, n: int, threshold: float) -> Bools:
    """Return where the spikes of a (T, N) array are, whose missing samples are NaN."""
    spikes = np.zeros(data.shape, bool)
    if not data.size:
        return spikes
    half = min(n // 2, len(data))  # which holds all rows
    around = windows(data, half, half)
    before = windows(data, _SIDE, 0)[..., :_SIDE]
    after = windows(data, 0, _SIDE)[..., 1:]
    noise = _noise(data)
    from_median = data - _medians(around)
    # Few samples pass the first condition: the others are asked of these only.
    rows, columns = np.nonzero(np.abs(from_median) > threshold * noise)
    offsets = np.arange(1.0, _SIDE + 1)
    for start in range(0, len(rows), _BATCH):
        place = rows[start : start + _BATCH], columns[start : start + _BATCH]
        sign = np.sign(from_median[place])
        local = around[place]
        spread = quantile(np.abs(local - quantile(local)[:, np.newaxis]))
        least = _BEYOND * noise[place] + np.maximum(spread - _ACTIVE * noise[place], 0)
        beyond = np.stack(
            [
                sign * (data[place] - _prolonged(side, at))
                for side, at in ((before[place], -offsets[::-1]), (after[place], offsets))
            ]
        )
        # At the ends and in gaps one line must do; without any, nothing can be said.
        unknown = np.isnan(beyond)
        spikes[place] = ((beyond > least) | unknown).all(axis=0) & ~unknown.all(axis=0)
    return spikes


def _medians(view: Floats) -> Floats:
    """Return the medians of windows (T, N, n), some rows at a time."""
    n_batches = max(1, view.size // _AT_ONCE)
    return np.concatenate([quantile(part) for part in np.array_split(view, n_batches)])


def _noise(data: Floats) -> Floats:
    """Return the standard deviation of the noise around each sample of (T, N).

    NaN for a neuron with too few samples to tell.
    """
    n_rows = len(data)
    bend = np.full(data.shape, np.nan)
    bend[1:-1] = np.abs(data[1:-1] - (data[:-2] + data[2:]) / 2)
    edges = np.linspace(0, n_rows, max(1, round(n_rows / _NOISE_BLOCK)) + 1).astype(int)
    stretches = [bend[a:b].T for a, b in pairwise(edges)]
    level = np.stack([_spread(stretch) for stretch in stretches])
    level = np.where(np.isnan(level), _spread(bend.T), level)
    level /= np.sqrt(1.5)  # a bend's variance is 1.5 of a sample's
    centres = (edges[:-1] + edges[1:] - 1) / 2
    rows = np.arange(n_rows)
    return np.stack([np.interp(rows, centres, column) for column in level.T], axis=1)


def _spread(deviations: Floats) -> Floats:
    """Return the standard deviation that absolute deviations (..., M) speak of, NaN left out.

    NaN where there are too few.

    Where most are zero, as in counts of dim neurons, their mean stands in for the median: not
    every odd count is a spike.
    """
    median = _MAD_TO_STD * quantile(deviations)
    known = ~np.isnan(deviations)
    count = known.sum(axis=-1)
    mean = np.where(known, deviations, 0).sum(axis=-1) / np.maximum(count, 1)
    spread = np.where(median == 0, np.sqrt(np.pi / 2) * mean, median)
    return np.where(count < _FEWEST, np.nan, spread)


def _prolonged(side: Floats, offsets: Floats) -> Floats:
    """Return where Siegel's line through samples (M, K) at `offsets` meets 0.

    NaN where fewer than three samples are known: no line that one of them cannot tilt at will.
    """
    distance = offsets[:, np.newaxis] - offsets
    np.fill_diagonal(distance, np.nan)
    slopes = (side[:, :, np.newaxis] - side[:, np.newaxis, :]) / distance
    slope = quantile(quantile(slopes))
    crossing = quantile(side - slope[:, np.newaxis] * offsets)
    return np.where(np.count_nonzero(~np.isnan(side), axis=1) >= 3, crossing, np.nan)


def _legacy(data: Floats) -> tuple[Floats, Bools]:
    if not data.size:
        return data, np.zeros(data.shape, bool)
    with np.errstate(invalid="ignore"):
        above = data - data.mean(axis=0) > _LEGACY_DEVIATIONS * data.std(axis=0)
    result = data.copy()
    for column in np.flatnonzero(above.any(axis=0)):
        for row in np.flatnonzero(above[:, column]):
            result[row, column] = result[row - 1, column]
    return result, above
