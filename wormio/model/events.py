"""Events: what was done to the animal, on the recording's own frames and clock."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import ContractError
from wormio.model._fields import array_field, as_dict, frozen_array
from wormio.model.columns import Column, Origin

if TYPE_CHECKING:
    from wormio.model.timeline import Timeline

__all__ = ["EventStatus", "Events"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class EventStatus(enum.IntEnum):
    """How well an event could be placed; the worst that applies."""

    OK = 0
    """Its own frame was saved and lies in a complete volume."""
    SNAPPED = 1
    """Its frame was dropped: moved to the nearest saved one, `Events.error_frames` away."""
    SHARED_TRIGGER = 2
    """Another event was placed on the same trigger or frame."""
    PARTIAL_VOLUME = 3
    """Its frame lies outside every complete volume."""
    OUTSIDE = 4
    """It lies outside the saved frames: frame and volume are -1."""


@attrs.frozen(kw_only=True)
class Events:
    """One row an event, E rows, in the order of the file.

    Parameters
    ----------
    count : (E,) int64
        Frame counter at which it happened; -1 if the event has no counter.
    frame : (E,) int64
        Nearest saved frame, -1 outside the recording.
    time : (E,) float64
        Seconds on the recording's clock; NaN outside it. A native clock goes to `properties`.
    volume : (E,) int64
        Volume of `frame`, -1 outside every complete volume.
    duration : (E,) float64
        Seconds; NaN if unknown.
    error_frames : (E,) int64
        Counter steps between the event and its frame.
    status : (E,) int8
        `EventStatus`.
    properties : mapping of str to Column
        Further columns; a ``target`` is (E, 3) as (z, y, x).

    Raises
    ------
    ContractError
        The columns differ in length.
    """

    count: Ints = array_field("i8", (None,))
    frame: Ints = array_field("i8", (None,))
    time: Floats = array_field("f8", (None,))
    volume: Ints = array_field("i8", (None,))
    duration: Floats = array_field("f8", (None,))
    error_frames: Ints = array_field("i8", (None,))
    status: NDArray[np.int8] = array_field("i1", (None,))
    properties: Mapping[str, Column] = attrs.field(factory=dict, converter=as_dict)

    def __attrs_post_init__(self) -> None:
        columns = {f.name: getattr(self, f.name) for f in attrs.fields(Events)[:-1]}
        columns |= {f"properties[{k!r}]": v.values for k, v in self.properties.items()}
        for name, values in columns.items():
            if len(values) != len(self.count):
                raise ContractError(
                    f"event column {name} has the wrong length",
                    expected=f"{len(self.count)} rows, one an event",
                    found=f"{len(values)} rows",
                )

    def __len__(self) -> int:
        return len(self.count)

    @classmethod
    def at_counts(
        cls,
        timeline: Timeline,
        count: ArrayLike,
        *,
        duration: ArrayLike | None = None,
        error_frames: ArrayLike | None = None,
        properties: Mapping[str, Column] | None = None,
    ) -> Events:
        """Place events given by frame counter onto the saved frames.

        An event on a dropped frame moves to the nearest saved one and says how far; its time is
        interpolated at its own counter. One outside the saved frames is kept, without frame.

        Parameters
        ----------
        timeline : Timeline
        count : (E,) array_like of int
        duration : (E,) array_like, optional
            Seconds.
        error_frames : (E,) array_like of int, optional
            Steps by which `count` was already moved, for example to a trigger's edge.
        properties : mapping of str to Column, optional

        Returns
        -------
        Events
        """
        wanted = frozen_array(count, np.int64).reshape(-1)
        before = np.zeros(len(wanted), np.int64) if error_frames is None else error_frames
        before = np.asarray(before, np.int64)
        saved = timeline.count
        frame = np.full(len(wanted), -1)
        time = np.full(len(wanted), np.nan)
        status = np.full(len(wanted), int(EventStatus.OUTSIDE))
        inside = np.zeros(len(wanted), bool)
        if len(saved):
            inside = (wanted >= saved[0]) & (wanted <= saved[-1])
            right = np.clip(np.searchsorted(saved, wanted), 0, len(saved) - 1)
            left = np.searchsorted(saved, saved[np.maximum(right - 1, 0)])
            nearer_left = (wanted - saved[left] <= saved[right] - wanted) & inside
            frame[inside] = np.where(nearer_left, left, right)[inside]
            first = _first_of_count(timeline)
            time[inside] = np.interp(wanted[inside], saved[first], timeline.time[first])
        volume = np.where(inside, timeline.volume[frame] if len(saved) else -1, -1)
        steps = np.where(inside, np.abs(wanted - saved[frame]) if len(saved) else 0, 0) + before
        status[inside] = np.where(steps[inside] > 0, EventStatus.SNAPPED, EventStatus.OK)
        status[inside & _is_repeated(frame)] = EventStatus.SHARED_TRIGGER
        status[inside & (volume < 0)] = EventStatus.PARTIAL_VOLUME
        return cls(
            count=wanted,
            frame=frame,
            time=time,
            volume=volume,
            duration=np.full(len(wanted), np.nan) if duration is None else np.asarray(duration),
            error_frames=steps,
            status=status,
            properties=properties or {},
        )

    @classmethod
    def at_times(cls, timeline: Timeline, time: ArrayLike, **kwargs: Any) -> Events:
        """Place events given in seconds of the recording's clock; see `at_counts`."""
        seconds = np.asarray(time, np.float64).reshape(-1)
        first = _first_of_count(timeline)
        clock, count = timeline.time[first], timeline.count[first]
        if not len(count) or np.isnan(clock).any():
            raise ContractError(
                "events cannot be placed by time", found="a recording whose time is unknown"
            )
        half = timeline.frame_interval / 2 if len(count) > 1 else 0.5
        inside = (seconds >= clock[0] - half) & (seconds <= clock[-1] + half)
        nearest = np.where(inside, np.floor(np.interp(seconds, clock, count) + 0.5), -1)
        events = cls.at_counts(timeline, nearest.astype(np.int64), **kwargs)
        return attrs.evolve(events, time=np.where(inside, seconds, np.nan))

    def strides(self, n_volumes: int) -> Ints:
        """Return the lengths of the blocks that the events cut `n_volumes` volumes into.

        Returns
        -------
        (B,) int64
            Never negative; their sum is `n_volumes`. Block 0 lies before the first event; events
            outside every volume cut nothing.
        """
        starts = np.sort(self.volume[(self.volume >= 0) & (self.volume < n_volumes)])
        return np.diff(np.concatenate([[0], starts, [n_volumes]])).astype(np.int64)

    def on_frames(self, timeline: Timeline, first_frame: int) -> Events:
        """Return the events on a recording that begins at `first_frame` of this one."""
        frame = self.frame - first_frame
        inside = (self.frame >= 0) & (frame >= 0) & (frame < len(timeline))
        volume = np.full(len(self), -1)
        volume[inside] = timeline.volume[frame[inside]]
        status = np.where(inside, self.status, EventStatus.OUTSIDE)
        # Another policy may have put a partial volume's frame into a volume.
        whole = (volume >= 0) & (status == EventStatus.PARTIAL_VOLUME)
        status[whole] = np.where(self.error_frames[whole], EventStatus.SNAPPED, EventStatus.OK)
        status[whole & _is_repeated(self.frame)] = EventStatus.SHARED_TRIGGER
        status[inside & (volume < 0)] = EventStatus.PARTIAL_VOLUME
        return attrs.evolve(
            self,
            frame=np.where(inside, frame, -1),
            volume=volume,
            status=status,
            time=np.where(inside, self.time, np.nan),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the table as JSON-serialisable columns; NaN becomes None."""
        table: dict[str, Any] = {
            f.name: _to_list(getattr(self, f.name)) for f in attrs.fields(Events)[:-1]
        }
        table["properties"] = {
            name: {
                "values": _to_list(column.values),
                "dtype": column.values.dtype.str,
                "shape": list(column.values.shape),
                "unit": column.unit,
                "origin": column.origin.name,
            }
            for name, column in self.properties.items()
        }
        return table

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Events:
        """Rebuild the table from `to_json`."""
        columns = {f.name: table[f.name] for f in attrs.fields(Events)[:-1]}
        for name in ("time", "duration"):
            columns[name] = np.array(columns[name], np.float64)
        properties = {
            name: Column(
                values=np.array(column["values"], column["dtype"]).reshape(column["shape"]),
                unit=column["unit"],
                origin=Origin[column["origin"]],
            )
            for name, column in table["properties"].items()
        }
        return cls(**columns, properties=properties)

    def shifted(self, timeline: Timeline, frames: int) -> Events:
        """Return the events `frames` counter steps later (earlier if negative), placed anew.

        An event that was timed more finely than by its counter keeps its place between two steps.
        """
        at, has_counter = self._counters(timeline)
        moved = self._at(timeline, at + frames, timeline, at)
        first = _first_of_count(timeline)
        clock = np.full(len(self), np.nan)
        if first.any():
            clock = np.interp(at, timeline.count[first], timeline.time[first])
        known = (self.frame >= 0) & np.isfinite(self.time - clock)
        return attrs.evolve(
            moved,
            count=np.where(has_counter, self.count + frames, self.count),
            time=np.where(known, moved.time + (self.time - clock), moved.time),
        )

    def onto(self, before: Timeline, after: Timeline) -> Events:
        """Return the events on a timeline with the same counter and clock, but other frames.

        Nothing changes for an event whose nearest frame is the same; one whose own frame was
        added moves to it, one whose frame was left out moves to the nearest, or lies outside.

        Parameters
        ----------
        before : Timeline
            That the events are on.
        after : Timeline
        """
        at, _ = self._counters(before)
        moved = self._at(after, at, before, at)
        same = placed = (self.frame >= 0) & (moved.frame >= 0)
        row = moved.frame
        if placed.any():
            nearest = Events.at_counts(before, at).frame
            # An adapter may have had reasons for another frame than that of the counter.
            row = np.searchsorted(after.count, before.count[self.frame])
            row = np.clip(row, 0, len(after) - 1)
            same = (
                placed
                & (before.count[nearest] == after.count[moved.frame])
                & (before.count[self.frame] == after.count[row])
            )
        frame = np.where(same, row, moved.frame)
        volume = np.where(frame >= 0, after.volume[frame] if len(after) else -1, -1)
        # A status that tells of the volume or of neighbours is judged anew.
        lasting = same & (volume >= 0) & (moved.status != EventStatus.SHARED_TRIGGER)
        lasting &= (self.status == EventStatus.OK) | (self.status == EventStatus.SNAPPED)
        return attrs.evolve(
            moved,
            count=self.count,
            frame=frame,
            volume=volume,
            time=np.where((frame >= 0) & np.isfinite(self.time), self.time, moved.time),
            error_frames=np.where(same, self.error_frames, moved.error_frames),
            status=np.where(lasting, self.status, moved.status),
        )

    def _counters(self, timeline: Timeline) -> tuple[Ints, NDArray[np.bool_]]:
        """Return where each event is on the counter, and which have a counter of their own.

        One without is where its frame is; without a frame, before the first.
        """
        has_counter = self.count >= 0
        if not len(timeline):
            return np.where(has_counter, self.count, -1), has_counter
        frame = np.where(self.frame >= 0, timeline.count[self.frame], timeline.count[0] - 2**40)
        return np.where(has_counter, self.count, frame), has_counter

    def _at(self, after: Timeline, count: Ints, before: Timeline, at: Ints) -> Events:
        """Place the events at other counters; what they were moved by before is kept."""
        steps = np.zeros(len(self), np.int64)
        if len(before):
            steps = np.where(self.frame >= 0, np.abs(at - before.count[self.frame]), 0)
        moved = Events.at_counts(
            after,
            count,
            duration=self.duration,
            error_frames=np.maximum(self.error_frames - steps, 0),
            properties=self.properties,
        )
        # Sharing a trigger may be known from elsewhere than from sharing a frame.
        shared = (self.status == EventStatus.SHARED_TRIGGER) & ~_is_repeated(self.frame)
        shared &= (moved.frame >= 0) & (moved.volume >= 0)
        return attrs.evolve(
            moved, status=np.where(shared, EventStatus.SHARED_TRIGGER, moved.status)
        )


def _first_of_count(timeline: Timeline) -> NDArray[np.bool_]:
    """Tell which frames are the first of their counter."""
    return np.concatenate([[True], np.diff(timeline.count) > 0])[: len(timeline)]


def _is_repeated(values: Ints) -> NDArray[np.bool_]:
    _, which, times = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray(times[which] > 1)


def _to_list(values: NDArray[Any]) -> list[Any]:
    if values.dtype.kind == "f":
        values = values.astype(object)
        values[values != values] = None  # noqa: PLR0124 (NaN, elementwise on objects)
    as_list: list[Any] = values.tolist()
    return as_list
