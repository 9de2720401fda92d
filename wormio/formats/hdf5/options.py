"""Options of the HDF5 formats."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from wormio.formats.stacks.options import GridOptions, StackOptions
from wormio.registry import option

__all__ = ["Hdf5Options", "ImarisOptions", "ZephirOptions"]

_text = attrs.converters.optional(str)


def _names(value: object) -> tuple[str, ...] | None:
    """Convert "red,green" or a sequence of names; a converter of options."""
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


_CHANNELS = "Names of the channels, in the file's order, separated by commas."


@attrs.frozen(kw_only=True)
class Hdf5Options(StackOptions):
    """What an HDF5 file may not say of itself."""

    dataset: str | None = option(
        "Path of the array inside the file, for example imaging/raw; the same as item.",
        default=None,
        converter=_text,
    )
    times: str | None = option(
        "Path of a dataset of times inside the file, one a frame or one a volume, in seconds "
        "unless its attribute units says otherwise.",
        default=None,
        converter=_text,
    )
    channel_names: tuple[str, ...] | None = option(_CHANNELS, default=None, converter=_names)


@attrs.frozen(kw_only=True)
class ImarisOptions(GridOptions):
    """What an Imaris file may not say of itself."""


@attrs.frozen(kw_only=True)
class ZephirOptions(GridOptions):
    """What a folder of ZephIR does not say."""

    channel_names: tuple[str, ...] | None = option(_CHANNELS, default=None, converter=_names)
