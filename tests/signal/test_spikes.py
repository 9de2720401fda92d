"""Infinities, spikes and medians against known truth and scipy (acceptance A6, A7)."""

import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from wormio.errors import AlreadyAppliedError, OptionError, SignalError
from wormio.signal import load, save

NAN, INF = np.nan, np.inf
NOISE = 3.0


def bleaching_traces(n_neurons, seed, *, n_spikes=50):
    """Return what was measured, what the neurons did, the spikes, and where they are active.

    2000 samples that bleach with a time constant of 500; 12 transients each, which rise in 2 and
    fall in 15 samples, of 10 to 30 standard deviations of the noise; spikes of 8 up or down.
    """
    rng = np.random.default_rng(seed)
    t = np.arange(2000)
    activity = np.zeros((2000, n_neurons))
    spikes = np.zeros(activity.shape, bool)
    for neuron in range(n_neurons):
        for start in rng.choice(np.arange(20, 1950), 12, replace=False):
            since = np.arange(2000 - start)
            shape = (1 - np.exp(-(since + 1) / 2)) * np.exp(-since / 15)
            activity[start:, neuron] += rng.uniform(30, 90) * shape / shape.max()
        if n_spikes:
            inner = rng.choice(np.arange(1, 1999), n_spikes - 2, replace=False)
            spikes[[0, -1], neuron] = True
            spikes[inner, neuron] = True
    clean = 30 + 70 * np.exp(-t / 500)[:, None] + activity
    data = clean + rng.normal(0, NOISE, clean.shape)
    data += spikes * 8 * NOISE * rng.choice([-1, 1], clean.shape)
    return data, clean, spikes, activity > NOISE


def test_spikes_are_found_and_little_else(make_signal):
    data, _, spikes, _ = bleaching_traces(20, seed=1)
    cleaned = make_signal(data).remove_spikes()
    found = np.isnan(cleaned.data)
    assert (found & spikes).sum() / spikes.sum() >= 0.95
    assert (found & ~spikes).sum() / (~spikes).sum() <= 0.002
    assert found[[0, -1]].mean() >= 0.9
    np.testing.assert_array_equal(cleaned.data[~found], data[~found])
    np.testing.assert_array_equal(cleaned.removed(), found)
    counts = cleaned.history[-1].found["counts"]
    assert [counts.get(label, 0) for label in cleaned.labels] == found.sum(axis=0).tolist()


def test_activity_is_left_as_it_is(make_signal):
    data, clean, _, active = bleaching_traces(20, seed=2, n_spikes=0)
    cleaned = make_signal(data).remove_spikes(replace="median").data
    changed = np.abs(cleaned - data)[active].sum()
    assert changed / (clean - clean.min(axis=0))[active].sum() < 0.001
    assert (cleaned != data)[active].mean() < 0.002


@pytest.mark.parametrize("length", [4, 5, 8, 30])
@pytest.mark.parametrize("height", [5, 30, 1000])
def test_plateaus_of_four_samples_and_more_are_no_spikes(make_signal, length, height):
    rng = np.random.default_rng(length)
    data = rng.normal(0, 1, (3000, 10))
    active = np.zeros(3000, bool)
    for start in range(50, 2900, 60):
        active[start : start + length] = True
    data[active] += height
    found = make_signal(data).remove_spikes().removed()
    assert found[active].mean() < 0.01


def test_missing_samples_do_not_hide_spikes(make_signal):
    data, _, spikes, _ = bleaching_traces(20, seed=3)
    missing = np.random.default_rng(0).random(data.shape) < 0.2
    signal = make_signal(np.where(missing, NAN, data))
    cleaned = signal.remove_spikes()
    found = cleaned.removed()
    assert (found & spikes).sum() / (spikes & ~missing).sum() >= 0.93
    assert not (found & missing).any()
    assert (found & ~spikes).sum() / (~spikes).sum() <= 0.002
    assert cleaned.valid is signal.valid


def test_a_spike_in_a_short_trace_is_found(make_signal):
    # One sample among 25 never lies 5 standard deviations of all of them above their mean.
    data = np.random.default_rng(4).normal(0, 1, (25, 1))
    data[12] = 1e6
    assert np.flatnonzero(make_signal(data).remove_spikes().removed()).tolist() == [12]
    assert not make_signal(data).remove_spikes(method="legacy_global").removed().any()


