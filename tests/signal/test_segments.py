"""Segments with their own baseline and scale, and normalizations (acceptance A13)."""

import logging

import numpy as np
import pytest

from wormio.errors import AlreadyAppliedError, OptionError, SignalError
from wormio.model import Channel
from wormio.signal import Signal

NAN = np.nan


@pytest.fixture
def traces():
    """60 quiet samples, then a response, in 4 neurons on different levels."""
    rng = np.random.default_rng(0)
    data = rng.normal([100, 200, 300, 400], 1, (200, 4))
    data[60:90] += [10, 20, 0, -40]
    return data


def test_a_constant_baseline_is_the_median_of_its_range(make_signal, traces):
    signal = make_signal(traces, interval=0.5)
    expected = traces[40:140] - np.median(traces[50:60], axis=0)
    by_rows = signal.segment(40, 140, baseline_range=(10, 20), unit="rows")
    by_seconds = signal.segment(20.0, 70.0, baseline_range=(5.0, 10.0))
    np.testing.assert_allclose(by_rows.data, expected)
    np.testing.assert_array_equal(by_seconds.data, by_rows.data)
    assert by_seconds.history[-1].found["rows"] == [40, 140]
    assert by_seconds.history[-1].found["baseline_range"] == [10, 20]
    # Half of the quiet time before the event, as wormdatamodel's users ask for it.
    quiet = signal.segment(40, 140, before=20, baseline_range=(10, None), unit="rows")
    np.testing.assert_allclose(quiet.data, traces[40:140] - np.median(traces[50:140], axis=0))


def test_a_segment_carries_everything_with_it(make_full_signal):
    signal = make_full_signal()
    part = signal.segment(5, 25, before=4, unit="rows")
    np.testing.assert_array_equal(part.time, signal.time[5:25])
    np.testing.assert_array_equal(part.volume, signal.volume[5:25])
    np.testing.assert_array_equal(part.sample_time, signal.sample_time[5:25])
    np.testing.assert_array_equal(part.valid, signal.valid[5:25])
    for name in ("voxels", "saturated", "background"):
        np.testing.assert_array_equal(getattr(part, name), getattr(signal, name)[5:25])
    np.testing.assert_array_equal(
        part.provenance.centre_frame, signal.provenance.centre_frame[5:25]
    )
    assert (part.labels, part.events, part.unit) == (signal.labels, signal.events, signal.unit)
    assert [step.name for step in part.history] == ["invented", "segment"]
    assert np.isnan(part.data[~part.valid]).all()


@pytest.mark.parametrize("dtype", ["f4", "i2", "u2", "f8"])
@pytest.mark.parametrize("normalize", ["none", "baseline", "local_std", "max_abs"])
def test_the_type_of_the_numbers_does_not_matter(make_signal, traces, dtype, normalize):
    whole = np.round(traces)
    options = {"before": 20, "unit": "rows", "normalize": normalize}
    expected = make_signal(whole).segment(40, 140, **options).data
    typed = Signal(
        data=whole.astype(dtype),
        time=np.arange(200) * 0.5,
        channel=Channel(name="green", role="signal"),
    )
    np.testing.assert_allclose(typed.segment(40, 140, **options).data, expected, atol=1e-5)


@pytest.mark.parametrize("first", [0, 15])
@pytest.mark.parametrize("unit", ["rows", "seconds"])
def test_an_exponential_baseline_is_found_and_removed_from_the_whole(make_signal, first, unit):
    """(A, b, c) = (5, -0.1 per sample, 10), fitted from any part of it."""
    x = np.arange(120.0)
    curve = 5 * np.exp(-0.1 * x) + 10
    data = np.stack([curve, 3 * curve - 40], axis=1)
    step = 0.5 if unit == "seconds" else 1
    part = make_signal(data, interval=0.5).segment(
        0, 120 * step, baseline="exponential", baseline_range=(first * step, 45 * step), unit=unit
    )
    np.testing.assert_allclose(part.data, 0, atol=0.01 * 5)
    found = part.history[-1].found
    np.testing.assert_allclose(np.array(found["rate"]) * 0.5, 0.1, rtol=0.01)  # per second
    at_first = np.array([5, 15]) * np.exp(-0.1 * first)
    np.testing.assert_allclose(found["amplitude"], at_first, rtol=0.01)
    assert (found["per"], found["not_fitted"]) == ("s", [])


