"""Neuron positions out of the segmentation tables of NWB files: the centre of each mask."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from wormio.errors import CorruptRecordingError, FormatError, OptionError, WormioError
from wormio.model import Positions
from wormio.storage.foreign_hdf5 import has, open_foreign

from wormio_nwb.masks import MASKS, centres
from wormio_nwb.reading import Nwb
from wormio_nwb.schema import Schema, kind_of
from wormio_nwb.tables import read_ragged

if TYPE_CHECKING:
    import h5py

__all__ = ["read"]

_LABELS = ("ID_labels", "labels", "neuropal_ids")
_NUMBERED = re.compile(r"(.*?)(\d+)")
_MAX_POSITIONS = 100_000_000


def read(
    path: Path,
    *,
    table: str | None = None,
    labels: str | None = None,
    mask: str | None = None,
    mask_axes: str | None = None,
    trust: str | bool = False,
) -> Positions:
    """Read a segmentation table: the mean of each mask, weighted by the mask's own weights.

    Parameters
    ----------
    path : Path
    table : str, optional
        Path of the table in the file; or of a group of tables whose names end in numbers, one a
        volume (``Seg_tpoint_0``, ``Seg_tpoint_1``, ...). Needed where there are several.
    labels : str, optional
        Column of the neurons' names. Default: ID_labels, labels or neuropal_ids, else the file's
        SegmentationLabels if they are as many, else the rows' ids.
    mask : str, optional
        voxel_mask, pixel_mask, image_mask, ...; default: the first of these that is there.
    mask_axes : str, optional
        Order of the dimensions of image masks, for example ``"YX"``, where neither the schema nor
        the file says it, or the file was written against it.
    trust : bool
        Follow links out of the file's folder.

    Returns
    -------
    Positions
        Static, or tracked of a group of tables. z is the index of the plane (``z_unit`` is
        ``"frame"``); it is 0 where the masks have no z.

    Raises
    ------
    OptionError
        There are several tables, or an option does not fit.
    FormatError
        There is none.
    CorruptRecordingError
        The table contradicts itself.
    """
    chosen_mask = _checked(mask, mask_axes, path)
    with open_foreign(path) as file:
        nwb = Nwb(file, path.absolute().parent, attrs.converters.to_bool(trust))
        found = _choose(nwb, table)
        if isinstance(found, dict):
            return _tracked(nwb, found, labels, chosen_mask, mask_axes)
        names = _names(nwb, found, labels)
        points = centres(nwb, Schema(nwb), found, chosen_mask, mask_axes)
        return Positions.static(points, z_unit="frame", labels=_unique(names, len(points), found))


def _checked(mask: str | None, mask_axes: str | None, path: Path) -> str | None:
    if mask is not None and mask not in MASKS:
        raise OptionError(
            "there is no such kind of mask", expected=", ".join(MASKS), found=mask, path=path
        )
    if mask_axes is not None and sorted(mask_axes) not in (["X", "Y"], ["X", "Y", "Z"]):
        raise OptionError(
            "mask_axes does not name the dimensions of a mask",
            expected="X, Y and perhaps Z, once each: mask_axes='YX'",
            found=repr(mask_axes),
            path=path,
        )
    return mask


def _choose(nwb: Nwb, name: str | None) -> Any:
    """Return a table, or the numbered tables of a group by their numbers."""
    if name is not None:
        try:
            group = nwb.group(nwb.file, name.strip("/") or "/")
        except CorruptRecordingError:
            group = None
        if group is not None and _is_table(group):
            return group
        numbered = {} if group is None else _numbered(nwb, group)
        if numbered:
            return numbered
    found = [
        (path, group)
        for path, group in nwb.groups(skip=frozenset({"specifications", "general"}))
        if not isinstance(group, WormioError) and _is_table(group)
    ]
    if name is None and len(found) == 1:
        return found[0][1]
    listed = "; ".join(f"{path} ({kind_of(group)})" for path, group in found[:50])
    if not found:
        raise FormatError(
            "the file holds no segmentation", expected=f"a table with {' or '.join(MASKS)}"
        )
    if name is not None:
        raise OptionError(f"there is no segmentation {name!r}", expected=f"one of {listed}")
    raise OptionError(
        "the file holds several segmentations: option table is missing",
        expected=f"one of {listed}",
        cure=f"for example table={found[0][0]!r}",
    )


def _is_table(group: h5py.Group) -> bool:
    return any(has(group, name) for name in MASKS)


def _numbered(nwb: Nwb, group: h5py.Group) -> dict[int, h5py.Group]:
    """Return the tables of a group by the numbers that their names end in."""
    found: dict[int, h5py.Group] = {}
    stems = set()
    for name in group:
        match = _NUMBERED.fullmatch(name)
        if match is None or len(match[2]) > 9:
            continue
        table = nwb.group(group, name)
        if _is_table(table):
            stems.add(match[1])
            found[int(match[2])] = table
    return found if len(stems) == 1 else {}


def _tracked(
    nwb: Nwb,
    tables: dict[int, h5py.Group],
    labels: str | None,
    mask: str | None,
    mask_axes: str | None,
) -> Positions:
    """Put one table a volume together; a neuron is who has the same name, NaN where it is not."""
    schema = Schema(nwb)
    order = sorted(tables)
    if order != list(range(order[0], order[0] + len(order))):
        raise CorruptRecordingError(
            "tables of some volumes are missing",
            expected=f"numbers without a gap from {order[0]}",
            found=str(order[:20]),
        )
    rows: dict[str, int] = {}
    found = []
    for number in order:
        points = centres(nwb, schema, tables[number], mask, mask_axes)
        names = _unique(_names(nwb, tables[number], labels), len(points), tables[number])
        found.append((np.array([rows.setdefault(n, len(rows)) for n in names], int), points))
        if len(rows) * len(order) > _MAX_POSITIONS:
            raise CorruptRecordingError("there are more neurons than any recording has")
    coords = np.full((len(order), len(rows), 3), np.nan)
    for index, (at, points) in enumerate(found):
        coords[index, at] = points
    return Positions.tracked(coords, z_unit="frame", labels=list(rows))


def _names(nwb: Nwb, table: h5py.Group, labels: str | None) -> list[str]:
    """Return the names of the rows; "" where a row has none."""
    if labels is not None and not has(table, labels):
        raise OptionError(
            f"there is no column {labels!r} in {table.name}", expected=", ".join(list(table)[:50])
        )
    column = labels or next((name for name in _LABELS if has(table, name)), None)
    if column is not None:
        return [_joined(one) for one in read_ragged(nwb, table, column)]
    ids = [str(one) for one in read_ragged(nwb, table, "id")] if has(table, "id") else []
    return _separate_labels(nwb, len(ids)) or ids


def _separate_labels(nwb: Nwb, n_rows: int) -> list[str]:
    """Return the labels of the only SegmentationLabels that are as many as the rows."""
    found = []
    for _, group in nwb.groups(skip=frozenset({"specifications", "general"})):
        if not isinstance(group, WormioError) and kind_of(group) == "SegmentationLabels":
            labels = [_joined(one) for one in read_ragged(nwb, group, "labels")]
            if len(labels) == n_rows:
                found.append(labels)
    return found[0] if len(found) == 1 else []


def _joined(value: Any) -> str:
    """Return one label; some files hold it letter by letter."""
    if not isinstance(value, list):
        return str(value)
    texts = [str(one) for one in value]
    between = "" if all(len(text) <= 1 for text in texts) else "/"
    return between.join(texts)


def _unique(names: list[str], n_rows: int, table: h5py.Group) -> list[str]:
    """Return the labels, a row's number for those without; repeated ones get a number too."""
    if names and len(names) != n_rows:
        raise CorruptRecordingError(
            f"{table.name} has not as many labels as masks",
            expected=str(n_rows),
            found=str(len(names)),
        )
    made: list[str] = []
    taken: set[str] = set()
    for row, name in enumerate(names or [""] * n_rows):
        base = unique = name.strip() or str(row)
        n = 1
        while unique in taken:
            n += 1
            unique = f"{base}-{n}"
        taken.add(unique)
        made.append(unique)
    return made
