"""Options of the format."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import attrs
from wormio.formats.stacks import StackOptions
from wormio.registry import option

__all__ = ["ZarrOptions"]

_text = attrs.converters.optional(str)


def _absent(value: object) -> Literal["missing", "fill"]:
    if value == "missing":
        return "missing"
    if value == "fill":
        return "fill"
    raise ValueError("must be missing or fill")


def _names(value: object) -> tuple[str, ...] | None:
    """Convert "red,green" or a sequence of names."""
    if value is None:
        return None
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, Iterable):
        raise TypeError("must be names, separated by commas")
    names = tuple(str(name).strip() for name in value)
    if not all(names) or len(set(names)) != len(names):
        raise ValueError("must be different names, none of them empty")
    return names


@attrs.frozen(kw_only=True)
class ZarrOptions(StackOptions):
    """What a Zarr store may not say of itself."""

    dataset: str | None = option(
        "Path of an array inside the store, for example imaging/raw: read as a plain array, "
        "whatever metadata lie around it.",
        default=None,
        converter=_text,
    )
    absent_chunks: Literal["missing", "fill"] = option(
        "What a chunk means that is not in the store: 'missing' (the image was never saved) or "
        "'fill' (the writer leaves out chunks that hold nothing but the fill value).",
        default="missing",
        converter=_absent,
    )
    channel_names: tuple[str, ...] | None = option(
        "Names of the channels, in the store's order, separated by commas.",
        default=None,
        converter=_names,
    )
    frame_table: bool = option(
        "Use the frame table that wormio wrote beside the pixels, if there is one.",
        default=True,
        converter=attrs.converters.to_bool,
    )
