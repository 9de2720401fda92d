"""``wormio signal`` as a user types it."""

import json

import attrs
import numpy as np
import pytest

import wormio
from wormio.model import Channel, Events, EventStatus
from wormio.signal import Average, Signal, Step

RECIPE = """[[step]]
name = "interpolate"

[[step]]
name = "divide"
channels = ["green"]
other = "red"
"""


@pytest.fixture
def traces(tmp_path):
    """A file of two channels with five events."""
    rng = np.random.default_rng(0)
    n = 200
    at = np.array([20.0, 40.0, 60.0, 80.0, 99.0])
    none = np.zeros(5, int)
    events = Events(
        count=none,
        frame=none,
        time=at,
        volume=(at / 0.5).astype(int),
        duration=none + np.nan,
        error_frames=none,
        status=none + EventStatus.OK,
    )
    data = rng.uniform(50, 60, (n, 3))
    data[5] = np.nan
    green = Signal(
        data=data,
        time=np.arange(n) * 0.5,
        labels=["AVA", "AVB", "RIM"],
        channel=Channel(name="green", role="signal"),
        events={"light": events},
        history=[Step("extract", {"channel": "green"}, "0")],
    )
    red = attrs.evolve(
        green, data=rng.uniform(30, 40, (n, 3)), channel=Channel(name="red"), valid=green.valid
    )
    path = tmp_path / "traces.h5"
    wormio.save(path, {"green": green, "red": red})
    return path


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


def test_show(run, traces):
    code, out, _ = run("signal", "show", traces)
    assert code == 0
    for text in ("green: 200 volumes x 3 neurons", "light (5)", "99.5% of", "step       extract"):
        assert text in out


def test_show_as_json(run, traces):
    code, out, _ = run("signal", "show", traces, "--json")
    assert code == 0
    shown = json.loads(out)
    assert shown["schema_version"] == 1
    green = shown["signals"]["green"]
    signal = wormio.load(traces)["green"]
    assert green["digest"] == signal.digest
    assert green["labels"] == ["AVA", "AVB", "RIM"]
    assert green["history"][0]["name"] == "extract"
    assert green["volume_interval_s"] == 0.5
    assert green["events"] == {"light": 5}


def test_process_and_process_again(run, traces, recipe, tmp_path):
    done, again = tmp_path / "done.h5", tmp_path / "again.h5"
    code, out, _ = run("signal", "process", traces, "--recipe", recipe, "-o", done)
    assert code == 0
    assert "green: interpolate, divide" in out
    raw, found = wormio.load(traces), wormio.load(done)
    expected = raw["green"].interpolate() / raw["red"].interpolate()
    assert found["green"].digest == expected.digest
    code, _, _ = run("signal", "process", traces, "--recipe", done, "-o", again)
    assert code == 0
    assert wormio.load(again) == found
    code, out, _ = run("signal", "show", done, "--recipe")
    assert (code, out) == (0, RECIPE)
    code, out, _ = run("signal", "show", done)
    assert "other=signal red" in out
    assert code == 0


def test_process_with_a_signal_from_elsewhere(run, traces, tmp_path):
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        '[[step]]\nname = "substitute"\nmatchless = "other"\nthreshold = 0\nchannels = ["green"]\n'
    )
    for where in (f"other={traces}:red",):
        code, _, err = run(
            "signal",
            "process",
            traces,
            "--recipe",
            recipe,
            "--with",
            where,
            "-o",
            tmp_path / "o.h5",
        )
        assert code == 0, err
    raw, found = wormio.load(traces), wormio.load(tmp_path / "o.h5")
    np.testing.assert_array_equal(found["green"].data, raw["red"].data)
    for wrong in (f"other={traces}", "other", "other=nothing.h5", f"other={traces}:blue"):
        code, _, err = run(
            "signal", "process", traces, "-r", recipe, "--with", wrong, "-o", tmp_path / "p.h5"
        )
        assert code in {2, 4}
        assert err.startswith("wormio: ")
    assert not (tmp_path / "p.h5").exists()


