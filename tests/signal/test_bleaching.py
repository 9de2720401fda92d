"""Photobleaching against phantoms with known curves, scipy, and real traces (acceptance A8)."""

import attrs
import numpy as np
import pytest
from scipy.optimize import least_squares

from wormio.errors import AlreadyAppliedError, OptionError, SignalError
from wormio.signal import fit_bleaching

INTERVAL = 0.5


def transients(rng, n_volumes, n_neurons, n_events=25):
    """Return responses of 2 to 6 s decay, as relative changes."""
    result = np.zeros((n_volumes, n_neurons))
    for column in result.T:
        for start in rng.integers(0, n_volumes, n_events):
            since = np.arange(min(100, n_volumes - start))
            decay = rng.uniform(4, 12)
            column[start : start + 100] += (
                rng.uniform(0.2, 1.5) * (1 - np.exp(-since / 2)) * np.exp(-since / decay)
            )
    return result


def curves(rng, n_volumes, n_neurons):
    """Return double exponentials, 1 at the first volume, and their time constants in seconds."""
    t = np.arange(n_volumes)[:, None] * INTERVAL
    tau = np.stack([rng.uniform(50, 200, n_neurons), rng.uniform(750, 2500, n_neurons)])
    part = rng.uniform([[0.1], [0.3], [0.1]], [[0.4], [1.0], [0.4]], (3, n_neurons))
    f = part[0] * np.exp(-t / tau[0]) + part[1] * np.exp(-t / tau[1]) + part[2]
    return f / f[0], tau.T


def bleaching_neurons(seed, n_volumes=4000, n_neurons=100):
    rng = np.random.default_rng(seed)
    f, tau = curves(rng, n_volumes, n_neurons)
    noise = 1 + 0.03 * rng.normal(size=f.shape)
    return rng.uniform(50, 500, n_neurons) * f * (1 + transients(rng, *f.shape)) * noise, f, tau


@pytest.fixture(scope="module")
def phantom(make_signal):
    """Return 100 bleaching neurons with transients and 3 % noise, and their truth."""
    data, f, tau = bleaching_neurons(2)
    return make_signal(data, interval=INTERVAL), f, tau


@pytest.fixture(scope="module")
def fit(phantom):
    return fit_bleaching(phantom[0])


def shape_error(fitted, true):
    ratio = fitted / true
    return np.abs(ratio / np.median(ratio, axis=0) - 1)


def test_known_curves_are_found_below_transients(phantom, fit):
    _, f, tau = phantom
    error = shape_error(fit.curve, f)
    assert (error.max(axis=0) <= 0.02).mean() >= 0.99
    assert np.sqrt((error**2).mean(axis=0)).max() <= 0.01
    assert not fit.refused
    assert set(fit.model) == {"double"}
    np.testing.assert_allclose(np.median(fit.tau / tau, axis=0), 1, atol=0.05)
    assert (fit.amplitude >= 0).all()
    assert (fit.constant >= 0).all()
    assert (fit.tau[:, 0] < fit.tau[:, 1]).all()


@pytest.mark.slow
def test_other_neurons_are_fitted_as_well(make_signal):
    # Some of these are active at the first volume, which looks like fast bleaching.
    good = []
    for seed in range(10):
        data, f, _ = bleaching_neurons(100 + seed)
        fit = fit_bleaching(make_signal(data, interval=INTERVAL))
        good.append(shape_error(fit.curve, f).max(axis=0) <= 0.02)
    assert np.mean(good) >= 0.985


def test_the_figures_of_quality_say_that_these_fits_are_good(phantom, fit):
    _, f, _ = phantom
    assert fit.converged.all()
    assert (fit.r2 > 0.95).all()
    assert ((fit.kept > 0.4) & (fit.kept <= 1)).all()
    # Blocks of 10 samples with 3 % noise.
    assert (np.abs(fit.rms - 0.03 / np.sqrt(10)) < 0.003).all()
    np.testing.assert_allclose(fit.bleached, 1 - f[-1] / f[0], atol=0.03)
    assert (fit.condition >= 1).all()
    assert "100 double" in repr(fit)


