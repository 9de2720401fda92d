"""Noise and signal to noise against known truth (acceptance A11, A19)."""

import logging

import numpy as np
import pytest

from wormio.errors import AlreadyAppliedError, OptionError

NAN = np.nan
METHODS = [
    ("local_std", {"window": 4}),
    ("local_std", {"window": 8}),
    ("local_std", {"window": 16}),
    ("differences", {}),
    ("welch", {}),
]


@pytest.fixture(scope="module")
def white():
    """200 repetitions of white noise of standard deviation 1."""
    return np.random.default_rng(0).normal(size=(2000, 200))


@pytest.fixture(scope="module")
def active(white):
    """The same with 8 transients of 5 to 20 standard deviations that fall in 15 samples."""
    rng = np.random.default_rng(1)
    activity = np.zeros(white.shape)
    for neuron in range(white.shape[1]):
        for start in rng.choice(1950, 8, replace=False):
            since = np.arange(2000 - start)
            shape = (1 - np.exp(-(since + 1) / 2)) * np.exp(-since / 15)
            activity[start:, neuron] += rng.uniform(5, 20) * shape / shape.max()
    return white + activity


@pytest.mark.parametrize(("method", "options"), METHODS)
def test_white_noise_has_its_standard_deviation(make_signal, white, method, options):
    noise = make_signal(7.0 + 3.0 * white).noise(method, **options)
    assert noise.shape == (200,)
    assert abs(noise.mean() / 3 - 1) < 0.03


@pytest.mark.parametrize("window", [4, 8])
def test_activity_hardly_changes_it(make_signal, active, window):
    assert 0.97 < make_signal(active).noise(window=window).mean() < 1.05
    assert 0.97 < make_signal(active).noise("differences").mean() < 1.05


@pytest.mark.parametrize(("window", "bias"), [(4, 0.770), (8, 0.893), (16, 0.947)])
def test_legacy_noise_is_too_small(make_signal, white, window, bias):
    legacy = make_signal(white).noise(window=window, legacy=True)
    assert abs(legacy.mean() - bias) < 0.01
    # By the formula: the first windows are mirrored, the variance has ddof=0.
    trace = white[:, 3]
    mirrored = np.concatenate([trace[window - 1 : 0 : -1], trace])
    variances = [mirrored[t : t + window].var() for t in range(len(trace))]
    np.testing.assert_allclose(legacy[3], np.sqrt(np.median(variances)), rtol=1e-12)


def test_missing_and_filled_in_samples_are_left_out(make_signal, white):
    missing = np.random.default_rng(2).random(white.shape) < 0.3
    signal = make_signal(np.where(missing, NAN, white))
    for method in ("local_std", "differences"):
        noise = signal.noise(method)
        assert abs(noise.mean() - 1) < 0.03
        np.testing.assert_array_equal(signal.interpolate().noise(method), noise)
    # Without the mask, filled-in samples look like little noise.
    blind = make_signal(signal.interpolate().data)
    assert blind.noise().mean() < 0.9


def test_spikes_that_were_filled_in_are_left_out(make_signal, white):
    data = white[:, :20].copy()
    data[::12] += 40
    signal = make_signal(data)
    cleaned = signal.remove_spikes()
    assert cleaned.removed()[::12].mean() > 0.9
    np.testing.assert_array_equal(cleaned.interpolate().noise(), cleaned.noise())


def test_a_spectrum_needs_whole_traces(make_signal, white, caplog):
    data = white[:, :3].copy()
    data[5, 1] = NAN
    with caplog.at_level(logging.WARNING, logger="wormio"):
        noise = make_signal(data, labels=["A", "B", "C"]).noise("welch")
    assert np.isnan(noise).tolist() == [False, True, False]
    assert caplog.messages == ["no spectrum of neurons with missing samples: B"]


def test_the_level_does_not_matter(make_signal, white):
    signal, far = make_signal(white[:, :5]), make_signal(white[:, :5] + 1e7)
    for method, options in METHODS:
        np.testing.assert_allclose(
            far.noise(method, **options), signal.noise(method, **options), rtol=1e-6
        )


