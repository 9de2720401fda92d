"""How arrays are handed to the C core: checked, and kept alive while it looks at them.

C sees addresses, not arrays: a wrong dtype, byte order or stride would be read as if it were
right. Everything is checked here; nothing else in wormio calls `ffi.from_buffer`.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np

from wormio._cext import ffi, lib
from wormio.errors import ExtractionError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from wormio.extraction.voxels import MaskTable

__all__ = [
    "Boundary",
    "Points",
    "check_shape",
    "check_status",
    "pass_options",
    "pass_points",
    "pointer",
]

Boundary = Literal["exclude", "clip", "nan"]

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
        "unsigned char[]": np.dtype(np.uint8),
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


@attrs.frozen(eq=False)
class Points:
    """Points in volumes and the masks around them, as C takes them; made by `pass_points`.

    For C, the channels of a volume follow one another as if they were further volumes.

    Parameters
    ----------
    table : MaskTable
    n_channels, n_volumes, n_points : int
    n_planes : int
        Of each channel.
    samples : cdata
        `wormio_samples`.
    masks : cdata
        `wormio_masks`.
    """

    table: MaskTable
    n_channels: int
    n_volumes: int
    n_points: int
    n_planes: int
    samples: Any
    masks: Any
    _kept: tuple[Any, ...]  # the structs hold bare addresses

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of what C makes of them: (V, C, N)."""
        return self.n_volumes, self.n_channels, self.n_points

    def of_volumes(self, first: int, stop: int) -> Points:
        """Return the points of some of the volumes."""
        if (first, stop) == (0, self.n_volumes):
            return self
        whole, begin = self.samples, first * self.n_channels
        n_slots, point = whole.n_slots, begin * self.n_points
        columns = (
            whole.plane + begin * n_slots,
            whole.slot + point,
            whole.yx + 2 * point,
            whole.mask + point,
            whole.offset + begin,
        )
        sizes = ((stop - first) * self.n_channels, n_slots, self.n_points)
        return Points(
            table=self.table,
            n_channels=self.n_channels,
            n_volumes=stop - first,
            n_points=self.n_points,
            n_planes=self.n_planes,
            samples=ffi.new("wormio_samples *", (*sizes, *columns)),
            masks=self.masks,
            kept=(self._kept, whole),
        )


def pass_points(
    planes: ArrayLike,
    slot: ArrayLike,
    yx: ArrayLike,
    table: MaskTable,
    offset: ArrayLike,
    *,
    n_planes: int,
) -> Points:
    """Hand over points; C channels, V volumes of at most S slots, N points.

    Parameters
    ----------
    planes : array_like (C, V, S) of int
        The plane, of each channel's, in each slot of each volume; -1, never saved.
    slot : array_like (C, V, N) of int
        The slot of the plane through each point; negative, the sample is not valid.
    yx : array_like (C, V, N, 2) of float
        The points in pixels (integers are pixel centres), rounded by ``floor(x + 0.5)``.
    table : MaskTable
        The masks, and the mask of each sample.
    offset : array_like (C,) of float
        Camera offset in counts, subtracted from each voxel.
    n_planes : int
        Of each channel.

    Raises
    ------
    ExtractionError
        Shapes or indices do not fit together.
    """
    each = _numbers("offset", offset, (None,))
    n_channels = len(each)
    plane_of = _integers("planes", planes, np.int64, (n_channels, None, None))
    _, n_volumes, n_slots = plane_of.shape
    slots = _integers("slot", slot, np.int32, (n_channels, n_volumes, None))
    n_points = slots.shape[2]
    points = _numbers("yx", yx, (n_channels, n_volumes, n_points, 2))
    if not all(map(math.isfinite, each.tolist())):
        raise ExtractionError(
            "the camera offset is not a number of counts",
            expected="a finite number",
            found=str(offset),
            cure="set the channel's offset, or 0 for none",
        )
    lowest, highest = (plane_of.min(), plane_of.max()) if plane_of.size else (-1, -1)
    if lowest < -1 or highest >= n_planes:
        raise ExtractionError(
            "planes name a plane that is not in the block",
            expected=f"indices 0 to {n_planes - 1}, or -1 for a plane never saved",
            found=f"indices {lowest} to {highest}",
            cure="count planes from the first one in the block",
        )
    if n_channels > 1:
        moved = plane_of + np.arange(n_channels)[:, np.newaxis, np.newaxis] * n_planes
        if lowest < 0:
            moved[plane_of < 0] = -1
        plane_of, slots, points = (
            np.ascontiguousarray(each.swapaxes(0, 1)) for each in (moved, slots, points)
        )
    mask = np.empty((n_volumes, n_channels, n_points), np.int32)
    try:
        np.copyto(mask, table.index[:, np.newaxis], casting="safe")
    except ValueError:
        raise ExtractionError(
            "the masks are of other samples",
            expected=f"the index of a mask, to be repeated to {(n_volumes, n_points)}",
            found=f"shape {table.index.shape}",
        ) from None
    of_samples = (
        pointer("int64_t[]", plane_of),
        pointer("int32_t[]", slots),
        pointer("double[]", points),
        pointer("int32_t[]", mask),
        pointer("double[]", np.tile(each, n_volumes)),
    )
    weights = table.weights
    of_masks = (
        pointer("int64_t[]", table.run_start),
        pointer("int32_t[]", table.runs),
        ffi.NULL if weights is None else pointer("int64_t[]", table.weight_start),
        ffi.NULL if weights is None else pointer("double[]", weights),
    )
    n_weights = 0 if weights is None else len(weights)
    sizes = (n_channels * n_volumes, n_slots, n_points)
    counts = (len(table.run_start) - 1, len(table.runs), n_weights)
    return Points(
        table=table,
        n_channels=n_channels,
        n_volumes=n_volumes,
        n_points=n_points,
        n_planes=n_planes,
        samples=ffi.new("wormio_samples *", (*sizes, *of_samples)),
        masks=ffi.new("wormio_masks *", (*counts, *of_masks)),
        kept=(of_samples, of_masks),
    )


