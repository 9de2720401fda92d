"""What the pages say of names, commands, codes and modules is what the code says."""

import importlib
import inspect
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main

import wormio
from wormio import errors
from wormio.cli.app import app
from wormio.cli.exits import EXIT_CODES, exit_code
from wormio.registry import hookspecs

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "wormio"

pytestmark = pytest.mark.skipif(
    not (DOCS / "conf.py").is_file(), reason="the documentation is not beside the tests"
)

DOCUMENTED = ("errors", "extraction", "model", "registry", "signal", "testing", "view")


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
    assert {int(code) for code, _ in rows} == {0, 1, 143} | {code for _, code in EXIT_CODES}


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


def test_the_hooks_are_told_with_their_signatures():
    hooks = {
        name: function
        for name, function in vars(hookspecs).items()
        if hasattr(function, "wormio_spec")
    }
    told = re.findall(r"^### `(\w+)(\(.*\).*)`$", page("plugins.md"), re.MULTILINE)
    assert dict(told) == {
        name: str(inspect.signature(f)).replace("'", "") for name, f in hooks.items()
    }


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
