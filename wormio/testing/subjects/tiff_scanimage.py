"""ScanImage under test: BigTIFF pages with their own headers, and flyback after each volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wormio.testing.subject import Subject
from wormio.testing.truth import Limits, Truth

__all__ = ["subject"]

_FLYBACK = 1
_SAVED = (1, 3, 4)


def _make(folder: Path, truth: Truth) -> Path:
    import tifffile

    _, n_channels, height, width = truth.frames.shape
    per_volume = len(truth.trigger_count) // len(truth.volumes)
    path = folder / "worm_00001.tif"
    header = _header(truth, per_volume)
    stimuli = [5.0 + truth.frame_interval * float(count) for count in truth.events]
    saved = dict(zip(truth.count.tolist(), truth.frames, strict=True))
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for number in range(len(truth.volumes) * (per_volume + _FLYBACK)):
            volume, place = divmod(number, per_volume + _FLYBACK)
            count = volume * per_volume + place
            flyback = place >= per_volume
            if not flyback and count not in saved:
                continue
            pixels = (
                np.full((n_channels, height, width), -1, truth.frames.dtype)
                if flyback
                else saved[count]
            )
            # The truth has no flyback: it lies half-way between two volumes.
            seconds = 5.0 + truth.frame_interval * (count - 0.5 * flyback)
            # A page tells of what happened since the page before.
            here = [t for t in stimuli if t <= seconds + 1e-9]
            stimuli = [t for t in stimuli if t > seconds + 1e-9]
            for channel in range(n_channels):
                writer.write(
                    pixels[channel],
                    contiguous=False,
                    metadata=None,
                    photometric="minisblack",
                    software=header,
                    description=_description(number, seconds, here),
                )
    return path


def _description(number: int, seconds: float, triggers: list[float]) -> str:
    listed = " ".join(f"{t:.9f}" for t in triggers)
    return (
        f"frameNumbers = {number + 1}\nacquisitionNumbers = 1\n"
        f"frameNumberAcquisition = {number + 1}\nframeTimestamps_sec = {seconds:.9f}\n"
        f"epoch = [2025  4 30 14 51 53.601]\nauxTrigger0 = [{listed}]\nauxTrigger1 = []\n"
    )


def _header(truth: Truth, per_volume: int) -> str:
    _, n_channels, height, width = truth.frames.shape
    names = {number: f"unused {number}" for number in range(1, 5)}
    names |= dict(zip(_SAVED, truth.channels, strict=False))
    quoted = " ".join(f"'{name}'" for name in names.values())
    right, bottom = width * truth.pixel_size, height * truth.pixel_size
    z = " ".join(f"{truth.plane_step * plane:g}" for plane in range(per_volume))
    return "\n".join(
        [
            "SI.VERSION_MAJOR = 2021",
            f"SI.hChannels.channelName = {{{quoted}}}",
            f"SI.hChannels.channelSave = [{' '.join(map(str, _SAVED[:n_channels]))}]",
            f"SI.hFastZ.numDiscardFlybackFrames = {_FLYBACK}",
            f"SI.hRoiManager.imagingFovUm = [0 0;{right} 0;{right} {bottom};0 {bottom}]",
            f"SI.hRoiManager.linesPerFrame = {height}",
            f"SI.hRoiManager.pixelsPerLine = {width}",
            f"SI.hRoiManager.scanFrameRate = {1 / truth.frame_interval}",
            "SI.hScan2D.logFramesPerFile = Inf",
            f"SI.hStackManager.actualNumSlices = {per_volume}",
            f"SI.hStackManager.actualStackZStepSize = {truth.plane_step}",
            "SI.hStackManager.enable = true",
            "SI.hStackManager.framesPerSlice = 1",
            f"SI.hStackManager.numFramesPerVolumeWithFlyback = {per_volume + _FLYBACK}",
            f"SI.hStackManager.numSlices = {per_volume}",
            "SI.hStackManager.stackMode = 'fast'",
            f"SI.hStackManager.zs = [{z}]",
        ]
    )


subject = Subject(
    format="tiff",
    title="ScanImage",
    make=_make,
    limits=Limits(dtypes=("int16",), scan="regular", drops=True, events="auxTrigger0"),
    capabilities={"events", "mappable", "pickle"},
)
