"""Options of formats: attrs classes, so that each option has a type, a default and a help text."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import attrs

from wormio.errors import ContractError, OptionError

__all__ = [
    "Options",
    "check_option",
    "finite_number",
    "make_options",
    "one_of",
    "option",
    "positive_number",
]

O = TypeVar("O", bound="Options")  # noqa: E741 (the usual letter)


def option(help: str, **field: Any) -> Any:
    """Declare an option: an attrs field with a help text.

    Values from the command line arrive as strings, so the field needs a ``converter``.
    """
    return attrs.field(metadata={"help": help}, **field)


def finite_number(value: Any) -> float:
    """Convert to a finite number; a converter of options."""
    number = float(value)
    if isinstance(value, bool):
        raise ValueError("must be a number, not a truth value")  # noqa: TRY004 (as all of them)
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


def positive_number(value: Any) -> float:
    """Convert to a number above zero; a converter of options."""
    number = finite_number(value)
    if number <= 0:
        raise ValueError("must be a positive number")
    return number


def one_of(*words: str) -> Callable[[Any], str]:
    """Return a converter of options that takes these words and no others."""

    def convert(value: Any) -> str:
        if value not in words:
            raise ValueError("must be one of " + ", ".join(map(repr, words)))
        return str(value)

    return convert


_flag = attrs.converters.to_bool
_text = attrs.converters.optional(str)


@attrs.frozen(kw_only=True)
class Options:
    """Options that every format understands; formats add their own in a subclass."""

    metadata_only: bool = option(
        "Open without the frame files; asking for pixels raises MissingPartError.",
        default=False,
        converter=_flag,
    )
    allow_truncated: bool = option(
        "Open an acquisition that was cut off; only its complete volumes are given.",
        default=False,
        converter=_flag,
    )
    item: str | None = option(
        "Which recording of a file that holds several; see wormio.contents.",
        default=None,
        converter=_text,
    )
    trust: bool = option(
        "Follow references to files outside the recording's folder.",
        default=False,
        converter=_flag,
    )


def make_options(cls: type[O], values: Mapping[str, Any], *, owner: str) -> O:
    """Make a format's options from names and values, which may be strings.

    Parameters
    ----------
    cls : type
        Subclass of `Options`.
    values : mapping
    owner : str
        Name of the format, for messages.

    Raises
    ------
    OptionError
        An option is unknown, or has a value it cannot have.
    """
    for name, value in values.items():
        check_option(cls, name, value, owner=owner)
    try:
        return cls(**values)
    except (ValueError, TypeError, ContractError) as error:  # one is missing, or two contradict
        raise OptionError(f"the options of format {owner!r} do not fit: {error}") from error


def check_option(cls: type[Options], name: str, value: Any, *, owner: str) -> None:
    """Raise `OptionError` if there is no such option, or it cannot have that value."""
    fields = {f.name: f for f in attrs.fields(cls)}
    if name not in fields:
        close = difflib.get_close_matches(name, fields, n=1)
        hint = f"did you mean {close[0]}?" if close else f"see `wormio formats {owner}`"
        raise OptionError(
            f"format {owner!r} has no option {name!r}",
            expected=", ".join(fields),
            cure=hint,
        )
    try:
        _convert(fields[name], value)
    except (ValueError, TypeError, ContractError) as error:
        raise OptionError(
            f"option {name!r} of format {owner!r} has a wrong value",
            expected=str(fields[name].metadata.get("help", fields[name].type)),
            found=f"{value!r} ({error})",
        ) from error


def _convert(field: attrs.Attribute[Any], value: Any) -> None:
    """Raise what the field's converter raises, so that the message can name the option."""
    converter: Any = field.converter
    if converter is int and isinstance(value, (bool, float)):
        raise ValueError("must be a whole number")  # int() would cut it to one
    converted = converter(value) if converter is not None else value
    if field.validator is not None:
        field.validator(None, field, converted)
