"""Times: two clocks of the computer, few stamps that are wrong, and many."""

import numpy as np
import pytest
import wormio
from wormio.model import Flag, Origin


def series(write, stamps, **facts):
    axes = [{"time": t} for t in range(len(stamps))]
    told = lambda i, _: {} if stamps[i] is None else {"ElapsedTime-ms": stamps[i]}
    return write(axes, told=lambda i, a: {"ElapsedTime-ms": None} | told(i, a), **facts)


def codes(recording):
    return [finding.code for finding in recording.findings]


def test_few_wrong_stamps_are_interpolated_and_flagged(write):
    stamps = [10.0 * i for i in range(60)]
    stamps[20] = stamps[19]  # two images fetched at once
    stamps[40] = None
    stamps[59] = stamps[58]
    with wormio.open(series(write, stamps)) as recording:
        timeline = recording.timeline
        np.testing.assert_allclose(timeline.time, 0.01 * np.arange(60))
        repaired = np.flatnonzero(timeline.flags & Flag.TIME_REPAIRED)
        assert repaired.tolist() == [20, 40, 59]
        assert timeline.raw_time[20] == 0.19
        assert np.isnan(timeline.raw_time[40])
        assert timeline.origins["time"] == Origin.MEASURED
        assert "times-repaired" in codes(recording)


def test_a_first_stamp_that_is_missing_lies_before_the_second(write):
    stamps = [None, *[10.0 * i for i in range(1, 40)]]
    with wormio.open(series(write, stamps)) as recording:
        np.testing.assert_allclose(recording.timeline.time, 0.01 * np.arange(40), atol=1e-12)


def test_many_wrong_stamps_are_not_used(write):
    stamps = [10.0 * (i % 5) for i in range(20)]
    with wormio.open(series(write, stamps)) as recording:
        assert np.isnan(recording.timeline.time).all()
        assert recording.timeline.origins["time"] == Origin.UNKNOWN
        assert "times-unusable" in codes(recording)
    with wormio.open(series(write, stamps, folder="again"), volume_rate=20) as recording:
        np.testing.assert_allclose(recording.timeline.time, 0.05 * np.arange(20))
        assert recording.timeline.origins["time"] == Origin.USER


def test_the_clock_of_the_core_goes_before_that_of_the_engine(write):
    def told(i, _axes):
        return {
            "ElapsedTime-ms": 1000 + 10 * i,
            "TimeReceivedByCore": f"2026-03-01 12:00:00.{100 + 7 * i:03d}500",
        }

    axes = [{"time": t} for t in range(5)]
    with wormio.open(write(axes, told=told)) as recording:
        assert recording.timeline.time.tolist() == [0, 0.007, 0.014, 0.021, 0.028]
        assert recording.timeline.clock.start == "2026-03-01T12:00:00.100500"
    stopped = lambda i, a: told(i, a) | {"TimeReceivedByCore": "2026-03-01 12:00:00"}
    with wormio.open(write(axes, told=stopped, folder="stopped")) as recording:
        assert recording.timeline.time.tolist() == [1, 1.01, 1.02, 1.03, 1.04]


@pytest.mark.parametrize(
    ("summary", "start"),
    [
        ({"StartTime": "2022-12-26 16:25:52.123 -0800"}, "2022-12-26T16:25:52.123-0800"),
        ({"DateAndTime": "2022/12/26 16:25:52"}, "2022-12-26T16:25:52"),
        ({"DateAndTime": "yesterday"}, None),
    ],
)
def test_the_start_is_that_of_the_summary(write, summary, start):
    with wormio.open(write([{"time": 0}, {"time": 1}], summary=summary)) as recording:
        assert recording.timeline.clock.start == start


def test_images_that_say_nothing_have_no_time(write):
    folder = write([{"time": t} for t in range(3)], told=lambda i, a: {"ElapsedTime-ms": None})
    with wormio.open(folder) as recording:
        assert recording.timeline.origins["time"] == Origin.UNKNOWN
        assert codes(recording) == []


@pytest.mark.parametrize("strange", [True, "soon", [1], "NaN", 1e400, {"PropVal": "5"}])
def test_what_is_no_number_is_no_time(write, strange):
    stamps = [10.0 * i for i in range(30)]
    stamps[3] = strange
    with wormio.open(series(write, stamps)) as recording:
        assert np.isnan(recording.timeline.raw_time[3])
        np.testing.assert_allclose(recording.timeline.time, 0.01 * np.arange(30))


def test_pixel_sizes_that_differ_are_none(write):
    axes = [{"time": t} for t in range(2)]
    with wormio.open(write(axes, told=lambda i, a: {"PixelSizeUm": 0.5 + i})) as recording:
        assert recording.voxel_size.x is None
    zero = write(axes, told=lambda i, a: {"PixelSizeUm": 0}, folder="zero")
    with wormio.open(zero) as recording:
        assert recording.voxel_size.x is None
    with wormio.open(zero, um_per_pixel=0.3) as recording:
        assert recording.voxel_size.x == 0.3