def test_where_no_exponential_fits_the_baseline_is_constant(make_signal):
    rng = np.random.default_rng(1)
    data = rng.normal(50, 1, (120, 3))
    data[:, 0] += 30 * np.exp(-np.arange(120) / 15)
    data[:, 2] = NAN
    part = make_signal(data, labels=["AVA", "flat", "lost"]).segment(
        0, 120, before=40, baseline="exponential", unit="rows"
    )
    assert part.history[-1].found["not_fitted"] == ["flat", "lost"]
    np.testing.assert_allclose(part.data[:, 1], data[:, 1] - np.median(data[:40, 1]))
    assert np.abs(part.data[:, 0].mean()) < 1
    assert np.isnan(part.data[:, 2]).all()


def test_relative_to_its_baseline(make_signal, traces):
    part = make_signal(traces).segment(40, 140, before=20, normalize="baseline", unit="rows")
    base = np.median(traces[40:60], axis=0)
    np.testing.assert_allclose(part.data, (traces[40:140] - base) / base)
    assert (part.quantity, part.unit) == ("dF/F", "")
    undivided = make_signal(traces).segment(
        40, 140, before=20, baseline="none", normalize="baseline", unit="rows"
    )
    np.testing.assert_allclose(undivided.data, traces[40:140] / base)
    assert undivided.quantity == "fluorescence / baseline"


def test_noise_is_that_of_the_quiet_time(make_signal):
    """The response, however wild, is no noise; the reference had measured it along."""
    rng = np.random.default_rng(2)
    data = np.concatenate([rng.normal(0, 2, (400, 50)), rng.normal(0, 50, (400, 50))])
    signal = make_signal(data)
    for kind, tolerance in (("local_std", 0.03), ("global_std", 0.02)):
        part = signal.segment(0, 800, before=400, normalize=kind, unit="rows")
        assert abs(np.mean(part.history[-1].found["divisor"]) / 2 - 1) < tolerance
        assert part.history[-1].found["noise_range"] == [0, 400]
        assert (part.quantity, part.unit) == (f"fluorescence / {kind}", "")
    wild = signal.segment(
        0, 800, before=400, normalize="local_std", noise_range=(400, None), unit="rows"
    )
    assert abs(np.mean(wild.history[-1].found["divisor"]) / 50 - 1) < 0.03


def test_the_highest_sample_becomes_one(make_signal, traces):
    signal = make_signal(traces)
    options = {"before": 20, "unit": "rows"}
    part = signal.segment(40, 140, normalize="max", **options)
    assert part.data[20:].max(axis=0).tolist() == [1, 1, 1, 1]
    part = signal.segment(40, 140, normalize="max_abs", **options)
    assert np.abs(part.data[20:]).max(axis=0).tolist() == [1, 1, 1, 1]
    assert part.data[:, 3].min() == -1
    part = signal.segment(40, 140, normalize="max", peak_range=(60, 70), **options)
    assert part.data[60:70].max(axis=0).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("normalize", ["baseline", "local_std", "global_std", "max", "max_abs"])
def test_no_division_by_zero(make_signal, normalize, caplog):
    data = np.zeros((50, 3))
    data[:, 1] = np.tile([1.0, 2, 1, 5], 13)[:50] + 100
    data[:, 2] = NAN
    signal = make_signal(data, labels=["dead", "alive", "lost"])
    with caplog.at_level(logging.WARNING, logger="wormio"):
        part = signal.segment(0, 50, before=20, normalize=normalize, unit="rows")
    assert np.isnan(part.data).all(axis=0).tolist() == [True, False, True]
    assert part.history[-1].found["counts"] == {"dead": 50}
    assert part.removed("segment").all(axis=0).tolist() == [True, False, False]
    assert "dead" in caplog.text
    assert part.history[-1].found["divisor"][2] is None


def test_a_negative_height_is_no_divisor(make_signal):
    part = make_signal(-np.arange(1.0, 21)[:, None]).segment(
        0, 20, before=5, baseline="none", normalize="max", unit="rows"
    )
    assert np.isnan(part.data).all()


