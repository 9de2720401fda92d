"""Baselines and dF/F against numpy, scipy and known truth (acceptance A12)."""

import logging

import numpy as np
import pytest
from scipy import ndimage

from wormio.errors import AlreadyAppliedError, OptionError, SignalError

NAN, INF = np.nan, np.inf


def transients(n_rows, n_neurons, height, seed=0, every=200):
    """Return activity that rises at once and falls in 15 samples."""
    rng = np.random.default_rng(seed)
    activity = np.zeros((n_rows, n_neurons))
    for neuron in range(n_neurons):
        for start in range(int(rng.integers(20, every)), n_rows - 100, every):
            since = np.arange(n_rows - start)
            activity[start:, neuron] += height * np.exp(-since / 15)
    return activity


def test_a_transient_of_half_its_baseline_is_one_half(make_signal):
    data = np.full((400, 3), 100.0)
    data[50:60, 1] += 50
    relative = make_signal(data).dff("percentile")
    expected = np.zeros(data.shape)
    expected[50:60, 1] = 0.5
    np.testing.assert_allclose(relative.data, expected, rtol=0, atol=1e-9)
    assert (relative.quantity, relative.unit) == ("dF/F", "")
    ratio = make_signal(data, quantity="ratio", unit="").dff()
    assert (ratio.quantity, ratio.unit) == ("dR/R", "")


def test_percentiles_are_over_time(make_signal):
    """3 neurons x 4000 volumes: the axis that is easily mistaken."""
    data = np.random.default_rng(0).normal([10, 100, 1000], 1, (4000, 3))
    expected = np.percentile(data, 20, axis=0)
    np.testing.assert_allclose(make_signal(data).baseline(), np.tile(expected, (4000, 1)))
    np.testing.assert_allclose(make_signal(data).global_baseline(), np.quantile(data, 0.05, axis=0))
    rolling = make_signal(data).baseline("rolling_percentile", window=101)
    assert rolling.shape == (4000, 3)
    assert (np.abs(rolling / [10, 100, 1000] - 1) < [0.2, 0.02, 0.002]).all()


def test_a_percentile_leaves_out_what_is_missing(make_signal):
    data = np.random.default_rng(1).normal(size=(300, 5))
    data[np.random.default_rng(2).random(data.shape) < 0.3] = NAN
    data[:, 4] = NAN
    data[7, 0] = INF
    finite = np.where(np.isinf(data), NAN, data)[:, :4]
    found = make_signal(data).baseline("percentile", percentile=35)
    np.testing.assert_allclose(found[0, :4], np.nanpercentile(finite, 35, axis=0))
    assert np.isnan(found[:, 4]).all()
    np.testing.assert_allclose(
        make_signal(data).global_baseline(0.2)[:4], np.nanquantile(finite, 0.2, axis=0)
    )


