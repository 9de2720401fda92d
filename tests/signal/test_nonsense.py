"""Odd signals and wrong arguments: a result without infinities, or an error of wormio's, no more.

Warnings are errors here, as everywhere in these tests.
"""

import inspect

import attrs
import numpy as np
import pytest

from wormio.errors import OptionError, SignalError, WormioError
from wormio.model import Channel
from wormio.signal import Signal
from wormio.signal.steps import STEPS, step_function

N_ROWS = 60
TIME = np.arange(N_ROWS) * 0.5
DATA = 100 + np.random.default_rng(0).normal(0, 1, (N_ROWS, 3))


def with_holes(value, rows):
    data = DATA.copy()
    data[rows, :2] = value
    return data


ODD = {
    "no rows": (DATA[:0], TIME[:0]),
    "no neurons": (DATA[:, :0], TIME),
    "nothing": (DATA[:0, :0], TIME[:0]),
    "one row": (DATA[:1], TIME[:1]),
    "two rows": (DATA[:2], TIME[:2]),
    "seven rows": (DATA[:7], TIME[:7]),
    "empty neurons": (with_holes(np.nan, slice(None)), TIME),
    "one sample": (with_holes(np.nan, np.arange(N_ROWS) != 30), TIME),
    "constant": (np.full_like(DATA, 5), TIME),
    "zero": (np.zeros_like(DATA), TIME),
    "negative": (-DATA, TIME),
    "unsorted": (DATA, np.random.default_rng(1).permutation(TIME)),
    "backwards": (DATA, TIME[::-1]),
    "some times unknown": (DATA, np.where(TIME < 5, np.nan, TIME)),
    "no time known": (DATA, np.full(N_ROWS, np.nan)),
    "an infinite time": (DATA, np.where(TIME == 5, np.inf, TIME)),
    "all at once": (DATA, np.zeros(N_ROWS)),
    "hardly any time": (DATA, TIME * 1e-300),
    "ages": (DATA, TIME * 1e300),
    "large": (DATA * 1e97, TIME),
    "tiny": (DATA * 1e-310, TIME),
    "infinities": (with_holes(np.inf, [0, 1, 30]), TIME),
    "minus infinity": (with_holes(-np.inf, slice(None)), TIME),
}

REFERENCE = "the reference"
CALLS = [
    ("interpolate", {"max_gap": 1.0}),
    ("remove_infinities", {}),
    ("remove_spikes", {"window": "3 s", "replace": "median"}),
    ("remove_spikes", {"method": "legacy_global"}),
    ("median_filter", {"window": "2 s"}),
    ("smooth", {}),
    ("smooth", {"kind": "causal", "window": 5}),
    ("smooth", {"kind": "box", "legacy": True}),
    ("derivative", {}),
    ("subtract_baseline", {"kind": "exponential"}),
    ("dff", {}),
    ("dff", {"kind": "rolling_percentile"}),
    ("dff", {"kind": "maximin"}),
    ("dff", {"kind": "constant", "value": 1e-300}),
    ("normalize", {"kind": "local_std"}),
    ("normalize", {"kind": "zscore"}),
    ("normalize", {"kind": "max_abs"}),
    ("segment", {"start": 2, "stop": 20, "before": 5, "baseline": "exponential"}),
    ("segment", {"start": 2, "stop": 20, "before": 5, "normalize": "baseline"}),
    ("segment", {"start": 2, "stop": 20, "before": 5, "normalize": "local_std"}),
    ("select", {"neurons": [0], "rows": slice(0, 3)}),
    ("subtract", {"other": REFERENCE}),
    ("divide", {"other": REFERENCE}),
    ("divide", {"other": 1e-300}),
    ("substitute", {"matchless": REFERENCE, "threshold": 0.3}),
    ("debleach", {"fallback": "percentile"}),
    ("correct_jumps", {"direction": "both"}),
    ("correct_jumps", {"at": [20.0]}),
    ("correct_motion", {"reference": REFERENCE, "method": "ratio"}),
    ("correct_motion", {"reference": REFERENCE, "method": "regression"}),
    ("correct_motion", {"reference": REFERENCE, "method": "ica"}),
]
SLOW_CALLS = [
    ("debleach", {"shared": True, "mode": "subtract"}),
    ("correct_motion", {"reference": REFERENCE, "method": "tmac"}),
]
ESTIMATES = [
    ("noise", {}),
    ("noise", {"method": "welch"}),
    ("noise", {"legacy": True}),
    ("rolling_std", {"window": "4 s"}),
    ("snr", {"kind": "peak"}),
    ("global_baseline", {}),
    ("baseline", {"kind": "maximin"}),
]


