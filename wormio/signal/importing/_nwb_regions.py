"""The regions of a series in NWB files, and their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from wormio.errors import CorruptRecordingError, OptionError
from wormio.storage.foreign_hdf5 import dataset, has

if TYPE_CHECKING:
    import h5py

__all__ = ["Regions", "read_regions", "words"]

_COLUMNS = ("ID_labels", "neuropal_ids", "labels", "label")


@attrs.frozen
class Regions:
    """Rows of the table of regions that a series has traces of, in its order."""

    ids: tuple[int, ...]
    labels: tuple[str, ...]


def words(value: Any) -> str:
    """Return text of an attribute or dataset, however it is stored."""
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size == 1 else ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def read_regions(
    series: h5py.Group, path: Path, wanted: Iterable[str] | str | None, *, trust: bool
) -> Regions | None:
    """Return the regions of a series; None if it does not refer to a table.

    Raises
    ------
    OptionError
        The table has no column of the name that is wanted, or labels do not fit.
    CorruptRecordingError
        The rows are not in the table.
    """
    import h5py

    folder = path.absolute().parent
    if not has(series, "rois"):
        return None
    rois = dataset(series, "rois", folder=folder, trust=trust)
    rows = np.asarray(rois[()]).ravel()
    reference = rois.attrs.get("table")
    table = series.file[reference] if isinstance(reference, h5py.Reference) else None
    if not isinstance(table, h5py.Group) or not has(table, "id") or rows.dtype.kind not in "iu":
        return None
    ids = np.asarray(dataset(table, "id", folder=folder, trust=trust)[()]).ravel()
    if len(rows) and (rows.min() < 0 or rows.max() >= len(ids)):
        raise CorruptRecordingError(
            f"{rois.name} names regions that are not in the table",
            expected=f"rows 0 to {len(ids) - 1} of {table.name}",
            found=f"{rows.min()} to {rows.max()}",
            path=path,
        )
    chosen = tuple(int(one) for one in ids[rows])
    if wanted is not None and not isinstance(wanted, str):
        return Regions(chosen, tuple(wanted))
    names = _names(table, wanted, len(ids), folder, path, trust)
    if names is None:
        return Regions(chosen, _unique([""] * len(rows), chosen))
    return Regions(chosen, _unique([names[row] for row in rows], chosen))


def _names(
    table: h5py.Group, wanted: str | None, n: int, folder: Path, path: Path, trust: bool
) -> list[str] | None:
    columns = (wanted,) if wanted is not None else _COLUMNS
    for name in columns:
        if not has(table, name):
            continue
        values = np.asarray(dataset(table, name, folder=folder, trust=trust)[()]).ravel()
        texts = [one if isinstance(one, str) else words(one) or _number(one) for one in values]
        if not has(table, f"{name}_index"):
            ends = np.arange(1, len(texts) + 1)
        else:
            source = dataset(table, f"{name}_index", folder=folder, trust=trust)
            ends = np.asarray(source[()]).ravel().astype(np.int64)
        starts = np.concatenate([[0], ends[:-1]])
        if len(ends) != n or (starts > ends).any() or (n and (ends[-1] > len(texts))):
            raise CorruptRecordingError(
                f"{table.name}/{name} does not fit the table",
                expected=f"{n} rows",
                found=f"{len(ends)} rows",
                path=path,
            )
        # Some files hold a name as a list of its letters.
        letters = all(len(text) <= 1 for text in texts)
        glue = "" if letters else " "
        return [
            glue.join(texts[a:b]).strip()
            for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
        ]
    if wanted is not None:
        raise OptionError(
            f"the table of regions has no column {wanted!r}",
            expected="one of " + ", ".join(list(table)[:20]),
            path=path,
        )
    return None


def _number(value: Any) -> str:
    return str(value.item()) if isinstance(value, np.generic) and value.dtype.kind in "iuf" else ""


def _unique(names: list[str], ids: tuple[int, ...]) -> tuple[str, ...]:
    """Return names that differ: where one is missing or shared, the id of the region helps."""
    times = Counter(names)
    made = [
        name if name and times[name] == 1 else f"{name} ({number})" if name else str(number)
        for name, number in zip(names, ids, strict=True)
    ]
    if len(set(made)) == len(made):
        return tuple(made)
    # A series may hold a region twice, or a name be that of another's number.
    return tuple(f"{name} [{at}]" for at, name in enumerate(made))
