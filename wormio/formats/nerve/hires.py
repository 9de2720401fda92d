"""hiResData.mat: the table of saved frames that the lab's timing code computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError
from wormio.formats.mat.opening import read_mat
from wormio.formats.mat.tree import MatOther, MatStruct, describe, find, numbers
from wormio.formats.nerve.rows import Rows, check_rows, whole_numbers
from wormio.model import Finding

__all__ = ["read_hires"]

_STAGE = (("stage_x", "xPos"), ("stage_y", "yPos"), ("image_sd", "imSTD"))


def read_hires(path: Path) -> Rows:
    """Read the structure ``dataAll``.

    Raises
    ------
    TruncatedRecordingError, CorruptRecordingError
    """
    mat = read_mat(path)
    inside = "dataAll." if isinstance(mat.variables.get("dataAll"), MatStruct) else ""

    def column(field: str) -> NDArray[np.float64] | None:
        if isinstance(find(mat.variables, inside + field), MatOther):  # [] in MATLAB
            return None
        values = numbers(mat, inside + field)
        return None if values is None else values.ravel(order="F")

    time, volts = column("frameTime"), column("Z")
    if time is None or volts is None or not len(time) or len(time) != len(volts):
        raise CorruptRecordingError(
            "the table of frames is not there",
            expected="dataAll with the fields frameTime and Z, one value a frame each",
            found=describe(mat.variables),
            path=path,
        )
    check_rows(time, volts, path)
    findings: list[Finding] = []
    stack, count = column("stackIdx"), column("imageIdx")
    if stack is not None and len(stack) != len(time):
        findings.append(_odd("stackIdx", len(stack), len(time), "volumes are found from Z"))
        stack = None
    if count is not None and len(count) != len(time):
        findings.append(_odd("imageIdx", len(count), len(time), "dropped frames are not known"))
        count = None
    flash = column("flashLoc")
    columns = {name: column(field) for name, field in _STAGE}
    return Rows(
        time=time,
        volts=volts,
        interpolated=np.zeros(len(time), bool),
        stack=None
        if stack is None
        else _checked_stack(whole_numbers(stack, "stackIdx", path), path),
        count=None
        if count is None
        else _checked_count(whole_numbers(count, "imageIdx", path), path),
        extra={
            name: values
            for name, values in columns.items()
            if values is not None and len(values) == len(time)
        },
        flash=_checked_flash(flash, path),
        parts=(path,),
        findings=tuple(findings),
        metadata={"rows": len(time), "tables": path.name},
    )


def _odd(field: str, found: int, rows: int, consequence: str) -> Finding:
    return Finding(
        code="column-unusable",
        message=f"{field} has {found} values for {rows} frames and is not used: {consequence}",
    )


def _checked_flash(flash: NDArray[np.float64] | None, path: Path) -> NDArray[np.int64]:
    if flash is None:
        return np.zeros(0, np.int64)
    frames = whole_numbers(flash, "flashLoc", path)
    if (frames < 1).any():
        raise CorruptRecordingError(
            "flashLoc counts from 1", found=str(int(frames.min())), path=path
        )
    return frames - 1


def _checked_count(count: NDArray[np.int64], path: Path) -> NDArray[np.int64]:
    back = np.flatnonzero(np.diff(count) <= 0)
    if len(back):
        raise CorruptRecordingError(
            f"imageIdx does not increase at row {int(back[0]) + 1}", path=path
        )
    return count


def _checked_stack(stack: NDArray[np.int64], path: Path) -> NDArray[np.int64]:
    inside = stack[stack > 0]
    if (np.diff(inside) < 0).any():
        raise CorruptRecordingError(
            "stackIdx falls",
            expected="0 outside every volume, else never less than before",
            found=str(inside[1:][np.diff(inside) < 0][0]),
            path=path,
        )
    return stack
