"""Extracting from raw frames: wormio and the methods of others, written down from their papers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import wormio
from benchmarks.contest import Contenders, Contest, Goal
from benchmarks.recordings import PLANES, map_file, neurons, volume_of, write_volumes
from wormio.extraction.passing import pass_points
from wormio.extraction.planned import plan_rows
from wormio.extraction.ranges import read_ranges
from wormio.extraction.touching import touched_rows
from wormio.model import BaseRecording, Positions

__all__ = ["BOX", "CONTESTS", "box_index", "by_slicing"]

BOX = wormio.Box(3, 5, 5)
_VOLUMES = 64


def box_index(zyx: NDArray[np.float64]) -> tuple[NDArray[np.int64], ...]:
    """Return the voxels of the box around each neuron, three (N, 3, 5, 5) index arrays."""
    centre = np.floor(zyx + 0.5).astype(int)[..., np.newaxis, np.newaxis, np.newaxis]
    box = np.meshgrid([-1, 0, 1], range(-2, 3), range(-2, 3), indexing="ij")
    return tuple(centre[:, axis] + box[axis] for axis in range(3))


def by_slicing(volume: NDArray[np.uint16], zyx: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means (C, N) by numpy's advanced indexing."""
    z, y, x = box_index(zyx)
    return np.array(
        [volume[z, channel, y, x].astype(float).mean(axis=(1, 2, 3)) for channel in range(2)]
    )


def _slicing(path: Path, where: Positions) -> NDArray[np.float64]:
    volumes = [by_slicing(volume_of(path, v), where.coords[v]) for v in range(_VOLUMES)]
    return np.stack(volumes, axis=1)


def _extract(
    recording: BaseRecording, where: Positions, pool: ThreadPoolExecutor
) -> NDArray[np.float64]:
    signals = wormio.extract(recording, where, mask=BOX, executor=pool)
    return np.stack([signal.data for signal in signals.values()])


def _bare_reads(recording: BaseRecording, where: Positions) -> Callable[[], None]:
    """Return what reads the planned bytes, volume by volume, and does nothing else."""
    layout, files = recording.frames.layout, recording.frames.files
    table = BOX.table(len(where))
    plans = []
    for volume in range(_VOLUMES):
        frames = (volume * PLANES, (volume + 1) * PLANES)
        points = pass_points(
            np.tile(np.arange(PLANES), (2, 1, 1)),
            np.stack([np.floor(where.coords[volume, :, 0] + 0.5).astype(np.int32)] * 2)[:, None],
            np.stack([where.coords[volume, :, 1:]] * 2)[:, None],
            table,
            (0.0, 0.0),
            n_planes=PLANES,
        )
        marks = touched_rows([points], (layout.height, layout.width), boundary="exclude")
        plans.append(plan_rows(layout, frames, (0, 1), marks).ranges)
    buffer = np.zeros(max(plan.buffer_bytes for plan in plans), np.uint8)

    def read() -> None:
        for plan in plans:
            files.use(0, partial(read_ranges, files, 0, ranges=plan.table, buffer=buffer))

    return read


@contextmanager
def _from_file(folder: Path, rows: tuple[int, int]) -> Iterator[Contenders]:
    path = folder / "volumes.dat"
    write_volumes(path, _VOLUMES)
    where = neurons(_VOLUMES, rows)
    with ExitStack() as stack:
        split = stack.enter_context(map_file(path, _VOLUMES))
        pool = stack.enter_context(ThreadPoolExecutor(1))
        yield {
            "wormio": lambda: _extract(split, where, pool),
            "numpy: whole volumes, index arrays": lambda: _slicing(path, where),
            "pread of the planned bytes alone": _bare_reads(split, where),
        }


@contextmanager
def _interleaved(folder: Path) -> Iterator[Contenders]:
    path = folder / "volumes.dat"
    write_volumes(path, _VOLUMES)
    where = neurons(_VOLUMES, (5, 506))
    with ExitStack() as stack:
        split = stack.enter_context(map_file(path, _VOLUMES))
        turns = stack.enter_context(map_file(path, _VOLUMES, interleaved=True))
        pool = stack.enter_context(ThreadPoolExecutor(1))

        def interleaved() -> None:
            _extract(turns, where, pool)

        yield {
            "channel after channel": lambda: _extract(split, where, pool),
            "row by row in turns": interleaved,
        }


CONTESTS = (
    Contest(
        "extract-head",
        "180 neurons between rows 200 and 320, two channels, from a file",
        partial(_from_file, rows=(200, 320)),
        clock="processor",
        goals={
            "numpy: whole volumes, index arrays": Goal("at least", 8),
            "pread of the planned bytes alone": Goal("at least", 1 / 1.5),
        },
        tolerance=1e-12,
    ),
    Contest(
        "extract-spread",
        "the same, neurons all over the image",
        partial(_from_file, rows=(5, 506)),
        clock="processor",
        goals={
            "numpy: whole volumes, index arrays": Goal("at least", 4.5),
            "pread of the planned bytes alone": Goal("at least", 1 / 1.5),
        },
        tolerance=1e-12,
    ),
    Contest(
        "extract-interleaved",
        "the same, from a file whose rows belong to the channels in turns",
        _interleaved,
        clock="processor",
        goals={"row by row in turns": Goal("at most", 1.1)},
    ),
)
