"""Fixtures that several test packages share."""

import gc
import os
import signal
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from hypothesis import settings

# Without hypothesis' stopwatch: a busy machine is no failure.
settings.register_profile("no stopwatch", deadline=None)
settings.load_profile("no stopwatch")

# What is set in the shell must not change which plugins a test sees.
for _name in (
    "WORMIO_PLUGINS",
    "WORMIO_STRICT_PLUGINS",
    "WORMIO_DESCRIPTIONS",
):
    os.environ.pop(_name, None)
# Nor must the plugins that a developer has installed: each has tests of its own. The tables of real
# files are about them too, where WORMIO_TEST_PLUGINS asks for it.
if not os.environ.get("WORMIO_TEST_PLUGINS"):
    os.environ["WORMIO_DISABLE_PLUGINS"] = ",".join(
        entry.name for entry in entry_points(group="wormio") if entry.name != "builtin"
    )

_BESIDE_THE_CHECKOUT = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real files that nobody here wrote."""
    named = os.environ.get("WORMIO_TEST_DATA")
    folder = Path(named) if named else _BESIDE_THE_CHECKOUT
    if not (folder / "MANIFEST.tsv").is_file():
        pytest.skip(
            f"the real recordings are not at {folder}: they are not part of this repository; "
            "point WORMIO_TEST_DATA to them"
        )
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs the program and gives exit code, stdout and stderr."""
    from wormio.cli import main  # not before the plugins are switched off, above

    def call(*arguments: object) -> tuple[int, str, str]:
        handler = signal.getsignal(signal.SIGTERM)
        try:
            with pytest.raises(SystemExit) as ended:
                main([str(argument) for argument in arguments])
        finally:
            signal.signal(signal.SIGTERM, handler)
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def _open_files() -> set[str]:
    folder = Path("/proc/self/fd")
    found = set()
    for entry in folder.iterdir() if folder.is_dir() else ():
        try:
            target = entry.readlink()
        except OSError:  # the descriptor of this very listing
            continue
        if target.is_file():
            found.add(f"{entry.name} {target}")
    return found


@pytest.fixture(autouse=True)
def no_file_left_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a file open after its objects are gone."""
    before = _open_files()
    yield
    if request.node.get_closest_marker("slow"):
        return
    left = _open_files() - before
    if left:
        gc.collect()
        left = _open_files() - before
    assert not {name for name in left if "/site-packages/" not in name and "/lib/" not in name}
