"""Some rows and neurons of everything that a signal holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.signal._fields import ROW_ARRAYS, SAMPLE_ARRAYS

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["part_of"]

Ints = NDArray[np.int64]


def part_of(signal: Signal, rows: slice | Ints | None, columns: Ints | None) -> dict[str, Any]:
    """Return the fields of a signal that change when only a part of it is kept.

    Parameters
    ----------
    signal : Signal
    rows : slice or (K,) int64, optional
        None: all. A run of rows is a view, not a copy.
    columns : (M,) int64, optional
        None: all.
    """
    at = slice(None) if rows is None else rows
    if not isinstance(at, slice) and len(at) and at[-1] - at[0] == len(at) - 1:
        at = slice(int(at[0]), int(at[-1]) + 1)

    def cut(array: NDArray[Any]) -> NDArray[Any]:
        kept = array if rows is None else array[at]
        return kept if columns is None else kept[:, columns]

    arrays = {name: getattr(signal, name) for name in SAMPLE_ARRAYS}
    changes: dict[str, Any] = {
        name: cut(array) for name, array in arrays.items() if array is not None
    }
    if rows is not None:
        changes |= {name: getattr(signal, name)[at] for name in ROW_ARRAYS}
    if columns is not None:
        changes["labels"] = [signal.labels[column] for column in columns]
    if signal.provenance is not None:
        changes["provenance"] = attrs.evolve(
            signal.provenance,
            volumes=signal.provenance.volumes[at],
            centre_frame=cut(signal.provenance.centre_frame),
        )
    return changes
