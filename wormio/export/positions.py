"""Neuron positions as a CSV table, which `wormio.read_positions` reads back."""

from __future__ import annotations

import csv
import io
import os
import re
from pathlib import Path

import numpy as np

from wormio.errors import OptionError
from wormio.model import Positions
from wormio.storage.atomic import refuse_foreign, write_atomically

__all__ = ["positions_to_csv"]


def positions_to_csv(
    positions: Positions, path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write positions as a table: label, (volume,) z, y, x; numbers in full.

    A neuron that was not found in a volume has no row there, or in the first and last volume empty
    cells, so that the table tells all neurons and volumes. Confidence, channel and the volumes'
    frames are not in it.

    Parameters
    ----------
    positions : Positions
    path : path-like
    overwrite : bool

    Raises
    ------
    OutputExistsError
        There is a file already, and `overwrite` is false or it is no such table.
    OptionError
        A label would not come back from a table.
    """
    for label in positions.labels:
        if label != label.strip() or label.startswith("#") or len(label.splitlines()) > 1:
            raise OptionError(
                "a label cannot stand in a table",
                expected="one line without spaces at its ends, that does not begin with #",
                found=repr(label),
            )
    refuse_foreign(path, "table of positions", _is_table, overwrite=overwrite)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    z = f"z_{positions.z_unit}"
    if positions.is_tracked:
        table.writerow(["label", "volume", z, "y", "x"])
        ends = {0, len(positions.coords) - 1}
        for volume, coords in enumerate(positions.coords):
            for label, zyx in zip(positions.labels, coords, strict=True):
                if volume in ends or not np.isnan(zyx).all():
                    table.writerow([label, volume, *map(_cell, zyx.tolist())])
    else:
        table.writerow(["label", z, "y", "x"])
        for label, zyx in zip(positions.labels, positions.coords, strict=True):
            table.writerow([label, *map(_cell, zyx.tolist())])
    write_atomically(path, text.getvalue().encode(), overwrite=overwrite)


def _is_table(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            header = file.read(64).split(b"\n")[0]
    except OSError:
        return False
    return bool(re.fullmatch(rb"label,(volume,)?z_(um|frame),y,x\r?", header))


def _cell(value: float) -> str:
    return "" if np.isnan(value) else repr(value)
