"""Options of the format: what its axes mean, where their names do not say it."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from wormio.formats.stacks import GridOptions
from wormio.registry import option

__all__ = ["ROLES", "NdtiffOptions"]

ROLES = ("time", "z", "channel", "position")


def _named_roles(value: object) -> dict[str, str] | None:
    """Convert ``{"laser": "channel"}``, or ``"laser=channel,arm=position"``."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        given = {str(name): str(role) for name, role in value.items()}
    else:
        pieces = [piece.partition("=") for piece in str(value).split(",") if piece.strip()]
        given = {name.strip(): role.strip() for name, _, role in pieces}
    wrong = {name: role for name, role in given.items() if role not in ROLES}
    if wrong:
        raise ValueError(f"{wrong}: an axis is one of {', '.join(ROLES)}")
    return given


@attrs.frozen(kw_only=True)
class NdtiffOptions(GridOptions):
    """Options of the format; `wormio formats ndtiff` shows them."""

    axes: Mapping[str, str] | None = option(
        "What axes mean that are none of time, z, channel, position, row and column: "
        "laser=channel,cycle=time. Images along an axis of position are recordings of their own.",
        default=None,
        converter=_named_roles,
    )
