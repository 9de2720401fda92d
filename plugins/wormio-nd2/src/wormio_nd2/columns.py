"""The recorded data: one value an image for time, stage, piezo, temperature, ...

The library nd2 lists the same columns in ``events()``, cut to the shortest of them; here each
column is as long as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from wormio.errors import CorruptRecordingError, OptionError
from wormio.model import Column, Finding

from wormio_nd2.chunks import Chunks
from wormio_nd2.loops import Order

__all__ = ["Recorded", "extra_columns", "find_z", "read_columns", "read_times", "recorded_times"]

Floats = NDArray[np.float64]

_DTYPES = {2: "<i4", 3: "<f8"}  # and 1: text
_TEXT = 1
# By the names that NIS-Elements gives: "Z Coord", "Ti ZDrive", "Piezo Z", "NIDAQ Piezo Z", ...
_IS_Z = re.compile(r"\bz\b|zdrive|piezo", re.IGNORECASE)
_MICROMETRES = ("um", "µm", "μm")


@attrs.frozen(kw_only=True, eq=False)
class Recorded:
    """One recorded column.

    Parameters
    ----------
    key : str
        By which the file knows it: ``"Z1"``.
    name : str
        What people see: ``"Ti ZDrive"``.
    unit : str
    values : (n,) array
        By number of the image; it may be shorter than there are images.
    """

    key: str
    name: str
    unit: str
    values: NDArray[Any]

    def at(self, number: NDArray[np.int64]) -> NDArray[Any]:
        """Return the values of these images; NaN where the column has ended."""
        inside = number < len(self.values)
        if inside.all():
            return self.values[number]
        found = np.full(number.shape, np.nan)
        found[inside] = self.values[number[inside]]
        return found


def read_columns(chunks: Chunks, tags: Mapping[str, Any]) -> list[Recorded]:
    """Read the columns that the file describes.

    Parameters
    ----------
    chunks : Chunks
    tags : mapping
        What the library nd2 reads from ``CustomDataV2_0``.

    Raises
    ------
    CorruptRecordingError
        A column is not as it is described.
    """
    columns = []
    for tag in dict(tags.get("CustomTagDescription_v1.0") or {}).values():
        key, kind, size = str(tag["ID"]), tag["Type"], int(tag["Size"])
        data = chunks.read(f"CustomData|{key}!".encode())
        if kind == _TEXT or data is None:
            continue
        dtype = np.dtype(_DTYPES.get(kind, "V1"))
        if dtype.kind == "V" or not 0 <= size * dtype.itemsize <= len(data):
            raise CorruptRecordingError(
                f"the recorded column {key!r} is not as it is described",
                expected=f"{size} values of type 2 or 3",
                found=f"{len(data)} bytes of type {kind}",
                path=chunks.path,
            )
        values = np.frombuffer(data, dtype, count=size)
        unit = str(tag.get("Unit") or "").strip()
        unit = "um" if unit in _MICROMETRES else unit
        name = str(tag.get("Desc") or key)
        columns.append(Recorded(key=key, name=name, unit=unit, values=values))
    return columns


def read_times(chunks: Chunks) -> Floats:
    """Return the seconds at which the images were taken, by their numbers; empty if not known."""
    data = chunks.read(b"CustomData|AcqTimesCache!") or b""
    return np.frombuffer(data[: len(data) // 8 * 8], "<f8") / 1000


def recorded_times(times: Floats, order: Order) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the time of each frame, and which of them were filled in.

    An image that was never saved may have no time, or none that can be. Between two that have
    one it is interpolated.

    Returns
    -------
    time : (T, Z) float64
        NaN where not known.
    filled : (T, Z) bool
    """
    number = order.number.ravel()
    time = np.full(len(number), np.nan)
    inside = number < len(times)
    time[inside] = times[number[inside]]
    saved = order.saved.ravel() & np.isfinite(time)
    filled = np.zeros(len(number), bool)
    known = np.flatnonzero(saved)
    gaps = np.flatnonzero(~order.saved.ravel())
    if len(gaps) and len(known) > 1 and (np.diff(time[known]) > 0).all():
        gaps = gaps[(gaps > known[0]) & (gaps < known[-1])]
        time[gaps] = np.interp(gaps, known, time[known])
        filled[gaps] = True
    return time.reshape(order.number.shape), filled.reshape(order.number.shape)


