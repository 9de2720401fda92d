"""Fixtures: the real file, and files that are written for a test."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wormio_nd2.writer import images, write_nd2

for _name in ("WORMIO_PLUGINS", "WORMIO_DISABLE_PLUGINS", "WORMIO_STRICT_PLUGINS"):
    os.environ.pop(_name, None)

_BESIDE_THE_CHECKOUT = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real files that nobody here wrote."""
    named = os.environ.get("WORMIO_TEST_DATA")
    folder = Path(named) if named else _BESIDE_THE_CHECKOUT
    if not (folder / "MANIFEST.tsv").is_file():
        pytest.skip(f"the real recordings are not at {folder}: point WORMIO_TEST_DATA to them")
    return folder


@pytest.fixture(scope="session")
def cluster(real_data: Path) -> Path:
    """Return the real file."""
    return real_data / "nd2" / "cluster.nd2"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a file and returns its path."""

    def make(n: int, loops: list[Any], **facts: Any) -> Path:
        path = tmp_path / "recording.nd2"
        frames = facts.pop("frames", None)
        write_nd2(path, images(n) if frames is None else frames, loops, **facts)
        return path

    return make