def test_ranges_that_are_missing_are_asked_for(make_signal, traces):
    signal = make_signal(traces)
    with pytest.raises(OptionError, match=r"which baseline_range\?"):
        signal.segment(0, 50)
    with pytest.raises(OptionError, match=r"which noise_range\?"):
        signal.segment(0, 50, baseline="none", normalize="local_std")
    with pytest.raises(OptionError, match=r"which peak_range\?"):
        signal.segment(0, 50, baseline="none", normalize="max")
    np.testing.assert_array_equal(signal.segment(0, 50, baseline="none").data, traces[:100])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"baseline": "linear"}, "baseline is unknown"),
        ({"baseline": None}, "baseline is unknown"),
        ({"normalize": "std"}, "normalize is unknown"),
        ({"unit": "volumes"}, "unit is unknown"),
        ({"before": -1}, "before is impossible"),
        ({"before": 51}, "before is impossible"),
        ({"before": "10"}, "before is impossible"),
        ({"normalize": "local_std", "noise_range": (0, 1)}, "noise_range holds too few rows"),
        ({"start": 300, "stop": 400}, "start and stop holds too few rows"),
        ({"start": 9, "stop": 9}, "start and stop is no stretch"),
        ({"start": NAN}, "start is impossible"),
        ({"stop": None}, "stop is impossible"),
        ({"baseline_range": (0.1, 0.2)}, "baseline_range holds too few rows"),
        ({"baseline_range": 3}, "baseline_range is no stretch"),
        ({"normalize": "local_std", "window": 1}, "window is no length"),
    ],
)
def test_impossible_options(make_signal, traces, options, problem):
    with pytest.raises(OptionError, match=problem):
        make_signal(traces).segment(**({"start": 0, "stop": 50, "before": 10} | options))


def test_segments_are_refused_what_the_whole_is_refused(make_signal, traces):
    signal = make_signal(traces)
    with pytest.raises(AlreadyAppliedError, match=r"local_std cannot follow smooth"):
        signal.smooth().segment(0, 50, before=10, normalize="local_std")
    signal.smooth().segment(0, 50, before=10, normalize="local_std", force=True)
    with pytest.raises(AlreadyAppliedError, match=r"quantity 'dF/F'"):
        signal.dff().segment(0, 50, before=10, normalize="baseline")
    with pytest.raises(SignalError, match=r'unit="rows"'):
        make_signal(traces, time=np.full(200, NAN)).segment(0, 50, before=10)


def test_a_signal_in_units_of_its_noise(make_signal):
    rng = np.random.default_rng(3)
    data = rng.normal(50, 3, (3000, 20))
    data[1000:1100] += 60
    signal = make_signal(data)
    local = signal.normalize("local_std")
    np.testing.assert_allclose(local.data.mean() / data.mean(), 1 / 3, rtol=0.03)
    assert (local.quantity, local.unit) == ("fluorescence / local_std", "")
    np.testing.assert_allclose(signal.normalize("global_std").data, data / data.std(axis=0))
    score = signal.normalize("zscore")
    np.testing.assert_allclose(score.data, (data - data.mean(axis=0)) / data.std(axis=0))
    assert score.quantity == "z-score of fluorescence"
    quiet = signal.normalize("zscore", over=(None, 1000), unit="rows").data
    np.testing.assert_allclose(quiet[:1000].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(quiet[:1000].std(axis=0), 1)
    assert signal.normalize("max").data.max(axis=0).tolist() == [1] * 20
    assert np.abs(make_signal(-data).normalize("max_abs").data).max(axis=0).tolist() == [1] * 20


def test_normalizing_leaves_out_what_is_missing(make_signal):
    data = np.random.default_rng(4).normal(50, 3, (300, 4))
    data[np.random.default_rng(5).random(data.shape) < 0.3] = NAN
    data[:, 3] = NAN
    data[:, 2] = 7
    result = make_signal(data).normalize("zscore")
    expected = data[:, :2]
    expected = (expected - np.nanmean(expected, axis=0)) / np.nanstd(expected, axis=0)
    np.testing.assert_allclose(result.data[:, :2], expected)
    assert np.isnan(result.data[:, 2:]).all()
    assert result.history[-1].found["counts"] == {"2": 300}


def test_normalizing_twice_is_refused(make_signal, traces):
    signal = make_signal(traces)
    with pytest.raises(AlreadyAppliedError, match=r"normalize was applied already"):
        signal.normalize("max").normalize("local_std")
    with pytest.raises(AlreadyAppliedError, match=r"normalize cannot follow smooth"):
        signal.smooth().normalize("local_std")
    signal.smooth().normalize("global_std")
    signal.smooth().normalize("max").normalize("local_std", force=True)
    for options in (
        {"kind": "l2"},
        {"over": (3, 1)},
        {"unit": "s"},
        {"window": 0},
        {"over": (0, 1)},
    ):
        with pytest.raises(OptionError):
            signal.normalize(**options)
