"""Neuron positions from a table: one row a neuron, or one row a neuron and volume."""

from __future__ import annotations

import csv
import math
import operator
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from wormio.errors import FormatError, OptionError
from wormio.formats.positions_napari import is_header
from wormio.model import Positions

__all__ = ["read"]

_Record = tuple[int, int, str, list[float]]
"""Line, volume, label, and (z, y, x)."""

# Places for neurons in all volumes together: more than any table of this many rows describes.
_CELLS = 20_000_000
_CELLS_PER_ROW = 100
_KNOWN = ("label", "volume", "z_um", "z_frame", "z", "y", "x")


def read(path: Path, *, z_unit: str | None = None, n_volumes: int | None = None) -> Positions:
    """Read a CSV or tab-separated table with a header.

    Columns ``y`` and ``x`` are in pixels. z is ``z_um`` (µm) or ``z_frame`` (index of the frame in
    its volume); a plain ``z`` needs `z_unit`. ``label`` names the neuron; ``volume`` (0, 1, ...)
    makes the positions tracked: a neuron without a row in a volume was not found there. An empty
    coordinate is NaN: not found.

    Parameters
    ----------
    path : Path
    z_unit : {"um", "frame"}, optional
    n_volumes : int, optional
        Volumes of tracked positions; default: up to the last that holds a neuron.

    Raises
    ------
    FormatError
        The header or a row is wrong; the message names the line.
    OptionError
        The unit of z is not known, or `n_volumes` does not fit.
    """
    header, rows = _rows(path)
    z_column, unit = _z_column(header, z_unit, path)
    records: list[_Record] = []
    for number, row in rows:
        try:
            if len(row) != len(header):
                raise ValueError(f"{len(row)} fields")
            cells = dict(zip(header, (cell.strip() for cell in row), strict=True))
            records.append(
                (
                    number,
                    int(cells.get("volume", 0)),
                    cells.get("label", ""),
                    [_number(cells[name]) for name in (z_column, "y", "x")],
                )
            )
        except ValueError as error:
            raise FormatError(
                f"line {number} cannot be read: {error}",
                expected=f"{len(header)} fields: {', '.join(header)}",
                found=repr(",".join(row))[:200],
                path=path,
            ) from error
    if not records:
        raise FormatError(
            "there are no neurons", expected="one row a neuron", found="only a header", path=path
        )
    if "volume" not in header:
        if n_volumes is not None:
            raise OptionError(
                "n_volumes means nothing here",
                expected="tracked positions, with a column volume",
                found=", ".join(header),
                path=path,
            )
        labels = [label for *_, label, _ in records] if "label" in header else None
        _check_unique(labels or [], path)
        return Positions.static([zyx for *_, zyx in records], z_unit=unit, labels=labels)
    return _tracked(records, header, unit, path, n_volumes)


def _rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError("this is no text file", found=str(error), path=path) from error
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.startswith("#")
    ]
    delimiter = "\t" if lines and "\t" in lines[0][1] else ","
    try:
        table = [(n, next(csv.reader([line], delimiter=delimiter))) for n, line in lines]
    except csv.Error as error:
        raise FormatError(f"this is no table: {error}", path=path) from error
    header = [name.strip().lower() for name in table[0][1]] if table else []
    if is_header(header):
        raise FormatError(
            "these are points of napari",
            expected="z_um (or z_frame), y, x and optionally label, volume",
            found=", ".join(header)[:200],
            path=path,
            cure="--reader napari --z-unit frame (reader='napari', z_unit='frame' in Python) reads "
            "them; or --z-unit um",
        )
    unknown = [name for name in header if name not in _KNOWN]
    if not {"y", "x"} <= set(header) or len(set(header)) != len(header) or unknown:
        raise FormatError(
            "the header is not that of a table of positions",
            expected="z_um (or z_frame), y, x and optionally label, volume",
            found=", ".join(header)[:200] or "an empty file",
            path=path,
        )
    return header, table[1:]


