"""From a task to its samples: read the pixels, reduce them."""

from __future__ import annotations

import numpy as np

from wormio.extraction.kernels import sum_runs
from wormio.extraction.reading import read_block, rows_touched
from wormio.extraction.task import Samples, Task
from wormio.model import Recording

__all__ = ["compute"]


def compute(recording: Recording, task: Task) -> Samples:
    """Return the samples of a task; safe to call from several threads.

    Raises
    ------
    RecordingError, ExtractionError
        Pixels could not be read, or are not what the task says.
    """
    height = recording.frames.shape[2]
    runs = task.mask.runs()
    rows = rows_touched(task.yx[..., 0], runs, height)
    block = read_block(recording, task.frames, task.channels, rows)
    data, voxels = np.empty(task.slot.shape), np.empty(task.slot.shape, np.int32)
    for j, offset in enumerate(task.offsets):
        total, voxels[j] = sum_runs(
            block[:, j],
            height=height,
            row_first=rows[0],
            planes=task.planes[j],
            slot=task.slot[j],
            yx=task.yx[j],
            runs=runs,
            boundary=task.boundary,
            offset=offset,
        )
        data[j] = task.reducer.finish(total, voxels[j])
    return Samples(data=data, voxels=voxels)
