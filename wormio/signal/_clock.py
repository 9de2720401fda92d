"""When each sample was taken, and how exactly two such times can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["extent", "rounding", "sample_clock"]

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
