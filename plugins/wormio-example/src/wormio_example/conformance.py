"""The example format under test: a writer of tiny recordings, a few lines a file.

It shares no code with the reader, so that a mistake of one is not repeated by the other.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from wormio.testing import Limits, Subject, Truth

__all__ = ["subject"]


def _make(folder: Path, truth: Truth) -> Path:
    """Write a recording that is known in full, and return the path to open."""
    n_frames, _, height, width = truth.frames.shape
    header = {
        "format": "example",
        "frames": n_frames,
        "channels": truth.channels,
        "height": height,
        "width": width,
        "dtype": truth.frames.dtype.name,
        "planes_per_volume": int(np.diff(truth.volume_counts[0])[0]),
        "um_per_pixel": truth.pixel_size,
        "um_per_plane": truth.plane_step,
        "stimuli": truth.events.tolist(),
    }
    (folder / "example.json").write_text(json.dumps(header), encoding="utf-8")
    little_endian = truth.frames.dtype.newbyteorder("<")
    (folder / "frames.raw").write_bytes(truth.frames.astype(little_endian).tobytes())
    lines = ["time_s,z_um,counter,volume,plane"]
    for time, z, count in zip(truth.time, truth.z, truth.count, strict=True):
        first, stop = truth.volume_counts.T
        inside = np.flatnonzero((first <= count) & (count < stop))
        volume, plane = (inside[0], count - first[inside[0]]) if len(inside) else (-1, 0)
        lines.append(f"{time:.9f},{z:.9f},{count},{volume},{plane}")
    (folder / "frames.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


subject = Subject(
    format="example",
    make=_make,
    limits=Limits(scan="told", drops=True, events="stimulus"),
    capabilities={"events", "mappable", "pickle"},
    side_files=("frames.csv", "frames.raw"),
)
