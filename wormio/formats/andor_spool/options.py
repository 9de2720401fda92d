"""Options of Andor spools."""

from __future__ import annotations

from typing import Literal, get_args

import attrs

from wormio.registry import Options, finite_number, one_of, option, positive_number

__all__ = ["AndorSpoolOptions", "Split"]

Split = Literal["none", "rows", "columns"]
_positive = attrs.converters.optional(positive_number)


def _at_least_one(value: object) -> float | None:
    if value is None:
        return None
    number = finite_number(value)
    if number < 1:
        raise ValueError("must be at least 1")
    return number


@attrs.frozen(kw_only=True)
class AndorSpoolOptions(Options):
    """What a spool does not know: it is a row of frames."""

    planes: float | None = option(
        "Frames of a volume; 1 if the recording is 2-D. May be fractional, so that volumes do not "
        "drift. Overrides the camera and scan rates of a *_info.mat.",
        default=None,
        converter=_at_least_one,
    )
    frame_rate: float | None = option(
        "Frames per second; overrides the times of the files.", default=None, converter=_positive
    )
    um_per_plane: float | None = option(
        "Distance of neighbouring planes in um.", default=None, converter=_positive
    )
    um_per_pixel: float | None = option("Pixel size in um.", default=None, converter=_positive)
    split: Split = option(
        "How an image splitter puts two channels on the camera: 'rows' (one above the other), "
        "'columns' (side by side) or 'none'.",
        default="none",
        converter=one_of(*get_args(Split)),
    )
