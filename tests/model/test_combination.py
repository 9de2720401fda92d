"""Two cameras become one recording, against an oracle made of dictionaries."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormio.errors import (
    MissingImageError,
    MissingPartError,
    OptionError,
    RecordingClosedError,
)
from wormio.model import (
    ArrayRecording,
    BaseRecording,
    Channel,
    Column,
    Events,
    EventStatus,
    Flag,
    MissingFrames,
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
        with pytest.raises(OptionError, match="no frames belong together by count"):
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
    # Counter 3, which red dropped, is the gap that green's third image fills.
    assert images(both) == {(c, 0): 100 + c for c in (1, 2, 4, 5)} | {
        (c, 1): 500 + c for c in (1, 2, 3, 4, 5)
    }
    assert [f.message for f in both.findings] == [
        "1 frames of 'red' have no counterpart and are left out"
    ]


def test_by_time_what_only_a_follower_saw_is_left_out_where_the_leader_counted_no_gap():
    red = camera(range(4), 100)
    red = ArrayRecording(red.frames[:], attrs.evolve(red.timeline, time=[0, 1.0, 3.0, 4.0]))
    green = camera(range(5), 500)
    green = ArrayRecording(green.frames[:], attrs.evolve(green.timeline, time=np.arange(5.0)))
    both = combine({"red": red, "green": green}, on="time", tolerance=0.1)
    assert both.timeline.count.tolist() == [0, 1, 2, 3]
    assert sorted(images(both).values()) == [100, 101, 102, 103, 500, 501, 503, 504]
    assert [f.code for f in both.findings] == ["frames-left-out"]


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
    except OptionError:
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
            OptionError,
            "no frames belong together by count",
        ),
        (
            {"a": camera(range(3), 0), "b": camera(range(5, 9), 0)},
            {"on": "time"},
            OptionError,
            "no frames belong together by time",
        ),
        (
            {"a": camera(range(3), 0), "b": camera([], 0)},
            {},
            OptionError,
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
    with pytest.raises(OptionError, match=r"images of the recordings differ(.|\n)*b: "):
        combine({"a": red, "b": other})


def test_closing_the_combination_leaves_its_members_open():
    red, green = camera(range(3), 100), camera(range(3), 500)
    both = combine({"red": red, "green": green})
    both.close()
    with pytest.raises(RecordingClosedError):
        both.frames[0]
    for one in (red, green):
        assert one.frames[0].shape == one.frames.shape[1:]


# --- against a search of everything -----------------------------------------------------------

SWEEP = 4


def swept(count, value, *, first, stop, jitter=0.0, events=()):
    """Return a camera that ran from `first` to `stop` and saved only `count` of it."""
    bounds = [
        (begin, begin + SWEEP)
        for begin in range(-(-first // SWEEP) * SWEEP, stop - SWEEP + 1, SWEEP)
        if any(begin <= c < begin + SWEEP for c in count)
    ]
    return camera(count, value, volumes=bounds, events=events, jitter=jitter), bounds


@st.composite
def cameras(draw, n):
    """Draw cameras that began and ended at different counters, each with its own drops."""
    drawn = []
    for value in range(n):
        first, stop = draw(st.integers(0, 6)), draw(st.integers(14, 24))
        lost = draw(st.sets(st.integers(0, 24), max_size=6))
        count = [c for c in range(first, stop) if c not in lost]
        jitter = draw(st.floats(-0.1, 0.1))
        drawn.append((*swept(count, 100 * value, first=first, stop=stop, jitter=jitter), count))
    return drawn


def cover(count, bounds):
    begins = [count[0], *(b for b, _ in bounds)]
    stops = [count[-1] + 1, *(s for _, s in bounds)]
    return min(begins), max(stops)


@given(drawn=st.integers(2, 3).flatmap(cameras), on=st.sampled_from(["count", "time"]))
def test_cameras_with_their_own_drops_agree_with_a_search_of_every_counter(drawn, on):
    both = combine({str(i): one for i, (one, _, _) in enumerate(drawn)}, on=on)
    covers = [cover(count, bounds) for _, bounds, count in drawn]
    begin, stop = max(b for b, _ in covers), min(s for _, s in covers)
    shared = [c for c in range(begin, stop) if any(c in count for _, _, count in drawn)]
    timeline = both.timeline
    assert timeline.count.tolist() == shared
    assert images(both) == {
        (c, i): 100 * i + c for c in shared for i, (_, _, count) in enumerate(drawn) if c in count
    }
    lead = drawn[0][0].timeline
    np.testing.assert_allclose(
        timeline.time, np.array(shared) * INTERVAL + (lead.time[0] - lead.count[0] * INTERVAL)
    )
    whole = [(b, s) for b, s in drawn[0][1] if begin <= b and s <= stop]
    whole = [(b, s) for b, s in whole if any(b <= c < s for c in shared)]
    assert timeline.volume_counts.tolist() == [list(bounds) for bounds in whole]
    for (b, s), (first, last) in zip(whole, timeline.volumes, strict=True):
        assert timeline.count[first:last].tolist() == [c for c in shared if b <= c < s]
    cut = [bounds for bounds in drawn[0][1] if bounds not in whole]
    assert ((timeline.flags & Flag.INCOMPLETE) != 0).tolist() == [
        any(b <= c < s for b, s in cut) for c in shared
    ]


def test_a_frame_that_only_a_follower_saved_has_the_followers_z_where_both_know_z():
    red, green = camera([0, 1, 3, 4], 100), camera(range(5), 500)
    z = [0.0, 10, 25, 30, 40]
    exact = ArrayRecording(green.frames[:], attrs.evolve(green.timeline, z=z))
    both = combine({"red": red, "green": exact})
    assert both.timeline.z.tolist() == z
    assert both.timeline.flags.tolist() == [0, 0, Flag.TIME_REPAIRED, 0, 0]
    other = ArrayRecording(green.frames[:], attrs.evolve(green.timeline, z=np.array(z) + 1))
    both = combine({"red": red, "green": other})
    assert both.timeline.z.tolist() == [0, 10, 20, 30, 40]
    assert both.timeline.flags[2] == Flag.TIME_REPAIRED | Flag.Z_INTERPOLATED


def test_where_z_is_not_known_an_inserted_frame_says_so():
    red, green = camera([0, 2], 100), camera(range(3), 500)
    nowhere = {"z": [np.nan] * 2, "origins": dict(red.timeline.origins) | {"z": Origin.UNKNOWN}}
    red = ArrayRecording(red.frames[:], attrs.evolve(red.timeline, **nowhere))
    both = combine({"red": red, "green": green})
    assert np.isnan(both.timeline.z).all()
    assert both.timeline.flags[1] == Flag.TIME_REPAIRED | Flag.Z_UNKNOWN


def test_frames_inserted_beside_an_unfinished_sweep_are_unfinished_too():
    red = camera([0, 1, 3, 4, 5, 6], 100, volumes=[[3, 7]])
    flags = [Flag.INCOMPLETE, Flag.INCOMPLETE, 0, 0, 0, 0]
    red = ArrayRecording(red.frames[:], attrs.evolve(red.timeline, flags=flags))
    both = combine({"red": red, "green": camera(range(7), 500)})
    incomplete = (both.timeline.flags & Flag.INCOMPLETE) != 0
    assert incomplete.tolist() == [True] * 3 + [False] * 4


def test_the_last_copy_of_a_frame_is_the_frame_where_the_first_was_cut_off():
    red = camera([0, 1, 1, 2, 3], 100, duplicates=[2]).select(frames=slice(2, None))
    both = combine({"red": red, "green": camera(range(4), 500)})
    assert both.timeline.count.tolist() == [1, 2, 3]
    assert not (both.timeline.flags & Flag.DUPLICATE).any()
    assert len(images(both)) == 6


def test_channels_keep_all_but_their_names():
    red, green = camera(range(3), 0), camera(range(3), 0)
    what = Channel(name="c", role="signal", emission_nm=510.0, indicator="GCaMP", offset=3.0)
    green = ArrayRecording(green.frames[:], green.timeline, channels=[what])
    both = combine({"red": red, "green": green})
    assert both.channels[1] == attrs.evolve(what, name="green")


def test_extra_columns_say_nothing_where_the_leader_saved_nothing():
    red = camera([0, 2], 100)
    extra = {
        "valve": Column(values=[1, 2], unit="", origin=Origin.MEASURED),
        "xy": Column(values=[[1.0, 2], [3, 4]]),
        "when": Column(values=np.array(["2024-01-01", "2024-01-02"], "M8[s]")),
        "note": Column(values=["a", "b"]),
    }
    red = ArrayRecording(red.frames[:], attrs.evolve(red.timeline, extra=extra))
    found = combine({"red": red, "green": camera(range(3), 500)}).timeline.extra
    np.testing.assert_array_equal(found["valve"].values, [1, np.nan, 2])
    np.testing.assert_array_equal(found["xy"].values, [[1, 2], [np.nan] * 2, [3, 4]])
    assert np.isnat(found["when"].values).tolist() == [False, True, False]
    assert found["note"].values.tolist() == ["a", "", "b"]
    # Where nothing is inserted, nothing changes, the type neither.
    same = combine({"red": red, "green": camera([0, 2], 500)}).timeline.extra
    assert same["valve"] == extra["valve"]


# --- events -----------------------------------------------------------------------------------


@pytest.mark.parametrize("on", ["count", "time", "index"])
def test_events_keep_what_was_known_of_them(on):
    red = camera([0, 1, 2, 4, 5, 6, 7], 100, volumes=[[0, 8]])
    table = attrs.evolve(
        Events.at_times(
            red.timeline,
            [0.61, 1.45, 3.02],
            duration=[0.5, np.nan, 2],
            error_frames=[2, 0, 0],
            properties={"power": Column(values=[1, 2, 3], unit="mW")},
        ),
        count=[1, 3, -1],  # the last one has no counter
    )
    assert table.frame.tolist() == [1, 2, 5]
    both = combine({"red": red.with_events(light=table), "green": red}, on=on)
    assert both.events["light"] == table


def test_an_event_moves_to_its_own_frame_if_another_camera_saved_it():
    red = camera([0, 1, 2, 5, 6], 100, volumes=[[0, 7]])
    table = Events.at_counts(red.timeline, [3, 4, 6], error_frames=[0, 2, 1])
    assert table.error_frames.tolist() == [1, 3, 1]
    green = camera([0, 1, 2, 3, 5, 6], 500)
    found = combine({"red": red.with_events(light=table), "green": green}).events["light"]
    assert found.frame.tolist() == [3, 3, 5]
    assert found.error_frames.tolist() == [0, 3, 1]
    assert found.count.tolist() == [3, 4, 6]
    assert found.time.tolist() == table.time.tolist()


def test_an_event_whose_status_the_format_knows_better_keeps_it():
    red = camera(range(8), 100, volumes=[[0, 8]])
    table = Events.at_counts(red.timeline, [2, 5])
    table = attrs.evolve(table, status=[EventStatus.SHARED_TRIGGER, EventStatus.SNAPPED])
    found = combine({"red": red.with_events(light=table), "green": red}).events["light"]
    assert found.status.tolist() == table.status.tolist()


def test_events_of_a_follower_are_not_lost_without_a_word():
    red, green = camera(range(4), 100), camera(range(4), 500, events=[1])
    (finding,) = combine({"red": red, "green": green}).findings
    assert finding.code == "events-left-out"
    assert "light of 'green'" in finding.message
    same = red.with_events(light=green.events["light"])
    assert not combine({"red": same, "green": green}).findings


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("tolerance", [-0.1, np.nan, np.inf, "1", True])
def test_a_tolerance_that_is_no_time_is_refused(tolerance):
    red = camera(range(3), 0)
    with pytest.raises(OptionError, match="tolerance is no time"):
        combine({"a": red, "b": red}, on="time", tolerance=tolerance)


@pytest.mark.parametrize("on", ["count", "index"])
def test_a_tolerance_that_would_do_nothing_is_refused(on):
    red = camera(range(3), 0)
    with pytest.raises(OptionError, match="tolerance means nothing"):
        combine({"a": red, "b": red}, on=on, tolerance=0.1)


def test_frames_without_a_counter_or_a_time_are_not_matched_by_it():
    blind = ArrayRecording.from_volumes(np.zeros((2, 3, 1, 2, 3), np.uint16))
    seeing = camera(range(6), 0)
    with pytest.raises(OptionError, match=r"'b' have no counter(.|\n)*on='time'"):
        combine({"a": seeing, "b": blind})
    with pytest.raises(OptionError, match=r"times of 'b' are unknown"):
        combine({"a": seeing, "b": blind}, on="time")
    assert len(images(combine({"a": seeing, "b": blind}, on="index"))) == 12


def test_without_the_frame_files_everything_but_pixels_is_combined():
    red, green = camera([0, 1, 3], 100), camera(range(4), 500)
    absent = BaseRecording(
        source=green.source,
        frames=MissingFrames("not there", "x.dat", "copy it"),
        timeline=green.timeline,
        channels=green.channels,
    )
    both = combine({"red": red, "green": absent})
    assert both.timeline.count.tolist() == [0, 1, 2, 3]
    with pytest.raises(MissingPartError):
        both.frames[0]
