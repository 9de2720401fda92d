"""Stores for the tests, written by the zarr library."""

import numpy as np
import zarr

KINDS = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
UNITS = {"t": "second", "z": "micrometer", "y": "micrometer", "x": "micrometer"}


def multiscale(axes="tczyx", *, scale=None, units=UNITS, path="0", **more):
    """Describe an image of OME-Zarr."""
    listed = []
    for name in axes:
        axis = {"name": name, "type": KINDS[name]}
        if name in units:
            axis["unit"] = units[name]
        listed.append(axis)
    scale = scale or [1.0] * len(axes)
    return {
        "axes": listed,
        "datasets": [
            {"path": path, "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        ],
        **more,
    }


def ome_group(store, ome, *, zarr_format=3, path=""):
    """Make the group of an image, a plate, ..."""
    attributes = {"ome": {"version": "0.5", **ome}} if zarr_format == 3 else ome
    return zarr.create_group(
        store=store, path=path, zarr_format=zarr_format, attributes=attributes, overwrite=False
    )


def put(group, name, values, **how):
    """Write an array into a group, every chunk of it."""
    how = {"config": {"write_empty_chunks": True}, **how}
    array = group.create_array(name, shape=values.shape, dtype=values.dtype, **how)
    array[...] = values
    return array


def ome_image(path, values, *, axes="tczyx", zarr_format=3, about=None, omero=None, **how):
    """Write an image of OME-Zarr 0.5, or 0.4 with zarr_format=2."""
    scale = multiscale(axes) if about is None else about
    if zarr_format == 2:
        scale = {"version": "0.4", **scale}
    ome = {"multiscales": [scale]}
    if omero is not None:
        ome["omero"] = omero
    put(ome_group(path, ome, zarr_format=zarr_format), "0", values, **how)
    return path


def noise(*shape, dtype="u2", seed=1):
    """Make pixels that are all different from each other, as far as their type allows."""
    values = np.random.default_rng(seed).integers(1, 250, shape)
    return values.astype(dtype)