def signal_of(data, time, name="green"):
    return Signal(data=data, time=time, channel=Channel(name=name))


def resolved(options, signal):
    red = attrs.evolve(signal, channel=Channel(name="red"))
    return {key: red if value is REFERENCE else value for key, value in options.items()}


def attempted(call):
    """Return what a call returns; None if it raises an error of wormio's that says enough."""
    try:
        return call()
    except WormioError as error:
        told = error
    assert told.expected or told.found or told.cure, told
    return None


@pytest.mark.parametrize(
    ("name", "options"),
    [*CALLS, *(pytest.param(*call, marks=pytest.mark.slow) for call in SLOW_CALLS)],
    ids=str,
)
def test_steps_of_odd_signals(name, options):
    for what, (data, time) in ODD.items():
        signal = signal_of(data, time)
        given = resolved(options, signal)
        done = attempted(lambda signal=signal, given=given: step_function(name)(signal, **given))
        if done is not None and what not in {"infinities", "minus infinity"}:
            assert not np.isinf(done.data).any(), what


def test_every_step_is_among_them():
    assert {name for name, _ in CALLS} == set(STEPS) - {"recipe"}


@pytest.mark.parametrize(("name", "options"), ESTIMATES, ids=str)
def test_estimates_of_odd_signals(name, options):
    for what, (data, time) in ODD.items():
        signal = signal_of(data, time)
        found = attempted(lambda signal=signal: getattr(signal, name)(**options))
        assert found is None or not np.isinf(found).any(), what


@pytest.mark.parametrize("align", ["nearest", "interp"])
@pytest.mark.parametrize("until", ["window", "next_event"])
def test_responses_of_odd_signals(make_events, align, until):
    events = {"light": make_events([3.0, 9.0, np.nan, 1e300])}

    def average(signal):
        responses = signal.around("light", 2, 5, until=until, align=align)
        responses.without_gaps(0.3).confidence(n_resamples=10)
        signal.blocks("light").trim().average()
        return responses.subtract_baseline(-2, 0).average()

    for what, (data, time) in ODD.items():
        signal = attrs.evolve(signal_of(data, time), events=events)
        found = attempted(lambda signal=signal: average(signal))
        assert found is None or not np.isinf(found.mean).any(), what


@pytest.mark.parametrize(
    ("name", "options"),
    [call for call in [*CALLS, *SLOW_CALLS] if call[0] not in {"select", "substitute"}],
    ids=str,
)
def test_numbers_that_cannot_be_squared_are_refused(name, options):
    """Two of them differ by infinity, and what follows would be wrong without a word."""
    signs = np.where(np.arange(DATA.size).reshape(DATA.shape) % 2, 1, -1)
    signal = signal_of(np.where(np.isnan(DATA), DATA, 1.7e308 * signs), TIME)
    if name == "remove_infinities":  # computes nothing
        assert np.isfinite(signal.remove_infinities().data).all()
        return
    with pytest.raises(SignalError, match="numbers so large") as caught:
        step_function(name)(signal, **resolved(options, signal))
    assert "-1.7e+308 of neuron '0' in row 0; 180 such samples" in str(caught.value)


def test_a_second_signal_of_such_numbers_is_refused():
    signal = signal_of(DATA, TIME)
    huge = signal_of(DATA * 1e305, TIME, "red")
    with pytest.raises(SignalError, match="correct_motion cannot compute"):
        signal.correct_motion(huge)
    with pytest.raises(SignalError, match="divide cannot compute"):
        signal / huge


def test_a_ratio_that_overflows_is_undefined():
    small = signal_of(np.where(TIME[:, None] == 5, 1e-310, DATA), TIME, "red")
    ratio = signal_of(DATA, TIME) / small
    assert np.isnan(ratio.data[10]).all()
    assert not ratio.valid[10].any()
    assert ratio.history[-1].found == {"undefined": 3}
    with pytest.raises(OptionError, match="so small a number"):
        signal_of(DATA, TIME) / 1e-310


