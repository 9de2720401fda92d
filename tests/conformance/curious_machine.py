"""An adapter's module that reads a file when it is imported."""

import sys
from pathlib import Path

from reference import open  # noqa: A004, F401 (as openers are called)

with Path(sys.executable).open("rb") as _file:
    MAGIC = _file.read(4)
