"""When and at which z a frame was taken, and where that is known from."""

from collections.abc import Callable
from pathlib import Path

import nd2
import numpy as np
import pytest
import wormio
from wormio.errors import OptionError
from wormio.model import EventStatus, Origin

from wormio_nd2.writer import images, time_loop, z_loop

Write = Callable[..., Path]

STILL = ("Ti ZDrive", "µm", [100.0] * 6)
SCAN = ("NIDAQ Piezo Z", "µm", [0.1, 0.6, 1.0, 0.0, 0.5, 1.1])


@pytest.mark.parametrize(
    "times", [[0.5] * 6, [0.0] * 6, [0, 1, 2, 1.5, 4, 5], [0, 1, np.nan, 3, 4, 5]]
)
def test_times_that_cannot_be_are_not_used(write: Write, times: list[float]) -> None:
    path = write(6, [time_loop(2, period_ms=300), z_loop(3)], times=times)
    with wormio.open(path) as recording:
        timeline = recording.timeline
        assert "times-unusable" in [f.code for f in recording.findings]
        np.testing.assert_allclose(timeline.time, np.arange(6) / 10)
        assert timeline.origins["time"] == Origin.NOMINAL
        np.testing.assert_allclose(timeline.extra["recorded time"].values, times)


def test_without_a_period_such_times_are_unknown(write: Write) -> None:
    path = write(6, [time_loop(2), z_loop(3)], times=[0.0] * 6)
    with wormio.open(path) as recording:
        assert np.isnan(recording.timeline.time).all()
        assert recording.timeline.origins["time"] == Origin.UNKNOWN


def test_a_shorter_list_of_times_is_not_used_for_some(write: Write) -> None:
    path = write(6, [time_loop(2), z_loop(3)], times=np.arange(4.0))
    with wormio.open(path) as recording:
        assert recording.timeline.origins["time"] == Origin.UNKNOWN
        assert "8 of 12" in next(
            f.message for f in recording.findings if f.code == "times-unusable"
        )


def test_the_rate_of_the_user_wins(write: Write) -> None:
    path = write(6, [time_loop(2), z_loop(3)], times=np.arange(6) + 7, events=[(9.0, 15)])
    with wormio.open(path, volume_rate=2.0) as recording:
        np.testing.assert_allclose(recording.timeline.time, np.arange(6) / 6)
        assert recording.timeline.origins["time"] == Origin.USER
        # On the file's clock the event is at frame 2.
        events = recording.events["stimulation"]
        assert (events.frame.tolist(), events.time.tolist()) == ([2], [2 / 6])


def test_the_drive_that_scans_is_the_z(write: Write) -> None:
    columns = {"Z1": STILL, "PiezoZ": SCAN}
    path = write(6, [time_loop(2), z_loop(3)], times=np.arange(6.0), columns=columns)
    with nd2.ND2File(path) as file:
        planes = [file.frame_metadata(i).channels[0].position.stagePositionUm.z for i in range(3)]
    assert len(set(planes)) == 1  # why z is not asked of the library (nd2#311)
    with wormio.open(path) as recording:
        np.testing.assert_array_equal(recording.timeline.z, SCAN[2])
        assert recording.timeline.origins["z"] == Origin.MEASURED
        assert recording.timeline.direction.tolist() == [1] * 6
        np.testing.assert_array_equal(recording.timeline.extra["Ti ZDrive"].values, STILL[2])


@pytest.mark.parametrize("kind, wanted", [(0, [0, 0.5, 1]), (4, [0, -0.5, -1])])
def test_without_a_recorded_z_it_follows_the_loop(
    write: Write, kind: int, wanted: list[float]
) -> None:
    path = write(6, [time_loop(2), z_loop(3, kind=kind)], columns={"Z1": STILL})
    with wormio.open(path) as recording:
        np.testing.assert_allclose(recording.timeline.z, wanted * 2)
        assert recording.timeline.origins["z"] == Origin.NOMINAL
        assert recording.voxel_size.z == 0.5
        assert "z-not-recorded" in [f.code for f in recording.findings]


