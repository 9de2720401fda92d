"""A recording in numbers: what ``wormio info`` prints, and the one line of ``repr``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from wormio.model.columns import Flag
from wormio.model.events import EventStatus
from wormio.model.frames import MissingFrames

if TYPE_CHECKING:
    from wormio.model.recording import Recording

__all__ = ["SCHEMA_VERSION", "one_line", "summarise"]

SCHEMA_VERSION = 1
"""Of the dictionary that `summarise` returns; it changes when a key changes its meaning."""


def summarise(recording: Recording) -> dict[str, Any]:
    """Describe a recording without reading a pixel.

    Returns
    -------
    dict
        JSON-serialisable; unknown numbers are None. Lengths in µm, times in seconds.
    """
    from wormio.model.recording import recording_id

    timeline = recording.timeline
    frames = recording.frames
    known = not isinstance(frames, MissingFrames)
    return {
        "schema_version": SCHEMA_VERSION,
        "source": recording.source.to_json(),
        "recording_id": recording_id(recording),
        "shape": list(frames.shape) if known else None,
        "dtype": frames.dtype.name if known else None,
        "channels": [attrs.asdict(channel) for channel in recording.channels],
        "voxel_size_um": {k: getattr(recording.voxel_size, k) for k in ("z", "y", "x")},
        "frames": _frames(recording),
        "volumes": _volumes(recording),
        "time": {
            "clock": timeline.clock.name,
            "start": timeline.clock.start,
            "first_s": _number(timeline.time[0] if len(timeline) else math.nan),
            "last_s": _number(timeline.time[-1] if len(timeline) else math.nan),
            "frame_interval_s": _number(timeline.frame_interval),
            "volume_interval_s": _number(timeline.volume_interval),
        },
        "z": {
            "unit": timeline.z_unit,
            "min": _number(np.nanmin(timeline.z, initial=math.inf)),
            "max": _number(np.nanmax(timeline.z, initial=-math.inf)),
            "interpolated_frames": _flagged(recording, Flag.Z_INTERPOLATED),
            "unknown_frames": _flagged(recording, Flag.Z_UNKNOWN),
        },
        "origins": {name: origin.name for name, origin in timeline.origins.items()},
        "volume_policy": dict(timeline.policy),
        "extra_columns": sorted(timeline.extra),
        "events": {
            name: {
                "events": len(events),
                "status": {
                    status.name: int((events.status == status).sum())
                    for status in EventStatus
                    if (events.status == status).any()
                },
            }
            for name, events in recording.events.items()
        },
        "findings": [attrs.asdict(finding) for finding in recording.findings],
    }


def one_line(recording: Recording) -> str:
    """Return format, size and volumes of a recording on one line."""
    timeline = recording.timeline
    leaves = recording.source.leaves()
    what = "+".join(str(leaf.arguments.get("format", leaf.operation)) for leaf in leaves)
    where = leaves[0].arguments.get("path", "in memory")
    names = ", ".join(channel.name for channel in recording.channels)
    size = "no pixels"
    if not isinstance(recording.frames, MissingFrames):
        shape = recording.frames.shape
        size = f"{shape[2]}x{shape[3]} {recording.frames.dtype}"
    closed = ", closed" if getattr(recording, "closed", False) else ""
    return (
        f"<{what} recording {where}: {len(timeline)} frames of {size}, "
        f"{timeline.n_volumes} volumes, channels {names}{closed}>"
    )


def _frames(recording: Recording) -> dict[str, int]:
    timeline = recording.timeline
    return {
        "saved": len(timeline),
        "repeated_counters": int((np.diff(timeline.raw_count) == 0).sum()),
        "repaired_counters": _flagged(recording, Flag.COUNT_REPAIRED),
        "repaired_times": _flagged(recording, Flag.TIME_REPAIRED),
        "duplicates": _flagged(recording, Flag.DUPLICATE),
        "dropped": len(timeline.dropped),
        "outside_volumes": int((timeline.volume < 0).sum()),
    }


def _volumes(recording: Recording) -> dict[str, int | None]:
    timeline = recording.timeline
    steps = timeline.n_slots
    saved = np.diff(timeline.volumes, axis=1)
    return {
        "complete": timeline.n_volumes,
        "min_counter_steps": int(steps.min()) if len(steps) else None,
        "max_counter_steps": int(steps.max()) if len(steps) else None,
        "min_saved_frames": int(saved.min()) if len(saved) else None,
        "max_saved_frames": int(saved.max()) if len(saved) else None,
    }


def _flagged(recording: Recording, flag: Flag) -> int:
    return int(((recording.timeline.flags & flag) != 0).sum())


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
