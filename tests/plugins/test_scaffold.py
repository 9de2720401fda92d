"""`wormio plugins new`: the plugin it makes is complete, conformant and kept in step."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from wormio.cli.plugins import all_plugins
from wormio.cli.scaffold import make_plugin, render_plugin
from wormio.errors import OptionError, OutputExistsError

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "plugins" / "wormio-example"


def files(folder: Path) -> dict[str, bytes]:
    """Return the content of each file, without what building and testing leave behind."""
    found = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {
        name.as_posix(): path.read_bytes()
        for name, path in found.items()
        if not any(part in {"build", "__pycache__"} or part[0] == "." for part in name.parts)
        and not any(part.endswith(".egg-info") for part in name.parts)
    }


@pytest.fixture
def example(tmp_path, install):
    """Return a folder with the example's modules and its dist-info."""
    site = tmp_path / "site"
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    ((entry, module),) = project["entry-points"]["wormio"].items()
    install(site, project["name"], project["version"], f"{entry} = {module}", {})
    shutil.copytree(EXAMPLE / "src", site, dirs_exist_ok=True)
    return site


@pytest.mark.skipif(not EXAMPLE.is_dir(), reason="the example is not beside the tests")
def test_the_example_in_the_repository_is_what_the_program_makes(tmp_path):
    made = make_plugin("example", tmp_path, registry=all_plugins())
    assert files(made) == files(EXAMPLE)


def test_no_placeholder_is_left_and_each_module_compiles():
    for name, text in render_plugin("my-lab-2").items():
        assert "__package__" not in name
        if name.endswith(".py"):
            compile(text, name, "exec")
            assert "$" not in text
        assert "example" not in text.replace("for example", "")
    pyproject = tomllib.loads(render_plugin("my-lab-2")["pyproject.toml"])
    assert pyproject["project"]["name"] == "wormio-my-lab-2"
    assert pyproject["project"]["entry-points"]["wormio"] == {"my-lab-2": "wormio_my_lab_2.hooks"}


@pytest.mark.parametrize("name", ["MyLab", "my_lab", "2photon", "", "../x", "a--b", "naïve"])
def test_a_name_that_is_no_slug_is_refused_with_one_that_is(tmp_path, name):
    with pytest.raises(OptionError, match="cannot have this name") as raised:
        make_plugin(name, tmp_path, registry=all_plugins())
    likely = raised.value.cure.split()[-1]
    assert make_plugin(likely, tmp_path, registry=all_plugins()).is_dir()


@pytest.mark.parametrize("name", ["leifer", "builtin", "tiff"])
def test_a_name_that_another_distribution_has_is_refused(tmp_path, name):
    with pytest.raises(OptionError, match=r"taken by wormio \d"):
        make_plugin(name, tmp_path, registry=all_plugins())
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_never_written_into(tmp_path):
    (tmp_path / "wormio-mylab").mkdir()
    with pytest.raises(OutputExistsError):
        make_plugin("mylab", tmp_path, registry=all_plugins())
    assert not list((tmp_path / "wormio-mylab").iterdir())
    with pytest.raises(FileNotFoundError):
        make_plugin("mylab", tmp_path / "nowhere", registry=all_plugins())


# The whole kit runs on a plugin of the same template in tests/docs, and here when time is cheap.
@pytest.mark.parametrize(
    "only",
    [
        pytest.param(("WIO-A01", "WIO-D01", "WIO-E01"), id="some"),
        pytest.param((), id="all", marks=pytest.mark.slow),
    ],
)
def test_the_example_keeps_the_contract_and_the_report_names_its_reader(
    program, example, tmp_path, monkeypatch, only
):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    some = [word for name in only for word in ("--only", name)]
    done = program("plugins", "test", "example", "--report", "json", *some, site=example)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    tree = json.loads(done.stdout)
    assert (tree["schema_version"], tree["ok"]) == (1, True)
    (report,) = tree["reports"]
    assert report["evidence"] == "A"
    assert report["distribution"] == "wormio-example 0.1.0"
    assert Path(report["reader"]["file"]) == example / "wormio_example" / "adapter.py"
    assert {r["outcome"] for r in report["results"]} == {"passed"}
    assert not list(here.iterdir())


def test_an_adapter_that_breaks_a_rule_ends_with_4_and_says_which(program, example, tmp_path):
    adapter = example / "wormio_example" / "adapter.py"
    text = adapter.read_text()
    assert text.count('in header["channels"]]') == 1
    adapter.write_text(text.replace('in header["channels"]]', 'in header["channels"][::-1]]'))
    only = ("plugins", "test", "example", "--only", "WIO-S03", "--only", "WIO-S01")
    done = program(*only, site=example)
    assert done.returncode == 4
    assert "WIO-S03 failed (MUST)" in done.stdout
    assert "NOT conformant" in done.stdout
    target = tmp_path / "report.xml"
    done = program(*only, "--report", "junit", "-o", target, site=example)
    assert done.returncode == 4
    suites = ElementTree.fromstring(target.read_text())  # noqa: S314 - our own
    assert [suite.get("failures") for suite in suites] == ["1"]
    done = program(*only, "-o", target, site=example)
    assert done.returncode == 6
    assert "--overwrite" in done.stderr


@pytest.mark.slow
def test_a_new_plugin_passes_in_a_new_environment(tmp_path):
    """Read from its installed distribution: neither the checkout nor the template is in sight."""
    source = tmp_path / "source"
    source.mkdir()
    for name in (
        "wormio",
        "cext",
        "setup.py",
        "pyproject.toml",
        "MANIFEST.in",
        "README.md",
        "LICENSE",
    ):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    environment = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("PYTHON", "WORMIO_", "VIRTUAL_ENV"))
    }

    def run(*command: object) -> str:
        done = subprocess.run(
            list(map(str, command)),
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(sys.executable, "-m", "venv", "venv")
    bin_folder = tmp_path / "venv" / "bin"
    run(bin_folder / "pip", "install", "--quiet", source)
    shutil.rmtree(source)
    run(bin_folder / "wormio", "plugins", "new", "mylab")
    run(bin_folder / "pip", "install", "--quiet", "./wormio-mylab")
    shutil.rmtree(tmp_path / "wormio-mylab")
    report = run(bin_folder / "wormio", "plugins", "test", "mylab")
    assert "mylab (wormio-mylab 0.1.0): conformant" in report
    (reader,) = [line for line in report.splitlines() if line.startswith("reader: ")]
    assert f"in {tmp_path / 'venv'}/lib/" in reader
    assert reader.endswith("site-packages/wormio_mylab/adapter.py")
