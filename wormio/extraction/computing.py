"""From a task to its samples: read the pixels, reduce them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, cast

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import ExtractionError
from wormio.extraction.backgrounds import Background, PlanePercentile, free_voxels
from wormio.extraction.kernels import Operation, Options, Reduced, gather, prepare, reduce
from wormio.extraction.passing import Points, pass_points
from wormio.extraction.reading import Block, plan_block
from wormio.extraction.reducers import Sum, VoxelReducer
from wormio.extraction.task import Samples, Task
from wormio.extraction.touching import touched_rows
from wormio.extraction.voxels import MaskTable
from wormio.model import Recording

__all__ = ["compute", "pass_task"]


def compute(recording: Recording, task: Task) -> Samples:
    """Return the samples of a task; safe to call from several threads.

    Raises
    ------
    RecordingError, ExtractionError
        Pixels could not be read, or are not what the task says.
    """
    points = pass_task(task)
    shape = recording.frames.shape[2:]
    marks = touched_rows(points, shape, boundary=task.boundary, linear=task.linear)
    parts = task.parts()
    begins = [part.frame for part in parts[1:]]
    plan = plan_block(recording, task.frames, task.channels, marks, begins)
    block = plan.block
    of_masks = [_prepare(block, task, each) for each in points[: len(task.masks)]]
    background = np.full(task.slot.shape, np.nan) if task.background is not None else None
    # All is ready before the first byte is read: what is read drives Python's own memory out of
    # the processor's cache.
    for k, part in enumerate(parts):
        plan.fill(k)
        for each in of_masks:
            each.run(*part.volumes)
        if task.background is not None and background is not None:
            volumes = task.of_volumes(*part.volumes)
            background[:, slice(*part.volumes)] = _background(block, volumes, task.background)
    return _samples(task, [each.reduced for each in of_masks], background)


def pass_task(task: Task) -> list[Points]:
    """Return the points of a task, with each of its masks."""
    n_frames = task.frames[1] - task.frames[0]
    return [
        pass_points(task.planes, task.slot, task.yx, table, task.offsets, n_planes=n_frames)
        for table in task.tables
    ]


def _samples(
    task: Task, of_masks: Sequence[Reduced], background: NDArray[np.float64] | None
) -> Samples:
    if background is not None:
        for reduced in of_masks:
            # Of each voxel: a sum has as many of them.
            summed = isinstance(task.reducer, Sum)
            reduced.value[...] -= background * reduced.voxels if summed else background
    return Samples(
        data=_side_by_side([reduced.value for reduced in of_masks]),
        voxels=_side_by_side([reduced.voxels for reduced in of_masks]),
        saturated=_side_by_side([reduced.saturated for reduced in of_masks]),
        background=None if background is None else background[:, np.newaxis],
    )


def _side_by_side(of_masks: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return (C, V, N) of each mask as (C, K, V, N), without a copy if there is only one."""
    return of_masks[0][:, np.newaxis] if len(of_masks) == 1 else np.stack(of_masks, axis=1)


def _background(block: Block, task: Task, kind: Background) -> NDArray[np.float64]:
    """Return the background of each sample, (C, V, N); NaN where there is no voxel of it."""
    found = np.full(task.slot.shape, np.nan)
    for c in range(len(found)):
        valid = (task.slot[c] >= 0) & np.isfinite(task.yx[c]).all(axis=-1)
        slot = np.where(valid, task.slot[c], -1).astype(np.int32)
        if isinstance(kind, PlanePercentile):
            found[c] = _of_planes(block, task, kind, c, slot)
        else:
            shape = (task.planes.shape[2], block.height, block.width)
            table = free_voxels(task.tables[-1], task.masks, slot, task.yx[c], shape)
            found[c] = _percentile(block, task, kind, c, slot, task.yx[c], table)
    return found


def _of_planes(
    block: Block, task: Task, kind: PlanePercentile, channel: int, slot: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Return the percentile of each sample's plane, (V, N), each plane looked at once."""
    n_slots = task.planes.shape[2]
    used = np.zeros((len(slot), n_slots), bool)
    volume, neuron = np.nonzero(slot >= 0)
    used[volume, slot[volume, neuron]] = True
    # A plane that no neuron is in was not read.
    planes = np.where(used, np.arange(n_slots), -1).astype(np.int32)
    corner = np.zeros((*planes.shape, 2))
    values = _percentile(block, task, kind, channel, planes, corner, task.tables[-1])
    found = np.full(slot.shape, np.nan)
    found[volume, neuron] = values[volume, slot[volume, neuron]]
    return found


def _percentile(
    block: Block,
    task: Task,
    kind: Background,
    channel: int,
    slot: NDArray[np.int32],
    yx: NDArray[np.float64],
    table: MaskTable,
) -> NDArray[np.float64]:
    """Return a percentile around points of one channel, (V, N)."""
    one = slice(channel, channel + 1)
    points = pass_points(
        task.planes[one],
        slot[np.newaxis],
        yx[np.newaxis],
        table,
        task.offsets[one],
        n_planes=task.frames[1] - task.frames[0],
    )
    reduced = reduce(
        attrs.evolve(block, of_plane=block.of_plane[one]),
        points,
        Operation("quantile", q=kind.percentile / 100),
        Options(boundary="exclude", rectify=task.rectify),
    )
    values: NDArray[np.float64] = reduced.value[0]
    return values


class _Step(Protocol):
    """What makes samples of the pixels in the block, volume by volume."""

    @property
    def reduced(self) -> Reduced: ...

    def run(self, first: int, stop: int) -> None: ...


def _prepare(block: Block, task: Task, points: Points) -> _Step:
    options = Options(
        boundary=task.boundary,
        linear=task.linear,
        rectify=task.rectify,
        saturation=task.saturation,
    )
    # Almost all have an operation of the core; asking a protocol is slow.
    operation = getattr(task.reducer, "operation", None)
    if isinstance(operation, Operation):
        return prepare(block, points, operation, options)
    shape = task.slot.shape
    none = Reduced(np.full(shape, np.nan), np.zeros(shape, np.int32), np.zeros(shape, np.int32))
    return _InPython(block, points, cast("VoxelReducer", task.reducer), options, none)


@attrs.frozen(eq=False)
class _InPython:
    """Reduces the voxels of each sample by a function of Python."""

    block: Block
    points: Points
    reducer: VoxelReducer
    options: Options
    reduced: Reduced

    def run(self, first: int, stop: int) -> None:
        """Reduce some of the volumes."""
        part = self.points.of_volumes(first, stop)
        values, weights, reduced = gather(self.block, part, self.options)
        there = reduced.voxels > 0
        if there.any():
            chosen = np.asarray(
                self.reducer.reduce(
                    values[there],
                    reduced.voxels[there],
                    None if weights is None else weights[there],
                )
            )
            if chosen.shape != (int(there.sum()),) or chosen.dtype.kind not in "iuf":
                raise ExtractionError(
                    f"reducer {self.reducer!r} did not return one number for each sample",
                    expected=f"float64 of shape ({int(there.sum())},)",
                    found=f"{chosen.dtype} of shape {chosen.shape}",
                )
            reduced.value[there] = chosen
        for name in ("value", "voxels", "saturated"):
            getattr(self.reduced, name)[:, first:stop] = getattr(reduced, name)
