"""Options of the MATLAB format."""

from __future__ import annotations

import attrs

from wormio.formats.stacks.options import StackOptions, whole_axes
from wormio.registry import option, positive_number

__all__ = ["MatOptions"]


@attrs.frozen(kw_only=True)
class MatOptions(StackOptions):
    """What a MATLAB file does not say of itself."""

    variable: str | None = option(
        "Which array, by its path: 'data', 'worm_data.movie'. Default: the only one with three or "
        "more dimensions. The same as item.",
        default=None,
        converter=attrs.converters.optional(str),
    )
    axes: str | None = option(
        "Meaning of the dimensions in MATLAB's own order, as size(x) shows them: one letter of T, "
        "Z, C, Y, X for each, for example YXZT. The same for version 7.3, whose files hold them "
        "reversed. Further letters at the end stand for dimensions of length 1.",
        default=None,
        converter=whole_axes,
    )
    decode_mib: float = option(
        "Largest compressed array, in MiB, that may be decompressed into memory.",
        default=1024.0,
        converter=positive_number,
    )
