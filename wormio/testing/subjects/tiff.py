"""OME-TIFF under test, written by tifffile: a time and a z for each plane."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wormio.testing.subject import Subject
from wormio.testing.truth import Limits, Truth

__all__ = ["subject"]


def _make(folder: Path, truth: Truth) -> Path:
    import tifffile

    _, n_channels, height, width = truth.frames.shape
    n_volumes = len(truth.volumes)
    path = folder / "recording.ome.tif"
    tifffile.imwrite(
        path,
        truth.frames.reshape(n_volumes, -1, n_channels, height, width),
        ome=True,
        photometric="minisblack",
        metadata={
            "axes": "TZCYX",
            "Channel": {"Name": list(truth.channels)},
            "PhysicalSizeX": truth.pixel_size,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": truth.pixel_size,
            "PhysicalSizeYUnit": "µm",
            "PhysicalSizeZ": truth.plane_step,
            "PhysicalSizeZUnit": "µm",
            # One entry a plane, in the order in which they are written.
            "Plane": {
                "DeltaT": np.repeat(truth.time, n_channels).tolist(),
                "DeltaTUnit": ["s"] * (len(truth.time) * n_channels),
                "PositionZ": np.repeat(truth.z, n_channels).tolist(),
                "PositionZUnit": ["µm"] * (len(truth.time) * n_channels),
            },
        },
    )
    return path


subject = Subject(
    format="tiff",
    title="OME-TIFF",
    make=_make,
    limits=Limits(scan="regular"),
    capabilities={"mappable", "pickle"},
)
