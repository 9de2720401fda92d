"""The format under test: recordings written by `wormio_nd2.writer`, as images and compressed.

What it writes is held against the library nd2 in the tests: the library is the judge of whether
these are ND2 files, the real file is the judge of the library.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from wormio.testing import Limits, Subject, Truth

from wormio_nd2.writer import time_loop, write_nd2, z_loop

__all__ = ["compressed", "subject"]


def _make(folder: Path, truth: Truth, *, pack: bool) -> Path:
    """Write a recording that is known in full, and return the path to open."""
    n_volumes, n_planes = len(truth.volumes), int(np.diff(truth.volumes[0])[0])
    path = folder / "recording.nd2"
    start, step = truth.time[0], truth.frame_interval
    write_nd2(
        path,
        truth.frames,
        [time_loop(n_volumes), z_loop(n_planes, truth.plane_step)],
        channels=truth.channels,
        um_per_pixel=truth.pixel_size,
        times=truth.time,
        columns={
            "Z1": ("Ti ZDrive", "µm", np.full(len(truth.z), 3916.7)),
            "PiezoZ": ("Piezo Z", "µm", truth.z),
            "CameraTemp1": ("Camera 1 Temperature", "°C", np.full(len(truth.z), -5.0)),
        },
        events=[(start + step * (count - truth.count[0]), 15) for count in truth.events.tolist()],
        padding=2 * int(pack) + 4,
        pack=pack,
    )
    return path


_LIMITS = Limits(scan="regular", events="stimulation", z_tol=1e-9)

subject = Subject(
    format="nd2",
    title="ND2",
    make=partial(_make, pack=False),
    limits=_LIMITS,
    capabilities={"events", "mappable", "pickle"},
)

compressed = Subject(
    format="nd2",
    title="ND2, compressed without loss",
    make=partial(_make, pack=True),
    limits=_LIMITS,
    capabilities={"events", "pickle"},
)