WRONG = [
    "x",
    b"x",
    {},
    {"a": 1},
    -1,
    float("nan"),
    float("inf"),
    10**400,
    object(),
    ("a", "b"),
    (5, 1),
    (1, 2, 3),
    (np.nan, 1),
    np.zeros((2, 2)),
    3 + 4j,
    int,
    "1e400 s",
    "0 s",
    "9" * 400 + " s",
]


@pytest.mark.parametrize(("name", "options"), CALLS, ids=str)
def test_wrong_arguments(name, options):
    """What a value of the wrong kind meets is an error of wormio's, if not a use."""
    signal = signal_of(DATA, TIME)
    function = step_function(name)
    given = resolved(options, signal)
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        for value in WRONG:
            if parameter.kind is not parameter.VAR_KEYWORD:
                changed = given | {parameter.name: value}
                attempted(lambda changed=changed: function(signal, **changed))


@pytest.mark.parametrize("flag", ["force", "legacy", "shared", "divide"])
def test_a_text_is_neither_true_nor_false(make_signal, flag):
    """``force="no"`` would do it all the same."""
    signal = make_signal(DATA, event_times=[5.0])
    calls = {
        "force": lambda: signal.smooth(force="no"),
        "legacy": lambda: signal.derivative(legacy="no"),
        "shared": lambda: signal.debleach(shared="no"),
        "divide": lambda: signal.around("light", 2, 2).subtract_baseline(-2, 0, divide="no"),
    }
    with pytest.raises(OptionError, match=f"{flag} is unclear"):
        calls[flag]()


def test_wrong_arguments_of_responses(make_signal):
    signal = make_signal(DATA, event_times=[5.0, 12.0])
    responses = signal.around("light", 2, 3)
    for value in [*WRONG, None]:
        calls = [
            *(
                lambda key=key, value=value: signal.around(
                    **{"event_name": "light", "before": 2, "after": 5, key: value}
                )
                for key in ("event_name", "before", "after", "until", "align")
            ),
            lambda value=value: signal.blocks(value),
            lambda value=value: signal.irregular(value),
            lambda value=value: responses.without_gaps(value),
            lambda value=value: responses.confidence(value),
            lambda value=value: responses.confidence(n_resamples=value),
            lambda value=value: responses.subtract_baseline(value, -2),
            lambda value=value: responses.subtract_baseline(-2, 0, reduce=value),
        ]
        for call in calls:
            with pytest.raises(WormioError):
                call()


def test_windows_that_no_recording_has(make_signal):
    signal = make_signal(DATA, event_times=[5.0])
    with pytest.raises(OptionError, match="by far longer than the recording"):
        signal.around("light", 1e12, 5)
    with pytest.raises(OptionError, match="are they seconds"):
        attrs.evolve(signal, time=TIME * 1e-12).baseline("maximin", window="60 s")
    with pytest.raises(SignalError, match="at most 100 times its 60 volumes"):
        signal.median_filter(window=10**7 + 1)
    # Longer than the recording, but not absurdly: all rows are in every window.
    everything = np.percentile(DATA, 20, axis=0)
    found = signal.baseline("rolling_percentile", window=10**6 + 1)
    np.testing.assert_allclose(found, np.broadcast_to(everything, DATA.shape))
    assert np.isnan(signal.rolling_std(window=10**6)).all()


def test_times_that_go_backwards_have_no_interval(make_signal):
    """Their median difference is a number, but not the time between volumes."""
    time = np.random.default_rng(0).permutation(TIME)
    signal = make_signal(DATA, time=time, event_times=[5.0])
    for call in (
        lambda: signal.around("light", 1, 1),
        lambda: signal.smooth(window="3 s"),
        lambda: signal.blocks("light").trim(),
    ):
        with pytest.raises(SignalError, match="known, increasing times"):
            call()


def test_a_step_that_is_misspelt_removed_nothing(make_signal):
    signal = make_signal(DATA)
    with pytest.raises(OptionError, match="did you mean 'remove_spikes'"):
        signal.removed("remove_spike")
    assert not signal.removed("remove_spikes").any()


def test_a_function_of_no_signal(make_signal):
    from wormio.signal.smoothing import smooth

    with pytest.raises(OptionError, match="signal is no signal"):
        smooth(DATA)
