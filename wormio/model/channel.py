"""What a channel shows, how large a voxel is, and what was noticed while opening."""

from __future__ import annotations

import math
from typing import Literal, get_args

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import ContractError
from wormio.model._fields import array_field, plain_text

__all__ = ["Channel", "Finding", "Role", "VoxelSize"]

Role = Literal["signal", "reference", "other"]


def _one_of_roles(_channel: object, _attribute: object, value: str) -> None:
    if value not in get_args(Role):
        raise ContractError(
            "a channel has an unknown role",
            expected=", ".join(get_args(Role)),
            found=repr(value),
        )


def _positive_or_none(
    _owner: object, attribute: attrs.Attribute[float | None], value: float | None
) -> None:
    if value is not None and not (
        isinstance(value, (int, float)) and value > 0 and math.isfinite(value)
    ):
        raise ContractError(
            f"{attribute.name} is no length",
            expected="a positive number, or None where it is unknown",
            found=repr(value),
        )


@attrs.frozen(kw_only=True)
class Channel:
    """One colour of a recording.

    Parameters
    ----------
    name : str
        Unique in its recording, for example ``"green"``.
    role : {"signal", "reference", "other"}
        ``"signal"`` follows activity (GCaMP); ``"reference"`` does not (tagRFP).
    excitation_nm, emission_nm : float, optional
        Wavelengths in nm; None if unknown.
    indicator : str, optional
        The fluorophore.
    offset : float, optional
        Camera offset in counts (the value of a dark pixel); None if unknown.
    time_offset : float
        Seconds to add to the frame's time for this channel (sequential exposures).
    """

    name: str = attrs.field(converter=plain_text)
    role: Role = attrs.field(default="other", validator=_one_of_roles)
    excitation_nm: float | None = attrs.field(default=None, validator=_positive_or_none)
    emission_nm: float | None = attrs.field(default=None, validator=_positive_or_none)
    indicator: str = ""
    offset: float | None = None
    time_offset: float = 0.0


@attrs.frozen(kw_only=True)
class VoxelSize:
    """Spacing of voxels in µm; None where it is unknown.

    Parameters
    ----------
    z : float, optional
        Distance of neighbouring planes; None also where planes are irregular
        (then `Timeline.z` holds each frame's own position).
    y, x : float, optional
        Pixel size.
    affine : array_like, shape (3, 4), optional
        Maps (z, y, x, 1) in pixels to µm for sheared scans.
    """

    z: float | None = attrs.field(default=None, validator=_positive_or_none)
    y: float | None = attrs.field(default=None, validator=_positive_or_none)
    x: float | None = attrs.field(default=None, validator=_positive_or_none)
    affine: NDArray[np.float64] | None = array_field("f8", (3, 4), optional=True)


@attrs.frozen(kw_only=True)
class Finding:
    """Something a user should know about a recording that still could be opened.

    Parameters
    ----------
    code : str
        Stable identifier, for example ``"z-uncalibrated"``.
    message : str
        What was found, in one sentence, with its numbers.
    cure : str
        What to do, if anything can be done.
    """

    code: str
    message: str
    cure: str = ""
