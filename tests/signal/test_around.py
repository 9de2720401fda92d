"""Responses against a plain loop over events, lags and neurons (acceptance A14)."""

import itertools

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormio.errors import OptionError, SignalError
from wormio.model import Channel, EventStatus
from wormio.signal import Responses, Signal

NAN = np.nan


def ramp(n=20, n_neurons=1):
    """Return data that name their row and neuron: row + 100 * neuron."""
    return np.arange(n)[:, None] + 100.0 * np.arange(n_neurons)


def test_nearest_takes_the_samples_around_each_event(make_signal):
    signal = make_signal(ramp(20, 2), event_times=[2.5, 6.1])
    found = signal.around("light", 1.0, 1.5)
    np.testing.assert_allclose(found.tau, [-1, -0.5, 0, 0.5, 1, 1.5])
    assert found.tau[2] == 0
    np.testing.assert_array_equal(found.data[0, :, 0], [3, 4, 5, 6, 7, 8])
    np.testing.assert_array_equal(found.data[1, :, 1], 100 + np.arange(10, 16))
    np.testing.assert_allclose(found.sample_time[1, :, 0], 5 + 0.5 * np.arange(6))
    assert found.valid.all()
    assert found.event.tolist() == [0, 1]
    assert found.complete.tolist() == [True, True]
    assert (found.labels, found.unit, found.quantity) == (("0", "1"), "counts", "fluorescence")
    assert found.channel == signal.channel


def test_each_neuron_follows_its_own_clock(make_signal):
    time = np.arange(20) * 0.5
    signal = make_signal(ramp(20, 2), sample_time=time[:, None] + [0.0, 0.3], event_times=[5.1])
    nearest = signal.around("light", 0, 0)
    # 5.0 is nearest for neuron 0; for neuron 1, 4.8 is not, 5.3 is.
    np.testing.assert_array_equal(nearest.data, [[[10, 110]]])
    np.testing.assert_allclose(nearest.sample_time, [[[5.0, 5.3]]])
    between = signal.around("light", 0, 0, align="interp")
    np.testing.assert_allclose(between.data, [[[10.2, 109.6]]])
    np.testing.assert_allclose(between.sample_time, [[[5.1, 5.1]]])


def test_the_window_is_rounded_down_but_not_by_rounding_errors(make_signal):
    signal = make_signal(ramp(50), interval=0.1, event_times=[2.0])
    assert len(signal.around("light", 0.3, 0.7).tau) == 3 + 1 + 7
    assert len(signal.around("light", 0.39, 0.0).tau) == 3 + 1


def test_of_two_equally_near_samples_always_the_earlier(make_signal):
    signal = make_signal(ramp(300), interval=0.1, event_times=[15.05])
    found = signal.around("light", 10.0, 10.0)
    np.testing.assert_array_equal(found.data[0, :, 0], np.arange(50, 251))


def test_events_at_the_ends_are_kept_and_those_outside_are_not(make_signal):
    signal = make_signal(ramp(10), event_times=[NAN, 0.5, 2.0, 4.5])
    found = signal.around("light", 1.0, 1.0)
    assert found.event.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(found.data[0, :, 0], [NAN, 0, 1, 2, 3])
    np.testing.assert_array_equal(found.data[2, :, 0], [7, 8, 9, NAN, NAN])
    assert found.valid[0, :, 0].tolist() == [False, True, True, True, True]
    assert np.isnan(found.sample_time[0, 0, 0])
    assert found.complete.tolist() == [False, True, False]


def test_an_event_outside_is_left_out_by_its_status(make_signal, make_events):
    status = [EventStatus.OUTSIDE, EventStatus.PARTIAL_VOLUME, EventStatus.SNAPPED]
    table = make_events([1.0, 2.0, 3.0], status=status)
    signal = make_signal(ramp(10), events={"light": table})
    assert signal.around("light", 0, 0).event.tolist() == [1, 2]


