"""Interpolation against numpy.interp, by hand and by a plain loop (acceptance A3)."""

import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormio.errors import OptionError, SignalError

NAN = np.nan


def test_a_ramp_with_holes_is_recovered(make_signal):
    rng = np.random.default_rng(1)
    ramp = 2.0 * np.arange(1000)[:, None] * [1, -0.5, 3] + 7
    data = np.where(rng.random(ramp.shape) < 0.3, NAN, ramp)
    data[[0, -1]] = ramp[[0, -1]]
    signal = make_signal(data)
    filled = signal.interpolate()
    np.testing.assert_allclose(filled.data, ramp, rtol=1e-12, atol=1e-12 * abs(ramp).max())
    np.testing.assert_array_equal(filled.valid, np.isfinite(data))
    assert filled.valid is signal.valid


def test_the_line_runs_over_true_sample_times(make_signal):
    # Neuron 1 lies at the end of each sweep, and volume 2 took longer.
    time = np.array([0.0, 1.0, 4.0, 5.0])
    own = time[:, None] + [0.0, 0.9]
    signal = make_signal([[0, 0], [NAN, NAN], [NAN, 4], [5, 5]], time=time, sample_time=own)
    filled = signal.interpolate().data
    np.testing.assert_allclose(filled[:, 0], [0, 1, 4, 5])
    np.testing.assert_allclose(filled[:, 1], [0, np.interp(1.9, [0.9, 4.9], [0, 4]), 4, 5])


def test_a_missed_sample_without_a_time_takes_its_volumes(make_signal):
    own = np.array([[0.2], [NAN], [2.2]])
    signal = make_signal([[0.0], [NAN], [2.0]], interval=1.0, sample_time=own)
    filled = signal.interpolate()
    np.testing.assert_allclose(filled.data[1, 0], 0.8)
    assert np.isnan(filled.sample_time[1, 0])


@pytest.mark.parametrize(
    ("edge", "expected"), [("nearest", [3, 3, 3, 4, 5, 5]), ("nan", [NAN, NAN, 3, 4, 5, NAN])]
)
def test_edges(make_signal, edge, expected):
    signal = make_signal(np.array([[NAN, NAN, 3, NAN, 5, NAN]]).T)
    np.testing.assert_array_equal(signal.interpolate(edge=edge).data[:, 0], expected)


def test_infinite_samples_are_replaced_too(make_signal):
    signal = make_signal(np.array([[np.inf, 1, -np.inf, 3], [np.inf] * 4]).T)
    filled = signal.interpolate(edge="nan").data
    np.testing.assert_array_equal(filled[:, 0], [NAN, 1, 2, 3])
    assert np.isnan(filled[:, 1]).all()


def test_gaps_longer_than_the_limit_stay_whole(make_signal):
    #            a gap of 1.0 s       of 1.5 s              edge of 1.5 s
    trace = [0.0, NAN, 2.0, NAN, NAN, 5.0, NAN, NAN, NAN]
    filled = make_signal(np.array([trace]).T).interpolate(max_gap=1.0).data[:, 0]
    np.testing.assert_array_equal(filled, [0, 1, 2, NAN, NAN, 5, NAN, NAN, NAN])
    filled = make_signal(np.array([trace]).T).interpolate(max_gap=1.5).data[:, 0]
    np.testing.assert_array_equal(filled, [0, 1, 2, 3, 4, 5, 5, 5, 5])


def test_a_gap_as_long_as_the_limit_is_filled_in_spite_of_rounding(make_signal):
    data = np.tile([[1.0], [NAN], [NAN]], (200, 1))[:-2]
    filled = make_signal(data, interval=0.1).interpolate(max_gap=0.3)
    assert np.isfinite(filled.data).all()


def test_an_empty_neuron_stays_nan_and_is_named(make_signal, caplog):
    signal = make_signal([[1, NAN], [NAN, NAN]], labels=["AVA", "lost"])
    with caplog.at_level(logging.WARNING, logger="wormio"):
        filled = signal.interpolate()
    assert np.isnan(filled.data[:, 1]).all()
    step = filled.history[-1]
    assert step.parameters == {"max_gap": None, "edge": "nearest"}
    assert step.found == {"empty": ["lost"]}
    assert "lost" in caplog.text


def test_nothing_missing_shares_the_data(make_signal):
    signal = make_signal(np.ones((4, 2)))
    again = signal.interpolate()
    assert again.data is signal.data
    assert [step.name for step in again.history] == ["interpolate"]


def test_a_static_stack_cannot_be_interpolated(make_signal):
    with pytest.raises(SignalError, match=r"static stack"):
        make_signal([[1.0], [NAN]], time=[NAN, NAN]).interpolate()
    single = make_signal([[1.0, NAN]], time=[NAN]).interpolate()
    np.testing.assert_array_equal(single.data, [[1.0, NAN]])


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (1, 1)])
def test_small_signals(make_signal, shape):
    assert make_signal(np.zeros(shape)).interpolate().data.shape == shape


@pytest.mark.parametrize(
    "options", [{"edge": "wrap"}, {"max_gap": 0}, {"max_gap": -1.0}, {"max_gap": NAN}]
)
def test_impossible_options(make_signal, options):
    with pytest.raises(OptionError):
        make_signal(np.ones((4, 2))).interpolate(**options)


def naive(trace, clock, max_gap, edge):
    """Fill one trace sample by sample, looking left and right."""
    known = [i for i, value in enumerate(trace) if np.isfinite(value)]
    result = np.where(np.isfinite(trace), trace, NAN)
    if not known:
        return result
    for i in range(len(trace)):
        if np.isfinite(trace[i]):
            continue
        left = max((k for k in known if k < i), default=None)
        right = min((k for k in known if k > i), default=None)
        if left is None or right is None:
            only = known[0] if left is None else known[-1]
            end = clock[0] if left is None else clock[-1]
            if edge == "nearest" and abs(end - clock[only]) <= max_gap:
                result[i] = trace[only]
        elif clock[right] - clock[left] <= max_gap:
            part = (clock[i] - clock[left]) / (clock[right] - clock[left])
            result[i] = trace[left] + part * (trace[right] - trace[left])
    return result


traces = st.lists(
    st.one_of(st.floats(-1e3, 1e3), st.sampled_from([NAN, NAN, np.inf, -np.inf])),
    min_size=2,
    max_size=25,
)


@given(
    traces,
    st.randoms(use_true_random=False),
    st.sampled_from([None, 0.45, 1.05, 2.05]),
    st.sampled_from(["nearest", "nan"]),
)
def test_agrees_with_a_plain_loop_and_repeats_harmlessly(make_signal, trace, rng, max_gap, edge):
    steps = [rng.choice([0.2, 0.3, 0.5]) for _ in trace]
    clock = 100 + np.cumsum(steps)
    signal = make_signal(np.array([trace]).T, time=clock)
    once = signal.interpolate(max_gap=max_gap, edge=edge)
    expected = naive(trace, clock, np.inf if max_gap is None else max_gap, edge)
    np.testing.assert_allclose(once.data[:, 0], expected, rtol=1e-9, atol=1e-9)
    finite = np.isfinite(signal.data)
    np.testing.assert_array_equal(once.data[finite], signal.data[finite])
    np.testing.assert_array_equal(once.interpolate(max_gap=max_gap, edge=edge).data, once.data)
