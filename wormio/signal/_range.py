"""Numbers that can be computed with: what is larger overflows when it is squared."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from wormio.errors import SignalError
from wormio.signal._checks import checked_signal

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["computes"]

Function = TypeVar("Function", bound=Callable[..., Any])

# Sums of squares of so many of these as fit into memory are still numbers.
_LARGEST = 1e100


def computes(function: Function) -> Function:
    """Have a function of a signal refuse finite samples beyond 1e100, in any signal it is given.

    Such numbers are no fluorescence, but can stand in a file; their squares are infinite, and
    what was made of them would be wrong without a word. Infinities are left to the function.
    """

    @functools.wraps(function)
    def checked(signal: Signal, *args: Any, **kwargs: Any) -> Any:
        _refuse_huge(checked_signal("signal", signal), function.__name__)
        for value in (*args, *kwargs.values()):
            if isinstance(value, type(signal)):
                _refuse_huge(value, function.__name__)
        return function(signal, *args, **kwargs)

    return cast("Function", checked)


def _refuse_huge(signal: Signal, what: str) -> None:
    data = signal.data
    # Almost always none is: this takes no memory, and NaN does not count.
    highest = np.fmax.reduce(data, axis=None, initial=-np.inf)
    lowest = np.fmin.reduce(data, axis=None, initial=np.inf)
    if highest <= _LARGEST and lowest >= -_LARGEST:
        return
    huge = (np.abs(data) > _LARGEST) & np.isfinite(data)
    if huge.any():
        row, column = (int(place[0]) for place in np.nonzero(huge))
        raise SignalError(
            f"{what} cannot compute with numbers so large",
            expected=f"samples from {-_LARGEST:g} to {_LARGEST:g}",
            found=f"{signal.data[row, column]:g} of neuron {signal.labels[column]!r} in row {row}; "
            f"{np.count_nonzero(huge)} such samples",
            cure="look at the file it is from, or scale it: attrs.evolve(signal, data=..., "
            "unit=...)",
        )