def test_the_baseline_is_kept_across_events_and_the_response_ends_at_the_next(make_signal):
    signal = make_signal(ramp(20), event_times=[5.0, 3.0])  # in the order of the file
    whole = signal.around("light", 1.5, 3.0)
    assert not np.isnan(whole.data).any()
    cut = signal.around("light", 1.5, 3.0, until="next_event")
    np.testing.assert_array_equal(cut.data[0, :, 0], np.arange(7, 17))
    np.testing.assert_array_equal(cut.data[1, :, 0], [3, 4, 5, 6, 7, 8, 9, NAN, NAN, NAN])
    assert cut.complete.tolist() == [True, False]
    assert whole.complete.tolist() == [True, True]


def test_a_line_does_not_reach_into_the_next_event(make_signal):
    signal = make_signal(ramp(20), event_times=[3.1, 4.9])
    cut = signal.around("light", 0.0, 2.0, until="next_event", align="interp")
    # 4.6 lies between 4.5 and 5.0, and 5.0 is after the event at 4.9.
    np.testing.assert_allclose(cut.data[0, :, 0], [6.2, 7.2, 8.2, NAN, NAN])


def test_two_events_at_one_time_do_not_cut_each_other(make_signal):
    signal = make_signal(ramp(20), event_times=[3.0, 3.0, 4.0])
    cut = signal.around("light", 0, 1.5, until="next_event")
    np.testing.assert_array_equal(cut.data[:, :, 0], [[6, 7, NAN, NAN]] * 2 + [[8, 9, 10, 11]])


@pytest.mark.parametrize("align", ["nearest", "interp"])
def test_a_filled_in_sample_is_shown_but_not_valid(make_signal, align):
    data = ramp(10)
    data[5] = NAN
    own = np.arange(10)[:, None] * 0.5
    own[5] = NAN
    signal = make_signal(data, sample_time=own, event_times=[2.5])
    raw = signal.around("light", 0.5, 0.5, align=align)
    np.testing.assert_array_equal(raw.data[0, :, 0], [4, NAN, 6])
    filled = signal.interpolate().around("light", 0.5, 0.5, align=align)
    np.testing.assert_array_equal(filled.data[0, :, 0], [4, 5, 6])
    assert raw.valid[0, :, 0].tolist() == filled.valid[0, :, 0].tolist() == [True, False, True]


@pytest.mark.parametrize("align", ["nearest", "interp"])
def test_a_filled_in_spike_is_no_measurement(make_signal, make_events, align):
    """It was measured, and `Signal.valid` says so still; but what stands there now was made."""
    data = 100 + np.random.default_rng(0).normal(0, 1, (60, 2))
    data[12, 0] += 100
    raw = make_signal(data, events={"light": make_events([5.0, 15.0], volume=[10, 30])})
    for done in (
        raw.remove_spikes().interpolate(),
        raw.remove_spikes(replace="median"),
        raw.remove_spikes().interpolate().smooth(),
    ):
        assert done.removed()[12, 0]
        assert done.valid.all()
        spike = done.around("light", 2, 5, align=align)
        assert not spike.valid[0, 6, 0]  # one second after the first event
        assert np.isfinite(spike.data).all()
        others = spike.valid.sum(axis=0) == 2
        average = spike.average()
        assert average.count[6].tolist() == [1, 2]
        np.testing.assert_allclose(average.mean[6, 0], spike.data[1, 6, 0])
        if align == "nearest":
            assert np.argwhere(~others).tolist() == [[6, 0]]
        block = done.blocks("light").trim()
        assert not block.valid[0, 2, 0]
        assert block.valid.sum() == block.valid.size - 1
    assert raw.around("light", 2, 5, align=align).valid.all()


def test_a_line_is_valid_only_between_two_measured_samples(make_signal):
    valid = np.ones((10, 1), bool)
    valid[5] = False
    signal = make_signal(ramp(10), valid=valid, event_times=[1.75])
    found = signal.around("light", 0, 2.0, align="interp")
    np.testing.assert_allclose(found.data[0, :, 0], [3.5, 4.5, 5.5, 6.5, 7.5])
    assert found.valid[0, :, 0].tolist() == [True, False, False, True, True]


