"""Every example in docstrings and pages is run, as a reader would run it.

In a page, blocks run from top to bottom in one empty folder:

- a ``code-block`` with a caption is a file of that name;
- ``python`` is run, ``pycon`` is a doctest in the same namespace; ``py`` is only shown: it needs a
  distribution that is not part of wormio;
- in ``console``, lines that begin with ``$ wormio`` are run; what follows is their output, where
  ``...`` stands for anything. A program whose output says ``NOT conformant`` ends with 4.

write-a-plugin.md installs a plugin and changes it, so that its blocks run in processes of their
own: once with a distribution that only looks installed, and, slowly, in a new environment.
"""

import doctest
import importlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
RUN_WORMIO = "import sys; sys.argv[0] = 'wormio'; from wormio.cli import main; main()"
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "wormio").rglob("*.py")
)
INSTALLING = DOCS / "write-a-plugin.md"
PAGES = [
    page
    for page in sorted(DOCS.rglob("*.md"))
    if not {"_build", "generated"} & set(page.parts) and page != INSTALLING
]

pytestmark = pytest.mark.skipif(
    not (DOCS / "conf.py").is_file(), reason="the documentation is not beside the tests"
)


class Block(NamedTuple):
    """A fenced block: its language, caption, text, and the line where the text begins."""

    language: str
    caption: str
    text: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    lines = page.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        opening = re.fullmatch(r"```(?:\{code-block\} )?([a-z]+)", lines[number])
        number += 1
        if opening is None:
            continue
        caption = ""
        if found := re.fullmatch(r":caption: (\S+)", lines[number]):
            caption = found[1]
            number += 1
        start = number
        while lines[number] != "```":
            number += 1
        yield Block(opening[1], caption, "\n".join(lines[start:number]) + "\n", start + 1)
        number += 1


def is_run(block: Block) -> bool:
    return bool(block.caption) or block.language in {"python", "pycon", "console"}


def run_doctest(text: str, names: dict[str, Any], where: str, line: int) -> None:
    test = doctest.DocTestParser().get_doctest(text, names, where, where, line - 1)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    runner.run(test, out=report.append, clear_globs=False)
    names.update(test.globs)
    assert not report, "".join(report)


Run = Callable[[list[str]], subprocess.CompletedProcess[str]]


def run_process(command: list[str], **arguments: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, **arguments)


def run_wormio(words: list[str]) -> subprocess.CompletedProcess[str]:
    assert words[0] == "wormio"
    return run_process([sys.executable, "-c", RUN_WORMIO, *words[1:]])


def run_console(text: str, where: str, run: Run = run_wormio) -> None:
    for part in re.split(r"^(?=\$ )", text, flags=re.MULTILINE):
        if not part.strip():
            continue
        line, _, wanted = part.removeprefix("$ ").partition("\n")
        while line.endswith("\\"):
            more, _, wanted = wanted.partition("\n")
            line = line.removesuffix("\\") + more
        done = run(shlex.split(line))
        said = f"{where}: {line}\n--- printed\n{done.stdout}{done.stderr}"
        assert done.returncode == (4 if "NOT conformant" in wanted else 0), said
        same = doctest.OutputChecker().check_output(wanted, done.stdout, FLAGS)
        assert same or not wanted.strip(), said


def write_file(block: Block) -> None:
    target = Path(block.caption)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(block.text.lstrip("\n"), encoding="utf-8")


