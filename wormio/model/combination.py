"""Two cameras, two folders, one recording."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import MissingImageError, OptionError
from wormio.model.channel import Finding
from wormio.model.columns import Column, Flag, Origin
from wormio.model.events import Events
from wormio.model.frames import FrameArray, LazyFrames, MissingFrames
from wormio.model.mapped import FileLayout, MappedFrames
from wormio.model.pairing import Pairing, by_count, by_time, single_rows, time_at
from wormio.model.recording import BaseRecording, Recording
from wormio.model.source import Source
from wormio.model.timeline import Timeline

__all__ = ["combine"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_ABOUT_Z = Flag.Z_INTERPOLATED | Flag.Z_UNKNOWN | Flag.FLYBACK


def combine(
    recordings: Mapping[str, Recording],
    *,
    on: Literal["count", "time", "index"] = "count",
    tolerance: float | None = None,
) -> BaseRecording:
    """Make one recording of several that were taken together, one camera each.

    The first recording leads: its clock, z, volumes and events are those of the result. A frame
    that only one camera saved is kept; the image of the other is missing (`Timeline.stored` is -1
    and reading it raises `MissingImageError`), so that each camera's drops stay its own.

    Parameters
    ----------
    recordings : mapping of str to Recording
        By name. The channels of a recording with one channel get its name; those of others get
        ``"name-channel"``. Everything else of a channel stays, its role too.
    on : {"count", "time", "index"}
        How frames belong together: by equal hardware counter; by nearest time, each image with
        one frame; or by index. By counter and by time, a frame that the leader dropped and
        another camera saved is inserted, with its time interpolated on the leader's clock and its
        z from the other camera, where both agree on z elsewhere, or interpolated. By time it is
        found by the gap in the leader's counter, if the leader has one.
    tolerance : float, optional
        With ``on="time"`` only: seconds between two images that still count as one frame, for
        example because the cameras' clocks are apart. Default: half a frame interval.

    Returns
    -------
    BaseRecording
        It begins and ends where all cameras have begun and not yet ended. A volume that this cuts
        is left out and its frames are flagged INCOMPLETE; a finding says how many images were
        left out.

    Raises
    ------
    OptionError
        Fewer than two recordings, an unknown `on`, a tolerance that is no time or of no use,
        ``on="index"`` with different lengths, ``on="count"`` without hardware counters,
        ``on="time"`` without times, images that differ in size or type, no frames that belong
        together.
    """
    _check(recordings, on, tolerance)
    members = list(recordings.values())
    lead = members[0].timeline
    if on == "index":
        timeline, rows = lead, [np.arange(len(lead))] * len(members)
    else:
        timelines = [m.timeline for m in members]
        pairs = by_count(timelines) if on == "count" else by_time(timelines, tolerance)
        timeline, rows = _merge(timelines, pairs), pairs.rows
    channels, sources, stored = [], [], []
    for (name, member), row in zip(recordings.items(), rows, strict=True):
        for i, channel in enumerate(member.channels):
            label = name if len(member.channels) == 1 else f"{name}-{channel.name}"
            channels.append(attrs.evolve(channel, name=label))
            sources.append((member.frames, i, row))
            stored.append(np.where(row >= 0, member.timeline.stored[row, i], -1))
    timeline = attrs.evolve(timeline, stored=np.stack(stored, axis=1))
    events = members[0].events
    if on != "index":
        events = {name: table.onto(lead, timeline) for name, table in events.items()}
    # The order says who leads; that of a JSON object says nothing.
    arguments: dict[str, Any] = {"on": on, "order": list(recordings)}
    if tolerance is not None:
        arguments["tolerance"] = tolerance
    return BaseRecording(
        source=Source("combine", arguments, {k: m.source for k, m in recordings.items()}),
        frames=_frames(sources, len(timeline)),
        timeline=timeline,
        channels=channels,
        voxel_size=members[0].voxel_size,
        events=events,
        metadata={name: dict(m.metadata) for name, m in recordings.items()},
        findings=[
            *(
                attrs.evolve(finding, message=f"{name}: {finding.message}")
                for name, m in recordings.items()
                for finding in m.findings
            ),
            *_left_out(recordings, rows),
        ],
    )


def _check(recordings: Mapping[str, Recording], on: str, tolerance: float | None) -> None:
    if len(recordings) < 2:
        raise OptionError("combine needs at least two recordings", found=str(len(recordings)))
    if on not in {"count", "time", "index"}:
        raise OptionError(
            "frames cannot be matched that way", expected="count, time or index", found=repr(on)
        )
    if tolerance is not None:
        if on != "time":
            raise OptionError(
                "a tolerance means nothing here",
                expected="on='time'",
                found=f"on={on!r}, which matches exactly",
                cure="leave the tolerance out",
            )
        is_number = isinstance(tolerance, (int, float, np.number)) and tolerance is not True
        if not (is_number and math.isfinite(tolerance) and tolerance >= 0):
            raise OptionError(
                "the tolerance is no time", expected="seconds, at least 0", found=repr(tolerance)
            )
    _check_columns(recordings, on)
    kinds = {
        n: (m.frames.shape[2:], m.frames.dtype)
        for n, m in recordings.items()
        if not isinstance(m.frames, MissingFrames)
    }
    if len(set(kinds.values())) > 1:
        raise OptionError(
            "the images of the recordings differ",
            expected="one size and type",
            found="; ".join(f"{n}: {s[0]}x{s[1]} {t}" for n, (s, t) in kinds.items()),
        )


def _check_columns(recordings: Mapping[str, Recording], on: str) -> None:
    if on == "index":
        lengths = {len(m.timeline) for m in recordings.values()}
        if len(lengths) != 1:
            raise OptionError(
                "recordings of different lengths cannot be matched by index",
                found=f"{sorted(lengths)} frames",
                cure="match them on='count' or on='time'",
            )
        return
    for name, member in recordings.items():
        timeline = member.timeline
        if on == "count" and timeline.origins["count"] >= Origin.NOMINAL:
            raise OptionError(
                f"the frames of {name!r} have no counter that the hardware counted",
                expected="counters that are equal in all recordings",
                found="frames numbered as they were saved, so that one drop would shift them",
                cure="match them on='time', or on='index' if no camera dropped a frame",
            )
        if on == "time" and np.isnan(timeline.time).any():
            raise OptionError(
                f"the times of {name!r} are unknown",
                cure="match them on='count' or on='index'",
            )


def _merge(timelines: list[Timeline], pairs: Pairing) -> Timeline:
    """Return the leader's timeline on the frames of the result, without `stored`."""
    lead, row, count = timelines[0], pairs.rows[0], pairs.count
    own = row >= 0
    filled = np.where(own, row, 0)
    time = np.where(own, lead.time[filled], time_at(lead, count))
    single = single_rows(lead)
    between = np.interp(count, lead.count[single], lead.z[single], left=np.nan, right=np.nan)
    z = np.where(own, lead.z[filled], between)
    direction = np.where(own, lead.direction[filled], 0)
    made = np.where(np.isnan(z), int(Flag.Z_UNKNOWN), int(Flag.Z_INTERPOLATED))
    made |= np.where(np.isnan(time), 0, int(Flag.TIME_REPAIRED))
    # A second copy is in the result only where the first is not.
    flags = np.where(own, lead.flags[filled] & ~Flag.DUPLICATE, made)
    todo = ~own
    for other, rows in zip(timelines[1:], pairs.rows[1:], strict=True):
        take = todo & (rows >= 0)
        if take.any() and _agree_on_z(lead, other, row, rows):
            z[take], direction[take] = other.z[rows[take]], other.direction[rows[take]]
            flags[take] = flags[take] & ~_ABOUT_Z | other.flags[rows[take]] & _ABOUT_Z
            todo &= ~take
    first, stop = (np.searchsorted(count, lead.volume_counts[:, i]) for i in (0, 1))
    whole = (
        (lead.volume_counts[:, 0] >= pairs.begin)
        & (lead.volume_counts[:, 1] <= pairs.stop)
        & (stop > first)
    )
    flags[_cut(lead, count, own, flags, whole)] |= Flag.INCOMPLETE
    return attrs.evolve(
        lead,
        time=time,
        z=z,
        count=count,
        raw_count=np.where(own, lead.raw_count[filled], count),
        raw_time=np.where(own, lead.raw_time[filled], time),
        direction=direction.astype(np.int8),
        flags=flags,
        stored=np.zeros((len(count), 1), np.int64),
        extra={name: _filled(column, own, filled) for name, column in lead.extra.items()},
        volumes=np.stack([first, stop], axis=1)[whole],
        volume_counts=lead.volume_counts[whole],
    )


