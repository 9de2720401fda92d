"""What all cleaning steps have in common: purity, the mask, methods, repetition from a history."""

import inspect

import numpy as np
import pytest

from wormio.signal import Signal, load, save
from wormio.signal._cleaning_methods import CleaningMethods
from wormio.signal.steps import step_function

STEPS = {
    "remove_infinities": {},
    "remove_spikes": {"window": "3 s", "replace": "median"},
    "interpolate": {"max_gap": 5.0},
    "median_filter": {"window": 5},
    "smooth": {"kind": "causal", "window": 7, "order": 2},
    "derivative": {"window": "4 s"},
    "subtract_baseline": {"kind": "exponential", "over": (None, 20.0)},
    "dff": {"kind": "constant", "value": np.full(6, 80.0)},
    "normalize": {"kind": "zscore", "over": (1, None), "unit": "rows"},
    "segment": {"start": 2.0, "stop": 30.0, "before": 5.0, "normalize": "global_std"},
}


@pytest.fixture
def signal(make_signal):
    rng = np.random.default_rng(0)
    data = rng.normal(0, 2, (120, 6)) + 60 + 40 * np.exp(-np.arange(120) / 60)[:, None]
    data[rng.random(data.shape) < 0.1] = np.nan
    data[[0, 50], [1, 2]] = np.inf
    data[30, 3] += 60
    return make_signal(data)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_changes_neither_the_signal_nor_what_was_measured(signal, name):
    before = signal.data.copy()
    after = getattr(signal, name)(**STEPS[name])
    np.testing.assert_array_equal(signal.data, before)
    assert not after.data.flags.writeable
    assert signal.history == ()
    assert [step.name for step in after.history] == [name]
    if name == "segment":
        np.testing.assert_array_equal(after.valid, signal.valid[4:60])
    else:
        assert after.valid is signal.valid
        assert after.sample_time is signal.sample_time


@pytest.mark.parametrize("name", STEPS)
def test_a_history_is_enough_to_repeat_a_step(signal, name, tmp_path):
    after = getattr(signal, name)(**STEPS[name])
    save(tmp_path / "a.h5", {"green": after})
    step = load(tmp_path / "a.h5")["green"].history[-1]
    again = step_function(name)(signal, **step.parameters)
    assert again == after


def arguments(function):
    """Return names, kinds and defaults, without the signal itself."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return [(one.name, one.kind, one.default) for one in parameters]


@pytest.mark.parametrize("name", [name for name in STEPS if name != "interpolate"])
def test_a_method_is_its_function(name):
    """Arguments and defaults of both are the same; so the method's docstring may just point."""
    assert arguments(getattr(CleaningMethods, name)) == arguments(step_function(name))
    assert f".{name}`" in inspect.getdoc(getattr(Signal, name))


@pytest.mark.parametrize("name", ["noise", "rolling_std", "snr", "baseline", "global_baseline"])
def test_an_estimate_is_its_function(name):
    from wormio.signal import baselines, noise

    home = baselines if "baseline" in name else noise
    assert arguments(getattr(CleaningMethods, name)) == arguments(getattr(home, name))


def test_the_usual_order_of_steps(signal):
    done = signal.remove_infinities().remove_spikes().interpolate().dff().smooth("savgol", 13, 1)
    assert np.isfinite(done.data).all()
    assert done.valid is signal.valid
    assert done.removed().sum() >= 3
    assert done.removed()[30, 3]
    names = ["remove_infinities", "remove_spikes", "interpolate", "dff", "smooth"]
    assert [step.name for step in done.history] == names


def test_legacy_text_signals_go_through(make_signal, real_data):
    """Files as wormdatamodel 1.5 wrote them, with NaN."""
    for name in ("green", "red"):
        data = np.loadtxt(real_data / f"legacy_signals/{name}.txt")
        assert np.isnan(data).any()
        signal = make_signal(data)
        done = signal.remove_spikes().interpolate().dff("exponential").smooth("causal", 13, 1)
        assert np.isfinite(done.data).all()
        np.testing.assert_array_equal(done.valid, np.isfinite(data))
        assert signal.remove_spikes().removed().mean() < 0.01
        assert (signal.snr() > 1).all()


@pytest.mark.parametrize("name", [name for name in STEPS if name != "interpolate"])
def test_no_step_passes_an_infinity_on_but_as_missing(signal, name):
    after = getattr(signal, name)(**STEPS[name])
    rows = slice(4, 60) if name == "segment" else slice(None)
    infinite = np.isinf(signal.data[rows])
    if name == "remove_spikes":  # which takes out spikes, and these are not its business
        assert np.isinf(after.data[infinite]).all()
    else:
        assert np.isnan(after.data[infinite]).all()
        assert not np.isinf(after.data).any()
