"""Options of the TIFF format."""

from __future__ import annotations

import attrs

from wormio.formats.stacks.options import StackOptions, positive_whole
from wormio.registry import option

__all__ = ["TiffOptions"]


@attrs.frozen(kw_only=True)
class TiffOptions(StackOptions):
    """What a TIFF file may not say of itself."""

    channels: int | None = option(
        "Channels, where their pages follow each other and the header does not say so: pages 0, 1, "
        "0, 1, ... of the last dimension that axes names outside Y and X.",
        default=None,
        converter=positive_whole,
    )
    single_file: bool = option(
        "Open one file of a numbered ScanImage acquisition alone.",
        default=False,
        converter=attrs.converters.to_bool,
    )
