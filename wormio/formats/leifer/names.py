"""Names of the files in a Leifer folder that recognising and choosing ask for."""

from __future__ import annotations

import re

__all__ = [
    "DAQ_TABLE",
    "FRAMES_FILE",
    "FRAMES_HEADER",
    "FRAMES_TABLE",
    "VOLUME_TABLE",
    "Z_SCAN",
]

FRAMES_TABLE = "framesDetails.txt"
FRAMES_HEADER = ("Timestamp", "frameCount")
DAQ_TABLE = "other-frameSynchronous.txt"
VOLUME_TABLE = "other-volumeMetadataUtilities.txt"
Z_SCAN = "zScan.json"
# Detection must load no description, so the pattern stands here too; a test compares them.
FRAMES_FILE = re.compile(r"(?:sCMOS_)?[Ff]rames_U16_(?P<rows>\d{1,6})x(?P<columns>\d{1,6})\.dat")
