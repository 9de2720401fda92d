"""Neuron positions as a CSV table, which `wormio.read_positions` reads back."""

from __future__ import annotations

import csv
import io
import os

import numpy as np

from wormio.model import Positions
from wormio.storage.atomic import refuse_existing, write_atomically

__all__ = ["positions_to_csv"]


def positions_to_csv(
    positions: Positions, path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write positions as a table: label, (volume,) z, y, x; numbers in full.

    A neuron that was not found in a volume has no row there; a static one that was not found has
    empty cells.

    Parameters
    ----------
    positions : Positions
    path : path-like
    overwrite : bool

    Raises
    ------
    OutputExistsError
        There is a file already, and `overwrite` is false.
    """
    if not overwrite:
        refuse_existing(path)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    z = f"z_{positions.z_unit}"
    if positions.is_tracked:
        table.writerow(["label", "volume", z, "y", "x"])
        for volume, coords in enumerate(positions.coords):
            for label, zyx in zip(positions.labels, coords, strict=True):
                if np.isfinite(zyx).all():
                    table.writerow([label, volume, *map(_cell, zyx.tolist())])
    else:
        table.writerow(["label", z, "y", "x"])
        for label, zyx in zip(positions.labels, positions.coords, strict=True):
            table.writerow([label, *map(_cell, zyx.tolist())])
    write_atomically(path, text.getvalue().encode(), overwrite=overwrite)


def _cell(value: float) -> str:
    return "" if np.isnan(value) else repr(value)
