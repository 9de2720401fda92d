"""The Leifer format under test: a folder written a few lines a file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from wormio.testing.subject import Subject
from wormio.testing.truth import Limits, Truth

__all__ = ["subject"]

_VOLTS_PER_UM = 0.125


def _make(folder: Path, truth: Truth) -> Path:
    n_frames, n_channels, height, width = truth.frames.shape
    both = truth.frames.reshape(n_frames, n_channels * height, width)
    both.astype("<u2").tofile(folder / f"sCMOS_Frames_U16_{n_channels * height}x{width}.dat")
    saved = zip(truth.time, truth.count, strict=True)
    _table(folder / "framesDetails.txt", ["Timestamp", "frameCount"], saved, "{:.3f}\t{}\t")
    volts = truth.trigger_z * _VOLTS_PER_UM
    header = ["Frame index", "Piezo position (V)", "Piezo direction (+-1)", "Volume index"]
    gate = np.isin(truth.trigger_count, truth.events).astype(int)
    _table(
        folder / "other-frameSynchronous.txt",
        [*header, "Ludl X", "Ludl Y", "Pharos on"],
        zip(truth.trigger_count, volts, gate, strict=True),
        "{}\t{:.6f}\t1\t-1\t0\t0\t{}\t",
    )
    (folder / "zScan.json").write_text(json.dumps({"V/um": _VOLTS_PER_UM}))
    columns = "frameCount nPulses repRateDivider optogTargetX optogTargetY optogTargetZ "
    columns += "optogTargetXYSpace optogTargetZSpace optogTargetZDevice Time"
    rows = ((count,) for count in truth.events)
    _table(
        folder / "pharosTriggers.txt",
        columns.split(),
        rows,
        "{}\t1\t1\t0\t0\t0\tpixels\tum\tpiezo\t0",
    )
    return folder


def _table(path: Path, header: list[str], rows: object, row: str) -> None:
    lines = ["\t".join(header), *(row.format(*values) for values in rows)]  # type: ignore[attr-defined]
    path.write_text("\n".join(lines) + "\n")


subject = Subject(
    format="leifer",
    make=_make,
    limits=Limits(
        dtypes=("uint16",),
        channels=(2, 2),
        planes=(8, 12),
        scan="triangle",
        drops=True,
        duplicates=True,
        time_tol=5e-4,
        z_tol=1e-5,
        events="optogenetics",
        event_gap=2,  # the laser gate must close in between
        channel_names=False,
    ),
    options={"camera_offset": 0.0, "um_per_pixel": 0.4},
    capabilities={"events", "growing", "mappable", "pickle"},
    side_files=("*.dat", "framesDetails.txt", "other-frameSynchronous.txt"),
)
