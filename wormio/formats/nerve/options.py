"""Options of the NeRVE format."""

from __future__ import annotations

import re
from typing import Literal

import attrs

from wormio.registry import Options, finite_number, one_of, option, positive_number

__all__ = ["NerveOptions"]

_optional = attrs.converters.optional


def _shape(value: object) -> str:
    found = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", str(value))
    if found is None:
        raise ValueError("must be rows x columns, such as 1200x600")
    return str(value)


def _count(value: object) -> int:
    number = int(str(value))
    if number < 0:
        raise ValueError("must not be negative")
    return number


@attrs.frozen(kw_only=True)
class NerveOptions(Options):
    """What a NeRVE folder may not say of itself."""

    channels: Literal["auto", "whole", "split", "alignments"] = option(
        "Where the channels lie in a frame: 'alignments' (the rectangles in alignments.mat), "
        "'split' (upper and lower half of the rows), 'whole' (one channel, the whole frame), or "
        "'auto' (alignments.mat if it is there and its rectangles are equally large, else whole).",
        default="auto",
        converter=one_of("auto", "whole", "split", "alignments"),
    )
    rectangles: Literal["auto", "corners", "size"] = option(
        "What the rectangles in alignments.mat mean: 'corners' (x0 y0 x1 y1 as the lab's "
        "createAlignment.m saves them), 'size' (x y width height), or 'auto' (the one that fits "
        "the frame; an error if both do).",
        default="auto",
        converter=one_of("auto", "corners", "size"),
    )
    pixel_order: Literal["columns", "rows"] = option(
        "Order of the pixels of a frame in the file: 'columns' (column after column, as the lab's "
        "MATLAB code reads them) or 'rows' (row after row).",
        default="columns",
        converter=one_of("columns", "rows"),
    )
    frame_shape: str | None = option(
        "Rows x columns of a whole frame, such as 1200x600; overrides the file's name.",
        default=None,
        converter=_optional(_shape),
    )
    skip_frames: int | None = option(
        "Frames at the start of the frame file that have no row in the tables. Needed only if the "
        "file holds more frames than the tables have rows.",
        default=None,
        converter=_optional(_count),
    )
    latency: int = option(
        "Frames by which the images lag behind z and volume: frame f gets those of row "
        "f - latency (NeRVE's zOffset).",
        default=0,
        converter=int,
    )
    raw: bool = option(
        "Read the text tables although hiResData.mat is there.",
        default=False,
        converter=attrs.converters.to_bool,
    )
    um_per_volt: float | None = option(
        "Calibration of the z sensor in um per volt.",
        default=None,
        converter=_optional(positive_number),
    )
    um_per_pixel: float | None = option(
        "Pixel size in um.", default=None, converter=_optional(positive_number)
    )
    camera_offset: float | None = option(
        "Counts of a dark pixel.", default=None, converter=_optional(finite_number)
    )
