"""When each sample was taken, and how exactly two such times can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["ends", "extent", "is_ordered", "rounding", "sample_clock"]

Floats = NDArray[np.float64]


def sample_clock(signal: Signal) -> Floats:
    """Return when each sample was taken, or would have been if it was missed.

    A neuron that was not found in a volume has no plane, hence no time of its own: the volume's
    stands in for it.

    Returns
    -------
    (T, N) float64
        Seconds; NaN where the volume's time is unknown as well.
    """
    own = signal.sample_time
    known = np.isfinite(own)
    if known.all():
        return own
    time = np.where(np.isfinite(signal.time), signal.time, np.nan)
    return np.where(known, own, time[:, np.newaxis])


def is_ordered(clock: Floats) -> bool:
    """Tell whether all times are known and none lies before one of an earlier row."""
    return bool(len(clock) and np.isfinite(clock).all() and (clock[1:] >= clock[:-1]).all())


def ends(clock: Floats) -> Floats:
    """Return each neuron's first and last known time, (2, N); NaN if it has none."""
    if not len(clock):
        return np.full((2, clock.shape[1]), np.nan)
    if is_ordered(clock):
        return np.stack([clock[0], clock[-1]])
    return np.stack([np.fmin.reduce(clock, axis=0), np.fmax.reduce(clock, axis=0)])


def extent(clock: Floats) -> tuple[float, float]:
    """Return the first and the last known time; NaN if there is none."""
    if not clock.size:
        return float("nan"), float("nan")
    # Unlike `nanmin`, these make no copy and do not warn.
    return float(np.fmin.reduce(clock, axis=None)), float(np.fmax.reduce(clock, axis=None))


def rounding(clock: Floats) -> float:
    """Return the error that sums and differences of a few of these times may carry, in seconds."""
    first, last = extent(clock)
    return 8 * float(np.spacing(max(abs(first), abs(last)))) if first <= last else 0.0
