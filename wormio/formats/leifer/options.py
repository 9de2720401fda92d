"""Options of the Leifer format."""

from __future__ import annotations

from typing import Literal

import attrs

from wormio.formats.described.options import frame_number
from wormio.registry import Options, finite_number, option, positive_number

__all__ = ["LeiferOptions"]


def _layout(value: object) -> str:
    if value not in {"split", "interleaved"}:
        raise ValueError("must be 'split' or 'interleaved'")
    return str(value)


@attrs.frozen(kw_only=True)
class LeiferOptions(Options):
    """What a Leifer folder may not say of itself."""

    um_per_volt: float | None = option(
        "Calibration of the z piezo in um per volt; overrides zScan.json. "
        "8.0 is the lab's usual piezo.",
        default=None,
        converter=attrs.converters.optional(positive_number),
    )
    layout: Literal["split", "interleaved"] = option(
        "Where the channels lie in a frame: 'split' (red the upper half of the rows, green the "
        "lower) or 'interleaved' (red and green line by line: the old microscope).",
        default="split",
        converter=_layout,
    )
    planar: bool = option(
        "The recording is 2-D: every frame is one volume.",
        default=False,
        converter=attrs.converters.to_bool,
    )
    latency: int = option(
        "Frames to add to the DAQ's counters before they are joined to the camera's.",
        default=0,
        converter=frame_number,
    )
    um_per_pixel: float = option("Pixel size in um.", default=0.42, converter=positive_number)
    camera_offset: float = option("Counts of a dark pixel.", default=100.0, converter=finite_number)
    growing: bool = option(
        "The acquisition is still writing: take what all files hold completely.",
        default=False,
        converter=attrs.converters.to_bool,
    )
