"""Frames out of an array: read in place where its chunks are not compressed, else decoded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from wormio.errors import MissingImageError, MissingPartError, OptionError
from wormio.formats.stacks import ArrayPlanes, BlockReader, plan_blocks
from wormio.model import (
    FileLayout,
    Finding,
    FrameArray,
    MappedFrames,
    MissingFrames,
    frames_from_reader,
)

from wormio_zarr.arrays import ZarrArray
from wormio_zarr.options import ZarrOptions

__all__ = ["absent_finding", "make_frames", "written_planes"]

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def written_planes(array: ZarrArray, planes: ArrayPlanes, options: ZarrOptions) -> Bools:
    """Tell which planes were written, (T, Z, C): those of which no chunk is absent.

    Raises
    ------
    MissingPartError
        No chunk at all is in the store.
    OptionError
        Absent chunks are to be filled in, and the array has no fill value.
    """
    everything: Bools = np.ones(planes.grid, bool)
    if not array.written.any() and array.written.size:
        if options.metadata_only:
            return everything
        raise MissingPartError(
            "the array has no pixels: not one of its chunks is in the store",
            expected=f"{array.written.size} chunks",
            path=array.path.parent,
            cure="copy the whole store; metadata_only=True opens it without pixels",
        )
    if options.absent_chunks == "missing":
        return planes.whole(array.written, array.about.inner)
    if array.about.fill is None:
        raise OptionError(
            "absent_chunks='fill' cannot be: the array has no fill value", path=array.path
        )
    return everything


def absent_finding(array: ZarrArray, written: Bools, n_frames: int) -> tuple[Finding, ...]:
    """Tell of planes that are not in the store, if there are any.

    Parameters
    ----------
    array : ZarrArray
    written : (T, Z, C) bool
    n_frames : int
        Up to the last of which anything was saved.
    """
    if written.all():
        return ()
    declared = written.shape[0] * written.shape[1]
    ended = ""
    if n_frames < declared:
        ended = f"; none of the last {declared - n_frames} of {declared} frames is there at all"
    n_absent, n_chunks = int((~array.written).sum()), array.written.size
    return (
        Finding(
            code="images-missing",
            message=f"{int((~written).sum())} of {written.size} images are not in the store, or "
            f"not whole ({n_absent} of {n_chunks} chunks are absent){ended}; reading one raises "
            "MissingImageError",
            cure="if the program that wrote the store leaves out chunks that hold nothing but the "
            "fill value, give absent_chunks='fill'",
        ),
    )


def make_frames(
    array: ZarrArray, planes: ArrayPlanes, place: Ints, saved: Bools, options: ZarrOptions
) -> FrameArray:
    """Make the frames of a recording.

    Parameters
    ----------
    array : ZarrArray
    planes : ArrayPlanes
        Of the array.
    place : (F,) int64
        Of each frame: index of t times the planes of z, plus the index of z.
    saved : (F, C) bool
        Images that may be read.
    options : ZarrOptions
    """
    if options.metadata_only:
        return MissingFrames(
            "the recording was opened with metadata_only=True",
            str(array.path.parent),
            "open it without metadata_only to read pixels",
        )
    if options.absent_chunks == "missing":
        layout = _layout(array, planes, place, saved)
        if layout is not None:
            return MappedFrames(layout)
    return _decoded(array, planes, place, saved, options.absent_chunks)


def _decoded(
    array: ZarrArray, planes: ArrayPlanes, place: Ints, saved: Bools, absent: str
) -> FrameArray:
    shape, inner, dtype = array.about.shape, array.about.inner, array.about.dtype
    blocks = BlockReader(
        lambda _name, key: array.read(_slices(key), absent=absent),
        plan_blocks(planes.labels, shape, inner, dtype.itemsize),
        shape,
        inner,
    )
    turned = planes.labels.index("X") < planes.labels.index("Y")

    def read_image(frame: int, channel: int) -> NDArray[np.generic]:
        if not saved[frame, channel]:
            raise MissingImageError(
                f"the image of frame {frame}, channel {channel} is not in the store",
                cure="see recording.timeline.stored and .findings; nothing is filled in",
            )
        plane = blocks.plane("", planes.key(int(place[frame]), channel))
        return plane.T if turned else plane

    return frames_from_reader(
        read_image,
        (*saved.shape, planes.height, planes.width),
        dtype,
        on_close=blocks.forget,
        thread_safe=True,
    )


def _slices(key: tuple[int | slice, ...]) -> tuple[slice, ...]:
    return tuple(k if isinstance(k, slice) else slice(k, k + 1) for k in key)


def _layout(array: ZarrArray, planes: ArrayPlanes, place: Ints, saved: Bools) -> FileLayout | None:
    """Return where the planes lie in files, if each lies in one and uncompressed."""
    strides = array.plain_strides()
    tall, wide = planes.labels.index("Y"), planes.labels.index("X")
    chunks, grid = array.about.inner, array.about.grid
    if strides is None or grid[tall] > 1 or grid[wide] > 1 or not saved.any():
        return None
    outer = [i for i, label in enumerate(planes.labels) if label not in "YX"]
    n_t, n_z, n_c = planes.grid
    numbers = planes.stored().reshape(n_t * n_z, n_c)[place]
    file, offset = np.zeros_like(numbers), np.zeros_like(numbers)
    if outer:
        indices = np.unravel_index(numbers, [array.about.shape[i] for i in outer])
        for axis, index in zip(outer, indices, strict=True):
            file = file * grid[axis] + index // chunks[axis]
            offset = offset + index % chunks[axis] * strides[axis]
    used, which = np.unique(file[saved], return_inverse=True)
    at = np.full(saved.shape, -1, np.int32)
    at[saved] = which
    places = np.unravel_index(used, [grid[i] for i in outer]) if outer else ()
    everywhere = np.zeros((len(used), len(grid)), np.int64)
    for axis, index in zip(outer, places, strict=True):
        everywhere[:, axis] = index
    return FileLayout(
        files=[array.file(tuple(one)) for one in everywhere.tolist()],
        file=at,
        offset=offset,
        height=planes.height,
        width=planes.width,
        row_stride=strides[tall],
        pixel_stride=strides[wide],
        dtype=array.about.chain.dtype,
    )
