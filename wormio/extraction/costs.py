"""What an extraction will read, told before it is read."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.extraction.computing import pass_task
from wormio.extraction.plan import Batch, Plan
from wormio.extraction.planned import layout_of, plan_rows
from wormio.extraction.touching import touched_rows

__all__ = ["Cost", "price"]


@attrs.frozen(eq=False, kw_only=True)
class Cost:
    """What a plan reads, batch by batch.

    Parameters
    ----------
    in_place : bool
        Whether pixels are read where they lie in the files: then `read` and `pieces` are bytes and
        ranges of bytes. Otherwise whole images are decoded: they are bytes of pixels, and images.
    read : (B,) int64
        Bytes.
    pieces : (B,) int64
        In how many pieces.
    memory : (B,) int64
        Bytes of memory that the batch takes while it is worked on.
    """

    in_place: bool
    read: NDArray[np.int64]
    pieces: NDArray[np.int64]
    memory: NDArray[np.int64]

    @property
    def total_read(self) -> int:
        """Bytes to read in all."""
        return int(self.read.sum())

    @property
    def total_pieces(self) -> int:
        """Ranges of bytes, or images, in all."""
        return int(self.pieces.sum())

    @property
    def largest(self) -> int:
        """Bytes of memory of the largest batch."""
        return int(self.memory.max(initial=0))


def price(plan: Plan, batches: Sequence[Batch]) -> Cost:
    """Tell what batches of a plan will read; nothing is read.

    Parameters
    ----------
    plan : Plan
    batches : sequence of Batch
    """
    frames = plan.recording.frames
    layout = layout_of(frames)
    figures = np.zeros((3, len(batches)), np.int64)
    shape = frames.shape[2:]
    for k, batch in enumerate(batches):
        task = plan.task(batch)
        marks = touched_rows(pass_task(task), shape, boundary=task.boundary, linear=task.linear)
        if layout is not None:
            begins = [part.frame for part in task.parts()[1:]]
            ranges = plan_rows(layout, task.frames, plan.channels, marks, begins).ranges
            figures[:, k] = ranges.length.sum(), len(ranges), ranges.buffer_bytes
        else:
            images = np.count_nonzero(marks.any(axis=1))
            pixels = images * plan.image_bytes()
            figures[:, k] = pixels, images, pixels
    return Cost(in_place=layout is not None, read=figures[0], pieces=figures[1], memory=figures[2])
