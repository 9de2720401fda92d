"""Numbers that a description does not know itself: options, and keys of JSON and INI files."""

from __future__ import annotations

import configparser
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wormio.errors import CorruptRecordingError, MissingPartError, OptionError
from wormio.formats.described.schema import LEAST, MOST, Given, Value
from wormio.formats.links import inside

__all__ = ["Values"]


class Values:
    """Looks numbers up, and remembers the side files it has read.

    Parameters
    ----------
    folder : Path
    given : mapping
        Options by name; None for one that has no value.
    trust : bool
    as_option : callable
        ``as_option(name)`` says how a user gives an option.
    """

    def __init__(
        self,
        folder: Path,
        given: Mapping[str, float | None],
        *,
        trust: bool,
        as_option: Callable[[str], str],
    ) -> None:
        self._folder, self._given, self._trust = folder, given, trust
        self._as_option = as_option
        self.files: dict[str, Any] = {}
        """What the side files hold, by name; None for one that is not there."""

    def find(
        self, value: Value | None, *, positive: bool = True, groups: Mapping[str, str] | None = None
    ) -> float | None:
        """Return the first number that is known.

        Raises
        ------
        CorruptRecordingError
            A side file is there but holds no such number.
        OptionError
            An option is impossible.
        """
        for given in _places(value):
            number = self._one(given, groups or {}, positive)
            if number is not None:
                return number
        return None

    def need(
        self,
        value: Value,
        what: str,
        *,
        positive: bool = True,
        groups: Mapping[str, str] | None = None,
    ) -> float:
        """Return the number, which must be known.

        Raises
        ------
        MissingPartError
            Only a side file knows it, which is not there.
        OptionError
            Only the user knows it. See also `find`.
        """
        number = self.find(value, positive=positive, groups=groups)
        if number is not None:
            return number
        absent = self.missing(value)
        if absent and not any(isinstance(p, Given) and p.option for p in _places(value)):
            raise MissingPartError(
                "a part of the recording is missing",
                expected=f"the file {absent[0]}, which tells {what}",
                path=self._folder / absent[0],
                cure="copy the whole folder of the recording",
            )
        raise OptionError(
            f"{what} is unknown",
            expected=" or ".join(map(str, _places(value))),
            path=self._folder,
            cure=self.cure(value),
        )

    def need_whole(
        self, value: Value, what: str, *, groups: Mapping[str, str] | None = None
    ) -> int:
        """Return the number, which must be known, whole and above zero."""
        number = self.need(value, what, positive=False, groups=groups)
        if number != int(number) or number < 1:
            raise CorruptRecordingError(
                f"{what} is impossible",
                expected=f"a whole number above 0 in {' or '.join(map(str, _places(value)))}",
                found=str(number),
                path=self._folder,
            )
        return int(number)

    def cure(self, value: Value | None) -> str:
        """Say what a user can do to make a number known."""
        ways = [
            self._as_option(one.option) if one.option else f"copy the file {one.file}"
            for one in _places(value)
            if isinstance(one, Given) and one.group is None
        ]
        return ", or ".join(ways)

    def missing(self, value: Value | None) -> list[str]:
        """Return the side files that would tell a number and are not there."""
        files = [one.file for one in _places(value) if isinstance(one, Given)]
        return [name for name in files if name is not None and self.file(name) is None]

    def _one(self, given: Given | float, groups: Mapping[str, str], positive: bool) -> float | None:
        number: float | None
        if not isinstance(given, Given):
            number = given
        elif given.option is not None:
            number = self._given.get(given.option)
        elif given.group is not None:
            digits = groups.get(given.group) or ""
            number = float(digits) if digits.isdecimal() else None
        else:
            number = self._of_file(given)
        if number is None:
            return None
        if isinstance(given, Given) and given.inverse and number:
            number = 1 / number
        if positive and not LEAST <= number <= MOST:
            raise self._impossible(given, f"a positive number from {LEAST:g} to {MOST:g}", number)
        if not math.isfinite(number) or abs(number) > 1e15:
            raise self._impossible(given, "a number", number)
        return number

    def _impossible(self, given: Given | float, expected: str, found: object) -> Exception:
        if not isinstance(given, Given) or given.file is None:
            return OptionError(f"{given} is impossible", expected=expected, found=repr(found))
        key = ".".join(given.keys)
        return CorruptRecordingError(
            f"{key!r} is unusable",
            expected=f'{expected} as "{key}"',
            found=repr(found),
            path=self._folder / given.file,
            cure="mend the file",
        )

    def _of_file(self, given: Given) -> float | None:
        content = self.file(str(given.file))
        if content is None:
            return None
        for key in given.keys:
            content = content.get(key) if isinstance(content, dict) else None
        number: Any = content
        if isinstance(content, str) and not str(given.file).lower().endswith(".json"):
            try:  # INI files know text only
                number = float(content)
            except ValueError:
                number = None
        if isinstance(number, int) and not isinstance(number, bool) and abs(number) < 2**62:
            number = float(number)
        if not isinstance(number, float) or not math.isfinite(number):
            raise self._impossible(given, "a number", content)
        return number

    def file(self, name: str) -> Any:
        """Return what a JSON or INI file holds; None if it is not there.

        Raises
        ------
        CorruptRecordingError
            It cannot be read.
        """
        if name not in self.files:
            path = inside(self._folder, name, trust=self._trust)
            self.files[name] = _parse(path) if path.is_file() else None
        return self.files[name]


def _places(value: Value | None) -> tuple[Given | float, ...]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def _parse(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    if path.suffix.lower() != ".json":
        parser = configparser.RawConfigParser()
        parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys as they are
        try:
            parser.read_string(text)
        except configparser.Error as error:
            raise CorruptRecordingError(f"no valid INI file: {error}", path=path) from error
        return {section: dict(parser[section]) for section in parser.sections()}
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorruptRecordingError(f"no valid JSON: {error}", path=path) from error
    if not isinstance(content, dict):
        raise CorruptRecordingError(
            "the file holds no JSON object", expected="{...}", found=text[:100], path=path
        )
    return content
