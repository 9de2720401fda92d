"""Broken adapters whose pixels are right: time, z, volumes and events are not (T, V, E)."""

# ruff: noqa: ARG002 (a mutant has its parent's signatures)

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from mutants import EventsMutant, MakeSubject, TimelineMutant, frozen, of
from reference import ReferenceAdapter, forged

from wormio.model import (
    BaseRecording,
    Clock,
    Events,
    EventStatus,
    Flag,
    Origin,
    Timeline,
    VoxelSize,
    from_scan,
)

# -- T ---------------------------------------------------------------------------------------


class RawCountIsShort(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        return {"raw_count": timeline.raw_count[:-1]}


class RawTimeInSinglePrecision(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        return {"raw_time": timeline.raw_time.astype("f4")}


class TimeIsLate(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        return {"time": frozen(timeline.time + 1e-4)}


class TimeIsRounded(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        return {"time": frozen(np.round(timeline.time, 1))}


class TimeIsForgotten(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        return {"time": frozen(np.full(len(timeline), np.nan))}


class CountsWithoutGaps(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        gaps = np.cumsum(np.maximum(np.diff(timeline.count, prepend=timeline.count[0]) - 1, 0))
        without = frozen(timeline.count - gaps)
        return {"count": without, "raw_count": without, "dropped": frozen(timeline.dropped[:0])}


class RepairsInSilence(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        return {"raw_count": frozen(timeline.raw_count + 1)}


class EveryFrameIsADuplicate(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        return {"flags": frozen(timeline.flags | Flag.DUPLICATE)}


class NeverDrops(ReferenceAdapter):
    """Its author never saw a dropped frame."""

    def columns(self) -> dict[str, Any]:
        right = super().columns()
        steps = np.diff(right["count"])
        return right if (steps <= 1).all() else right | {"time": 1 // 0}


class DropsUnreported(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        return {"dropped": frozen(timeline.dropped[:0])}


class InventsADrop(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        return {"dropped": frozen([*timeline.dropped, timeline.count[-1]])}


class _MeanInterval(Timeline):
    @property
    def frame_interval(self) -> float:
        return float(np.mean(np.diff(self.time))) if len(self) > 1 else float("nan")


class MeanInterval(ReferenceAdapter):
    def timeline(self) -> Timeline:
        return _MeanInterval(**self.columns())


class NamelessClock(ReferenceAdapter):
    def columns(self) -> dict[str, Any]:
        return super().columns() | {"clock": Clock()}


class StartIsNoDate(ReferenceAdapter):
    def columns(self) -> dict[str, Any]:
        return super().columns() | {"clock": Clock(name="camera", start="last Tuesday")}


class WriteableTime(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        return {"time": timeline.time.copy()}


class WriteableEvents(EventsMutant):
    def change(self, table: Events, timeline: Timeline) -> Events:
        return forged(table, count=table.count.copy())


class ZIsOneFrameLate(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        return {"z": frozen(np.roll(timeline.z, 1))}


class ZIsUnknownInSilence(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        z = timeline.z.copy()
        z[-1] = np.nan
        return {"z": frozen(z)}


class ZOfUnknownOrigin(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        return {"origins": dict(timeline.origins) | {"z": Origin.UNKNOWN}}


class NoOriginOfTime(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        return {"origins": {k: v for k, v in timeline.origins.items() if k != "time"}}


class ZIsMeasuredNowhere(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        return {"z": frozen(np.full(len(timeline), np.nan))}  # of origin MEASURED


# -- V ---------------------------------------------------------------------------------------


class VolumesOverlap(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        volumes = timeline.volumes.copy()
        volumes[:-1, 1] += 1
        return {"volumes": frozen(volumes)}


class VolumeColumnIsLate(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        return {"volume": frozen(timeline.volume - 1)}


class FirstVolumeIsMissing(ReferenceAdapter):
    def columns(self) -> dict[str, Any]:
        right = super().columns()
        names = ("volumes", "volume_counts")
        return right | {name: right[name][1:] for name in names}


class VolumesOfSavedFrames(ReferenceAdapter):
    """A volume begins at its first saved frame: wrong where that plane was dropped."""

    def columns(self) -> dict[str, Any]:
        right = super().columns()
        del right["volume_counts"]
        return right


class VolumesFromTurningPoints(ReferenceAdapter):
    """Looks for turning points where the format tells the volumes."""

    def columns(self) -> dict[str, Any]:
        right = super().columns()
        found = from_scan(right["count"], right["z"])
        return right | {"volumes": found.frames, "volume_counts": found.counts}


class _VolumesBeginEarly(BaseRecording):
    def volume(self, index: int) -> Any:
        first, stop = self.timeline.volume_range(index)
        return self.frames[max(first - 1, 0) : stop]


class VolumesBeginEarly(ReferenceAdapter):
    def recording(self, **parts: Any) -> BaseRecording:
        return _VolumesBeginEarly(**parts)


class _AnyVolume(BaseRecording):
    def volume(self, index: int) -> Any:
        n = max(self.timeline.n_volumes, 1)
        return super().volume(index % n)


class AnyVolume(ReferenceAdapter):
    def recording(self, **parts: Any) -> BaseRecording:
        return _AnyVolume(**parts)


class DirectionUpsideDown(ReferenceAdapter):
    def columns(self) -> dict[str, Any]:
        right = super().columns()
        return right | {"direction": -right["direction"]}


class ZUpsideDown(ReferenceAdapter):
    def columns(self) -> dict[str, Any]:
        right = super().columns()
        return right | {"z": -right["z"]}


class ZInMillimetres(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        return {"z_unit": "mm"}


class _VoltsAsMicrometres(Timeline):
    @property
    def z_um(self) -> Any:
        return self.z


class VoltsAsMicrometres(ReferenceAdapter):
    def timeline(self) -> Timeline:
        return _VoltsAsMicrometres(**(self.columns() | {"z_unit": "V"}))


class DirectionIsTwo(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        return {"direction": frozen(timeline.direction * np.int8(2))}


class PlanarIsOneVolume(ReferenceAdapter):
    def columns(self) -> dict[str, Any]:
        right = super().columns()
        n, count = len(right["count"]), right["count"]
        z = right["z"]
        if n and (z == z[0]).all():
            right["volumes"] = np.array([[0, n]])
            right["volume_counts"] = np.array([[count[0], count[-1] + 1]])
        return right


class VoxelsInMillimetres(ReferenceAdapter):
    def voxel_size(self) -> VoxelSize:
        right = super().voxel_size()
        return VoxelSize(z=right.z, y=right.y / 1000, x=right.x / 1000)


class VoxelsTransposed(ReferenceAdapter):
    def voxel_size(self) -> VoxelSize:
        right = super().voxel_size()
        return VoxelSize(z=right.x, y=right.y, x=right.z)


class SlotsWithoutGaps(TimelineMutant):
    def lies(self, timeline: Timeline) -> dict[str, Any]:
        slot = np.full(len(timeline), -1)
        for first, stop in timeline.volumes:
            slot[first:stop] = np.arange(stop - first)
        return {"slot": frozen(slot)}


# -- E ---------------------------------------------------------------------------------------


class EventsWithoutFrame(EventsMutant):
    def change(self, table: Events, timeline: Timeline) -> Events:
        return attrs.evolve(table, frame=np.full(len(table), -1))


class EventsInTheNextVolume(EventsMutant):
    def change(self, table: Events, timeline: Timeline) -> Events:
        return attrs.evolve(table, volume=table.volume + 1)


class EventsOnTheLaserClock(EventsMutant):
    def change(self, table: Events, timeline: Timeline) -> Events:
        return attrs.evolve(table, time=table.time + 1000)


class EventsOnTheNextFrame(EventsMutant):
    """On a dropped frame: the next saved one is taken, however far, and called exact."""

    def change(self, table: Events, timeline: Timeline) -> Events:
        saved = table.error_frames == 0
        return attrs.evolve(
            table,
            error_frames=np.zeros(len(table), int),
            status=np.where(saved, table.status, EventStatus.OK),
        )


class EventsOnDropsAreLost(ReferenceAdapter):
    def events(self, timeline: Timeline) -> Mapping[str, Events]:
        counts = np.array(self.header["events"], np.int64)
        counts = counts[np.isin(counts, timeline.count)]
        return {"stimuli": Events.at_counts(timeline, counts)} if len(counts) else {}


class EventsForgetTheirCount(EventsMutant):
    def change(self, table: Events, timeline: Timeline) -> Events:
        return attrs.evolve(table, count=timeline.count[table.frame])


class AlwaysOneEvent(ReferenceAdapter):
    def events(self, timeline: Timeline) -> Mapping[str, Events]:
        found = super().events(timeline)
        return found or {"stimuli": Events.at_counts(timeline, timeline.count[:1])}


MUTANTS: dict[str, tuple[MakeSubject, ...]] = {
    "WIO-T01": of(RawCountIsShort, RawTimeInSinglePrecision),
    "WIO-T02": of(TimeIsLate, TimeIsRounded, TimeIsForgotten),
    "WIO-T03": of(CountsWithoutGaps, RepairsInSilence, EveryFrameIsADuplicate, NeverDrops),
    "WIO-T04": of(DropsUnreported, InventsADrop),
    "WIO-T05": of(MeanInterval),
    "WIO-T06": of(NamelessClock, StartIsNoDate),
    "WIO-T07": of(WriteableTime, WriteableEvents),
    "WIO-T08": of(ZIsOneFrameLate, ZIsUnknownInSilence),
    "WIO-T09": of(ZOfUnknownOrigin, NoOriginOfTime, ZIsMeasuredNowhere),
    "WIO-V01": of(VolumesOverlap, VolumeColumnIsLate),
    "WIO-V02": of(FirstVolumeIsMissing, VolumesOfSavedFrames, VolumesFromTurningPoints),
    "WIO-V03": of(VolumesBeginEarly, AnyVolume),
    "WIO-V04": of(DirectionUpsideDown, ZUpsideDown),
    "WIO-V05": of(ZInMillimetres, VoltsAsMicrometres),
    "WIO-V06": of(DirectionIsTwo),
    "WIO-V07": of(PlanarIsOneVolume),
    "WIO-V08": of(VoxelsInMillimetres, VoxelsTransposed),
    "WIO-V09": of(SlotsWithoutGaps),
    "WIO-E01": of(EventsWithoutFrame, EventsInTheNextVolume, EventsOnTheLaserClock),
    "WIO-E02": of(EventsOnTheNextFrame, EventsOnDropsAreLost, EventsForgetTheirCount),
    "WIO-E03": of(AlwaysOneEvent),
}
