"""What axes mean: sparse ones, positions, channels by name or number, and those nobody knows."""

import numpy as np
import pytest
import wormio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wormio.errors import (
    CorruptRecordingError,
    MissingImageError,
    OptionError,
    UnsupportedCapabilityError,
)

from wormio_ndtiff.conformance import write_dataset

places = st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 2))


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(saved=st.sets(places, min_size=1), named=st.booleans(), data=st.data())
def test_any_sparse_set_of_images_is_given_image_by_image(
    tmp_path_factory, pixels_of, saved, named, data
):
    folder = tmp_path_factory.mktemp("sparse")
    order = sorted(saved)
    images = []
    for i, (t, z, c) in enumerate(order):
        axes = {"time": t, "z": z, "channel": f"colour {c}" if named else c}
        keys = data.draw(st.permutations(list(axes)))
        images.append(({key: axes[key] for key in keys}, pixels_of(i), {"ElapsedTime-ms": i}))
    write_dataset(folder, images, {})
    t0, z0 = min(t for t, _, _ in saved), min(z for _, z, _ in saved)
    n_z = max(z for _, z, _ in saved) - z0 + 1
    channels = list(dict.fromkeys(c for _, _, c in order)) if named else None
    channels = channels or sorted({c for _, _, c in saved})
    with wormio.open(folder) as recording:
        timeline = recording.timeline
        counts = sorted({(t - t0) * n_z + z - z0 for t, z, _ in saved})
        assert timeline.count.tolist() == counts
        assert len(recording.channels) == len(channels)
        for frame, count in enumerate(counts):
            for index, c in enumerate(channels):
                place = (count // n_z + t0, count % n_z + z0, c)
                if place in saved:
                    number = order.index(place)
                    assert timeline.stored[frame, index] == number
                    np.testing.assert_array_equal(recording.frames[frame, index], pixels_of(number))
                else:
                    assert timeline.stored[frame, index] == -1
                    with pytest.raises(MissingImageError):
                        recording.frames[frame, index]
        holes = len(counts) * len(channels) - len(saved)
        gaps = counts[-1] - counts[0] + 1 - len(counts)
        told = "images-missing" in [finding.code for finding in recording.findings]
        assert told == bool(holes or gaps)


@pytest.mark.parametrize("names", [("head", "tail"), (3, 7)])
def test_positions_are_recordings_of_their_own(write, pixels_of, names):
    folder = write([{"time": t, "position": p} for t in range(3) for p in names])
    labels = [str(name) for name in names]
    assert wormio.contents(folder) == labels
    with pytest.raises(OptionError, match=f"item='{labels[0]}'"):
        wormio.open(folder)
    with pytest.raises(OptionError, match="'trunk'"):
        wormio.open(folder, item="trunk")
    for i, label in enumerate(labels):
        with wormio.open(folder, item=label) as recording:
            expected = [pixels_of(2 * t + i) for t in range(3)]
            np.testing.assert_array_equal(recording.frames[:, 0], expected)
            assert recording.timeline.stored[:, 0].tolist() == [i, 2 + i, 4 + i]


def test_one_position_is_no_choice(write):
    folder = write([{"time": t, "position": 5} for t in range(3)])
    assert wormio.contents(folder) == []
    with wormio.open(folder) as recording:
        assert len(recording.frames) == 3


def test_tiles_of_a_mosaic_are_positions(write, pixels_of):
    axes = [{"time": t, "row": r, "column": c} for t in (0, 1) for r in (-1, 0) for c in (4, 5)]
    folder = write(axes)
    assert wormio.contents(folder) == [
        "row -1, column 4",
        "row -1, column 5",
        "row 0, column 4",
        "row 0, column 5",
    ]
    with wormio.open(folder, item="row 0, column 4") as recording:
        np.testing.assert_array_equal(recording.frames[:, 0], [pixels_of(2), pixels_of(6)])


def test_images_with_other_axes_are_another_recording(write, pixels_of):
    folder = write([{"time": 0}, {"time": 0, "z": 0}, {"time": 0, "z": 1}])
    assert wormio.contents(folder) == ["[time]", "[time, z]"]
    with wormio.open(folder, item="[time, z]") as recording:
        np.testing.assert_array_equal(recording.frames[:, 0], [pixels_of(1), pixels_of(2)])


def test_an_axis_that_nobody_knows_is_asked_for(write, pixels_of):
    axes = [{"time": t, "laser": n} for t in range(2) for n in ("405", "488")]
    folder = write(axes)
    with pytest.raises(OptionError, match="laser: 2 values, 405, 488") as raised:
        wormio.open(folder)
    assert "axes='laser=channel'" in raised.value.cure
    with wormio.open(folder, axes="laser=channel") as recording:
        assert [channel.name for channel in recording.channels] == ["405", "488"]
        np.testing.assert_array_equal(recording.frames[1, 1], pixels_of(3))
        again = wormio.reopen(recording.source)
    with again:
        np.testing.assert_array_equal(again.frames[1, 1], pixels_of(3))
    with wormio.open(folder, axes={"laser": "z"}) as recording:
        assert recording.timeline.volumes.tolist() == [[0, 2], [2, 4]]
    assert wormio.contents(folder, axes="laser=position") == ["405", "488"]
    with wormio.open(folder, axes="laser=time") as recording:
        assert recording.frames.shape[:2] == (4, 1)


def test_an_axis_with_one_value_means_nothing(write):
    folder = write([{"time": t, "preset": "day"} for t in range(2)])
    with wormio.open(folder) as recording:
        assert recording.frames.shape[:2] == (2, 1)


@pytest.mark.parametrize(
    ("axes", "problem"),
    [("lasre=channel", "'lasre'"), ("laser=colour", "colour"), ("laser", "laser")],
)
def test_a_wrong_option_is_told(write, axes, problem):
    folder = write([{"time": 0, "laser": n} for n in (0, 1)])
    with pytest.raises(OptionError, match=problem):
        wormio.open(folder, axes=axes)


def test_two_axes_of_channels_are_joined_in_order_of_appearance(write, pixels_of):
    pairs = [("red", 1), ("green", 0), ("red", 0)]
    folder = write([{"time": t, "channel": c, "gain": g} for t in (0, 1) for c, g in pairs])
    with wormio.open(folder, axes="gain=channel") as recording:
        assert [channel.name for channel in recording.channels] == ["red 1", "green 0", "red 0"]
        np.testing.assert_array_equal(recording.frames[1, 2], pixels_of(5))


def test_channels_by_number_are_named_by_the_summary_if_their_images_do_not(write):
    axes = [{"time": t, "channel": c} for t in range(2) for c in (0, 2)]
    folder = write(axes, summary={"ChNames": ["DAPI", "GCaMP", "RFP"]})
    with wormio.open(folder) as recording:
        assert [channel.name for channel in recording.channels] == ["DAPI", "RFP"]
    folder = write(axes, folder="unnamed")
    with wormio.open(folder) as recording:
        assert [channel.name for channel in recording.channels] == ["channel-0", "channel-1"]


def test_images_that_differ_in_size_are_refused_with_their_axes(write):
    sizes = [(3, 4), (3, 5)]
    folder = write([{"camera": n} for n in (0, 1)], pixels=lambda i: np.ones(sizes[i], np.uint16))
    with pytest.raises(UnsupportedCapabilityError, match=r"(?s)4 x 3, 2 bytes.*5 x 3.*'camera': 1"):
        wormio.open(folder, axes="camera=channel")
    for item, size in zip(("0", "1"), sizes, strict=True):
        with wormio.open(folder, axes="camera=position", item=item) as recording:
            assert recording.frames.shape[2:] == size


def test_impossible_numbers_are_no_axes(write):
    with pytest.raises(CorruptRecordingError, match="both numbers and names"):
        wormio.open(write([{"time": 0}, {"time": "one"}], folder="mixed"))
    with pytest.raises(CorruptRecordingError, match="far more images"):
        wormio.open(write([{"time": 0, "z": 0}, {"time": 2_000_000, "z": 9}], folder="far"))
