"""What the tables of a NeRVE folder say of the saved frames, wherever they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError
from wormio.model import Finding

__all__ = ["Rows", "check_rows", "whole_numbers"]

# Counters beyond this are no counters (and would overflow what is computed with them).
_MAX_COUNT = 2**40


@attrs.frozen(kw_only=True)
class Rows:
    """One row a saved frame, R rows.

    Parameters
    ----------
    time : (R,) float64
        Seconds of the DAQ's clock.
    volts : (R,) float64
        Z sensor.
    interpolated : (R,) bool
        Rows that the DAQ missed: their time and volts lie between their neighbours'.
    stack : (R,) int64, optional
        The lab's own index of the volume; 0 outside every volume.
    count : (R,) int64, optional
        Number of each frame among all that the camera took, saved or not.
    extra : dict of str to (R,) float64
        Further columns.
    flash : (E,) int64
        Frames of the file, from 0, in which the lab's code saw a flash.
    parts : tuple of Path
        The files.
    findings : tuple of Finding
    metadata : dict
    """

    time: NDArray[np.float64]
    volts: NDArray[np.float64]
    interpolated: NDArray[np.bool_]
    stack: NDArray[np.int64] | None
    count: NDArray[np.int64] | None
    extra: dict[str, NDArray[np.float64]]
    flash: NDArray[np.int64]
    parts: tuple[Path, ...]
    findings: tuple[Finding, ...]
    metadata: dict[str, Any]


def whole_numbers(values: NDArray[np.float64], name: str, path: Path) -> NDArray[np.int64]:
    """Return counters as integers.

    Raises
    ------
    CorruptRecordingError
        Some are none.
    """
    with np.errstate(invalid="ignore"):
        wrong = ~((values == np.floor(values)) & (values >= 0) & (values < _MAX_COUNT))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise CorruptRecordingError(
            f"row {at} of {name} is no counter",
            expected="a whole number",
            found=str(values[at]),
            path=path,
        )
    return values.astype(np.int64)


def check_rows(time: NDArray[np.float64], volts: NDArray[np.float64], path: Path) -> None:
    """Raise `CorruptRecordingError` unless time increases and everything is finite."""
    for name, values in (("time", time), ("Z", volts)):
        if not np.isfinite(values).all():
            at = int(np.flatnonzero(~np.isfinite(values))[0])
            raise CorruptRecordingError(
                f"row {at} of {name} is no finite number", found=str(values[at]), path=path
            )
    back = np.flatnonzero(np.diff(time) <= 0)
    if len(back):
        at = int(back[0])
        raise CorruptRecordingError(
            f"the time does not increase at row {at + 1}",
            expected=f"more than {time[at]}",
            found=str(time[at + 1]),
            path=path,
        )
