"""The NeRVE format under test: hiResData.mat by scipy, or the text tables; frames by numpy."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np

from wormio.testing.subject import Subject
from wormio.testing.truth import Limits, Truth

__all__ = ["raw", "subject"]

_VOLTS_PER_UM = 0.125


def _frames(folder: Path, truth: Truth) -> None:
    """Write the frames as MATLAB's fwrite does: red above green, column after column."""
    import scipy.io

    _, n_channels, height, width = truth.frames.shape
    rows = n_channels * height
    both = truth.frames.reshape(-1, rows, width)
    both.transpose(0, 2, 1).astype("<u2").tofile(folder / f"sCMOS_Frames_U16_{rows}x{width}.dat")
    # Rectangles as x, y, width, height, from 1; the second cannot be read in another way.
    rect1, rect2 = [1, 1, width, height], [1, height + 1, width, height]
    alignments = {"S2AHiRes": {"rect1": rect1, "rect2": rect2}, "background": np.zeros((2, 2))}
    scipy.io.savemat(folder / "alignments.mat", {"alignments": alignments}, do_compression=True)


def _make(folder: Path, truth: Truth) -> Path:
    import scipy.io

    _frames(folder, truth)
    stack = np.zeros(len(truth.time))
    for number, (first, stop) in enumerate(truth.volumes, start=1):
        stack[first:stop] = number
    saved_row = {count: row for row, count in enumerate(truth.count.tolist())}
    flashes = [saved_row[count] + 1 for count in truth.events.tolist()]
    table = {
        "Z": truth.z[:, np.newaxis] * _VOLTS_PER_UM,
        "flashLoc": np.array(flashes, float)[:, np.newaxis],
        "imageIdx": (truth.count - truth.count.min() + 1)[:, np.newaxis],
        "frameTime": truth.time[:, np.newaxis],
        "stackIdx": stack[:, np.newaxis],
        "imSTD": np.ones((len(stack), 1)),
        "xPos": np.zeros((0, 0)),
        "yPos": np.zeros((0, 0)),
    }
    scipy.io.savemat(folder / "hiResData.mat", {"dataAll": table}, do_compression=True)
    return folder


def _make_raw(folder: Path, truth: Truth) -> Path:
    _frames(folder, truth)
    n_rows = round(truth.time[-1] * 1000) + 5
    saved, z = np.zeros(n_rows, int), np.zeros(n_rows)
    for number, (time, um) in enumerate(zip(truth.time, truth.z, strict=True), start=1):
        row = round(time * 1000)
        saved[row:] = number
        z[row - 1 :] = um * _VOLTS_PER_UM
    header = "FuncGen Voltage\tZ Sensor\tFxnGen Sync\tCamera Trigger\tSaved\tFrame Count"
    lines = [f"0.1\t{v:.6f}\t0\t5\t{s}\t{s}" for v, s in zip(z, saved, strict=True)]
    (folder / "LabJackData.txt").write_text("\n".join([header, *lines]) + "\n")
    taken = [f"{truth.count[0] - 1}\t0\t5\t1"]
    taken += [f"{count}\t{number}\t5\t1" for number, count in enumerate(truth.count, start=1)]
    header = "Total Frames\tSaved Frames\tDC Offset\tImage StDev"
    (folder / "CameraFrameData.txt").write_text("\n".join([header, *taken]) + "\n")
    return folder


subject = Subject(
    format="nerve",
    title="hiResData.mat",
    make=_make,
    limits=Limits(
        dtypes=("uint16",),
        channels=(2, 2),
        planes=(8, 12),
        scan="triangle",
        events="flash",
        channel_names=False,
    ),
    options={"um_per_volt": 1 / _VOLTS_PER_UM, "um_per_pixel": 0.4},
    capabilities={"events", "mappable", "pickle"},
    side_files=("*.dat", "hiResData.mat"),
)

raw = attrs.evolve(
    subject,
    title="CameraFrameData.txt and LabJackData.txt",
    make=_make_raw,
    limits=attrs.evolve(subject.limits, events=None, time_tol=1e-3, z_tol=1e-4),
    capabilities={"mappable", "pickle"},
    side_files=("*.dat", "CameraFrameData.txt", "LabJackData.txt"),
)
