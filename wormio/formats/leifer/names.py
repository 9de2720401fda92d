"""Names and headers of the files in a Leifer folder; detection and reading share them."""

from __future__ import annotations

import re

__all__ = [
    "DAQ_HEADER",
    "DAQ_TABLE",
    "FRAMES_FILE",
    "FRAMES_HEADER",
    "FRAMES_TABLE",
    "STIMULI_TABLE",
    "VOLUME_TABLE",
    "Z_SCAN",
]

FRAMES_TABLE = "framesDetails.txt"
FRAMES_HEADER = ("Timestamp", "frameCount")
DAQ_TABLE = "other-frameSynchronous.txt"
# A seventh column, the laser gate, follows in pump-probe recordings; its name varies.
DAQ_HEADER = (
    "Frame index",
    "Piezo position (V)",
    "Piezo direction (+-1)",
    "Volume index",
    "Ludl X",
    "Ludl Y",
)
VOLUME_TABLE = "other-volumeMetadataUtilities.txt"
STIMULI_TABLE = "pharosTriggers.txt"
Z_SCAN = "zScan.json"
FRAMES_FILE = re.compile(r"(?:sCMOS_)?[Ff]rames_U16_(?P<rows>\d{1,6})x(?P<columns>\d{1,6})\.dat")
