"""Extraction: masks, reducers, and the engine that reads neurons out of any recording."""

from wormio.extraction.backgrounds import (
    Annulus,
    Background,
    PlanePercentile,
    background_from_json,
)
from wormio.extraction.engine import extract
from wormio.extraction.following import Following
from wormio.extraction.masks import Box, Ellipsoid, Mask, Offsets, Weighted, mask_from_json
from wormio.extraction.reducers import (
    BrightestMean,
    Max,
    Mean,
    Median,
    Percentile,
    Reducer,
    Std,
    Sum,
    VoxelReducer,
    reducer_from_json,
)
from wormio.extraction.rerunning import Change, Rerun, rerun
from wormio.extraction.sharding import merge

__all__ = [
    "Annulus",
    "Background",
    "Box",
    "BrightestMean",
    "Change",
    "Ellipsoid",
    "Following",
    "Mask",
    "Max",
    "Mean",
    "Median",
    "Offsets",
    "Percentile",
    "PlanePercentile",
    "Reducer",
    "Rerun",
    "Std",
    "Sum",
    "VoxelReducer",
    "Weighted",
    "background_from_json",
    "extract",
    "mask_from_json",
    "merge",
    "reducer_from_json",
    "rerun",
]
