"""Which image is which frame: loops, positions, streams, acquisitions that were stopped."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wormio
from wormio.errors import (
    CorruptRecordingError,
    MissingImageError,
    OptionError,
    TruncatedRecordingError,
    UnsupportedCapabilityError,
)
from wormio.model import Flag, Origin

from wormio_nd2.writer import images, position_loop, time_loop, z_loop

Write = Callable[..., Path]


def test_positions_are_items_and_none_is_the_default(write: Write) -> None:
    path = write(12, [time_loop(2), position_loop("a", "b"), z_loop(3)], times=np.arange(12) / 10)
    assert wormio.contents(path) == ["a", "b"]
    with pytest.raises(OptionError, match="item='a'"):
        wormio.open(path)
    with pytest.raises(OptionError, match="no position 'c'"):
        wormio.open(path, item="c")
    with wormio.open(path, item="b") as recording:
        np.testing.assert_array_equal(recording.frames[:], images(12)[[3, 4, 5, 9, 10, 11]])
        np.testing.assert_allclose(recording.timeline.time, [0.3, 0.4, 0.5, 0.9, 1.0, 1.1])
        assert recording.timeline.volumes.tolist() == [[0, 3], [3, 6]]
        assert recording.timeline.stored[:, 0].tolist() == [6, 8, 10, 18, 20, 22]


def test_positions_outside_time_are_found_as_well(write: Write) -> None:
    path = write(12, [position_loop("", ""), time_loop(2), z_loop(3)])
    assert wormio.contents(path) == ["1", "2"]
    with wormio.open(path, item="2") as recording:
        np.testing.assert_array_equal(recording.frames[:], images(12)[6:])


def test_a_stream_asks_for_the_planes(write: Write) -> None:
    path = write(10, [time_loop(10)], times=np.arange(10) / 100)
    with pytest.raises(OptionError, match=r"(?s)option planes is missing.*planes=1 for a planar"):
        wormio.open(path)
    with wormio.open(path, planes=4, um_per_plane=0.5) as recording:
        timeline = recording.timeline
        assert timeline.volumes.tolist() == [[0, 4], [4, 8]]
        np.testing.assert_allclose(timeline.z[:5], [0, 0.5, 1, 1.5, 0])
        assert timeline.origins["z"] == Origin.USER
        assert timeline.origins["time"] == Origin.MEASURED
        assert (timeline.flags & Flag.INCOMPLETE != 0).tolist() == [False] * 8 + [True] * 2
    with wormio.open(path, planes=1) as recording:
        assert recording.timeline.n_volumes == 10


def test_one_image_needs_no_options(write: Write) -> None:
    with wormio.open(write(1, [])) as recording:
        assert recording.frames.shape == (1, 2, 4, 5)
        assert recording.timeline.origins["time"] == Origin.UNKNOWN


def test_loops_that_do_not_account_for_the_images_are_not_believed(write: Write) -> None:
    path = write(12, [z_loop(3)])
    with pytest.raises(OptionError, match="option planes is missing"):
        wormio.open(path)
    with wormio.open(path, planes=3) as recording:
        assert recording.timeline.n_volumes == 4
        assert "loops-unusable" in [f.code for f in recording.findings]


def test_planes_must_not_contradict_the_loop(write: Write) -> None:
    with pytest.raises(OptionError, match="planes contradicts"):
        wormio.open(write(6, [time_loop(2), z_loop(3)]), planes=2)


def test_time_inside_z_is_no_volume(write: Write) -> None:
    path = write(6, [z_loop(3), time_loop(2)])
    with pytest.raises(OptionError, match="planes=1"):
        wormio.open(path)
    with wormio.open(path, planes=1) as recording:
        np.testing.assert_array_equal(recording.frames[:], images(6))
        assert recording.timeline.n_volumes == 6


def test_custom_loops_are_refused(write: Write) -> None:
    with pytest.raises(UnsupportedCapabilityError, match="U 2 x Z 3"):
        wormio.open(write(6, [(7, {"uiCount": 2}), z_loop(3)]))


def test_a_stopped_acquisition_gives_its_complete_volumes_if_asked(write: Write) -> None:
    path = write(12, [time_loop(4), z_loop(3)], missing=range(8, 12), times=np.arange(12) / 10)
    with pytest.raises(TruncatedRecordingError, match=r"(?s)12 images.*8.*allow_truncated"):
        wormio.open(path)
    with wormio.open(path, allow_truncated=True) as recording:
        np.testing.assert_array_equal(recording.frames[:], images(12)[:6])
        assert recording.timeline.volumes.tolist() == [[0, 3], [3, 6]]
        assert [f.code for f in recording.findings if f.code == "truncated"] == ["truncated"]


def test_not_one_volume_is_not_opened_at_all(write: Write) -> None:
    path = write(12, [time_loop(4), z_loop(3)], missing=range(2, 12))
    with pytest.raises(TruncatedRecordingError, match="not even one volume"):
        wormio.open(path, allow_truncated=True)


@pytest.mark.parametrize("pack", [False, True])
def test_a_missing_image_is_never_zeros(write: Write, pack: bool) -> None:
    path = write(
        9, [time_loop(3), z_loop(3)], missing=[4], times=[0, 1, 2, 3, 0, 5, 6, 7, 8], pack=pack
    )
    with wormio.open(path) as recording:
        timeline = recording.timeline
        assert timeline.stored[3:6].tolist() == [[6, 7], [-1, -1], [10, 11]]
        with pytest.raises(MissingImageError):
            recording.frames[4, 0]
        np.testing.assert_array_equal(recording.frames[5], images(9)[5])
        # The time of an image that was never saved lies between its neighbours'.
        assert timeline.time[4] == 4
        assert timeline.flags[4] & Flag.TIME_REPAIRED
        assert timeline.raw_time[4] == 0
        assert "images-missing" in [f.code for f in recording.findings]


def test_an_impossible_number_of_images_is_refused_before_anything_is_made(write: Write) -> None:
    path = write(6, [time_loop(2**31), z_loop(3)])
    with pytest.raises(CorruptRecordingError, match="impossible number of images"):
        wormio.open(path, allow_truncated=True)


def test_a_file_of_before_2006_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "old.nd2"
    path.write_bytes(b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(100))
    with pytest.raises(UnsupportedCapabilityError, match=re.escape("NIS-Elements")):
        wormio.open(path)


def test_a_damaged_compressed_image_is_an_error_and_its_neighbours_are_right(write: Write) -> None:
    path = write(6, [time_loop(2), z_loop(3)], pack=True)
    content = bytearray(path.read_bytes())
    start = content.index(b"ImageDataSeq|2!") - 16 + 4096
    content[start + 40] ^= 1
    path.write_bytes(content)
    with wormio.open(path) as recording:
        with pytest.raises(CorruptRecordingError, match="frame 2"):
            recording.frames[2]
        np.testing.assert_array_equal(recording.frames[3:], images(6)[3:])
