"""What made a signal: enough to extract it again, and to see where each sample was read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import SignalError
from wormio.model import Positions
from wormio.signal._fields import json_field, signal_array

__all__ = ["Provenance"]


@attrs.frozen(kw_only=True)
class Provenance:
    """How one extraction was made; shared by the signals of all its channels.

    T volumes, N neurons.

    Parameters
    ----------
    source : mapping
        JSON tree of the recording's `wormio.model.Source`.
    recording_id : str
    options : mapping
        JSON-able: mask, reducer, boundary, offset, ...
    versions : mapping
        JSON-able: wormio, python, numpy, format, ...
    positions : Positions
        As they were given, before any mapping to another channel.
    volumes : (T, 2) int64
        Half-open frame ranges of the volumes.
    centre_frame : (T, N) int64
        Frame of each sample's centre plane; -1 where it is not valid.

    Raises
    ------
    SignalError
        Shapes do not fit, or something is not JSON-able.
    """

    source: Mapping[str, Any] = json_field()
    recording_id: str
    options: Mapping[str, Any] = json_field()
    versions: Mapping[str, Any] = json_field()
    positions: Positions
    volumes: NDArray[np.int64] = signal_array("i8", 2, repr=False)
    centre_frame: NDArray[np.int64] = signal_array("i8", 2, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.volumes.shape != (len(self.centre_frame), 2):
            raise SignalError(
                "volumes and centre_frame differ in length",
                expected=f"volumes of shape ({len(self.centre_frame)}, 2)",
                found=f"shape {self.volumes.shape}",
            )
