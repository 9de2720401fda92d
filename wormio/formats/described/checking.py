"""What the types of a description cannot say: keys that need or exclude each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import attrs

from wormio.formats.described.schema import (
    LEAST,
    MOST,
    Description,
    EventTable,
    FrameFiles,
    FramesTable,
    Given,
    Scan,
    TableKeys,
    VolumeRule,
)
from wormio.registry.toml import Document, Keys

__all__ = ["check"]

_SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# Numbers of bytes, of columns: what is larger overflows.
_MOST = 2**40
_POSITIVE = {"rows", "columns", "planes", "frames_per_volume", "rate", "z", "y", "x"}
_POSITIVE |= {"um_per_unit", "um_per_pixel", "per_um"}


def check(description: Description, document: Document) -> None:
    """Raise if a description contradicts itself.

    Raises
    ------
    OptionError
        With file, line and key.
    """
    say = document.error
    if not _SLUG.fullmatch(description.name):
        raise say(("name",), "this must be a slug", expected="lower-case letters, digits, hyphens")
    if description.match is not None and not description.match.files:
        raise say(("match", "files"), "no file is named: every folder would match")
    _unique(document, ("channels",), [channel.name for channel in description.channels])
    for i, channel in enumerate(description.channels):
        for key in ("excitation_nm", "emission_nm"):
            length = getattr(channel, key)
            if length is not None and length <= 0:
                raise say(("channels", i, key), "this is no wavelength", found=str(length))
    extra = (*description.frames_table.extra, *(description.scan.extra if description.scan else ()))
    _unique(document, ("scan", "extra"), [one.name for one in extra])
    if not description.channels:
        raise say(("channels",), "there is no channel")
    _check_frames(description.frames, document)
    _check_frames_table(description.frames_table, document)
    if description.scan is not None:
        _check_scan(description.scan, description.frames_table, document)
    _check_volumes(description.volumes, description.scan or Scan(), document)
    _unique(document, ("events",), [one.name for one in description.events])
    for i, one in enumerate(description.events):
        _check_events(one, description.frames_table, document, ("events", i))
    _check_numbers(description, document)
    for keys, value in _leaves(description, ()):
        if keys[-1] == "file" and keys[0] != "frames" and isinstance(value, str):
            _check_name(value, keys, document)


def _check_frames(frames: FrameFiles, document: Document) -> None:
    try:
        frames.pattern  # noqa: B018 (compiles it)
    except re.error as error:
        raise document.error(
            ("frames", "file"), f"this is no regular expression: {error}", found=repr(frames.file)
        ) from error
    if frames.byte_order is None and frames.dtype not in {"uint8", "int8"}:
        raise document.error(
            ("frames",), "the key 'byte_order' is missing", expected="little or big"
        )


def _check_table(table: TableKeys, document: Document, keys: Keys) -> None:
    if not table.header and len(table.headers) != 1:
        raise document.error(
            keys, "a table without header needs the names of its columns in 'columns'"
        )
    if table.columns and table.generations:
        raise document.error((*keys, "columns"), "'columns' and 'generations' exclude each other")
    for names in table.headers:
        _unique(document, (*keys, "columns"), list(names))


def _check_time(document: Document, keys: Keys, time: object, unit: object) -> None:
    if (time is None) != (unit is None):
        raise document.error(keys, "'time' and 'time_unit' belong together")


def _check_frames_table(table: FramesTable, document: Document) -> None:
    _check_table(table, document, ("frames_table",))
    _check_time(document, ("frames_table",), table.time, table.time_unit)
    if table.time is not None and table.rate is not None:
        raise document.error(("frames_table", "rate"), "a column tells the time already")


def _check_scan(scan: Scan, frames: FramesTable, document: Document) -> None:
    _check_table(scan, document, ("scan",))
    _check_time(document, ("scan",), scan.time, scan.time_unit)
    here = {"counter": scan.counter, "time": scan.time, "row": ""}[scan.join]
    there = {"counter": frames.counter, "time": frames.time, "row": ""}[scan.join]
    if here is None or there is None or (scan.join != "row" and scan.file is None):
        raise document.error(
            ("scan", "join"),
            f"to join by {scan.join}, [scan] needs 'file', and both it and [frames_table] "
            f"the key {scan.join!r}",
        )
    if scan.z is not None and scan.z_unit == "other" and scan.um_per_unit is None:
        raise document.error(("scan", "z_unit"), "this needs the key 'um_per_unit'")


def _check_volumes(rule: VolumeRule, scan: Scan, document: Document) -> None:
    columns = {"from_scan": ("z", scan.z), "from_volume_index": ("volume", scan.volume)}
    numbers = {
        "regular": ("planes", rule.planes),
        "from_modulo": ("frames_per_volume", rule.frames_per_volume),
    }
    for where, needed in (("[scan]", columns), ("[volumes]", numbers)):
        for policy in rule.policies:
            name, value = needed.get(policy, ("", ""))
            if value is None:
                raise document.error(
                    ("volumes", "policy"), f"{policy!r} needs the key {name!r} of {where}"
                )
    if not rule.policies:
        raise document.error(("volumes", "policy"), "no rule is named")
    wanted = {"z": scan.z, "column": scan.direction, "none": ""}[rule.direction]
    if wanted is None:
        raise document.error(("volumes", "direction"), "[scan] has no such column")
    if not 0 <= rule.order < rule.window or rule.window % 2 == 0 or rule.window > _MOST:
        raise document.error(
            ("volumes", "window"), "impossible smoothing", expected="an odd number above 'order'"
        )


def _check_events(table: EventTable, frames: FramesTable, document: Document, keys: Keys) -> None:
    _check_table(table, document, keys)
    _check_time(document, keys, table.time, table.time_unit)
    if (table.counter is None) == (table.time is None):
        raise document.error(keys, "events are placed by either 'counter' or 'time'")
    if table.time is not None and frames.time is None:
        raise document.error((*keys, "time"), "[frames_table] has no column of time")
    if table.snap_to_gate and table.counter is None:
        raise document.error((*keys, "snap_to_gate"), "only events with a counter can be moved")
    if not all(one.columns for one in table.properties):
        raise document.error((*keys, "properties"), "a property needs columns")


def _check_numbers(description: Description, document: Document) -> None:
    for keys, value in _leaves(description, ()):
        if isinstance(value, Given):
            _check_given(value, description, document, keys)
        elif isinstance(value, float) and keys[-1] in _POSITIVE and not LEAST <= value <= MOST:
            raise document.error(
                keys,
                "impossible number",
                expected=f"a positive number from {LEAST:g} to {MOST:g}",
                found=str(value),
            )
        elif isinstance(value, int) and not isinstance(value, bool):
            column = keys[-1] in {"counter", "time", "z", "direction", "volume", "gate", "column"}
            if not int(column) <= value <= _MOST:
                raise document.error(
                    keys,
                    "impossible number",
                    expected="a column, counted from 1" if column else "0 or more",
                    found=str(value),
                )


def _check_given(given: Given, description: Description, document: Document, keys: Keys) -> None:
    named = [n for n in ("option", "group", "file") if getattr(given, n) is not None]
    if len(named) != 1 or (given.file is not None) != bool(given.keys):
        raise document.error(
            keys,
            "this does not say where the number is",
            expected="{ option = ... } or { group = ... } or { file = ..., key = ... }",
            found=", ".join(named) or "none of them",
        )
    if given.option is not None and given.option not in description.options:
        raise document.error(
            keys,
            f"the option {given.option!r} is not declared",
            expected=", ".join(description.options) or f"a table [options.{given.option}]",
        )
    groups = description.frames.pattern.groupindex if keys[0] == "frames" else {}
    if given.group is not None and given.group not in groups:
        raise document.error(
            keys,
            f"there is no group {given.group!r}",
            expected=f"(?P<{given.group}>...) in 'file' of [frames], for 'rows' and 'columns' only",
        )
    if given.file is not None:
        _check_name(given.file, keys, document)


def _check_name(name: str, keys: Keys, document: Document) -> None:
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise document.error(
            keys, "this must be the name of a file in the recording's folder", found=repr(name)
        )


def _unique(document: Document, keys: Keys, names: list[str]) -> None:
    if len(set(names)) != len(names):
        raise document.error(keys, "names must be unique", found=", ".join(names))


def _leaves(value: Any, keys: Keys) -> Iterator[tuple[Keys, Any]]:
    """Return everything below a value that is no table, and each `Given`."""
    if isinstance(value, tuple):
        for i, one in enumerate(value):
            yield from _leaves(one, (*keys, i))
    elif attrs.has(type(value)) and not isinstance(value, Given):
        for field in attrs.fields(type(value)):
            yield from _leaves(getattr(value, field.name), (*keys, field.name))
    else:
        yield keys, value
