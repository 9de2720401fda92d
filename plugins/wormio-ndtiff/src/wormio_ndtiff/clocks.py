"""When each frame was taken: from what its images say, channel by channel."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = ["FrameTimes", "frame_times"]

Floats = NDArray[np.float64]

# More time stamps than this that do not increase are no hiccups of a computer.
_MOST_REPAIRED = 0.05
# Of the frames that the most frequent channel has.
_OFTEN = 0.9


@attrs.frozen(kw_only=True, eq=False)
class FrameTimes:
    """Times of frames, or why there are none. F frames, C channels.

    Parameters
    ----------
    time, raw : (F,) float64
        Seconds, strictly increasing; and before the repair, NaN where nothing was told.
    repaired : (F,) bool
    lag : (C,) float64
        Seconds from a frame's time to each channel's.
    problem : str
        Why the times cannot be used; empty if they can.
    """

    time: Floats
    raw: Floats
    repaired: NDArray[np.bool_]
    lag: Floats
    problem: str = ""


def frame_times(stamps: Floats, count: NDArray[np.int64]) -> FrameTimes | None:
    """Return the times of frames from those of their images; None if no image has one.

    The time of a frame is that of its first channel, of those that (nearly) all frames have; where
    that one is missing, the others' less their usual lag. Few stamps that are missing or do not
    increase are interpolated over the counter.

    Parameters
    ----------
    stamps : (F, C) float64
        Seconds, NaN where not known.
    count : (F,) int64
    """
    known = np.isfinite(stamps)
    if not known.any():
        return None
    n_known = known.sum(axis=0)
    reference = int(n_known.argmax())
    lag = np.zeros(stamps.shape[1])
    for channel in range(stamps.shape[1]):
        both = known[:, channel] & known[:, reference]
        if both.any():
            lag[channel] = np.median(stamps[both, channel] - stamps[both, reference])
    often = np.flatnonzero(n_known >= _OFTEN * n_known[reference])
    reference = int(often[lag[often].argmin()])
    lag -= lag[reference]
    raw = stamps[:, reference].copy()
    rows = np.flatnonzero(~known[:, reference] & known.any(axis=1))
    raw[rows] = np.nanmean(stamps[rows] - lag, axis=1)
    highest = np.maximum.accumulate(np.where(np.isfinite(raw), raw, -np.inf))
    good = np.isfinite(raw)
    good[1:] &= raw[1:] > highest[:-1]
    bad = np.flatnonzero(~good)
    found = FrameTimes(time=raw, raw=raw, repaired=~good, lag=lag)
    if not len(bad):
        return found
    if len(bad) > max(1, _MOST_REPAIRED * len(raw)) or good.sum() < 2:
        return attrs.evolve(
            found,
            problem=f"{len(bad)} of {len(raw)} times are missing or do not increase, the first of "
            f"frame {bad[0]}",
        )
    known_count, known_time = count[good], raw[good]
    step = float(np.median(np.diff(known_time) / np.diff(known_count)))
    time = raw.copy()
    time[bad] = np.interp(count[bad], known_count, known_time)
    before, after = ~good & (count < known_count[0]), ~good & (count > known_count[-1])
    time[before] = known_time[0] + (count[before] - known_count[0]) * step
    time[after] = known_time[-1] + (count[after] - known_count[-1]) * step
    return attrs.evolve(found, time=time)
