"""Names of the files of a light-sheet folder."""

from __future__ import annotations

import re

__all__ = ["FREQUENCY", "KINDS", "VOLUME_FILE", "VOLUME_PATTERN", "description_name"]

VOLUME_FILE = re.compile(r"TM(?P<time>\d{1,9})_CM(?P<camera>\d{1,3})_CHN(?P<channel>\d{1,3})"
                         r"\.(?P<kind>h5|stack|klb)")  # fmt: skip
VOLUME_PATTERN = "TM*_CM*_CHN*.*"
KINDS = ("h5", "stack", "klb")
FREQUENCY = "Stack_frequency.txt"


def description_name(channel: int) -> str:
    """Return the name of the file that describes a channel."""
    return f"ch{channel}.xml"