def test_dividing_restores_the_level_and_keeps_responses(phantom):
    signal, f, _ = phantom
    clean = signal.debleach().data
    expected = signal.data / f  # f is 1 at the first volume
    ratio = clean / expected
    assert (np.abs(ratio / np.median(ratio, axis=0) - 1).max(axis=0) <= 0.02).mean() >= 0.99
    assert np.median(np.abs(np.median(ratio, axis=0) - 1)) < 0.01


def test_subtracting_keeps_the_size_of_responses_in_counts(make_signal):
    rng = np.random.default_rng(1)
    f, _ = curves(rng, 4000, 5)
    response = 20 * transients(rng, *f.shape, n_events=10)
    data = 100 * f + response + rng.normal(size=f.shape)
    clean = make_signal(data).debleach(mode="subtract").data
    assert np.abs((clean - response).mean(axis=0) - 100).max() < 2
    assert (clean - response).std(axis=0).max() < 1.5


def test_a_trace_that_does_not_bleach_is_left_alone(make_signal):
    rng = np.random.default_rng(2)
    data = 100 * (1 + transients(rng, 4000, 20)) * (1 + 0.03 * rng.normal(size=(4000, 20)))
    signal = make_signal(data)
    clean = signal.debleach()
    assert np.abs(clean.data / data - 1).max() < 0.01
    assert set(clean.history[-1].found["refused"]) == set(signal.labels)


def test_the_unit_does_not_matter(phantom):
    signal, _, _ = phantom
    few = attrs.evolve(
        signal,
        data=signal.data[:, :5],
        valid=signal.valid[:, :5],
        sample_time=signal.sample_time[:, :5],
        labels=signal.labels[:5],
    )
    tiny = attrs.evolve(few, data=few.data * 1e-5)
    np.testing.assert_allclose(tiny.debleach().data, few.debleach().data * 1e-5, rtol=1e-6)
    later = attrs.evolve(few, time=few.time * 1000 + 7e5)
    np.testing.assert_allclose(later.debleach().data, few.debleach().data, rtol=1e-6)
    later_tau = [fit["tau"] for fit in later.debleach().history[-1].found["fitted"].values()]
    ratio = np.array(later_tau) / fit_bleaching(few).tau
    np.testing.assert_allclose(ratio, 1000, rtol=1e-4)


def test_without_responses_it_is_scipys_least_squares(make_signal):
    rng = np.random.default_rng(3)
    t = np.arange(2000) * 0.5
    f = 60 * np.exp(-t / 40) + 100 * np.exp(-t / 500) + 30
    y = f * (1 + 0.01 * rng.normal(size=f.shape))
    fit = fit_bleaching(make_signal(y[:, None]), model="double")

    def residual(p):
        curve = p[0] * np.exp(-t / p[1]) + p[2] * np.exp(-t / p[3]) + p[4]
        return (y - curve) / f

    best = least_squares(residual, [50, 50, 90, 400, 20], x_scale="jac").x
    found = [*np.stack([fit.amplitude[0], fit.tau[0]], axis=1).ravel(), fit.constant[0]]
    np.testing.assert_allclose(found, best, rtol=0.1)
    by_scipy = y - residual(best) * f
    np.testing.assert_allclose(fit.curve[:, 0], by_scipy, rtol=2e-3)
    np.testing.assert_allclose(fit.curve[:, 0], f, rtol=5e-3)


def test_one_exponential_where_one_is_enough(make_signal):
    rng = np.random.default_rng(4)
    t = np.arange(2000)[:, None] * 0.5
    f = 100 * np.exp(-t / [200, 300, 500]) + 40
    fit = fit_bleaching(make_signal(f * (1 + 0.02 * rng.normal(size=f.shape))))
    assert fit.model == ("single",) * 3
    np.testing.assert_allclose(fit.tau[:, 0], [200, 300, 500], rtol=0.1)
    assert np.isnan(fit.tau[:, 1]).all()
    np.testing.assert_allclose(fit.curve, f, rtol=0.02)


