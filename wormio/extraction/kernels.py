"""The one gate between Python and the C core.

C sees addresses, not arrays: a wrong dtype, byte order or stride would be read as if it were
right. Everything is checked here, so nothing else in wormio calls `ffi.from_buffer`. The kernels
release the GIL; threads belong to the caller.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from wormio._cext import ffi, lib
from wormio.errors import ExtractionError, UnsupportedCapabilityError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["SUPPORTED_DTYPES", "Boundary", "build_id", "sum_runs"]

Boundary = Literal["exclude", "clip", "nan"]

_SUM_RUNS: MappingProxyType[np.dtype[Any], Any] = MappingProxyType(
    {
        np.dtype(np.uint8): lib.wormio_sum_runs_u8,
        np.dtype(np.uint16): lib.wormio_sum_runs_u16,
        np.dtype(np.int16): lib.wormio_sum_runs_i16,
        np.dtype(np.uint32): lib.wormio_sum_runs_u32,
        np.dtype(np.float32): lib.wormio_sum_runs_f32,
        np.dtype(np.float64): lib.wormio_sum_runs_f64,
    }
)
SUPPORTED_DTYPES: tuple[np.dtype[Any], ...] = tuple(_SUM_RUNS)

_BOUNDARIES = MappingProxyType(
    {"exclude": lib.WORMIO_EXCLUDE, "clip": lib.WORMIO_CLIP, "nan": lib.WORMIO_NAN}
)

_CURES = MappingProxyType(
    {
        lib.WORMIO_EARG: "sizes stay below 2**31, masks below 2**31 voxels; strides are positive "
        "multiples of the pixel's size",
        lib.WORMIO_EALIGN: "copy the pixels into an array of their own: numpy.ascontiguousarray",
        lib.WORMIO_EROWS: "read every row that a mask touches, within the image, before the sum",
    }
)


def sum_runs(
    pixels: NDArray[Any],
    *,
    height: int,
    row_first: int,
    planes: ArrayLike,
    slot: ArrayLike,
    yx: ArrayLike,
    runs: ArrayLike,
    boundary: Boundary,
    offset: float,
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Sum the voxels of a mask around every point of every volume.

    Parameters
    ----------
    pixels : ndarray (P, rows, X) of a dtype in `SUPPORTED_DTYPES`
        Planes of one channel, rows ``row_first`` to ``row_first + rows`` of each image. Any view
        with positive strides will do, such as ``block[:, channel]`` of a (F, C, rows, X) array or
        ``block[..., channel]`` of interleaved channels: nothing is copied.
    height : int
        Rows of the whole image.
    row_first : int
        The image row that is ``pixels[:, 0]``.
    planes : array_like (V, S) of int
        The index into `pixels` of the plane in each slot of each volume; -1, never saved.
    slot : array_like (V, N) of int
        The slot of the plane through each point; negative, the sample is not valid.
    yx : array_like (V, N, 2) of float
        The points in pixels (integers are pixel centres), rounded by ``floor(x + 0.5)``.
    runs : array_like (R, 4) of int
        The mask as runs of voxels along x: dz (in slots), dy, dx_first, dx_stop (half open).
    boundary : {"exclude", "clip", "nan"}
        What becomes of voxels outside the image or the sweep, or on a missing plane: left out;
        replaced by the image's edge, and in z by the nearest saved plane towards the centre; or
        the sample is not valid.
    offset : float
        Camera offset in counts, subtracted from each voxel.

    Returns
    -------
    total : ndarray (V, N) of float64
        Sum of the voxels minus ``voxels * offset``. NaN if the sample is not valid (the point is
        NaN or outside the image, its plane missing) or no voxel is left. Exact for integers;
        floats are added in double, in the order of `runs` and of x.
    voxels : ndarray (V, N) of int32
        How many voxels were summed, repeated ones each time; 0 where `total` is NaN.

    Raises
    ------
    UnsupportedCapabilityError
        There is no kernel for the dtype or byte order of `pixels`.
    ExtractionError
        Shapes, strides or indices do not fit together, or a mask needs a row of the image that is
        not in `pixels`.
    """
    kernel = _kernel(pixels)
    if boundary not in _BOUNDARIES:
        raise ExtractionError(
            "no such boundary",
            expected=", ".join(_BOUNDARIES),
            found=repr(boundary),
            cure="choose one of these",
        )
    if not np.isfinite(offset):
        raise ExtractionError(
            "the camera offset is not a number of counts",
            expected="a finite number",
            found=str(offset),
            cure="set the channel's offset, or 0 for none",
        )
    _check_rows(pixels, height, row_first)

    planes = _as_indices("planes", planes, np.dtype(np.int64), (None, None))
    _check_planes(planes, len(pixels))
    n_volumes, n_slots = planes.shape
    slot = _as_indices("slot", slot, np.dtype(np.int32), (n_volumes, None))
    n_points = slot.shape[1]
    yx = _as_points(yx, (n_volumes, n_points, 2))
    runs = _as_indices("runs", runs, np.dtype(np.int32), (None, 4))

    buffer, plane_stride, row_stride, pixel_stride = _span(pixels)
    plane_offset = np.where(planes < 0, -1, planes * plane_stride)
    total = np.empty((n_volumes, n_points), np.float64)
    voxels = np.empty((n_volumes, n_points), np.int32)

    # The struct holds a bare address; this name keeps the memory alive during the call.
    data = ffi.from_buffer("char[]", buffer)
    c_pixels = ffi.new(
        "wormio_pixels *",
        {
            "data": data,
            "nbytes": buffer.nbytes,
            "height": height,
            "width": pixels.shape[2],
            "row_first": row_first,
            "row_stop": row_first + pixels.shape[1],
            "row_stride": row_stride,
            "pixel_stride": pixel_stride,
        },
    )
    _check(
        kernel(
            c_pixels,
            n_volumes,
            n_slots,
            ffi.from_buffer("int64_t[]", plane_offset),
            n_points,
            ffi.from_buffer("int32_t[]", slot),
            ffi.from_buffer("double[]", yx),
            len(runs),
            ffi.from_buffer("int32_t[]", runs),
            _BOUNDARIES[boundary],
            offset,
            ffi.from_buffer("double[]", total, require_writable=True),
            ffi.from_buffer("int32_t[]", voxels, require_writable=True),
        )
    )
    return total, voxels