@pytest.mark.parametrize("window", [1, 5, 15, 61, 601])
@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_rolling_percentiles_window_by_window(make_signal, window, missing):
    rng = np.random.default_rng(3)
    data = np.where(rng.random((300, 3)) < missing, NAN, rng.normal(size=(300, 3)))
    found = make_signal(data).baseline("rolling_percentile", percentile=30, window=window)
    places = [*range(0, 300, max(1, window // 16)), 299]
    for t in places:
        part = data[max(t - window // 2, 0) : t + window // 2 + 1]
        some = np.isfinite(part).any(axis=0)
        np.testing.assert_allclose(found[t, some], np.nanpercentile(part[:, some], 30, axis=0))
        assert np.isnan(found[t, ~some]).all()
    between = np.stack([np.interp(range(300), places, column) for column in found[places].T], 1)
    np.testing.assert_allclose(found, between)


def test_a_rolling_percentile_follows_slow_drift(make_signal):
    drift = 100 * (1 + 0.2 * np.sin(2 * np.pi * np.arange(4000) / 4000))[:, None]
    data = drift + transients(4000, 10, height=80)
    found = make_signal(data).baseline("rolling_percentile", window=121)
    assert np.abs(found / drift - 1).max() <= 0.02
    relative = make_signal(data).dff("rolling_percentile", window=121)
    np.testing.assert_allclose(relative.data, (data - drift) / drift, atol=0.04)


def test_maximin_by_scipy(make_signal):
    data = np.random.default_rng(4).normal(size=(500, 3)).cumsum(axis=0) + 100
    found = make_signal(data, interval=0.5).baseline("maximin", window="30 s")
    smooth = ndimage.gaussian_filter1d(data, 10, axis=0, mode="nearest")
    low = ndimage.minimum_filter1d(smooth, 61, axis=0, mode="nearest")
    np.testing.assert_allclose(found, ndimage.maximum_filter1d(low, 61, axis=0, mode="nearest"))


def test_maximin_leaves_out_what_is_missing(make_signal):
    data = 100 + transients(2000, 4, height=60)
    data[np.random.default_rng(5).random(data.shape) < 0.3] = NAN
    data[:, 3] = NAN
    found = make_signal(data).baseline("maximin", window=101)
    np.testing.assert_allclose(found[:, :3], 100, rtol=0.05)
    assert np.isnan(found[:, 3]).all()


@pytest.mark.parametrize("interval", [0.1, 2.0])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e5])
def test_an_exponential_baseline_is_found_under_activity(make_signal, interval, scale):
    t = np.arange(1500) * interval
    true = np.stack(
        [40 * np.exp(-t / (300 * interval)) + 60, 80 * np.exp(-t / (900 * interval)) + 20], 1
    )
    rng = np.random.default_rng(6)
    data = true + transients(1500, 2, height=40) + rng.normal(0, 2, true.shape)
    data[rng.random(data.shape) < 0.1] = NAN
    found = make_signal(data * scale, interval=interval).baseline("exponential") / scale
    assert np.abs(found / true - 1).max() < 0.03


def test_without_a_trend_the_exponential_is_the_median(make_signal):
    data = np.random.default_rng(7).normal(50, 1, (400, 200))
    step = make_signal(data).subtract_baseline("exponential").history[-1]
    assert len(step.found["not_fitted"]) >= 190
    growing = np.exp(np.arange(100) / 20)[:, None] * [1.0]
    flat = make_signal(growing).baseline("exponential", over=(0, 3), unit="rows")
    np.testing.assert_allclose(flat, growing[1, 0])


def test_a_constant_baseline(make_signal):
    data = np.arange(20.0)[:, None] + [0, 100]
    signal = make_signal(data, interval=0.5)
    assert signal.baseline("constant")[3].tolist() == [9.5, 109.5]
    assert signal.baseline("constant", over=(1.0, 2.5))[3].tolist() == [3, 103]
    assert signal.baseline("constant", over=(2, 5), unit="rows")[3].tolist() == [3, 103]
    assert signal.baseline("constant", over=(None, 0.5))[3].tolist() == [0, 100]
    assert signal.baseline("constant", value=4)[0].tolist() == [4, 4]
    relative = signal.dff("constant", value=np.array([10, 50.0]))
    np.testing.assert_allclose(relative.data, (data - [10, 50]) / [10, 50])
    assert relative.history[-1].parameters["value"] == [10, 50]


def test_a_baseline_close_to_zero_gives_nan_and_a_flag(make_signal, caplog):
    rng = np.random.default_rng(8)
    data = rng.normal([100, 0, -50, 2], 1, (500, 4))
    signal = make_signal(data, labels=["good", "dark", "negative", "dim"])
    with caplog.at_level(logging.WARNING, logger="wormio"):
        relative = signal.dff()
    assert np.isnan(relative.data).all(axis=0).tolist() == [False, True, True, True]
    found = relative.history[-1].found
    assert found["counts"] == {"dark": 500, "negative": 500, "dim": 500}
    assert "dark, negative, dim" in caplog.text
    assert relative.removed("dff").all(axis=0).tolist() == [False, True, True, True]
    assert relative.valid is signal.valid
    assert np.isfinite(signal.dff(floor=0.5).data).all(axis=0).tolist() == [
        True,
        False,
        False,
        True,
    ]


def test_subtracting_keeps_the_unit(make_signal):
    data = np.random.default_rng(9).normal(50, 1, (300, 2))
    above = make_signal(data).subtract_baseline("percentile", percentile=50)
    np.testing.assert_allclose(above.data, data - np.median(data, axis=0))
    assert (above.quantity, above.unit) == ("fluorescence", "counts")


def test_what_is_relative_already_is_refused(make_signal):
    signal = make_signal(np.random.default_rng(0).normal(50, 1, (90, 1)))
    for step in ("dff", "subtract_baseline"):
        with pytest.raises(AlreadyAppliedError):
            getattr(signal.dff(), step)()
        with pytest.raises(AlreadyAppliedError):
            getattr(signal.subtract_baseline(), step)()
    imported = make_signal(signal.data, quantity="dF/F", unit="")
    with pytest.raises(AlreadyAppliedError, match=r"quantity 'dF/F'"):
        imported.dff()
    imported.dff(force=True)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"kind": "mode"}, "kind is unknown"),
        ({"percentile": 101}, "percentile is impossible"),
        ({"percentile": NAN}, "percentile is impossible"),
        ({"percentile": "20"}, "percentile is impossible"),
        ({"floor": "none"}, "floor is impossible"),
        ({"kind": "rolling_percentile", "window": 10}, "window is no length"),
        ({"kind": "rolling_percentile", "over": (0, 5)}, "over means nothing here"),
        ({"kind": "percentile", "value": 3}, "value means nothing here"),
        ({"kind": "constant", "value": [1, 2, 3]}, "value is no baseline"),
        ({"kind": "constant", "value": NAN}, "value is no baseline"),
        ({"kind": "constant", "value": "low"}, "value is no baseline"),
        ({"over": (5, 5)}, "over is no stretch"),
        ({"over": 5}, "over is no stretch"),
        ({"over": (0.5, 2), "unit": "rows"}, "over is no stretch"),
        ({"over": (-3, 2), "unit": "rows"}, "over is no stretch"),
        ({"over": (900, 1000)}, "over holds too few rows"),
        ({"unit": "samples"}, "unit is unknown"),
        ({"floor": -1}, "floor is impossible"),
    ],
)
def test_impossible_options(make_signal, options, problem):
    with pytest.raises(OptionError, match=problem):
        make_signal(np.ones((50, 2))).dff(**options)


def test_seconds_need_times(make_signal):
    signal = make_signal(np.random.default_rng(0).normal(9, 1, (50, 1)), time=np.full(50, NAN))
    for options in ({"kind": "rolling_percentile"}, {"over": (0, 9)}):
        with pytest.raises(SignalError, match=r"to do:"):
            signal.dff(**options)
    signal.dff("rolling_percentile", window=11)
    signal.dff("exponential", over=(0, 9), unit="rows")
    with pytest.raises(OptionError):
        signal.global_baseline(5)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (1, 2)])
@pytest.mark.parametrize(
    "kind", ["percentile", "rolling_percentile", "maximin", "exponential", "constant"]
)
def test_small_signals(make_signal, shape, kind):
    found = make_signal(np.ones(shape)).baseline(kind, window=3)
    assert found.shape == shape
    np.testing.assert_allclose(found, np.ones(shape))
