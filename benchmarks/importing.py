"""Importing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.contest import Contenders, Contest

__all__ = ["CONTESTS"]


def _python(code: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, "-c", code], check=True).returncode  # noqa: S603 (its own code)


@contextmanager
def _importing(folder: Path) -> Iterator[Contenders]:  # noqa: ARG001 (nothing to write)
    yield {
        "import wormio": _python("import wormio"),
        "import numpy": _python("import numpy"),
        "nothing": _python(""),
    }


CONTESTS = (Contest("import", "starting Python and importing", _importing),)
