"""Columns of the tables of NWB files (DynamicTable), ragged ones included."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from wormio.errors import CorruptRecordingError
from wormio.storage.foreign_hdf5 import has

from wormio_nwb.reading import MAX_VALUES, Nwb, plain

if TYPE_CHECKING:
    import h5py

__all__ = ["read_column", "read_ragged", "row_ends"]


def row_ends(nwb: Nwb, table: h5py.Group, name: str, n_values: int) -> NDArray[np.int64]:
    """Return where each row of a ragged column ends in its values.

    Raises
    ------
    CorruptRecordingError
        The index is none.
    """
    source = nwb.dataset(table, f"{name}_index")
    wrong = source.ndim != 1 or source.dtype.kind not in "iu" or source.size > MAX_VALUES
    ends = np.zeros(0, np.int64) if wrong else np.asarray(source[()], np.int64)
    bounds = np.concatenate([[0], ends])
    if wrong or (np.diff(bounds) < 0).any() or bounds[-1] > n_values:
        raise CorruptRecordingError(
            f"{source.name} is no index into {name}",
            expected=f"whole numbers that rise to at most {n_values}",
            found=f"{source.dtype} of shape {source.shape}",
        )
    return ends


def read_ragged(nwb: Nwb, table: h5py.Group, name: str) -> list[Any]:
    """Return a column as one value a row, a list where the column is ragged.

    Raises
    ------
    CorruptRecordingError
        It holds neither numbers nor text, or its index does not fit.
    """
    values = nwb.value(table, name)
    if not isinstance(values, list):
        raise CorruptRecordingError(f"column {name} holds no rows", found=f"{values!r}"[:100])
    if not has(table, f"{name}_index"):
        return values
    ends = row_ends(nwb, table, name, len(values)).tolist()
    return [values[first:stop] for first, stop in zip([0, *ends], ends, strict=False)]


def read_column(nwb: Nwb, table: h5py.Group, name: str, n_rows: int) -> NDArray[Any]:
    """Return a column as an array of numbers or text; the rows of a ragged one as JSON.

    Raises
    ------
    CorruptRecordingError
        It holds neither, or has not so many rows.
    """
    ragged = has(table, f"{name}_index")
    if ragged and has(table, f"{name}_index_index"):
        raise CorruptRecordingError(f"column {name} is ragged twice")
    rows: Any
    if ragged:
        rows = [json.dumps(row) for row in read_ragged(nwb, table, name)]
    else:
        source = nwb.dataset(table, name)
        if source.dtype.kind in "biuf" and source.size <= MAX_VALUES:
            rows = np.asarray(source[()])
        else:
            rows = nwb.value(table, name)
    n_found = len(rows) if isinstance(rows, (list, np.ndarray)) and np.shape(rows) else -1
    if n_found != n_rows:
        raise CorruptRecordingError(
            f"column {name} has not as many rows as its table",
            expected=str(n_rows),
            found=str(max(n_found, 0)),
        )
    if isinstance(rows, np.ndarray):
        return rows.astype(rows.dtype.newbyteorder("="))
    return np.array([one if isinstance(one, str) else json.dumps(plain(one)) for one in rows], "U")