def test_without_noise_any_lone_sample_is_a_spike(make_signal):
    data = np.full((200, 2), 7.0)
    data[50, 0] = 7.5
    data[::5, 1] += 1  # counts of a dim neuron are no spikes
    assert np.argwhere(make_signal(data).remove_spikes().removed()).tolist() == [[50, 0]]


def test_spikes_can_be_replaced_by_the_median_without_them(make_signal):
    data = np.random.default_rng(5).normal(0, 1, (300, 1))
    data[100], data[102] = 50, 60
    cleaned = make_signal(data).remove_spikes(replace="median", window=5).data[:, 0]
    near = [98, 99, 101]
    np.testing.assert_allclose(cleaned[100], np.median(data[near]))
    np.testing.assert_allclose(cleaned[102], np.median(data[[101, 103, 104]]))


def test_scale_and_level_do_not_matter(make_signal):
    data = bleaching_traces(5, seed=6)[0]
    found = make_signal(data).remove_spikes().removed()
    for factor, offset in ((1e-5, 0), (1e6, -1e9)):
        np.testing.assert_array_equal(
            make_signal(data * factor + offset).remove_spikes().removed(), found
        )
    np.testing.assert_array_equal(make_signal(-data[::-1]).remove_spikes().removed(), found[::-1])


def test_neurons_do_not_see_each_other(make_signal):
    data = bleaching_traces(6, seed=7)[0]
    together = make_signal(data).remove_spikes().removed()
    alone = [make_signal(data[:, [n]]).remove_spikes().removed() for n in range(6)]
    np.testing.assert_array_equal(together, np.hstack(alone))


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (1, 2), (2, 2), (4, 1), (9, 1)])
def test_too_little_to_judge_is_left_alone(make_signal, shape):
    data = np.arange(float(np.prod(shape))).reshape(shape) ** 3
    signal = make_signal(data)
    assert signal.remove_spikes().data is signal.data
    empty = make_signal(np.full(shape, NAN))
    assert empty.remove_spikes().data is empty.data


def test_spikes_are_removed_once_and_before_smoothing(make_signal):
    signal = make_signal(np.random.default_rng(0).normal(size=(50, 1)))
    with pytest.raises(AlreadyAppliedError, match="remove_spikes was applied already"):
        signal.remove_spikes().remove_spikes()
    with pytest.raises(AlreadyAppliedError, match="remove_spikes cannot follow smooth"):
        signal.smooth("box", 3).remove_spikes()
    signal.smooth("box", 3).remove_spikes(force=True)


@pytest.mark.parametrize(
    "options",
    [
        {"window": 4},
        {"window": 3},
        {"window": 7.0},
        {"window": "7"},
        {"window": True},
        {"threshold": 0},
        {"threshold": NAN},
        {"threshold": "4"},
        {"replace": "mean"},
        {"method": "zscore"},
    ],
)
def test_impossible_options(make_signal, options):
    with pytest.raises(OptionError):
        make_signal(np.ones((20, 1))).remove_spikes(**options)


def test_windows_may_be_seconds(make_signal):
    data = bleaching_traces(3, seed=8)[0]
    by_samples = make_signal(data, interval=0.5).remove_spikes(window=9)
    by_seconds = make_signal(data, interval=0.5).remove_spikes(window="4.4 s")
    np.testing.assert_array_equal(by_samples.data, by_seconds.data)
    with pytest.raises(SignalError, match=r"window='4 s' needs the time between volumes"):
        make_signal(data, time=np.full(len(data), NAN)).remove_spikes(window="4 s")


def test_the_legacy_method_by_hand(make_signal):
    """Only upwards, 5 standard deviations of all; the first sample is replaced by the last."""
    rng = np.random.default_rng(9)
    data = rng.normal(0, 1, (500, 3))
    data[0, 0] = data[100, 0] = data[101, 0] = 30
    data[200, 0] = -30
    data[100, 1] = 30
    data[300, 1] = NAN
    signal = make_signal(data)
    legacy = signal.remove_spikes(method="legacy_global")
    expected = data.copy()
    expected[0, 0] = data[-1, 0]
    expected[100:102, 0] = data[99, 0]
    np.testing.assert_array_equal(legacy.data, expected)
    assert legacy.history[-1].found["removed"] == {"0": [[0, 1], [100, 102]]}


