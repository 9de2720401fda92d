"""Motion correction on two-channel phantoms with known truth (acceptance A10)."""

import attrs
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from wormio.errors import AlreadyAppliedError, OptionError, SignalError
from wormio.signal import replay
from wormio.testing import two_channels

METHODS = ["tmac", "ratio", "regression", "ica"]


def likeness(found, true):
    """Return the correlation with the truth of each neuron."""
    pairs = zip(found.T, true.T, strict=True)
    return np.array([np.corrcoef(x[np.isfinite(x)], y[np.isfinite(x)])[0, 1] for x, y in pairs])


@pytest.fixture(scope="module")
def additive():
    return two_channels(2000, 5, combine="additive", seed=1)


@pytest.fixture(scope="module")
def multiplicative():
    return two_channels(2000, 5, combine="multiplicative", seed=2)


@pytest.fixture(scope="module")
def small():
    return two_channels(600, 2, seed=12)


@pytest.fixture(scope="module")
def by_tmac(additive, multiplicative):
    """Return how alike TMAC's result and the activity are, in the two phantoms."""
    return [
        np.median(likeness(each.signal.correct_motion(each.reference).data, each.activity))
        for each in (additive, multiplicative)
    ]


@pytest.fixture(scope="module")
def gfp():
    """Return two channels of a worm whose green protein is blind to calcium."""
    return two_channels(2000, 4, activity=0.0, seed=3)


@pytest.mark.parametrize(("combine", "least"), [("additive", 0.95), ("multiplicative", 0.92)])
def test_tmac_finds_activity_that_is_as_its_model_says(make_signal, combine, least):
    rng = np.random.default_rng(0)
    a, m = (
        size * gaussian_filter1d(rng.normal(size=(5000, 4)), width, axis=0) * np.sqrt(width) * 1.88
        for size, width in ((0.2, 8), (0.25, 2.5))
    )
    green = 1 + a + m if combine == "additive" else (1 + a) * (1 + m)
    green, red = (make_signal(100 * (x + 0.07 * rng.normal(size=a.shape))) for x in (green, 1 + m))
    assert np.median(likeness(green.data, a)) < 0.65
    corrected = green.correct_motion(red)
    assert np.median(likeness(corrected.data, a)) >= least
    assert np.median(np.abs(likeness(corrected.data, m))) <= 0.05
    assert np.median(likeness(green.data, m)) > 0.7


def test_tmac_finds_transients(additive, multiplicative):
    for phantom, least in ((additive, 0.95), (multiplicative, 0.92)):
        assert np.median(likeness(phantom.signal.data, phantom.activity)) < 0.65
        corrected = phantom.signal.correct_motion(phantom.reference)
        assert np.median(likeness(corrected.data, phantom.activity)) >= least
        assert np.abs(np.median(likeness(corrected.data, phantom.motion))) <= 0.15


@pytest.mark.parametrize(("method", "least"), [("ratio", 0.88), ("regression", 0.9), ("ica", 0.88)])
def test_the_other_methods_find_it_less_well(additive, multiplicative, by_tmac, method, least):
    for phantom, best in zip((additive, multiplicative), by_tmac, strict=True):
        corrected = phantom.signal.correct_motion(phantom.reference, method=method)
        assert least <= np.median(likeness(corrected.data, phantom.activity)) < best


def test_a_protein_blind_to_calcium_comes_out_flat(gfp):
    corrected = gfp.signal.correct_motion(gfp.reference)
    assert corrected.data.std(axis=0).max() <= 0.02
    raw = gfp.signal.data / gfp.signal.data.mean(axis=0)
    assert raw.std(axis=0).min() > 0.15
    for method in ("ratio", "regression", "ica"):
        flat = gfp.signal.correct_motion(gfp.reference, method=method)
        assert np.median(flat.data.std(axis=0)) < 0.06  # the channels' noise: 0.03 each


@pytest.mark.parametrize("method", METHODS)
def test_scales(small, method):
    signal, reference = small.signal, small.reference
    relative = signal.correct_motion(reference, method=method)
    np.testing.assert_allclose(np.nanmean(relative.data, axis=0), 1, atol=0.06)
    assert relative.unit == ""
    counts = signal.correct_motion(reference, method=method, scale="signal")
    np.testing.assert_allclose(counts.data, relative.data * signal.data.mean(axis=0))
    assert counts.unit == "counts"
    brighter = attrs.evolve(signal, data=7 * signal.data)
    dimmer = attrs.evolve(reference, data=reference.data / 50)
    again = brighter.correct_motion(dimmer, method=method)
    np.testing.assert_allclose(again.data, relative.data, rtol=1e-4)


def test_a_ratio_without_noise_is_the_activity():
    phantom = two_channels(500, 3, noise=0.0, seed=4)
    ratio = phantom.signal.correct_motion(phantom.reference, method="ratio", floor=0.0)
    factor = ratio.data / (1 + phantom.activity)
    np.testing.assert_allclose(factor, factor[:1].repeat(500, axis=0), rtol=1e-9)


