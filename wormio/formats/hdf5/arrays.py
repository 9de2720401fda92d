"""Frames out of arrays of an HDF5 file: read in place where they lie as they are, else decoded."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError, MissingImageError
from wormio.formats.stacks.arrays import ArrayPlanes
from wormio.formats.stacks.blocks import BlockReader, plan_blocks
from wormio.formats.stacks.timing import saved_frames
from wormio.model import (
    FileLayout,
    Finding,
    FrameArray,
    MappedFrames,
    MissingFrames,
    frames_from_reader,
)
from wormio.storage.foreign_hdf5 import ForeignReader, plain_offset

if TYPE_CHECKING:
    import h5py

__all__ = [
    "ArrayFrames",
    "array_frames",
    "decoded_frames",
    "missing_finding",
    "no_frames",
    "written_planes",
]

# A file cannot hold more planes than it has bytes; small ones may promise some.
_ALWAYS_ALLOWED = 1 << 20
# Rows of an image that lie farther apart than this cost more to read in place than through HDF5.
_MAX_SPREAD = 16
_SMALL_IMAGE = 4 << 20


@attrs.frozen(kw_only=True)
class ArrayFrames:
    """What the pixels of an array give.

    Parameters
    ----------
    frames : FrameArray
    stored : (T, Z, C) int64
        Index of each plane in the array's own order; -1 where it was never written.
    parts : tuple of Path
        The files that hold it.
    findings : tuple of Finding
    """

    frames: FrameArray
    stored: NDArray[np.int64]
    parts: tuple[Path, ...]
    findings: tuple[Finding, ...]


def array_frames(
    source: h5py.Dataset, name: str, planes: ArrayPlanes, reader: ForeignReader
) -> ArrayFrames:
    """Make the frames of an array that `wormio.storage.foreign_hdf5.dataset` has approved.

    Parameters
    ----------
    source : h5py.Dataset
    name : str
        Its path in the reader's file; behind a link, the array itself has another.
    planes : ArrayPlanes
    reader : ForeignReader
        Of the recording's file; taken over: it is closed with the frames, or here.

    Raises
    ------
    CorruptRecordingError
        Nothing was ever written into the array, or it promises more planes than the file can hold.
    """
    written = written_planes(source, planes)
    stored = np.where(written, planes.stored(), -1)
    frames: FrameArray
    layout = _layout(source, planes)
    if layout is not None:
        frames = MappedFrames(layout)
        reader.close()
    else:
        frames = decoded_frames(
            planes,
            lambda frame, channel: (name, planes.key(frame, channel)),
            written=written,
            dtype=source.dtype,
            chunks=_chunks(source, planes),
            reader=reader,
        )
    return ArrayFrames(
        frames=frames,
        stored=stored,
        parts=_parts(source),
        findings=missing_finding(written),
    )


def decoded_frames(
    planes: ArrayPlanes,
    place: Callable[[int, int], tuple[str, tuple[int | slice, ...]]],
    *,
    written: NDArray[np.bool_],
    dtype: np.dtype[Any],
    chunks: Sequence[int],
    reader: ForeignReader,
) -> FrameArray:
    """Make frames that HDF5 decodes, from one dataset or from several that are alike.

    Parameters
    ----------
    planes : ArrayPlanes
        Of one dataset; its labels say which of its axes are Y and X.
    place : callable
        ``place(frame, channel)`` returns the dataset's name and the plane's index in it.
    written : (T, Z, C) bool
    dtype : numpy.dtype
    chunks : sequence of int
    reader : ForeignReader
        Closed with the frames.
    """
    blocks = BlockReader(
        reader.read,
        plan_blocks(planes.labels, planes.shape, chunks, dtype.itemsize),
        planes.shape,
        chunks,
    )
    n_frames, n_channels = saved_frames(written), written.shape[2]
    there = written.reshape(-1, n_channels)
    turned = planes.labels.index("X") < planes.labels.index("Y")

    def read_image(frame: int, channel: int) -> NDArray[Any]:
        if not there[frame, channel]:
            raise MissingImageError(
                f"the image of frame {frame}, channel {channel} was never written",
                cure="see recording.timeline.stored; nothing is filled in",
            )
        plane = blocks.plane(*place(frame, channel))
        return plane.T if turned else plane

    def close() -> None:
        blocks.forget()
        reader.close()

    frames = frames_from_reader(
        read_image,
        (n_frames, n_channels, planes.height, planes.width),
        dtype,
        on_close=close,
        thread_safe=True,
    )
    # A recording that nobody closed must not leave the file open.
    weakref.finalize(frames, reader.close)
    return frames


def no_frames(path: Path) -> MissingFrames:
    """Return what stands for frames that were not wanted."""
    return MissingFrames(
        "the recording was opened with metadata_only=True",
        str(path),
        "open it without metadata_only to read pixels",
    )


def missing_finding(written: NDArray[np.bool_]) -> tuple[Finding, ...]:
    """Tell of planes that were never written, if there are any."""
    if written.all():
        return ()
    return (
        Finding(
            code="images-missing",
            message=f"{int((~written).sum())} of {written.size} images were never written; "
            "reading one raises MissingImageError",
        ),
    )


def written_planes(source: h5py.Dataset, planes: ArrayPlanes) -> NDArray[np.bool_]:
    """Tell which planes were written; HDF5 makes up the others.

    Returns
    -------
    (T, Z, C) bool
        True where every chunk of the plane is there.

    Raises
    ------
    CorruptRecordingError
        None was, or the array promises more planes or chunks than the file can hold.
    """
    stored = source.id.get_storage_size()
    elsewhere = source.is_virtual or bool(source.external)  # `dataset` has looked at those
    if not stored and not elsewhere:
        raise CorruptRecordingError(f"nothing was ever written into {source.name}")
    n_planes = math.prod(planes.grid)
    per_axis = [
        -(-n // c) for n, c in zip(source.shape, source.chunks or source.shape, strict=True)
    ]
    n_chunks = math.prod(per_axis)
    if max(n_planes, n_chunks) > _ALWAYS_ALLOWED + stored and not elsewhere:
        raise CorruptRecordingError(
            f"{source.name} promises more images than the file can hold",
            expected=f"at most one a byte of the {stored} that are stored",
            found=f"{n_planes} images in {n_chunks} chunks",
        )
    if source.chunks is None or elsewhere or source.id.get_num_chunks() >= n_chunks:
        return np.ones(planes.grid, bool)
    present = np.zeros(per_axis, bool)
    chunks = source.chunks

    def note(chunk: Any) -> None:
        present[tuple(o // c for o, c in zip(chunk.chunk_offset, chunks, strict=True))] = True

    source.id.chunk_iter(note)
    return planes.whole(present, chunks)


def _layout(source: h5py.Dataset, planes: ArrayPlanes) -> FileLayout | None:
    """Return where the planes lie in the file, if they can be read there."""
    import h5py

    offset = plain_offset(source)
    # A type of HDF5 may have bits of padding that numpy's has not.
    as_numpy = h5py.h5t.py_create(source.dtype) == source.id.get_type()
    if offset is None or not as_numpy:
        return None
    if _is_spread(source, planes):
        return None
    strides = _strides(source)
    at = planes.offsets(strides)
    return FileLayout(
        files=(Path(source.file.filename).absolute(),),
        file=np.zeros(at.shape, np.int32),
        offset=at + offset,
        height=planes.height,
        width=planes.width,
        row_stride=strides[planes.labels.index("Y")],
        pixel_stride=strides[planes.labels.index("X")],
        dtype=source.dtype,
    )


def _is_spread(source: h5py.Dataset, planes: ArrayPlanes) -> bool:
    """Tell whether the pixels of one image lie all over the array."""
    strides, size = _strides(source), source.dtype.itemsize
    span = (planes.height - 1) * strides[planes.labels.index("Y")]
    span += (planes.width - 1) * strides[planes.labels.index("X")] + size
    return bool(span > max(_SMALL_IMAGE, _MAX_SPREAD * planes.height * planes.width * size))


def _chunks(source: h5py.Dataset, planes: ArrayPlanes) -> tuple[int, ...]:
    """Return how many indices of each dimension are best read together."""
    if source.chunks is not None and not source.is_virtual:
        return tuple(source.chunks)
    if plain_offset(source) is not None and _is_spread(source, planes):
        return tuple(source.shape)
    return tuple(
        n if label in "YX" else 1 for label, n in zip(planes.labels, source.shape, strict=True)
    )


def _strides(source: h5py.Dataset) -> tuple[int, ...]:
    size, strides = source.dtype.itemsize, []
    for n in reversed(source.shape):
        strides.append(size)
        size *= n
    return tuple(reversed(strides))


def _parts(source: h5py.Dataset) -> tuple[Path, ...]:
    """Return the files that the array's values lie in, its own first."""
    own = Path(source.file.filename).absolute()
    others = [name for name, _, _ in source.external or ()]
    if source.is_virtual:
        others += [part.file_name for part in source.virtual_sources() if part.file_name != "."]
    return tuple(dict.fromkeys([own, *(own.parent / name for name in others)]))