def test_no_line_across_a_missing_volume(make_signal):
    keep = np.r_[0:5, 6:12]
    time = np.arange(12)[keep] * 0.5
    signal = make_signal(ramp(12)[keep], time=time, event_times=[1.75])
    found = signal.around("light", 0, 2.0, align="interp")
    np.testing.assert_allclose(found.data[0, :, 0], [3.5, NAN, NAN, 6.5, 7.5])
    exact = attrs.evolve(signal, events={"light": _at(signal, 2.0)})
    found = exact.around("light", 0.5, 1.0, align="interp")
    np.testing.assert_allclose(found.data[0, :, 0], [3, 4, NAN, 6])


def _at(signal, seconds):
    return attrs.evolve(signal.events["light"], time=[seconds])


def test_no_extrapolation(make_signal):
    signal = make_signal(ramp(5), event_times=[0.25, 1.75])
    found = signal.around("light", 0.5, 0.5, align="interp")
    np.testing.assert_allclose(found.data[0, :, 0], [NAN, 0.5, 1.5])
    np.testing.assert_allclose(found.data[1, :, 0], [2.5, 3.5, NAN])
    assert found.complete.tolist() == [False, False]


def test_no_events_give_empty_responses(make_signal):
    found = make_signal(ramp(5, 2), event_times=[]).around("light", 1, 1)
    assert found.data.shape == found.valid.shape == (0, 5, 2)
    assert found.longest_gap().shape == (0, 2)
    average = found.average()
    assert np.isnan(average.mean).all()
    assert not average.count.any()


def test_no_neurons(make_signal):
    found = make_signal(np.zeros((5, 0)), event_times=[1.0]).around("light", 1, 1)
    assert found.data.shape == (1, 5, 0)


def test_an_unknown_table_is_named_with_those_there_are(make_signal):
    with pytest.raises(SignalError, match=r"'dark'[^$]*'light'"):
        make_signal(ramp(5), event_times=[1.0]).around("dark", 1, 1)
    with pytest.raises(SignalError, match="no events"):
        make_signal(ramp(5)).around("dark", 1, 1)


def test_without_times_nothing_can_be_aligned(make_signal):
    signal = make_signal(ramp(5), time=np.full(5, NAN), event_times=[1.0])
    with pytest.raises(SignalError, match="known, increasing times"):
        signal.around("light", 1, 1)


@pytest.mark.parametrize(
    "options",
    [
        {"before": -1},
        {"after": np.inf},
        {"before": NAN},
        {"until": "forever"},
        {"align": "best"},
    ],
)
def test_impossible_options(make_signal, options):
    signal = make_signal(ramp(5), event_times=[1.0])
    with pytest.raises(OptionError, match=next(iter(options))):
        signal.around(**({"event_name": "light", "before": 1, "after": 1} | options))


def responses(data, valid):
    data, valid = np.asarray(data, float)[..., None], np.asarray(valid, bool)[..., None]
    n_events, n_lags = data.shape[:2]
    return Responses(
        data=data,
        valid=valid,
        sample_time=np.zeros_like(data),
        tau=np.arange(n_lags),
        event=np.arange(n_events),
        complete=np.ones(n_events, bool),
        labels=("AVA",),
        channel=Channel(name="green"),
        quantity="fluorescence",
        unit="counts",
    )


def test_longest_gap_by_hand():
    valid = [[1, 0, 0, 1, 0], [0, 0, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]]
    gaps = responses(np.zeros((4, 5)), valid).longest_gap()
    assert gaps.tolist() == [[2], [2], [0], [5]]


def test_average_by_hand_ignores_what_was_not_measured():
    data = [[1, 1e6, NAN, 7], [3, 2, NAN, NAN], [8, 4, NAN, NAN]]
    valid = [[1, 0, 0, 1], [1, 1, 0, 0], [1, 1, 0, 1]]
    average = responses(data, valid).average()
    np.testing.assert_array_equal(average.count[:, 0], [3, 2, 0, 1])
    np.testing.assert_allclose(average.mean[:, 0], [4, 3, NAN, 7])
    by_hand = [np.std([1, 3, 8], ddof=1) / np.sqrt(3), np.std([2, 4], ddof=1) / np.sqrt(2)]
    np.testing.assert_allclose(average.sem[:, 0], [*by_hand, NAN, NAN])
    assert average.labels == ("AVA",)


