"""Options of described formats."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from typing import Any

import attrs

from wormio.errors import OptionError
from wormio.formats.described.schema import Description, OptionSpec
from wormio.registry import Options, finite_number, option, positive_number

__all__ = ["DescribedOptions", "chosen_values", "frame_number"]

_MAX_COUNT = 2**40


def frame_number(value: Any) -> int:
    """Convert to a whole number of frames; a converter of options."""
    number = int(value)
    if number != float(value) or abs(number) > _MAX_COUNT:
        raise ValueError(f"must be a whole number of frames, at most {_MAX_COUNT}")
    return number


def _description(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, Mapping):
        return json.dumps(value, sort_keys=True)
    return str(os.fspath(value))


def _pairs(value: Any) -> str:
    """Bring values into one form, so that sources compare: ``a=1,b=2``, sorted by name."""
    if isinstance(value, Mapping):
        pairs = {str(name): str(number) for name, number in value.items()}
    else:
        pairs = {}
        for text in filter(None, str(value).split(",")):
            name, equals, number = text.partition("=")
            if not equals or not name.strip() or not number.strip():
                raise ValueError("must be NAME=VALUE, several separated by commas")
            pairs[name.strip()] = number.strip()
    return ",".join(f"{name}={pairs[name]}" for name in sorted(pairs))


@attrs.frozen(kw_only=True)
class DescribedOptions(Options):
    """Which description, and what it wants to know."""

    description: str | None = option(
        "A description of the format: a .toml file, or the name of one that comes with wormio. "
        "Default: the one of WORMIO_DESCRIPTIONS that matches.",
        default=None,
        converter=_description,
    )
    set: str = option(
        "Values of the options that the description declares: set=um_per_volt=8,latency=2 "
        "(in Python also a dictionary). `wormio describe FILE` lists them.",
        default="",
        converter=_pairs,
    )
    growing: bool = option(
        "The acquisition is still writing: take what all files hold completely.",
        default=False,
        converter=attrs.converters.to_bool,
    )


_CONVERTERS = {"number": finite_number, "positive": positive_number, "integer": frame_number}


def chosen_values(description: Description, given: str) -> dict[str, float | None]:
    """Return a value for each option that a description declares; None for one without.

    Parameters
    ----------
    description : Description
    given : str
        `DescribedOptions.set`.

    Raises
    ------
    OptionError
        A name is not declared, or a value is impossible.
    """
    declared = description.options
    values = {name: spec.default for name, spec in declared.items()}
    for pair in filter(None, given.split(",")):
        name, _, text = pair.partition("=")
        if name not in declared:
            close = difflib.get_close_matches(name, declared, n=1)
            raise OptionError(
                f"the description {description.name!r} declares no option {name!r}",
                expected=", ".join(declared) or "none at all",
                cure=f"did you mean {close[0]}?" if close else "`wormio describe FILE` lists them",
            )
        values[name] = _convert(name, declared[name], text)
    return values


def _convert(name: str, spec: OptionSpec, text: str) -> float:
    try:
        return _CONVERTERS[spec.type](text)
    except (ValueError, OverflowError) as error:
        raise OptionError(
            f"the option {name!r} of the description has a wrong value",
            expected=f"{spec.type}: {spec.help}",
            found=f"{text!r} ({error})",
        ) from error
