"""What can be done with any recording: read a volume, select, add events, assign volumes anew.

All functions take any `Recording` and return one whose `Source` repeats the derivation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import ContractError, FrameIndexError, OptionError, UnsupportedCapabilityError
from wormio.model.channel import Finding
from wormio.model.columns import Flag
from wormio.model.events import Events
from wormio.model.frames import FrameArray, LazyFrames, MissingFrames
from wormio.model.mapped import MappedFrames
from wormio.model.recording import BaseRecording, GrowingRecording, Recording
from wormio.model.source import Source
from wormio.model.timeline import Timeline
from wormio.model.volumes import POLICIES

__all__ = [
    "as_base_recording",
    "channel_index",
    "configured",
    "derive",
    "select",
    "slice_timeline",
    "volume",
    "with_channels",
    "with_events",
    "with_timeline",
]


def as_base_recording(recording: Recording) -> BaseRecording:
    """Return any object that keeps the contract as a `BaseRecording`, sharing its parts.

    Raises
    ------
    ContractError
        A member of the contract is missing.
    """
    if isinstance(recording, BaseRecording):
        return recording
    fields = [f.name for f in attrs.fields(BaseRecording) if f.init]
    parts: dict[str, Any] = {name: getattr(recording, name, None) for name in fields}
    missing = [name for name, part in parts.items() if part is None and name != "findings"]
    if missing:
        raise ContractError(
            f"{type(recording).__name__} is no Recording",
            expected="the members of wormio.model.Recording",
            found=f"no {', '.join(missing)}",
        )
    parts["findings"] = parts["findings"] or ()
    kind = _GrowingRecording if isinstance(recording, GrowingRecording) else BaseRecording
    base = kind(**parts)
    base.owned = (recording,)
    return base


class _GrowingRecording(BaseRecording):
    """Stands for a foreign recording whose acquisition is still writing."""

    def refresh(self) -> BaseRecording:
        """Return a new snapshot, of which this one is an identical prefix."""
        (recording,) = self.owned
        snapshot: Recording = recording.refresh()  # type: ignore[attr-defined]
        return as_base_recording(snapshot)


def channel_index(recording: Recording, channel: str | int) -> int:
    """Return the index of a channel given by name or index.

    Raises
    ------
    OptionError
        There is no such channel.
    """
    names = [c.name for c in recording.channels]
    if isinstance(channel, str) and channel in names:
        return names.index(channel)
    is_index = isinstance(channel, (int, np.integer)) and not isinstance(channel, bool)
    if is_index and 0 <= int(channel) < len(names):
        return int(channel)
    raise OptionError("there is no such channel", expected=", ".join(names), found=repr(channel))


def volume(recording: Recording, index: int) -> NDArray[Any]:
    """Read the saved frames of one volume in acquisition order, (frames, C, Y, X)."""
    first, stop = recording.timeline.volume_range(index)
    return recording.frames[first:stop]


def select(
    recording: Recording,
    *,
    channels: str | int | Sequence[str | int] | object = None,
    frames: slice | None = None,
    volumes: slice | None = None,
) -> BaseRecording:
    """Return some channels, and a stretch of frames or volumes, of a recording.

    Parameters
    ----------
    channels : str, int or sequence of them, optional
        In the order wanted.
    frames, volumes : slice, optional
        One of them at most; without step.

    Raises
    ------
    OptionError
        An unknown channel, both `frames` and `volumes`, or a slice with a step.
    """
    if frames is not None and volumes is not None:
        raise OptionError("select takes frames or volumes, not both")
    timeline = recording.timeline
    start, stop = 0, len(timeline)
    if frames is not None:
        start, stop = _bounds(frames, len(timeline))
    if volumes is not None:
        first, last = _bounds(volumes, timeline.n_volumes)
        start = stop = 0
        if last > first:
            start, stop = int(timeline.volumes[first, 0]), int(timeline.volumes[last - 1, 1])
    if channels is None:
        picked = list(range(len(recording.channels)))
    else:
        single = isinstance(channels, (str, int, np.integer))
        wanted: list[Any] = [channels] if single else list(channels)  # type: ignore[call-overload]
        picked = [channel_index(recording, channel) for channel in wanted]
    shorter = slice_timeline(timeline, start, stop, picked)
    return BaseRecording(
        source=Source(
            "select",
            {"channels": picked, "frames": [start, stop]},
            {"recording": recording.source},
        ),
        frames=_view(recording.frames, start, stop, picked),
        timeline=shorter,
        channels=tuple(recording.channels[i] for i in picked),
        voxel_size=recording.voxel_size,
        events={k: v.on_frames(shorter, start) for k, v in recording.events.items()},
        metadata=recording.metadata,
        findings=recording.findings,
    )


def with_events(recording: Recording, /, **events: Events) -> BaseRecording:
    """Return the recording with further events, or with some replaced."""
    source = Source(
        "with_events",
        {"events": {name: table.to_json() for name, table in events.items()}},
        {"recording": recording.source},
    )
    return _changed(recording, source=source, events=dict(recording.events) | events)


def with_channels(recording: Recording, changes: Mapping[str, Mapping[str, Any]]) -> BaseRecording:
    """Return the recording with other facts about its channels.

    Parameters
    ----------
    recording : Recording
    changes : mapping of str to mapping
        By the name of a channel: fields of `Channel` and their values.

    Raises
    ------
    OptionError
        There is no such channel, field or value, or two channels would share a name.
    """
    channels = list(recording.channels)
    for name, facts in changes.items():
        index = channel_index(recording, name)
        try:
            channels[index] = attrs.evolve(channels[index], **facts)
        except (ContractError, TypeError, ValueError) as error:
            raise OptionError(f"channel {name!r} cannot be described so: {error}") from error
    names = [channel.name for channel in channels]
    if len(set(names)) < len(names):
        raise OptionError("two channels would share a name", found=", ".join(names))
    source = Source(
        "with_channels",
        {"channels": {name: dict(facts) for name, facts in changes.items()}},
        {"recording": recording.source},
    )
    return _changed(recording, source=source, channels=tuple(channels))


def configured(recording: Recording, path: str, supplies: Sequence[str]) -> BaseRecording:
    """Return the recording with a finding that tells what a file kept by hand supplied."""
    finding = Finding(
        code="config-used",
        message=f"{Path(path).name} supplies {'; '.join(supplies) or 'nothing'}",
    )
    source = Source(
        "configured", {"path": path, "supplies": list(supplies)}, {"recording": recording.source}
    )
    return _changed(recording, source=source, findings=(*recording.findings, finding))


def with_timeline(recording: Recording, policy: str, **parameters: Any) -> BaseRecording:
    """Return the recording with its volumes assigned by another policy.

    Parameters
    ----------
    recording : Recording
    policy : str
        Name of a function of `wormio.model.volumes`.
    **parameters
        Of that function. ``from_volume_index`` takes ``column=``, the name of a column of
        `Timeline.extra`.

    Raises
    ------
    OptionError
        An unknown policy, parameter or column.
    """
    timeline = recording.timeline
    if policy not in POLICIES:
        raise OptionError(f"unknown volume policy {policy!r}", expected=", ".join(sorted(POLICIES)))
    rows: dict[str, Any] = {}
    given = dict(parameters)
    if policy == "from_scan":
        rows["z"] = timeline.z
    elif policy == "from_volume_index":
        column = given.pop("column", None)
        if column not in timeline.extra:
            raise OptionError(
                "the column of the volume label is unknown",
                expected=f"column= one of {sorted(timeline.extra)}",
                found=repr(column),
            )
        rows["index"] = timeline.extra[column].values
    try:
        assigned = POLICIES[policy](timeline.count, **rows, **given)
    except OptionError:
        raise
    except (TypeError, ValueError) as error:
        raise OptionError(f"wrong parameters for policy {policy!r}: {error}") from error
    known = bool(assigned.direction.any())
    flags = timeline.flags & ~Flag.INCOMPLETE
    placed = attrs.evolve(
        timeline,
        volumes=assigned.frames,
        volume_counts=assigned.counts,
        direction=assigned.direction if known else timeline.direction,
        flags=flags,
        origins=dict(timeline.origins)
        | {"volume": assigned.origin}
        | ({"direction": assigned.origin} if known else {}),
        policy=assigned.policy,
    )
    source = Source(
        "with_timeline",
        {"policy": policy, "parameters": parameters},
        {"recording": recording.source},
    )
    events = {k: v.on_frames(placed, 0) for k, v in recording.events.items()}
    return _changed(recording, source=source, timeline=placed, events=events)


def slice_timeline(
    timeline: Timeline, start: int, stop: int, channels: Sequence[int] | None = None
) -> Timeline:
    """Return frames `start` to `stop` of a timeline, with the volumes that lie wholly inside."""
    rows = slice(start, stop)
    whole = (timeline.volumes[:, 0] >= start) & (timeline.volumes[:, 1] <= stop)
    stored = timeline.stored[rows]
    flags = np.array(timeline.flags[rows])
    cut = np.flatnonzero(~whole)
    for first, last in timeline.volumes[cut]:
        flags[max(first - start, 0) : max(last - start, 0)] |= Flag.INCOMPLETE
    return attrs.evolve(
        timeline,
        time=timeline.time[rows],
        z=timeline.z[rows],
        count=timeline.count[rows],
        raw_count=timeline.raw_count[rows],
        raw_time=timeline.raw_time[rows],
        direction=timeline.direction[rows],
        flags=flags,
        stored=stored if channels is None else stored[:, list(channels)],
        extra={k: attrs.evolve(v, values=v.values[rows]) for k, v in timeline.extra.items()},
        volumes=timeline.volumes[whole] - start,
        volume_counts=timeline.volume_counts[whole],
    )


def derive(source: Source, parents: Mapping[str, Recording]) -> BaseRecording:
    """Repeat a derivation on recordings that were opened again.

    Raises
    ------
    UnsupportedCapabilityError
        The recording was in memory, or the operation is unknown to this version.
    """
    arguments = dict(source.arguments)
    if source.operation == "select":
        return select(
            parents["recording"],
            channels=arguments["channels"],
            frames=slice(*arguments["frames"]),
        )
    if source.operation == "with_events":
        tables = {name: Events.from_json(t) for name, t in arguments["events"].items()}
        return with_events(parents["recording"], **tables)
    if source.operation == "with_channels":
        return with_channels(parents["recording"], arguments["channels"])
    if source.operation == "configured":
        return configured(parents["recording"], arguments["path"], arguments["supplies"])
    if source.operation == "with_timeline":
        return with_timeline(parents["recording"], arguments["policy"], **arguments["parameters"])
    if source.operation == "combine":
        from wormio.model.combination import combine

        order = arguments.pop("order")
        return combine({name: parents[name] for name in order}, **arguments)
    if source.operation == "memory":
        raise UnsupportedCapabilityError(
            "a recording in memory cannot be opened again",
            cure="write it to a file first, and use threads instead of processes",
        )
    raise UnsupportedCapabilityError(
        f"this version of wormio does not know the operation {source.operation!r}"
    )


def _changed(recording: Recording, **changes: Any) -> BaseRecording:
    base = as_base_recording(recording)
    parts = {f.name: getattr(base, f.name) for f in attrs.fields(BaseRecording) if f.init}
    # A view, so that closing the derived recording does not close this one.
    whole = list(range(len(base.channels)))
    parts["frames"] = _view(base.frames, 0, len(base.timeline), whole)
    return BaseRecording(**(parts | changes))


def _bounds(part: slice, size: int) -> tuple[int, int]:
    if not isinstance(part, slice) or part.step not in {None, 1}:
        raise OptionError("select takes slices without step", found=repr(part))
    try:
        start, stop, _ = part.indices(size)
    except TypeError as error:
        raise OptionError(f"select takes slices of whole numbers: {error}") from error
    return start, max(start, stop)


class _FrameView(LazyFrames):
    """Some frames and channels of another frame array."""

    def __init__(self, parent: FrameArray, start: int, stop: int, channels: list[int]) -> None:
        super().__init__(
            (stop - start, len(channels), parent.shape[2], parent.shape[3]), parent.dtype
        )
        self._parent, self._start, self._channels = parent, start, channels

    def _read(self, frames: range, channels: range, rows: range, columns: range) -> NDArray[Any]:
        out = np.empty((len(frames), len(channels), len(rows), len(columns)), self.dtype)
        first, last = min(frames[0], frames[-1]), max(frames[0], frames[-1])
        span = slice(self._start + first, self._start + last + 1)
        window = (slice(rows.start, rows.stop), slice(columns.start, columns.stop))
        if abs(frames.step) == 1:
            for j, channel in enumerate(channels):
                block = self._parent[(span, self._channels[channel], *window)]
                out[:, j] = block[:: frames.step]
            return out
        for i, frame in enumerate(frames):
            for j, channel in enumerate(channels):
                out[i, j] = self._parent[(self._start + frame, self._channels[channel], *window)]
        return out


def _view(frames: FrameArray, start: int, stop: int, channels: list[int]) -> FrameArray:
    if isinstance(frames, MissingFrames):
        return frames
    if isinstance(frames, MappedFrames):  # stays mappable
        layout = frames.layout
        part = attrs.evolve(
            layout,
            file=layout.file[start:stop, channels],
            offset=layout.offset[start:stop, channels],
        )
        return MappedFrames(part, owner=frames)
    if not 0 <= start <= stop <= len(frames):
        raise FrameIndexError("the selection lies outside the frames")
    return _FrameView(frames, start, stop, channels)
