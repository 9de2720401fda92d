"""Names of the files in a NeRVE folder; detection and reading share them."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = [
    "ALIGNMENTS",
    "CAMERA_TABLE",
    "DAQ_TABLE",
    "FRAMES_FILE",
    "TIMING",
    "named",
]

TIMING = "hiResData.mat"
CAMERA_TABLE = "CameraFrameData.txt"
DAQ_TABLE = "LabJackData.txt"
ALIGNMENTS = "alignments.mat"
FRAMES_FILE = re.compile(r"sCMOS_Frames_U16_(?P<rows>\d{1,6})x(?P<columns>\d{1,6})\.dat")


def named(names: Iterable[str], wanted: str) -> str | None:
    """Return the entry that is called so; the lab's scripts vary in upper and lower case."""
    found = sorted(name for name in names if name.lower() == wanted.lower())
    return wanted if wanted in found else found[0] if found else None
