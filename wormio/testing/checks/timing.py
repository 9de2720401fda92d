"""T: time, counters, z, and where they come from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wormio.model import BaseRecording, Flag, Origin
from wormio.testing.checks._common import each_recording, same
from wormio.testing.engine import Context, check, require
from wormio.testing.truth import Limits, Truth

__all__ = ["relative_to"]

_COLUMNS = {
    "time": "float64",
    "z": "float64",
    "count": "int64",
    "raw_count": "int64",
    "raw_time": "float64",
    "volume": "int64",
    "slot": "int64",
    "direction": "int8",
    "flags": "int64",
    "stored": "int64",
}


def relative_to(limits: Limits, counts: NDArray[np.int64], first: int) -> NDArray[np.int64]:
    """Return counters as they compare: a format that loses no frame may count from anywhere."""
    return counts if limits.drops else counts - first


@check("WIO-T01")
def columns_have_one_row_a_frame(context: Context) -> None:
    """Every column of the timeline has one row a frame, in its type."""

    def test(_truth: Truth | None, recording: BaseRecording) -> None:
        n, timeline = len(recording.frames), recording.timeline
        require(len(timeline) == n, len(timeline), n, "len(timeline)")
        for name, dtype in _COLUMNS.items():
            column = getattr(timeline, name)
            require(len(column) == n, f"{len(column)} rows of {name}", f"{n}, one a frame")
            require(column.dtype == dtype, f"{name} of {column.dtype}", dtype)
        for name, extra in timeline.extra.items():
            require(len(extra.values) == n, f"{len(extra.values)} rows of extra {name!r}", n)
        shape = (n, len(recording.channels))
        require(timeline.stored.shape == shape, timeline.stored.shape, shape, "timeline.stored")

    each_recording(context, test)


@check("WIO-T02")
def time_never_decreases(context: Context) -> None:
    """Time never decreases, is equal only where a frame is a DUPLICATE, and is the truth's."""

    def test(truth: Truth | None, recording: BaseRecording) -> None:
        timeline = recording.timeline
        time = timeline.time
        if np.isnan(time).all():
            kept = truth is not None and context.subject.limits.time == "kept" and len(time)
            require(not kept, "time is all NaN", "time, since the limits say that it is kept")
            return
        finite = np.isfinite(time)
        bad = int(np.argmin(finite))
        require(finite.all(), f"time {time[bad]}", "finite seconds", f"timeline.time[{bad}]")
        _never_decreases(time, timeline.flags, "time")
        if truth is not None and context.subject.limits.time == "kept":
            _close(time, truth.time, context.subject.limits.time_tol, "time")

    each_recording(context, test)


@check("WIO-T03")
def count_never_decreases(context: Context) -> None:
    """Counters never decrease, are equal only at DUPLICATEs, and are the truth's; raw are kept."""
    limits = context.subject.limits

    def test(truth: Truth | None, recording: BaseRecording) -> None:
        timeline = recording.timeline
        _never_decreases(timeline.count, timeline.flags, "count")
        repaired = (timeline.flags & Flag.COUNT_REPAIRED) != 0
        changed = (timeline.raw_count != timeline.count) & ~repaired
        at = int(np.argmax(changed)) if len(changed) else 0
        require(
            not changed.any(),
            f"raw_count {timeline.raw_count[at : at + 1]} for count {timeline.count[at : at + 1]}",
            "the same, unless flagged COUNT_REPAIRED",
            f"frame {at}",
        )
        if truth is not None and len(truth.count):
            found = relative_to(limits, timeline.count, int(timeline.count[0]))
            same(found, relative_to(limits, truth.count, int(truth.count[0])), "timeline.count")
            if limits.duplicates:
                flagged = (timeline.flags & Flag.DUPLICATE) != 0
                same(flagged, truth.duplicate, "frames flagged DUPLICATE")

    each_recording(context, test)


def _never_decreases(values: NDArray[Any], flags: NDArray[np.int64], name: str) -> None:
    step = np.diff(values)
    duplicate = (flags[1:] & Flag.DUPLICATE) != 0
    for bad, expected in (
        (step < 0, "never a step back"),
        ((step == 0) & ~duplicate, "a step forward, since it is not flagged DUPLICATE"),
    ):
        at = int(np.argmax(bad)) if len(bad) else 0
        shown = f"{name} {values[at : at + 2].tolist()}"
        require(not bad.any(), shown, expected, f"frames {at} and {at + 1}")


def _close(found: NDArray[Any], truth: NDArray[Any], tolerance: float, name: str) -> None:
    off = np.abs(found - truth)
    if not len(off):
        return
    at = int(np.argmax(off))
    # The files' rounding, and that of sums in float64.
    allowed = tolerance + 1e-12 * float(np.abs(truth).max())
    require(
        off[at] <= allowed, f"{name} {found[at]!r}", f"{truth[at]!r} +- {tolerance}", f"frame {at}"
    )