def test_runs_of_infinities_are_taken_out_whole(make_signal):
    data = np.arange(10.0)[:, None] * [1, 1, 1]
    data[[0, 1, 2, 7], 0] = [INF, INF, -INF, INF]
    data[:, 1] = INF
    given = make_signal(data, valid=np.ones(data.shape, bool))
    cleaned = given.remove_infinities()
    np.testing.assert_array_equal(np.isnan(cleaned.data), np.isinf(data))
    np.testing.assert_array_equal(cleaned.data[~np.isinf(data)], data[~np.isinf(data)])
    np.testing.assert_array_equal(cleaned.removed("remove_infinities"), np.isinf(data))
    assert cleaned.history[-1].found == {
        "counts": {"0": 4, "1": 10},
        "removed": {"0": [[0, 3], [7, 8]], "1": [[0, 10]]},
    }
    assert cleaned.valid is given.valid
    filled = cleaned.interpolate()
    np.testing.assert_array_equal(filled.data[:, 0], [3, 3, 3, 3, 4, 5, 6, 7, 8, 9])
    np.testing.assert_array_equal(filled.removed(), np.isinf(data))
    assert not make_signal(data).valid[0, 0]  # by default an infinity is not valid anyway


def test_no_infinities_no_copy(make_signal):
    signal = make_signal([[1.0, NAN]])
    assert signal.remove_infinities().data is signal.data


def test_what_was_removed_stays_true_in_a_part_of_the_signal(make_signal, tmp_path):
    data = np.ones((30, 3))
    data[[3, 4, 20], 1] = INF
    cleaned = make_signal(data, volume=np.arange(30) * 2 + 5).remove_infinities().remove_spikes()
    part = cleaned.segment(4, 25, baseline="none", unit="rows")
    np.testing.assert_array_equal(part.removed(), np.isinf(data)[4:25])
    assert not cleaned.removed("remove_spikes").any()
    save(tmp_path / "a.h5", {"green": cleaned})
    np.testing.assert_array_equal(load(tmp_path / "a.h5")["green"].removed(), np.isinf(data))


@pytest.mark.parametrize("window", [1, 3, 5, 11])
@pytest.mark.parametrize("n_rows", [1, 2, 4, 60])
def test_the_median_filter_is_that_of_scipy(make_signal, window, n_rows):
    data = np.random.default_rng(window).normal(size=(n_rows, 4))
    filtered = make_signal(data).median_filter(window=window)
    expected = ndimage.median_filter(data, size=(window, 1), mode="reflect")
    np.testing.assert_array_equal(filtered.data, expected)


def test_the_median_filter_fills_nothing_in(make_signal):
    signal = make_signal(np.array([[1, NAN, 3, 9, INF, 5.0]]).T)
    np.testing.assert_array_equal(signal.median_filter().data[:, 0], [1, NAN, 6, 6, NAN, 5])
    with pytest.raises(AlreadyAppliedError):
        signal.median_filter().median_filter()
    signal.median_filter().median_filter(force=True)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_removed_reads_back_any_mask(make_signal, seed, n_rows):
    rng = np.random.default_rng(seed)
    data = np.where(rng.random((n_rows, 3)) < 0.4, INF, 1.0)
    volume = np.cumsum(rng.integers(1, 4, n_rows)) - 1
    cleaned = make_signal(data, volume=volume).remove_infinities()
    np.testing.assert_array_equal(cleaned.removed(), np.isinf(data))
    assert not cleaned.removed("remove_spikes").any()


def test_nothing_is_logged_or_warned_of(make_signal, caplog):
    with caplog.at_level(logging.DEBUG, logger="wormio"):
        make_signal([[1.0, NAN, INF]] * 9).remove_infinities().remove_spikes().median_filter()
    assert not caplog.records


def test_real_traces_lose_little(make_signal, real_data):
    with np.load(real_data / "worm_traces/kato2015_worm1.npz") as file:
        traces, rate = file["neuron_traces"].T, float(file["fps"])
    cleaned = make_signal(traces, interval=1 / rate).remove_spikes(replace="median")
    removed = cleaned.removed()
    assert removed.mean() < 0.002
    correlation = np.corrcoef(traces.T) - np.corrcoef(cleaned.data.T)
    assert np.abs(correlation).max() < 0.02
