"""Arguments that are one of a few words, a number within bounds, true or false, a signal."""

from __future__ import annotations

import math
import operator
from numbers import Real
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from wormio.errors import OptionError

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["check_choice", "check_flag", "check_number", "check_whole", "checked_signal"]


def check_choice(name: str, value: object, choices: Any) -> None:
    """Raise `OptionError` unless `value` is one of the words of a ``Literal``."""
    words = get_args(choices)
    if not isinstance(value, str) or value not in words:  # an array has no truth value
        raise OptionError(
            f"{name} is unknown",
            expected="one of " + ", ".join(map(repr, words)),
            found=repr(value),
        )


def check_number(
    name: str,
    value: object,
    least: float = -math.inf,
    most: float = math.inf,
    *,
    above: bool = False,
) -> None:
    """Raise `OptionError` unless `value` is a number from `least` to `most`, or `above` it."""
    try:
        real = isinstance(value, Real) and not isinstance(value, bool)
        number = float(value) if real else math.nan  # type: ignore[arg-type]
    except OverflowError:  # an integer of hundreds of digits
        number = math.inf
    enough = number > least if above else number >= least
    if not (math.isfinite(number) and enough and number <= most):
        bounds = "" if math.isinf(least) else f" {'above' if above else 'from'} {least:g}"
        bounds += "" if math.isinf(most) else f" to {most:g}"
        raise OptionError(
            f"{name} is impossible",
            expected=f"a finite number{bounds}",
            found=repr(value)[:200],
        )


def check_whole(name: str, value: object, least: int, most: int = 2**31) -> None:
    """Raise `OptionError` unless `value` is a whole number from `least` to `most`."""
    try:
        number = None if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or not least <= number <= most:
        raise OptionError(
            f"{name} is impossible",
            expected=f"a whole number from {least} to {most}",
            found=repr(value)[:200],
        )


def check_flag(name: str, value: object) -> None:
    """Raise `OptionError` unless `value` is true or false: as such, ``"no"`` is true."""
    if not isinstance(value, bool | np.bool_):
        raise OptionError(f"{name} is unclear", expected="True or False", found=repr(value)[:200])


def checked_signal(name: str, value: object) -> Signal:
    """Return `value`, or raise `OptionError` unless it is a signal."""
    from wormio.signal.signal import Signal

    if not isinstance(value, Signal):
        raise OptionError(f"{name} is no signal", expected="a Signal", found=repr(value)[:200])
    return value
