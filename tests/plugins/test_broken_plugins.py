"""Broken plugins, as they come with installed distributions: the host works and names each."""

import json
import os

import pytest

GOOD = """
from wormio.registry import Confidence, Detection, Format, hookimpl

def detect(probe):
    return Detection(Confidence.NAME, ["*.{name}"]) if probe.path.suffix == ".{name}" else None

@hookimpl
def wormio_formats():
    return [Format(name="{name}", title="T", opener="nowhere.at:all", detect=detect{more})]
"""
MISTYPED = GOOD.format(name="typo", more="").replace("wormio_formats", "wormio_formatss")
SIGNATURE = GOOD.format(name="args", more="").replace("formats()", "formats(recording)")
RAISES = "raise RuntimeError('no licence server')"
EXITS = "import sys; sys.exit(3)"
NEWER = GOOD.format(name="newer", more=", spec='9.0'")
CRASHES = GOOD.format(name="crash", more="").replace(
    "return Detection(", "raise KeyError('probe') #"
)

# distribution, version, entry point, source of its module, what doctor must say of it
BROKEN = [
    ("lab-raises", "1.2", "raises", RAISES, "no licence server"),
    ("lab-exits", "0.3", "exits", EXITS, "ended the program"),
    ("lab-typo", "2.0", "typo", MISTYPED, "wormio_formatss"),
    ("lab-args", "0.1", "args", SIGNATURE, "recording"),
    ("lab-newer", "4.0", "newer", NEWER, "another contract"),
    ("lab-second", "7.1", "second", GOOD.format(name="taken", more=""), "lab-first 1.0"),
    ("lab-nothing", "1.0", "nothing", "x = 1", "no hook"),
    ("lab-gone", "1.0", "gone", None, "lab_gone_hooks"),
    ("lab-leifer", "1.0", "zleifer", GOOD.format(name="leifer", more=""), "wormio "),
]
SOUND = [
    ("lab-first", "1.0", "first", GOOD.format(name="taken", more="")),
    ("lab-crash", "1.0", "crash", CRASHES),
    ("lab-unwanted", "1.0", "unwanted", GOOD.format(name="unwanted", more="")),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory, install):
    folder = tmp_path_factory.mktemp("site")
    for distribution, version, entry, source, *_ in BROKEN + SOUND:
        module = f"{distribution.replace('-', '_')}_hooks"
        modules = {} if source is None else {f"{module}.py": source}
        install(folder, distribution, version, f"{entry} = {module}", modules)
    return folder


@pytest.fixture(scope="module")
def disabled():
    return {"WORMIO_DISABLE_PLUGINS": "unwanted"}


def test_doctor_names_each_broken_plugin_with_its_distribution_and_ends_with_5(
    program, site, disabled
):
    done = program("doctor", "--json", site=site, **disabled)
    assert (done.returncode, done.stderr) == (5, "")
    found = json.loads(done.stdout)
    assert (found["schema_version"], found["ok"]) == (1, False)
    # Beside those that the tests switch off for all programs they run.
    assert "unwanted" in found["environment"]["WORMIO_DISABLE_PLUGINS"].split(",")
    ours = {name for name in os.environ if name.startswith("WORMIO_")}
    assert set(found["environment"]) == ours | set(disabled)
    assert found["c_core"].startswith("build ")
    plugins = {plugin["name"]: plugin for plugin in found["plugins"]}
    for distribution, version, entry, _, told in BROKEN:
        assert plugins[entry]["state"] == "failed", entry
        assert plugins[entry]["distribution"] == f"{distribution} {version}"
        assert told in plugins[entry]["reason"]
    assert plugins["builtin"]["state"] == plugins["first"]["state"] == "loaded"
    assert plugins["unwanted"]["state"] == "disabled"
    assert "WORMIO_DISABLE_PLUGINS" in plugins["unwanted"]["reason"]
    text = program("doctor", site=site, **disabled)
    assert text.returncode == 5
    for distribution, version, entry, _, told in BROKEN:
        (line,) = [t for t in text.stdout.split("FAILED") if f"of {distribution} {version}" in t]
        assert told in line
        assert f"uninstall {distribution}, or WORMIO_DISABLE_PLUGINS={entry}" in line


