"""A history replays to the same digest; a recipe does what it says, or says what is wrong."""

import ast
import importlib
import inspect
import json
from pathlib import Path

import attrs
import numpy as np
import pytest

import wormio
from wormio.errors import OptionError, SignalError
from wormio.model import Channel
from wormio.signal import Recipe, Signal, Step, read_recipe, recipe_of, replay
from wormio.signal.recipe import _parameters
from wormio.signal.steps import ORIGINS, STEPS, step_function

# Made by hand, or no step of a signal.
NOT_REPEATED = ORIGINS


@pytest.fixture
def channels(make_full_signal):
    """Two raw channels of one recording, with what was missed."""
    green = make_full_signal()
    extract = (Step("extract", {"channel": "green"}),)
    red = attrs.evolve(
        green,
        data=np.random.default_rng(3).uniform(50, 60, green.data.shape),
        valid=np.ones(green.data.shape, bool),
        channel=Channel(name="red", role="reference"),
        history=(Step("extract", {"channel": "red"}),),
    )
    return {"green": attrs.evolve(green, history=extract), "red": red}


RECIPE = """
# Two channels.
[[step]]
name = "interpolate"
max_gap = 2

[[step]]
name = "subtract"
channels = ["red"]
other = 10

[[step]]
name = "divide"
channels = ["green"]
other = "red"

[[step]]
name = "select"
neurons = ["Ä3/左", "Ä0/左"]
rows = { start = 2, stop = -1 }
"""


def test_a_history_replays_to_the_same_digest(channels):
    green, red = channels["green"], channels["red"]
    done = (
        (green.interpolate(max_gap=1.0) / (red - 10).interpolate())
        .select(neurons=[1, "Ä4/左"], time=(4.0, 9.0))
        .subtract(0.5)
    )
    again = replay(done.history, green, [red])
    assert again.digest == done.digest
    assert again == done
    assert replay(done.history, green, {"red": red, "green": green}) == done


def test_it_replays_from_any_point_and_from_a_file(channels, tmp_path):
    green, red = channels["green"], channels["red"]
    half = green.interpolate()
    done = half / red
    assert replay(done.history, half, [red]) == done
    assert replay(done.history, done) == done
    wormio.save(tmp_path / "a.h5", {"done": done, **channels})
    loaded = wormio.load(tmp_path / "a.h5")
    assert replay(loaded["done"].history, loaded["green"], loaded).digest == done.digest


def test_the_reference_is_found_by_its_digest_not_its_name(channels):
    green, red = channels["green"], channels["red"]
    done = green / red.interpolate()
    wrong = attrs.evolve(red, data=red.data + 1)
    assert replay(done.history, green, [wrong, red, green]) == done
    for others in ([], [wrong], [green]):
        with pytest.raises(SignalError, match="channel 'red'"):
            replay(done.history, green, others)


def test_a_history_of_another_signal(channels):
    green, red = channels["green"], channels["red"]
    with pytest.raises(SignalError, match="not where the history began"):
        replay(green.interpolate().history, red)
    with pytest.raises(SignalError, match="not where the history began"):
        replay(green.interpolate(max_gap=1).history, green.interpolate(max_gap=2))
    with pytest.raises(SignalError, match="'invented' cannot be repeated"):
        replay(green.with_step("invented", {}).history, green)
    bare = attrs.evolve(green, history=())
    with pytest.raises(SignalError, match="begin with the signal"):
        replay(green.history, bare)