def test_a_stream_takes_the_only_drive_that_moves(write: Write) -> None:
    path = write(6, [time_loop(6)], columns={"Z1": STILL, "PiezoZ": SCAN})
    with wormio.open(path, planes=3) as recording:
        np.testing.assert_array_equal(recording.timeline.z, SCAN[2])
        assert recording.timeline.origins["z"] == Origin.MEASURED


def test_two_drives_that_move_are_a_question(write: Write) -> None:
    tracking = ("Z Coord", "µm", [100.0, 100.1, 100.2, 100.3, 100.4, 100.5])
    path = write(6, [time_loop(6)], columns={"Z": tracking, "PiezoZ": SCAN})
    with wormio.open(path, planes=3) as recording:
        assert recording.timeline.origins["z"] == Origin.UNKNOWN
        told = next(f for f in recording.findings if f.code == "z-ambiguous")
        assert "z_column=" in told.cure
    for name in ("PiezoZ", "NIDAQ Piezo Z"):
        with wormio.open(path, planes=3, z_column=name) as recording:
            np.testing.assert_array_equal(recording.timeline.z, SCAN[2])
            assert recording.timeline.origins["z"] == Origin.MEASURED


def test_a_column_that_is_no_length_is_no_z(write: Write) -> None:
    columns = {"PiezoZ": SCAN, "T": ("Temperature", "°C", [20.0] * 6)}
    path = write(6, [time_loop(2), z_loop(3)], columns=columns)
    with pytest.raises(OptionError, match="is in °C, not in um"):
        wormio.open(path, z_column="Temperature")
    with pytest.raises(OptionError, match="no recorded z 'Y'"):
        wormio.open(path, z_column="Y")


def test_events_are_sorted_and_placed(write: Write) -> None:
    events = [(0.2, 15), (0.31, 33), (0.0, 17), (9.0, 16)]
    path = write(6, [time_loop(2), z_loop(3)], times=np.arange(6) / 10, events=events)
    with wormio.open(path) as recording:
        tables = recording.events
    assert sorted(tables) == ["experiment", "stimulation", "user"]
    stimulation = tables["stimulation"]
    assert stimulation.properties["description"].values.tolist() == [
        "Stimulation",
        "External Stimulation",
    ]
    assert stimulation.frame.tolist() == [2, -1]
    assert stimulation.status.tolist() == [EventStatus.OK, EventStatus.OUTSIDE]
    np.testing.assert_allclose(stimulation.properties["native_time"].values, [0.2, 9.0])
    assert tables["user"].frame.tolist() == [3]
    assert tables["user"].properties["description"].values.tolist() == ["User 1"]


def test_events_without_times_keep_their_own_clock(write: Write) -> None:
    path = write(6, [time_loop(2), z_loop(3)], events=[(0.2, 15)])
    with wormio.open(path) as recording:
        events = recording.events["stimulation"]
        assert (events.frame.tolist(), events.properties["native_time"].values.tolist()) == (
            [-1],
            [0.2],
        )
        assert "events-unplaced" in [f.code for f in recording.findings]


def test_pixels_of_padded_rows(write: Write) -> None:
    path = write(6, [time_loop(2), z_loop(3)], padding=3)
    with wormio.open(path) as recording:
        np.testing.assert_array_equal(recording.frames[:], images(6))
        assert recording.frames.layout.row_stride == 2 * 5 * 2 + 3


def test_the_size_of_a_pixel_is_none_if_it_was_not_calibrated(write: Write) -> None:
    path = write(6, [time_loop(2), z_loop(3)])
    with wormio.open(path) as recording:
        assert (recording.voxel_size.y, recording.voxel_size.x) == (None, None)
    with wormio.open(path, um_per_pixel=0.3) as recording:
        assert (recording.voxel_size.y, recording.voxel_size.x) == (0.3, 0.3)