def pass_options(
    operation: str,
    boundary: str,
    *,
    k: int = 1,
    q: float = 0.5,
    linear: bool = False,
    rectify: bool = False,
    saturation: float = math.nan,
) -> Any:
    """Hand over what is to become of the voxels, as `wormio_options`.

    Raises
    ------
    ExtractionError
        There is no such operation, or no such boundary.
    """
    for what, name, known in (
        ("boundary", boundary, _BOUNDARIES),
        ("operation", operation, _OPERATIONS),
    ):
        if name not in known:
            raise ExtractionError(
                f"no such {what}",
                expected=", ".join(known),
                found=repr(name),
                cure="choose one of these",
            )
    choices = (_OPERATIONS[operation], _BOUNDARIES[boundary], int(linear), int(rectify))
    return ffi.new("wormio_options *", (*choices, k, q, saturation))


def pointer(kind: str, array: NDArray[Any], *, writable: bool = False) -> Any:
    """Hand an array over as what it is."""
    flags = array.flags
    if array.dtype != _TYPES[kind] or not (flags.c_contiguous and flags.aligned):
        raise ExtractionError(
            "an array cannot be handed to the core",
            expected=f"C-contiguous and aligned, of {_TYPES[kind]}",
            found=f"{array.dtype} of shape {array.shape}, strides {array.strides}",
            cure="report this as a bug of wormio.extraction",
        )
    return ffi.from_buffer(kind, array, require_writable=writable)


def check_status(status: int) -> None:
    """Turn a status of the C core into an error."""
    if status != lib.WORMIO_OK:
        raise ExtractionError(
            f"the C core refused: {ffi.string(lib.wormio_strerror(status)).decode()}",
            found=f"status {status}",
            cure=_CURES.get(status, "report this as a bug of wormio.extraction.kernels"),
        )


def check_shape(name: str, shape: tuple[int, ...], expected: tuple[int | None, ...]) -> None:
    """Compare a shape with the expected one, where None is any length."""
    if len(shape) != len(expected) or any(
        want is not None and want != have for have, want in zip(shape, expected, strict=True)
    ):
        wanted = ", ".join("any" if want is None else str(want) for want in expected)
        raise ExtractionError(
            f"{name} has the wrong shape",
            expected=f"({wanted})",
            found=str(shape),
            cure="shapes are planes (C, V, S), slot (C, V, N), yx (C, V, N, 2), offset (C,); "
            "of a block's spans (M, 4), of its of_plane (C, P, 2)",
        )


def _integers(
    name: str, values: ArrayLike, dtype: type[Any], shape: tuple[int | None, ...]
) -> NDArray[Any]:
    """Return integers as a C-contiguous array of `dtype`, refusing those that do not fit it."""
    array = np.asarray(values)
    check_shape(name, array.shape, shape)
    if array.dtype == dtype:
        return _in_order(array, dtype)
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
    return _in_order(array, dtype)


def _numbers(name: str, values: ArrayLike, shape: tuple[int | None, ...]) -> NDArray[np.float64]:
    """Return numbers as a C-contiguous array of float64."""
    array = np.asarray(values)
    check_shape(name, array.shape, shape)
    if array.dtype.kind not in "iuf":
        raise ExtractionError(f"{name} are not numbers", expected="float64", found=str(array.dtype))
    return _in_order(array, np.float64)


def _in_order(array: NDArray[Any], dtype: type[Any]) -> NDArray[Any]:
    """Return an array as C takes it: a view of a file's bytes may begin at an odd address."""
    ordered = np.ascontiguousarray(array, dtype)
    return ordered if ordered.flags.aligned else ordered.copy()