def naive(signal, times, n_before, n_after, until, align):
    """Look at every event, lag and neuron on its own, sample by sample."""
    dt = float(np.median(np.diff(signal.time)))
    shape = (len(times), n_before + 1 + n_after, signal.n_neurons)
    data, valid = np.full(shape, NAN), np.zeros(shape, bool)
    for e, start in enumerate(times):
        following = [t for t in times if t > start]
        stop = min(following, default=np.inf) if until == "next_event" else np.inf
        for i, k in enumerate(range(-n_before, n_after + 1)):
            goal = start + k * dt
            for n in range(signal.n_neurons):
                clock = signal.sample_time[:, n]
                if align == "nearest":
                    at = int(np.argmin(np.abs(clock - goal)))
                    gaps = [b - a for a, b in itertools.pairwise(clock) if a < goal < b]
                    near = abs(clock[at] - goal) <= dt / 2
                    if (near or (gaps and gaps[0] < 2 * dt)) and clock[at] < stop:
                        data[e, i, n] = signal.data[at, n]
                        valid[e, i, n] = signal.valid[at, n]
                    continue
                for at in range(len(clock) - 1):
                    early, late = clock[at], clock[at + 1]
                    if early < goal < late and late - early < 2 * dt and late < stop:
                        part = (goal - early) / (late - early)
                        data[e, i, n] = (1 - part) * signal.data[at, n]
                        data[e, i, n] += part * signal.data[at + 1, n]
                        valid[e, i, n] = signal.valid[at, n] and signal.valid[at + 1, n]
    return data, valid


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 5),
    st.integers(0, 8),
    st.sampled_from(["window", "next_event"]),
    st.sampled_from(["nearest", "interp"]),
)
def test_agrees_with_a_plain_loop(make_signal, seed, n_before, n_after, until, align):
    # Times come from a generator: no two of them are equally near to a third.
    rng = np.random.default_rng(seed)
    n_volumes, n_neurons = int(rng.integers(3, 30)), int(rng.integers(1, 4))
    steps = rng.choice([0.5, 0.5, 0.5, 1.3], n_volumes) + rng.uniform(-0.04, 0.04, n_volumes)
    time = 10 + np.cumsum(steps)
    data = rng.normal(size=(n_volumes, n_neurons))
    data[rng.random(data.shape) < 0.2] = NAN
    times = rng.uniform(time[0] - 1, time[-1] + 1, int(rng.integers(0, 5)))
    signal = make_signal(
        data,
        time=time,
        sample_time=time[:, None] + rng.uniform(0, 0.2, data.shape),
        event_times=times,
    )
    dt = signal.volume_interval
    found = signal.around("light", n_before * dt, n_after * dt, until=until, align=align)
    first, last = signal.sample_time.min() - dt, signal.sample_time.max() + dt
    kept = (times + n_after * dt >= first) & (times - n_before * dt <= last)
    np.testing.assert_array_equal(found.event, np.flatnonzero(kept))
    data, valid = naive(signal, times[kept], n_before, n_after, until, align)
    np.testing.assert_allclose(found.data, data, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(found.valid, valid)


def test_real_traces_around_real_state_changes(real_data, make_events):
    with np.load(real_data / "worm_traces" / "kato2015_worm1.npz") as archive:
        traces, fps, state = archive["neuron_traces"].T, float(archive["fps"]), archive["B"]
    time = np.arange(len(traces)) / fps
    changes = np.flatnonzero(np.diff(state)) + 1
    signal = Signal(
        data=traces,
        time=time,
        channel=Channel(name="green"),
        events={"state": make_events(time[changes], volume=changes)},
        quantity="dF/F",
        unit="",
    )
    found = signal.around("state", 5.0, 10.0)
    n_before, n_after = int(5 * fps), int(10 * fps)
    padded = np.pad(traces, ((n_before, n_after), (0, 0)), constant_values=NAN)
    expected = np.stack([padded[at : at + n_before + 1 + n_after] for at in changes])
    np.testing.assert_array_equal(found.data, expected)
    np.testing.assert_allclose(found.average().mean, np.nanmean(expected, axis=0))
    same = signal.around("state", 5.0, 10.0, align="interp")
    np.testing.assert_allclose(same.data, expected, rtol=0, atol=1e-8)


def test_between_alternating_samples_of_a_scan_that_goes_both_ways_a_line_is_drawn(
    make_signal, make_events
):
    time = np.arange(40) * 1.0
    # Seen late in one sweep and early in the next: 0.2 and 1.8 s apart in turn.
    sample_time = (time + np.where(np.arange(40) % 2 == 0, 0.9, 0.1))[:, np.newaxis]
    events = {"light": make_events([20.3])}
    signal = make_signal(2 * sample_time, time=time + 0.5, sample_time=sample_time, events=events)
    found = signal.around("light", 5, 5, align="interp")
    np.testing.assert_allclose(found.data[0, :, 0], 2 * (20.3 + found.tau))


def test_between_alternating_samples_of_a_scan_that_goes_both_ways_the_nearest_is_taken(
    make_signal, make_events
):
    time = np.arange(40) * 1.0
    sample_time = (time + np.where(np.arange(40) % 2 == 0, 0.9, 0.1))[:, np.newaxis]
    events = {"light": make_events([20.15])}
    signal = make_signal(2 * sample_time, time=time + 0.5, sample_time=sample_time, events=events)
    found = signal.around("light", 5, 5)
    goals = 20.15 + found.tau
    nearest = [sample_time[np.argmin(np.abs(sample_time[:, 0] - goal)), 0] for goal in goals]
    np.testing.assert_array_equal(found.sample_time[0, :, 0], nearest)
    np.testing.assert_array_equal(found.data[0, :, 0], 2 * np.array(nearest))
    assert found.valid.all()


def test_no_sample_stands_for_a_missing_volume(make_signal):
    keep = np.r_[0:5, 6:12]
    signal = make_signal(ramp(12)[keep], time=np.arange(12)[keep] * 0.5, event_times=[2.3])
    found = signal.around("light", 0.5, 0.5)
    # Samples at 2.0 and 3.0 are two intervals apart: 2.3 is farther than half of one from 2.0.
    np.testing.assert_array_equal(found.data[0, :, 0], [4, NAN, 6])


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["ordered", "lost", "shuffled", "far apart", "no times"]),
    st.sampled_from(["nearest", "interp"]),
)
def test_all_neurons_at_once_are_each_on_its_own(make_signal, seed, clocks, align):
    rng = np.random.default_rng(seed)
    n_volumes, n_neurons = 40, 4
    time = np.cumsum(rng.choice([0.5, 0.5, 0.5, 1.5], n_volumes))
    own = time[:, None] + rng.uniform(0, 0.4, (n_volumes, n_neurons))
    if clocks == "lost":
        own[rng.random(own.shape) < 0.3] = NAN
    elif clocks == "shuffled":
        own = rng.permuted(own, axis=0)
    elif clocks == "far apart":
        own += np.arange(n_neurons) * 10
    elif clocks == "no times":
        own[:, 0] = NAN
        time[rng.random(n_volumes) < 0.2] = NAN
    data = rng.normal(size=own.shape)
    data[rng.random(own.shape) < 0.1] = NAN
    signal = make_signal(data, time=time, sample_time=own, event_times=rng.uniform(3, 15, 3))
    options = {"before": 2.0, "after": 4.0, "align": align, "until": "next_event"}
    together = signal.around("light", **options)
    for neuron in range(n_neurons):
        alone = signal.select(neurons=neuron).around("light", **options)
        # Alone, an event may be too far away from all its samples.
        kept = np.isin(together.event, alone.event)
        assert not together.valid[~kept, :, neuron].any()
        for name in ("data", "valid", "sample_time"):
            np.testing.assert_array_equal(
                getattr(together, name)[kept][..., neuron], getattr(alone, name)[..., 0]
            )
