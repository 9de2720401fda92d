"""Options of formats whose planes lie on a grid: what such a file may not say of itself."""

from __future__ import annotations

import attrs

from wormio.registry import Options, option, positive_number

__all__ = ["GridOptions", "StackOptions", "positive_whole", "whole_axes"]


_positive = attrs.converters.optional(positive_number)


def positive_whole(value: object) -> int | None:
    """Convert to a positive whole number; a converter of options."""
    if value is None:
        return None
    number = positive_number(value)
    if number != int(number):
        raise ValueError("must be a positive whole number")
    return int(number)


def whole_axes(value: object) -> str | None:
    """Convert to letters for axes, Y and X once each; a converter of options."""
    if value is None:
        return None
    axes = str(value).upper()
    wrong = sorted(set(axes) - set("TZCYX"))
    if wrong:
        raise ValueError(f"{', '.join(wrong)} is none of T, Z, C, Y, X")
    if axes.count("Y") != 1 or axes.count("X") != 1:
        raise ValueError("Y and X must stand there once each")
    return axes


@attrs.frozen(kw_only=True)
class GridOptions(Options):
    """What a file that names its dimensions may still not say of them."""

    planes: int | None = option(
        "Planes of a volume, where the planes lie one after the other along T.",
        default=None,
        converter=positive_whole,
    )
    volume_rate: float | None = option(
        "Volumes per second; overrides the file's times.", default=None, converter=_positive
    )
    um_per_pixel: float | None = option(
        "Pixel size in um; overrides the file's.", default=None, converter=_positive
    )
    um_per_plane: float | None = option(
        "Distance of neighbouring planes in um; overrides the file's positions.",
        default=None,
        converter=_positive,
    )


@attrs.frozen(kw_only=True)
class StackOptions(GridOptions):
    """What a file may not say of the grid of its planes."""

    axes: str | None = option(
        "Meaning of the file's dimensions, slowest first, one letter of T, Z, C, Y, X for each, "
        "for example TZCYX. A letter other than Y and X may stand for several dimensions.",
        default=None,
        converter=whole_axes,
    )
