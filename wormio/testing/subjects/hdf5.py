"""The HDF5 format under test: arrays written by h5py, in place and in compressed chunks."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wormio.testing.subject import Subject
from wormio.testing.truth import Limits, Truth

__all__ = ["chunked", "subject"]


def _make(folder: Path, truth: Truth, *, order: str, how: dict[str, Any]) -> Path:
    import h5py

    _, n_channels, height, width = truth.frames.shape
    pixels = truth.frames.reshape(len(truth.volumes), -1, n_channels, height, width)
    pixels = pixels.transpose(["TZCYX".index(letter) for letter in order])
    path = folder / "recording.h5"
    with h5py.File(path, "w") as file:
        file["clock/seconds"] = truth.time
        array = file.create_dataset("imaging/raw", data=np.ascontiguousarray(pixels), **how)
        for index, letter in enumerate(order):
            array.dims[index].label = letter.lower()
        array.attrs["element_size_um"] = [truth.plane_step, truth.pixel_size, truth.pixel_size]
        array.attrs["channel_names"] = np.array(truth.channels, dtype="S")
    return path


subject = Subject(
    format="hdf5",
    title="HDF5 in place",
    make=partial(_make, order="TZCYX", how={}),
    limits=Limits(scan="regular"),
    options={"times": "clock/seconds"},
    capabilities={"mappable", "pickle"},
)

chunked = Subject(
    format="hdf5",
    title="HDF5 in chunks",
    make=partial(
        _make, order="CTYXZ", how={"chunks": True, "compression": "gzip", "fletcher32": True}
    ),
    limits=Limits(scan="regular", dtypes=("uint8", "int16", "float64")),
    options={"times": "clock/seconds"},
)
