"""Differences and ratios: of two channels of one recording, or with a number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from wormio.errors import OptionError, SignalError
from wormio.signal._range import computes

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["check_together", "divide", "subtract"]


@computes
def subtract(signal: Signal, other: Signal | float) -> Signal:
    """Return the difference ``signal - other``.

    Parameters
    ----------
    signal : Signal
    other : Signal or float
        A signal of the same recording, volumes and neurons, in the same unit; or a number, such as
        a camera's offset.

    Returns
    -------
    Signal
        With the times, voxels and channel of `signal`. A sample is valid if it is in both.

    Raises
    ------
    SignalError
        The two do not belong together.
    OptionError
        The number is not finite.
    """
    number = _number(other)
    if number is not None:
        return signal.with_step("subtract", {"other": number}, data=signal.data - number)
    second = _checked(signal, other, "subtract")
    if second.unit != signal.unit:
        raise SignalError(
            "signals in different units have no difference",
            expected=f"{signal.unit!r}",
            found=f"{second.unit!r}",
        )
    with np.errstate(invalid="ignore"):  # inf - inf
        data = signal.data - second.data
    return signal.with_step(
        "subtract", {"other": second}, data=data, valid=signal.valid & second.valid
    )


@computes
def divide(signal: Signal, other: Signal | float) -> Signal:
    """Return the ratio ``signal / other``, for example of a signal's to a reference channel.

    Parameters
    ----------
    signal : Signal
    other : Signal or float
        A signal of the same recording, volumes and neurons; or a number that is not 0.

    Returns
    -------
    Signal
        With the times, voxels and channel of `signal`. The ratio of two signals has the quantity
        ``"ratio"``; where `other` is not positive and finite, it is NaN and not valid, and
        ``"undefined"`` in the step's found counts these samples.

    Raises
    ------
    SignalError
        The two do not belong together.
    OptionError
        The number is 0 or not finite.
    """
    number = _number(other)
    if number is not None:
        if number == 0:
            raise OptionError("a signal cannot be divided by 0")
        with np.errstate(over="ignore"):
            data = signal.data / number
        if (np.isinf(data) & np.isfinite(signal.data)).any():
            raise OptionError("a signal cannot be divided by so small a number", found=repr(number))
        return signal.with_step("divide", {"other": number}, data=data)
    second = _checked(signal, other, "divide")
    positive = (second.data > 0) & np.isfinite(second.data)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        data = np.where(positive, signal.data / second.data, np.nan)
    positive &= np.isfinite(data) | ~np.isfinite(signal.data)  # by so little that it overflowed
    data[~positive] = np.nan
    undefined = int((~positive & ~np.isnan(second.data)).sum())
    same_unit = signal.unit == second.unit
    return signal.with_step(
        "divide",
        {"other": second},
        found={"undefined": undefined},
        data=data,
        valid=signal.valid & second.valid & positive,
        quantity="ratio",
        unit="" if same_unit else f"{signal.unit or '1'}/{second.unit or '1'}",
    )


def check_together(signal: Signal, other: Signal, *, what: str = "two signals") -> None:
    """Raise `SignalError` unless two signals are of the same recording, volumes and neurons.

    Their times may differ by less than half a volume interval: channels of two cameras do.
    """
    for name in ("recording", "labels"):
        ours, theirs = getattr(signal, name), getattr(other, name)
        if ours != theirs:
            raise _apart(what, f"the same {name}", f"{ours!r}"[:150], f"{theirs!r}"[:150])
    if not np.array_equal(signal.volume, other.volume):
        raise _apart(
            what, "the same volumes", f"{signal.n_volumes} rows", f"{other.n_volumes} rows"
        )
    both = np.isfinite(signal.time) & np.isfinite(other.time)
    apart = np.abs(signal.time[both] - other.time[both]).max(initial=0.0)
    interval = signal.volume_interval
    if apart and not apart < (interval / 2 if interval > 0 else math.inf):
        raise _apart(
            what, "the same times, within half a volume", f"{interval:.6g} s a volume", f"{apart} s"
        )


def _apart(what: str, expected: str, ours: str, theirs: str) -> SignalError:
    return SignalError(
        f"{what} do not belong together",
        expected=expected,
        found=f"{ours} and {theirs}",
        cure="select(...) the same neurons and rows of both",
    )


def _number(other: Any) -> float | None:
    if isinstance(other, bool) or not isinstance(other, (int, float, np.integer, np.floating)):
        return None
    try:
        number = float(other)
    except OverflowError:  # an integer of hundreds of digits
        number = math.inf
    if not math.isfinite(number):
        raise OptionError("the number is not finite", found=repr(other)[:200])
    return number


def _checked(signal: Signal, other: Any, what: str) -> Signal:
    from wormio.signal.signal import Signal

    if not isinstance(other, Signal):
        raise OptionError(
            f"this cannot be {what}ed" if what == "subtract" else "this cannot be divided by",
            expected="a Signal or a number",
            found=repr(other)[:200],
        )
    check_together(signal, other)
    return other
