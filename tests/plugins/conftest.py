"""Fake installed distributions, and the program run as a user runs it."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path

import pytest

PROGRAM = "import sys; sys.argv[0] = 'wormio'; from wormio.cli import main; main()"


def _install(site: Path, distribution: str, version: str, entry: str, modules: dict[str, str]):
    """Put a distribution where importlib.metadata finds it: its dist-info and its modules."""
    info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
    )
    (info / "entry_points.txt").write_text(f"[wormio]\n{entry}\n")
    for name, text in modules.items():
        file = site / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture(scope="session")
def program() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs `wormio` in a child, with distributions from a folder."""

    def run(*arguments: object, site: Path | None = None, **variables: str):
        environment = os.environ | {"COLUMNS": "200"} | variables
        # Those that a developer has installed are switched off for all programs that tests run,
        # but not one of the same name that is in `site`.
        off = set(os.environ.get("WORMIO_DISABLE_PLUGINS", "").split(","))
        if site is not None:
            environment["PYTHONPATH"] = str(site)
            off -= {entry.name for d in distributions(path=[str(site)]) for entry in d.entry_points}
        off |= set(variables.get("WORMIO_DISABLE_PLUGINS", "").split(","))
        environment["WORMIO_DISABLE_PLUGINS"] = ",".join(sorted(off - {""}))
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )

    return run


@pytest.fixture(scope="session")
def install() -> Callable[..., None]:
    """Return a function that puts a fake distribution into a folder."""
    return _install
