"""Two cameras become one recording, against an oracle made of dictionaries."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormio.errors import ContractError, MissingImageError, OptionError, RecordingClosedError
from wormio.model import (
    ArrayRecording,
    Channel,
    Events,
    EventStatus,
    Flag,
    Origin,
    Timeline,
    combine,
    stored_in_order,
)

INTERVAL = 0.5


def camera(count, value, *, volumes=(), events=(), duplicates=(), names=("c",), jitter=0.0):
    """Return a recording of 2 x 3 images; pixel (0, 0) of a frame is value + counter."""
    count = np.asarray(count)
    pixels = np.zeros((len(count), len(names), 2, 3), np.uint16)
    pixels[:, :, 0, 0] = value + count[:, None] + 1000 * np.arange(len(names))
    flags = np.zeros(len(count), int)
    flags[list(duplicates)] = Flag.DUPLICATE
    bounds = np.asarray(volumes).reshape(-1, 2)
    timeline = Timeline(
        time=count * INTERVAL + jitter,
        count=count,
        z=count * 10.0,
        volumes=[np.searchsorted(count, b) for b in bounds],
        volume_counts=bounds,
        stored=stored_in_order(len(count), len(names)),
        flags=flags,
        origins=dict.fromkeys(("time", "count", "z", "volume"), Origin.MEASURED),
    )
    return ArrayRecording(
        pixels,
        timeline,
        channels=[Channel(name=name) for name in names],
        events={"light": Events.at_counts(timeline, events)} if len(events) else {},
    )


def images(recording):
    """Return {(counter, channel): pixel (0, 0)} of the images that are there."""
    found = {}
    for row, counter in enumerate(recording.timeline.count.tolist()):
        for channel in range(len(recording.channels)):
            try:
                found[counter, channel] = int(recording.frames[row, channel, 0, 0])
            except MissingImageError:
                assert recording.timeline.stored[row, channel] == -1
            else:
                assert recording.timeline.stored[row, channel] >= 0
    return found


saved = st.sets(st.integers(0, 25), min_size=3).map(sorted)


@given(a=saved, b=saved)
def test_by_counter_every_image_of_the_shared_stretch_is_kept_and_none_is_invented(a, b):
    first, last = max(a[0], b[0]), min(a[-1], b[-1])
    shared = [c for c in range(first, last + 1) if c in a or c in b]
    red, green = camera(a, 100), camera(b, 500)
    if not shared:
        with pytest.raises(ContractError, match="no frames belong together by count"):
            combine({"red": red, "green": green})
        return
    both = combine({"red": red, "green": green})
    assert both.timeline.count.tolist() == shared
    expected = {(c, 0): 100 + c for c in shared if c in a}
    expected |= {(c, 1): 500 + c for c in shared if c in b}
    assert images(both) == expected
    # Times and z of the leader's frames are its own, those of inserted frames lie between.
    np.testing.assert_allclose(both.timeline.time, np.array(shared) * INTERVAL)
    np.testing.assert_allclose(both.timeline.z, np.array(shared) * 10.0)
    inserted = (both.timeline.flags & (Flag.TIME_REPAIRED | Flag.Z_INTERPOLATED)) != 0
    assert inserted.tolist() == [c not in a for c in shared]
    assert both.timeline.dropped.tolist() == [
        c for c in range(shared[0], shared[-1]) if c not in shared
    ]
    messages = [f.message for f in both.findings if f.code == "frames-left-out"]
    left = {"red": len(set(a) - set(shared)), "green": len(set(b) - set(shared))}
    assert len(messages) == sum(n > 0 for n in left.values())
    for name, n in left.items():
        assert n == 0 or any(f"{n} frames of '{name}'" in message for message in messages)


def test_volumes_are_those_of_the_leader_with_the_followers_frames_in_them():
    red = camera([0, 1, 2, 4, 5, 6, 7, 9], 100, volumes=[[1, 4], [4, 8]])
    green = camera([0, 1, 3, 4, 5, 6, 8, 9], 500)
    both = combine({"red": red, "green": green})
    assert both.timeline.count.tolist() == list(range(10))
    assert both.timeline.volumes.tolist() == [[1, 4], [4, 8]]
    assert both.timeline.volume_counts.tolist() == [[1, 4], [4, 8]]
    assert both.timeline.slot.tolist() == [-1, 0, 1, 2, 0, 1, 2, 3, -1, -1]


def test_a_volume_that_only_one_camera_saw_whole_is_left_out():
    red = camera(range(12), 100, volumes=[[0, 4], [4, 8], [8, 12]])
    green = camera(range(2, 11), 500)
    both = combine({"red": red, "green": green})
    assert both.timeline.volumes.tolist() == [[2, 6]]
    assert both.timeline.volume_counts.tolist() == [[4, 8]]


@pytest.mark.parametrize("on", ["count", "time", "index"])
def test_pixels_are_read_through_in_any_order(on):
    red, green = camera(range(5, 15), 100), camera(range(5, 15), 500, names=("x", "y"))
    both = combine({"red": red, "green": green}, on=on)
    assert [c.name for c in both.channels] == ["red", "green-x", "green-y"]
    assert both.frames[::-3, 0, 0, 0].tolist() == [114, 111, 108, 105]
    assert both.frames[2, :, 0, 0].tolist() == [107, 507, 1507]
    assert both.timeline.stored[:, 2].tolist() == green.timeline.stored[:, 1].tolist()
    assert not both.findings


def test_by_time_the_nearest_frames_belong_together():
    red = camera([0, 1, 2, 4, 5], 100)
    green = camera([1, 2, 3, 4, 5], 500, jitter=0.1)
    both = combine({"red": red, "green": green}, on="time")
    # Green began 0.6 s after red's first frame, more than half an interval: it is left out.
    assert images(both) == {(c, 0): 100 + c for c in (1, 2, 4, 5)} | {
        (c, 1): 500 + c for c in (1, 2, 4, 5)
    }
    messages = {f.message for f in both.findings}
    assert any("1 frames of 'red'" in message for message in messages)
    assert any("1 frames of 'green'" in message for message in messages)


def test_a_tolerance_leaves_distant_frames_apart():
    red = camera(range(5), 100)
    green = camera(range(5), 500, jitter=0.1)
    assert len(images(combine({"a": red, "b": green}, on="time", tolerance=0.11))) == 10
    assert len(images(combine({"a": red, "b": green}, on="time", tolerance=0.05))) == 5


def test_an_image_goes_to_the_frame_it_is_nearest_to():
    red = camera(range(4), 100)
    red = ArrayRecording(red.frames[:], attrs.evolve(red.timeline, time=[0, 1.0, 1.9, 3.0]))
    green = camera([0, 2, 3], 500)
    green = ArrayRecording(green.frames[:], attrs.evolve(green.timeline, time=[0, 1.48, 3.0]))
    both = combine({"red": red, "green": green}, on="time", tolerance=0.5)
    # 1.48 is within the tolerance of 1.0 (0.48) and of 1.9 (0.42).
    assert {k for k in images(both) if k[1] == 1} == {(0, 1), (2, 1), (3, 1)}


@given(
    a=st.lists(st.integers(1, 9), min_size=3, max_size=12),
    b=st.lists(st.integers(1, 9), min_size=3, max_size=12),
    tolerance=st.floats(0.1, 6),
)
def test_by_time_no_image_is_used_twice_and_every_pair_is_close(a, b, tolerance):
    def at(steps, value):
        one = camera(range(len(steps)), value)
        time = np.cumsum(steps).astype(float)
        return ArrayRecording(one.frames[:], attrs.evolve(one.timeline, time=time)), time

    red, red_time = at(a, 100)
    green, green_time = at(b, 500)
    try:
        both = combine({"red": red, "green": green}, on="time", tolerance=tolerance)
    except ContractError:
        assert red_time[-1] < green_time[0] or green_time[-1] < red_time[0]
        return
    found = images(both)
    pairs = [(c, found[c, 1] - 500) for c, channel in found if channel == 1]
    assert len({j for _, j in pairs}) == len(pairs)
    rows = both.timeline.count.tolist()

    def wants(k):
        away = np.abs(red_time[k] - green_time)
        return np.flatnonzero(away == away.min()).tolist()

    for i, j in pairs:
        distance = abs(red_time[i] - green_time[j])
        assert distance <= tolerance
        assert distance == min(abs(red_time[i] - t) for t in green_time)
        # No other frame of the result that can only want this image is nearer to it.
        rivals = [abs(red_time[k] - green_time[j]) for k in rows if wants(k) == [j]]
        assert distance <= min(rivals, default=distance)


def test_duplicates_are_left_out_and_never_hide_a_saved_image():
    red = camera([0, 1, 1, 2, 3], 100, duplicates=[2])
    green = camera([0, 1, 2, 2, 3], 500, duplicates=[3])
    for on in ("count", "time"):
        both = combine({"red": red, "green": green}, on=on)
        assert both.timeline.count.tolist() == [0, 1, 2, 3]
        assert len(images(both)) == 8
        assert not both.findings


def test_by_index_every_frame_stays_and_nothing_is_reported_as_left_out():
    red = camera([0, 1, 1, 2, 3], 100, duplicates=[2])
    both = combine({"red": red, "green": red}, on="index")
    assert both.timeline.count.tolist() == [0, 1, 1, 2, 3]
    assert not both.findings


@pytest.mark.parametrize("on", ["count", "time", "index"])
def test_the_leaders_events_are_on_the_frames_of_the_result(on):
    red = camera(range(12), 100, volumes=[[0, 4], [4, 8], [8, 12]], events=[1, 5, 9])
    green = camera(range(12), 500)
    if on != "index":
        green = green.select(frames=slice(3, 11))
    events = combine({"red": red, "green": green}, on=on).events["light"]
    assert events.count.tolist() == [1, 5, 9]
    if on == "index":
        assert events == red.events["light"]
    else:
        assert events.frame.tolist() == [-1, 2, 6]
        assert events.volume.tolist() == [-1, 0, -1]
        assert events.status.tolist() == [
            EventStatus.OUTSIDE,
            EventStatus.OK,
            EventStatus.PARTIAL_VOLUME,
        ]


def test_raw_counters_of_the_leader_are_kept():
    red = camera([0, 1, 3], 100)
    red = ArrayRecording(red.frames[:], attrs.evolve(red.timeline, raw_count=[0, 1, 4]))
    both = combine({"red": red, "green": camera(range(4), 500)})
    assert both.timeline.raw_count.tolist() == [0, 1, 2, 4]


@pytest.mark.parametrize(
    ("recordings", "options", "error", "message"),
    [
        ({"a": camera(range(3), 0)}, {}, OptionError, "at least two"),
        ({}, {}, OptionError, "at least two"),
        ({"a": camera(range(3), 0), "b": camera(range(3), 0)}, {"on": "z"}, OptionError, "'z'"),
        (
            {"a": camera(range(3), 0), "b": camera(range(4), 0)},
            {"on": "index"},
            OptionError,
            "different lengths",
        ),
        (
            {"a": camera(range(3), 0), "b": camera(range(5, 9), 0)},
            {},
            ContractError,
            "no frames belong together by count",
        ),
        (
            {"a": camera(range(3), 0), "b": camera(range(5, 9), 0)},
            {"on": "time"},
            ContractError,
            "no frames belong together by time",
        ),
        (
            {"a": camera(range(3), 0), "b": camera([], 0)},
            {},
            ContractError,
            "no frames belong together by count",
        ),
    ],
)
def test_what_cannot_be_combined_is_refused(recordings, options, error, message):
    with pytest.raises(error, match=message):
        combine(recordings, **options)


@pytest.mark.parametrize("pixels", [np.zeros((3, 1, 3, 2), np.uint16), np.zeros((3, 1, 2, 3))])
def test_images_of_another_size_or_type_are_refused(pixels):
    red = camera(range(3), 0)
    other = ArrayRecording(pixels, red.timeline)
    with pytest.raises(ContractError, match=r"images of the recordings differ(.|\n)*b: "):
        combine({"a": red, "b": other})


def test_closing_the_combination_leaves_its_members_open():
    red, green = camera(range(3), 100), camera(range(3), 500)
    both = combine({"red": red, "green": green})
    both.close()
    with pytest.raises(RecordingClosedError):
        both.frames[0]
    for one in (red, green):
        assert one.frames[0].shape == one.frames.shape[1:]
