"""Traces of two channels whose truth is known: activity, motion, bleaching, noise."""

from __future__ import annotations

from typing import Literal, get_args

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError
from wormio.model import Channel
from wormio.signal import Signal

__all__ = ["TwoChannels", "two_channels"]

Combine = Literal["additive", "multiplicative"]
Floats = NDArray[np.float64]

# Indicator: time constants in s of a response's rise and decay.
_RISE, _DECAY = 1.0, 8.0
# Motion: how long a displacement lasts, in s (standard deviation of a Gaussian).
_MOTION_LASTS = 1.5


@attrs.frozen(kw_only=True, eq=False)
class TwoChannels:
    """Traces and what they are made of; T volumes, N neurons.

    Parameters
    ----------
    signal, reference : Signal
        The channel that follows the activity, and the one that does not.
    activity : (T, N) float64
        Relative change of brightness by activity; 0 at rest.
    motion : (T, N) float64
        Relative change of brightness of both channels by motion; mean 0.
    signal_bleaching, reference_bleaching : (T, N) float64
        What is left of the brightness; 1 at the first volume.
    """

    signal: Signal
    reference: Signal
    activity: Floats
    motion: Floats
    signal_bleaching: Floats
    reference_bleaching: Floats


def two_channels(
    n_volumes: int = 2000,
    n_neurons: int = 20,
    *,
    interval: float = 0.5,
    activity: float = 0.5,
    motion: float = 0.2,
    noise: float = 0.03,
    bleaching: bool = False,
    combine: Combine = "multiplicative",
    missing: float = 0.0,
    seed: int = 0,
) -> TwoChannels:
    """Draw traces of N neurons in two channels.

    The signal is ``level * bleaching * ((1 + activity) * (1 + motion) + noise)``, or with
    ``combine="additive"`` ``level * bleaching * (1 + activity + motion + noise)``. The reference is
    ``level * bleaching * (1 + motion + noise)``. Activity are transients at random times, of
    indicator kinetics (rise 1 s, decay 8 s). Motion is Gaussian noise that keeps its sign for
    about 3 s. Bleaching is a sum of two exponentials and a constant.

    Parameters
    ----------
    n_volumes, n_neurons : int
    interval : float
        Seconds from volume to volume.
    activity : float
        Mean height of a transient; 0 for a protein that is blind to calcium, as GFP.
    motion, noise : float
        Standard deviations, relative to the brightness; the noise is each channel's own.
    bleaching : bool
    combine : {"multiplicative", "additive"}
    missing : float
        Share of the samples that are NaN, drawn for each channel by itself.
    seed : int

    Raises
    ------
    OptionError
        `combine` is unknown.
    """
    if combine not in get_args(Combine):
        raise OptionError(
            "combine is unknown", expected="'multiplicative' or 'additive'", found=repr(combine)
        )
    rng = np.random.default_rng(seed)
    time: Floats = np.arange(n_volumes, dtype=np.float64) * interval
    shape = (n_volumes, n_neurons)
    a = activity * _transients(time, n_neurons, rng)
    m = motion * _smooth_noise(shape, _MOTION_LASTS / interval, rng)
    both = (1 + a) * (1 + m) if combine == "multiplicative" else 1 + a + m
    faded = [_bleaching(time, n_neurons, rng) if bleaching else np.ones(shape) for _ in range(2)]
    made = []
    for clean, left, channel in (
        (both, faded[0], Channel(name="green", role="signal")),
        (1 + m, faded[1], Channel(name="red", role="reference")),
    ):
        level = rng.uniform(100, 400, n_neurons)
        data = level * left * (clean + noise * rng.normal(size=shape))
        data[rng.random(shape) < missing] = np.nan
        made.append(Signal(data=data, time=time, channel=channel, recording=f"traces-{seed}"))
    return TwoChannels(
        signal=made[0],
        reference=made[1],
        activity=a,
        motion=m,
        signal_bleaching=faded[0],
        reference_bleaching=faded[1],
    )


def _transients(time: Floats, n_neurons: int, rng: np.random.Generator) -> Floats:
    """Return transients of mean height 1, one in 80 s."""
    duration = float(time[-1] - time[0])
    since = np.arange(0, 8 * _DECAY, time[1] - time[0])
    kernel = (1 - np.exp(-since / _RISE)) * np.exp(-since / _DECAY)
    kernel /= kernel.max()
    result = np.zeros((len(time), n_neurons))
    for column in result.T:
        n = max(1, round(duration / 80))
        column[rng.integers(0, len(time), n)] = rng.uniform(0.4, 1.6, n)
        column[:] = np.convolve(column, kernel)[: len(time)]
    return result


def _smooth_noise(shape: tuple[int, int], sigma: float, rng: np.random.Generator) -> Floats:
    """Return Gaussian noise, smooth over `sigma` samples, of mean 0 and standard deviation 1."""
    from scipy.ndimage import gaussian_filter1d

    smooth = gaussian_filter1d(rng.normal(size=shape), sigma, axis=0)
    result: Floats = (smooth - smooth.mean(axis=0)) / smooth.std(axis=0)
    return result


def _bleaching(time: Floats, n_neurons: int, rng: np.random.Generator) -> Floats:
    """Return sums of two exponentials and a constant, 1 at the first time."""
    since = (time - time[0])[:, np.newaxis] / (time[-1] - time[0])
    fast = rng.uniform(0.1, 0.3, n_neurons) * np.exp(-since / rng.uniform(0.04, 0.12, n_neurons))
    slow = rng.uniform(0.3, 0.6, n_neurons) * np.exp(-since / rng.uniform(0.3, 0.9, n_neurons))
    left = fast + slow + rng.uniform(0.1, 0.4, n_neurons)
    result: Floats = left / left[0]
    return result
