"""What the pages say of names, commands, codes and modules is what the code says."""

import doctest
import importlib
import inspect
import os
import re
import tomllib
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main

import wormio
import wormio.testing.checks  # (fills CHECKS)
from wormio import errors
from wormio.cli.app import app
from wormio.cli.exits import DIFFERENT, EXIT_CODES, exit_code
from wormio.registry import PluginRegistry, explain, hookspecs
from wormio.registry.known import KNOWN
from wormio.testing import Result
from wormio.testing.engine import CHECKS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "wormio"

pytestmark = pytest.mark.skipif(
    not (DOCS / "conf.py").is_file(), reason="the documentation is not beside the tests"
)

DOCUMENTED = (
    "errors",
    "export",
    "extraction",
    "mapping",
    "model",
    "registry",
    "signal",
    "signal.importing",
    "testing",
    "view",
)


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def sections(text: str, level: int) -> dict[str, str]:
    """Return the text under each heading of a level, by heading."""
    parts = re.split(rf"^{'#' * level} (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def autosummary(name: str) -> set[str]:
    """Return the full names that a page of the reference lists."""
    listed, module, inside = set(), "", False
    for line in page(f"api/{name}.md").splitlines():
        if found := re.fullmatch(r"\.\. (?:currentmodule|module):: (\S+)", line):
            module = found[1]
        if line.startswith(".. autosummary::"):
            inside = True
        elif inside and (found := re.fullmatch(r"   (\w[\w.]*)", line)):
            listed.add(f"{module}.{found[1]}")
        elif inside and line.strip() and not line.startswith("   "):
            inside = False
    return listed


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_reference_lists_every_public_name(name):
    module = importlib.import_module(f"wormio.{name}")
    assert autosummary(name) == {f"wormio.{name}.{public}" for public in module.__all__}


def test_the_reference_lists_every_short_name():
    listed = dict(
        re.findall(r"^\| `wormio\.(\w+)` \| \{py:obj\}`(\S+)` \|$", page("api/wormio.md"), re.M)
    )
    assert set(listed) == set(wormio.__all__) - {"errors"}
    for short, full in listed.items():
        home, _, public = full.rpartition(".")
        assert full in autosummary(home.removeprefix("wormio."))
        assert getattr(wormio, short) is getattr(importlib.import_module(home), public)


def test_the_built_site_has_every_public_name():
    built = os.environ.get("WORMIO_DOCS_HTML")
    if not built:
        pytest.skip("WORMIO_DOCS_HTML names no built documentation")
    inventory = pytest.importorskip("sphinx.util.inventory").InventoryFile
    with (Path(built) / "objects.inv").open("rb") as file:
        objects = inventory.load(file, "", lambda _base, uri: uri)
    names = {name for kind in objects if kind.startswith("py:") for name in objects[kind]}
    for name in DOCUMENTED:
        module = importlib.import_module(f"wormio.{name}")
        assert {f"wormio.{name}.{public}" for public in module.__all__} <= names


def test_every_error_has_an_entry_with_a_cure():
    entries = sections(page("errors.md"), 3)
    assert set(entries) == set(errors.__all__)
    for name, text in entries.items():
        branch = getattr(errors, name).__subclasses__()
        assert "*To do:*" in text or branch, name


def test_errors_name_the_builtin_they_also_are():
    for name, text in sections(page("errors.md"), 3).items():
        builtin = [
            base.__name__
            for base in getattr(errors, name).__bases__
            if base.__module__ == "builtins"
        ]
        if builtin and name != "WormioError":
            assert f"`{builtin[0]}`" in text, name


def test_the_exit_codes_are_those_of_the_program():
    rows = re.findall(r"^\| (\d+) \| .+? \| (.*?) ?\|$", page("cli.md"), re.MULTILINE)
    documented = {name: int(code) for code, names in rows for name in re.findall(r"`(\w+)`", names)}
    assert documented == {kind.__name__: code for kind, code in EXIT_CODES}
    codes = {code for _, code in EXIT_CODES}
    assert {int(code) for code, _ in rows} == {0, 1, 143, DIFFERENT} | codes


def test_the_most_special_class_decides_the_exit_code():
    for kind in (getattr(errors, name) for name in errors.__all__):
        named = dict(EXIT_CODES)
        expected = next((named[base] for base in kind.__mro__ if base in named), 1)
        assert exit_code(kind("problem")) == expected


def leaves(commands: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Return the commands and those inside groups, by all their words."""
    for name, command in commands.items():
        if hasattr(command, "commands"):
            for inner, leaf in leaves(command.commands):
                yield f"{name} {inner}", leaf
        else:
            yield name, command


def test_every_command_and_option_is_told():
    text = page("cli.md")
    entries = {
        heading.removeprefix("`wormio ").removesuffix("`"): body
        for heading, body in sections(text, 2).items()
        if heading.startswith("`wormio ")
    }
    commands = dict(leaves(typer.main.get_command(app).commands))
    assert set(entries) == set(commands)
    for name, command in commands.items():
        for parameter in command.params:
            for option in (o for o in parameter.opts if o.startswith("--") and o != "--help"):
                assert re.search(rf"`{option}\b", entries[name]), f"wormio {name} {option}"
        known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
        told = set(re.findall(r"`(--[\w-]+)", entries[name]))
        assert told <= known, f"wormio {name} has no {told - known}"


HOOKS = {
    name: function for name, function in vars(hookspecs).items() if hasattr(function, "wormio_spec")
}


def test_the_hooks_are_told_with_their_signatures():
    told = re.findall(r"^## `(\w+)(\(.*\).*)`\n\n(.*)\n(.*)$", page("hooks.md"), re.MULTILINE)
    assert {name: signature for name, signature, *_ in told} == {
        name: str(inspect.signature(f)).replace("'", "") for name, f in HOOKS.items()
    }
    for name, _, included, what in told:
        assert included == "```{literalinclude} ../wormio/registry/hookspecs.py"
        assert what == f":pyobject: {name}"


@pytest.mark.parametrize("hook", HOOKS)
def test_the_docstring_of_a_hook_holds_a_complete_plugin(hook):
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(HOOKS[hook]) or "")
    plugin = types.ModuleType("wormio_mylab.hooks")
    exec("".join(example.source for example in examples), vars(plugin))  # noqa: S102
    registry = PluginRegistry()
    registry.register(plugin, "mylab", "wormio-mylab 0.1.0")
    offered = {
        "wormio_formats": registry.formats,
        "wormio_position_readers": registry.position_readers,
        "wormio_reducers": registry.reducers,
    }
    assert [item.name.split("-")[0] for item in offered[hook]] == ["mylab"]
    for fmt in registry.formats:
        (verdict,) = explain(DOCS, registry=registry).verdicts
        assert (verdict.format, verdict.answer) == (fmt.name, "no")


def test_every_check_has_an_entry_with_its_rule_severity_and_needs():
    text = page("conformance.md")
    entries = {name: body for name, body in sections(text, 3).items() if name.startswith("WIO-")}
    assert set(entries) == set(CHECKS)
    rows = re.findall(r"^\| (`.+?) \|", sections(text, 2)["What checks need"], re.MULTILINE)
    explained = set(re.findall(r"`(\w+)`", " ".join(rows)))
    for name, one in CHECKS.items():
        applies = ", ".join(f"`{need}`" for need in sorted(one.needs))
        told = f"needs {applies}" if applies else "always applies"
        wanted = f"\n\n> {one.rule}\n\n{one.severity}; {told}.\n\n"
        assert entries[name].startswith(wanted), f"{name}: {wanted}"
        assert len(entries[name].removeprefix(wanted).split()) >= 5, f"{name} is not explained"
        assert one.needs <= explained, name
        assert one.since == "1.0", f"say in conformance.md since when there is {name}"


def test_the_built_site_has_the_anchor_that_a_failure_names():
    built = os.environ.get("WORMIO_DOCS_HTML")
    if not built:
        pytest.skip("WORMIO_DOCS_HTML names no built documentation")
    for name, one in CHECKS.items():
        shown = str(Result(id=name, rule=one.rule, severity=one.severity, outcome="failed"))
        named, _, anchor = shown.rpartition("docs/")[2].partition("#")
        html = (Path(built) / named).with_suffix(".html").read_text(encoding="utf-8")
        assert html.count(f'id="{anchor}"') == 1, name


def test_no_check_is_named_that_does_not_exist():
    named = {
        found
        for path in DOCS.rglob("*.md")
        if not {"_build", "generated"} & set(path.relative_to(DOCS).parts)
        for found in re.findall(r"WIO-[A-Z]\d\d", path.read_text(encoding="utf-8"))
    }
    assert named <= set(CHECKS)


def test_the_known_distributions_are_told():
    told = re.findall(r"^\| ([^|`]+) \| `(wormio-\w+)` \|", page("plugins.md"), re.MULTILINE)
    assert dict(told) == {known.title: known.distribution for known in KNOWN}


def test_the_environment_variables_are_told():
    used = set(re.findall(r"WORMIO_[A-Z_]+", (PACKAGE / "registry/manager.py").read_text()))
    rows = re.findall(r"^\| `(WORMIO_\w+)", page("plugins.md"), re.MULTILINE)
    assert set(rows) == used


def modules() -> set[str]:
    """Return every module and package of wormio, the compiled one included."""
    found = {"wormio._cext"}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found.add(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


def test_the_architecture_names_every_module_and_no_other():
    told = re.findall(r"^\| `(wormio[\w.]*)` \| \S", page("architecture.md"), re.MULTILINE)
    assert len(told) == len(set(told))
    assert set(told) == modules()


def test_the_architecture_has_the_layers_of_the_import_contract():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (
        c for c in settings["tool"]["importlinter"]["contracts"] if c["type"] == "layers"
    )
    told = re.findall(r"^## `(wormio\.\w+)`", page("architecture.md"), re.MULTILINE)
    assert told == contract["layers"]


def test_every_decision_is_in_the_index():
    files = {path.stem for path in (DOCS / "adr").glob("[0-9]*.md")}
    index = page("adr/index.md")
    assert files == set(re.findall(r"^(\d{4}-\S+)$", index, re.MULTILINE))
    for name in files:
        text = page(f"adr/{name}.md")
        assert text.startswith(f"# {name[:4]}: ")
        assert list(sections(text, 2)) == ["Context", "Decision", "Consequence"]
