"""Neurons that were lost too often are taken from the matchless signal (acceptance A16)."""

import attrs
import numpy as np
import pytest

import wormio
from wormio.errors import MissingPartError, OptionError, SignalError
from wormio.signal import count_added_neurons, read_matchless_threshold

NAN = np.nan


@pytest.fixture
def pair(make_signal):
    """Neurons 0 to 3 miss 0, 3, 5 and 10 of ten samples; 2 misses every other one."""
    rng = np.random.default_rng(0)
    data = rng.normal(100, 5, (10, 4))
    data[2:5, 1] = data[::2, 2] = data[:, 3] = NAN
    other = rng.normal(90, 5, (10, 4))
    other[7, 2] = NAN
    return make_signal(data), make_signal(other)


def source(signal):
    return list(signal.history[-1].found["source"].values())


@pytest.mark.parametrize(
    ("arguments", "replaced"),
    [
        ({"threshold": 0.3}, [1, 2, 3]),  # 3 of 10 is at least 0.3
        ({"threshold": 0.31}, [2, 3]),
        ({"threshold": 0.5}, [2, 3]),
        ({"threshold": 1.0}, [3]),
        ({"threshold": 0.0}, [0, 1, 2, 3]),
        ({"threshold": 0.3, "criterion": "longest_run"}, [1, 3]),
        ({"threshold": 0.1, "criterion": "longest_run"}, [1, 2, 3]),
        ({"threshold": 0.3, "added": 2}, [2, 3]),
        ({"threshold": 0.3, "added": 1}, [3]),
        ({"threshold": 0.0, "added": 0}, []),
    ],
)
def test_which_neurons_are_replaced(pair, arguments, replaced):
    signal, matchless = pair
    found = signal.substitute(matchless, **arguments)
    for column in range(4):
        taken = matchless if column in replaced else signal
        np.testing.assert_array_equal(found.data[:, column], taken.data[:, column])
        np.testing.assert_array_equal(found.valid[:, column], taken.valid[:, column])
    assert source(found) == ["matchless" if c in replaced else "matched" for c in range(4)]


def test_they_go_through_the_same_steps_bit_for_bit(pair):
    signal, matchless = pair
    found = signal.substitute(matchless, 0.5).interpolate() / 3
    alone = matchless.interpolate() / 3
    untouched = signal.interpolate() / 3
    np.testing.assert_array_equal(found.data[:, 2:], alone.data[:, 2:])
    np.testing.assert_array_equal(found.data[:, :2], untouched.data[:, :2])
    np.testing.assert_array_equal(found.valid[:, 2:], alone.valid[:, 2:])


def test_only_raw_signals(pair):
    signal, matchless = pair
    with pytest.raises(SignalError, match="after interpolate"):
        signal.interpolate().substitute(matchless, 0.5)
    with pytest.raises(SignalError, match="after interpolate"):
        signal.substitute(matchless.interpolate(), 0.5)
    part = signal.select(neurons=[2, 3]).substitute(matchless.select(neurons=[2, 3]), 0.5)
    assert source(part) == ["matchless", "matchless"]


def test_another_shape_is_refused(pair):
    signal, matchless = pair
    with pytest.raises(SignalError, match="do not belong together"):
        signal.substitute(matchless.select(neurons=[0, 1, 2]), 0.5)
    with pytest.raises(SignalError, match="do not belong together"):
        signal.substitute(matchless.select(rows=slice(9)), 0.5)


@pytest.mark.parametrize(
    "arguments",
    [
        {"threshold": 1.1},
        {"threshold": -0.1},
        {"threshold": NAN},
        {"threshold": 0.5, "criterion": "sum"},
        {"threshold": 0.5, "added": 5},
        {"threshold": 0.5, "added": -1},
    ],
)
def test_impossible_arguments(pair, arguments):
    with pytest.raises(OptionError, match=list(arguments)[-1]):
        pair[0].substitute(pair[1], **arguments)


def test_voxels_and_centre_frames_go_along(make_full_signal):
    signal = attrs.evolve(make_full_signal(seed=1), history=())
    other = attrs.evolve(make_full_signal(seed=2), history=(), time=signal.time)
    found = signal.substitute(other, 0.0)
    for name in ("voxels", "saturated", "background"):
        np.testing.assert_array_equal(getattr(found, name), getattr(other, name))
    np.testing.assert_array_equal(found.sample_time, other.sample_time)
    np.testing.assert_array_equal(found.provenance.centre_frame, other.provenance.centre_frame)
    unknown = signal.substitute(attrs.evolve(other, provenance=None), 0.0)
    assert (unknown.provenance.centre_frame == -1).all()
    for name in ("voxels", "saturated", "background"):
        with pytest.raises(SignalError, match=name):
            signal.substitute(attrs.evolve(other, **{name: None}), 0.0)


def test_the_source_of_each_neuron_is_kept_in_the_file(pair, tmp_path):
    found = pair[0].substitute(pair[1], 0.5)
    found.save(tmp_path / "a.h5")
    assert wormio.load(tmp_path / "a.h5")["green"] == found


@pytest.mark.parametrize(
    ("text", "threshold"), [("0.3\n", 0.3), ("\ufeff0.5\r\nmore", 0.5), ("1", 1.0), ("0", 0.0)]
)
def test_the_threshold_of_a_folder(tmp_path, text, threshold):
    assert read_matchless_threshold(tmp_path) is None
    (tmp_path / "matchless_nan_th.txt").write_text(text, encoding="utf-8")
    assert read_matchless_threshold(tmp_path) == threshold


@pytest.mark.parametrize("text", ["", "\n0.3", "many", "30", "nan"])
def test_a_file_without_a_threshold_is_named(tmp_path, text):
    (tmp_path / "matchless_nan_th.txt").write_text(text)
    with pytest.raises(SignalError, match="matchless_nan_th"):
        read_matchless_threshold(tmp_path)


@pytest.mark.parametrize("n_rows", [0, 1, 2, 5])
def test_rows_of_added_neurons_are_counted_also_a_single_one(tmp_path, n_rows):
    np.savetxt(tmp_path / "added_ref_neurons.txt", np.ones((n_rows, 3)), header="z y x")
    assert count_added_neurons(tmp_path) == n_rows


def test_added_neurons_that_are_not_there_or_no_table(tmp_path):
    with pytest.raises(MissingPartError):
        count_added_neurons(tmp_path)
    for text in ("1 2 3\n4 5", "a b c"):
        (tmp_path / "added_ref_neurons.txt").write_text(text)
        with pytest.raises(SignalError, match="added_ref_neurons"):
            count_added_neurons(tmp_path)


def test_the_files_of_a_real_folder(real_data):
    folder = real_data / "legacy_signals"
    assert read_matchless_threshold(folder) == float(
        (folder / "matchless_nan_th.txt").read_text().split()[0]
    )
    table = np.loadtxt(folder / "added_ref_neurons.txt", ndmin=2)
    assert count_added_neurons(folder) == len(table)


def test_real_traces(real_data, make_signal):
    folder = real_data / "legacy_signals"
    green, matchless = (
        make_signal(np.loadtxt(folder / name, ndmin=2))
        for name in ("green.txt", "green_matchless.txt")
    )
    threshold = read_matchless_threshold(folder)
    found = green.substitute(matchless, threshold)
    bad = np.isnan(green.data).sum(axis=0) >= threshold * len(green.data)
    np.testing.assert_array_equal(found.data, np.where(bad, matchless.data, green.data))
