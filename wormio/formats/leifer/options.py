"""Options of the Leifer format."""

from __future__ import annotations

import math
from typing import Literal

import attrs

from wormio.registry import Options, option

__all__ = ["LeiferOptions"]


def _positive(value: object) -> float | None:
    if value is None:
        return None
    number = float(value)  # type: ignore[arg-type]
    if not (number > 0 and math.isfinite(number)):
        raise ValueError("must be a positive number")
    return number


def _some_positive(value: object) -> float:
    number = _positive(value)
    if number is None:
        raise ValueError("must be a positive number")
    return number


def _finite(value: object) -> float:
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        raise ValueError("must be finite")
    return number


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
        converter=_positive,
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
        converter=int,
    )
    um_per_pixel: float = option("Pixel size in um.", default=0.42, converter=_some_positive)
    camera_offset: float = option("Counts of a dark pixel.", default=100.0, converter=_finite)