@pytest.mark.parametrize("step", ["smooth", "median_filter", "derivative"])
def test_noise_is_asked_before_smoothing(make_signal, white, step):
    smooth = getattr(make_signal(white[:, :5]), step)()
    with pytest.raises(AlreadyAppliedError, match=f"noise cannot follow {step}"):
        smooth.noise()
    with pytest.raises(AlreadyAppliedError, match=f"noise cannot follow {step}"):
        smooth.snr()
    scale = 2.0 if step == "derivative" else 1.0  # per second
    assert (smooth.noise(force=True) < 0.8 * scale).all()


def test_the_rolling_deviation_follows_the_noise(make_signal, white):
    level = np.where(np.arange(2000) < 1000, 1.0, 5.0)[:, None]
    rolling = make_signal(white * level).rolling_std(9)
    assert rolling.shape == white.shape
    assert abs(np.median(rolling[50:950]) - 1) < 0.02
    assert abs(np.median(rolling[1050:1950]) - 5) < 0.1
    np.testing.assert_allclose(
        rolling[100, 0] * np.sqrt(7.344121 / 8), white[96:105, 0].std(ddof=1), rtol=1e-5
    )  # 7.344: the median of chi-squared with 8 degrees of freedom
    assert np.isfinite(rolling).all()  # also at the ends, in half windows
    sparse = np.full((20, 1), NAN)
    sparse[[3, 4, 5]] = 1.0
    assert np.isnan(make_signal(sparse).rolling_std(9)).all()


@pytest.mark.parametrize("amplitude", [0.5, 2.0, 10.0])
def test_the_power_of_a_sine_over_its_noise(make_signal, white, amplitude):
    sine = amplitude * np.sin(2 * np.pi * np.arange(2000) / 1000)[:, None]
    snr = make_signal(sine + white).snr()
    np.testing.assert_allclose(np.median(snr), amplitude / np.sqrt(2), rtol=0.05)


def test_noise_alone_has_no_signal(make_signal, white):
    assert np.median(make_signal(white).snr()) < 0.25
    assert 2.5 < np.median(make_signal(white).snr("peak")) < 3.8  # the quantile itself: 3.09


def test_peaks_over_the_noise(make_signal, white):
    data = white[:, :20].copy()
    data[100:110] += 40
    np.testing.assert_allclose(make_signal(data).snr("peak"), 40, atol=3)


def test_without_noise_there_is_no_ratio(make_signal):
    signal = make_signal(np.ones((50, 1)) * [1, NAN])
    np.testing.assert_array_equal(signal.noise(), [0, NAN])
    assert np.isnan(signal.snr()).all()
    assert np.isnan(signal.snr("peak")).all()


@pytest.mark.parametrize("shape", [(0, 0), (0, 2), (3, 0), (1, 2), (3, 2)])
def test_too_little_says_nothing(make_signal, shape):
    signal = make_signal(np.zeros(shape))
    for method, options in METHODS:
        noise = signal.noise(method, **options)
        assert noise.shape == shape[1:]
        assert np.isnan(noise).all() or (method == "differences" and shape[0] > 1)
    assert np.isnan(signal.noise(legacy=True)).all()
    assert signal.rolling_std().shape == shape


@pytest.mark.parametrize(
    "options",
    [{"method": "std"}, {"window": 1}, {"window": 0.5}, {"method": "welch", "legacy": True}],
)
def test_impossible_options(make_signal, options):
    with pytest.raises(OptionError):
        make_signal(np.ones((20, 1))).noise(**options)
    with pytest.raises(OptionError):
        make_signal(np.ones((20, 1))).snr("variance")


def test_real_traces_methods_agree(make_signal, real_data):
    with np.load(real_data / "worm_traces/kato2015_worm1.npz") as file:
        signal = make_signal(file["neuron_traces"].T, interval=1 / float(file["fps"]))
    local, differences, welch = (signal.noise(m) for m in ("local_std", "differences", "welch"))
    assert np.corrcoef(differences, welch)[0, 1] > 0.95
    assert 0.7 < np.median(local / welch) < 1.5
    assert 0.7 < np.median(differences / welch) < 1.5
