"""The one gate between Python and the C core.

C sees addresses, not arrays: a wrong dtype, byte order or stride would be read as if it were
right. Everything is checked here, so nothing else in wormio calls `ffi.from_buffer`. The kernels
release the GIL; threads belong to the caller.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np

from wormio._cext import ffi, lib
from wormio.errors import ExtractionError, UnsupportedCapabilityError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from wormio.extraction.reading import Block
    from wormio.extraction.voxels import MaskTable

__all__ = ["SUPPORTED_DTYPES", "Boundary", "Operation", "Reduced", "build_id", "gather", "reduce"]

Boundary = Literal["exclude", "clip", "nan"]

_KERNELS: MappingProxyType[np.dtype[Any], Any] = MappingProxyType(
    {
        np.dtype(np.uint8): lib.wormio_reduce_u8,
        np.dtype(np.uint16): lib.wormio_reduce_u16,
        np.dtype(np.int16): lib.wormio_reduce_i16,
        np.dtype(np.uint32): lib.wormio_reduce_u32,
        np.dtype(np.float32): lib.wormio_reduce_f32,
        np.dtype(np.float64): lib.wormio_reduce_f64,
    }
)
SUPPORTED_DTYPES: tuple[np.dtype[Any], ...] = tuple(_KERNELS)

_BOUNDARIES = MappingProxyType(
    {"exclude": lib.WORMIO_EXCLUDE, "clip": lib.WORMIO_CLIP, "nan": lib.WORMIO_NAN}
)
_OPERATIONS = MappingProxyType(
    {
        "sum": lib.WORMIO_SUM,
        "mean": lib.WORMIO_MEAN,
        "brightest": lib.WORMIO_BRIGHTEST,
        "quantile": lib.WORMIO_QUANTILE,
        "max": lib.WORMIO_MAX,
        "std": lib.WORMIO_STD,
        "gather": lib.WORMIO_GATHER,
    }
)

_TYPES = MappingProxyType(
    {
        "uint8_t[]": np.dtype(np.uint8),
        "int32_t[]": np.dtype(np.int32),
        "int64_t[]": np.dtype(np.int64),
        "double[]": np.dtype(np.float64),
    }
)

_CURES = MappingProxyType(
    {
        lib.WORMIO_EARG: "sizes stay below 2**31, masks below 2**31 voxels; pixels do not overlap; "
        "weights go with the operations sum, mean and gather only",
        lib.WORMIO_EROWS: "read every row that a mask touches, within the image, before the sum",
    }
)

# Beyond this a mask is no neuron; its voxels would not fit in memory one by one.
_MAX_SCRATCH = 1 << 27


@attrs.frozen
class Operation:
    """What the core is to make of the voxels of a sample.

    Parameters
    ----------
    name : {"sum", "mean", "brightest", "quantile", "max", "std", "gather"}
    k : int
        Of ``"brightest"``: how many.
    q : float
        Of ``"quantile"``: 0 to 1.
    """

    name: str
    k: int = 1
    q: float = 0.5


@attrs.frozen(eq=False)
class Reduced:
    """What a kernel returns; C channels, V volumes, N points.

    Parameters
    ----------
    value : (C, V, N) float64
        NaN if the sample is not valid (the point is NaN or outside the image, its plane missing)
        or no voxel is left.
    voxels : (C, V, N) int32
        How many voxels went into it, repeated ones each time.
    saturated : (C, V, N) int32
        How many of them were saturated.
    """

    value: NDArray[np.float64]
    voxels: NDArray[np.int32]
    saturated: NDArray[np.int32]


def reduce(
    block: Block,
    *,
    planes: ArrayLike,
    slot: ArrayLike,
    yx: ArrayLike,
    table: MaskTable,
    operation: Operation,
    boundary: Boundary,
    offset: ArrayLike,
    linear: bool = False,
    rectify: bool = False,
    saturation: float = math.nan,
) -> Reduced:
    """Reduce the voxels of a mask around every point of every volume.

    Parameters
    ----------
    block : Block
        Pixels of C channels, of a dtype in `SUPPORTED_DTYPES`.
    planes : array_like (C, V, S) of int
        The plane of the block in each slot of each volume; -1, never saved.
    slot : array_like (C, V, N) of int
        The slot of the plane through each point; negative, the sample is not valid.
    yx : array_like (C, V, N, 2) of float
        The points in pixels (integers are pixel centres), rounded by ``floor(x + 0.5)``.
    table : MaskTable
        The masks, and the mask of each sample.
    operation : Operation
        Of all but ``"gather"``.
    boundary : {"exclude", "clip", "nan"}
        What becomes of voxels outside the image or the sweep, or on a missing plane: left out;
        replaced by the image's edge, and in z by the nearest saved plane towards the centre; or
        the sample is not valid.
    offset : array_like (C,) of float
        Camera offset in counts, subtracted from each voxel.
    linear : bool
        Points are not rounded: voxels are interpolated between their four neighbours in y and x.
        A voxel is there if all neighbours are that count.
    rectify : bool
        Voxels below the offset count as 0 counts.
    saturation : float
        Pixels from here on count as saturated; NaN: none does.

    Raises
    ------
    UnsupportedCapabilityError
        There is no kernel for the dtype or byte order of the block.
    ExtractionError
        Shapes or indices do not fit together, or a mask needs a row that is not in the block.
    """
    points = _Points(planes, slot, yx, offset)
    choices = _Choices(operation, boundary, linear, rectify, saturation)
    return _run(block, points, table, choices, np.empty(_scratch_size(table, choices)))


def gather(
    block: Block,
    *,
    planes: ArrayLike,
    slot: ArrayLike,
    yx: ArrayLike,
    table: MaskTable,
    boundary: Boundary,
    offset: ArrayLike,
    linear: bool = False,
    rectify: bool = False,
    saturation: float = math.nan,
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, Reduced]:
    """Return the voxels of every sample themselves; K is the number of the largest mask's.

    Parameters and errors are those of `reduce`.

    Returns
    -------
    values : (C, V, N, K) float64
        The first ``voxels`` of a row are the sample's, in the order of its mask, the offset
        subtracted; NaN follows.
    weights : (C, V, N, K) float64 or None
        Of these voxels.
    reduced : Reduced
        Its `value` is NaN.
    """
    shape = np.shape(slot)
    each = table.most_voxels * (1 if table.weights is None else 2)
    if math.prod(shape) * each > _MAX_SCRATCH:
        raise ExtractionError(
            "the voxels of so many samples do not fit in memory one by one",
            expected=f"up to {_MAX_SCRATCH} numbers",
            found=f"{math.prod(shape)} samples of up to {table.most_voxels} voxels",
            cure="use smaller masks, or fewer volumes at once (memory=)",
        )
    scratch = np.full((*shape, each), np.nan)
    points = _Points(planes, slot, yx, offset)
    choices = _Choices(Operation("gather"), boundary, linear, rectify, saturation)
    reduced = _run(block, points, table, choices, scratch)
    if table.weights is None:
        return scratch, None, reduced
    return scratch[..., : table.most_voxels], scratch[..., table.most_voxels :], reduced


@attrs.frozen(eq=False)
class _Points:
    planes: ArrayLike
    slot: ArrayLike
    yx: ArrayLike
    offset: ArrayLike


@attrs.frozen
class _Choices:
    operation: Operation
    boundary: str
    linear: bool
    rectify: bool
    saturation: float


def _scratch_size(table: MaskTable, choices: _Choices) -> int:
    sums = choices.operation.name in {"sum", "mean"} and table.weights is None
    if sums and not (choices.linear or choices.rectify):
        return 0
    size = table.most_voxels * (1 if table.weights is None else 2)
    if size > _MAX_SCRATCH:
        raise ExtractionError(
            "a mask has too many voxels to be looked at one by one",
            expected=f"up to {_MAX_SCRATCH} numbers",
            found=str(size),
            cure="use Mean or Sum without weights, or a smaller mask",
        )
    return size


def _run(
    block: Block,
    given: _Points,
    table: MaskTable,
    choices: _Choices,
    scratch: NDArray[np.float64],
) -> Reduced:
    kernel = _kernel(block)
    _check_choices(choices)
    operation = choices.operation
    # C takes the table to have as many elements as this says.
    table_shape = (None, None) if block.row_stride else (None, None, block.height)
    _check_shape("row_offset of the block", block.row_offset.shape, table_shape)
    n_channels, n_planes = block.row_offset.shape[:2]
    planes = _integers("planes", given.planes, np.int64, (n_channels, None, None))
    _, n_volumes, n_slots = planes.shape
    slot = _integers("slot", given.slot, np.int32, (n_channels, n_volumes, None))
    n_points = slot.shape[2]
    points = _numbers("yx", given.yx, (n_channels, n_volumes, n_points, 2))
    each = _numbers("offset", given.offset, (n_channels,))
    if not np.isfinite(each).all():
        raise ExtractionError(
            "the camera offset is not a number of counts",
            expected="a finite number",
            found=str(given.offset),
            cure="set the channel's offset, or 0 for none",
        )
    # The channels follow one another: for the core they are further volumes.
    _check_planes(planes, n_planes)
    plane = planes + np.arange(n_channels)[:, np.newaxis, np.newaxis] * n_planes
    plane[planes < 0] = -1
    mask = np.empty(slot.shape, np.int32)
    try:
        np.copyto(mask, table.index, casting="safe")
    except ValueError:
        raise ExtractionError(
            "the masks are of other samples",
            expected=f"the index of a mask, to be repeated to {slot.shape}",
            found=f"shape {table.index.shape}",
        ) from None
    result = Reduced(
        np.full(slot.shape, np.nan) if operation.name == "gather" else np.empty(slot.shape),
        np.empty(slot.shape, np.int32),
        np.empty(slot.shape, np.int32),
    )
    volume_offset = np.repeat(each, n_volumes)

    # The structs hold bare addresses; these names keep the memory alive during the call.
    buffer = _pointer("uint8_t[]", block.buffer)
    row_offset = _pointer("int64_t[]", block.row_offset)
    c_pixels = ffi.new(
        "wormio_pixels *",
        (
            buffer,
            block.buffer.nbytes,
            n_channels * n_planes,
            block.height,
            block.width,
            row_offset,
            block.pixel_stride,
            block.row_stride,
            *block.rows,
        ),
    )
    of_samples = (
        _pointer("int64_t[]", plane),
        _pointer("int32_t[]", slot),
        _pointer("double[]", points),
        _pointer("int32_t[]", mask),
        _pointer("double[]", volume_offset),
    )
    c_samples = ffi.new(
        "wormio_samples *", (n_channels * n_volumes, n_slots, n_points, *of_samples)
    )
    of_masks = (
        _pointer("int64_t[]", table.run_start),
        _pointer("int32_t[]", table.runs),
        ffi.NULL if table.weights is None else _pointer("int64_t[]", table.weight_start),
        ffi.NULL if table.weights is None else _pointer("double[]", table.weights),
    )
    n_weights = 0 if table.weights is None else len(table.weights)
    c_masks = ffi.new(
        "wormio_masks *", (len(table.run_start) - 1, len(table.runs), n_weights, *of_masks)
    )
    c_options = ffi.new(
        "wormio_options *",
        (
            _OPERATIONS[operation.name],
            _BOUNDARIES[choices.boundary],
            int(choices.linear),
            int(choices.rectify),
            operation.k,
            operation.q,
            choices.saturation,
        ),
    )
    _check(
        kernel(
            c_pixels,
            c_samples,
            c_masks,
            c_options,
            _pointer("double[]", scratch, writable=True),
            scratch.size,
            _pointer("double[]", result.value, writable=True),
            _pointer("int32_t[]", result.voxels, writable=True),
            _pointer("int32_t[]", result.saturated, writable=True),
        )
    )
    return result


def _pointer(kind: str, array: NDArray[Any], *, writable: bool = False) -> Any:
    """Hand an array over as what it is."""
    if array.dtype != _TYPES[kind] or not array.flags.c_contiguous:
        raise ExtractionError(
            "an array cannot be handed to the core",
            expected=f"C-contiguous, of {_TYPES[kind]}",
            found=f"{array.dtype} of shape {array.shape}, strides {array.strides}",
            cure="report this as a bug of wormio.extraction",
        )
    return ffi.from_buffer(kind, array, require_writable=writable)


def _check(status: int) -> None:
    """Turn a status of the C core into an error."""
    if status != lib.WORMIO_OK:
        raise ExtractionError(
            f"the C core refused: {ffi.string(lib.wormio_strerror(status)).decode()}",
            found=f"status {status}",
            cure=_CURES.get(status, "report this as a bug of wormio.extraction.kernels"),
        )


def _kernel(block: Block) -> Any:
    # A big-endian dtype equals no native one, so byte order is checked here too.
    if block.dtype not in _KERNELS:
        raise UnsupportedCapabilityError(
            "no kernel reads pixels of this type",
            expected=", ".join(str(dtype) for dtype in SUPPORTED_DTYPES) + ", native byte order",
            found=f"{block.dtype} ({block.dtype.str})",
            cure="convert the decoded frames: frames.astype(...)",
        )
    return _KERNELS[block.dtype]


def _check_choices(choices: _Choices) -> None:
    for what, name, known in (
        ("boundary", choices.boundary, _BOUNDARIES),
        ("operation", choices.operation.name, _OPERATIONS),
    ):
        if name not in known:
            raise ExtractionError(
                f"no such {what}",
                expected=", ".join(known),
                found=repr(name),
                cure="choose one of these",
            )


def _check_planes(planes: NDArray[np.int64], n_planes: int) -> None:
    if planes.size and (planes.min() < -1 or planes.max() >= n_planes):
        raise ExtractionError(
            "planes name a plane that is not in the block",
            expected=f"indices 0 to {n_planes - 1}, or -1 for a plane never saved",
            found=f"indices {planes.min()} to {planes.max()}",
            cure="count planes from the first one in the block",
        )


def _check_shape(name: str, shape: tuple[int, ...], expected: tuple[int | None, ...]) -> None:
    """Compare a shape with the expected one, where None is any length."""
    if len(shape) != len(expected) or any(
        want not in {None, have} for have, want in zip(shape, expected, strict=True)
    ):
        wanted = ", ".join("any" if want is None else str(want) for want in expected)
        raise ExtractionError(
            f"{name} has the wrong shape",
            expected=f"({wanted})",
            found=str(shape),
            cure="shapes are planes (C, V, S), slot (C, V, N), yx (C, V, N, 2), offset (C,); "
            "of a block's row_offset (C, P, Y), or (C, P) with a row_stride",
        )


def _integers(
    name: str, values: ArrayLike, dtype: type[Any], shape: tuple[int | None, ...]
) -> NDArray[Any]:
    """Return integers as a C-contiguous array of `dtype`, refusing those that do not fit it."""
    array = np.asarray(values)
    _check_shape(name, array.shape, shape)
    if array.dtype == dtype:
        return np.ascontiguousarray(array)
    limits = np.iinfo(dtype)
    if array.dtype.kind not in "iu":
        raise ExtractionError(
            f"{name} are not integers",
            expected=str(np.dtype(dtype)),
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


def _numbers(name: str, values: ArrayLike, shape: tuple[int | None, ...]) -> NDArray[np.float64]:
    array = np.asarray(values)
    _check_shape(name, array.shape, shape)
    if array.dtype.kind not in "iuf":
        raise ExtractionError(f"{name} are not numbers", expected="float64", found=str(array.dtype))
    return np.ascontiguousarray(array, dtype=np.float64)


def build_id() -> str:
    """Return the hash of the C sources that this build was made from."""
    text: bytes = ffi.string(lib.wormio_build_id())
    return text.decode()
