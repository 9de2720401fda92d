"""E: stimuli on the frames and the clock of the recording."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from wormio.model import BaseRecording, Events, EventStatus, Flag, Timeline
from wormio.testing.checks._common import each_recording
from wormio.testing.engine import Context, check, require
from wormio.testing.truth import Truth

__all__: list[str] = []

_SCHEMA = {
    "count": "int64",
    "frame": "int64",
    "time": "float64",
    "volume": "int64",
    "duration": "float64",
    "error_frames": "int64",
    "status": "int8",
}


@check("WIO-E01")
def events_fit_the_frames(context: Context) -> None:
    """Every event has a frame, its volume and a time at that frame, or is OUTSIDE and has none."""

    def test(_truth: Truth | None, recording: BaseRecording) -> None:
        for name, table in recording.events.items():
            for row in range(len(table)):
                _fits(table, row, recording.timeline, f"events[{name!r}], row {row}")

    each_recording(context, test)


def _fits(table: Events, row: int, timeline: Timeline, where: str) -> None:
    status, frame = int(table.status[row]), int(table.frame[row])
    volume, time = int(table.volume[row]), float(table.time[row])
    require(status in set(EventStatus), f"status {status}", "an EventStatus", where)
    if status == EventStatus.OUTSIDE or frame == -1:
        nothing = status == EventStatus.OUTSIDE and frame == volume == -1 and np.isnan(time)
        shown = f"status {status}, frame {frame}, volume {volume}, time {time}"
        require(nothing, shown, "OUTSIDE with frame -1, volume -1 and time NaN", where)
        return
    require(0 <= frame < len(timeline), f"frame {frame}", f"0 to {len(timeline) - 1}", where)
    duplicate = bool(timeline.flags[frame] & Flag.DUPLICATE)
    require(not duplicate, f"frame {frame}, a DUPLICATE", "the frame that it repeats", where)
    its_own = int(timeline.volume[frame])
    require(volume == its_own, f"volume {volume}", f"{its_own}, that of frame {frame}", where)
    partial = status == EventStatus.PARTIAL_VOLUME
    require(partial == (volume < 0), f"status {status}, volume {volume}", "PARTIAL_VOLUME", where)
    error = int(table.error_frames[row])
    exact = error == 0 or status != EventStatus.OK
    require(exact, f"status OK, {error} frames off", "SNAPPED", where)
    clock = timeline.time[frame]
    interval = np.nan_to_num(timeline.frame_interval)
    if np.isfinite(clock):
        # A stimulus lies within its frame; one that was moved, within as many frames more.
        near = abs(time - clock) <= (abs(error) + 1) * interval + 1e-6
        require(
            near, f"time {time}", f"{clock}, that of frame {frame}, +- {error + 1} frames", where
        )


@check("WIO-E02", "writer", "events")
def events_lie_on_the_nearest_saved_frame(context: Context) -> None:
    """An event keeps its counter and lies on its own frame, or SNAPPED to the nearest saved one."""
    limits = context.subject.limits
    name = limits.events or ""

    def test(truth: Truth, recording: BaseRecording) -> None:
        if not len(truth.events):
            return
        require(name in recording.events, f"events {sorted(recording.events)}", f"{name!r}")
        table = recording.events[name]
        require(len(table) == len(truth.events), f"{len(table)} events", len(truth.events), name)
        shift = int(recording.timeline.count[0] - truth.count[0]) if not limits.drops else 0
        for row, count in enumerate(truth.events.tolist()):
            _is_nearest(truth, table, row, count, shift, f"events[{name!r}], row {row}")
        shared = _repeated(table.frame.tolist())
        for row, status in enumerate(table.status.tolist()):
            wanted = {EventStatus.SHARED_TRIGGER} if shared[row] else set()
            wanted |= (
                {EventStatus.SNAPPED} if table.error_frames[row] and not shared[row] else set()
            )
            wanted = wanted or {EventStatus.OK}
            if table.volume[row] < 0:
                wanted = {EventStatus.PARTIAL_VOLUME}
            require(status in wanted, f"status {status}", wanted, f"events[{name!r}], row {row}")

    if limits.drops:
        truth = context.truth(lost=[2, 5], stimuli=[2, 5])
        with context.opened(context.write(truth)) as recording:
            test(truth, recording)
    context.for_truths(test)


def _is_nearest(truth: Truth, table: Events, row: int, count: int, shift: int, where: str) -> None:
    found, frame = int(table.count[row]) - shift, int(table.frame[row])
    require(found == count, f"count {found}", f"{count}, the event's own", where)
    distance = np.abs(truth.count - count)
    nearest = np.flatnonzero((distance == distance.min()) & ~truth.duplicate).tolist()
    require(frame in nearest, f"frame {frame}", f"{nearest}, nearest to count {count}", where)
    off, expected = int(table.error_frames[row]), int(distance.min())
    require(abs(off) == expected, f"error_frames {off}", f"{expected}", where)


def _repeated(values: Iterable[int]) -> list[bool]:
    every = list(values)
    return [every.count(value) > 1 for value in every]


@check("WIO-E03", "writer")
def no_events_are_an_empty_table(context: Context) -> None:
    """Without stimuli there is no table, or an empty one with all its columns."""
    with context.opened(context.write(context.truth(stimuli=[]))) as recording:
        for name, table in recording.events.items():
            where = f"events[{name!r}]"
            require(len(table) == 0, f"{len(table)} events", "none", where)
            for column, dtype in _SCHEMA.items():
                values = getattr(table, column)
                right = values.shape == (0,) and values.dtype == dtype
                require(right, f"{column} {values.shape} {values.dtype}", f"(0,) {dtype}", where)
