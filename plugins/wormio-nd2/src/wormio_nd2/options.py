"""Options of the format nd2."""

from __future__ import annotations

import attrs
from wormio.formats.stacks import GridOptions
from wormio.registry import option

__all__ = ["Nd2Options"]


@attrs.frozen(kw_only=True)
class Nd2Options(GridOptions):
    """What an ND2 file may not say of itself; `wormio formats nd2` shows them."""

    z_column: str | None = option(
        "Recorded column that holds the z of the planes, for example 'Piezo Z', where the file "
        "has several and its loops do not tell.",
        default=None,
        converter=attrs.converters.optional(str),
    )
