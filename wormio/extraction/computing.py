"""From a task to its samples: read the pixels, reduce them."""

from __future__ import annotations

from typing import Any

import numpy as np

from wormio.errors import ExtractionError
from wormio.extraction.kernels import Reduced, gather, reduce
from wormio.extraction.reading import Block, read_block, rows_touched
from wormio.extraction.reducers import VoxelReducer
from wormio.extraction.task import Samples, Task
from wormio.extraction.voxels import MaskTable
from wormio.model import Recording

__all__ = ["compute", "reduce_block"]


def compute(recording: Recording, task: Task) -> Samples:
    """Return the samples of a task; safe to call from several threads.

    Raises
    ------
    RecordingError, ExtractionError
        Pixels could not be read, or are not what the task says.
    """
    low = min(int(table.runs[:, 1].min(initial=0)) for table in task.tables) - task.linear
    high = max(int(table.runs[:, 1].max(initial=0)) for table in task.tables) + task.linear
    rows = rows_touched(task.yx[..., 0], low, high, recording.frames.shape[2])
    return reduce_block(read_block(recording, task.frames, task.channels, rows), task)


def reduce_block(block: Block, task: Task) -> Samples:
    """Return the samples of a task from its pixels.

    Parameters
    ----------
    block : Block
        The task's channels, with its planes and the rows that its masks touch.
    task : Task
    """
    n_channels, n_volumes, n_neurons = task.slot.shape
    samples = Samples.empty(n_channels, len(task.tables), n_volumes, n_neurons)
    for k, table in enumerate(task.tables):
        reduced = _reduce(block, task, table)
        samples.data[:, k] = reduced.value
        samples.voxels[:, k] = reduced.voxels
        samples.saturated[:, k] = reduced.saturated
    return samples


def _reduce(block: Block, task: Task, table: MaskTable) -> Reduced:
    common: dict[str, Any] = {
        "planes": task.planes,
        "slot": task.slot,
        "yx": task.yx,
        "table": table,
        "boundary": task.boundary,
        "offset": task.offsets,
        "linear": task.linear,
        "rectify": task.rectify,
        "saturation": task.saturation,
    }
    if not isinstance(task.reducer, VoxelReducer):
        return reduce(block, operation=task.reducer.operation, **common)  # type: ignore[attr-defined]
    values, weights, reduced = gather(block, **common)
    there = reduced.voxels > 0
    if there.any():
        chosen = np.asarray(
            task.reducer.reduce(
                values[there],
                reduced.voxels[there],
                None if weights is None else weights[there],
            )
        )
        if chosen.shape != (int(there.sum()),) or chosen.dtype.kind not in "iuf":
            raise ExtractionError(
                f"reducer {task.reducer!r} did not return one number for each sample",
                expected=f"float64 of shape ({int(there.sum())},)",
                found=f"{chosen.dtype} of shape {chosen.shape}",
            )
        reduced.value[there] = chosen
    return reduced