def run_page(page: Path, names: dict[str, Any]) -> None:
    for block in filter(is_run, blocks(page)):
        where = f"{page.name}, line {block.line}"
        if block.caption:
            write_file(block)
        elif block.language == "python":
            exec(compile("\n" * (block.line - 1) + block.text, page.name, "exec"), names)  # noqa: S102
        elif block.language == "pycon":
            run_doctest(block.text, names, where, block.line)
        else:
            run_console(block.text, where)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Iterator[Path]:
    """Work in an empty folder from which modules can be imported, and forget them afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("module", MODULES)
def test_docstrings(module, folder):
    finder = doctest.DocTestFinder(exclude_empty=True)
    for test in finder.find(importlib.import_module(module)):
        report: list[str] = []
        doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(test, out=report.append)
        assert not report, "".join(report)


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(map(is_run, blocks(page)))],
    ids=lambda page: page.relative_to(DOCS).as_posix(),
)
def test_pages(page, folder):
    if "matplotlib" in page.read_text(encoding="utf-8"):
        pytest.importorskip("matplotlib", reason="the page draws figures: wormio[view]")
    run_page(page, {"__name__": "__main__"})


def test_the_example_of_the_readme(folder):
    run_console("$ wormio phantom RECORDING --volumes 12 --quiet\n", "phantom")
    (folder / "RECORDING" / "positions.csv").rename(folder / "neurons.csv")
    examples = [block for block in blocks(ROOT / "README.md") if block.language == "python"]
    assert len(examples) == 1
    names: dict[str, Any] = {}
    exec(compile(examples[0].text, "README.md", "exec"), names)  # noqa: S102
    assert (folder / "traces.h5").is_file()
    assert names["responses"].data.ndim == 3


def test_the_plugin_page_names_a_module_that_it_shows(folder):
    shown = {block.caption: block.text for block in blocks(DOCS / "plugins.md") if block.caption}
    entry_points = tomllib.loads(shown["pyproject.toml"])["project"]["entry-points"]["wormio"]
    for module in entry_points.values():
        assert f"{module.replace('.', '/')}.py" in shown


# What else is installed here would show in the page's output.
ONLY_THE_PAGES_PLUGIN = {"WORMIO_PLUGINS": "oaklab"}


def without_switched_off(
    done: subprocess.CompletedProcess[str],
) -> subprocess.CompletedProcess[str]:
    """Leave out the lines of other plugins that are installed here."""
    kept = [line for line in done.stdout.splitlines(True) if "named by WORMIO_" not in line]
    return subprocess.CompletedProcess(done.args, done.returncode, "".join(kept), done.stderr)


@attrs.frozen
class SeeminglyInstalled:
    """Runs the page's commands here; what is installed only looks so to importlib.metadata."""

    site: Path

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        return self._run("-c", code)

    def __call__(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        match words:
            case ["pip", "install", "--editable", folder]:
                return self._install(Path(folder))
            case ["pip", "install", "pytest"]:
                return run_process(["true"])
            case ["wormio", *arguments]:
                return without_switched_off(self._run("-c", RUN_WORMIO, *arguments))
            case ["python", "-m", "pytest", folder]:
                return self._run(
                    "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", folder
                )
        raise AssertionError(words)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | ONLY_THE_PAGES_PLUGIN | {"PYTHONPATH": str(self.site)}
        return run_process([sys.executable, *arguments], env=environment)

    def _install(self, folder: Path) -> subprocess.CompletedProcess[str]:
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        info = self.site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        points = [f"{k} = {v}" for k, v in project["entry-points"]["wormio"].items()]
        (info / "entry_points.txt").write_text("\n".join(["[wormio]", *points]))
        for package in (folder / "src").resolve().iterdir():
            (self.site / package.name).symlink_to(package)
        return run_process(["true"])


@attrs.frozen
class Installed:
    """Runs the page's commands in an environment of its own, as they stand there."""

    bin: Path

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        return self(["python", "-c", code])

    def __call__(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        left_out = ("PYTHON", "WORMIO_", "VIRTUAL_ENV")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
        environment |= ONLY_THE_PAGES_PLUGIN
        return without_switched_off(
            run_process([str(self.bin / words[0]), *words[1:]], env=environment)
        )


def write_a_plugin(run: SeeminglyInstalled | Installed) -> None:
    for block in filter(is_run, blocks(INSTALLING)):
        where = f"{INSTALLING.name}, line {block.line}"
        if block.caption:
            write_file(block)
        elif block.language == "python":
            done = run.python(block.text)
            assert done.returncode == 0, f"{where}\n{done.stderr}"
        else:
            assert block.language == "console", where
            run_console(block.text, where, run)


def test_a_plugin_is_written(folder):
    write_a_plugin(SeeminglyInstalled(folder / "site"))


@pytest.mark.slow
def test_a_plugin_is_written_in_a_new_environment(folder):
    import site

    venv = folder / "venv"
    done = run_process([sys.executable, "-m", "venv", str(venv)])
    assert done.returncode == 0, done.stderr
    # wormio and what it needs are those of this environment; the plugin is installed by pip.
    here = [str(ROOT), *site.getsitepackages()]
    (packages,) = venv.glob("lib/python*/site-packages")
    (packages / "here.pth").write_text(
        "".join(f"import site; site.addsitedir({folder!r})\n" for folder in here)
    )
    if not (venv / "bin" / "wormio").exists():
        (venv / "bin" / "wormio").write_text(f"#!{venv}/bin/python\n{RUN_WORMIO}\n")
        (venv / "bin" / "wormio").chmod(0o755)
    write_a_plugin(Installed(venv / "bin"))
