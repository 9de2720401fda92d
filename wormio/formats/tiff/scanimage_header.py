"""What ScanImage says of a recording: channels, planes, flyback, rates, pixel size.

Two kinds of header: lines ``SI.hStackManager.numSlices = 9`` in the tag Software (ScanImage 2016
and later), and ``state.acq.numberOfZSlices=1`` in the first description (version 3).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from wormio.errors import CorruptRecordingError
from wormio.formats.tiff.stack import TiffPart

__all__ = ["Acquisition", "is_scanimage", "numbers", "read_acquisition"]

_LINE = re.compile(r"^\s*(SI\.[\w.]+)\s*=\s*(.*?)\s*$", re.MULTILINE)
_OLD_LINE = re.compile(r"(?:^|[\r\n]+)\s*(state\.[\w.]+)=([^\r\n]*)")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+|[Ii]nf|[Nn]a[Nn])")
_TEXT = re.compile(r"'((?:[^']|'')*)'")
_MOST_CHANNELS = 1000
_MOST_FRAMES = 1_000_000  # in a volume: more is a damaged number


@attrs.frozen(kw_only=True)
class Acquisition:
    """A header, in the terms of a recording.

    Parameters
    ----------
    header : mapping of str to str
        As the file has it.
    channels : tuple of str
        Names of the saved ones, in the order of their pages.
    z : tuple of float
        Um, of each saved frame of a volume; empty if the recording has one plane.
    cycle : int
        Frames from volume to volume in the file; what exceeds a volume's frames is flyback.
    slow : bool
        Whether the stage moves from plane to plane, and the frames at each are one acquisition.
    volumes : int, optional
        As many as were asked for.
    volume_rate, frame_rate : float, optional
        Hz, as planned.
    averaged : int
        Frames that were averaged into one that is saved.
    frames_per_file : int, optional
        None if a file may have any number.
    um_per_pixel : (float or None, float or None)
        Along y and x.
    z_step : float, optional
        Um.
    regions : bool
        Whether a page shows several regions, one below the other.
    """

    header: Mapping[str, str]
    channels: tuple[str, ...]
    z: tuple[float, ...] = ()
    cycle: int = 1
    slow: bool = False
    volumes: int | None = None
    volume_rate: float | None = None
    frame_rate: float | None = None
    averaged: int = 1
    frames_per_file: int | None = None
    um_per_pixel: tuple[float | None, float | None] = (None, None)
    z_step: float | None = None
    regions: bool = False

    @property
    def per_volume(self) -> int:
        """Frames of a volume, without flyback."""
        return max(len(self.z), 1)


def is_scanimage(part: TiffPart) -> bool:
    """Tell whether a header is there that says what the pages are."""
    return (
        "SI.hChannels.channelSave" in part.software
        or "state.acq.numberOfChannelsSave" in part.description
    )


def read_acquisition(part: TiffPart) -> Acquisition:
    """Read the header of either kind.

    Raises
    ------
    CorruptRecordingError
        Its numbers contradict each other.
    """
    if "SI.hChannels.channelSave" in part.software:
        return _read_new(_Header(dict(_LINE.findall(part.software)), part.path), part)
    return _read_old(_Header(dict(_OLD_LINE.findall(part.description)), part.path))


def numbers(text: str) -> list[float]:
    """Return the numbers in a MATLAB literal."""
    return [float(number) for number in _NUMBER.findall(text)]


@attrs.frozen
class _Header:
    values: Mapping[str, str]
    path: Path

    def numbers(self, name: str) -> list[float]:
        return numbers(self.values.get(name, ""))

    def texts(self, name: str) -> list[str]:
        return [text.replace("''", "'") for text in _TEXT.findall(self.values.get(name, ""))]

    def truth(self, name: str) -> bool:
        return self.values.get(name, "").lower() in {"true", "1"}

    def positive(self, name: str) -> float | None:
        found = self.numbers(name)
        good = len(found) == 1 and math.isfinite(found[0]) and found[0] > 0
        return found[0] if good else None

    def whole(self, name: str, default: int | None = None) -> int:
        """Return a positive whole number.

        Raises
        ------
        CorruptRecordingError
            It is none, or it is not there and has no default.
        """
        text = self.values.get(name)
        if text is None and default is not None:
            return default
        value = self.positive(name)
        if value is None or value != int(value) or value > _MOST_FRAMES:
            raise self.impossible(name, "a positive whole number")
        return int(value)

    def impossible(self, name: str, expected: str) -> CorruptRecordingError:
        return CorruptRecordingError(
            f"the ScanImage header has an impossible {name}",
            expected=expected,
            found=self.values.get(name, "nothing")[:100],
            path=self.path,
            cure="name the axes of its pages yourself: axes='TYX', for example",
        )


def _read_new(header: _Header, part: TiffPart) -> Acquisition:
    averaged = header.whole("SI.hScan2D.logAverageFactor", 1)
    planes = _planes(header, averaged)
    return Acquisition(
        header=header.values,
        channels=_channels(header),
        averaged=averaged,
        volume_rate=header.positive("SI.hRoiManager.scanVolumeRate"),
        frame_rate=header.positive("SI.hRoiManager.scanFrameRate"),
        frames_per_file=_frames_per_file(header),
        um_per_pixel=_pixel_size(header, part),
        regions=header.truth("SI.hRoiManager.mroiEnable"),
        **planes,
    )


def _channels(header: _Header) -> tuple[str, ...]:
    name = "SI.hChannels.channelSave"
    saved = header.numbers(name)
    if not saved or not all(1 <= c <= _MOST_CHANNELS and c == int(c) for c in saved):
        raise header.impossible(name, "numbers of channels, from 1")
    names = header.texts("SI.hChannels.channelName")
    return tuple(names[int(c) - 1] if int(c) <= len(names) else f"Channel {int(c)}" for c in saved)


def _planes(header: _Header, averaged: int) -> dict[str, Any]:
    """Return the fields of an `Acquisition` that tell of planes."""
    manager, fast = "SI.hStackManager.", "SI.hFastZ."
    enabled = header.values.get(f"{manager}enable")
    is_fast = header.values.get(f"{manager}stackMode", "").strip("'") == "fast"
    if enabled is None:  # before 2019 the two ways of stacking were switched on by themselves
        is_fast = header.truth(f"{fast}enable")
        is_on = is_fast or header.whole(f"{manager}numSlices", 1) > 1
    else:
        is_on = header.truth(f"{manager}enable")
    if not is_on:
        return {}
    slices = header.whole(
        f"{manager}actualNumSlices"
        if f"{manager}actualNumSlices" in header.values
        else f"{manager}numSlices"
    )
    repeated = header.whole(f"{manager}framesPerSlice", 1)
    if is_fast and repeated == 1:
        averaged = 1  # averaged over volumes; the frames of a volume are as many
    if repeated % averaged:
        raise header.impossible(f"{manager}framesPerSlice", f"a multiple of {averaged}")
    n_frames = slices * (repeated // averaged)
    cycle = n_frames
    if is_fast:
        flyback = header.numbers(f"{fast}numDiscardFlybackFrames") or [0.0]
        whole = header.values.get(f"{manager}numFramesPerVolumeWithFlyback")
        cycle = (
            header.whole(f"{manager}numFramesPerVolumeWithFlyback")
            if whole is not None
            else n_frames + int(flyback[0] if math.isfinite(flyback[0]) else 0)
        )
    if cycle < n_frames or cycle > _MOST_FRAMES or n_frames > _MOST_FRAMES:
        raise header.impossible(
            f"{manager}numFramesPerVolumeWithFlyback", f"at least {n_frames}, the saved frames"
        )
    z = header.numbers(f"{manager}zs")
    if len(z) == slices * repeated and repeated != n_frames // slices:
        z = z[:: repeated * slices // n_frames]
    if len(z) == slices and n_frames != slices:
        z = list(np.repeat(z, n_frames // slices))
    step = header.positive(f"{manager}actualStackZStepSize")
    step = step or header.positive(f"{manager}stackZStepSize")
    if len(z) != n_frames or not np.isfinite(z).all():
        z = [math.nan] * n_frames
    else:
        steps = np.abs(np.diff(list(dict.fromkeys(z))))
        even = len(steps) > 0 and np.allclose(steps, steps[0], rtol=1e-3, atol=1e-6)
        step = float(steps[0]) if even else None if len(steps) else step
    volumes = header.positive(f"{manager}actualNumVolumes")
    return {
        "z": tuple(float(value) for value in z),
        "cycle": cycle,
        "slow": not is_fast,
        "z_step": step,
        "volumes": None if volumes is None else int(volumes),
    }


def _frames_per_file(header: _Header) -> int | None:
    for system in ("hScan2D", "hResScan", "hSlmScan", "hLinScan"):
        found = header.positive(f"SI.{system}.logFramesPerFile")
        if found is not None:
            return int(found)
    return None


def _pixel_size(header: _Header, part: TiffPart) -> tuple[float | None, float | None]:
    """Return um along y and x, if the field of view is one upright rectangle in um."""
    corners = header.numbers("SI.hRoiManager.imagingFovUm")
    keyframe = dict(zip(part.keyframe.axes, part.keyframe.shape, strict=True))
    pixels = (
        header.positive("SI.hRoiManager.pixelsPerLine"),
        header.positive("SI.hRoiManager.linesPerFrame"),
    )
    one_page = pixels == (keyframe.get("X"), keyframe.get("Y"))
    if len(corners) != 8 or not one_page or header.truth("SI.hRoiManager.mroiEnable"):
        return None, None
    x, y = np.array(corners).reshape(4, 2).T
    if not np.isfinite(corners).all() or len(set(x)) != 2 or len(set(y)) != 2:
        return None, None
    return float(np.ptp(y)) / keyframe["Y"], float(np.ptp(x)) / keyframe["X"]


def _read_old(header: _Header) -> Acquisition:
    acq = "state.acq."
    n_channels = header.whole(f"{acq}numberOfChannelsSave")
    saved = [i for i in range(1, 5) if header.truth(f"{acq}savingChannel{i}")]
    if len(saved) != n_channels:
        saved = list(range(1, n_channels + 1))
    averaged = 1
    if header.truth(f"{acq}averaging"):
        averaged = header.whole(f"{acq}numAvgFramesSave", 1)
    slices = header.whole(f"{acq}numberOfZSlices", 1)
    rate = header.positive(f"{acq}frameRate")
    planes: dict[str, Any] = {}
    if slices > 1:
        repeated = max(header.whole(f"{acq}numberOfFrames", 1) // averaged, 1)
        step = header.positive(f"{acq}zStepSize")
        n_frames = slices * repeated
        if n_frames > _MOST_FRAMES:
            raise header.impossible(f"{acq}numberOfFrames", "fewer frames")
        z = np.repeat(np.arange(slices) * (step or math.nan), repeated)
        planes = {"z": tuple(z.tolist()), "cycle": n_frames, "slow": True, "z_step": step}
    return Acquisition(
        header=header.values,
        channels=tuple(f"Channel {number}" for number in saved),
        averaged=averaged,
        frame_rate=None if rate is None else rate / averaged,
        **planes,
    )