def named_steps():
    """Return the names of all steps that code of signals gives to `with_step`."""
    names = set()
    for path in Path(wormio.signal.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "with_step"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                names.add(node.args[0].value)
    return names


def test_every_step_that_a_signal_can_take_is_repeatable():
    assert {"interpolate", "select", "divide"} <= named_steps()
    assert named_steps() <= set(STEPS) | NOT_REPEATED


@pytest.mark.parametrize("name", sorted(STEPS))
def test_every_step_is_a_function_of_a_signal_that_a_recipe_can_call(name):
    function = step_function(name)
    module, _, attribute = STEPS[name].partition(":")
    assert function is getattr(importlib.import_module(module), attribute)
    first, *others = inspect.signature(function).parameters.values()
    assert first.name == "signal"
    assert not {"name", "channels"} & {one.name for one in others}
    assert all(hint is not None for hint, _ in _parameters(function).values())


@pytest.fixture(scope="module")
def traces():
    """Two channels that bleach, move together and jump, with what was missed."""
    rng = np.random.default_rng(7)
    time = np.arange(400) * 0.5
    motion = 1 + 0.1 * np.sin(time)[:, None] * rng.uniform(0.5, 1, 4)
    signals = {}
    for name in ("green", "red"):
        data = 100 * (0.4 + 0.6 * np.exp(-time / 80))[:, None] * motion
        data = data * (1 + 0.02 * rng.normal(size=data.shape))
        data[250:] *= 0.7
        if name == "green":
            data[rng.random(data.shape) < 0.05] = np.nan
            data[100, 1] = 1e4
            data[7, 2] = np.inf
        signals[name] = Signal(
            data=data,
            time=time,
            labels=list("abcd"),
            channel=Channel(name=name),
            history=(Step("extract", {"channel": name}),),
        )
    return signals


# What each step is tried with, as a recipe has it. A new step is one line here.
TRIED = {
    "correct_jumps": {"threshold": 9, "half_window": 40},
    "correct_motion": {"reference": "red", "method": "ratio", "scale": "signal", "floor": 2.0},
    "debleach": {"mode": "subtract", "model": "single"},
    "derivative": {"window": 5, "order": 2},
    "dff": {"kind": "rolling_percentile", "percentile": 10.0, "window": "30 s"},
    "divide": {"other": "red"},
    "interpolate": {"max_gap": 1.0, "edge": "nan"},
    "median_filter": {"window": 5},
    "normalize": {"kind": "zscore"},
    "remove_infinities": {},
    "remove_spikes": {"window": "4 s", "threshold": 5},
    "segment": {"start": 10, "stop": 60, "before": 5},
    "select": {"rows": {"start": 1, "stop": 30}, "neurons": ["b", "a"]},
    "smooth": {"kind": "box", "window": 5},
    "substitute": {"matchless": "red", "threshold": 0.01},
    "subtract": {"other": 7},
    "subtract_baseline": {"kind": "percentile", "over": [0.0, 20.0]},
}


def test_every_step_is_tried():
    assert set(TRIED) | {"recipe"} == set(STEPS)


@pytest.mark.parametrize("name", sorted(TRIED))
def test_a_step_of_a_recipe_is_repeated_by_its_parameters(traces, name):
    lines = [f'name = "{name}"', 'channels = ["green"]']
    for key, value in TRIED[name].items():
        shown = json.dumps(value) if not isinstance(value, dict) else "{start = 1, stop = 30}"
        lines.append(f"{key} = {shown}")
    recipe = Recipe.parse("[[step]]\n" + "\n".join(lines))
    done = recipe.apply(traces)["green"]
    step = done.history[1]
    assert step.name == name
    assert set(_parameters(step_function(name))) <= set(step.parameters)
    again = replay(done.history, traces["green"], traces)
    assert again.digest == done.digest
    assert again == done


def test_a_recipe_does_its_steps_in_order(channels):
    found = Recipe.parse(RECIPE).apply(channels)
    part = {"neurons": ["Ä3/左", "Ä0/左"], "rows": slice(2, -1)}
    red = (channels["red"].interpolate(max_gap=2) - 10).select(**part)
    green = channels["green"].interpolate(max_gap=2)
    green = (green / (channels["red"].interpolate(max_gap=2) - 10)).select(**part)
    assert found["green"].digest == green.digest
    assert found["red"].digest == red.digest
    names = [step.name for step in found["green"].history]
    assert names == ["extract", "interpolate", "divide", "select", "recipe"]
    assert found["green"].history[-1].parameters["steps"] == 3


def test_a_recipe_is_kept_and_done_again(channels, tmp_path):
    (tmp_path / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    found = read_recipe(tmp_path / "recipe.toml").apply(channels)
    wormio.save(tmp_path / "done.h5", found)
    loaded = wormio.load(tmp_path / "done.h5")
    assert recipe_of(loaded["red"]) == Recipe.parse(RECIPE)
    again = recipe_of(loaded["red"]).apply(channels)
    assert again == loaded
    assert recipe_of(channels["red"]) is None
    assert replay(loaded["green"].history, channels["green"], channels) == loaded["green"]


def test_signals_from_elsewhere_take_part_but_are_not_returned(channels):
    recipe = Recipe.parse(
        '[[step]]\nname = "substitute"\nchannels = ["green"]\n'
        'matchless = "other tracking"\nthreshold = 0\n'
    )
    matchless = attrs.evolve(channels["red"], channel=channels["green"].channel)
    found = recipe.apply(channels, {"other tracking": matchless})
    assert set(found) == {"green", "red"}
    np.testing.assert_array_equal(found["green"].data, matchless.data)
    with pytest.raises(OptionError, match="one name"):
        recipe.apply(channels, {"green": matchless})


STEP = "[[step]]\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "no steps"),
        ("step = 3", 1, "no steps"),
        ("steps = []", 1, "unknown key"),
        (STEP + "max_gap = 2", 1, "no name"),
        ("step = [3]", 1, "no name"),
        (STEP + "name = 3", 1, "no name"),
        (STEP + 'name = "interpolte"', 2, "did you mean interpolate"),
        (STEP + 'name = "recipe"', 2, "no step 'recipe'"),
        (STEP + 'name = "extract"', 2, "no step 'extract'"),
        (STEP + 'name = "interpolate"\nmax_gpa = 2', 3, "did you mean max_gap"),
        (STEP + 'name = "interpolate"\nmax_gap = "2 s"', 3, "finite number"),
        (STEP + 'name = "interpolate"\nmax_gap = true', 3, "finite number"),
        (STEP + 'name = "interpolate"\nedge = "naan"', 3, "did you mean nan"),
        (STEP + 'name = "interpolate"\nchannels = "green"', 3, "array"),
        (STEP + 'name = "divide"', 1, "'other' is missing"),
        (STEP + 'name = "divide"\nother = [2]', 3, "wrong type"),
        (STEP + 'name = "interpolate"\nmax_gap = -1', 1, "max_gap is impossible"),
        ("\n\n" + STEP + 'name = "divide"\nother = "blue"', 3, "no signal 'blue'"),
        (STEP + 'name = "interpolate"\nchannels = ["blue"]', 1, "no signal 'blue'"),
        (STEP + 'name = "select"\nneurons = "AVA"', 1, "no neuron 'AVA'"),
        (STEP + "name = \nchannels = 3", 2, "no TOML"),
    ],
)
def test_a_recipe_that_is_wrong_says_where(channels, text, line, message):
    with pytest.raises(OptionError, match=message) as caught:
        Recipe.parse(text, "steps.toml").apply(channels)
    assert f"line {line}" in str(caught.value)
    assert "steps.toml" in str(caught.value)


def test_an_error_of_a_step_keeps_its_kind_and_says_where(channels):
    apart = {"green": channels["green"], "red": channels["red"].select(rows=slice(5))}
    recipe = Recipe.parse('[[step]]\nname = "divide"\nchannels = ["green"]\nother = "red"')
    with pytest.raises(SignalError, match="line 1: divide of 'green': two signals do not belong"):
        recipe.apply(apart)
    static = {"green": Signal(data=[[1.0], [2]], time=[np.nan] * 2, channel=Channel(name="green"))}
    with pytest.raises(SignalError, match="interpolate of 'green'"):
        Recipe.parse('[[step]]\nname = "interpolate"').apply(static)


def test_an_unknown_step_lists_those_there_are():
    with pytest.raises(OptionError, match="interpolate"):
        step_function("extract")
