"""What is made of responses, against numpy and scipy."""

import attrs
import numpy as np
import pytest
from scipy import stats

from wormio.errors import OptionError, OutputExistsError, SignalError
from wormio.model import Channel
from wormio.signal import Average, Responses

NAN = np.nan


def make(data, valid=None, *, tau=None, sample_time=None, **changes):
    """Return responses of shape (E, L, N)."""
    data = np.asarray(data, float)
    n_events, n_lags, n_neurons = data.shape
    return Responses(
        **{
            "data": data,
            "valid": np.isfinite(data) if valid is None else valid,
            "sample_time": np.zeros(data.shape) if sample_time is None else sample_time,
            "tau": np.arange(n_lags) - n_lags // 2 if tau is None else tau,
            "event": np.arange(n_events),
            "complete": np.ones(n_events, bool),
            "labels": tuple(f"n{i}" for i in range(n_neurons)),
            "channel": Channel(name="green", emission_nm=510.0),
            "quantity": "fluorescence",
            "unit": "counts",
            **changes,
        }
    )


@pytest.fixture(scope="module")
def noisy():
    """Ten events, seven lags, three neurons; one sample in five was not measured."""
    rng = np.random.default_rng(2)
    data = rng.gamma(2.0, 3.0, (10, 7, 3)) + 20
    return make(data, rng.random(data.shape) > 0.2)


def masked(responses):
    return np.where(responses.valid, responses.data, NAN)


def test_mean_median_and_error_are_those_of_the_measured_samples(noisy):
    average = noisy.average()
    data = masked(noisy)
    np.testing.assert_allclose(average.mean, np.nanmean(data, axis=0))
    np.testing.assert_allclose(average.median, np.nanmedian(data, axis=0))
    np.testing.assert_allclose(average.sem, stats.sem(data, axis=0, nan_policy="omit"))
    np.testing.assert_array_equal(average.count, noisy.valid.sum(axis=0))
    assert average.event.tolist() == list(range(10))


def test_the_median_of_few():
    data = np.array([[[1.0, NAN]], [[5.0, NAN]], [[NAN, 4.0]], [[9.0, NAN]]])
    np.testing.assert_array_equal(make(data).average().median, [[5.0, 4.0]])
    two = make(data[:2]).average()
    np.testing.assert_array_equal(two.median, [[3.0, NAN]])
    np.testing.assert_array_equal(two.count, [[2, 0]])


@pytest.mark.parametrize(("reduce", "oracle"), [("mean", np.nanmean), ("median", np.nanmedian)])
def test_the_baseline_is_that_of_the_measured_samples_before_the_event(noisy, reduce, oracle):
    found = noisy.subtract_baseline(-3, 0, reduce=reduce)
    level = oracle(masked(noisy)[:, :3], axis=1)
    np.testing.assert_allclose(found.data, noisy.data - level[:, None])
    np.testing.assert_array_equal(found.valid, noisy.valid)
    relative = noisy.subtract_baseline(-3, 0, reduce=reduce, divide=True)
    np.testing.assert_allclose(relative.data, noisy.data / level[:, None] - 1)
    assert (relative.quantity, relative.unit) == ("dF/F", "")
    assert relative.history[-1].parameters["divide"] is True


def test_a_window_ends_before_its_stop():
    found = make(np.arange(5.0).reshape(1, 5, 1)).subtract_baseline(-1, 1)
    assert found.data[0, :, 0].tolist() == [-1.5, -0.5, 0.5, 1.5, 2.5]  # of lags -1 and 0
    tenths = make(np.arange(7.0).reshape(1, 7, 1), tau=(np.arange(7) - 3) * 0.1)
    assert tenths.subtract_baseline(-0.3, 0.0).data[0, 0, 0] == -1.0


def test_without_a_baseline_a_response_is_no_response():
    data = [[[1.0, 2.0], [5.0, 6.0]], [[0.0, -1.0], [7.0, 8.0]]]
    valid = np.array([[[False, True], [True, True]], [[True, True], [True, True]]])
    found = make(data, valid, tau=[-1.0, 0.0]).subtract_baseline(-1, 0, divide=True)
    assert np.isnan(found.data[0, :, 0]).all()  # no measured sample
    assert np.isnan(found.data[1]).all()  # not positive
    assert not found.valid[1].any()
    np.testing.assert_allclose(found.data[0, :, 1], [0, 2])
    assert found.history[-1].found == {"without_baseline": 3}


@pytest.mark.parametrize("window", [(0, -1), (1, 1), (10, 20), (NAN, 0)])
def test_a_baseline_without_lags_is_refused(noisy, window):
    with pytest.raises(OptionError, match=r"no lag|start is impossible"):
        noisy.subtract_baseline(*window)
    with pytest.raises(OptionError, match="reduce"):
        noisy.subtract_baseline(-1, 0, reduce="mode")


def test_around_subtracts_the_baseline_on_request(make_signal):
    signal = make_signal(np.arange(20.0)[:, None] ** 2, event_times=[4.0, 7.0])
    plain = signal.around("light", 1.0, 2.0)
    assert signal.around("light", 1.0, 2.0, baseline=(-1, 0)) == plain.subtract_baseline(-1, 0)
    with pytest.raises(OptionError, match="baseline"):
        signal.around("light", 1.0, 2.0, baseline=3)


def test_no_gap_above_a_share_of_the_window():
    valid = np.ones((2, 10, 2), bool)
    valid[0, 2:5, 0] = False  # three of ten
    valid[1, 4:8, 1] = False  # four of ten
    found = make(np.ones(valid.shape), valid).without_gaps(0.3)
    assert found.valid.any(axis=1).tolist() == [[True, True], [True, False]]
    assert np.isnan(found.data[1, :, 1]).all()
    assert found.average().count[0].tolist() == [2, 1]
    assert found.history[-1].found == {"left_out": 1, "of": 4}
    with pytest.raises(OptionError, match="share"):
        found.without_gaps(30)