def test_doctor_says_what_the_variables_name_in_vain(program):
    variables = {"WORMIO_PLUGINS": "lefier, builtin", "WORMIO_DISABLE_PLUGINS": "bultin"}
    done = program("doctor", **variables)
    assert done.returncode == 0
    told = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert [text for mark, text in told if mark == "MISSPELT"] == [
        "WORMIO_DISABLE_PLUGINS names 'bultin', and no plugin of that name is installed",
        "WORMIO_PLUGINS names 'lefier', and no plugin of that name is installed",
    ]


def test_plugins_list_says_what_became_of_each_also_when_strict(program, site, disabled):
    done = program("plugins", "list", site=site, WORMIO_STRICT_PLUGINS="1", **disabled)
    assert (done.returncode, done.stderr) == (0, "")
    for distribution, version, entry, _, _ in BROKEN:
        (line,) = [t for t in done.stdout.splitlines() if f"[{distribution} {version}]" in t]
        assert line.split()[:2] == [entry, "failed"]
    listed = json.loads(program("plugins", "list", "--json", site=site, **disabled).stdout)
    assert listed["schema_version"] == 1
    (first,) = [p for p in listed["plugins"] if p["name"] == "first"]
    assert first["formats"] == ["taken"]
    assert first["module"] == "lab_first_hooks"


def test_the_host_works_and_explain_names_those_that_could_not_be_asked(
    program, site, disabled, tmp_path
):
    path = tmp_path / "worm.taken"
    path.write_bytes(b"1234")
    done = program("explain", path, site=site, **disabled)
    assert (done.returncode, done.stderr) == (0, "")
    first, second, *rest = done.stdout.splitlines()
    assert first == f"{path} is a taken recording"
    assert second == "taken: yes (*.taken)"
    assert [line for line in rest if line.startswith("leifer: no (nothing here is named ")]
    assert "tiff: no (nothing here is named *.tif or *.tiff or *.ome.tif or *.btf)" in rest
    for distribution, version, *_ in BROKEN:
        assert f"(of {distribution} {version})" in done.stdout
    tree = json.loads(program("explain", path, "--json", site=site, **disabled).stdout)
    assert tree["schema_version"] == 1
    assert tree["recognised_as"] == ["taken"]
    assert len(tree["not_loaded"]) == len(BROKEN)


def test_a_detector_that_crashes_is_told_and_hinders_nobody(program, site, disabled, tmp_path):
    path = tmp_path / "worm.crash"
    path.write_bytes(b"1234")
    done = program("explain", path, site=site, **disabled)
    assert "crash: crashed (KeyError: 'probe')" in done.stdout
    done = program("info", path, site=site, **disabled)
    assert done.returncode == 3
    assert "crash: crashed" in done.stderr
    assert "no licence server" in done.stderr


def test_two_entry_points_of_one_name_keep_the_first_and_name_both(program, tmp_path, install):
    for letter in "ab":
        source = GOOD.format(name=f"format-{letter}", more="")
        install(
            tmp_path, f"lab-{letter}", "1.0", f"same = lab_{letter}", {f"lab_{letter}.py": source}
        )
    done = program("plugins", "list", site=tmp_path)
    assert "same         loaded   [lab-a 1.0] formats format-a" in done.stdout
    (failed,) = [line for line in done.stdout.splitlines() if "failed" in line]
    assert "[lab-b 1.0]" in failed
    assert "lab-a 1.0" in done.stdout.split(failed)[1]


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("raises", 5, "no licence server"),
        ("unwanted", 5, "WORMIO_DISABLE_PLUGINS"),
        ("taken", 2, "does not say how to test it"),
        ("lefier", 2, "did you mean leifer?"),
    ],
)
def test_a_plugin_that_cannot_be_tested_says_why(program, site, disabled, name, code, told):
    done = program("plugins", "test", name, site=site, **disabled)
    assert done.returncode == code
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_strict_lets_the_first_failure_raise(program, site, disabled, tmp_path):
    done = program("explain", tmp_path, site=site, WORMIO_STRICT_PLUGINS="1", **disabled)
    assert done.returncode != 0
    assert "lab_args" in done.stderr or "lab-args" in done.stderr
