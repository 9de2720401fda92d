"""Frames of one array of a MATLAB file: read in place if it lies there plainly, else decoded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import (
    OptionError,
    RecordingClosedError,
    TruncatedRecordingError,
    UnsupportedCapabilityError,
)
from wormio.formats.mat.tree import Compressed, MatArray
from wormio.formats.mat.v5 import decode
from wormio.formats.mat.v73 import hdf5_name
from wormio.formats.stacks.arrays import ArrayPlanes, Key
from wormio.model import FileLayout, FrameArray, MappedFrames, frames_from_reader
from wormio.model._locks import ForkSafeLock
from wormio.storage.foreign_hdf5 import (
    ForeignReader,
    dataset,
    open_foreign,
    plain_offset,
    written_rows,
)

__all__ = ["Pixels", "label_axes", "locate"]


@attrs.frozen(kw_only=True)
class Pixels:
    """An array whose dimensions have meanings.

    Parameters
    ----------
    path : Path
    array : MatArray
    planes : ArrayPlanes
        Slowest dimension first, so reversed to what MATLAB shows.
    offset : int, optional
        Of the first value in the file, if the values lie there uncompressed.
    whole : int
        Indices of T, from the first on, of which the file holds everything.
    """

    path: Path
    array: MatArray
    planes: ArrayPlanes
    offset: int | None
    whole: int

    def frames(self, n_t: int, decode_bytes: float) -> FrameArray:
        """Return the frames of the first `n_t` indices of T.

        Raises
        ------
        UnsupportedCapabilityError
            They are compressed as a whole, and larger than `decode_bytes`.
        """
        n_frames, n_channels, height, width = self.planes.frames_shape
        shape = (n_frames // max(self.planes.grid[0], 1) * n_t, n_channels, height, width)
        if self.offset is not None:
            mapped = MappedFrames(self._layout(self.offset, shape))
            if self.array.stored.newbyteorder("=") == self.array.dtype:
                return mapped

            def widened(frame: int, channel: int) -> NDArray[Any]:
                return np.asarray(mapped[frame, channel]).astype(self.array.dtype)

            return frames_from_reader(
                widened, shape, self.array.dtype, on_close=mapped.close, thread_safe=True
            )
        if isinstance(self.array.place, Compressed):
            decoded = _Decoded(self.path, self.array, self.planes.shape, decode_bytes)
            read = self.planes.reader(decoded.read)
            return frames_from_reader(
                read, shape, self.array.dtype, on_close=decoded.close, thread_safe=True
            )
        reader = ForeignReader(self.path)
        name = hdf5_name(self.array)
        read = self.planes.reader(lambda key: np.asarray(reader.read(name, key)))
        return frames_from_reader(read, shape, self.array.dtype, on_close=reader.close)

    def _layout(self, offset: int, shape: tuple[int, int, int, int]) -> FileLayout:
        strides = _strides(self.planes.shape, self.array.stored.itemsize)
        labels = self.planes.labels
        return FileLayout(
            files=(self.path,),
            file=np.zeros(shape[:2], np.int32),
            offset=offset + self.planes.offsets(strides)[: shape[0]],
            height=shape[2],
            width=shape[3],
            row_stride=strides[labels.index("Y")],
            pixel_stride=strides[labels.index("X")],
            dtype=self.array.stored,
        )


def label_axes(array: MatArray, given: str | None, path: Path) -> ArrayPlanes:
    """Give the dimensions of an array the meanings that the user says.

    Raises
    ------
    OptionError
        He says nothing, or too little.
    """
    shape = array.shape
    example = {2: "YX", 3: "YXT", 4: "YXZT", 5: "YXZCT"}.get(len(shape), "YXZT")
    if given is None:
        raise OptionError(
            "a MATLAB file does not say what its dimensions mean: option axes is missing",
            expected=f"axes=, one letter of T, Z, C, Y, X for each dimension of {array.name}, in "
            "MATLAB's order",
            found=f"size({array.name}) = {list(shape)}",
            path=path,
            cure=f"for example axes={example!r}, if size(x) is "
            f"[{' '.join(_MEANING[letter] for letter in example)}]",
        )
    if len(given) < len(shape):
        raise OptionError(
            "option axes does not fit the array",
            expected=f"one letter for each of the {len(shape)} dimensions of {array.name}, "
            f"size {list(shape)}",
            found=f"{given!r}, {len(given)} letters",
            path=path,
        )
    # MATLAB does not show dimensions of length 1 at the end.
    padded = shape + (1,) * (len(given) - len(shape))
    return ArrayPlanes(list(reversed(given)), list(reversed(padded)))


_MEANING = {"Y": "rows", "X": "columns", "Z": "planes", "C": "channels", "T": "times"}


def locate(path: Path, array: MatArray, planes: ArrayPlanes) -> Pixels:
    """Find out where the values of an array lie, and how many volumes of it are there.

    Raises
    ------
    TruncatedRecordingError, CorruptRecordingError, UnsafeReferenceError, ...
        The values cannot be read.
    """
    n_t = planes.grid[0]
    offset, whole = None, n_t
    if isinstance(array.place, int):
        offset = array.place
        strides = _strides(planes.shape, array.stored.itemsize)
        last = (planes.height - 1) * strides[planes.labels.index("Y")]
        last += (planes.width - 1) * strides[planes.labels.index("X")] + array.stored.itemsize
        end = offset + planes.offsets(strides) + last
        cut = (end > path.stat().st_size).reshape(n_t, -1).any(axis=1)
        whole = int(cut.argmax()) if cut.any() else n_t
    elif array.place is None:
        with open_foreign(path) as file:
            source = dataset(file, hdf5_name(array), folder=path.parent)
            offset = plain_offset(source)
            written = written_rows(source)
        if not written.all():
            # The first dimension of HDF5 is MATLAB's last; only if it is T is the rest whole.
            first = int((~written).argmax())
            slowest = planes.labels[len(planes.shape) - len(array.shape)] == "T"
            whole = first if slowest and planes.labels.count("T") == 1 else 0
    return Pixels(path=path, array=array, planes=planes, offset=offset, whole=whole)


def _strides(shape: tuple[int, ...], itemsize: int) -> list[int]:
    return [itemsize * math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


class _Decoded:
    """An array that was compressed as a whole: decompressed at the first read, and kept."""

    def __init__(
        self, path: Path, array: MatArray, shape: tuple[int, ...], decode_bytes: float
    ) -> None:
        self.path, self.array, self.shape = path, array, shape
        self.length = math.prod(shape) * array.stored.itemsize
        if self.length > decode_bytes:
            raise UnsupportedCapabilityError(
                f"{array.name} is compressed as a whole and too large to be decompressed in memory",
                expected=f"at most {decode_bytes / 2**20:g} MiB, the option decode_mib",
                found=f"{self.length / 2**20:.1f} MiB",
                path=path,
                cure="in MATLAB, load it and save it again with -v7.3, which can be read in parts; "
                "or raise decode_mib",
            )
        self._lock = ForkSafeLock()
        self._values: NDArray[Any] | None = None
        self._closed = False

    def read(self, key: Key) -> NDArray[Any]:
        """Return ``array[key]``; a file that changed since it was opened is an error."""
        with self._lock:
            if self._closed:
                raise RecordingClosedError("the recording is closed")
            if self._values is None:
                place = self.array.place
                assert isinstance(place, Compressed)  # noqa: S101 (the only caller has asked)
                if self.path.stat().st_size < place.begin + place.size:
                    raise TruncatedRecordingError(
                        "the file was cut after it was opened", path=self.path
                    )
                with self.path.open("rb") as file:
                    data = decode(file, self.path, place, self.length)
                self._values = np.frombuffer(data, self.array.stored).reshape(self.shape)
            values = self._values
        return values[key].astype(self.array.dtype)

    def close(self) -> None:
        """Forget the values."""
        with self._lock:
            self._closed, self._values = True, None
