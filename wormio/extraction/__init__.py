"""Extraction: masks, reducers, and the engine that reads neurons out of any recording."""

from wormio.extraction.engine import extract
from wormio.extraction.following import Following
from wormio.extraction.masks import Box, Mask
from wormio.extraction.reducers import Mean, Reducer, Sum
from wormio.extraction.rerunning import Change, Rerun, rerun
from wormio.extraction.sharding import merge

__all__ = [
    "Box",
    "Change",
    "Following",
    "Mask",
    "Mean",
    "Reducer",
    "Rerun",
    "Sum",
    "extract",
    "merge",
    "rerun",
]