def test_a_denominator_near_zero_gives_nan_and_is_counted(make_signal):
    rng = np.random.default_rng(5)
    red = 100 + 5 * rng.normal(size=(300, 2))
    red[10:14, 0] = [0.0, -20.0, 3.0, np.inf]
    green = 100 + rng.normal(size=(300, 2))
    corrected = make_signal(green).correct_motion(make_signal(red), method="ratio")
    assert np.flatnonzero(np.isnan(corrected.data[:, 0])).tolist() == [10, 11, 12, 13]
    assert np.flatnonzero(~corrected.valid[:, 0]).tolist() == [10, 11, 12, 13]
    assert np.isfinite(corrected.data[:, 1]).all()
    neurons = corrected.history[-1].found["neurons"]
    assert neurons["0"]["below_floor"] == 3
    assert neurons["1"]["below_floor"] == 0
    assert neurons["1"]["floor"] == pytest.approx(0.15, rel=0.3)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_missing_in_either_channel_is_missing(method):
    phantom = two_channels(800, 2, missing=0.1, seed=6)
    signal, reference = phantom.signal, phantom.reference
    corrected = signal.correct_motion(reference, method=method)
    both = signal.valid & reference.valid
    np.testing.assert_array_equal(corrected.valid, both)
    np.testing.assert_array_equal(np.isfinite(corrected.data), both)
    filled = signal.interpolate().correct_motion(
        reference.interpolate(), method=method, missing="inferred"
    )
    np.testing.assert_array_equal(filled.valid, both)
    assert np.isfinite(filled.data).all()
    np.testing.assert_allclose(filled.data[both], corrected.data[both], rtol=0.2)


def test_tmac_bridges_gaps_but_does_not_go_beyond_the_ends():
    phantom = two_channels(1500, 2, seed=7)
    data = phantom.signal.data.copy()
    data[:50] = data[700:704] = np.nan
    signal = attrs.evolve(phantom.signal, data=data, valid=np.isfinite(data))
    corrected = signal.correct_motion(phantom.reference, missing="inferred")
    assert np.isnan(corrected.data[:50]).all()
    assert np.isfinite(corrected.data[50:]).all()
    assert not corrected.valid[700:704].any()
    whole = phantom.signal.correct_motion(phantom.reference).data
    np.testing.assert_allclose(corrected.data[50:], whole[50:], atol=0.25)


def test_the_history_holds_both_channels(small):
    signal = small.signal.debleach()
    reference = small.reference.correct_jumps().debleach()
    corrected = signal.correct_motion(reference, method="regression", noisy_reference=True)
    assert [step.name for step in corrected.history] == ["debleach", "correct_motion"]
    step = corrected.history[-1]
    kept = step.parameters.pop("reference")["signal"]
    assert [inner["name"] for inner in kept["history"]] == ["correct_jumps", "debleach"]
    assert kept["channel"] == "red"
    assert step.parameters == {
        "method": "regression",
        "scale": "relative",
        "missing": "nan",
        "force": False,
        "nonnegative": True,
        "noisy_reference": True,
    }
    assert set(step.found["neurons"]) == set(signal.labels)
    assert corrected.channel.name == "green"
    with pytest.raises(AlreadyAppliedError):
        corrected.correct_motion(reference)


def test_neurons_that_cannot_be_corrected_are_named(make_signal, caplog):
    rng = np.random.default_rng(8)
    green, red = 100 + rng.normal(size=(2, 100, 5))
    green[:, 0] = np.nan
    red[:, 1] = np.nan
    green[:90, 2] = np.nan
    red[:, 3] = -100
    names = ["no green", "no red", "short", "negative", "fine"]
    pair = [make_signal(data, labels=names) for data in (green, red)]
    for method in METHODS:
        corrected = pair[0].correct_motion(pair[1], method=method)
        assert set(corrected.history[-1].found["refused"]) == set(names[:4])
        assert np.isnan(corrected.data[:, :4]).all()
        assert not corrected.valid[:, :4].any()
        assert np.isfinite(corrected.data[:, 4]).any()
    assert "no red" in caplog.text


def test_a_reference_that_does_not_vary_is_refused(make_signal):
    rng = np.random.default_rng(9)
    green = make_signal(100 + rng.normal(size=(100, 1)))
    flat = make_signal(np.full((100, 1), 50.0))
    for method in ("tmac", "regression", "ica"):
        corrected = green.correct_motion(flat, method=method)
        assert set(corrected.history[-1].found["refused"]) == {"0"}
    same = green.correct_motion(green, method="ica")
    assert same.history[-1].found["refused"] == {"0": "the channels are proportional"}


def test_channels_must_belong_together(make_signal):
    signal = make_signal(np.ones((50, 2)))
    for other in (
        make_signal(np.ones((50, 2)), labels=["a", "b"]),
        make_signal(np.ones((50, 2)), volume=np.arange(50) + 1),
        make_signal(np.ones((50, 2)), recording="another"),
        make_signal(np.ones((40, 2))),
    ):
        with pytest.raises(SignalError, match="belong together"):
            signal.correct_motion(other)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "2.1"},
        {"method": 0.0},
        {"scale": "raw"},
        {"missing": "zero"},
        {"method": "tmac", "floor": 3.0},
        {"method": "ratio", "flor": 3.0},
        {"method": "ratio", "floor": -1.0},
        {"method": "ratio", "floor": np.nan},
        {"method": "ratio", "floor": "3"},
        {"method": "regression", "nonnegative": 1},
    ],
)
def test_impossible_options(small, options):
    with pytest.raises(OptionError):
        small.signal.correct_motion(small.reference, **options)


def test_the_reference_is_a_signal(small):
    with pytest.raises(OptionError, match="no signal"):
        small.signal.correct_motion("red")


def test_tmac_of_a_smoothed_signal_is_warned_of(make_signal, caplog):
    phantom = two_channels(200, 1, seed=10)
    smooth = phantom.signal.with_step("smooth", {})
    smooth.correct_motion(phantom.reference)
    assert "white" in caplog.text


def test_a_history_of_corrections_is_repeated_to_the_same_digest():
    phantom = two_channels(600, 2, bleaching=True, seed=11)
    reference = phantom.reference.correct_jumps().debleach()
    done = phantom.signal.correct_jumps(common="never").debleach()
    done = done.correct_motion(reference, method="ratio", floor=2.0)
    again = replay(done.history, phantom.signal, [phantom.reference])
    assert again.digest == done.digest
    assert again.history == done.history
