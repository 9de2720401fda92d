"""Neuron positions from a points layer of napari, saved as CSV."""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path

import numpy as np

from wormio.errors import FormatError, OptionError
from wormio.model import Positions

__all__ = ["is_header", "read"]

_LABELS = ("label", "labels", "name", "id")
_MAX_CELLS = 20_000_000


def is_header(names: list[str]) -> bool:
    """Tell whether the first line of a table is that of napari's points."""
    return names[:2] == ["index", "axis-0"]


def read(
    path: Path,
    *,
    z_unit: str | None = None,
    label: str | None = None,
    z_scale: float = 1.0,
    yx_scale: float = 1.0,
    n_volumes: int | None = None,
) -> Positions:
    """Read the points that napari wrote: ``index,axis-0,axis-1,...`` and columns of features.

    Three axes are z, y, x; four are volume, z, y, x: then the points are tracked, and a column of
    labels tells which are one neuron.

    Parameters
    ----------
    path : Path
    z_unit : {"um", "frame"}
        What axis z counts: µm, or planes of a volume in the order they were taken. Never guessed.
    label : str, optional
        Column of the names. Default: the first of ``label``, ``labels``, ``name``, ``id`` that is
        there; static points without one are numbered.
    z_scale, yx_scale : float
        What one unit of z is in `z_unit`, and one of y and x in pixels. napari writes a layer's own
        coordinates, without its scale.
    n_volumes : int, optional
        Volumes of tracked points; default: up to the last that holds one.

    Raises
    ------
    OptionError
        The unit of z is not said, or a column is not there.
    FormatError
        It is no such table; the message names the line.
    """
    if z_unit not in {"um", "frame"}:
        raise OptionError(
            "the unit of z is not known: napari does not write it",
            expected="'um' or 'frame'",
            found="nothing" if z_unit is None else repr(z_unit),
            path=path,
            cure="say it: --z-unit um or --z-unit frame (z_unit= in Python)",
        )
    z_scale, yx_scale = _scale(z_scale), _scale(yx_scale)
    header, rows = _table(path)
    n_axes = sum(re.fullmatch(r"axis-\d+", name) is not None for name in header)
    if n_axes not in {3, 4} or header[1 : n_axes + 1] != [f"axis-{n}" for n in range(n_axes)]:
        raise FormatError(
            "the points are not those of volumes",
            expected="index,axis-0,axis-1,axis-2 (z, y, x) or one axis more (volume, z, y, x)",
            found=", ".join(header)[:200],
            path=path,
        )
    points = np.array([_numbers(row, n_axes, n, path) for n, row in rows]).reshape(-1, n_axes)
    names = _labels(header, [row for _, row in rows], label, path)
    zyx = points[:, -3:] * [z_scale, yx_scale, yx_scale]
    if n_axes == 3:
        if n_volumes is not None:
            raise OptionError("n_volumes means nothing here", expected="tracked points", path=path)
        if names is not None and len(set(names)) != len(names):
            raise FormatError("points share a label", found=_twice(names), path=path)
        return Positions.static(zyx, z_unit=z_unit, labels=names)  # type: ignore[arg-type]
    if names is None:
        raise FormatError(
            "tracked points need labels",
            expected="a column label: the same for one neuron in all volumes",
            found=", ".join(header),
            path=path,
            cure="give the layer a feature 'label', or name its column: label=",
        )
    return _tracked(points[:, 0], zyx, names, z_unit, n_volumes, path)


def _scale(given: float) -> float:
    try:
        value = float(given)
    except (TypeError, ValueError):
        value = math.nan
    if not (value > 0 and math.isfinite(value)):
        raise OptionError("a scale is no positive number", found=repr(given))
    return value


def _table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        table = [(n, row) for n, row in enumerate(csv.reader(lines), start=1) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError("this is no table", found=str(error)[:200], path=path) from error
    header = [name.strip() for name in table[0][1]] if table else []
    if not is_header(header):
        raise FormatError(
            "this is no table of napari's points",
            expected="index,axis-0,axis-1,axis-2,...",
            found=",".join(header)[:200] or "an empty file",
            path=path,
        )
    for number, row in table[1:]:
        if len(row) != len(header):
            raise FormatError(
                f"line {number} has {len(row)} fields",
                expected=f"{len(header)} fields: {', '.join(header)[:200]}",
                path=path,
            )
    if len(table) == 1:
        raise FormatError("there are no points", found="only a header", path=path)
    return header, table[1:]


def _numbers(row: list[str], n_axes: int, line: int, path: Path) -> list[float]:
    try:
        found = [float(cell) for cell in row[1 : n_axes + 1]]
        if not all(map(math.isfinite, found)):
            raise ValueError("a coordinate that is not finite")
    except ValueError as error:
        raise FormatError(
            f"line {line} cannot be read: {error}", found=",".join(row)[:200], path=path
        ) from error
    return found


def _labels(
    header: list[str], rows: list[list[str]], label: str | None, path: Path
) -> list[str] | None:
    if label is not None and label not in header:
        raise OptionError(
            f"there is no column {label!r}", expected=", ".join(header)[:200], path=path
        )
    column = label or next((name for name in _LABELS if name in header), None)
    if column is None:
        return None
    at = header.index(column)
    return [row[at].strip() for row in rows]


def _twice(names: list[str]) -> str:
    seen: set[str] = set()
    return ", ".join([one for one in names if one in seen or seen.add(one)][:5])  # type: ignore[func-returns-value]


def _tracked(
    volume: np.ndarray, zyx: np.ndarray, names: list[str], z_unit: str, n: int | None, path: Path
) -> Positions:
    whole = np.floor(volume + 0.5)
    labels = list(dict.fromkeys(names))
    last = int(whole.max()) + 1
    n_volumes = last if n is None else int(n)
    if (whole != volume).any() or whole.min() < 0 or last > n_volumes:
        raise FormatError(
            "axis-0 does not count volumes",
            expected=f"whole numbers from 0 to {n_volumes - 1}",
            found=f"{volume.min()} to {volume.max()}",
            path=path,
        )
    if n_volumes * len(labels) > max(_MAX_CELLS, 100 * len(names)):
        raise FormatError("axis-0 is no index of volumes", found=f"{n_volumes}", path=path)
    column = {name: at for at, name in enumerate(labels)}
    coords = np.full((n_volumes, len(labels), 3), np.nan)
    for at, name, point in zip(whole.astype(int).tolist(), names, zyx, strict=True):
        place = coords[at, column[name]]
        if not np.isnan(place).all():
            raise FormatError(f"neuron {name!r} is in volume {at} twice", path=path)
        place[:] = point
    return Positions.tracked(coords, z_unit=z_unit, labels=labels)  # type: ignore[arg-type]
