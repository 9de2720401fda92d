"""What qualifies a column of a timeline: its origin, its flags, its unit, its clock."""

from __future__ import annotations

import enum
from typing import Any

import attrs
from numpy.typing import NDArray

from wormio.model._fields import array_field

__all__ = ["Clock", "Column", "Flag", "Origin"]


class Origin(enum.IntEnum):
    """Where a column comes from, best first, so that origins compare with ``<=``."""

    MEASURED = 0
    """Recorded with the frame itself."""
    JOINED = 1
    """Measured elsewhere and joined by the frame counter."""
    USER = 2
    """Given by the user: an option, a file kept by hand."""
    INFERRED = 3
    """Deduced from other measured columns."""
    INTERPOLATED = 4
    """Filled in between measured values."""
    NOMINAL = 5
    """Computed from a rate or a step in a header."""
    UNKNOWN = 6
    """Not known: every value is NaN (or -1)."""


class Flag(enum.IntFlag):
    """What is special about a frame."""

    DUPLICATE = 1
    """Saved a second time: same counter as the frame before. Extraction skips it."""
    COUNT_REPAIRED = 2
    """The counter in the file was wrong; `raw_count` keeps it."""
    TIME_REPAIRED = 4
    """The time stamp in the file was wrong; `raw_time` keeps it."""
    Z_INTERPOLATED = 8
    """z was filled in between neighbouring frames."""
    Z_UNKNOWN = 16
    """z could not be known: NaN."""
    FLYBACK = 32
    """Taken while the scanner returned."""
    INCOMPLETE = 64
    """Belongs to a sweep that the recording cuts off: volume -1."""


@attrs.frozen(kw_only=True)
class Column:
    """A further column, with its unit and origin.

    Parameters
    ----------
    values : array_like
        First axis: frames (in a timeline) or events.
    unit : str
        For example ``"um"``; empty if the values have none.
    origin : Origin
    """

    values: NDArray[Any] = array_field(None)
    unit: str = ""
    origin: Origin = Origin.MEASURED


@attrs.frozen(kw_only=True)
class Clock:
    """The clock that `Timeline.time` was read from.

    Parameters
    ----------
    name : str
        For example ``"camera"``.
    start : str, optional
        Absolute time of second 0, ISO 8601; None if unknown.
    """

    name: str = "unknown"
    start: str | None = None
