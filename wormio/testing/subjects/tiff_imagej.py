"""ImageJ hyperstacks under test, written by tifffile: they keep steps, but no time of a plane."""

from __future__ import annotations

from pathlib import Path

from wormio.testing.subject import Subject
from wormio.testing.truth import Limits, Truth

__all__ = ["subject"]


def _make(folder: Path, truth: Truth) -> Path:
    import tifffile

    _, n_channels, height, width = truth.frames.shape
    path = folder / "hyperstack.tif"
    tifffile.imwrite(
        path,
        truth.frames.reshape(len(truth.volumes), -1, n_channels, height, width),
        imagej=True,
        resolution=(1 / truth.pixel_size, 1 / truth.pixel_size),
        metadata={"axes": "TZCYX", "unit": "um", "spacing": truth.plane_step},
    )
    return path


subject = Subject(
    format="tiff",
    title="ImageJ",
    make=_make,
    limits=Limits(scan="regular", time="none", channel_names=False),
    capabilities={"mappable", "pickle"},
)
