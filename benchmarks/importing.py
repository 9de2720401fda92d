"""Importing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.contest import Contenders, Contest

__all__ = ["CONTESTS"]


def _python(code: str, **variables: str) -> Callable[[], object]:
    environment = os.environ | variables
    command = [sys.executable, "-c", code]
    return lambda: subprocess.run(command, check=True, env=environment).returncode  # noqa: S603 (its own code)


@contextmanager
def _importing(folder: Path) -> Iterator[Contenders]:  # noqa: ARG001 (nothing to write)
    yield {
        "import wormio": _python("import wormio"),
        "import numpy": _python("import numpy"),
        "nothing": _python(""),
    }


@contextmanager
def _plugins(folder: Path) -> Iterator[Contenders]:  # noqa: ARG001 (nothing to write)
    listed = "import wormio; wormio.list_formats()"
    yield {
        "import wormio": _python("import wormio"),
        "import wormio, no plugins": _python("import wormio", WORMIO_PLUGINS=""),
        "list its formats": _python(listed),
        "list its formats, no plugins": _python(listed, WORMIO_PLUGINS=""),
    }


CONTESTS = (
    Contest("import", "starting Python and importing", _importing),
    Contest("plugins", "the same with all installed plugins and with none", _plugins),
)