def find_z(
    columns: Sequence[Recorded],
    order: Order,
    per_volume: int,
    wanted: str | None,
    findings: list[Finding],
) -> Floats | None:
    """Return the recorded z of each frame, (T, Z); None if none was recorded.

    Several drives may be recorded, and only one of them moves in a volume: the stage's ``Z Coord``
    stands still while a piezo scans. So the column that moves as the loop does is the one. Without
    a loop, it must be the only one that moves.

    Raises
    ------
    OptionError
        There is no column `wanted`, or it is no length.
    """
    number = order.number
    if wanted is not None:
        return np.asarray(_wanted(columns, wanted).at(number), np.float64)
    drives = {
        c.name: c.at(number).astype(np.float64)
        for c in columns
        if c.unit == "um" and c.values.dtype.kind == "f" and _IS_Z.search(f"{c.name} {c.key}")
    }
    if not drives:
        return None
    step = {name: _typical_step(values, per_volume) for name, values in drives.items()}
    moving = [name for name in drives if step[name] > 0]
    planned = order.loops.z_step
    if per_volume == 1:
        chosen = moving if len(moving) == 1 else list(drives) if len(drives) == 1 else []
    elif planned is not None:
        fits = {n: abs(step[n] / abs(planned) - 1) for n in moving}
        near = [n for n in moving if fits[n] < 0.5]
        named = [n for n in near if n == order.loops.z_device]
        chosen = named or sorted(near, key=lambda n: fits[n])[:1]
    else:
        chosen = moving if len(moving) == 1 else []
    if chosen:
        return drives[chosen[0]]
    findings.append(_not_found(list(drives), moving, order, per_volume))
    return None


def _wanted(columns: Sequence[Recorded], wanted: str) -> Recorded:
    found = [c for c in columns if wanted in (c.name, c.key)]
    usable = [c.name for c in columns if c.unit == "um"]
    if not found or found[0].unit != "um":
        raise OptionError(
            f"the file has no recorded z {wanted!r}"
            if not found
            else f"the column {wanted!r} is in {found[0].unit or 'an unknown unit'}, not in um",
            expected="z_column=" + (", ".join(map(repr, usable)) or " nothing: none is in um"),
        )
    return found[0]


def _typical_step(values: Floats, per_volume: int) -> float:
    """Return the usual distance in um of one plane from the next, in the volumes."""
    flat = values.ravel()
    if per_volume == 1:
        step = np.diff(flat)
    else:
        whole = len(flat) - len(flat) % per_volume
        step = np.diff(flat[:whole].reshape(-1, per_volume), axis=1)
    step = np.abs(step[np.isfinite(step)])
    if per_volume == 1:
        return float(step.max(initial=0.0))
    return float(np.median(step)) if step.size else 0.0


def _not_found(
    drives: Sequence[str], moving: Sequence[str], order: Order, per_volume: int
) -> Finding:
    names = ", ".join(map(repr, drives))
    if moving and (order.loops.z_step is None or per_volume == 1):
        return Finding(
            code="z-ambiguous",
            message=f"several drives were recorded ({names}), and the file does not say which of "
            "them is the z of the planes: none is taken",
            cure=f"say which: z_column={moving[0]!r}, or give um_per_plane=",
        )
    device = f" ({order.loops.z_device})" if order.loops.z_device else ""
    return Finding(
        code="z-not-recorded",
        message=f"the recorded {names} does not move from plane to plane as the drive of the "
        f"stack{device} should: z is not taken from it",
    )


def extra_columns(columns: Sequence[Recorded], number: NDArray[np.int64]) -> dict[str, Column]:
    """Return all recorded columns as extra columns of a timeline."""
    extra: dict[str, Column] = {}
    for column in columns:
        name = column.name if column.name not in extra else f"{column.name} ({column.key})"
        extra[name] = Column(values=column.at(number.ravel()), unit=column.unit)
    return extra
