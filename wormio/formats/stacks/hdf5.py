"""Frames out of arrays of HDF5 files, for every format that keeps its images in one.

Public: plugins for formats on top of HDF5 (NWB, ...) use it as wormio's own formats do. Reach the
array with `wormio.storage.foreign_hdf5.dataset`, name its axes with `ArrayPlanes`, then take its
frames with `array_frames`, or with `decoded_frames` where one recording lies in several arrays.
"""

from wormio.formats.hdf5.arrays import (
    ArrayFrames,
    array_frames,
    decoded_frames,
    missing_finding,
    no_frames,
)
from wormio.formats.hdf5.attributes import attributes, number

__all__ = [
    "ArrayFrames",
    "array_frames",
    "attributes",
    "decoded_frames",
    "missing_finding",
    "no_frames",
    "number",
]
