"""wormio's own container under test, written by plain h5py as docs/formats/wormio.md says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from wormio.testing.subject import Subject
from wormio.testing.truth import Limits, Truth

__all__ = ["subject"]


def _make(folder: Path, truth: Truth) -> Path:
    import h5py

    path = folder / "recording.h5"
    n_frames, n_channels = truth.frames.shape[:2]
    with h5py.File(path, "w", libver="earliest") as file:
        file.attrs["format"] = np.bytes_(b"wormio-recording")
        file.attrs["schema_version"] = 1
        file.create_dataset("frames", data=truth.frames)
        timeline = file.create_group("timeline")
        timeline["time"] = truth.time
        timeline["raw_time"] = truth.time
        timeline["z"] = truth.z
        timeline["count"] = truth.count
        timeline["raw_count"] = truth.count
        timeline["direction"] = truth.direction
        timeline["flags"] = truth.duplicate.astype("i8")  # DUPLICATE is bit 0
        timeline["volumes"] = truth.volumes
        timeline["volume_counts"] = truth.volume_counts
        timeline["stored"] = np.arange(n_frames * n_channels).reshape(n_frames, n_channels)
        timeline.create_group("extra")
        timeline["meta"] = json.dumps(
            {
                "z_unit": "um",
                "origins": dict.fromkeys(["time", "z", "count", "volume", "direction"], "MEASURED"),
                "clock": {"name": "camera", "start": None},
                "policy": {},
                "extra": [],
            }
        )
        _put_stimuli(file.create_group("events/0"), truth)
        file["meta"] = json.dumps(
            {
                "channels": [{"name": name} for name in truth.channels],
                "voxel_size": {
                    "z": truth.plane_step,
                    "y": truth.pixel_size,
                    "x": truth.pixel_size,
                },
                "events": ["stimuli"],
                "findings": [],
                "metadata": {},
                "origin": {},
            }
        )
    return path


def _put_stimuli(group: Any, truth: Truth) -> None:
    """Place each stimulus on the nearest saved frame, the earlier of two."""
    columns: dict[str, list[float]] = {
        name: [] for name in ("frame", "time", "volume", "error_frames", "status")
    }
    whole = truth.trigger_count.tolist()
    at = [int(np.abs(truth.count - count).argmin()) for count in truth.events]
    for count, frame in zip(truth.events.tolist(), at, strict=True):
        volume = [i for i, (first, stop) in enumerate(truth.volumes) if first <= frame < stop]
        away = abs(int(truth.count[frame]) - count)
        columns["frame"].append(frame)
        columns["time"].append(float(np.interp(count, whole, 5.0 + 0.01 * np.arange(len(whole)))))
        columns["volume"].append(volume[0] if volume else -1)
        columns["error_frames"].append(away)
        status = 1 if away else 0
        status = 2 if at.count(frame) > 1 else status
        columns["status"].append(status if volume else 3)
    kinds = {"time": "f8", "status": "i1"}
    for name, values in columns.items():
        group[name] = np.array(values, kinds.get(name, "i8"))
    group["count"] = truth.events
    group["duration"] = np.full(len(at), np.nan)
    group["meta"] = json.dumps({"properties": []})
    group.create_group("properties")


subject = Subject(
    format="wormio",
    make=_make,
    limits=Limits(
        dtypes=("uint8", "uint16", "int16", "float32", "float64"),
        scan="told",
        drops=True,
        duplicates=True,
        events="stimuli",
    ),
    capabilities={"events", "mappable", "pickle"},
)
