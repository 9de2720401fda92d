"""Reading tables of text, strictly."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError
from wormio.formats.described.schema import TableKeys

__all__ = ["Table", "integers", "read"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Counters beyond this are no counters (and would overflow what is computed with them).
_MAX_COUNT = 2**40
# Bytes that are looked through at once: they stay in the processor's cache.
_PIECE = 1 << 20
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "space": None}


@attrs.frozen
class Table:
    """A table that was read.

    Parameters
    ----------
    path : Path
    columns : tuple of str
        All names of the header.
    values : tuple of array
        One a column: numbers (whole ones, if all are, as int64), or text where the description says
        so.
    """

    path: Path
    columns: tuple[str, ...]
    values: tuple[NDArray[Any], ...]

    def __len__(self) -> int:
        return len(self.values[0])

    def has(self, column: str | int) -> bool:
        """Tell whether there is a column of that name, or that number, counted from 1."""
        if isinstance(column, int):
            return column <= len(self.columns)
        return column in self.columns

    def any(self, column: str | int) -> NDArray[Any]:
        """Return a column: float64, or text."""
        values = self._column(column)
        return values.astype(np.float64) if values.dtype.kind == "i" else values

    def _column(self, column: str | int) -> NDArray[Any]:
        if not self.has(column) or self.columns.count(str(column)) > 1:
            raise CorruptRecordingError(
                f"the table needs one column {column!r}",
                expected=f"column {column!r}, once",
                found=", ".join(self.columns)[:300],
                path=self.path,
            )
        return self.values[column - 1 if isinstance(column, int) else self.columns.index(column)]

    def numbers(self, column: str | int) -> Floats:
        """Return a column of finite numbers."""
        values = self.any(column)
        if values.dtype.kind != "f":
            raise CorruptRecordingError(f"column {column!r} is text", path=self.path)
        if not np.isfinite(values).all():
            at = int(np.flatnonzero(~np.isfinite(values))[0])
            raise CorruptRecordingError(
                f"row {at} of column {column!r} holds something that is no finite number",
                found=str(values[at]),
                path=self.path,
            )
        return values

    def counters(self, column: str | int) -> Ints:
        """Return a column of whole numbers."""
        values = self._column(column)
        if values.dtype.kind != "i":
            values = self.numbers(column)
        return integers(values, self.path, str(column))


def read(path: Path, keys: TableKeys, *, may_be_empty: bool = False) -> Table:
    """Read a table that is there.

    Raises
    ------
    CorruptRecordingError
        Its header or a row is not as described, or there is no row.
    """
    delimiter = _DELIMITERS[keys.delimiter]
    blanks = " " + (delimiter or "\t")  # rows may end in them
    neat = _is_neat(path, blanks + "\r")
    file: TextIO
    if neat:
        file = path.open(encoding="utf-8", errors="replace")
    else:
        data = _without_ends(path.read_bytes(), blanks)
        file = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", errors="replace")
    with file:
        return _read(path, file, keys, delimiter, neat=neat, may_be_empty=may_be_empty)


def _read(
    path: Path,
    file: TextIO,
    keys: TableKeys,
    delimiter: str | None,
    *,
    neat: bool,
    may_be_empty: bool,
) -> Table:
    columns = _header(path, file.readline(10_000), keys) if keys.header else keys.headers[0]
    skipped = 2 if keys.header else 1
    first = next((line for line in file if line != "\n"), None) if not keys.text else None
    lines = file.read().split("\n") if keys.text else []
    if first is None and not any(lines):
        if may_be_empty:
            nothing = tuple(
                np.zeros(0, "U1" if name in keys.text else np.float64) for name in columns
            )
            return Table(path, columns, nothing)
        raise CorruptRecordingError(
            "the table is empty", expected="one row a frame", found="no row", path=path
        )
    if keys.text:
        return Table(path, columns, _mixed(path, lines, columns, keys, skipped))
    # numpy reads a file that it opens itself by large pieces, any other one line by line.
    source: Any = path if neat else itertools.chain([first], file)
    options: dict[str, Any] = {
        "comments": None,
        "delimiter": delimiter,
        "skiprows": int(neat and keys.header),
        "encoding": "utf-8",
    }
    if neat and (whole := _whole_numbers(first or "", delimiter, len(columns))):
        # numpy reads whole numbers in half the time of others, and refuses what is none.
        kinds = ["i8" if is_whole else "f8" for is_whole in whole]
        types = np.dtype([(f"f{i}", kind) for i, kind in enumerate(kinds)])
        with contextlib.suppress(ValueError):
            table = np.loadtxt(source, dtype=types, ndmin=1, **options)
            return Table(path, columns, tuple(map(np.ascontiguousarray, _fields(table))))
    try:
        rows = np.loadtxt(source, ndmin=2, **options)
    except ValueError as error:
        what = str(error).split(";")[0]  # the rest is advice to who calls numpy
        raise CorruptRecordingError(
            "a row cannot be read",
            expected=f"{len(columns)} numbers a row",
            found=f"{what} (rows are counted after the header)",
            path=path,
            cure="if the acquisition was cut off, remove the incomplete last row",
        ) from error
    if rows.shape[1] != len(columns):
        raise CorruptRecordingError(
            "rows and header differ",
            expected=f"{len(columns)} numbers a row",
            found=f"{rows.shape[1]}",
            path=path,
        )
    return Table(path, columns, tuple(np.ascontiguousarray(rows.T)))


def _whole_numbers(first: str, delimiter: str | None, n_columns: int) -> list[bool]:
    """Tell which fields of the first row are whole numbers; nothing, if none or too few are."""
    whole = [_WHOLE.fullmatch(field.strip()) is not None for field in first.split(delimiter)]
    return whole if any(whole) and len(whole) == n_columns else []


def _fields(table: NDArray[Any]) -> Iterator[NDArray[Any]]:
    return (table[name] for name in table.dtype.names or ())


def _without_ends(data: bytes, blanks: str) -> bytes:
    """Take spaces and delimiters away from the ends of all lines."""
    # Mostly there is one at most, and in all lines the same: quicker than line by line.
    for end in ("\r\n", *(f"{blank}\n" for blank in blanks)):
        data = data.replace(end.encode(), b"\n")
    if _ends_in(data + b"\n", blanks):
        lines = data.split(b"\n")
        data = b"\n".join(line.rstrip(blanks.encode()) for line in lines)
    return data


def _is_neat(path: Path, blanks: str) -> bool:
    """Tell whether no line ends in one of these characters, and no byte order mark is there."""
    last = b""
    with path.open("rb") as file:
        neat = file.read(3) != codecs.BOM_UTF8
        file.seek(0)
        while neat and (piece := file.read(_PIECE)):
            neat = not _ends_in(last + piece, blanks)
            last = piece[-1:]
    return neat and last not in blanks.encode()


def _ends_in(data: bytes, blanks: str) -> bool:
    """Tell whether any line that ends here ends in one of these characters."""
    characters = np.frombuffer(data, np.uint8)
    is_end, before = characters[1:] == ord("\n"), characters[:-1]
    # Passes over bytes take a processor's whole width at once; a list of the ends would not. Digits
    # come after all blanks, so that one pass is enough for most files.
    if not (is_end & (before <= max(map(ord, blanks)))).any():
        return False
    return any((is_end & (before == ord(blank))).any() for blank in blanks)


def _header(path: Path, first: str, keys: TableKeys) -> tuple[str, ...]:
    delimiter = _DELIMITERS[keys.delimiter]
    names = first.rstrip("\r\n" + (delimiter or "\t ")).split(delimiter)
    columns = tuple(name.strip().strip('"') for name in names)
    for wanted in keys.headers:
        more = len(columns) - len(wanted)
        if columns[: len(wanted)] == wanted and more <= keys.more:
            return columns
    if keys.headers or not any(columns):
        shown = delimiter or " "
        expected = [repr(shown.join(wanted)) for wanted in keys.headers]
        raise CorruptRecordingError(
            "the header is not the one of this table",
            expected=" or ".join(expected) or "a line with the names of the columns",
            found=repr(first[:300]) if first else "an empty file",
            path=path,
            cure="" if first else "copy it again from where it was recorded",
        )
    return columns


def _mixed(
    path: Path, lines: Sequence[str], columns: tuple[str, ...], keys: TableKeys, first: int
) -> tuple[NDArray[Any], ...]:
    is_text = [name in keys.text for name in columns]
    found: list[list[Any]] = [[] for _ in columns]
    for number, fields in _split(lines, keys, first):
        try:
            if len(fields) != len(columns):
                raise ValueError(f"{len(fields)} fields")
            row = [
                field if is_word else float(field)
                for field, is_word in zip(fields, is_text, strict=True)
            ]
        except ValueError as error:
            raise CorruptRecordingError(
                f"line {number} cannot be read: {error}",
                expected=f"{len(columns)} fields separated by {keys.delimiter}",
                found=repr(lines[number - first][:200]),
                path=path,
            ) from error
        for values, value in zip(found, row, strict=True):
            values.append(value)
    return tuple(
        np.array(values, np.str_ if is_word else np.float64)
        for values, is_word in zip(found, is_text, strict=True)
    )


def _split(lines: Sequence[str], keys: TableKeys, first: int) -> Iterator[tuple[int, list[str]]]:
    delimiter = _DELIMITERS[keys.delimiter]
    for number, line in enumerate(lines, start=first):
        if not line.strip():
            continue
        if keys.delimiter in {"comma", "semicolon"} and '"' in line:
            fields = next(csv.reader([line], delimiter=str(delimiter)))
        else:
            fields = line.split(delimiter)
        yield number, [field.strip() for field in fields]


def integers(values: NDArray[Any], path: Path, column: str) -> Ints:
    """Return counters as integers.

    Raises
    ------
    CorruptRecordingError
        One is no whole number, or too large to be a counter.
    """
    wrong = np.abs(values) > _MAX_COUNT
    if values.dtype.kind == "f":
        wrong |= values != np.floor(values)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise CorruptRecordingError(
            f"row {at} of column {column!r} is no whole number",
            expected="a counter",
            found=str(values[at]),
            path=path,
        )
    return values.astype(np.int64, copy=False)
