"""What wormio's frame table is called in a store, for those who read it and those who write it."""

from __future__ import annotations

__all__ = [
    "COLUMNS",
    "EVENT_COLUMNS",
    "FORMAT",
    "ORIGIN",
    "PLACE",
    "SCHEMA_VERSION",
    "TABLE",
]

TABLE = "wormio"
"""The group, inside that of the image."""
FORMAT = "wormio-recording"
"""Attribute ``format`` of the group."""
SCHEMA_VERSION = 1
PLACE = "place"
"""The array that says where in the image each frame lies: t times the planes of z, plus z."""
COLUMNS = (
    "time",
    "z",
    "count",
    "raw_count",
    "raw_time",
    "direction",
    "volumes",
    "volume_counts",
    "stored",
    "flags",
)
EVENT_COLUMNS = ("count", "frame", "time", "volume", "duration", "error_frames", "status")
ORIGIN = "wormio_origin"
"""Key of `Recording.metadata` under which a written recording says what it was made from."""
