"""V: volumes, their planes, and the direction of the scan."""

from __future__ import annotations

import numpy as np

from wormio.errors import FrameIndexError, OptionError
from wormio.model import BaseRecording
from wormio.testing.checks._common import each_recording, must_raise, same
from wormio.testing.checks.timing import relative_to
from wormio.testing.engine import Context, check, require
from wormio.testing.truth import Truth

__all__: list[str] = []


@check("WIO-V01")
def ranges_are_in_order(context: Context) -> None:
    """Volumes are disjoint ranges of frames in order, and `volume` says the same frame by frame."""

    def test(_truth: Truth | None, recording: BaseRecording) -> None:
        timeline = recording.timeline
        n, previous = len(recording.frames), 0
        volume = np.full(n, -1, np.int64)
        for index, (first, stop) in enumerate(timeline.volumes.tolist()):
            inside = previous <= first < stop <= n
            where = f"timeline.volumes[{index}]"
            require(inside, f"{first}..{stop}", f"a range inside {previous}..{n}", where)
            volume[first:stop] = index
            previous = stop
        same(timeline.volume, volume, "timeline.volume, against timeline.volumes")

    each_recording(context, test)


@check("WIO-V02", "writer", "volumes")
def volumes_are_the_complete_ones(context: Context) -> None:
    """The volumes are the complete ones of the truth, in frames and in counters."""
    limits = context.subject.limits

    def test(truth: Truth, recording: BaseRecording) -> None:
        timeline = recording.timeline
        same(timeline.volumes, truth.volumes, "timeline.volumes")
        if len(truth.count):
            found = relative_to(limits, timeline.volume_counts, int(timeline.count[0]))
            expected = relative_to(limits, truth.volume_counts, int(truth.count[0]))
            same(found, expected, "timeline.volume_counts")

    if limits.drops and limits.volumes[1] > 1:
        planes = int(np.diff(context.truth(lost=[], twice=[], volumes=2).volume_counts[0])[0])
        truth = context.truth(lost=[planes, 2 * planes - 1], twice=[], volumes=2)
        with context.opened(context.write(truth)) as recording:
            test(truth, recording)
    context.for_truths(test)


@check("WIO-V03")
def a_volume_is_its_frames(context: Context) -> None:
    """`volume(k)` is `frames[first:stop]` of its range, also for negative k; no other exists."""

    def test(_truth: Truth | None, recording: BaseRecording) -> None:
        ranges = recording.timeline.volumes.tolist()
        n = len(ranges)
        for index, (first, stop) in list(enumerate(ranges))[:50]:
            expected = recording.frames[first:stop]
            same(recording.volume(index), expected, f"volume({index})")
            same(recording.volume(index - n), expected, f"volume({index - n})")
        if n <= 50:
            for index, volume in enumerate(recording.iter_volumes()):
                first, stop = ranges[index]
                same(volume, recording.frames[first:stop], f"iter_volumes(), number {index}")
        for wrong in (n, -n - 1):
            must_raise(FrameIndexError, lambda k=wrong: recording.volume(k), f"volume({wrong})")  # type: ignore[misc]

    each_recording(context, test)


@check("WIO-V04")
def z_follows_the_direction(context: Context) -> None:
    """Within a volume the trend of z, smoothed over all its planes, has the sign of `direction`."""

    def test(_truth: Truth | None, recording: BaseRecording) -> None:
        timeline = recording.timeline
        for index, (first, stop) in enumerate(timeline.volumes.tolist()):
            z, count = timeline.z[first:stop], timeline.count[first:stop]
            known = np.isfinite(z)
            direction = int(np.sign(np.sum(timeline.direction[first:stop].astype(int))))
            if direction == 0 or len(np.unique(count[known])) < 2:
                continue
            trend = float(np.polyfit(count[known] - count[0], z[known], 1)[0])
            require(
                trend * direction > 0 or np.ptp(z[known]) == 0,
                f"z changes by {trend:.3g} a frame where direction is {direction:+d}",
                "the same sign",
                f"volume {index}, frames {first} to {stop - 1}",
            )

    each_recording(context, test)