@check("WIO-T04")
def dropped_frames_are_reported(context: Context) -> None:
    """Dropped counters are the gaps of `count`, exactly those of the truth; none is invented."""
    limits = context.subject.limits

    def test(truth: Truth | None, recording: BaseRecording) -> None:
        timeline = recording.timeline
        if not len(timeline):
            return
        first, last = int(timeline.count[0]), int(timeline.count[-1])
        gaps = np.setdiff1d(np.arange(first, last), timeline.count)
        same(timeline.dropped, gaps, "timeline.dropped, against the gaps of timeline.count")
        if truth is not None:
            found = relative_to(limits, timeline.dropped, first)
            same(found, relative_to(limits, truth.dropped, int(truth.count[0])), "dropped")

    each_recording(context, test)


@check("WIO-T05", "writer", "time")
def frame_interval_is_that_of_the_truth(context: Context) -> None:
    """The frame interval is the truth's, counted in counter steps, so that drops do not bias it."""
    limits = context.subject.limits

    def test(truth: Truth, recording: BaseRecording) -> None:
        found = recording.timeline.frame_interval
        if len(np.unique(truth.count)) < 2:
            require(np.isnan(found), found, "NaN: one frame has no interval")
            return
        off = abs(found - truth.frame_interval)
        allowed = 2 * limits.time_tol + 1e-9
        require(off <= allowed, f"{found} s", f"{truth.frame_interval} s", "frame_interval")

    context.for_truths(test)


@check("WIO-T06", severity="SHOULD")
def clock_is_named(context: Context) -> None:
    """Where time is known, its clock has a name, and its absolute start is ISO 8601."""
    with context.opened() as recording:
        clock, time = recording.timeline.clock, recording.timeline.time
        if np.isfinite(time).any():
            named = bool(clock.name) and clock.name != "unknown"
            require(named, repr(clock.name), "which clock the time is of", "timeline.clock.name")
        if clock.start is not None:
            try:
                datetime.fromisoformat(clock.start)
            except (TypeError, ValueError):
                require(None, repr(clock.start), "ISO 8601, or None", "timeline.clock.start")


@check("WIO-T07")
def tables_are_read_only(context: Context) -> None:
    """The arrays of the timeline and of the events cannot be written to."""
    with context.opened() as recording:
        timeline = recording.timeline
        arrays = {name: getattr(timeline, name) for name in _COLUMNS}
        arrays |= {n: getattr(timeline, n) for n in ("volumes", "volume_counts", "dropped")}
        arrays |= {f"extra[{n!r}]": column.values for n, column in timeline.extra.items()}
        for name, table in recording.events.items():
            for column in ("count", "frame", "time", "volume", "duration", "status"):
                arrays[f"events[{name!r}].{column}"] = getattr(table, column)
            arrays |= {f"events[{name!r}].{n}": c.values for n, c in table.properties.items()}
        for name, array in arrays.items():
            require(not array.flags.writeable, f"{name} can be written to", "a read-only array")


@check("WIO-T08", "writer", "z")
def z_is_that_of_the_truth(context: Context) -> None:
    """Depth z is the truth's in um; where it is not known it is NaN and flagged Z_UNKNOWN."""

    def test(truth: Truth, recording: BaseRecording) -> None:
        timeline = recording.timeline
        z = timeline.z_um
        unknown = np.isnan(z)
        flagged = (timeline.flags & Flag.Z_UNKNOWN) != 0
        same(flagged, unknown, "frames flagged Z_UNKNOWN, against those whose z is NaN")
        share = f"{int(unknown.sum())} of {len(z)} frames without z"
        require(unknown.mean() < 0.5 if len(z) else True, share, "z, since the limits keep it")
        _close(z[~unknown], truth.z[~unknown], context.subject.limits.z_tol, "z")

    context.for_truths(test)


@check("WIO-T09")
def origins_are_honest(context: Context) -> None:
    """Every column that is known has an origin, and one of origin UNKNOWN holds nothing."""
    limits = context.subject.limits

    def test(truth: Truth | None, recording: BaseRecording) -> None:
        timeline = recording.timeline
        known = {
            "time": bool(np.isfinite(timeline.time).any()),
            "z": bool(np.isfinite(timeline.z).any()),
            "count": len(timeline) > 0,
            "volume": len(timeline.volumes) > 0,
            "direction": bool(timeline.direction.any()),
        }
        for name, is_known in known.items():
            origin = timeline.origins.get(name)
            require(isinstance(origin, Origin), f"{name} of {origin!r}", "a member of Origin")
            honest = is_known == (origin != Origin.UNKNOWN)
            if name in ("volume", "direction", "count") and not is_known:
                honest = True  # nothing there: the origin of what would be
            has = "values" if is_known else "no values"
            require(honest, f"{name} has {has} and origin {origin!r}", "UNKNOWN only without")
        if truth is not None:
            for name in ("time", "z"):
                measured = timeline.origins[name] <= Origin.JOINED
                if getattr(limits, name) == "none":
                    shown = f"{name} of origin {timeline.origins[name]!r}"
                    require(not measured, shown, "less: the limits say that files do not keep it")

    each_recording(context, test)
