"""An adapter's module that does too much when it is imported."""

from pathlib import Path

import pytest  # noqa: F401 (the mistake)
from reference import open  # noqa: A004, F401 (as openers are called)

ABOUT = Path(__file__).with_name("conftest.py").read_text(encoding="utf-8")
