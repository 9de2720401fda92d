"""``Spooled files.sifx``: how many frames were spooled, and when the camera took each.

A SIF header without pixels. Of its many entries these are read: the line of sizes, one time a frame
in µs, and, in newer versions, one time stamp a frame in ticks of the camera's clock. The same ticks
stand after the pixels of each frame in the block files.
"""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError, TruncatedRecordingError, UnsupportedCapabilityError
from wormio.formats.andor_spool.names import SIF_MAGIC
from wormio.model._fields import array_field

__all__ = ["Header", "read_header"]

# 65541, left, top, right, bottom, images, sub-images, pixels in all, pixels of an image; then one
# line a sub-image, of which the numbers 5 and 6 are the binning.
_SIZES = re.compile(
    rb"655(?:39|41)" + rb" (\d{1,9})" * 6 + rb" (\d{1,15}) (\d{1,9})\n"
    rb"65538(?: \d{1,9}){4} (\d{1,4}) (\d{1,4}) \d{1,9} ?\n"
)
_VERSION = re.compile(rb"[^\n]*\n(\d{5}) ")
_TICK = re.compile(rb"<TickInterval>(\d{1,9})</TickInterval>")
_MAX_BYTES = 1 << 30
_LONGEST = 40
_CURE = "copy the file again from the original folder"


@attrs.frozen(kw_only=True)
class Header:
    """What the header says of the frames.

    Parameters
    ----------
    path : Path
    n_frames : int
    n_pixels : int, optional
        Of an image; None where the camera binned.
    version : int
    microseconds : (F,) int64
        From the cycle time that was set.
    ticks : (F,) int64, optional
        The camera's time stamps.
    tick_ns : int, optional
        Nanoseconds of a tick; None if the file does not say.
    """

    path: Path
    n_frames: int
    n_pixels: int | None
    version: int
    microseconds: NDArray[np.int64] = array_field("i8", (None,))
    ticks: NDArray[np.int64] | None = array_field("i8", (None,), optional=True)
    tick_ns: int | None


def read_header(path: Path) -> Header:
    """Read the file.

    Raises
    ------
    TruncatedRecordingError
        It ends too early.
    CorruptRecordingError
        It contradicts itself, or is no such file.
    UnsupportedCapabilityError
        It has several images a frame.
    """
    if path.stat().st_size > _MAX_BYTES:
        raise CorruptRecordingError("the file is too large for a header", path=path)
    content = path.read_bytes()
    if not content.startswith(SIF_MAGIC):
        if SIF_MAGIC.startswith(content):
            raise TruncatedRecordingError("the file ends too early", path=path, cure=_CURE)
        raise CorruptRecordingError(
            "the file does not begin as Andor's", found=repr(content[:40]), path=path
        )
    found = _SIZES.search(content)
    version = _VERSION.match(content, len(SIF_MAGIC))
    if found is None or version is None:
        raise CorruptRecordingError(
            "the number of frames is not found in the header",
            expected="a line '65541 left top right bottom frames 1 pixels pixels', and '65538 ...'",
            path=path,
            cure=_CURE,
        )
    n_frames, n_images, n_all, n_pixels, *binning = map(int, found.groups()[4:])
    if n_images != 1:
        raise UnsupportedCapabilityError(
            "the camera read several images a frame", expected="1", found=str(n_images), path=path
        )
    if not n_frames or n_frames * n_pixels != n_all:
        raise CorruptRecordingError(
            "the numbers of frames and pixels contradict each other",
            found=f"{n_frames} frames of {n_pixels} pixels, {n_all} in all",
            path=path,
        )
    if 2 * n_frames > len(content) - found.end():
        raise _ends_early(path, n_frames)
    lines = content[found.end() :].split(b"\n", 2 * n_frames + 1)
    rest = lines.pop()
    microseconds = _numbers(lines[:n_frames], n_frames, path)
    ticks = None
    if lines[n_frames : n_frames + 1] == [b"1"]:
        ticks = _numbers(lines[n_frames + 1 :], n_frames, path)
    elif lines[n_frames : n_frames + 1] != [b"0"]:
        raise _ends_early(path, n_frames)
    tick = _TICK.search(rest)
    if ticks is not None and tick is None and b"</Signals>" not in rest:
        raise _ends_early(path, n_frames)
    return Header(
        path=path,
        n_frames=n_frames,
        n_pixels=n_pixels if binning == [1, 1] else None,
        version=int(version[1]),
        microseconds=microseconds,
        ticks=ticks,
        tick_ns=None if tick is None else int(tick[1]) or None,
    )


def _numbers(lines: list[bytes], n_frames: int, path: Path) -> NDArray[np.int64]:
    if len(lines) < n_frames:
        raise _ends_early(path, n_frames)
    values = np.empty(n_frames, np.int64)
    for index, line in enumerate(lines):
        try:
            if len(line) > _LONGEST:
                raise ValueError("too long")
            values[index] = int(line)
        except (ValueError, OverflowError):
            raise CorruptRecordingError(
                f"the time of frame {index} is no number", found=repr(line[:_LONGEST]), path=path
            ) from None
    return values


def _ends_early(path: Path, n_frames: int) -> TruncatedRecordingError:
    return TruncatedRecordingError(
        "the file ends within the times of the frames",
        expected=f"the times of {n_frames} frames, and the interval of ticks",
        path=path,
        cure=_CURE,
    )
