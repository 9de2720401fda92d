"""The folders of ZephIR under test: data.h5 by h5py, metadata.json by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from wormio.testing.subject import Subject
from wormio.testing.truth import Limits, Truth

__all__ = ["subject"]


def _make(folder: Path, truth: Truth) -> Path:
    import h5py

    _, n_channels, height, width = truth.frames.shape
    pixels = truth.frames.reshape(len(truth.volumes), -1, n_channels, height, width)
    pixels = np.ascontiguousarray(pixels.transpose(0, 2, 1, 3, 4))
    with h5py.File(folder / "data.h5", "w") as file:
        file["data"] = pixels
        file["times"] = truth.time[truth.volumes[:, 0]]
    shape = zip("tczyx", pixels.shape, strict=True)
    metadata = {f"shape_{letter}": n for letter, n in shape} | {"dtype": pixels.dtype.name}
    (folder / "metadata.json").write_text(json.dumps(metadata, indent=4))
    return folder


subject = Subject(
    format="zephir",
    make=_make,
    limits=Limits(
        scan="regular",
        volumes=(2, 4),  # one volume alone has a time, but its planes have none
        channel_names=False,
    ),
    options={"um_per_plane": 1.5, "um_per_pixel": 0.4},
    capabilities={"mappable", "pickle"},
    side_files=("data.h5", "metadata.json"),
)
