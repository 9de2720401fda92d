"""Libraries that only an export needs, imported when it is called."""

from __future__ import annotations

import importlib
from typing import Any

from wormio.errors import UnsupportedCapabilityError

__all__ = ["library"]


def library(name: str) -> Any:
    """Import a library that is an extra of wormio, called like it.

    Raises
    ------
    UnsupportedCapabilityError
        It is not installed; the message has the line that installs it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise UnsupportedCapabilityError(
            f"{name} is needed for this and is not installed",
            cure=f"pip install 'wormio[{name}]'",
        ) from error