@check("WIO-V05")
def z_has_its_unit(context: Context) -> None:
    """Depth z is in um, or in V and then nobody gets it as um."""
    with context.opened() as recording:
        timeline = recording.timeline
        require(timeline.z_unit in ("um", "V"), repr(timeline.z_unit), "'um' or 'V'", "z_unit")
        if timeline.z_unit == "V":
            must_raise(OptionError, lambda: timeline.z_um, "timeline.z_um of volts")
        else:
            same(timeline.z_um, timeline.z, "timeline.z_um, against timeline.z")


@check("WIO-V06")
def direction_is_a_sign(context: Context) -> None:
    """`direction` is +1, -1 or 0, and where it is not 0 inside a volume it is the truth's."""
    must_know = context.subject.limits.scan == "triangle"

    def test(truth: Truth | None, recording: BaseRecording) -> None:
        timeline = recording.timeline
        values = set(np.unique(timeline.direction).tolist())
        require(values <= {-1, 0, 1}, sorted(values), "+1, -1 and 0 only", "timeline.direction")
        if truth is None:
            return
        for index, (first, stop) in enumerate(truth.volumes.tolist()):
            found, expected = timeline.direction[first:stop], truth.direction[first:stop]
            told = found != 0
            where = f"volume {index}, frames {first} to {stop - 1}"
            same(found[told], expected[told], f"timeline.direction of {where}")
            shown = f"direction {found.tolist()}"
            require(
                told.all() or not must_know, shown, "a sign: this format scans to and fro", where
            )

    each_recording(context, test)


@check("WIO-V07", "writer", "planar")
def planar_recordings_have_a_volume_a_frame(context: Context) -> None:
    """A 2-D recording has as many volumes as frames, each of one frame, read in the same way."""
    limits = context.subject.limits
    truth = context.truth(planes=1, volumes=limits.volumes[1], lost=[], twice=[], stimuli=[])
    with context.opened(context.write(truth)) as recording:
        n = len(truth.frames)
        found = recording.timeline.volumes.tolist()
        require(found == [[i, i + 1] for i in range(n)], found, "one frame each", "volumes")
        for index in range(n):
            same(recording.volume(index), truth.frames[index : index + 1], f"volume({index})")


@check("WIO-V08", "writer")
def voxels_are_of_their_size(context: Context) -> None:
    """The voxel size is the truth's, or None where the files do not say it."""

    def test(truth: Truth, recording: BaseRecording) -> None:
        found = recording.voxel_size
        one_plane = len(np.unique(truth.z)) < 2
        for axis, expected in (("y", truth.pixel_size), ("x", truth.pixel_size)):
            value = getattr(found, axis)
            right = value is None or abs(value - expected) <= 1e-3 * expected
            require(right, f"{value} um", f"{expected} um, or None", f"voxel_size.{axis}")
        off = None if found.z is None else abs(found.z - truth.plane_step)
        right = one_plane or off is None or off <= 1e-3 * truth.plane_step
        require(right, f"{found.z} um", f"{truth.plane_step} um, or None", "voxel_size.z")

    context.for_truths(test)


@check("WIO-V09")
def slots_leave_gaps(context: Context) -> None:
    """A plane's slot is its counter minus its volume's first: a dropped plane leaves a gap."""

    def test(truth: Truth | None, recording: BaseRecording) -> None:
        timeline = recording.timeline
        slot = np.full(len(timeline), -1, np.int64)
        counts, ranges = timeline.count, timeline.volumes.tolist()
        if truth is not None and len(timeline) == len(truth.count):
            counts, ranges = truth.count, truth.volumes.tolist()
            begins = truth.volume_counts[:, 0]
        else:
            begins = timeline.volume_counts[:, 0]
        for (first, stop), begin in zip(ranges, begins.tolist(), strict=True):
            slot[first:stop] = counts[first:stop] - begin
        same(timeline.slot, slot, "timeline.slot")

    each_recording(context, test)
