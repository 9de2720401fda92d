"""What formats share whose planes lie on a grid of time, z and channel: TIFF, HDF5, MATLAB, ...

Public: plugins use it as wormio's own formats do. `Axes` names the dimensions of an array, by the
file or by the user; `make_timing` makes the timeline of a `Grid`; `ArrayPlanes` finds the frames in
an array of any order of axes, `BlockReader` reads them out of chunks; `StackOptions` are the
options that go with it.
"""

from wormio.formats.stacks.arrays import ArrayPlanes
from wormio.formats.stacks.axes import Axes
from wormio.formats.stacks.blocks import BlockReader, plan_blocks
from wormio.formats.stacks.channels import name_channels
from wormio.formats.stacks.options import (
    GridOptions,
    StackOptions,
    positive_whole,
    whole_axes,
)
from wormio.formats.stacks.timing import Grid, Timing, make_timing, planes_per_volume, saved_frames

__all__ = [
    "ArrayPlanes",
    "Axes",
    "BlockReader",
    "Grid",
    "GridOptions",
    "StackOptions",
    "Timing",
    "make_timing",
    "name_channels",
    "plan_blocks",
    "planes_per_volume",
    "positive_whole",
    "saved_frames",
    "whole_axes",
]
