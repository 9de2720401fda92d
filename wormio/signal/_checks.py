"""Arguments that are one of a few words, or a number within bounds."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, get_args

from wormio.errors import OptionError

__all__ = ["check_choice", "check_number"]


def check_choice(name: str, value: object, choices: Any) -> None:
    """Raise `OptionError` unless `value` is one of the words of a ``Literal``."""
    words = get_args(choices)
    if value not in words:
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
    number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    enough = number > least if above else number >= least
    if not (math.isfinite(number) and enough and number <= most):
        bounds = "" if math.isinf(least) else f" {'above' if above else 'from'} {least:g}"
        bounds += "" if math.isinf(most) else f" to {most:g}"
        raise OptionError(
            f"{name} is impossible",
            expected=f"a finite number{bounds}",
            found=repr(value)[:200],
        )
