"""What can be extracted, and what is refused before any pixel is read."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from wormio.errors import ExtractionError, OptionError, UnsupportedCapabilityError
from wormio.extraction.backgrounds import Background
from wormio.extraction.kernels import SUPPORTED_DTYPES, Operation
from wormio.extraction.masks import Mask
from wormio.extraction.reducers import (
    BrightestMean,
    Max,
    Mean,
    Median,
    Percentile,
    Reducer,
    Std,
    Sum,
    VoxelReducer,
)
from wormio.model import Labels, Positions, Recording, channel_index

__all__ = [
    "Offset",
    "channel_offset",
    "check_background",
    "check_positions",
    "check_recording",
    "check_request",
    "check_where",
    "named_masks",
    "pick_channels",
    "pick_volumes",
    "saturation_level",
]

_log = logging.getLogger(__name__)

_NAME = re.compile(r"[\w-]+")

Offset = Literal["channel"] | float | Mapping[str, float]


def check_recording(recording: object) -> None:
    """Refuse what is no recording: a path, an array.

    Raises
    ------
    OptionError
    """
    # Not isinstance(recording, Recording): that would ask for every attribute, also derived ones.
    if not all(hasattr(recording, name) for name in ("frames", "timeline", "channels")):
        path = isinstance(recording, str | os.PathLike)
        raise OptionError(
            "this is no recording",
            expected="a Recording",
            found=repr(recording)[:200],
            cure="open it: extract(wormio.open(path), ...)"
            if path
            else "ArrayRecording.from_volumes(array) makes one of an array",
        )


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


def check_request(recording: Recording, boundary: str, subpixel: str | None) -> None:
    """Refuse what cannot be extracted, before any pixel is read.

    Raises
    ------
    ExtractionError, OptionError, UnsupportedCapabilityError
        See `wormio.extract`.
    """
    if boundary not in {"exclude", "clip", "nan"}:
        raise OptionError(
            "unknown boundary", expected="'exclude', 'clip' or 'nan'", found=repr(boundary)
        )
    if subpixel not in {None, "linear"}:
        raise OptionError("unknown subpixel", expected="'linear' or None", found=repr(subpixel))
    timeline = recording.timeline
    if not timeline.n_volumes:
        raise ExtractionError(
            "the recording has no complete volume",
            found=f"{len(timeline)} frames, volumes by {timeline.policy.get('name', 'no policy')}",
            cure="assign volumes by another rule: recording.with_timeline(...)",
        )
    if recording.frames.dtype not in SUPPORTED_DTYPES:
        raise UnsupportedCapabilityError(
            "pixels of this type cannot be extracted",
            expected=", ".join(str(dtype) for dtype in SUPPORTED_DTYPES),
            found=str(recording.frames.dtype),
        )


def check_where(where: object) -> None:
    """Refuse what is neither positions nor labels.

    Raises
    ------
    OptionError
    """
    if isinstance(where, Mapping):
        odd = [one for one in where.values() if not isinstance(one, Positions)]
    else:
        odd = [] if isinstance(where, Positions | Labels) else [where]
    if odd:
        raise OptionError(
            "neither positions nor labels",
            expected="Positions, Labels, or Positions by channel",
            found=type(odd[0]).__name__,
            cure="Positions.static(zyx) of an array (neurons, 3)",
        )


def check_positions(recording: Recording, where: Positions) -> None:
    """Refuse positions that are not of this recording.

    Raises
    ------
    ExtractionError
    """
    timeline = recording.timeline
    if not len(where):
        raise ExtractionError(
            "there are no neurons", expected="at least one position", found="none"
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


def named_masks(
    mask: Mask | Mapping[str, Mask], n_neurons: int, reducer: Reducer
) -> dict[str, Mask]:
    """Return the masks by name, ``""`` if there is but one.

    Raises
    ------
    OptionError
        They are no masks, or of other neurons, or their weights would be ignored.
    """
    if isinstance(reducer, type) or not (
        isinstance(getattr(reducer, "operation", None), Operation)
        or isinstance(reducer, VoxelReducer)
    ):
        raise OptionError(
            "the reducer is none",
            expected="Mean(), Sum(), BrightestMean(k), Median(), Percentile(q), Max(), Std(), or "
            "an object with unit, reduce and to_json",
            found=repr(reducer)[:200],
        )
    masks = dict(mask) if isinstance(mask, Mapping) else {"": mask}
    if not masks or (isinstance(mask, Mapping) and not all(_NAME.fullmatch(n) for n in masks)):
        raise OptionError(
            "masks need names, of which those of the signals are made",
            expected="letters, digits, - and _, as in {'soma': Box(3, 5, 5), 'ring': ...}",
            found=", ".join(map(repr, masks)) or "none",
        )
    for name, each in masks.items():
        if not callable(getattr(each, "table", None)):
            raise OptionError(
                f"mask {name} is none" if name else "the mask is none",
                expected="Box, Ellipsoid, Offsets, Weighted, or several by name",
                found=repr(each)[:200],
            )
        weighted = each.table(n_neurons).weights is not None
        if weighted and isinstance(reducer, BrightestMean | Median | Percentile | Max | Std):
            raise OptionError(
                f"{type(reducer).__name__} cannot use the weights of a mask",
                expected="Mean or Sum with a Weighted mask",
                found=repr(reducer),
                cure="give the same voxels as Offsets",
            )
    return masks


def check_background(
    background: Background | None,
    masks: Mapping[str, Mask],
    n_neurons: int,
    reducer: Reducer,
) -> Background | None:
    """Refuse a background that cannot be subtracted.

    Raises
    ------
    OptionError
    """
    if background is None:
        return None
    if not isinstance(background, Background):
        raise OptionError(
            "the background is none",
            expected="Annulus or PlanePercentile",
            found=repr(background)[:200],
        )
    weighted = any(mask.table(n_neurons).weights is not None for mask in masks.values())
    if not isinstance(reducer, Mean | Sum | BrightestMean | Median | Percentile | Max) or (
        weighted and isinstance(reducer, Sum)
    ):
        raise OptionError(
            "the background of a voxel cannot be subtracted from this",
            expected="Mean, BrightestMean, Median, Percentile, Max; Sum without weights",
            found=repr(reducer) + (" with weights" if weighted else ""),
        )
    return background


def saturation_level(recording: Recording, saturation: float | None) -> float:
    """Return the level from which on pixels are saturated; NaN if none can be.

    Raises
    ------
    OptionError
    """
    if saturation is None:
        dtype = recording.frames.dtype
        return float(np.iinfo(dtype).max) if dtype.kind in "iu" else float("nan")
    if isinstance(saturation, bool) or not np.isfinite(saturation):
        raise OptionError(
            "the level of saturation is no number of counts",
            expected="a finite number, or None: the highest that integer pixels can have",
            found=repr(saturation),
        )
    return float(saturation)


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
