"""The frames of a spool: in place where a pixel has whole bytes, else unpacked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError
from wormio.formats.andor_spool.blocks import Blocks
from wormio.formats.andor_spool.options import Split
from wormio.formats.andor_spool.settings import PACKED, Settings
from wormio.model import FileLayout, FrameArray, MappedFrames, frames_from_reader

__all__ = ["channel_shape", "make_frames", "unpack"]


def channel_shape(settings: Settings, split: Split) -> tuple[int, int, int]:
    """Return channels, rows and columns.

    Raises
    ------
    OptionError
        The camera's rows or columns cannot be halved.
    """
    whole = {"none": 2, "rows": settings.height, "columns": settings.width}[split]
    if whole % 2:
        raise OptionError(
            f"option split={split!r} does not fit the frames",
            expected=f"an even number of {split}",
            found=str(whole),
        )
    if split == "none":
        return 1, settings.height, settings.width
    if split == "rows":
        return 2, settings.height // 2, settings.width
    return 2, settings.height, settings.width // 2


def make_frames(blocks: Blocks, settings: Settings, n_frames: int, split: Split) -> FrameArray:
    """Make the frames (F, C, Y, X).

    Raises
    ------
    TruncatedRecordingError
        A file ends before its last frame.
    """
    n_channels, height, width = channel_shape(settings, split)
    file, place = np.divmod(np.arange(n_frames), settings.per_file)
    start = place * settings.image_bytes
    packed = settings.encoding == PACKED
    itemsize = 1 if packed else np.dtype(settings.dtype).itemsize
    if packed:  # the raw bytes of whole rows, unpacked below
        steps = np.zeros(1, np.int64)
    else:
        per_channel = height * settings.stride if split == "rows" else width * itemsize
        steps = np.arange(n_channels) * per_channel
    raw = MappedFrames(
        FileLayout(
            files=blocks.files[: int(file[-1]) + 1],
            file=np.repeat(file[:, np.newaxis], len(steps), axis=1),
            offset=start[:, np.newaxis] + steps,
            height=settings.height if packed else height,
            width=settings.row_bytes if packed else width,
            row_stride=settings.stride,
            pixel_stride=itemsize,
            dtype="u1" if packed else settings.dtype,
        )
    )
    if not packed:
        return raw

    def read_image(frame: int, channel: int) -> NDArray[Any]:
        rows = slice(channel * height, (channel + 1) * height) if split == "rows" else slice(None)
        image = unpack(raw[frame, 0, rows], settings.width)
        return image[:, channel * width : (channel + 1) * width] if split == "columns" else image

    return frames_from_reader(
        read_image,
        (n_frames, n_channels, height, width),
        np.uint16,
        on_close=raw.close,
        thread_safe=True,
    )


def unpack(raw: NDArray[np.uint8], width: int) -> NDArray[np.uint16]:
    """Unpack two pixels of 12 bits from each three bytes.

    The outer bytes are the upper 8 bits of the two pixels; of the middle byte, the lower half
    belongs to the first, the upper half to the second.

    Parameters
    ----------
    raw : (Y, B) uint8
        Rows of ``(3 * width + 1) // 2`` bytes.
    width : int
        Pixels of a row.
    """
    even = width + width % 2
    bytes_ = np.zeros((len(raw), 3 * even // 2), np.uint16)
    bytes_[:, : raw.shape[1]] = raw
    pixels = np.empty((len(raw), even), np.uint16)
    middle = bytes_[:, 1::3]
    pixels[:, ::2] = bytes_[:, ::3] << 4 | middle & 15
    pixels[:, 1::2] = bytes_[:, 2::3] << 4 | middle >> 4
    return pixels[:, :width]
