"""Smoothing and slopes against scipy, polynomials and numpy.polyfit (acceptance A4, A5, A19)."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.signal import savgol_filter

from wormio.errors import AlreadyAppliedError, OptionError, SignalError

NAN, INF = np.nan, np.inf
KINDS = ["savgol", "box", "causal"]


@pytest.fixture
def noise():
    return np.random.default_rng(0).normal(size=(300, 4))


@pytest.mark.parametrize(
    ("window", "order"), [(1, 0), (3, 1), (5, 0), (5, 2), (13, 1), (13, 3), (51, 4), (299, 3)]
)
def test_savgol_is_that_of_scipy(make_signal, noise, window, order):
    expected = savgol_filter(noise, window, order, axis=0, mode="interp")
    smooth = make_signal(noise).smooth("savgol", window, order)
    np.testing.assert_allclose(smooth.data, expected, atol=1e-9)


@pytest.mark.parametrize(("window", "order"), [(3, 1), (3, 2), (5, 1), (11, 1), (11, 4), (127, 3)])
def test_the_derivative_is_that_of_scipy(make_signal, noise, window, order):
    expected = savgol_filter(noise, window, order, deriv=1, delta=0.25, axis=0)
    slopes = make_signal(noise, interval=0.25).derivative(window, order)
    np.testing.assert_allclose(slopes.data, expected, atol=1e-9)


@pytest.mark.parametrize("window", [1, 3, 5, 6, 20])
def test_a_box_is_the_mean_of_the_window_that_the_ends_cut_off(make_signal, noise, window):
    smooth = make_signal(noise).smooth("box", window).data
    for t in range(len(noise)):
        part = noise[max(t - window // 2, 0) : t + (window + 1) // 2]
        np.testing.assert_allclose(smooth[t], part.mean(axis=0), atol=1e-12)
    if window % 2:
        inner = slice(window, -window)
        np.testing.assert_allclose(
            smooth[inner], ndimage.uniform_filter1d(noise, window, axis=0)[inner], atol=1e-12
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("window", [5, 13, 31])
def test_a_constant_stays_what_it_is(make_signal, kind, window):
    smooth = make_signal(np.full((40, 2), 100.0)).smooth(kind, window)
    np.testing.assert_allclose(smooth.data, 100, rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", ["savgol", "causal"])
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_a_polynomial_comes_through_also_at_the_ends(make_signal, kind, order):
    t = np.arange(60) / 10
    curve = np.polyval(np.random.default_rng(order).normal(size=order + 1), t)[:, None]
    smooth = make_signal(curve).smooth(kind, 13, order).data
    # A causal fit of a few samples passes through them.
    np.testing.assert_allclose(smooth, curve, atol=1e-9)


def test_causal_smoothing_knows_nothing_of_the_future(make_signal):
    impulse = np.zeros((60, 1))
    impulse[30] = 1
    smooth = make_signal(impulse).smooth("causal", 13, 1).data[:, 0]
    assert (smooth[:30] == 0).all()
    assert (smooth[43:] == 0).all()
    # (4n - 2) / n(n + 1): the weight of the last sample in a line through n.
    np.testing.assert_allclose(smooth[30], 50 / 182)


def test_causal_smoothing_begins_with_the_samples_there_are(make_signal, noise):
    smooth = make_signal(noise).smooth("causal", 13, 2).data
    for t in range(30):
        x = np.arange(max(t - 12, 0), t + 1)
        fit = np.polynomial.Polynomial.fit(x, noise[x, 0], min(2, len(x) - 1))
        np.testing.assert_allclose(smooth[t, 0], fit(t), atol=1e-9)


@pytest.mark.parametrize(
    ("kind", "window", "gain"), [("savgol", 13, 0.2774), ("causal", 13, 0.5241), ("box", 5, 0.4472)]
)
def test_white_noise_becomes_as_small_as_it_should(make_signal, kind, window, gain):
    noise = np.random.default_rng(1).normal(size=(20_000, 5))
    smooth = make_signal(noise).smooth(kind, window).data
    assert abs(smooth.std() / gain - 1) < 0.02


def test_a_ramp_has_one_slope_per_second_everywhere(make_signal):
    ramp = 2.0 * np.arange(50)[:, None] + 7
    for window, order in ((3, 1), (11, 1), (13, 3)):
        slopes = make_signal(ramp, interval=0.5).derivative(window, order)
        np.testing.assert_allclose(slopes.data, 4, rtol=0, atol=1e-9)
    assert (slopes.quantity, slopes.unit) == ("derivative of fluorescence", "counts/s")
    unitless = make_signal(ramp, quantity="ratio", unit="").derivative()
    assert (unitless.quantity, unitless.unit) == ("derivative of ratio", "1/s")


def test_a_parabola_has_exact_slopes_also_at_the_ends(make_signal):
    t = np.arange(50) * 0.5
    slopes = make_signal((3 * t**2 - t)[:, None], interval=0.5).derivative(7, 2)
    np.testing.assert_allclose(slopes.data[:, 0], 6 * t - 1, atol=1e-9)


@pytest.mark.parametrize("window", [5, 11])
def test_a_slow_sine_keeps_phase_and_height(make_signal, window):
    period = 10 * window
    phase = 2 * np.pi * np.arange(20 * period) / period
    slopes = make_signal(np.sin(phase)[:, None], interval=0.5).derivative(window, 1).data[:, 0]
    inner = slice(period, -period)
    true = np.cos(phase) * 2 * np.pi / (period * 0.5)
    fourier = (slopes * np.exp(-1j * phase))[inner].mean() / (true * np.exp(-1j * phase))[
        inner
    ].mean()
    assert abs(fourier.real - 1) < 0.01
    assert abs(fourier.imag) < 1e-9


def test_rows_lie_at_their_true_times(make_signal):
    rng = np.random.default_rng(2)
    time = 50 + np.cumsum(rng.uniform(0.3, 0.7, 200))
    time[100:] += 0.5  # a volume is missing
    curve = (3 - 2 * time + 0.5 * time**2)[:, None]
    signal = make_signal(curve, time=time)
    np.testing.assert_allclose(signal.smooth("savgol", 9, 2).data, curve, rtol=1e-10)
    np.testing.assert_allclose(signal.smooth("causal", 9, 2).data, curve, rtol=1e-10)
    np.testing.assert_allclose(signal.derivative(9, 2).data[:, 0], time - 2, rtol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_smoothed_across_a_pause(make_signal, kind):
    time = np.concatenate([np.arange(50), 1000 + np.arange(50)]) * 0.5
    data = np.concatenate([np.zeros(50), np.full(50, 100.0)])[:, None]
    signal = make_signal(data, time=time)
    np.testing.assert_allclose(signal.smooth(kind, 13).data, data, atol=1e-9)
    np.testing.assert_allclose(signal.derivative(13).data, 0, atol=1e-9)


def test_missing_samples_stay_missing_and_do_no_harm(make_signal):
    rng = np.random.default_rng(3)
    curve = np.polyval([1, -3, 2], np.arange(100) / 20)[:, None] * [1, 2, 3]
    data = np.where(rng.random(curve.shape) < 0.4, NAN, curve)
    data[5, 0] = INF
    signal = make_signal(data)
    for kind in ("savgol", "causal"):
        smooth = signal.smooth(kind, 21, 2)
        expected = np.where(np.isfinite(data), curve, NAN)
        np.testing.assert_allclose(smooth.data, expected, atol=1e-8)
        assert smooth.valid is signal.valid
    lonely = np.full((20, 2), NAN)
    lonely[10, 0] = 3
    np.testing.assert_array_equal(make_signal(lonely).smooth("savgol", 5).data, lonely)
    assert np.isnan(make_signal(lonely).derivative(5).data).all()


def naive(trace, time, start, stop, t, order, window):
    """Fit one window with numpy, leaving out what is missing or too far away."""
    rows = np.arange(start, stop)
    interval = np.median(np.diff(time))
    x = (time[rows] - time[t]) / interval
    # Times that are sums of tenths lie a whole window apart but for rounding.
    used = np.isfinite(trace[rows]) & (abs(x) < window * (1 - 1e-9))
    fit = np.polynomial.Polynomial.fit(
        x[used], trace[rows][used], min(order, used.sum() - 1), domain=[-1, 1]
    )
    return fit(0), fit.deriv()(0) / interval if used.sum() > 1 else NAN


@settings(max_examples=60)
@example(2302, "savgol", 4, 0, 17, 0.0, "irregular")  # a sample exactly a window away
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(KINDS),
    half=st.integers(0, 4),
    order=st.integers(0, 3),
    n_rows=st.integers(9, 20),
    missing=st.sampled_from([0.0, 0.3, 0.8]),
    times=st.sampled_from(["regular", "irregular", "unknown"]),
)
def test_agrees_with_a_fit_window_by_window(
    make_signal, seed, kind, half, order, n_rows, missing, times
):
    rng = np.random.default_rng(seed)
    window = 2 * half + 1
    order = 0 if kind == "box" else min(order, window - 1)
    data = np.where(rng.random((n_rows, 2)) < missing, NAN, rng.normal(size=(n_rows, 2)))
    time = np.cumsum(
        rng.choice([0.5, 0.5, 0.6, 3.0], n_rows) if times == "irregular" else [1.0] * n_rows
    )
    given = np.full(n_rows, NAN) if times == "unknown" else time
    signal = make_signal(data, time=given)
    smooth = signal.smooth(kind, window, order).data
    slopes = (
        signal.derivative(window, order).data
        if (kind == "savgol" and order > 0 and times != "unknown")
        else None
    )
    for (t, n), value in np.ndenumerate(smooth):
        if np.isnan(data[t, n]):
            assert np.isnan(value)
            continue
        if kind == "causal":
            start, stop = max(t - window + 1, 0), t + 1
        elif kind == "box":
            start, stop = max(t - half, 0), min(t + half + 1, n_rows)
        else:
            start = min(max(t - half, 0), n_rows - window)
            stop = start + window
        fitted, slope = naive(data[:, n], time, start, stop, t, order, window)
        np.testing.assert_allclose(value, fitted, rtol=1e-6, atol=1e-6)
        if slopes is not None:
            np.testing.assert_allclose(slopes[t, n], slope, rtol=1e-5, atol=1e-5)


def test_windows_may_be_seconds(make_signal, noise):
    signal = make_signal(noise, interval=0.3)
    by_seconds = signal.smooth("savgol", "3.9 s", 1)
    np.testing.assert_array_equal(by_seconds.data, signal.smooth("savgol", 13, 1).data)
    assert by_seconds.history[-1].found == {"samples": 13, "order": 1}
    assert by_seconds.history[-1].parameters["window"] == "3.9 s"
    assert signal.smooth("box", "1.2s").history[-1].found["samples"] == 4
    assert signal.derivative("0.1 s").history[-1].found["samples"] == 3


def test_smoothing_twice_is_refused(make_signal, noise):
    signal = make_signal(noise)
    smooth = signal.smooth("savgol", 13, 1)
    with pytest.raises(AlreadyAppliedError, match=r"smooth was applied already"):
        smooth.smooth("box", 5)
    with pytest.raises(AlreadyAppliedError, match=r"derivative cannot follow smooth"):
        smooth.derivative()
    with pytest.raises(AlreadyAppliedError, match=r"derivative was applied already"):
        signal.derivative().derivative()
    assert [step.name for step in smooth.smooth("box", 5, force=True).history] == ["smooth"] * 2
    signal.derivative().derivative(force=True)
    np.testing.assert_array_equal(signal.data, noise)  # steps are pure


@pytest.mark.parametrize(
    "arguments",
    [
        ("gaussian", 5),
        ("savgol", 4),
        ("savgol", 0),
        ("savgol", 5.0),
        ("savgol", "5"),
        ("savgol", "-5 s"),
        ("savgol", True),
        ("savgol", 5, 5),
        ("savgol", 5, -1),
        ("savgol", 5, 1.0),
        ("box", 5, 1),
        ("box", 0),
    ],
)
def test_impossible_arguments(make_signal, noise, arguments):
    with pytest.raises(OptionError):
        make_signal(noise).smooth(*arguments)


@pytest.mark.parametrize("arguments", [(1, 0), (4, 1), (5, 0), (5, 5)])
def test_impossible_derivatives(make_signal, noise, arguments):
    with pytest.raises(OptionError):
        make_signal(noise).derivative(*arguments)


def test_what_the_times_do_not_allow_is_an_error(make_signal, noise):
    with pytest.raises(SignalError, match=r"longer than the recording"):
        make_signal(noise).smooth("box", 301)
    with pytest.raises(SignalError, match=r"a derivative needs the time between volumes"):
        make_signal(noise, time=np.full(300, NAN)).derivative()
    time = np.arange(300.0)
    time[7] = NAN
    with pytest.raises(SignalError, match=r"found:    1 unknown"):
        make_signal(noise, time=time).derivative()
    time[7] = 3
    with pytest.raises(SignalError, match=r"times do not increase"):
        make_signal(noise, time=time).smooth()


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (1, 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_small_signals(make_signal, shape, kind):
    smooth = make_signal(np.ones(shape)).smooth(kind, 1)
    np.testing.assert_array_equal(smooth.data, np.ones(shape))


def test_legacy_smoothing_gives_the_published_numbers(make_signal):
    """A constant 100, as wormdatamodel 1.5 smoothed it with zeros beyond the ends."""
    signal = make_signal(np.full((40, 1), 100.0))
    for kind in ("box", "savgol"):
        smooth = signal.smooth(kind, 13, legacy=True).data[:, 0]
        np.testing.assert_allclose(smooth[[0, -1]], 700 / 13, rtol=1e-12)  # 53.85
        np.testing.assert_allclose(smooth[6:-6], 100, rtol=1e-12)
    causal = signal.smooth("causal", 13, 1, legacy=True).data[:, 0]
    assert np.round(causal[:13]).astype(int).tolist() == [
        *[100] * 6,
        *[123, 127, 129, 126, 121, 112, 100],
    ]
    slopes = signal.derivative(3, 1, legacy=True)
    np.testing.assert_allclose(slopes.data[[0, 1, -1], 0], [-50, 0, 50], atol=1e-12)
    assert slopes.unit == "counts/sample"


def test_the_legacy_derivative_has_the_wrong_sign(make_signal):
    ramp = make_signal(2.0 * np.arange(40)[:, None], interval=0.5)
    np.testing.assert_allclose(ramp.derivative(11, 1, legacy=True).data[5:-5], -2, atol=1e-12)


@pytest.mark.parametrize("window", [5, 13])
def test_legacy_smoothing_is_a_convolution_with_zeros(make_signal, noise, window):
    """By the formulas: numpy.convolve, mode "same", of each neuron."""
    signal = make_signal(noise)
    box = np.ones(window) / window
    # A line through equally spaced samples: its middle is their mean; its last, linear weights.
    at_end = (4 * window - 2 - 6 * np.arange(window)) / (window * (window + 1))
    late = (window - 1) // 2
    slope = np.arange(window) - late
    for n, trace in enumerate(noise.T):
        same = np.convolve(trace, box, "same")
        causal = np.convolve(trace, at_end, "same")
        causal = np.concatenate([trace[:late], causal[: len(trace) - late]])
        wrong_sign = np.convolve(trace, slope / (slope**2).sum(), "same")
        for found, expected in (
            (signal.smooth("box", window, legacy=True), same),
            (signal.smooth("savgol", window, 1, legacy=True), same),
            (signal.smooth("causal", window, 1, legacy=True), causal),
            (signal.derivative(window, 1, legacy=True), wrong_sign),
        ):
            np.testing.assert_allclose(found.data[:, n], expected, rtol=0, atol=1e-12)


def test_legacy_is_recorded(make_signal, noise):
    step = make_signal(noise).smooth("causal", 13, 1, legacy=True).history[-1]
    assert step.parameters == {
        "kind": "causal",
        "window": 13,
        "order": 1,
        "legacy": True,
        "force": False,
    }