def test_trim_keeps_the_lags_that_all_events_have(make_signal):
    signal = make_signal(np.arange(30.0)[:, None], event_times=[1.0, 6.0, 8.0, 14.0])
    found = signal.around("light", 2.0, 3.0, until="next_event")
    short = found.trim()
    # The first event has two samples before it; the last but two ends after four.
    np.testing.assert_allclose(short.tau, [-1, -0.5, 0, 0.5])
    assert np.isfinite(short.data).all()
    assert short.complete.all()
    np.testing.assert_array_equal(short.data[1, :, 0], [10, 11, 12, 13])
    assert short.trim() == attrs.evolve(short, history=short.trim().history)


def test_trim_of_responses_without_a_common_lag():
    time = np.full((2, 4, 1), NAN)
    time[0, :2] = time[1, 2:] = 1.0
    with pytest.raises(SignalError, match="in common"):
        make(np.ones((2, 4, 1)), sample_time=time).trim()
    none = make(np.ones((0, 4, 1))).trim()
    assert none.data.shape == (0, 4, 1)


def test_some_of_the_events(noisy):
    kept = noisy.take([2, -1])
    np.testing.assert_array_equal(kept.data, noisy.data[[2, 9]])
    assert kept.event.tolist() == [2, 9]
    assert noisy.take(noisy.event == 2).event.tolist() == [2]
    assert noisy.take([]).data.shape == (0, 7, 3)
    for wrong in ([10], [0.5], [True], [[1]]):
        with pytest.raises(OptionError, match="events"):
            noisy.take(wrong)


@pytest.mark.parametrize("reduce", ["mean", "median"])
def test_the_bootstrap_interval_is_scipys(reduce):
    rng = np.random.default_rng(5)
    data = rng.gamma(2.0, 3.0, (25, 4, 2))
    low, high = make(data).confidence(0.9, reduce=reduce, n_resamples=4000, seed=1)
    oracle = stats.bootstrap(
        (data,),
        getattr(np, reduce),
        axis=0,
        confidence_level=0.9,
        n_resamples=4000,
        method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval
    width = (oracle.high - oracle.low).mean()
    np.testing.assert_allclose(low, oracle.low, atol=0.1 * width)
    np.testing.assert_allclose(high, oracle.high, atol=0.1 * width)


def test_the_interval_counts_measured_samples_only_and_repeats(noisy):
    low, high = noisy.confidence()
    assert (low < noisy.average().mean).all()
    assert (high > noisy.average().mean).all()
    np.testing.assert_array_equal(noisy.confidence()[0], low)
    one = make([[[1.0]], [[NAN]]])
    assert np.isnan(one.confidence()).all()
    outlier = attrs.evolve(noisy, data=np.where(noisy.valid, noisy.data, 1e9))
    np.testing.assert_array_equal(outlier.confidence()[1], high)
    for wrong in ({"level": 95}, {"n_resamples": 0}, {"reduce": "mode"}):
        with pytest.raises(OptionError, match=next(iter(wrong))):
            noisy.confidence(**wrong)


def test_nothing_is_forgotten(make_full_signal):
    signal = make_full_signal().interpolate()
    responses = signal.around("light", 0.5, 1.0, until="next_event", baseline=(-1, 0))
    average = responses.without_gaps(0.5).average()
    names = [step.name for step in average.history]
    assert names == [
        "invented",
        "interpolate",
        "around",
        "subtract_baseline",
        "without_gaps",
        "average",
    ]
    assert average.history[2].parameters == {
        "event_name": "light",
        "before": 0.5,
        "after": 1.0,
        "until": "next_event",
        "align": "nearest",
    }
    assert average.recording == responses.recording == "abc"


def test_an_average_round_trips_every_field(make_full_signal, tmp_path):
    average = make_full_signal().around("light", 0.5, 1.0).average()
    average.save(tmp_path / "a.h5")
    assert Average.load(tmp_path / "a.h5") == average
    with pytest.raises(OutputExistsError):
        average.save(tmp_path / "a.h5")
    average.save(tmp_path / "a.h5", overwrite=True)


def test_a_table_of_an_average(noisy, tmp_path):
    average = noisy.average()
    average.save(tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0] == "label,tau_s,mean,median,sem,count"
    assert len(lines) == 1 + 3 * 7
    table = np.genfromtxt(lines[1:], delimiter=",", usecols=range(1, 6))
    np.testing.assert_array_equal(table[:, 1].reshape(3, 7).T, average.mean)
    np.testing.assert_array_equal(table[:, 4].reshape(3, 7).T, average.count)
    with pytest.raises(OptionError, match=r"\.h5"):
        Average.load(tmp_path / "a.csv")
    make([[[NAN]]]).average().save(tmp_path / "b.csv")
    assert (tmp_path / "b.csv").read_text().splitlines()[1] == "n0,0,,,,0".replace("n0,0", "n0,0.0")


def test_an_average_is_no_file_of_signals(noisy, make_full_signal, tmp_path):
    import wormio

    make_full_signal().save(tmp_path / "signals.h5")
    with pytest.raises(SignalError, match="average"):
        Average.load(tmp_path / "signals.h5")
    with pytest.raises(OutputExistsError, match="never replaced"):
        noisy.average().save(tmp_path / "signals.h5", overwrite=True)
    noisy.average().save(tmp_path / "average.h5")
    with pytest.raises(SignalError, match="wormio-average"):
        wormio.load(tmp_path / "average.h5")
