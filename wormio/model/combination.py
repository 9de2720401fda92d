"""Two cameras, two folders, one recording."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import ContractError, MissingImageError, OptionError
from wormio.model.channel import Finding
from wormio.model.columns import Column, Flag
from wormio.model.frames import FrameArray, LazyFrames
from wormio.model.recording import BaseRecording, Recording
from wormio.model.source import Source
from wormio.model.timeline import Timeline

__all__ = ["combine"]

Ints = NDArray[np.int64]


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
        ``"name-channel"``.
    on : {"count", "time", "index"}
        How frames belong together: by equal hardware counter (frames that only a follower saved
        are inserted, with time and z interpolated from the leader), by nearest time, or by index.
    tolerance : float, optional
        With ``on="time"``: seconds between two frames that still count as one. Default: half a
        frame interval.

    Returns
    -------
    BaseRecording
        Frames before the first or after the last counter (time) that all cameras share are left
        out; a finding says how many.

    Raises
    ------
    OptionError
        Fewer than two recordings, an unknown `on`, or ``on="index"`` with different lengths.
    ContractError
        The images differ in size or type, or no frames belong together.
    """
    if len(recordings) < 2:
        raise OptionError("combine needs at least two recordings", found=str(len(recordings)))
    if on not in {"count", "time", "index"}:
        raise OptionError(
            "frames cannot be matched that way", expected="count, time or index", found=repr(on)
        )
    members = list(recordings.values())
    _check_images(recordings)
    lead = members[0].timeline
    keys = _shared_keys([m.timeline for m in members], on)
    rows = [_match(m.timeline, keys, on, tolerance, lead) for m in members]
    timeline = _merge(lead, rows[0], keys, on)
    channels, sources, stored = [], [], []
    for (name, member), row in zip(recordings.items(), rows, strict=True):
        for i, channel in enumerate(member.channels):
            label = name if len(member.channels) == 1 else f"{name}-{channel.name}"
            channels.append(attrs.evolve(channel, name=label))
            sources.append((member.frames, i, row))
            stored.append(np.where(row >= 0, member.timeline.stored[row, i], -1))
    timeline = attrs.evolve(timeline, stored=np.stack(stored, axis=1))
    # The order says who leads; that of a JSON object says nothing.
    arguments: dict[str, Any] = {"on": on, "order": list(recordings)}
    if tolerance is not None:
        arguments["tolerance"] = tolerance
    return BaseRecording(
        source=Source("combine", arguments, {k: m.source for k, m in recordings.items()}),
        frames=_CombinedFrames(sources, len(timeline)),
        timeline=timeline,
        channels=channels,
        voxel_size=members[0].voxel_size,
        events={
            name: type(events).at_counts(
                timeline, events.count, duration=events.duration, properties=events.properties
            )
            if on != "index"
            else events
            for name, events in members[0].events.items()
        },
        metadata={name: dict(m.metadata) for name, m in recordings.items()},
        findings=[
            *(finding for m in members for finding in m.findings),
            *_left_out(recordings, rows),
        ],
    )


def _check_images(recordings: Mapping[str, Recording]) -> None:
    kinds = {n: (m.frames.shape[2:], m.frames.dtype) for n, m in recordings.items()}
    if len(set(kinds.values())) != 1:
        raise ContractError(
            "the images of the recordings differ",
            expected="one size and type",
            found="; ".join(f"{n}: {s[0]}x{s[1]} {t}" for n, (s, t) in kinds.items()),
        )


def _unique_rows(timeline: Timeline) -> Ints:
    return np.flatnonzero((timeline.flags & Flag.DUPLICATE) == 0)


def _shared_keys(timelines: list[Timeline], on: str) -> Ints:
    """Return what the frames of the result are: counters, or rows of the leader."""
    lead = timelines[0]
    if on == "index":
        lengths = {len(t) for t in timelines}
        if len(lengths) != 1:
            raise OptionError(
                "recordings of different lengths cannot be matched by index",
                found=f"{sorted(lengths)} frames",
                cure="match them on='count' or on='time'",
            )
        return np.arange(len(lead))
    keys: Ints = np.zeros(0, np.int64)
    filled = all(map(len, timelines))
    if filled and on == "time":
        first = max(t.time[0] for t in timelines) - lead.frame_interval / 2
        last = min(t.time[-1] for t in timelines) + lead.frame_interval / 2
        rows = _unique_rows(lead)
        keys = rows[(lead.time[rows] >= first) & (lead.time[rows] <= last)]
    elif filled:
        first = max(t.count[0] for t in timelines)
        last = min(t.count[-1] for t in timelines)
        counts = np.unique(np.concatenate([t.count for t in timelines]))
        keys = counts[(counts >= first) & (counts <= last)]
    if not len(keys):
        raise ContractError(
            f"no frames belong together by {on}",
            expected="recordings that overlap",
            found="; ".join(
                f"counters {t.count[0]} to {t.count[-1]}, {t.time[0]:g} to {t.time[-1]:g} s"
                if len(t)
                else "no frames"
                for t in timelines
            ),
        )
    return keys


