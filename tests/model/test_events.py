"""Events find their frames, volumes and times, and say how well."""

import json

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wormio.errors import ContractError
from wormio.model import Column, Events, EventStatus, Flag, Origin, Timeline, stored_in_order

OK, SNAPPED, SHARED, PARTIAL, OUTSIDE = (
    EventStatus.OK,
    EventStatus.SNAPPED,
    EventStatus.SHARED_TRIGGER,
    EventStatus.PARTIAL_VOLUME,
    EventStatus.OUTSIDE,
)


def timeline(count, volumes=(), **columns):
    count = np.asarray(count)
    given = {
        "time": count * 0.5,
        "count": count,
        "volumes": volumes,
        "stored": stored_in_order(len(count), 1),
        "origins": dict.fromkeys(("time", "count", "volume"), Origin.MEASURED),
    }
    return Timeline(**(given | columns))


# Counters 12, 15 and 16 were dropped. Volume 0 is counters 11 to 14, volume 1 is 17 to 19.
GAPPY = timeline([10, 11, 13, 14, 17, 18, 19, 20], [[1, 4], [4, 7]])


def test_an_event_on_a_saved_frame_is_there_exactly():
    events = Events.at_counts(GAPPY, [18, 11])
    assert events.frame.tolist() == [5, 1]
    assert events.volume.tolist() == [1, 0]
    assert events.time.tolist() == [9.0, 5.5]
    assert events.error_frames.tolist() == [0, 0]
    assert events.status.tolist() == [OK, OK]
    assert events.count.tolist() == [18, 11]
    assert np.isnan(events.duration).all()


def test_an_event_on_a_dropped_frame_moves_to_the_nearest_saved_one_and_says_how_far():
    events = Events.at_counts(GAPPY, [15, 16])
    assert events.frame.tolist() == [3, 4]
    assert events.error_frames.tolist() == [1, 1]
    assert events.status.tolist() == [SNAPPED, SNAPPED]
    assert events.count.tolist() == [15, 16]
    # It happened when it happened, not when the frame was taken.
    assert events.time.tolist() == [7.5, 8.0]


def test_a_tie_goes_to_the_earlier_frame():
    events = Events.at_counts(GAPPY, [12])
    assert (events.frame.tolist(), events.error_frames.tolist()) == ([1], [1])


def test_steps_that_an_adapter_moved_it_before_are_added():
    events = Events.at_counts(GAPPY, [15, 18, 20, 99], error_frames=[2, 3, 0, 5])
    assert events.error_frames.tolist() == [3, 3, 0, 5]
    assert events.status.tolist() == [SNAPPED, SNAPPED, PARTIAL, OUTSIDE]


def test_an_event_outside_the_saved_frames_is_kept_without_frame_volume_and_time():
    events = Events.at_counts(GAPPY, [9, 21, -1, 10**12])
    assert events.frame.tolist() == events.volume.tolist() == [-1] * 4
    assert np.isnan(events.time).all()
    assert events.status.tolist() == [OUTSIDE] * 4
    assert events.count.tolist() == [9, 21, -1, 10**12]


def test_an_event_in_a_partial_volume_says_so():
    events = Events.at_counts(GAPPY, [10, 20])
    assert events.frame.tolist() == [0, 7]
    assert events.volume.tolist() == [-1, -1]
    assert events.status.tolist() == [PARTIAL, PARTIAL]


def test_events_that_share_a_frame_all_say_so():
    events = Events.at_counts(GAPPY, [18, 14, 18, 15, 99, 98])
    assert events.status.tolist() == [SHARED, SHARED, SHARED, SHARED, OUTSIDE, OUTSIDE]


def test_an_event_on_a_frame_saved_twice_is_on_the_first_copy_and_at_its_time():
    twice = timeline(
        [10, 11, 11, 12],
        [[0, 4]],
        time=[5, 5.5, 5.75, 6],
        flags=[0, 0, Flag.DUPLICATE, 0],
    )
    events = Events.at_counts(twice, [11])
    assert (events.frame.tolist(), events.time.tolist()) == ([1], [5.5])


