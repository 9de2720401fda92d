"""``*_info.mat``: what a SCAPE microscope notes of a run, in the spool's folder or beside it."""

from __future__ import annotations

import math
from pathlib import Path

import attrs

from wormio.errors import CorruptRecordingError
from wormio.formats.andor_spool.names import INFO_SUFFIX
from wormio.formats.mat.opening import read_mat
from wormio.formats.mat.tree import MatFile, numbers

__all__ = ["RunInfo", "find_info", "read_info"]

_ENTRIES = {
    "frame_rate": ("camera", "framerate"),
    "n_frames": ("camera", "kineticSeriesLength"),
    "volume_rate": ("daq", "scanRate"),
    "n_volumes": ("daq", "numberOfScans"),
    "frames_per_volume": ("daq", "pixelsPerLine"),
}
_COUNTS = {"n_frames", "n_volumes"}
_MAX_BYTES = 256 << 20


@attrs.frozen(kw_only=True)
class RunInfo:
    """What the file says; None for what it does not have.

    Parameters
    ----------
    path : Path
    frame_rate, volume_rate : float, optional
        Of camera and scanner, in Hz.
    n_frames, n_volumes : int, optional
        That the run was to have.
    frames_per_volume : float, optional
        Steps that the scanner was told to make, flyback included.
    """

    path: Path
    frame_rate: float | None
    n_frames: int | None
    volume_rate: float | None
    n_volumes: int | None
    frames_per_volume: float | None

    @property
    def planes(self) -> float | None:
        """Frames of a volume, by the ratio of the two rates; rarely a whole number."""
        if self.frame_rate is None or self.volume_rate is None:
            return None
        return self.frame_rate / self.volume_rate


def find_info(folder: Path) -> Path | None:
    """Return the file of a run: in its folder, or beside it with the folder's name.

    Raises
    ------
    CorruptRecordingError
        There are several.
    """
    inside = sorted(p for p in folder.glob(f"*{INFO_SUFFIX}") if p.is_file())
    if len(inside) > 1:
        raise CorruptRecordingError(
            f"there are several *{INFO_SUFFIX}",
            expected="one",
            found=", ".join(p.name for p in inside),
            path=folder,
            cure="move the others away",
        )
    folder = folder.absolute()
    beside = folder.parent / f"{folder.name}{INFO_SUFFIX}"
    if inside:
        return inside[0]
    return beside if beside.is_file() else None


def read_info(path: Path) -> RunInfo:
    """Read the file, of MATLAB 5 or 7.3.

    Raises
    ------
    CorruptRecordingError
        It cannot be read, or a number in it is impossible.
    """
    if path.stat().st_size > _MAX_BYTES:
        raise CorruptRecordingError(
            "the file is too large", expected=f"at most {_MAX_BYTES} bytes", path=path
        )
    file = read_mat(path)
    found = [_number(file, f"info.{part}.{entry}") for part, entry in _ENTRIES.values()]
    values = {
        name: _checked(value, name, path) for name, value in zip(_ENTRIES, found, strict=True)
    }
    counts = {name: None if values[name] is None else int(values[name] or 0) for name in _COUNTS}
    info = RunInfo(path=path, **(values | counts))  # type: ignore[arg-type]
    if info.planes is not None and info.planes < 1:
        raise CorruptRecordingError(
            "the scanner is faster than the camera",
            expected="info.camera.framerate above info.daq.scanRate",
            found=f"{info.frame_rate} and {info.volume_rate}",
            path=path,
        )
    return info


def _number(file: MatFile, name: str) -> float | None:
    """Return a single number; NaN if it is something else."""
    values = numbers(file, name)
    if values is None:
        return None
    return float(values.item()) if values.size == 1 else math.nan


def _checked(number: float | None, name: str, path: Path) -> float | None:
    if number is None:
        return None
    whole = name in _COUNTS
    if not (math.isfinite(number) and number > 0) or (whole and number != int(number)):
        raise CorruptRecordingError(
            f"info.{'.'.join(_ENTRIES[name])} is impossible",
            expected="a whole number above 0" if whole else "a number above 0",
            found=repr(number),
            path=path,
        )
    return number