def _agree_on_z(lead: Timeline, other: Timeline, row: Ints, rows: Ints) -> bool:
    """Tell whether two cameras know the same z of every frame that both saved."""
    both = (row >= 0) & (rows >= 0)
    one, two = lead.z[row[both]], other.z[rows[both]]
    known = np.isfinite(one) & np.isfinite(two)
    close = np.isclose(one[known], two[known], rtol=1e-6, atol=1e-6)
    return bool(lead.z_unit == other.z_unit and known.any() and close.all())


def _cut(lead: Timeline, count: Ints, own: Bools, flags: Ints, whole: Bools) -> Bools:
    """Tell which frames belong to a sweep that is not whole any more, or never was."""
    starts, stops = lead.volume_counts.T
    volume = np.searchsorted(starts, count, side="right") - 1
    inside = volume >= 0
    if len(starts):
        inside &= count < stops[volume]
        cut = inside & ~whole[volume]
    else:
        cut = inside
    # What was inserted into the stretch before or after the complete sweeps is like its neighbours.
    saved = np.flatnonzero(own)
    if not len(saved):
        return cut
    right = np.clip(np.searchsorted(saved, np.arange(len(count))), 0, len(saved) - 1)
    left = np.maximum(right - 1, 0)
    near = flags[saved[left]] | flags[saved[right]]
    return np.asarray(cut | (~own & ~inside & ((near & Flag.INCOMPLETE) != 0)))


