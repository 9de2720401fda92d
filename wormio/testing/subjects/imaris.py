"""The Imaris format under test: groups, padded datasets and attributes of characters, by h5py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from wormio.testing.subject import Subject
from wormio.testing.truth import Limits, Truth

__all__ = ["subject"]


def _make(folder: Path, truth: Truth) -> Path:
    import h5py

    _, n_channels, height, width = truth.frames.shape
    n_volumes = len(truth.volumes)
    pixels = truth.frames.reshape(n_volumes, -1, n_channels, height, width)
    n_planes = pixels.shape[1]
    path = folder / "recording.ims"
    begin = datetime(2024, 2, 29, 12, tzinfo=UTC)
    with h5py.File(path, "w") as file:
        _say(file, {"ImarisDataSet": "ImarisDataSet", "ImarisVersion": "5.5.0"})
        size = {"X": width, "Y": height, "Z": n_planes}
        extent = [width * truth.pixel_size, height * truth.pixel_size, n_planes * truth.plane_step]
        _say(
            file.create_group("DataSetInfo/Image"),
            size
            | {f"ExtMin{i}": 0 for i in range(3)}
            | {f"ExtMax{i}": n for i, n in enumerate(extent)}
            | {"Unit": "um", "RecordingDate": _stamp(begin)},
        )
        stamps = {
            f"TimePoint{t + 1}": _stamp(begin + timedelta(seconds=float(truth.time[first])))
            for t, (first, _) in enumerate(truth.volumes.tolist())
        }
        _say(
            file.create_group("DataSetInfo/TimeInfo"),
            {"DatasetTimePoints": n_volumes, "FileTimePoints": n_volumes} | stamps,
        )
        for c, name in enumerate(truth.channels):
            _say(file.create_group(f"DataSetInfo/Channel {c}"), {"Name": name})
        volume = (n_planes, height, width)
        chunks = (2, 1 + height // 2, 1 + width // 3)  # of which none ends with the image
        padding = [(0, -n % chunk) for n, chunk in zip(volume, chunks, strict=True)]
        for t in range(n_volumes):
            for c in range(n_channels):
                group = file.create_group(f"DataSet/ResolutionLevel 0/TimePoint {t}/Channel {c}")
                _say(group, {f"ImageSize{letter}": n for letter, n in size.items()})
                group.create_dataset(
                    "Data",
                    data=np.pad(pixels[t, :, c], padding),
                    chunks=chunks,
                    compression="gzip",
                )
                half = group.name.replace("Level 0", "Level 1")
                file.create_dataset(f"{half}/Data", data=pixels[t, :, c, ::2, ::2])
    return path


def _say(owner: Any, values: dict[str, Any]) -> None:
    """Write attributes as Imaris does, an array of single characters each."""
    for name, value in values.items():
        owner.attrs[name] = np.array(list(str(value)), dtype="S1")


def _stamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%S.") + f"{round(when.microsecond / 1000):03d}"


subject = Subject(
    format="imaris",
    make=_make,
    # One volume alone has a time, but its planes have none.
    limits=Limits(
        scan="regular", volumes=(2, 4), dtypes=("uint8", "uint16", "float32"), time_tol=1e-3
    ),
)
