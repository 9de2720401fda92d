"""Finding rows by their counters."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["search_rows"]


def search_rows(
    place: NDArray[Any], wanted: NDArray[Any], side: Literal["left", "right"] = "left"
) -> NDArray[np.int64]:
    """Return what `numpy.searchsorted` returns; where counters have no gap, without a search.

    Parameters
    ----------
    place : (R,)
        Counters or times of rows, not decreasing.
    wanted : (F,)
    side : {"left", "right"}
    """
    whole = place.dtype.kind == wanted.dtype.kind == "i"
    if whole and len(place) and (place[1:] - place[:-1] == 1).all():
        rows = wanted - place[0] + (1 if side == "right" else 0)
        return np.asarray(np.clip(rows, 0, len(place)), np.int64)
    return np.searchsorted(place, wanted, side=side)
