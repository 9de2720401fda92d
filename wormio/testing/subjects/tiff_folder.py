"""A folder of TIFFs under test: one stack a file, of which only the user knows the axes."""

from __future__ import annotations

from pathlib import Path

from wormio.testing.subject import Subject
from wormio.testing.truth import Limits, Truth

__all__ = ["subject"]


def _make(folder: Path, truth: Truth) -> Path:
    import tifffile

    _, n_channels, height, width = truth.frames.shape
    folder = folder / "stacks"
    folder.mkdir()
    volumes = truth.frames.reshape(len(truth.volumes), -1, n_channels, height, width)
    for number, volume in enumerate(volumes):
        # Without leading zeros: 9 comes before 10.
        tifffile.imwrite(folder / f"worm_{number + 8}.tif", volume, photometric="minisblack")
    return folder


subject = Subject(
    format="tiff",
    title="a folder",
    make=_make,
    limits=Limits(scan="regular", time="none", channel_names=False),
    options={"axes": "TZCYX", "um_per_plane": 1.5, "um_per_pixel": 0.4},
    capabilities={"mappable", "pickle"},
)