def test_shared_time_constants(make_signal):
    rng = np.random.default_rng(5)
    t = np.arange(2000)[:, None] * 0.5
    parts = rng.uniform(20, 80, (3, 30))
    f = parts[0] * np.exp(-t / 60) + parts[1] * np.exp(-t / 500) + parts[2]
    signal = make_signal(f * (1 + 0.1 * rng.normal(size=f.shape)))
    fit = fit_bleaching(signal, model="double", shared=True)
    assert np.ptp(fit.tau, axis=0).max() < 1e-6 * fit.tau.max()
    np.testing.assert_allclose(fit.tau[0], [60, 500], rtol=0.15)
    alone = fit_bleaching(signal, model="double")
    assert np.median(shape_error(fit.curve, f)) < np.median(shape_error(alone.curve, f))


def test_only_measured_samples_count(make_signal):
    rng = np.random.default_rng(6)
    f, _ = curves(rng, 2000, 6)
    data = 100 * f * (1 + 0.02 * rng.normal(size=f.shape))
    valid = rng.random(f.shape) > 0.3
    valid[:600, 0] = False  # found late
    whole = make_signal(data).debleach().data
    wrong = np.where(valid, data, 1e4)  # filled in by somebody
    clean = make_signal(wrong, valid=valid).debleach()
    ratio = np.where(valid, clean.data / whole, np.nan)
    assert np.nanmax(np.abs(ratio / np.nanmedian(ratio, axis=0) - 1)) < 0.03
    holes = make_signal(np.where(valid, data, np.nan)).debleach()
    np.testing.assert_array_equal(np.isnan(holes.data), ~valid)
    np.testing.assert_allclose(holes.data[valid], clean.data[valid])
    # The level is that of the first measured sample, not an extrapolated one.
    first = valid.argmax(axis=0)
    columns = np.arange(6)
    np.testing.assert_allclose(clean.data[first, columns], wrong[first, columns])


def test_what_cannot_be_fitted_is_named_with_its_reason(make_signal):
    rng = np.random.default_rng(7)
    t = np.arange(2000) * 0.5
    noise = 1 + 0.02 * rng.normal(size=2000)
    fading = 100 * np.exp(-t / 300) + 30
    data = np.stack(
        [
            fading * noise,
            rng.normal(size=2000),
            np.full(2000, np.nan),
            np.zeros(2000),
            (100 + 20 * np.sin(t / 100)) * noise,
            (200 - fading) * noise,  # rises
            np.where(t < 3, fading, np.nan),
            100 * (1 + 3 * np.exp(-t / 10)) * noise,  # over at once
        ],
        axis=1,
    )
    names = ["fades", "noise", "empty", "zero", "sine", "rises", "short", "early"]
    clean = make_signal(data, labels=names).debleach()
    refused = clean.history[-1].found["refused"]
    assert set(refused) == set(names) - {"fades"}
    assert refused["noise"] == refused["zero"] == "not positive"
    assert refused["empty"] == refused["short"] == "too few measured samples"
    assert refused["rises"] == "hardly bleaches"
    assert refused["early"] == "no clear decay"
    np.testing.assert_array_equal(clean.data[:, 1:], data[:, 1:])
    assert set(clean.history[-1].found["fitted"]) == {"fades"}


@pytest.mark.parametrize("fallback", ["monotone", "percentile"])
def test_a_trend_that_is_no_exponential_has_fallbacks(make_signal, fallback):
    rng = np.random.default_rng(8)
    t = np.arange(4000) * 0.5
    f = 100 - 60 * (t / 2000) ** 4  # bends the wrong way
    data = (f * (1 + 0.02 * rng.normal(size=4000)))[:, None]
    signal = make_signal(data)
    assert signal.debleach().history[-1].found["refused"]
    clean = signal.debleach(fallback=fallback, window=100.0)
    np.testing.assert_allclose(np.median(clean.data.reshape(20, -1), axis=1), 100, rtol=0.08)
    assert clean.history[-1].found["fitted"]["0"]["model"] == fallback
    fit = fit_bleaching(signal, fallback=fallback)
    if fallback == "monotone":
        assert (np.diff(fit.curve[:, 0]) <= 1e-9).all()


