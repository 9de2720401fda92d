"""The plan of an extraction: its batches of volumes, and the task of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.extraction.backgrounds import Background
from wormio.extraction.centres import plane_table
from wormio.extraction.masks import Mask
from wormio.extraction.passing import Boundary
from wormio.extraction.places import Place
from wormio.extraction.planned import layout_of
from wormio.extraction.presets import Preset, early_planes
from wormio.extraction.reducers import Reducer
from wormio.extraction.task import Task
from wormio.extraction.voxels import MaskTable
from wormio.mapping import PointMap
from wormio.model import Positions, Recording

__all__ = ["Batch", "Plan", "plan_batches"]

# What a worker is given at once. Where rows are read in place it holds much less in memory.
_BATCH_BYTES = {"in place": 64 << 20, "decoded": 32 << 20}
# Read and reduced together: few enough to stay in the processor's cache between the two, enough to
# make up for what a part costs besides.
_PART_BYTES = 12 << 20


@attrs.frozen
class Batch:
    """Volumes that are read and reduced together.

    Parameters
    ----------
    volumes : (int, int)
        Half-open range.
    frames : (int, int)
        Half-open range that covers them.
    """

    volumes: tuple[int, int]
    frames: tuple[int, int]


@attrs.frozen(kw_only=True, eq=False)
class Plan:
    """What is to be extracted, all choices made.

    Parameters
    ----------
    recording : Recording
    where : Positions
        As they were given.
    channels : tuple of int
        Indices into the recording's.
    places : tuple of Place
        Of each of these channels.
    maps : mapping of str to PointMap
        By channel name.
    masks : mapping of str to Mask
        By name; ``""`` where there is only one.
    reducer : Reducer
    boundary : {"exclude", "clip", "nan"}
    linear : bool
        Whether voxels are interpolated between pixels.
    offsets : tuple of float
        Of each of these channels.
    saturation : float
        See `Task`.
    preset : {"wormdatamodel-1.5"}, optional
        See `wormio.extraction.presets`.
    by_channel : bool
        Whether the positions were given for each channel.
    background : Background, optional
        Is measured and subtracted.
    """

    recording: Recording
    where: Positions
    channels: tuple[int, ...]
    places: tuple[Place, ...]
    maps: Mapping[str, PointMap]
    masks: Mapping[str, Mask]
    reducer: Reducer
    boundary: Boundary
    linear: bool = False
    offsets: tuple[float, ...]
    saturation: float = float("nan")
    preset: Preset | None = None
    by_channel: bool = False
    background: Background | None = None

    @cached_property
    def tables(self) -> tuple[MaskTable, ...]:
        """The voxels of each mask."""
        tables = [mask.table(len(self.where)) for mask in self.masks.values()]
        if self.background is not None:
            height, width = self.recording.frames.shape[2:]
            tables.append(self.background.table(len(self.where), (height, width)))
        return tuple(tables)

    def task(self, batch: Batch) -> Task:
        """Return what is to be done in a batch."""
        volumes = slice(*batch.volumes)
        timeline = self.recording.timeline
        frames, find_planes = batch.frames, plane_table
        if self.preset is not None:
            frames, find_planes = (max(batch.frames[0] - 1, 0), batch.frames[1]), early_planes
        return Task(
            volumes=batch.volumes,
            frames=frames,
            channels=self.channels,
            planes=find_planes(timeline, self.channels, *batch.volumes, frames[0]),
            slot=_of_channels(self.places, lambda place: place.centres.slot[volumes]),
            yx=_of_channels(self.places, lambda place: place.positions.at(*batch.volumes)[..., 1:]),
            tables=tuple(table.of_volumes(*batch.volumes) for table in self.tables),
            reducer=self.reducer,
            boundary=self.boundary,
            linear=self.linear,
            offsets=self.offsets,
            rectify=self.preset is not None,
            saturation=self.saturation,
            background=self.background,
            at_once=self.at_once(batch),
        )

    @cached_property
    def in_place(self) -> bool:
        """Whether rows are read where they lie in files; images are decoded otherwise."""
        return layout_of(self.recording.frames) is not None

    def at_once(self, batch: Batch) -> int:
        """Return how many volumes of a batch are read and reduced together."""
        largest = int(self.volume_bytes[slice(*batch.volumes)].max())
        # An image that several volumes need is to be decoded once.
        wanted = _PART_BYTES // max(largest, 1) if self.in_place else len(self.volume_bytes)
        return max(1, min(wanted, batch.volumes[1] - batch.volumes[0]))

    def bytes_at_once(self, batch: Batch) -> int:
        """Return how many bytes of pixels a worker holds that is at work on a batch."""
        sizes, at_once = self.volume_bytes[slice(*batch.volumes)], self.at_once(batch)
        return int(np.add.reduceat(sizes, np.arange(0, len(sizes), at_once)).max())

    @cached_property
    def volume_bytes(self) -> NDArray[np.int64]:
        """Return how many bytes of pixels each volume takes in memory, (V,) int64.

        Whole images, where they have to be decoded. Where rows are read in place, those that the
        masks touch, as if none were touched twice and none lay between two others.
        """
        frames = self.recording.frames
        images = np.diff(self.recording.timeline.volumes, axis=1)[:, 0] * len(self.channels)
        layout = layout_of(frames)
        if layout is None:
            return np.asarray(images * self.image_bytes(), np.int64)
        touched = np.zeros((len(images), len(self.where)), np.int64)
        for table in self.tables:
            start, slabs = table.slabs
            rows = np.append(0, np.cumsum(slabs[:, 2] - slabs[:, 1]))[start]
            touched += np.diff(rows)[table.index] * len(self.channels)
        most = np.minimum(touched.sum(axis=1), images * layout.height)
        return np.asarray(most * layout.row_stride)

    def image_bytes(self) -> int:
        """Return the bytes of one image, decoded."""
        _, _, height, width = self.recording.frames.shape
        return int(height * width * self.recording.frames.dtype.itemsize)

    def options(self) -> dict[str, Any]:
        """Return the choices, as JSON; with the positions and maps they make the result."""
        names = [self.recording.channels[i].name for i in self.channels]
        masks = {name: mask.to_json() for name, mask in self.masks.items()}
        options: dict[str, Any] = {
            "mask": masks.get("", masks),
            "reducer": self.reducer.to_json(),
            "boundary": self.boundary,
            "subpixel": "linear" if self.linear else None,
            "offset": dict(zip(names, self.offsets, strict=True)),
            "saturation": None if np.isnan(self.saturation) else self.saturation,
            "channels": names,
        }
        if self.preset is not None:
            options["preset"] = self.preset
        if self.background is not None:
            options["background"] = self.background.to_json()
        if self.by_channel:
            options["positions_by_channel"] = True
        if self.maps:
            options["mapping"] = {name: each.to_json() for name, each in self.maps.items()}
        return options


def _of_channels(places: Sequence[Place], column: Callable[[Place], NDArray[Any]]) -> NDArray[Any]:
    """Return a column of each place, (C, ...); where all are the same, it is not copied."""
    if all(place is places[0] for place in places):
        one = column(places[0])
        return np.broadcast_to(one, (len(places), *one.shape))
    return np.stack([column(place) for place in places])


def plan_batches(plan: Plan, max_bytes: int) -> list[Batch]:
    """Cut the volumes into batches of at most `max_bytes` of pixels, at least one volume each."""
    at_once = min(max_bytes, _BATCH_BYTES["in place" if plan.in_place else "decoded"])
    used = np.concatenate([[0], np.cumsum(plan.volume_bytes)])
    batches = []
    volumes = plan.recording.timeline.volumes
    begin = 0
    while begin < len(volumes):
        end = int(np.searchsorted(used, used[begin] + at_once, side="right")) - 1
        end = max(end, begin + 1)
        span = (int(volumes[begin, 0]), int(volumes[end - 1, 1]))
        batches.append(Batch((begin, end), span))
        begin = end
    return batches
