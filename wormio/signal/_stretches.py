"""Stretches of rows, given in seconds or by their numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError, SignalError

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["Stretch", "StretchUnit", "rows_of", "seconds_or_rows"]

Floats = NDArray[np.float64]
StretchUnit = Literal["seconds", "rows"]
Stretch = tuple[float | None, float | None]
"""From and up to, the latter not included; None is the end."""


def rows_of(
    signal: Signal,
    stretch: Stretch | None,
    unit: StretchUnit,
    name: str,
    *,
    origin: float = 0.0,
    least: int = 1,
) -> slice:
    """Return the rows of a stretch.

    Parameters
    ----------
    signal : Signal
    stretch : (start, stop) or None
        Half-open; None: all rows.
    unit : {"seconds", "rows"}
        Seconds on the recording's clock, or numbers of rows.
    name : str
        Of the argument, for errors.
    origin : float
        Added to both.
    least : int
        Rows that there must be.

    Raises
    ------
    OptionError
        It is no stretch, or has too few rows.
    SignalError
        Seconds are given and the volumes' times are unknown or do not increase.
    """
    n = signal.n_volumes
    if stretch is None:
        return slice(0, n)
    start, stop = _ends(stretch, unit, name)
    if unit == "seconds":
        if not np.isfinite(signal.time).all() or (np.diff(signal.time) <= 0).any():
            raise SignalError(
                f"{name} cannot be found by time",
                expected="volumes at known, increasing times",
                found="unknown times, or times that do not increase",
                cure='give row numbers: unit="rows"',
            )
        first, last = np.searchsorted(signal.time, [origin + start, origin + stop])
    else:
        first, last = (
            int(np.clip(end + origin, 0, n)) if math.isfinite(end) else (0 if end < 0 else n)
            for end in (start, stop)
        )
    if last - first < least:
        raise OptionError(
            f"{name} holds too few rows",
            expected=f"at least {least} of the signal's {n} rows",
            found=f"{name}={stretch!r} in {unit}: {max(last - first, 0)} rows",
        )
    return slice(int(first), int(last))


def seconds_or_rows(signal: Signal) -> tuple[Floats, str]:
    """Return an abscissa for the rows, (T,), and its unit: seconds, if all times are known."""
    if np.isfinite(signal.time).all() and (np.diff(signal.time) > 0).all():
        return signal.time, "s"
    return np.arange(float(signal.n_volumes)), "row"


def _ends(stretch: Stretch, unit: StretchUnit, name: str) -> tuple[float, float]:
    try:
        start, stop = stretch
        low = -math.inf if start is None else float(start)
        high = math.inf if stop is None else float(stop)
    except (OverflowError, TypeError, ValueError):
        low = high = math.nan
    whole = unit == "seconds" or all(
        math.isinf(end) or float(end).is_integer() for end in (low, high) if not math.isnan(end)
    )
    if not low < high or not whole or (unit == "rows" and (-math.inf < low < 0 or high < 0)):
        raise OptionError(
            f"{name} is no stretch",
            expected="(start, stop) with start < stop, None for an end, "
            + ("in seconds" if unit == "seconds" else "in whole rows from 0"),
            found=repr(stretch)[:200],
        )
    return low, high
