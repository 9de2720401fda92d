"""Names of the files of a spool."""

from __future__ import annotations

import re

__all__ = [
    "BLOCK_FILE",
    "BLOCK_PATTERN",
    "HEADER_PATTERN",
    "INFO_SUFFIX",
    "SETTINGS",
    "SIF_MAGIC",
    "block_name",
    "block_number",
]

BLOCK_FILE = re.compile(r"(\d{10})spool\.dat")
BLOCK_PATTERN = "*spool.dat"
SETTINGS = "acquisitionmetadata.ini"
HEADER_PATTERN = "*.sifx"
SIF_MAGIC = b"Andor Technology Multi-Channel File\n"
INFO_SUFFIX = "_info.mat"


def block_number(name: str) -> int | None:
    """Return the number of a block file, None if it is none; the digits are written backwards."""
    matched = BLOCK_FILE.fullmatch(name)
    return None if matched is None else int(matched[1][::-1])


def block_name(number: int) -> str:
    """Return the name of the block file of that number."""
    return f"{number:010d}"[::-1] + "spool.dat"
