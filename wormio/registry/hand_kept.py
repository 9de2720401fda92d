"""Events kept by hand: from the lists or the CSV table of a file onto the frames of a recording."""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wormio.errors import ContractError, OptionError
from wormio.model import Column, Events, Origin, Timeline
from wormio.registry.config import Configuration, EventTable
from wormio.registry.toml import Keys

__all__ = ["place_events"]

_PLACES = ("count", "time", "frame")
_MAX_BYTES = 256 * 2**20
_NAME = re.compile(r"[+-]?0\d+|.*_.*")


def place_events(
    config: Configuration, name: str, timeline: Timeline, *, trust: bool = False
) -> Events:
    """Return the events of one table on a recording's frames and clock.

    Their properties have the origin USER.

    Raises
    ------
    OptionError
        Columns of different length, a frame that was not saved, times on a recording without
        clock, an unreadable table; with file and line.
    UnsafeReferenceError
        The table lies outside the configuration's folder.
    """
    keys: Keys = ("events", name)
    table = config.content.events[name]
    if table.file is not None:
        path = config.inside(table.file, (*keys, "file"), trust=trust)
        kind, places, duration, columns = _from_csv(path, table)
    else:
        kind = next(k for k in _PLACES if getattr(table, k) is not None)
        places = np.array(getattr(table, kind), np.float64 if kind == "time" else np.int64)
        duration, columns = _from_lists(config, keys, table, len(places))
    try:
        if kind == "time":
            return Events.at_times(timeline, places, duration=duration, properties=columns)
        if kind == "frame":
            wrong = (places < 0) | (places >= len(timeline))
            if wrong.any():
                raise ContractError(
                    "events are on frames that were not saved",
                    expected=f"0 to {len(timeline) - 1}",
                    found=", ".join(map(str, places[wrong][:5].tolist())),
                )
            places = timeline.count[places]
        return Events.at_counts(timeline, places, duration=duration, properties=columns)
    except ContractError as error:
        raise config.document.error(
            (*keys, kind), error.problem, expected=error.expected, found=error.found
        ) from error


def _from_lists(
    config: Configuration, keys: Keys, table: EventTable, n_events: int
) -> tuple[NDArray[np.float64], dict[str, Column]]:
    durations = table.duration if isinstance(table.duration, tuple) else [table.duration]
    duration = np.array(durations, np.float64)  # None becomes NaN
    if not isinstance(table.duration, tuple):
        duration = np.repeat(duration, n_events)
    if len(duration) != n_events:
        raise _length(config, (*keys, "duration"), n_events, len(duration))
    if (duration < 0).any():
        raise config.document.error((*keys, "duration"), "a duration is negative")
    columns = {}
    for name, given in table.properties.items():
        way = (*keys, "properties", name, "values")
        if len(given.values) != n_events:
            raise _length(config, way, n_events, len(given.values))
        kinds = {bool: "truth values", str: "text", int: "numbers", float: "numbers"}
        flat = list(_flat(given.values))
        if len({kinds.get(type(value), "other") for value in flat}) > 1:
            raise config.document.error(way, "the values are of different kinds")
        try:
            column = Column(values=np.array(given.values), unit=given.unit, origin=Origin.USER)
        except (ValueError, OverflowError) as error:  # ragged lists, dates, ...
            raise config.document.error(
                way,
                "the values make no column",
                expected="numbers, text or truth values, or lists of one length of them",
            ) from error
        columns[name] = column
    return duration, columns


def _flat(values: Any) -> Any:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _flat(value)
        else:
            yield value


def _length(config: Configuration, keys: Keys, expected: int, found: int) -> OptionError:
    return config.document.error(
        keys, "wrong length", expected=f"{expected}, one an event", found=str(found)
    )


def _from_csv(
    path: Path, table: EventTable
) -> tuple[str, NDArray[Any], NDArray[np.float64], dict[str, Column]]:
    header, rows = _read(path)
    kinds = [name for name in _PLACES if name in header]
    if len(kinds) != 1 or len(set(header)) != len(header) or "" in header:
        raise OptionError(
            "line 1: the header is not that of a table of events",
            expected="different names, one of them count, time or frame",
            found=", ".join(header)[:200],
            path=path,
            cure="separate the columns by commas, and name them in the first line",
        )
    unknown = sorted(set(table.units) - set(header))
    if unknown:
        raise OptionError(
            f"there is no column {unknown[0]!r} to have a unit",
            expected=", ".join(header),
            path=path,
        )
    cells = {name: [(n, row[i].strip()) for n, row in rows] for i, name in enumerate(header)}
    kind = kinds[0]
    places = _numbers(path, kind, cells.pop(kind), whole=kind != "time", empty=False)
    duration = np.full(len(rows), np.nan)
    if "duration" in cells:
        duration = _numbers(path, "duration", cells.pop("duration"))
        if (duration < 0).any():
            raise OptionError("a duration is negative", path=path)
    columns = {
        name: Column(values=_guess(column), unit=table.units.get(name, ""), origin=Origin.USER)
        for name, column in cells.items()
    }
    return kind, places, duration, columns


def _read(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    with path.open("rb") as file:
        raw = file.read(_MAX_BYTES + 1)
    if len(raw) > _MAX_BYTES:
        raise OptionError("this table is too large", expected=f"{_MAX_BYTES} bytes", path=path)
    try:
        reader = csv.reader(raw.decode("utf-8-sig").splitlines(), strict=True)
        table = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise OptionError(f"this is no table: {error}", path=path) from error
    header = [name.strip() for name in table[0][1]] if table else []
    for number, row in table[1:]:
        if len(row) != len(header):
            raise OptionError(
                f"line {number} does not fit the header",
                expected=f"{len(header)} fields: {', '.join(header)}",
                found=f"{len(row)}",
                path=path,
            )
    return header, table[1:]


def _numbers(
    path: Path, name: str, cells: list[tuple[int, str]], *, whole: bool = False, empty: bool = True
) -> NDArray[Any]:
    values: list[float] = []
    for number, text in cells:
        try:
            value = int(text) if whole else float(text) if text or not empty else math.nan
            if "_" in text:
                raise ValueError("Python's own way to write it")
            if whole and not -(2**63) <= value < 2**63:
                raise ValueError("too large")
            if text and not math.isfinite(value):
                raise ValueError("not finite")
        except ValueError:
            raise OptionError(
                f"line {number}: {name} is no {'whole ' if whole else ''}number",
                found=repr(text)[:100],
                path=path,
            ) from None
        values.append(value)
    return np.array(values, np.int64 if whole else np.float64)


def _guess(cells: list[tuple[int, str]]) -> NDArray[Any]:
    """Return a property: whole numbers, numbers (an empty cell is NaN), or text.

    Names of wells or trials, "1_2" or "007", are text: as numbers, others could share them.
    """
    texts = [text for _, text in cells]
    if any(_NAME.fullmatch(text) for text in texts):
        return np.array(texts, str)
    try:
        return np.array([int(text) for text in texts], np.int64)
    except (ValueError, OverflowError):
        pass
    try:
        return np.array([float(text) if text else math.nan for text in texts], np.float64)
    except ValueError:
        return np.array(texts, str)