def _match(
    timeline: Timeline, keys: Ints, on: str, tolerance: float | None, lead: Timeline
) -> Ints:
    """Return the row of `timeline` that belongs to each key, -1 where there is none."""
    if on == "index":
        return keys
    rows = _unique_rows(timeline)
    if on == "count":
        have, want = timeline.count[rows].astype(float), keys.astype(float)
        limit = 0.0
    else:
        have, want = timeline.time[rows], lead.time[keys]
        limit = lead.frame_interval / 2 if tolerance is None else tolerance
    right = np.clip(np.searchsorted(have, want), 0, len(have) - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(np.abs(want - have[left]) <= np.abs(have[right] - want), left, right)
    distance = np.abs(have[nearest] - want)
    found = np.where(distance <= limit, rows[nearest], -1)
    # Two frames of the leader never share one image: it goes to the nearer one.
    taken = np.argsort(distance, kind="stable")
    taken = taken[found[taken] >= 0]
    _, first = np.unique(found[taken], return_index=True)
    result = np.full(len(keys), -1)
    result[taken[first]] = found[taken[first]]
    return result


def _merge(lead: Timeline, row: Ints, keys: Ints, on: str) -> Timeline:
    """Return the leader's timeline on the frames of the result, without `stored`."""
    if on != "count":
        return _rows_of(lead, keys)
    own = row >= 0
    filled = np.where(own, row, 0)
    unique = _unique_rows(lead)

    def fill(values: NDArray[Any]) -> NDArray[Any]:
        return np.where(own, values[filled], np.interp(keys, lead.count[unique], values[unique]))

    flags = np.where(own, lead.flags[filled], int(Flag.TIME_REPAIRED | Flag.Z_INTERPOLATED))
    first, stop = (np.searchsorted(keys, lead.volume_counts[:, i]) for i in (0, 1))
    whole = (
        (lead.volume_counts[:, 0] >= keys[0])
        & (lead.volume_counts[:, 1] <= keys[-1] + 1)
        & (stop > first)
    )
    time = fill(lead.time)
    return attrs.evolve(
        lead,
        time=time,
        z=fill(lead.z),
        count=keys,
        raw_count=np.where(own, lead.raw_count[filled], keys),
        raw_time=time,
        direction=np.where(own, lead.direction[filled], 0).astype(np.int8),
        flags=flags,
        stored=np.zeros((len(keys), 1), np.int64),
        extra={name: _filled(column, own, filled) for name, column in lead.extra.items()},
        volumes=np.stack([first, stop], axis=1)[whole],
        volume_counts=lead.volume_counts[whole],
    )


def _filled(column: Column, own: NDArray[np.bool_], row: Ints) -> Column:
    """Return a column of the leader on all frames: NaN (or nothing) where it saved none."""
    values = column.values[row]
    if values.dtype.kind in "biu":
        values = values.astype(np.float64)  # integers have no way to say that there is no value
    blank = np.zeros(1, values.dtype)[0] if values.dtype.kind not in "fc" else np.nan
    shaped = own.reshape(-1, *(1,) * (values.ndim - 1))
    return attrs.evolve(column, values=np.where(shaped, values, blank))


def _rows_of(lead: Timeline, rows: Ints) -> Timeline:
    first, stop = (np.searchsorted(rows, lead.volumes[:, i]) for i in (0, 1))
    whole = (lead.volumes[:, 0] >= rows[0]) & (lead.volumes[:, 1] <= rows[-1] + 1) & (stop > first)
    return attrs.evolve(
        lead,
        **{
            name: getattr(lead, name)[rows]
            for name in ("time", "z", "count", "raw_count", "raw_time", "direction", "flags")
        },
        stored=np.zeros((len(rows), 1), np.int64),
        extra={k: attrs.evolve(c, values=c.values[rows]) for k, c in lead.extra.items()},
        volumes=np.stack([first, stop], axis=1)[whole],
        volume_counts=lead.volume_counts[whole],
    )


def _left_out(recordings: Mapping[str, Recording], rows: list[Ints]) -> list[Finding]:
    findings = []
    for (name, member), row in zip(recordings.items(), rows, strict=True):
        used = int((row >= 0).sum())
        missing = len(_unique_rows(member.timeline)) - used
        if missing > 0:  # by index, frames that were saved twice are used too
            findings.append(
                Finding(
                    code="frames-left-out",
                    message=f"{missing} frames of {name!r} have no counterpart and are left out",
                )
            )
    return findings


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
