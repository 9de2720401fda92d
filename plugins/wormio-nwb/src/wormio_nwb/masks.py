"""Centres of the masks of a segmentation table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from wormio.errors import CorruptRecordingError, OptionError
from wormio.storage.foreign_hdf5 import has

from wormio_nwb.reading import MAX_VALUES, Nwb
from wormio_nwb.schema import Schema, kind_of
from wormio_nwb.tables import row_ends

if TYPE_CHECKING:
    import h5py

__all__ = ["MASKS", "centres"]

MASKS = ("voxel_mask", "color_voxel_mask", "pixel_mask", "volume_mask", "image_mask")
"""Columns that hold masks, the most exact first: lists of voxels, then images."""

# Types of NWB itself and of ndx-multichannel-volume: always (roi, x, y[, z]).
_X_FIRST = ("PlaneSegmentation", "VolumeSegmentation", "PlaneExtension")
_ONE_MASK_BYTES = 1 << 30

Floats = NDArray[np.float64]


def centres(
    nwb: Nwb, schema: Schema, table: h5py.Group, mask: str | None, axes: str | None
) -> Floats:
    """Return the centre of each mask, (N, 3) as z, y, x; NaN for a mask of no voxels.

    Parameters
    ----------
    nwb : Nwb
    schema : Schema
    table : h5py.Group
    mask : str, optional
        One of `MASKS`.
    axes : str, optional
        Dimensions of image masks after the first.

    Raises
    ------
    OptionError
        There is no such mask, or the order of its dimensions is not known.
    CorruptRecordingError
        It is none.
    """
    names = [name for name in MASKS if has(table, name)]
    if mask is not None and mask not in names:
        raise OptionError(f"{table.name} has no {mask}", expected=", ".join(names))
    name = mask or names[0]
    source = nwb.dataset(table, name)
    if source.dtype.names is not None:
        return _of_lists(nwb, table, name, source)
    return _of_images(schema, table, name, source, axes)


def _of_lists(nwb: Nwb, table: h5py.Group, name: str, source: h5py.Dataset) -> Floats:
    """Take the weighted mean of each row's voxels."""
    fields = source.dtype.fields or {}
    wrong = {"x", "y"} - set(fields) or any(
        fields[one][0].kind not in "iuf" for one in ("x", "y", "z", "weight") if one in fields
    )
    if wrong or source.ndim != 1 or source.size > MAX_VALUES:
        raise CorruptRecordingError(
            f"{source.name} is no list of voxels",
            expected=f"at most {MAX_VALUES} records of x, y, z and weight",
            found=f"{source.dtype} of shape {source.shape}",
        )
    voxels = source[()]
    ends = row_ends(nwb, table, name, len(voxels))
    zeros = np.zeros(len(voxels))
    points = np.stack(
        [np.asarray(voxels[one], float) if one in fields else zeros for one in "zyx"], axis=1
    )
    weight = np.asarray(voxels["weight"], float) if "weight" in fields else zeros + 1
    if not np.isfinite(points).all() or not np.isfinite(weight).all() or (weight < 0).any():
        raise CorruptRecordingError(
            f"{source.name} has impossible voxels", expected="finite places, weights from 0"
        )
    found = np.full((len(ends), 3), np.nan)
    for row, (first, stop) in enumerate(zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)):
        if stop > first:
            found[row] = _mean(points[first:stop], weight[first:stop])
    return found


def _mean(points: Floats, weight: Floats) -> Floats:
    # Without any weight, all voxels are as good as each other.
    weight = weight if weight.any() else np.ones(len(points))
    mean: Floats = (weight / weight.max()) @ points / (weight / weight.max()).sum()
    return mean


def _of_images(
    schema: Schema, table: h5py.Group, name: str, source: h5py.Dataset, axes: str | None
) -> Floats:
    """Take the weighted mean place of each row's image."""
    n_dims = source.ndim - 1
    if n_dims not in {2, 3} or source.dtype.kind not in "biuf":
        raise CorruptRecordingError(
            f"{source.name} holds no masks",
            expected="numbers: (neuron, x, y) or (neuron, x, y, z)",
            found=f"{source.dtype} of shape {source.shape}",
        )
    if source.nbytes // max(source.shape[0], 1) > _ONE_MASK_BYTES:
        raise CorruptRecordingError(f"{source.name} is too large", found=f"shape {source.shape}")
    order = axes or _order(schema, table, name, n_dims)
    if len(order) != n_dims:
        raise OptionError(
            f"mask_axes does not fit {source.name}",
            expected=f"{n_dims} letters" if order else "mask_axes='XY' or 'YX' (with Z, if so)",
            found=order
            or "a file that does not say in which order the dimensions of its masks "
            f"are, of shape {source.shape}",
            cure="mask_axes='YX' for masks of rows and columns",
        )
    found = np.full((source.shape[0], 3), np.nan)
    for row in range(len(found)):
        image = np.asarray(source[row], float)
        at: tuple[Any, ...] = np.nonzero(image)
        weight = image[at]
        if not np.isfinite(weight).all() or (weight < 0).any():
            raise CorruptRecordingError(f"{source.name} has impossible weights in row {row}")
        if len(weight):
            places = dict(zip(order, at, strict=True))
            none = np.zeros(len(weight))
            points = np.stack([np.asarray(places.get(one, none), float) for one in "ZYX"], axis=1)
            found[row] = _mean(points, weight)
    return found


def _order(schema: Schema, table: h5py.Group, name: str, n_dims: int) -> str:
    """Return the letters of a mask's dimensions, "" if they are not known."""
    if kind_of(table) in _X_FIRST:
        return "XYZ"[:n_dims]
    said = schema.letters(table, n_dims + 1, name)
    return said[0][1:] if len(said) == 1 else ""
