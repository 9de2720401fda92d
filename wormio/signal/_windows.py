"""Windows that slide over volumes: how long they are, and order statistics that leave out NaN."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from wormio.errors import OptionError, SignalError

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["Window", "quantile", "require_interval", "samples", "windows"]

Floats = NDArray[np.float64]

# Samples: no recording has so many.
_MOST = 2**31

Window = int | str
"""A number of samples, or seconds as text: 13, ``"4.5 s"``."""


def require_interval(signal: Signal, what: str) -> float:
    """Return the signal's volume interval in seconds, or raise `SignalError`."""
    interval = signal.volume_interval
    known = signal.time[np.isfinite(signal.time)]
    backwards = np.flatnonzero(np.diff(known) < 0)
    if backwards.size or not interval > 0:
        place = int(backwards[0]) if backwards.size else 0
        raise SignalError(
            f"{what} needs the time between volumes",
            expected="volumes at known, increasing times",
            found=f"{known[place]:.6g} s before {known[place + 1]:.6g} s"
            if backwards.size
            else f"a volume interval of {interval} s",
            cure="give the volumes' times, for example attrs.evolve(signal, time=...)",
        )
    return interval


def samples(
    signal: Signal, window: Window, *, odd: bool = True, least: int = 1, name: str = "window"
) -> int:
    """Return how many samples a window has.

    Seconds are rounded to the nearest number of samples that is allowed.

    Parameters
    ----------
    signal : Signal
        Its volume interval says how long a sample is.
    window : int or str
    odd : bool
        Whether it must be centred on a sample.
    least : int
        The smallest number allowed.
    name : str
        Of the argument, for errors.

    Raises
    ------
    OptionError
        `window` is no such number.
    SignalError
        It is given in seconds and the volumes' times are unknown.
    """
    step = 2 if odd else 1
    smallest = least + (least + 1) % 2 if odd else least
    if isinstance(window, str):
        found = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*s\s*", window)
        if found and float(found[1]) > 0:
            interval = require_interval(signal, f"{name}={window!r}")
            length = float(found[1]) / interval
            if length < _MOST:
                return max(smallest, smallest + step * round((length - smallest) / step))
            raise OptionError(
                f"{name} is longer than any recording",
                expected=f"less than {_MOST * interval:.3g} s",
                found=f"{window!r:.100} of volumes that are {interval:.3g} s apart",
                cure="look at the volumes' times: are they seconds?",
            )
    elif not isinstance(window, bool):
        try:
            n = operator.index(window)
        except TypeError:
            n = 0
        if least <= n < _MOST and (n - smallest) % step == 0:
            return n
    raise OptionError(
        f"{name} is no length of a window",
        expected=f"{'an odd' if odd else 'a'} number of samples from {smallest}, or seconds as "
        "text, like '4.5 s'",
        found=repr(window)[:200],
    )


def windows(values: Floats, before: int, after: int) -> Floats:
    """Return each sample's window from `before` it to `after` it, NaN beyond the ends.

    Parameters
    ----------
    values : (T, N) float64
    before, after : int

    Returns
    -------
    (T, N, before + 1 + after) float64
        A view of a padded copy.
    """
    padded = np.pad(values, ((before, after), (0, 0)), constant_values=np.nan)
    return sliding_window_view(padded, before + 1 + after, axis=0)


def quantile(values: Floats, q: float = 0.5) -> Floats:
    """Return quantile `q` of what is not NaN along the last axis; NaN if nothing is.

    `numpy.nanquantile` does the same, line by line in Python where something is NaN.
    """
    if not values.shape[-1]:
        return np.full(values.shape[:-1], np.nan)
    ordered = np.sort(values, axis=-1)  # NaN last
    n = np.count_nonzero(~np.isnan(ordered), axis=-1)
    place = q * np.maximum(n - 1, 0)
    low = np.floor(place).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(n - 1, 0))
    below = np.take_along_axis(ordered, low[..., np.newaxis], axis=-1)[..., 0]
    above = np.take_along_axis(ordered, high[..., np.newaxis], axis=-1)[..., 0]
    return np.asarray(below + (place - low) * (above - below))
