"""Makes the reference format importable and installed, here and in child processes."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # `import reference`, `import mutants`: what code names refer to


@pytest.fixture(autouse=True, scope="module")
def reference_is_installed() -> Iterator[None]:
    """Install the reference format's plugin, as pip would: its entry point is found on the path."""
    from wormio.registry import default_registry

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HERE / "plugin")
        there = [str(HERE / "plugin"), str(HERE), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, there)))
        default_registry.cache_clear()
        yield
    default_registry.cache_clear()