def _filled(column: Column, own: Bools, row: Ints) -> Column:
    """Return a column of the leader on all frames: NaN (or nothing) where it saved none."""
    values = column.values[row]
    if own.all():
        return attrs.evolve(column, values=values)
    if values.dtype.kind in "biu":
        values = values.astype(np.float64)  # integers have no way to say that there is no value
    kind = values.dtype.kind
    blank = np.nan if kind in "fc" else np.array("NaT" if kind in "mM" else "", values.dtype)
    shaped = own.reshape(-1, *(1,) * (values.ndim - 1))
    return attrs.evolve(column, values=np.where(shaped, values, blank))


def _left_out(recordings: Mapping[str, Recording], rows: list[Ints]) -> list[Finding]:
    """Tell what of the recordings is not in their combination."""
    findings = []
    lead, *others = recordings
    for (name, member), row in zip(recordings.items(), rows, strict=True):
        missing = len(single_rows(member.timeline)) - int((row >= 0).sum())
        if missing > 0:  # by index, frames that were saved twice are used too
            findings.append(
                Finding(
                    code="frames-left-out",
                    message=f"{missing} frames of {name!r} have no counterpart and are left out",
                )
            )
    for name in others:
        known = recordings[lead].events
        lost = [
            key
            for key, table in recordings[name].events.items()
            if len(table) and not (key in known and _tell_the_same(known[key], table))
        ]
        if lost:
            findings.append(
                Finding(
                    code="events-left-out",
                    message=f"the events {', '.join(lost)} of {name!r} are left out",
                    cure=f"the first recording gives the events: name {name!r} first",
                )
            )
    return findings


def _tell_the_same(one: Events, other: Events) -> bool:
    """Compare events whose frames may differ, since each camera dropped its own."""
    return np.array_equal(one.count, other.count) and one.properties == other.properties


def _frames(sources: list[tuple[FrameArray, int, Ints]], n_frames: int) -> FrameArray:
    for frames, _, _ in sources:
        if isinstance(frames, MissingFrames):
            return frames
    parents = list({id(frames): frames for frames, _, _ in sources}.values())
    mapped = [frames for frames in parents if isinstance(frames, MappedFrames)]
    if len(mapped) == len(parents) and len({_geometry(each.layout) for each in mapped}) == 1:
        return _mapped(mapped, sources)  # stays mappable
    return _CombinedFrames(sources, n_frames)


def _geometry(layout: FileLayout) -> tuple[object, ...]:
    """Return what images must have in common to be of one layout."""
    strides = layout.row_stride, layout.pixel_stride
    return (layout.height, layout.width, *strides, layout.dtype.str)


def _mapped(
    parents: Sequence[MappedFrames], sources: Sequence[tuple[FrameArray, int, Ints]]
) -> MappedFrames:
    """Return the frames of several layouts as frames of one."""
    first_file: dict[int, int] = {}
    files: list[Path] = []
    for parent in parents:
        first_file[id(parent)] = len(files)
        files += parent.layout.files
    file, offset = [], []
    for frames, channel, row in sources:
        layout = next(parent.layout for parent in parents if parent is frames)
        saved = (row >= 0) & (layout.file[row, channel] >= 0)
        file.append(np.where(saved, layout.file[row, channel] + first_file[id(frames)], -1))
        offset.append(np.where(saved, layout.offset[row, channel], -1))
    joined = attrs.evolve(
        parents[0].layout,
        files=files,
        file=np.stack(file, axis=1),
        offset=np.stack(offset, axis=1),
    )
    return MappedFrames(joined, owner=parents)


class _CombinedFrames(LazyFrames):
    """One channel of one recording behind each channel, through a table of rows."""

    def __init__(self, sources: list[tuple[FrameArray, int, Ints]], n_frames: int) -> None:
        first = sources[0][0]
        super().__init__((n_frames, len(sources), *first.shape[2:]), first.dtype)
        self._sources = sources

    def _read(self, frames: range, channels: range, rows: range, columns: range) -> NDArray[Any]:
        out = np.empty((len(frames), len(channels), len(rows), len(columns)), self.dtype)
        window = (slice(rows.start, rows.stop), slice(columns.start, columns.stop))
        for j, channel in enumerate(channels):
            parent, index, table = self._sources[channel]
            wanted = table[np.asarray(frames)]
            if (wanted < 0).any():
                at = int(np.flatnonzero(wanted < 0)[0])
                raise MissingImageError(
                    f"channel {channel} has no image of frame {frames[at]}: its camera dropped it",
                    cure="see recording.timeline.stored; nothing is filled in",
                )
            # One read for each run of consecutive frames.
            cuts = np.flatnonzero(np.diff(wanted) != 1) + 1
            for begin, end in zip([0, *cuts], [*cuts, len(wanted)], strict=True):
                span = slice(int(wanted[begin]), int(wanted[end - 1]) + 1)
                out[begin:end, j] = parent[(span, index, *window)]
        return out
