"""How large the noise is, and what stands out of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError
from wormio.signal._checks import check_choice, check_flag
from wormio.signal._range import computes
from wormio.signal._removed import measured
from wormio.signal._steps import refuse_repeat
from wormio.signal._windows import Window, quantile, samples

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = [
    "SMEARING",
    "NoiseMethod",
    "SnrKind",
    "difference_noise",
    "local_noise",
    "noise",
    "rolling_deviation",
    "rolling_std",
    "snr",
]

NoiseMethod = Literal["local_std", "differences", "welch"]
SnrKind = Literal["power", "peak"]
Floats = NDArray[np.float64]

_log = logging.getLogger(__name__)

# After these, neighbouring samples share their noise, and every estimate is too small.
SMEARING = ("smooth", "median_filter", "derivative")
# Frequencies, in cycles per sample, where there is nothing but noise.
_NOISE_BAND = (0.25, 0.5)
_WELCH_SAMPLES = 256
_PEAK_QUANTILE = 0.999


@computes
def noise(
    signal: Signal,
    method: NoiseMethod = "local_std",
    *,
    window: Window = 4,
    legacy: bool = False,
    force: bool = False,
) -> Floats:
    """Return the standard deviation of each neuron's noise.

    Measured samples only (`Signal.valid`, finite, and taken out by no step): filled-in ones have
    no noise of their own.
    Ask the signal before it is smoothed: afterwards neighbours share their noise, and all three
    methods say too little.

    Parameters
    ----------
    signal : Signal
    method : {"local_std", "differences", "welch"}
        ``"local_std"``: the median over all windows of their variance, which activity hardly
        moves, divided by what that median is for normal noise of variance 1: the median of
        chi-squared with ``window - 1`` degrees of freedom, over `window`. (The bare number is too
        small: 0.770 for 4 samples, 0.893 for 8, 0.947 for 16.) ``"differences"``:
        ``1.4826 MAD(diff) / sqrt(2)``. ``"welch"``: the mean of Welch's power spectrum between
        0.25 and 0.5 cycles per sample; it needs whole traces and is NaN for a neuron with a missing
        sample.
    window : int or str
        Of ``"local_std"``: a number of samples from 2, or seconds as text. The shorter, the less
        activity there is in it; wormdatamodel 1.5 had 8.
    legacy : bool
        ``"local_std"`` as wormdatamodel 1.5 had it, to reproduce published numbers, and not
        otherwise: not corrected, the first windows mirrored, filled-in samples as they are, NaN for
        a neuron with a missing sample.
    force : bool
        Of a signal that was smoothed, all the same.

    Returns
    -------
    (N,) float64
        In `Signal.unit`. NaN where too little was measured.

    Raises
    ------
    AlreadyAppliedError
        The signal was smoothed, median-filtered or differentiated, and not `force`.
    OptionError
        An argument is impossible.
    """
    refuse_repeat(signal, "noise", force, also=SMEARING)
    check_choice("method", method, NoiseMethod)
    check_flag("legacy", legacy)
    n = samples(signal, window, odd=False, least=2)
    if legacy:
        if method != "local_std":
            raise OptionError(
                "legacy means nothing to this method",
                expected="method='local_std'",
                found=repr(method),
            )
        return _legacy_local_noise(signal.data, n)
    data = measured(signal)
    if method == "local_std":
        return local_noise(data, n)
    if method == "differences":
        return difference_noise(data)
    return _welch_noise(signal, data)


@computes
def rolling_std(signal: Signal, window: Window = 8) -> Floats:
    """Return the standard deviation of the samples around each sample.

    Corrected as in `wormio.signal.noise.noise`, so that of normal noise half the values are too
    large and half too small. Measured samples only; a window must hold at least half of them.

    Parameters
    ----------
    signal : Signal
    window : int or str
        A number of samples from 2, or seconds as text; an even one reaches one sample farther
        back than ahead.

    Returns
    -------
    (T, N) float64
        In `Signal.unit`.

    Raises
    ------
    OptionError
        `window` is impossible.
    """
    return rolling_deviation(measured(signal), samples(signal, window, odd=False, least=2))


@computes
def snr(
    signal: Signal,
    kind: SnrKind = "power",
    *,
    method: NoiseMethod = "local_std",
    window: Window = 4,
    force: bool = False,
) -> Floats:
    """Return each neuron's ratio of signal to noise.

    Bleaching counts as signal: remove it first.

    Parameters
    ----------
    signal : Signal
    kind : {"power", "peak"}
        ``"power"``: ``sqrt(var - noise**2) / noise``, the standard deviation of what is not noise
        over the noise's; 0 where there is nothing but noise. ``"peak"``: how far the highest
        samples (quantile 0.999) are above the median, in standard deviations of the noise.
    method, window, force
        See `wormio.signal.noise.noise`.

    Returns
    -------
    (N,) float64
        NaN where the noise is zero or unknown.

    Raises
    ------
    AlreadyAppliedError, OptionError
        See `wormio.signal.noise.noise`.
    """
    check_choice("kind", kind, SnrKind)
    level = noise(signal, method, window=window, force=force)
    traces = measured(signal).T
    if kind == "peak":
        height = quantile(traces, _PEAK_QUANTILE) - quantile(traces)
    else:
        known = ~np.isnan(traces)
        count = known.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(known, traces, 0).sum(axis=1) / count
            squares = np.where(known, traces - mean[:, np.newaxis], 0) ** 2
            variance = squares.sum(axis=1) / (count - 1)
        height = np.sqrt(np.maximum(variance - level**2, 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(level > 0, height / level, np.nan)


def rolling_deviation(data: Floats, n: int) -> Floats:
    """Return the corrected standard deviation in windows of `n` around each sample.

    Parameters
    ----------
    data : (T, N) float64
        Missing samples are NaN. A window needs ``max(2, (n + 1) // 2)`` others.
    n : int

    Returns
    -------
    (T, N) float64
    """
    from scipy.special import gammaincinv

    n_rows = len(data)
    if n > 2 * n_rows:  # no window is half full
        return np.full(data.shape, np.nan)
    before, after = n // 2, n - 1 - n // 2
    padded = np.pad(data, ((before, after), (0, 0)), constant_values=np.nan)
    known = ~np.isnan(padded)
    values = np.where(known, padded, 0.0)

    def total(array: NDArray[np.float64]) -> Floats:
        result = np.zeros(data.shape)
        for offset in range(n):
            result += array[offset : offset + n_rows]
        return result

    count = total(known.astype(np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total(values) / count
    squares = np.zeros(data.shape)
    for offset in range(n):
        part = slice(offset, offset + n_rows)
        squares += np.where(known[part], values[part] - mean, 0.0) ** 2
    # The median of chi-squared: sums of squares of m samples have it, whatever m is.
    median = np.full(n + 1, np.nan)
    least = max(2, (n + 1) // 2)
    median[least:] = 2 * gammaincinv((np.arange(least, n + 1) - 1) / 2, 0.5)
    return np.asarray(np.sqrt(squares / median[count.astype(int)]))


def local_noise(data: Floats, n: int) -> Floats:
    """Return the median over time of `rolling_deviation`, (N,); NaN if there are fewer rows."""
    if len(data) < n:
        return np.full(data.shape[1], np.nan)
    return quantile(rolling_deviation(data, n).T)


def difference_noise(data: Floats) -> Floats:
    """Return ``1.4826 MAD(diff) / sqrt(2)`` of each column, (N,); missing samples are NaN."""
    steps = np.diff(data, axis=0).T
    if not steps.shape[1]:
        return np.full(data.shape[1], np.nan)
    deviation = np.abs(steps - quantile(steps)[:, np.newaxis])
    return np.asarray(1.4826 * quantile(deviation) / np.sqrt(2))


def _welch_noise(signal: Signal, data: Floats) -> Floats:
    from scipy.signal import welch

    result = np.full(data.shape[1], np.nan)
    whole = ~np.isnan(data).any(axis=0)
    if not whole.all():
        names = [signal.labels[column] for column in np.flatnonzero(~whole)]
        _log.warning("no spectrum of neurons with missing samples: %s", ", ".join(names))
    n = min(_WELCH_SAMPLES, len(data))
    if n < 8 or not whole.any():
        return result
    frequency, power = welch(data[:, whole], nperseg=n, axis=0)
    low, high = _NOISE_BAND
    # One-sided: twice the noise's variance, but at the highest frequency.
    band = (frequency >= low) & (frequency < high)
    result[whole] = np.sqrt(power[band].mean(axis=0) / 2)
    return result


def _legacy_local_noise(data: Floats, n: int) -> Floats:
    data = np.where(np.isfinite(data), data, np.nan)
    if not data.size or len(data) < n:
        return np.full(data.shape[1], np.nan)
    padded = np.pad(data, ((n - 1, 0), (0, 0)), mode="reflect")
    variance = np.lib.stride_tricks.sliding_window_view(padded, n, axis=0).var(axis=-1)
    return np.asarray(np.sqrt(np.median(variance, axis=0)))
