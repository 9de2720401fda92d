"""The lines of the keys of a TOML file; `tomllib` does not tell them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from typing import cast

__all__ = ["Keys", "lines_of"]

Keys = tuple[str | int, ...]
"""The way to a value: names of tables and keys, and indices into arrays."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_ATOM = re.compile(r"[^,\]}\n#]*")


def lines_of(text: str) -> dict[Keys, int]:
    """Return the line (from 1) of each table, key and element of an array.

    Parameters
    ----------
    text : str
        With plain newlines; `tomllib` must have accepted it.
    """
    return _Finder(text).lines


class _Finder:
    """Finds the lines of the keys of a text that `tomllib` has accepted."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self.lines: dict[Keys, int] = {}
        self._sizes: dict[Keys, int] = {}  # arrays of tables: how many so far
        self._counted = (0, 1)  # the lines up to an offset, so that counting stays linear
        table: Keys = ()
        while self._space() < len(text):
            if self._peek("[["):
                table = self._header("[[", "]]")
            elif self._peek("["):
                table = self._header("[", "]")
            else:
                self._pair(table)

    def _header(self, start: str, stop: str) -> Keys:
        begin = self._at
        self._at += len(start)
        *outer, last = self._dotted_key()
        self._at += len(stop)
        way: Keys = ()
        for key in outer:
            way = self._newest((*way, key))
            self._note(way, begin)
        way = (*way, last)
        if start == "[[":
            self._note(way, begin)
            self._sizes[way] = self._sizes.get(way, 0) + 1
            way = self._newest(way)
        self._note(way, begin)
        return way

    def _newest(self, way: Keys) -> Keys:
        """Return the last element of an array of tables, which a header without index means."""
        return (*way, self._sizes[way] - 1) if way in self._sizes else way

    def _pair(self, table: Keys) -> None:
        begin = self._at
        way = table
        for key in self._dotted_key():
            way = (*way, key)
            self._note(way, begin)
        self._space()
        self._at += 1  # =
        self._value(way)

    def _value(self, way: Keys) -> None:
        self._space()
        self._note(way, self._at)
        if self._peek("["):
            self._each("]", lambda i: self._value((*way, i)))
        elif self._peek("{"):
            self._each("}", lambda _: self._pair(way))
        elif self._text[self._at] in "\"'":
            self._string()
        else:
            self._at = self._match(_ATOM).end()

    def _each(self, stop: str, read: Callable[[int], None]) -> None:
        self._at += 1
        index = 0
        self._space()
        while not self._peek(stop):
            read(index)
            index += 1
            self._space()
            if self._peek(","):
                self._at += 1
                self._space()
        self._at += 1

    def _dotted_key(self) -> list[str]:
        keys = []
        while True:
            self._space()
            if self._text[self._at] in "\"'":
                begin = self._at
                self._string()
                # The escapes of a quoted key are those of a string.
                keys.append(next(iter(tomllib.loads(f"{self._text[begin : self._at]}=0"))))
            else:
                found = self._match(_BARE)
                keys.append(found.group())
                self._at = found.end()
            self._space()
            if not self._peek("."):
                return keys
            self._at += 1

    def _string(self) -> None:
        quote = self._text[self._at]
        if self._peek(quote * 3):
            end = self._at + 3
            while not self._text.startswith(quote * 3, end):
                end += 2 if quote == '"' and self._text[end] == "\\" else 1
            end += 3
            while self._text.startswith(quote, end):  # up to two more belong to the text
                end += 1
        else:
            end = self._at + 1
            while self._text[end] != quote:
                end += 2 if quote == '"' and self._text[end] == "\\" else 1
            end += 1
        self._at = end

    def _space(self) -> int:
        self._at = self._match(_SPACE).end()
        return self._at

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        return cast("re.Match[str]", pattern.match(self._text, self._at))

    def _peek(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _note(self, way: Keys, offset: int) -> None:
        if way in self.lines:
            return
        start, line = self._counted
        if offset < start:
            line -= self._text.count("\n", offset, start)
        else:
            line += self._text.count("\n", start, offset)
        self._counted = (offset, line)
        self.lines[way] = line