def _check(status: int) -> None:
    """Turn a status of the C core into an error."""
    if status != lib.WORMIO_OK:
        raise ExtractionError(
            f"the C core refused: {ffi.string(lib.wormio_strerror(status)).decode()}",
            found=f"status {status}",
            cure=_CURES.get(status, "report this as a bug of wormio.extraction.kernels"),
        )


def _kernel(pixels: NDArray[Any]) -> Any:
    if not isinstance(pixels, np.ndarray) or pixels.ndim != 3:
        raise ExtractionError(
            "pixels have the wrong dimensions",
            expected="a numpy array (planes, rows, width)",
            found=f"{type(pixels).__name__} of shape {np.shape(pixels)}",
            cure="take one channel: block[:, channel]",
        )
    # A big-endian dtype equals no native one, so byte order is checked here too.
    if pixels.dtype not in _SUM_RUNS:
        raise UnsupportedCapabilityError(
            "no kernel reads pixels of this type",
            expected=", ".join(str(dtype) for dtype in SUPPORTED_DTYPES) + ", native byte order",
            found=f"{pixels.dtype} ({pixels.dtype.str})",
            cure="convert the decoded frames: frames.astype(...)",
        )
    return _SUM_RUNS[pixels.dtype]


def _check_rows(pixels: NDArray[Any], height: int, row_first: int) -> None:
    row_stop = row_first + pixels.shape[1]
    if not 0 <= row_first <= row_stop <= height:
        raise ExtractionError(
            "the rows of pixels are not rows of the image",
            expected=f"rows within 0 to {height}",
            found=f"rows {row_first} to {row_stop}",
            cure="give the height of the whole image, and the image row of pixels[:, 0]",
        )


