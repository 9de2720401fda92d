"""Opening long recordings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import wormio
from benchmarks.contest import Contenders, Contest, Goal

__all__ = ["CONTESTS", "write_leifer_tables"]

_FRAMES = "framesDetails.txt"
_LOADTXT = "numpy.loadtxt of the tables"
_DAQ = "other-frameSynchronous.txt"


def write_leifer_tables(
    folder: Path, n_frames: int, *, period: int = 33, rate: float = 200.0
) -> None:
    """Write the tables of a recording whose focus goes to and fro, with a few frames lost."""
    rng = np.random.default_rng(3)
    count = 1000 + np.arange(n_frames + n_frames // 200)
    daq = np.arange(900, count[-1] + 100)
    phase = daq % (2 * period)
    up = phase < period
    volt = 0.1 * np.where(up, phase, 2 * period - phase) + rng.normal(0, 1e-3, len(daq))
    columns = [daq, volt, np.where(up, 1, -1), np.cumsum(np.diff(up, prepend=up[0]) != 0)]
    stage = rng.normal(0, 0.1, (2, len(daq))).cumsum(axis=1)
    np.savetxt(
        folder / _DAQ,
        np.column_stack([*columns, *stage, np.zeros(len(daq))]),
        fmt=["%d", "%.6f", "%d", "%d", "%.6f", "%.6f", "%d"],
        delimiter="\t",
        comments="",
        header="Frame index\tPiezo position (V)\tPiezo direction (+-1)\tVolume index\t"
        "Ludl X\tLudl Y\tLaser gate",
    )
    kept = np.sort(rng.choice(count, n_frames, replace=False))
    times = 100 + (kept - kept[0]) / rate
    np.savetxt(
        folder / _FRAMES,
        np.column_stack([times, kept]),
        fmt=["%.6f", "%d"],
        delimiter="\t",
        comments="",
        header="Timestamp\tframeCount",
    )


@contextmanager
def _leifer(folder: Path) -> Iterator[Contenders]:
    n_frames = 400_000
    write_leifer_tables(folder, n_frames)
    with (folder / "sCMOS_Frames_U16_1024x512.dat").open("wb") as file:
        file.truncate(n_frames * 1024 * 512 * 2)  # sparse: it takes no room

    def with_wormio() -> object:
        with wormio.open(folder, um_per_volt=8) as recording:
            return len(recording.timeline)

    def with_loadtxt() -> object:
        frames = np.loadtxt(folder / _FRAMES, skiprows=1)
        np.loadtxt(folder / _DAQ, skiprows=1)
        return len(frames)

    yield {"wormio": with_wormio, _LOADTXT: with_loadtxt}


CONTESTS = (
    Contest(
        "leifer-open",
        "opening a Leifer folder of 400,000 frames",
        _leifer,
        goals={_LOADTXT: Goal("at least", 1 / 1.5)},
    ),
)
