"""What can be extracted, and what is refused before any pixel is read."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from wormio.errors import ExtractionError, OptionError, UnsupportedCapabilityError
from wormio.extraction.kernels import SUPPORTED_DTYPES
from wormio.model import Labels, Positions, Recording, channel_index

__all__ = ["Offset", "channel_offset", "check_request", "pick_channels", "pick_volumes"]

_log = logging.getLogger(__name__)

Offset = Literal["channel"] | float | Mapping[str, float]


def pick_channels(
    recording: Recording, channels: str | int | Sequence[str | int] | None
) -> list[int]:
    """Return the indices of the channels that are asked for; None is all.

    Raises
    ------
    OptionError
    """
    if channels is None:
        return list(range(len(recording.channels)))
    wanted = [channels] if isinstance(channels, (str, int)) else list(channels)
    picked = [channel_index(recording, channel) for channel in wanted]
    if not picked or len(set(picked)) != len(picked):
        raise OptionError("channels are missing or named twice", found=repr(wanted))
    return picked


def pick_volumes(recording: Recording, volumes: tuple[int, int] | None) -> tuple[int, int]:
    """Return the range of volumes that is asked for; None is all.

    Raises
    ------
    OptionError
    """
    n_volumes = recording.timeline.n_volumes
    if volumes is None:
        return 0, n_volumes
    try:
        first, stop = (int(bound) for bound in volumes)
        fits = 0 <= first < stop <= n_volumes and (first, stop) == tuple(volumes)
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise OptionError(
            "there is no such range of volumes",
            expected=f"(first, stop) with 0 <= first < stop <= {n_volumes}",
            found=repr(volumes),
        )
    return first, stop


def check_request(recording: Recording, where: Positions, boundary: str) -> None:
    """Refuse what cannot be extracted, before any pixel is read.

    Raises
    ------
    ExtractionError, OptionError, UnsupportedCapabilityError
        See `wormio.extract`.
    """
    if isinstance(where, Labels):
        raise UnsupportedCapabilityError(
            "extraction by a label image is not there yet",
            expected="Positions",
            found="Labels",
            cure="extract a Box around the centres of the labels",
        )
    if boundary not in {"exclude", "clip", "nan"}:
        raise OptionError(
            "unknown boundary", expected="'exclude', 'clip' or 'nan'", found=repr(boundary)
        )
    timeline = recording.timeline
    if not len(where):
        raise ExtractionError(
            "there are no neurons", expected="at least one position", found="none"
        )
    if not timeline.n_volumes:
        raise ExtractionError(
            "the recording has no complete volume",
            found=f"{len(timeline)} frames, volumes by {timeline.policy.get('name', 'no policy')}",
            cure="assign volumes by another rule: recording.with_timeline(...)",
        )
    if where.is_tracked and len(where.coords) != timeline.n_volumes:
        raise ExtractionError(
            "the tracked positions are of another number of volumes",
            expected=f"{timeline.n_volumes}, the complete volumes of the recording",
            found=str(len(where.coords)),
        )
    if where.volumes is not None and not np.array_equal(where.volumes, timeline.volumes):
        raise ExtractionError(
            "the positions were found in other volumes than this recording has",
            expected=f"{timeline.n_volumes} volumes, the first of frames "
            f"{timeline.volumes[0].tolist()}",
            found=f"{len(where.volumes)} volumes, the first of frames {where.volumes[:1].tolist()}",
            cure="use the recording, and the volume policy, that the neurons were found with",
        )
    if recording.frames.dtype not in SUPPORTED_DTYPES:
        raise UnsupportedCapabilityError(
            "pixels of this type cannot be extracted",
            expected=", ".join(str(dtype) for dtype in SUPPORTED_DTYPES),
            found=str(recording.frames.dtype),
        )
    _check_inside(recording, where)


def _check_inside(recording: Recording, where: Positions) -> None:
    height, width = recording.frames.shape[2:]
    outside = ~where.inside(height, width) & np.isfinite(where.coords).all(axis=-1)
    if not outside.any():
        return
    *volume, neuron = (int(i) for i in np.argwhere(outside)[0])
    _, y, x = where.coords[(*volume, neuron)]
    place = f" in volume {volume[0]}" if volume else ""
    raise ExtractionError(
        "positions lie outside the image",
        expected=f"y in 0..{height - 1} and x in 0..{width - 1}, in pixels",
        found=f"neuron {where.labels[neuron]!r} at y={y:g}, x={x:g}{place}; "
        f"{int(outside.sum())} such positions",
        cure="check the order of the axes (z, y, x) and the unit; "
        f"positions.without_outside({height}, {width}) makes them NaN (--drop-outside)",
    )


def channel_offset(recording: Recording, index: int, offset: Offset) -> float:
    """Return the camera offset to be subtracted in a channel.

    Raises
    ------
    OptionError
    """
    channel = recording.channels[index]
    if offset == "channel":
        if channel.offset is None:
            _log.info("the camera offset of channel %s is unknown: not subtracted", channel.name)
        return channel.offset or 0.0
    value = offset.get(channel.name, np.nan) if isinstance(offset, Mapping) else offset
    if isinstance(value, str) or not np.isfinite(value):
        raise OptionError(
            f"the offset of channel {channel.name!r} is unusable",
            expected="'channel', a number, or a number for every channel",
            found=repr(offset),
        )
    return float(value)
