"""When each sample was taken, and how exactly two such times can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["rounding", "sample_clock"]

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
    return np.where(np.isfinite(own), own, signal.time[:, np.newaxis])


def rounding(clock: Floats) -> float:
    """Return the error that sums and differences of a few of these times may carry, in seconds."""
    known = clock[np.isfinite(clock)]
    largest = float(np.abs(known).max()) if known.size else 0.0
    return 8 * float(np.spacing(largest))
