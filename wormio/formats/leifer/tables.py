"""Reading the tab-separated tables, strictly."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError, MissingPartError
from wormio.formats.leifer.names import DAQ_HEADER, DAQ_TABLE, FRAMES_HEADER, FRAMES_TABLE, Z_SCAN

__all__ = ["DaqTable", "FramesTable", "read_daq", "read_frames_table", "read_z_scan"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Counters beyond this are no counters (and would overflow what is computed with them).
_MAX_COUNT = 2**40


@attrs.frozen
class FramesTable:
    """framesDetails.txt: one row a saved frame.

    Parameters
    ----------
    time : (F,) float64
        Camera time in s.
    count : (F,) int64
        Camera frame counter since the start of acquisition.
    """

    time: Floats
    count: Ints


@attrs.frozen
class DaqTable:
    """other-frameSynchronous.txt: one row a camera trigger that the DAQ saw.

    Parameters
    ----------
    count : (R,) int64
    volts : (R,) float64
        Piezo monitor.
    direction : (R,) float64
        +1 or -1 as the DAQ says; the sign's meaning is the microscope's.
    volume : (R,) int64
        -1 where the DAQ does not count volumes.
    stage : (R, 2) float64
        Ludl X and Y, in the stage's units.
    gate : (R,) bool, optional
        Laser gate of pump-probe recordings.
    columns : tuple of str
        The header.
    """

    count: Ints
    volts: Floats
    direction: Floats
    volume: Ints
    stage: Floats
    gate: NDArray[np.bool_] | None
    columns: tuple[str, ...]


def read_frames_table(folder: Path) -> FramesTable:
    """Read framesDetails.txt.

    Raises
    ------
    MissingPartError, CorruptRecordingError
    """
    _, rows = _read(folder / FRAMES_TABLE, FRAMES_HEADER, may_follow=0)
    return FramesTable(rows[:, 0], _integers(rows[:, 1], folder / FRAMES_TABLE, "frameCount"))


def read_daq(folder: Path) -> DaqTable:
    """Read other-frameSynchronous.txt.

    Raises
    ------
    MissingPartError, CorruptRecordingError
    """
    path = folder / DAQ_TABLE
    columns, rows = _read(path, DAQ_HEADER, may_follow=1)
    return DaqTable(
        count=_integers(rows[:, 0], path, DAQ_HEADER[0]),
        volts=rows[:, 1],
        direction=rows[:, 2],
        volume=_integers(rows[:, 3], path, DAQ_HEADER[3]),
        stage=rows[:, 4:6],
        gate=rows[:, 6] > 0.5 if rows.shape[1] > len(DAQ_HEADER) else None,
        columns=columns,
    )


def read_z_scan(folder: Path) -> dict[str, Any] | None:
    """Read zScan.json; None if it is not there.

    Raises
    ------
    CorruptRecordingError
        It is no JSON object, or its ``V/um`` is not a positive number.
    """
    path = folder / Z_SCAN
    if not path.is_file():
        return None
    try:
        settings = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise CorruptRecordingError(f"no valid JSON: {error}", path=path) from error
    volts = settings.get("V/um") if isinstance(settings, dict) else None
    if isinstance(volts, bool) or not isinstance(volts, (int, float)) or not 0 < volts < np.inf:
        raise CorruptRecordingError(
            "the z calibration is unusable",
            expected='an object with a positive number "V/um"',
            found=f"{volts!r}",
            path=path,
            cure="mend the file",
        )
    return dict(settings)


def _read(path: Path, header: Sequence[str], *, may_follow: int) -> tuple[tuple[str, ...], Floats]:
    if not path.is_file():
        raise MissingPartError(
            "a part of the recording is missing",
            expected=f"the file {path.name}",
            path=path,
            cure="copy the whole folder of the recording",
        )
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = file.readline(10_000)
        columns = tuple(name.strip() for name in first.rstrip("\r\n\t").split("\t"))
        expected = tuple(header)
        too_many = len(columns) - len(expected) > may_follow
        if columns[: len(expected)] != expected or too_many:
            raise CorruptRecordingError(
                "the header is not the one of this table",
                expected=repr("\t".join(expected)),
                found=repr(first[:200]),
                path=path,
            )
        try:
            rows = np.loadtxt(file, ndmin=2, comments=None)
        except ValueError as error:
            raise CorruptRecordingError(
                "a row cannot be read",
                expected=f"{len(columns)} numbers a row",
                found=f"{error} (rows are counted after the header)",
                path=path,
                cure="if the acquisition was cut off, remove the incomplete last row",
            ) from error
        except UserWarning:
            rows = np.empty((0, 0))
    if not rows.size:
        raise CorruptRecordingError(
            "the table is empty", expected="one row a frame", found="only the header", path=path
        )
    if rows.shape[1] != len(columns):
        raise CorruptRecordingError(
            "rows and header differ",
            expected=f"{len(columns)} numbers a row",
            found=f"{rows.shape[1]}",
            path=path,
        )
    if not np.isfinite(rows).all():
        at = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise CorruptRecordingError(
            f"row {at} holds something that is no finite number", found=str(rows[at]), path=path
        )
    return columns, rows


def _integers(values: Floats, path: Path, column: str) -> Ints:
    wrong = (values != np.floor(values)) | (np.abs(values) > _MAX_COUNT)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise CorruptRecordingError(
            f"row {at} of column {column!r} is no whole number",
            expected="a counter",
            found=str(values[at]),
            path=path,
        )
    return values.astype(np.int64)