def test_no_events_and_no_frames_give_tables_with_all_columns():
    nothing = timeline([])
    for table in (Events.at_counts(GAPPY, []), Events.at_counts(nothing, [])):
        assert len(table) == 0
        assert table.strides(5).tolist() == [5]
    events = Events.at_counts(nothing, [3, 4])
    assert events.status.tolist() == [OUTSIDE, OUTSIDE]


def test_counters_must_be_whole_numbers():
    for wrong in ([10.6], [np.nan], ["a"]):
        with pytest.raises(ContractError):
            Events.at_counts(GAPPY, wrong)


@given(
    steps=st.lists(st.integers(1, 5), min_size=1, max_size=15),
    wanted=st.lists(st.integers(90, 190), max_size=10),
)
def test_placing_by_counter_agrees_with_a_search_of_every_frame(steps, wanted):
    count = (100 + np.cumsum(steps)).tolist()
    events = Events.at_counts(timeline(count, [[0, (len(count) + 1) // 2]]), wanted)
    for i, counter in enumerate(wanted):
        if not count[0] <= counter <= count[-1]:
            assert events.frame[i] == -1
            continue
        distance = [abs(counter - c) for c in count]
        assert distance[events.frame[i]] == min(distance) == events.error_frames[i]
        assert events.time[i] == pytest.approx(counter * 0.5)
        assert events.volume[i] == (0 if events.frame[i] < (len(count) + 1) // 2 else -1)


# --- by time -------------------------------------------------------------------------------------


def test_an_event_by_time_keeps_its_time_and_takes_the_nearest_trigger():
    events = Events.at_times(GAPPY, [5.5, 5.7, 7.6, 9.24])
    assert events.frame.tolist() == [1, 1, 3, 5]
    assert events.count.tolist() == [11, 11, 15, 18]
    assert events.error_frames.tolist() == [0, 0, 1, 0]
    assert events.time.tolist() == [5.5, 5.7, 7.6, 9.24]
    assert events.status.tolist() == [SHARED, SHARED, SNAPPED, OK]


def test_half_a_frame_beyond_the_ends_still_belongs_to_the_recording():
    events = Events.at_times(GAPPY, [4.74, 4.76, 10.24, 10.26])
    assert events.frame.tolist() == [-1, 0, 7, -1]
    assert events.status.tolist() == [OUTSIDE, PARTIAL, PARTIAL, OUTSIDE]
    assert np.isnan(events.time[[0, 3]]).all()


def test_a_time_that_is_not_known_is_outside():
    events = Events.at_times(GAPPY, [np.nan, 9.0])
    assert events.frame.tolist() == [-1, 5]
    assert events.status.tolist() == [OUTSIDE, OK]


def test_events_cannot_be_placed_by_time_where_time_is_unknown():
    blind = timeline([10, 11, 12], time=[np.nan] * 3)
    with pytest.raises(ContractError, match="time is unknown"):
        Events.at_times(blind, [5.0])
    assert Events.at_counts(blind, [11]).frame.tolist() == [1]


# --- strides, shifts -----------------------------------------------------------------------------


@given(
    volume=st.lists(st.integers(-1, 30), max_size=12),
    n_volumes=st.integers(0, 25),
)
def test_strides_partition_the_volumes_at_the_events(volume, n_volumes):
    n = len(volume)
    events = attrs.evolve(Events.at_counts(GAPPY, [18] * n), volume=volume)
    strides = events.strides(n_volumes)
    assert strides.min() >= 0
    assert strides.sum() == n_volumes
    starts = sorted(v for v in volume if 0 <= v < n_volumes)
    assert np.cumsum(strides)[:-1].tolist() == starts


def test_shifted_events_are_placed_anew():
    events = Events.at_counts(
        GAPPY, [10, 14, 20], duration=[1, 2, 3], properties={"p": Column(values=[7, 8, 9])}
    )
    later = events.shifted(GAPPY, 1)
    assert later.count.tolist() == [11, 15, 21]
    assert later.frame.tolist() == [1, 3, -1]
    assert later.status.tolist() == [OK, SNAPPED, OUTSIDE]
    assert later.duration.tolist() == [1, 2, 3]
    assert later.properties == events.properties
    assert later.shifted(GAPPY, -1) == events


def test_shifted_events_keep_what_was_known_of_them():
    events = Events.at_times(GAPPY, [5.6, 7.1, 8.9], duration=[1, 2, 3], error_frames=[2, 0, 0])
    assert events.count.tolist() == [11, 14, 18]
    later = events.shifted(GAPPY, 1)
    assert later.count.tolist() == [12, 15, 19]
    # 12 and 15 were dropped; the two steps that the first was moved by before are still there.
    assert later.frame.tolist() == [1, 3, 6]
    assert later.error_frames.tolist() == [3, 1, 0]
    np.testing.assert_allclose(later.time, [6.1, 7.6, 9.4])
    assert later.duration.tolist() == [1, 2, 3]
    back = later.shifted(GAPPY, -1)
    assert attrs.evolve(back, time=events.time) == events
    np.testing.assert_allclose(back.time, events.time)


def test_shifted_events_without_a_counter_move_with_their_frames():
    events = attrs.evolve(Events.at_times(GAPPY, [5.6, 99.0]), count=[-1, -1])
    later = events.shifted(GAPPY, 2)
    assert later.count.tolist() == [-1, -1]
    assert later.frame.tolist() == [2, -1]
    assert later.time[0] == pytest.approx(6.6)
    assert later.status.tolist() == [OK, OUTSIDE]


def test_a_trigger_that_the_format_knows_to_be_shared_stays_shared():
    events = attrs.evolve(Events.at_counts(GAPPY, [11, 18]), status=[SHARED, OK])
    assert events.shifted(GAPPY, 1).status.tolist() == [SHARED, OK]
    # Two that shared a frame only because it was the nearest saved one come apart.
    near = Events.at_counts(GAPPY, [14, 15])
    assert near.status.tolist() == [SHARED, SHARED]
    assert near.shifted(GAPPY, -1).status.tolist() == [OK, OK]


def test_events_of_an_empty_timeline_can_be_shifted():
    nothing = timeline([])
    events = Events.at_counts(nothing, [3, 4])
    assert events.shifted(nothing, 1).count.tolist() == [4, 5]
    assert len(Events.at_counts(GAPPY, []).shifted(GAPPY, 1)) == 0


@given(
    wanted=st.lists(st.integers(5, 25), max_size=6),
    cut=st.tuples(st.integers(0, 4), st.integers(5, 8)),
)
def test_events_move_onto_other_frames_as_if_placed_there(wanted, cut):
    before = Events.at_counts(GAPPY, wanted)
    rows = slice(*cut)
    after = timeline(GAPPY.count[rows], [])
    found = before.onto(GAPPY, after)
    fresh = Events.at_counts(after, wanted)
    assert found.frame.tolist() == fresh.frame.tolist()
    assert found.error_frames.tolist() == fresh.error_frames.tolist()
    assert found.status.tolist() == fresh.status.tolist()
    # And back again, if they still have a frame.
    again = found.onto(after, GAPPY)
    stayed = found.frame >= 0
    assert again.frame[stayed].tolist() == before.frame[stayed].tolist()


def test_columns_of_different_length_are_refused():
    events = Events.at_counts(GAPPY, [11, 12])
    with pytest.raises(ContractError, match="duration has the wrong length"):
        attrs.evolve(events, duration=[1.0])
    with pytest.raises(ContractError, match=r"properties\['power'\]"):
        attrs.evolve(events, properties={"power": Column(values=[1, 2, 3])})


# --- JSON ----------------------------------------------------------------------------------------


@given(
    n=st.integers(0, 4),
    dtype=st.sampled_from(["<f8", "<f4", ">f4", "i8", "u2", "i1", "?", "<U6"]),
    tail=st.sampled_from([(), (3,), (0,), (2, 2)]),
    data=st.data(),
)
def test_events_survive_json(n, dtype, tail, data):
    values = data.draw(
        hnp.arrays(
            dtype,
            (n, *tail),
            elements={"allow_infinity": False} if "f" in dtype else None,
        )
    )
    events = Events.at_counts(
        GAPPY,
        data.draw(st.lists(st.integers(5, 25), min_size=n, max_size=n)),
        duration=[np.nan, 0.25, 0, 1][:n],
        properties={"target": Column(values=values, unit="px", origin=Origin.USER)},
    )
    text = json.dumps(events.to_json(), allow_nan=False)
    assert Events.from_json(json.loads(text)) == events
