"""Fixtures that several tests share."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# pytest imports tests without putting their folder on the path.
sys.path.insert(0, str(Path(__file__).parent))

# Without hypothesis' stopwatch: a busy machine is no failure.
settings.register_profile("no stopwatch", deadline=None)
settings.load_profile("no stopwatch")

_BESIDE_THE_CHECKOUT = Path(__file__).parents[4] / "shared" / "data"


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