def _z_column(header: list[str], z_unit: str | None, path: Path) -> tuple[str, Any]:
    if z_unit not in {None, "um", "frame"}:
        raise OptionError("z_unit is unknown", expected="'um' or 'frame'", found=repr(z_unit))
    found = [name for name in ("z_um", "z_frame", "z") if name in header]
    if len(found) != 1:
        raise FormatError(
            "the column of z is not clear",
            expected="one of z_um, z_frame, z",
            found=", ".join(found) or "none",
            path=path,
        )
    unit = {"z_um": "um", "z_frame": "frame"}.get(found[0], z_unit)
    if unit is None:
        raise OptionError(
            "the unit of z is not known",
            expected="a column z_um or z_frame",
            found="a column z",
            path=path,
            cure="say it: --z-unit um or --z-unit frame (z_unit= in Python)",
        )
    if z_unit is not None and z_unit != unit:
        raise OptionError(f"z_unit={z_unit!r} contradicts the column {found[0]}", path=path)
    return found[0], unit


def _number(text: str) -> float:
    value = float(text) if text else math.nan
    if math.isinf(value):
        raise ValueError("an infinite coordinate")
    return value


def _check_unique(labels: list[str], path: Path) -> None:
    twice = sorted(label for label, times in Counter(labels).items() if times > 1)
    if twice:
        raise FormatError(
            "neurons share a label",
            expected="different labels (or a column volume, if the neurons are tracked)",
            found=", ".join(twice[:5]),
            path=path,
        )


def _tracked(
    records: list[_Record], header: list[str], unit: Any, path: Path, n_volumes: int | None
) -> Positions:
    if "label" not in header:
        raise FormatError(
            "tracked positions need labels",
            expected="a column label, the same for one neuron in all volumes",
            found=", ".join(header),
            path=path,
        )
    labels = list(dict.fromkeys(label for *_, label, _ in records))
    column = {label: i for i, label in enumerate(labels)}
    volumes = _n_volumes(records, len(labels), path, n_volumes)
    coords = np.full((volumes, len(labels), 3), np.nan)
    seen = set()
    for number, volume, label, zyx in records:
        if (volume, label) in seen:
            raise FormatError(
                f"line {number}: neuron {label!r} is in volume {volume} twice", path=path
            )
        seen.add((volume, label))
        coords[volume, column[label]] = zyx
    return Positions.tracked(coords, z_unit=unit, labels=labels)


def _n_volumes(records: list[_Record], n_labels: int, path: Path, n_volumes: int | None) -> int:
    """Return how many volumes there are, before anything is allocated for them."""
    if n_volumes is not None:
        try:
            n_volumes = operator.index(int(n_volumes) if isinstance(n_volumes, str) else n_volumes)
        except (TypeError, ValueError):
            raise OptionError(
                "n_volumes is no number", expected="a whole number", found=repr(n_volumes)
            ) from None
    last = max(volume for _, volume, *_ in records)
    found = last + 1 if n_volumes is None else n_volumes
    most = max(_CELLS, _CELLS_PER_ROW * len(records)) // n_labels
    for number, volume, *_ in records:
        if volume < 0:
            raise FormatError(
                f"line {number}: a volume is negative", expected="0, 1, 2, ...", path=path
            )
        if volume >= found:
            raise OptionError(
                f"line {number} lies outside the volumes",
                expected=f"volumes 0 to {found - 1}: n_volumes={found}",
                found=f"volume {volume}",
                path=path,
            )
        if volume >= most:
            raise FormatError(
                f"line {number}: the volume is impossible",
                expected=f"below {most}: the table has {len(records)} rows and {n_labels} neurons",
                found=str(volume),
                path=path,
            )
    if found > most:
        raise OptionError("n_volumes is impossible", expected=f"at most {most}", found=str(found))
    return found
