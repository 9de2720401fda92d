"""What is a number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["is_number"]


def is_number(value: Any) -> bool:
    """Return whether a value is a finite real number, and no truth value."""
    kinds = (int, float, np.integer, np.floating)
    return isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