def _check_planes(planes: NDArray[np.int64], n_planes: int) -> None:
    if planes.size and (planes.min() < -1 or planes.max() >= n_planes):
        raise ExtractionError(
            "planes name a plane that is not in pixels",
            expected=f"indices 0 to {n_planes - 1}, or -1 for a plane never saved",
            found=f"indices {planes.min()} to {planes.max()}",
            cure="count planes from the first one in pixels",
        )


def _check_shape(name: str, shape: tuple[int, ...], expected: tuple[int | None, ...]) -> None:
    """Compare a shape with the expected one, where None is any length."""
    if len(shape) != len(expected) or any(
        want is not None and have != want for have, want in zip(shape, expected, strict=True)
    ):
        wanted = ", ".join("any" if want is None else str(want) for want in expected)
        raise ExtractionError(
            f"{name} has the wrong shape",
            expected=f"({wanted})",
            found=str(shape),
            cure="shapes are planes (V, S), slot (V, N), yx (V, N, 2), runs (R, 4)",
        )


def _as_indices(
    name: str, values: ArrayLike, dtype: np.dtype[Any], shape: tuple[int | None, ...]
) -> NDArray[Any]:
    """Return integers as a C-contiguous array of `dtype`, refusing those that do not fit it."""
    array = np.asarray(values)
    _check_shape(name, array.shape, shape)
    limits = np.iinfo(dtype)
    if array.dtype.kind not in "iu":
        raise ExtractionError(
            f"{name} are not integers",
            expected=str(dtype),
            found=str(array.dtype),
            cure="round them first, by floor(x + 0.5)",
        )
    if array.size and (array.min() < limits.min or array.max() > limits.max):
        raise ExtractionError(
            f"{name} are too large",
            expected=f"{limits.min} to {limits.max}",
            found=f"{array.min()} to {array.max()}",
            cure="look for a fill value or an overflow where they were computed",
        )
    return np.ascontiguousarray(array, dtype=dtype)


def _as_points(values: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    array = np.asarray(values)
    _check_shape("yx", array.shape, shape)
    if array.dtype.kind not in "iuf":
        raise ExtractionError(
            "yx are not numbers",
            expected="float64",
            found=str(array.dtype),
            cure="give y and x in pixels",
        )
    return np.ascontiguousarray(array, dtype=np.float64)


def build_id() -> str:
    """Return the hash of the C sources that this build was made from."""
    text: bytes = ffi.string(lib.wormio_build_id())
    return text.decode()


def _span(pixels: NDArray[Any]) -> tuple[NDArray[np.uint8], int, int, int]:
    """Return the bytes from the first to the last pixel of a view, and the view's strides.

    cffi takes contiguous buffers only, while one channel of a block is a strided view. So the
    view is widened to all bytes that it spans, which belong to the same block of memory.
    """
    item = pixels.itemsize
    if pixels.size == 0:
        return np.empty(0, np.uint8), 0, max(pixels.shape[2], 1) * item, item
    # numpy leaves the stride of an axis of length 1 arbitrary.
    strides = [s if n > 1 else item for n, s in zip(pixels.shape, pixels.strides, strict=True)]
    if min(strides[1:]) <= 0 or strides[0] < 0:
        raise ExtractionError(
            "pixels run backwards or repeat themselves in memory",
            expected="positive strides",
            found=f"strides of {pixels.strides} bytes",
            cure="copy them first: numpy.ascontiguousarray",
        )
    nbytes = item + sum((n - 1) * s for n, s in zip(pixels.shape, strides, strict=True))
    first = pixels[:1, :1, :1].view(np.uint8)
    buffer = np.lib.stride_tricks.as_strided(first, (nbytes,), (1,), writeable=False)
    return buffer, strides[0], strides[1], strides[2]
