"""Options of light-sheet folders."""

from __future__ import annotations

from typing import Literal

import attrs

from wormio.registry import Options, one_of, option, positive_number

__all__ = ["AhrensOptions"]

_positive = attrs.converters.optional(positive_number)


@attrs.frozen(kw_only=True)
class AhrensOptions(Options):
    """What a folder may not say of itself. ``item`` is the camera, for example ``CM0``."""

    kind: Literal["h5", "stack"] | None = option(
        "Which files to read where a folder has volumes as both .h5 and .stack.",
        default=None,
        converter=attrs.converters.optional(one_of("h5", "stack")),
    )
    dataset: str | None = option(
        "Name of the dataset in the .h5 files; needed if they hold several of 3 dimensions.",
        default=None,
        converter=attrs.converters.optional(str),
    )
    volume_rate: float | None = option(
        "Volumes per second; overrides Stack_frequency.txt.", default=None, converter=_positive
    )
    um_per_plane: float | None = option(
        "Distance of neighbouring planes in um; overrides z_step of ch0.xml.",
        default=None,
        converter=_positive,
    )
    um_per_pixel: float | None = option("Pixel size in um.", default=None, converter=_positive)
