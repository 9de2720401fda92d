"""The kernels of the C core: from the pixels around points to one number each.

They release the GIL; threads belong to the caller.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from wormio._cext import ffi, lib
from wormio.errors import ExtractionError, UnsupportedCapabilityError
from wormio.extraction.passing import (
    Boundary,
    Points,
    check_shape,
    check_status,
    pass_options,
    pointer,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wormio.extraction.reading import Block
    from wormio.extraction.voxels import MaskTable

__all__ = [
    "SUPPORTED_DTYPES",
    "Operation",
    "Options",
    "Reduced",
    "Reduction",
    "build_id",
    "gather",
    "prepare",
    "reduce",
]

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


@attrs.frozen(eq=False, kw_only=True)
class Reduction:
    """A call of a kernel, made ready: only the pixels may still have to come into the block.

    Parameters
    ----------
    points : Points
    reduced : Reduced
        Is filled by `run`, volume by volume.
    """

    points: Points
    reduced: Reduced
    _kernel: Any
    _pixels: Any
    _options: Any
    _scratch: tuple[Any, int]
    _outputs: tuple[Any, Any, Any]
    _kept: tuple[Any, ...]  # the structs hold bare addresses

    def run(self, first: int, stop: int) -> None:
        """Reduce some of the volumes.

        Raises
        ------
        ExtractionError
            See `reduce`.
        """
        part = self.points.of_volumes(first, stop)
        at = first * part.n_channels * part.n_points
        outputs = [each + at for each in self._outputs]
        check_status(
            self._kernel(
                self._pixels, part.samples, part.masks, self._options, *self._scratch, *outputs
            )
        )


@attrs.frozen(kw_only=True)
class Options:
    """How voxels are taken, whatever becomes of them.

    Parameters
    ----------
    boundary : {"exclude", "clip", "nan"}
        What becomes of voxels outside the image or the sweep, or on a missing plane: left out;
        replaced by the image's edge, and in z by the nearest saved plane towards the centre; or
        the sample is not valid.
    linear : bool
        Points are not rounded: voxels are interpolated between their four neighbours in y and x.
        A voxel is there if all neighbours are that count.
    rectify : bool
        Voxels below the offset count as 0 counts.
    saturation : float
        Pixels from here on count as saturated; NaN: none does.
    """

    boundary: Boundary
    linear: bool = False
    rectify: bool = False
    saturation: float = math.nan


def reduce(block: Block, points: Points, operation: Operation, options: Options) -> Reduced:
    """Reduce the voxels of a mask around every point of every volume.

    Parameters
    ----------
    block : Block
        Pixels of C channels, of a dtype in `SUPPORTED_DTYPES`.
    points : Points
        In the planes of the block.
    operation : Operation
        Of all but ``"gather"``.
    options : Options

    Raises
    ------
    UnsupportedCapabilityError
        There is no kernel for the dtype or byte order of the block.
    ExtractionError
        Shapes or indices do not fit together, or a mask needs a row that is not in the block.
    """
    reduction = prepare(block, points, operation, options)
    reduction.run(0, points.n_volumes)
    return reduction.reduced


def prepare(block: Block, points: Points, operation: Operation, options: Options) -> Reduction:
    """Check everything and make room for the result, before the pixels are there; see `reduce`."""
    scratch = np.empty(_scratch_size(points.table, operation, options))
    return _prepare(block, points, operation, options, scratch)


def gather(
    block: Block, points: Points, options: Options
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
    shape, table = points.shape, points.table
    each = table.most_voxels * (1 if table.weights is None else 2)
    if math.prod(shape) * each > _MAX_SCRATCH:
        raise ExtractionError(
            "the voxels of so many samples do not fit in memory one by one",
            expected=f"up to {_MAX_SCRATCH} numbers",
            found=f"{math.prod(shape)} samples of up to {table.most_voxels} voxels",
            cure="use smaller masks, or fewer volumes at once (memory=)",
        )
    scratch = np.full((*shape, each), np.nan)
    reduction = _prepare(block, points, Operation("gather"), options, scratch)
    reduction.run(0, points.n_volumes)
    reduced = reduction.reduced
    scratch = scratch.swapaxes(0, 1)
    if table.weights is None:
        return scratch, None, reduced
    return scratch[..., : table.most_voxels], scratch[..., table.most_voxels :], reduced


def _scratch_size(table: MaskTable, operation: Operation, options: Options) -> int:
    sums = operation.name in {"sum", "mean"} and table.weights is None
    if sums and not (options.linear or options.rectify):
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


def _prepare(
    block: Block,
    points: Points,
    operation: Operation,
    options: Options,
    scratch: NDArray[np.float64],
) -> Reduction:
    kernel = _kernel(block)
    c_options = pass_options(
        operation.name,
        options.boundary,
        k=operation.k,
        q=operation.q,
        linear=options.linear,
        rectify=options.rectify,
        saturation=options.saturation,
    )
    shape = (points.n_channels, points.n_planes, 2)
    check_shape("of_plane of the block", block.of_plane.shape, shape)
    check_shape("spans of the block", block.spans.shape, (None, 4))
    value = np.empty(points.shape)
    if operation.name == "gather":
        value.fill(np.nan)
    voxels, saturated = np.empty(points.shape, np.int32), np.empty(points.shape, np.int32)
    buffer = pointer("uint8_t[]", block.buffer)
    spans, of_plane = pointer("int64_t[]", block.spans), pointer("int64_t[]", block.of_plane)
    pixels = ffi.new(
        "wormio_pixels *",
        (
            buffer,
            block.buffer.nbytes,
            points.n_channels * points.n_planes,
            len(block.spans),
            block.height,
            block.width,
            spans,
            of_plane,
            block.row_stride,
            block.pixel_stride,
        ),
    )
    return Reduction(
        points=points,
        reduced=Reduced(value.swapaxes(0, 1), voxels.swapaxes(0, 1), saturated.swapaxes(0, 1)),
        kernel=kernel,
        pixels=pixels,
        options=c_options,
        scratch=(pointer("double[]", scratch, writable=True), scratch.size),
        outputs=(
            pointer("double[]", value, writable=True),
            pointer("int32_t[]", voxels, writable=True),
            pointer("int32_t[]", saturated, writable=True),
        ),
        kept=(buffer, spans, of_plane),
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


def build_id() -> str:
    """Return the hash of the C sources that this build was made from."""
    text: bytes = ffi.string(lib.wormio_build_id())
    return text.decode()