def test_it_is_not_done_twice_by_mistake(phantom, make_signal):
    signal, _, _ = phantom
    few = make_signal(signal.data[:, :3])
    once = few.debleach()
    with pytest.raises(AlreadyAppliedError, match="debleach"):
        once.debleach()
    again = once.debleach(force=True)
    assert [step.name for step in again.history] == ["debleach", "debleach"]
    np.testing.assert_allclose(again.data, once.data, rtol=0.05)


def test_the_step_says_what_was_asked_and_found(phantom, make_signal, fit):
    signal, _, _ = phantom
    step = make_signal(signal.data[:, :2], interval=INTERVAL).debleach().history[-1]
    assert step.parameters == {
        "mode": "divide",
        "model": "auto",
        "shared": False,
        "fallback": None,
        "window": None,
        "force": False,
    }
    np.testing.assert_allclose(step.found["fitted"]["0"]["tau"], fit.tau[0], rtol=1e-6)
    assert step.found["refused"] == {}


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "multiply"},
        {"model": "triple"},
        {"fallback": "none"},
        {"window": 0.0},
        {"window": np.nan},
        {"window": "60"},
    ],
)
def test_impossible_options(make_signal, options):
    with pytest.raises(OptionError):
        make_signal(np.ones((50, 2))).debleach(**options)


def test_times_are_needed(make_signal):
    with pytest.raises(SignalError, match="time"):
        make_signal(np.ones((50, 2)), time=np.full(50, np.nan)).debleach()
    with pytest.raises(SignalError, match="moment"):
        make_signal(np.ones((50, 2)), time=np.zeros(50)).debleach()
    with pytest.raises(SignalError, match="moment"):
        make_signal(np.ones((0, 2))).debleach()


def test_what_was_divided_by_its_baseline_is_refused(make_signal):
    with pytest.raises(SignalError, match="dF/F"):
        make_signal(np.ones((50, 2)), quantity="dF/F").debleach()


def test_few_rows_and_no_neurons(make_signal):
    assert make_signal(np.ones((50, 0))).debleach().data.shape == (50, 0)
    clean = make_signal(np.ones((3, 2))).debleach()
    assert set(clean.history[-1].found["refused"].values()) == {"too few measured samples"}


def test_real_traces_that_bleach_no_more_hardly_change(real_data, make_signal):
    with np.load(real_data / "worm_traces" / "kato2015_worm1.npz", allow_pickle=False) as file:
        brightness = 1 + file["neuron_traces"].T
        interval = 1 / float(file["fps"])
    clean = make_signal(brightness, interval=interval).debleach()
    refused = clean.history[-1].found["refused"]
    assert len(refused) >= 0.8 * brightness.shape[1]
    change = np.abs(clean.data / brightness - 1)
    assert np.median(change) == 0
    before, after = (
        np.corrcoef(x.T)[np.triu_indices(x.shape[1], 1)] for x in (brightness, clean.data)
    )
    assert np.corrcoef(before, after)[0, 1] > 0.85


@pytest.mark.parametrize("channel", ["green", "red"])
def test_no_trend_is_left_in_traces_of_the_package_that_is_replaced(
    real_data, make_signal, channel
):
    raw = np.loadtxt(real_data / "legacy_signals" / f"{channel}.txt")
    clean = make_signal(raw).debleach()
    t = np.arange(len(raw))

    def trend(x):
        """Return the change over the recording in standard deviations, of each neuron."""
        slopes = []
        for column in x.T:
            known = np.isfinite(column)
            line = np.polyfit(t[known], column[known], 1)
            slopes.append(line[0] * len(t) / column[known].mean())
        return np.array(slopes)

    assert np.median(trend(raw)) < -0.5
    assert np.abs(np.median(trend(clean.data))) < 0.1
    np.testing.assert_array_equal(np.isnan(clean.data), np.isnan(raw))
