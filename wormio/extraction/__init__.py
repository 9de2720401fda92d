"""Extraction: masks, reducers, and the engine that reads neurons out of any recording."""

from wormio.extraction.engine import extract
from wormio.extraction.masks import Box, Mask
from wormio.extraction.reducers import Mean, Reducer, Sum

__all__ = ["Box", "Mask", "Mean", "Reducer", "Sum", "extract"]
