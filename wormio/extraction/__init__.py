"""Extraction: masks, reducers, and the engine that reads neurons out of any recording."""

from wormio.extraction.engine import extract
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

__all__ = [
    "Box",
    "BrightestMean",
    "Ellipsoid",
    "Mask",
    "Max",
    "Mean",
    "Median",
    "Offsets",
    "Percentile",
    "Reducer",
    "Std",
    "Sum",
    "VoxelReducer",
    "Weighted",
    "extract",
    "mask_from_json",
    "reducer_from_json",
]
