"""A part of a signal against numpy's own indexing."""

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormio.errors import OptionError, SignalError

ALONG_NEURONS = ("data", "sample_time", "valid", "voxels", "saturated", "background")
ALONG_ROWS = (*ALONG_NEURONS, "time", "volume")


def assert_selected(part, whole, rows, columns):
    """Every array that runs along an axis was cut alike; the rest is shared."""
    for name in ALONG_ROWS:
        expected = getattr(whole, name)[rows]
        if name in ALONG_NEURONS:
            expected = expected[:, columns]
        np.testing.assert_array_equal(getattr(part, name), expected)
    assert part.labels == tuple(np.array(whole.labels)[columns])
    assert part.events == whole.events
    provenance = part.provenance
    np.testing.assert_array_equal(provenance.volumes, whole.provenance.volumes[rows])
    np.testing.assert_array_equal(
        provenance.centre_frame, whole.provenance.centre_frame[rows][:, columns]
    )
    assert provenance.positions is whole.provenance.positions


@pytest.mark.parametrize(
    ("neurons", "columns"),
    [
        ("Ä3/左", [3]),
        (2, [2]),
        (-1, [4]),
        (["Ä3/左", 0], [3, 0]),
        (np.array([4, 1]), [4, 1]),
        (np.array([True, False, False, True, False]), [0, 3]),
        (np.array(["Ä1/左", "Ä0/左"]), [1, 0]),
        (slice(1, None, 2), [1, 3]),
        (slice(None, None, -1), [4, 3, 2, 1, 0]),
        ([], []),
        (range(2), [0, 1]),
    ],
)
def test_neurons_by_label_or_column(make_full_signal, neurons, columns):
    whole = make_full_signal()
    part = whole.select(neurons=neurons)
    assert_selected(part, whole, slice(None), columns)
    assert part.history[-1].parameters["neurons"] == list(part.labels)
    assert part.time is whole.time


@pytest.mark.parametrize(
    ("rows", "index"),
    [
        (slice(3, 30), slice(3, 30)),
        (slice(None, None, 7), slice(None, None, 7)),
        (slice(-5, None), slice(35, 40)),
        ([1, 5, -1], [1, 5, 39]),
        (np.arange(40) % 3 == 0, np.arange(0, 40, 3)),
        (range(4, 9), range(4, 9)),
        ({"start": 2, "stop": 6}, slice(2, 6)),
        ([], []),
    ],
)
def test_rows_keep_their_volumes_and_times(make_full_signal, rows, index):
    whole = make_full_signal()
    index = index if isinstance(index, slice) else np.array(list(index), int)
    assert_selected(whole.select(rows=rows), whole, index, slice(None))


def test_a_stretch_of_time_is_half_open(make_signal):
    signal = make_signal(np.arange(20.0)[:, None], interval=0.5)
    part = signal.select(time=(2.0, 4.5))
    np.testing.assert_array_equal(part.time, np.arange(2.0, 4.5, 0.5))
    np.testing.assert_array_equal(part.volume, np.arange(4, 9))
    assert part.history[-1].parameters == {"neurons": None, "rows": None, "time": [2.0, 4.5]}


def test_a_run_of_rows_shares_the_memory(make_full_signal):
    whole = make_full_signal()
    assert np.shares_memory(whole.select(rows=slice(5, 20)).data, whole.data)


@given(st.data())
def test_whatever_is_selected_is_selected_again_by_its_history(make_full_signal, data):
    whole = make_full_signal(12, 4)
    mask = data.draw(st.lists(st.booleans(), min_size=12, max_size=12))
    columns = data.draw(st.permutations(range(4)).map(lambda p: p[:3]))
    part = whole.select(rows=np.array(mask), neurons=columns)
    assert_selected(part, whole, np.array(mask), list(columns))
    assert whole.select(**part.history[-1].parameters) == part


def test_events_are_found_where_they_were(make_signal, make_events):
    events = make_events([2.0, 6.0], volume=[4, 12])
    whole = make_signal(np.arange(30.0)[:, None], events={"light": events})
    part = whole.select(time=(4.0, 9.0))
    found = part.around("light", 1.0, 1.0)
    assert found.event.tolist() == [1]  # the window of event 0 lies outside as a whole
    np.testing.assert_array_equal(found.data, whole.around("light", 1.0, 1.0).data[1:])
    assert part.events["light"] is events


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"neurons": "AVA"}, "no neuron 'AVA'"),
        ({"neurons": "Ä3/右"}, "did you mean 'Ä3/左'"),
        ({"neurons": 5}, "no 5"),
        ({"neurons": -6}, "no -6"),
        ({"neurons": [0, "Ä0/左"]}, "twice"),
        ({"neurons": 1.5}, "not named"),
        ({"neurons": [1.5]}, "no indices"),
        ({"neurons": np.array([True, False])}, "no indices"),
        ({"neurons": slice("a", "b")}, "slice"),
        ({"rows": [3, 1]}, "back in time"),
        ({"rows": [3, 3]}, "twice"),
        ({"rows": slice(None, None, -1)}, "back in time"),
        ({"rows": [40]}, "no 40"),
        ({"rows": {"begin": 1}}, "no slice"),
        ({"rows": 3}, "no indices"),
        ({"time": (1, 1)}, "no stretch"),
        ({"time": (1, np.nan)}, "no stretch"),
        ({"time": 3.0}, "no stretch"),
        ({"time": (1, 2), "rows": [1]}, "both"),
    ],
)
def test_what_cannot_be_selected_is_refused(make_full_signal, arguments, message):
    with pytest.raises(OptionError, match=message):
        make_full_signal().select(**arguments)


def test_no_rows_by_time_where_no_time_is_known(make_signal):
    with pytest.raises(SignalError, match="time"):
        make_signal(np.zeros((3, 1)), time=np.full(3, np.nan)).select(time=(0, 1))


def test_a_signal_without_voxels_and_provenance(make_signal):
    part = make_signal(np.zeros((4, 3))).select(neurons=[2], rows=slice(1, 3))
    assert part.data.shape == (2, 1)
    assert part.voxels is None
    assert attrs.evolve(part, history=()).labels == ("2",)
