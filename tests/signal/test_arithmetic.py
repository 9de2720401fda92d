"""Differences and ratios against numpy."""

import attrs
import numpy as np
import pytest

from wormio.errors import OptionError, SignalError
from wormio.model import Channel

NAN = np.nan


@pytest.fixture
def pair(make_full_signal):
    green = make_full_signal()
    rng = np.random.default_rng(1)
    red = attrs.evolve(
        green,
        data=rng.uniform(1, 2, green.data.shape),
        valid=rng.random(green.data.shape) > 0.2,
        channel=Channel(name="red", role="reference"),
    )
    return green, red.with_step("invented too", {})


def test_a_ratio_is_numpys_and_joins_what_was_measured(pair):
    green, red = pair
    ratio = green / red
    np.testing.assert_array_equal(ratio.data, green.data / red.data)
    np.testing.assert_array_equal(ratio.valid, green.valid & red.valid)
    assert (ratio.quantity, ratio.unit, ratio.channel) == ("ratio", "", green.channel)
    assert ratio.time is green.time


def test_the_history_of_both_is_kept(pair):
    green, red = pair
    step = (green - red).history[-1]
    assert step.name == "subtract"
    about = step.parameters["other"]["signal"]
    assert about["channel"] == "red"
    assert about["digest"] == red.digest
    assert [one["name"] for one in about["history"]] == ["invented", "invented too"]


def test_a_difference_is_numpys(pair):
    green, red = pair
    np.testing.assert_array_equal((green - red).data, green.data - red.data)
    assert (green - red).unit == green.unit
    assert green - red == green.subtract(red)
    assert green / red == green.divide(red)


def test_what_is_not_positive_divides_nothing(make_signal):
    above = make_signal([[1.0], [2.0], [3.0], [4.0], [5.0]])
    below = attrs.evolve(above, data=[[0.0], [-1.0], [NAN], [np.inf], [2.0]], valid=above.valid)
    ratio = above / below
    np.testing.assert_array_equal(ratio.data[:, 0], [NAN, NAN, NAN, NAN, 2.5])
    assert ratio.valid[:, 0].tolist() == [False] * 4 + [True]
    assert ratio.history[-1].found == {"undefined": 3}


def test_units_of_a_ratio(make_signal):
    counts = make_signal([[6.0]])
    seconds = attrs.evolve(counts, data=[[3.0]], unit="s")
    assert (counts / counts).unit == ""
    assert (counts / seconds).unit == "counts/s"


def test_numbers(make_full_signal):
    signal = make_full_signal()
    np.testing.assert_array_equal((signal - 100).data, signal.data - 100)
    halved = signal / 2
    np.testing.assert_array_equal(halved.data, signal.data / 2)
    assert halved.quantity == signal.quantity
    assert halved.valid is signal.valid
    assert halved.history[-1].parameters == {"other": 2.0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recording": "another"}, "recording"),
        ({"labels": list("abcde")}, "labels"),
        ({"volume": np.arange(40)}, "volumes"),
        ({"time": np.arange(40) * 0.25 + 100}, "times"),
    ],
)
def test_signals_that_do_not_belong_together_are_refused(pair, changes, message):
    green, red = pair
    with pytest.raises(SignalError, match=message):
        green / attrs.evolve(red, **changes)
    with pytest.raises(SignalError, match="do not belong together"):
        green - red.select(rows=slice(1, None))


def test_two_cameras_may_be_a_little_apart_in_time(pair):
    green, red = pair
    late = attrs.evolve(red, time=red.time + 0.05)
    assert (green / late).time is green.time


def test_no_difference_of_different_units(pair):
    green, red = pair
    with pytest.raises(SignalError, match="units"):
        green - attrs.evolve(red, unit="V")


@pytest.mark.parametrize("other", [0, NAN, np.inf, "red", True, None])
def test_what_is_no_number_and_no_signal(pair, other):
    with pytest.raises(OptionError):
        pair[0] / other
