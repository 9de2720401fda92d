"""What Micro-Manager knows of single planes, and the grid of T, Z and C that they make."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError
from wormio.formats.tiff.stack import Calibration, Stack, TiffPart
from wormio.model import Channel, Clock, Finding

__all__ = ["Plane", "Summary", "make_stack", "number_of", "positions_of"]

# More planes than this a page, or in all, are no recording but a damaged number.
_MAX_PLANES_A_PAGE = 100
_MAX_EMPTY_PLANES = 1_000_000
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?)(?:\s*([+-]\d{4}))?")


@attrs.frozen(kw_only=True)
class Plane:
    """One image and what is known of it.

    Parameters
    ----------
    file, page : int
        Index of the file, page in it.
    t, z, c, position : int
    elapsed, z_um, um_per_pixel : float
        Seconds, um, um; NaN where not known.
    position_name : str
    """

    file: int
    page: int
    t: int
    z: int
    c: int
    position: int = 0
    elapsed: float = np.nan
    z_um: float = np.nan
    um_per_pixel: float = np.nan
    position_name: str = ""


@attrs.frozen
class Summary:
    """What holds for a whole recording."""

    tree: Mapping[str, Any]

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Names of the channels, if they are listed."""
        names = self.tree.get("ChNames")
        return tuple(Channel(name=str(n)) for n in names) if isinstance(names, list) else ()

    def length(self, name: str) -> int:
        """Return an intended length; 0 if it is not known."""
        value = number_of(self.tree, name)
        return int(value) if value > 0 and value == int(value) and value < 2**31 else 0

    def positive(self, *names: str) -> float | None:
        """Return the first of these numbers that is above zero."""
        values = [number_of(self.tree, name) for name in names]
        return next((value for value in values if value > 0), None)

    @property
    def clock(self) -> Clock:
        """The computer's clock."""
        told = _DATE.fullmatch(str(self.tree.get("StartTime") or self.tree.get("Time")))
        start = None if told is None else f"{told[1]}T{told[2]}{told[3] or ''}"
        return Clock(name="Micro-Manager", start=start)


def number_of(tree: Mapping[str, Any], *names: str) -> float:
    """Return the first of these entries that is a finite number; NaN if none is."""
    for name in names:
        value = tree.get(name)
        if isinstance(value, Mapping):  # {"PropVal": ..., "PropType": ...}
            value = value.get("PropVal")
        if isinstance(value, bool) or value is None:
            continue
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            continue
        if np.isfinite(number):
            return number
    return float("nan")


def positions_of(planes: Iterable[Plane]) -> dict[int, str]:
    """Return the positions of a recording and their names: the file's if unique, else numbers."""
    names: dict[int, str] = {}
    for plane in planes:
        names.setdefault(plane.position, plane.position_name)
    listed = list(names.values())
    return {
        position: name if name and listed.count(name) == 1 and not name.isdigit() else str(position)
        for position, name in sorted(names.items())
    }


def make_stack(
    summary: Summary, parts: list[TiffPart | None], planes: list[Plane], path: Path
) -> Stack:
    """Put the planes of one position on a grid of T, Z and C.

    Raises
    ------
    CorruptRecordingError
        Two pages claim to be the same plane, or a number is impossible.
    """
    keyframe = next(part.keyframe for part in parts if part is not None)
    shape = (
        1 + max(plane.t for plane in planes),
        max(1 + max(plane.z for plane in planes), summary.length("Slices")),
        max(1 + max(plane.c for plane in planes), summary.length("Channels")),
    )
    if int(np.prod(shape, dtype=object)) > max(_MAX_EMPTY_PLANES, _MAX_PLANES_A_PAGE * len(planes)):
        raise CorruptRecordingError(
            "the recording declares far more planes than there are",
            expected=f"a number of planes that fits {len(planes)} images",
            found=f"{shape[0]} times, {shape[1]} slices, {shape[2]} channels",
            path=path,
        )
    file = np.full(shape, -1, np.int32)
    page = np.full(shape, -1, np.int64)
    columns: dict[str, NDArray[np.float64]] = {
        name: np.full(shape, np.nan) for name in ("elapsed", "z_um")
    }
    for plane in planes:
        at = (plane.t, plane.z, plane.c)
        if file[at] >= 0:
            raise CorruptRecordingError(
                "two images claim to be the same plane",
                found=f"time {plane.t}, slice {plane.z}, channel {plane.c}",
                path=path,
            )
        file[at], page[at] = plane.file, plane.page
        for name, column in columns.items():
            column[at] = getattr(plane, name)
    interval = summary.positive("Interval_ms")
    return Stack(
        dialect="micromanager",
        parts=tuple(parts),
        axes="TZC" + keyframe.axes,
        shape=shape + keyframe.shape,
        file=file,
        page=page,
        # Of a file that is cut off, nothing tells a lost image from one that was never saved.
        cut=(file < 0) & any(part is not None and bool(part.chain.broken) for part in parts),
        dtype=keyframe.dtype,
        calibration=_calibration(summary, planes, interval),
        delta_t=columns["elapsed"] if np.isfinite(columns["elapsed"]).any() else None,
        position_z=columns["z_um"] if np.isfinite(columns["z_um"]).any() else None,
        channels=_named(summary, shape[2]),
        metadata={"dialect": "micromanager", "summary": _finite(summary.tree)},
        findings=_findings(columns["elapsed"], file),
    )


def _named(summary: Summary, n_channels: int) -> tuple[Channel, ...]:
    """Return the first names: others are listed for channels that were switched off."""
    return summary.channels[:n_channels]


def _calibration(summary: Summary, planes: list[Plane], interval: float | None) -> Calibration:
    pixel = next((p.um_per_pixel for p in planes if p.um_per_pixel > 0), None)
    pixel = pixel or summary.positive("PixelSizeUm", "PixelSize_um")
    return Calibration(
        z=summary.positive("z-step_um"),
        y=pixel,
        x=pixel,
        interval=None if interval is None else interval / 1000,
        clock=summary.clock,
    )


def _findings(elapsed: NDArray[np.float64], file: NDArray[np.int32]) -> tuple[Finding, ...]:
    findings = []
    holes = int((file < 0).sum())
    if holes:
        findings.append(
            Finding(
                code="images-missing",
                message=f"{holes} of {file.size} images were never saved",
                cure="they are marked -1 in timeline.stored; reading them raises",
            )
        )
    if np.isfinite(elapsed).any():
        findings.append(
            Finding(
                code="computer-clock",
                message="the times are those at which the computer received each image: they lie "
                "after the exposure, and jitter",
            )
        )
    return tuple(findings)


def _finite(value: Any) -> Any:
    """Return what strict JSON can hold: Micro-Manager writes NaN."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value
