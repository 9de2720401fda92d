"""Quantities relative to a baseline, and divisors that are too small."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wormio.errors import AlreadyAppliedError
from wormio.signal._checks import check_flag
from wormio.signal.noise import difference_noise

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["floor_of", "refuse_relative", "relative_quantity", "warn"]

Floats = NDArray[np.float64]

_log = logging.getLogger(__name__)

# A baseline that is divided by must exceed this many standard deviations of the noise.
_FLOOR = 3.0


def refuse_relative(signal: Signal, force: bool) -> None:
    """Raise `AlreadyAppliedError` if the signal is relative to a baseline already."""
    check_flag("force", force)
    if signal.quantity in ("dF/F", "dR/R") and not force:
        raise AlreadyAppliedError(
            "the baseline was divided by already",
            expected="a quantity with a baseline of its own",
            found=f"quantity {signal.quantity!r}",
            cure="force=True, if this is what you want",
        )


def floor_of(data: Floats) -> Floats:
    """Return what a divisor must exceed, (N,): three standard deviations of the noise."""
    return np.asarray(_FLOOR * np.nan_to_num(difference_noise(data)))


def relative_quantity(signal: Signal) -> str:
    """Return the quantity after a division by its baseline."""
    return "dR/R" if signal.quantity == "ratio" else "dF/F"


def warn(signal: Signal, flagged: NDArray[np.bool_], what: str) -> None:
    """Log which neurons have samples that became NaN."""
    columns = np.flatnonzero(flagged.any(axis=0))
    if len(columns):
        names = ", ".join(signal.labels[column] for column in columns)
        _log.warning("%s: samples of these neurons are NaN: %s", what, names)
