"""What each image says of itself: JSON behind its pixels, read with one small read an image."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from wormio.errors import CorruptRecordingError, TruncatedRecordingError

from wormio_ndtiff.dataset import Dataset, decoded, parsed

__all__ = ["Told", "number_of", "read_told"]

Floats = NDArray[np.float64]

_LONGEST = 64 << 20
_START = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_NUMBERS = {
    "elapsed": ("ElapsedTime-ms",),
    "z": ("ZPosition_um_Actual", "ZPositionUm"),
    "z_intended": ("ZPosition_um_Intended",),
    "x_stage": ("XPosition_um_Actual", "XPositionUm"),
    "x_stage_intended": ("XPosition_um_Intended",),
    "y_stage": ("YPosition_um_Actual", "YPositionUm"),
    "y_stage_intended": ("YPosition_um_Intended",),
    "um_per_pixel": ("PixelSizeUm", "PixelSize_um"),
}
_RECEIVED = "TimeReceivedByCore"


@attrs.frozen(kw_only=True, eq=False)
class Told:
    """What the images of a recording say, (N,) each, NaN where one does not.

    Parameters
    ----------
    received : (N,) float64
        Microseconds since 1970 in local time, when the camera's image reached Micro-Manager's core.
    elapsed : (N,) float64
        Seconds since the acquisition began, when its engine took the image over.
    z, z_intended : (N,) float64
        Um that the drive had, and that it was sent to.
    x_stage, x_stage_intended, y_stage, y_stage_intended : (N,) float64
        Likewise, of the stage.
    um_per_pixel : (N,) float64
    names : tuple of str
        Of the channels, as the first image of each says; empty where it does not.
    first : mapping
        Everything that the first image says.
    """

    received: Floats
    elapsed: Floats
    z: Floats
    z_intended: Floats
    x_stage: Floats
    x_stage_intended: Floats
    y_stage: Floats
    y_stage_intended: Floats
    um_per_pixel: Floats
    names: tuple[str, ...]
    first: Mapping[str, Any]


def read_told(
    dataset: Dataset, images: NDArray[np.int64], channel: NDArray[np.int64], n_channels: int
) -> Told:
    """Read the JSON of images, file by file; those of files that are not there say nothing.

    Parameters
    ----------
    dataset : Dataset
    images : (N,) int64
        Indices in the `Index`; none is cut off.
    channel : (N,) int64
    n_channels : int

    Raises
    ------
    CorruptRecordingError
        What should be JSON is none.
    TruncatedRecordingError
        It was never written.
    """
    index = dataset.index
    columns = {name: np.full(len(images), np.nan) for name in (*_NUMBERS, "received")}
    names = [""] * n_channels
    first: dict[str, Any] = {}
    # In the order of the file, which a disk reads fastest.
    order = np.lexsort((index.told_at[images], index.file[images]))
    earliest = {int(c): int(np.flatnonzero(channel == c)[0]) for c in np.unique(channel)}
    for number, stack in enumerate(dataset.stacks):
        rows = order[index.file[images[order]] == number].tolist()
        if stack.size < 0 or not rows:
            continue
        fd = os.open(stack.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            for row in rows:
                image = int(images[row])
                length = int(index.told_bytes[image])
                if not length:
                    continue
                text = os.pread(fd, min(length, _LONGEST), int(index.told_at[image]))
                tree = _tree(dataset, image, text)
                for name, keys in _NUMBERS.items():
                    columns[name][row] = number_of(tree, *keys)
                columns["received"][row] = _microseconds(tree.get(_RECEIVED))
                c = int(channel[row])
                if row == earliest[c]:
                    names[c] = _name(tree.get("Channel"))
                if row == 0:
                    first = parsed(text, stack.path, "what the first image says of itself")
        finally:
            os.close(fd)
    columns["elapsed"] /= 1000
    return Told(**columns, names=tuple(names), first=first)


def _tree(dataset: Dataset, image: int, text: bytes) -> dict[str, Any]:
    index = dataset.index
    stack = dataset.stacks[int(index.file[image])]
    if not any(text[:16]):
        raise TruncatedRecordingError(
            f"image {image} is in the index and was never written",
            expected="JSON behind its pixels",
            found=f"zeros at byte {int(index.told_at[image])}",
            path=stack.path,
        )
    try:
        tree = json.loads(decoded(text))
    except (ValueError, RecursionError) as error:
        tree = error
    if not isinstance(tree, dict):
        raise CorruptRecordingError(
            f"what image {image} says of itself is no JSON object",
            found=f"{text[:60]!r} at byte {int(index.told_at[image])}",
            path=stack.path,
        )
    return tree


def _name(value: object) -> str:
    """Return a name that can be stored; empty if this is none."""
    name = value if isinstance(value, str) else ""
    return name if name.isprintable() else ""


def number_of(tree: Mapping[str, Any], *names: str) -> float:
    """Return the first of these entries that is a finite number; NaN if none is."""
    for name in names:
        value = tree.get(name)
        if value is None or isinstance(value, bool) or not isinstance(value, (int, float, str)):
            continue
        try:
            number = float(value)
        except (ValueError, OverflowError):
            continue
        if math.isfinite(number):
            return number
    return math.nan


def _microseconds(value: object) -> float:
    """Return a date and time as a number; it has no time zone that could be trusted."""
    if not isinstance(value, str):
        return math.nan
    try:
        return float((datetime.fromisoformat(value).replace(tzinfo=None) - _START) // _MICROSECOND)
    except ValueError:
        return math.nan
