"""Options of the TIFF format."""

from __future__ import annotations

import attrs

from wormio.formats.stacks.options import StackOptions

__all__ = ["TiffOptions"]


@attrs.frozen(kw_only=True)
class TiffOptions(StackOptions):
    """What a TIFF file may not say of itself."""
