"""The Signal itself: shapes, equality, history, and what importing it costs."""

import pickle
import subprocess
import sys

import attrs
import numpy as np
import pytest

from wormio.errors import SignalError
from wormio.model import Channel
from wormio.signal import Signal, Step


def test_what_is_not_given_follows_from_the_data(make_signal):
    signal = make_signal([[1, np.nan], [3, 4], [5, np.inf]])
    assert signal.labels == ("0", "1")
    assert signal.volume.tolist() == [0, 1, 2]
    assert signal.sample_time.tolist() == [[0, 0], [0.5, 0.5], [1, 1]]
    assert signal.valid.tolist() == [[True, False], [True, True], [True, False]]
    assert signal.voxels is None
    assert (signal.n_volumes, signal.n_neurons, signal.volume_interval) == (3, 2, 0.5)


def test_dtypes_are_fixed_and_arrays_are_read_only(make_full_signal):
    signal = make_full_signal()
    dtypes = {"data": "f8", "time": "f8", "volume": "i8", "sample_time": "f8"}
    dtypes |= {"valid": "?", "voxels": "i4"}
    for name, dtype in dtypes.items():
        array = getattr(signal, name)
        assert array.dtype == np.dtype(dtype)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"data": np.zeros(4)}, "data"),
        ({"data": np.zeros((4, 2), complex)}, "data"),
        ({"time": np.zeros(3)}, "time"),
        ({"volume": np.zeros(4)}, "volume"),
        ({"volume": np.zeros(5, int)}, "volume"),
        ({"sample_time": np.zeros((4, 3))}, "sample_time"),
        ({"valid": np.ones((2, 4), bool)}, "valid"),
        ({"voxels": np.ones((4, 1), int)}, "voxels"),
        ({"labels": ["a"]}, "labels"),
        ({"labels": ["a", "a"]}, "labels"),
        ({"labels": ["a", "b\0"]}, "label"),
        ({"labels": ["a", "\ud800"]}, "label"),
        ({"history": [Step("x", {})], "labels": []}, "labels"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make_signal, changes, named):
    data = changes.pop("data", np.zeros((4, 2)))
    with pytest.raises(SignalError, match=named):
        make_signal(np.zeros((4, 2))).__class__(
            data=data, **({"time": np.zeros(4), "channel": Channel(name="g")} | changes)
        )


def test_a_provenance_of_another_signal_is_refused(make_signal, make_full_signal):
    provenance = make_full_signal(n_volumes=7).provenance
    with pytest.raises(SignalError, match="provenance"):
        make_signal(np.zeros((8, 5)), provenance=provenance)
    with pytest.raises(SignalError, match="volumes"):
        attrs.evolve(provenance, volumes=[[0, 1]])


def test_equality_is_by_value_and_nan_equals_nan(make_full_signal):
    one, other = make_full_signal(), make_full_signal()
    assert one == other
    assert np.isnan(one.data).any()
    assert one != attrs.evolve(other, valid=~other.valid)
    assert one != attrs.evolve(other, unit="counts")
    assert one != attrs.evolve(other, events={})
    assert one != other.with_step("again", {})


def test_a_step_is_remembered_and_shares_what_it_leaves(make_full_signal):
    import wormio

    before = make_full_signal()
    after = before.with_step("double", {"by": np.float64(2)}, data=before.data * 2)
    assert after.history == (*before.history, Step("double", {"by": 2.0}, wormio.__version__))
    assert len(before.history) == 1
    np.testing.assert_array_equal(after.data, before.data * 2)
    for name in ("time", "volume", "sample_time", "valid", "voxels", "provenance"):
        assert getattr(after, name) is getattr(before, name)


@pytest.mark.parametrize("parameters", [{"a": {1}}, {"a": float("nan")}, {"a": object()}])
def test_parameters_that_are_no_json_are_refused(make_signal, parameters):
    with pytest.raises(SignalError, match="parameters"):
        make_signal([[1.0]]).with_step("x", parameters)


def test_the_interval_is_the_median_of_the_known_ones(make_signal):
    signal = make_signal(np.zeros((5, 1)), time=[0, 1, np.nan, 10, 12])
    assert signal.volume_interval == 1.5
    assert np.isnan(make_signal([[1.0]]).volume_interval)
    assert np.isnan(make_signal(np.zeros((3, 1)), time=np.full(3, np.nan)).volume_interval)


def test_repr_says_what_it_is_in_a_line(make_full_signal):
    assert repr(make_full_signal().interpolate()) == (
        "<Signal: 40 volumes x 5 neurons, channel 'green', ratio, steps: invented, interpolate>"
    )


def test_signals_pickle(make_full_signal):
    signal = make_full_signal()
    assert pickle.loads(pickle.dumps(signal)) == signal


def test_importing_signals_loads_neither_h5py_nor_scipy():
    code = "import sys, wormio.signal; print([m for m in ('h5py', 'scipy') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_signals_are_not_hashable_but_steps_compare():
    assert Step("a", {"x": (1, 2)}) == Step("a", {"x": [1, 2]})
    with pytest.raises(TypeError):
        hash(Signal(data=[[1.0]], time=[0.0], channel=Channel(name="g")))
