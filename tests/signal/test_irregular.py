"""Blocks over axis 0 against plain slices (acceptance A14)."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormio.errors import SignalError
from wormio.signal import IrregularArray

VALUES = np.arange(30.0).reshape(10, 3)


@pytest.fixture
def array():
    values = VALUES.copy()
    values[:, 0] = [0, 0, 1, 1, 2, 2, 3, 3, 0, 1]
    return IrregularArray(values, {"trial": [3, 0, 5, 2], "odour": [4, 6]}, columns=["z", "y", "x"])


def test_a_block_by_name_is_a_view_of_its_rows(array):
    np.testing.assert_array_equal(array(trial=2), array.array[3:8])
    np.testing.assert_array_equal(array(trial=-1), array.array[8:])
    np.testing.assert_array_equal(array(odour=0), array.array[:4])
    assert array(trial=1).shape == (0, 3)
    assert np.shares_memory(array(trial=2), array.array)
    assert not array(trial=2).flags.writeable


def test_several_blocks_are_a_list_in_the_order_asked_for(array):
    blocks = array(trial=[2, 0], odour=1)
    for found, rows in zip(blocks, (slice(3, 8), slice(0, 3), slice(4, 10)), strict=True):
        np.testing.assert_array_equal(found, array.array[rows])
    assert isinstance(array(trial=[1]), list)
    assert len(array(trial=np.array([0, 1]))) == 2
    assert array(trial=[]) == []


def test_the_name_may_be_left_out_if_there_is_one(array):
    single = IrregularArray(VALUES, {"trial": [4, 6]})
    np.testing.assert_array_equal(single(1), VALUES[4:])
    assert [len(block) for block in single([1, 0])] == [6, 4]
    with pytest.raises(SignalError, match="which striding"):
        array(1)


def test_rows_by_the_value_of_a_column(array):
    values = array.array
    np.testing.assert_array_equal(array(z=1), values[values[:, 0] == 1])
    np.testing.assert_array_equal(array(z=[0, 3]), values[np.isin(values[:, 0], [0, 3])])
    np.testing.assert_array_equal(array(trial=2, z=1), values[3:8][values[3:8, 0] == 1])
    np.testing.assert_array_equal(array(z=0, x=values[8, 2]), values[[8]])
    assert [len(block) for block in array(trial=[0, 3], z=0)] == [2, 1]


@pytest.mark.parametrize("index", [4, -5, 10**12])
def test_a_block_that_is_not_there_is_an_index_error(array, index):
    with pytest.raises(IndexError, match="4 blocks"):
        array(trial=index)


@pytest.mark.parametrize(
    "wrong", [{"taste": 1}, {}, {"trial": 1.5}, {"trial": "a"}, {"trial": True}]
)
def test_what_is_no_block(array, wrong):
    with pytest.raises(SignalError):
        array(**wrong)


@pytest.mark.parametrize(
    ("strides", "columns", "message"),
    [
        ({"a": [3, -1, 8]}, (), "partition"),
        ({"a": [3, 8]}, (), "partition"),
        ({"a": [3, 5]}, (), "partition"),
        ({"a": [2.5, 7.5]}, (), "'a'"),
        ({"a": [[10]]}, (), "'a'"),
        ({"z": [10]}, ("z", "y", "x"), "twice"),
        ({"a": [10]}, ("z", "z", "x"), "twice"),
        ({"a": [10]}, ("z", "y"), "columns"),
    ],
)
def test_what_does_not_fit_is_refused(strides, columns, message):
    with pytest.raises(SignalError, match=message):
        IrregularArray(VALUES, strides, columns=columns)


def test_no_axis_to_cut():
    with pytest.raises(SignalError, match="axis"):
        IrregularArray(3.0, {})


def test_a_slice_keeps_the_numbers_of_the_blocks(array):
    part = array[2:6]
    assert part.strides["trial"].tolist() == [1, 0, 3, 0]
    np.testing.assert_array_equal(part(trial=2), array.array[3:6])
    np.testing.assert_array_equal(part(trial=0), array.array[2:3])
    np.testing.assert_array_equal(array[-3:](trial=-1), array.array[8:])
    assert len(array[7:2]) == 0
    np.testing.assert_array_equal(array[4], array.array[4])


@pytest.mark.parametrize("key", [slice(None, None, 2), [1, 2], (slice(None), 0), "trial"])
def test_rows_that_blocks_cannot_follow_are_refused(array, key):
    with pytest.raises(SignalError, match=r"array\.array"):
        array[key]


lengths = st.lists(st.integers(0, 6), max_size=6)


@given(lengths, st.data())
def test_any_slice_of_any_blocks(lengths, data):
    n = sum(lengths)
    array = IrregularArray(np.arange(n), {"b": np.array(lengths, int)})
    first, stop = (data.draw(st.integers(-n - 2, n + 2)) for _ in range(2))
    part = array[first:stop]
    blocks = [part(b=i) for i in range(len(lengths))]
    np.testing.assert_array_equal(np.concatenate([*blocks, []]), np.arange(n)[first:stop])
    for i, block in enumerate(blocks):
        assert set(block) <= set(array(b=i))


def test_starts_and_stops_are_64_bit_whatever_the_lengths_are():
    array = IrregularArray(np.zeros(300, np.int8), {"b": np.array([100, 100, 100], np.int8)})
    assert array.starts("b").tolist() == [0, 100, 200]
    assert array.stops("b").dtype == array.starts("b").dtype == np.int64
    assert array.n_blocks("b") == 3


def test_arrays_of_blocks_round_trip(array):
    arrays = array.to_arrays()
    assert all(values.dtype == np.int64 for values in arrays.values())
    again = IrregularArray.from_arrays(array.array, arrays, columns=array.columns)
    assert again == array
    with pytest.raises(SignalError, match="missing"):
        IrregularArray.from_arrays(VALUES, {"a/starts": [0]})
    with pytest.raises(SignalError, match="follow"):
        IrregularArray.from_arrays(VALUES, {"a/starts": [0, 4], "a/stops": [3, 10]})
    with pytest.raises(SignalError, match="NAME"):
        IrregularArray.from_arrays(VALUES, {"a": [0, 4]})


@pytest.mark.parametrize(
    "values",
    [
        np.array([[1.5, np.nan], [np.inf, -np.inf], [0.1, -0.0]]),
        np.arange(6, dtype=np.uint16).reshape(3, 2),
        np.array([[True, False]] * 3),
        np.array([["a", "ß"]] * 3),
        np.zeros((3, 0), np.float32),
    ],
)
def test_json_round_trips_every_value(values):
    array = IrregularArray(values, {"b": [1, 2], "none": [3]})
    again = IrregularArray.from_json(json.loads(json.dumps(array.to_json(), allow_nan=False)))
    assert again == array
    assert again.array.dtype == values.dtype


def test_equality_is_by_values_and_blocks(array):
    assert IrregularArray([1.0, 2], {"a": [1, 1]}) == IrregularArray([1.0, 2], {"a": [1, 1]})
    assert IrregularArray([1.0, 2], {"a": [1, 1]}) != IrregularArray([1.0, 2], {"a": [2]})
    assert IrregularArray([1.0, 2], {"a": [1, 1]}) != IrregularArray([1.0, 2], {"b": [1, 1]})


def test_the_callers_array_is_not_shared():
    mine = np.zeros(3)
    array = IrregularArray(mine, {"b": [3]})
    mine[:] = 7
    assert not array.array.any()
