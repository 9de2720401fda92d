"""CameraFrameData.txt and LabJackData.txt: what the camera and the DAQ wrote themselves.

Columns are known by their place, as the lab's timing code takes them. LabJackData: function
generator (V), z sensor (V), generator's sync, camera trigger, count of saved frames, count of
frames, stage x, stage y; 1,000 rows a second. CameraFrameData: count of frames, count of saved
frames, DC offset, standard deviation of the image; one row a frame that the camera took.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError
from wormio.formats.nerve.rows import Rows, check_rows, whole_numbers
from wormio.model import Finding

__all__ = ["read_raw"]

_RATE = 1000.0
_Z, _SAVED, _X, _Y = 1, 4, 6, 7
_DAQ_COLUMNS, _CAMERA_COLUMNS = 5, 2
_TOTAL, _CAMERA_SAVED = 0, 1
Floats = NDArray[np.float64]


def read_raw(camera_table: Path, daq_table: Path) -> Rows:
    """Read both tables.

    Raises
    ------
    CorruptRecordingError
        A row cannot be read, or no frame was saved.
    """
    header, daq = _read(daq_table, _DAQ_COLUMNS)
    _check_header(header, daq.shape[1], daq_table)
    saved_row, frame = _risen(daq[:, _SAVED], "the count of saved frames", daq_table)
    # The last sample before the count rises is the frame's own; the lab counts samples from 1.
    sample = saved_row - 1
    every = np.arange(frame[-1] + 1)
    columns = {"time": saved_row / _RATE, "z": daq[sample, _Z]}
    if daq.shape[1] > _Y:
        columns |= {"stage_x": daq[sample, _X], "stage_y": daq[sample, _Y]}
    found = {name: np.interp(every, frame, values) for name, values in columns.items()}
    time, volts = found.pop("time"), found.pop("z")
    check_rows(time, volts, daq_table)
    findings: list[Finding] = []
    missed = ~np.isin(every, frame)
    if missed.any():
        findings.append(
            Finding(
                code="daq-missed-frames",
                message=f"the DAQ's count of saved frames jumps over {int(missed.sum())} of "
                f"{len(every)} frames: their time and z are interpolated",
            )
        )
    camera_header, camera = _read(camera_table, _CAMERA_COLUMNS)
    taken_row, number = _risen(camera[:, _CAMERA_SAVED], "the count of saved frames", camera_table)
    count = None
    if len(number) == len(every) and np.array_equal(number, every):
        count = whole_numbers(camera[taken_row, _TOTAL], "the count of frames", camera_table)
        if (np.diff(count) <= 0).any():
            raise CorruptRecordingError("the count of frames does not increase", path=camera_table)
        if camera.shape[1] > _CAMERA_COLUMNS:
            found["image_sd"] = camera[taken_row, -1]
    else:
        findings.append(
            Finding(
                code="camera-and-daq-disagree",
                message=f"the camera's table has {len(number)} saved frames, the DAQ's "
                f"{len(every)}: dropped frames are not known",
            )
        )
    return Rows(
        time=time,
        volts=volts,
        interpolated=missed,
        stack=None,
        count=count,
        extra=found,
        flash=np.zeros(0, np.int64),
        parts=(camera_table, daq_table),
        findings=tuple(findings),
        metadata={
            "rows": len(every),
            "tables": f"{camera_table.name}, {daq_table.name}",
            "daq_columns": header,
            "camera_columns": camera_header,
        },
    )


def _read(path: Path, columns: int) -> tuple[list[str], Floats]:
    """Read a table with at most one line of header."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = file.readline(10_000)
        header = [name.strip() for name in first.strip().lstrip("#").split("\t")]
        if _is_number(header[0].split()[0] if header[0].split() else ""):
            header = []
            file.seek(0)
        begin = file.tell()
        empty = not file.read(1000).strip()
        file.seek(begin)
        try:
            # Of nothing, numpy warns instead of raising.
            rows = np.empty((0, 0)) if empty else np.loadtxt(file, ndmin=2, comments=None)
        except ValueError as error:
            raise CorruptRecordingError(
                "a row cannot be read",
                expected="as many numbers as in the first row",
                found=f"{str(error).split(';')[0]} (rows are counted after the header)",
                path=path,
                cure="if the acquisition was cut off, remove the incomplete last row",
            ) from error
    if rows.shape[0] < 2 or rows.shape[1] < columns:
        raise CorruptRecordingError(
            "the table is empty or too narrow",
            expected=f"at least 2 rows of at least {columns} columns",
            found=f"{rows.shape[0]} rows of {rows.shape[1]}",
            path=path,
        )
    if not np.isfinite(rows).all():
        at = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise CorruptRecordingError(
            f"row {at} holds something that is no finite number", found=str(rows[at]), path=path
        )
    return header, rows


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _check_header(header: list[str], n_columns: int, path: Path) -> None:
    """Raise if the header puts the z sensor elsewhere: then the columns are not those known."""
    plain = ["".join(name.lower().split()) for name in header]
    if len(header) == n_columns and "zsensor" in plain and plain.index("zsensor") != _Z:
        raise CorruptRecordingError(
            "the columns are in an order that is not known here",
            expected=f"the z sensor in column {_Z + 1}",
            found=", ".join(header),
            path=path,
        )


def _risen(values: Floats, name: str, path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows at which a counter has risen, and by how much since the first rise."""
    counter = whole_numbers(values, name, path)
    step = np.diff(counter)
    rows = np.flatnonzero(step > 0) + 1
    falls = np.flatnonzero(step < 0) + 1
    if not len(rows):
        raise CorruptRecordingError(f"{name} never rises: no frame was saved", path=path)
    if len(falls) and falls[-1] > rows[0]:
        # A fall before the first rise is the end of an earlier recording.
        raise CorruptRecordingError(
            f"{name} falls at row {int(falls[-1])}",
            expected="a counter that only rises while frames are saved",
            found=f"{counter[falls[-1] - 1]}, then {counter[falls[-1]]}",
            path=path,
            cure="the table may hold two recordings: keep the rows of one",
        )
    return rows, counter[rows] - counter[rows[0]]