def test_average(run, traces, tmp_path):
    table, file = tmp_path / "a.csv", tmp_path / "a.h5"
    common = ("signal", "average", traces, "light", "--before", 5, "--after", 10)
    common += ("--channel", "green", "--baseline", "-5,0", "--max-gap", 0.3, "--skip", 1)
    code, out, err = run(*common, "-o", file)
    assert code == 0, err
    assert "4 of 5 events, 3 neurons, 31 lags; 3 events with the whole window" in out
    signal = wormio.load(traces)["green"]
    expected = (
        signal.around("light", 5, 10)
        .take([0, 2, 3, 4])
        .without_gaps(0.3)
        .subtract_baseline(-5, 0)
        .average()
    )
    assert Average.load(file) == expected
    code, _, _ = run(*common, "-o", table)
    assert code == 0
    assert len(table.read_text().splitlines()) == 1 + 3 * 31


def test_average_draws(run, traces, tmp_path):
    pytest.importorskip("matplotlib")
    plot = tmp_path / "a.png"
    arguments = ("signal", "average", traces, "light", "--before", 5, "--after", 10)
    arguments += ("--channel", "red", "--plot", plot)
    code, _, err = run(*arguments)
    assert code == 0, err
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert run(*arguments)[0] == 6


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["average", "TRACES", "dark", "--channel", "green", "-o", "a.csv"], 4, "'light'"),
        (["average", "TRACES", "light", "-o", "a.csv"], 2, "which channel"),
        (["average", "TRACES", "light", "--channel", "blue", "-o", "a.csv"], 2, "'red'"),
        (["average", "TRACES", "light", "--channel", "red"], 2, "nothing is to be written"),
        (["average", "TRACES", "light", "--channel", "red", "-o", "a.xlsx"], 2, ".csv"),
        (["average", "TRACES", "light", "--channel", "red", "--plot", "a.gif"], 2, ".png"),
        (["average", "TRACES", "light", "--channel", "red", "-o", "no/a.csv"], 2, "no folder"),
        (
            ["average", "TRACES", "light", "--channel", "red", "-o", "a.csv", "--baseline", "x"],
            2,
            "-5,0",
        ),
        (
            ["average", "TRACES", "light", "--channel", "red", "-o", "a.csv", "--skip", "5"],
            2,
            "no event 5",
        ),
        (
            ["average", "TRACES", "light", "--channel", "red", "-o", "a.csv", "--until", "now"],
            2,
            "next_event",
        ),
        (
            ["average", "TRACES", "light", "--channel", "red", "-o", "a.csv"]
            + [word for row in range(5) for word in ("--skip", str(row))],
            4,
            "no response to 'light' is left",
        ),
        (["show", "nothing.h5"], 4, "nothing.h5"),
        (["show", "."], 4, "a folder"),
        (["show", "RECIPE"], 4, "file of signals"),
        (["show", "TRACES", "--recipe"], 2, "no recipe"),
        (["show", "HALF"], 4, "half.h5"),
        (["process", "TRACES", "-r", "nothing.toml", "-o", "a.h5"], 6, "nothing.toml"),
        (["process", "TRACES", "-r", "TRACES", "-o", "a.h5"], 2, "no recipe"),
        (["process", "TRACES", "-r", "RECIPE", "-o", "TRACES", "--overwrite"], 6, "an input"),
        (["process", "TRACES", "-r", "RECIPE", "-o", "RECIPE", "--overwrite"], 6, "never replaced"),
        (["process", "TRACES", "-r", "RECIPE", "-o", "TRACES"], 6, "there already"),
        (["process", "TRACES", "-r", "BAD", "-o", "a.h5"], 2, "did you mean interpolate"),
    ],
)
def test_what_goes_wrong_is_said_and_nothing_is_written(
    run, traces, recipe, tmp_path, monkeypatch, words, code, says
):
    monkeypatch.chdir(tmp_path)
    half, bad = tmp_path / "half.h5", tmp_path / "bad.toml"
    half.write_bytes(traces.read_bytes()[:3000])
    bad.write_text('[[step]]\nname = "interpolte"\n')
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    names = {"TRACES": traces, "RECIPE": recipe, "HALF": half, "BAD": bad}
    words = [names.get(word, word) for word in words]
    if words[0] == "average":
        words += ["--before", 1, "--after", 1]
    found, out, err = run("signal", *words)
    assert (found, out) == (code, "")
    assert err.startswith("wormio: ")
    assert says in err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
