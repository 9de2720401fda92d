"""The pixels: read where they lie, or image by image if they are compressed. Not by the library.

nd2 maps the file into memory, where a file that is cut short kills the process, and gives zeros for
an image that was never saved.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from wormio.errors import (
    CorruptRecordingError,
    MissingImageError,
    TruncatedRecordingError,
)
from wormio.model import FileLayout, FrameArray, MappedFrames, frames_from_reader

from wormio_nd2.chunks import STAMP_BYTES, Chunks
from wormio_nd2.header import Image
from wormio_nd2.loops import Order

__all__ = ["make_frames", "stored"]

# Of zlib: no stream unpacks to more.
_BEST_RATIO = 1032
# Behind the last row; what is more is another image than the header's.
_MOST_PADDING = 4096


def stored(order: Order, image: Image) -> NDArray[np.int64]:
    """Return the index of each image in the file's own order, (T, Z, C); -1 where missing."""
    index = order.number[..., np.newaxis] * image.components + np.arange(image.components)
    return np.where(order.saved[..., np.newaxis], index, -1)


def make_frames(chunks: Chunks, order: Order, image: Image) -> FrameArray:
    """Return the frames, (T * Z, C, Y, X).

    Raises
    ------
    CorruptRecordingError
        An image is smaller than its pixels.
    """
    number, saved = order.number.ravel(), order.saved.ravel()
    row = np.searchsorted(chunks.number, np.where(saved, number, chunks.number[0]))
    offset, length = chunks.offset[row] + STAMP_BYTES, chunks.length[row] - STAMP_BYTES
    most = length * (_BEST_RATIO if image.compressed else 1)
    short = np.flatnonzero(saved & (most < image.n_bytes))
    if len(short):
        raise CorruptRecordingError(
            f"image {number[short[0]]} is smaller than its pixels",
            expected=f"{image.n_bytes} bytes",
            found=f"{length[short[0]]} bytes",
            path=chunks.path,
        )
    if image.compressed:
        reader = _Decoder(path=chunks.path, image=image, saved=saved, offset=offset, length=length)
        shape = (len(number), image.components, image.height, image.width)
        return frames_from_reader(reader.read, shape, image.dtype, thread_safe=True)
    component = np.arange(image.components) * image.dtype.itemsize
    there = np.repeat(saved[:, np.newaxis], image.components, axis=1)
    return MappedFrames(
        FileLayout(
            files=[chunks.path],
            file=np.where(there, 0, -1),
            offset=np.where(there, offset[:, np.newaxis] + component, 0),
            height=image.height,
            width=image.width,
            row_stride=image.row_bytes,
            pixel_stride=image.components * image.dtype.itemsize,
            dtype=image.dtype,
        )
    )


@attrs.define(kw_only=True, eq=False)
class _Decoder:
    """Reads compressed images; of one at a time, it keeps all components."""

    path: Path
    image: Image
    saved: NDArray[np.bool_]
    offset: NDArray[np.int64]
    length: NDArray[np.int64]
    # Frame and pixels in one tuple, replaced as a whole: threads see one or the other.
    _last: tuple[int, NDArray[Any]] | None = None

    def read(self, frame: int, component: int) -> NDArray[Any]:
        """Return one component of an image, (Y, X)."""
        last = self._last
        if last is None or last[0] != frame:
            last = (frame, self._decode(frame))
            self._last = last
        return last[1][:, :, component]

    def _decode(self, frame: int) -> NDArray[Any]:
        if not self.saved[frame]:
            raise MissingImageError(
                f"the image of frame {frame} is not in the file", path=self.path
            )
        image, length = self.image, int(self.length[frame])
        # Opened for each image: no descriptor has to be shared with threads and forked processes.
        with self.path.open("rb") as file:
            packed = os.pread(file.fileno(), length, int(self.offset[frame]))
        if len(packed) < length:
            raise TruncatedRecordingError(
                f"the image of frame {frame} ends too early",
                expected=f"{length} bytes",
                found=f"{len(packed)} bytes",
                path=self.path,
            )
        unpacker = zlib.decompressobj()
        most = image.height * image.row_bytes + _MOST_PADDING
        try:
            data = unpacker.decompress(packed, most)
        except zlib.error as error:
            raise CorruptRecordingError(
                f"the image of frame {frame} cannot be decompressed: {error}", path=self.path
            ) from error
        # Only at the end of the stream its checksum is compared.
        if len(data) < image.n_bytes or not unpacker.eof:
            raise CorruptRecordingError(
                f"the image of frame {frame} has another size than the header says",
                expected=f"{image.height * image.row_bytes} bytes",
                found=f"{len(data)} bytes" + ("" if unpacker.eof else ", and no end"),
                path=self.path,
            )
        item = image.dtype.itemsize
        return np.ndarray(
            (image.height, image.width, image.components),
            image.dtype,
            data,
            strides=(image.row_bytes, image.components * item, item),
        )
