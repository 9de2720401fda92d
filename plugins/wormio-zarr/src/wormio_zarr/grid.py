"""A recording out of an image whose planes lie on a grid: OME-Zarr as everybody writes it."""

from __future__ import annotations

import attrs
import numpy as np
from wormio.errors import FormatError, OptionError
from wormio.formats.stacks import ArrayPlanes, Axes, Grid, make_timing, name_channels
from wormio.model import BaseRecording, Channel, Clock, Origin, Source, Timeline, VoxelSize

from wormio_zarr.arrays import ZarrArray
from wormio_zarr.ome import Image
from wormio_zarr.options import ZarrOptions
from wormio_zarr.pixels import absent_finding, make_frames, written_planes
from wormio_zarr.stores import Store

__all__ = ["open_grid", "source_of"]


def open_grid(
    store: Store,
    image: Image,
    array: ZarrArray,
    files: list[str],
    options: ZarrOptions,
) -> BaseRecording:
    """Open an image, or a plain array.

    Parameters
    ----------
    store : Store
    image : Image
        What is known of the array; no axes if their meaning is not.
    array : ZarrArray
    files : list of str
        Keys of the metadata that were read.
    options : ZarrOptions
    """
    shape = array.about.shape
    if len(shape) < 2 or 0 in shape:
        raise FormatError(
            "the array is no image",
            expected="at least two dimensions, none of them empty",
            found=f"shape {shape}",
            path=array.path,
        )
    axes = Axes(
        letters="".join(axis.letter for axis in image.axes) or "Q" * len(shape),
        shape=shape,
        named=bool(image.axes),
        title=f"Zarr, array {array.key or 'at its root'}",
        path=store.path,
    )
    labels = axes.label(options.axes)
    planes = ArrayPlanes(labels, shape)
    own = "".join(letter for letter in "TZYX" if axes.is_own(labels, letter))
    t, z, y, x = (image.step(letter) if letter in own else None for letter in "TZYX")
    written = written_planes(array, planes, options)
    grid = Grid(
        stored=np.where(written, planes.stored(), -1),
        interval=None if t is None else t[0],
        start=0.0 if t is None else t[1],
        z_step=None if z is None else z[0],
        clock=Clock(name="file"),
    )
    timing = make_timing(grid, options)
    timeline = _lifted(timing.timeline, 0.0 if z is None else z[1])
    findings = (
        *image.without_unit(_needed(own, planes, options)),
        *absent_finding(array, written, len(timeline)),
        *timing.findings,
    )
    return BaseRecording(
        source=source_of(store, files, options),
        frames=make_frames(array, planes, np.arange(len(timeline)), timeline.stored >= 0, options),
        timeline=timeline,
        channels=name_channels(_channels(image, options, planes.grid[2]), timing.channel_offsets),
        voxel_size=VoxelSize(
            z=options.um_per_plane or (None if z is None else z[0]),
            y=options.um_per_pixel or (None if y is None else y[0]),
            x=options.um_per_pixel or (None if x is None else x[0]),
        ),
        metadata={"array": array.key, **image.metadata},
        findings=findings,
    )


def source_of(store: Store, files: list[str], options: ZarrOptions) -> Source:
    """Return what opens the recording again; its parts are the metadata, not each chunk."""
    parts = dict.fromkeys(store.part(key) for key in files)
    return Source.opened(store.path, format="zarr", options=options, parts=parts)


def _needed(own: str, planes: ArrayPlanes, options: ZarrOptions) -> str:
    """Return the axes whose steps matter and are not given by the user."""
    n_t, n_z, _ = planes.grid
    needed = {
        "T": n_t > 1 and options.volume_rate is None,
        "Z": n_z > 1 and options.um_per_plane is None,
        "Y": options.um_per_pixel is None,
        "X": options.um_per_pixel is None,
    }
    return "".join(letter for letter in own if needed[letter])


def _lifted(timeline: Timeline, start: float) -> Timeline:
    """Add where z begins, if z is the file's own."""
    if timeline.origins["z"] != Origin.NOMINAL or not start:
        return timeline
    return attrs.evolve(timeline, z=timeline.z + start)


def _channels(image: Image, options: ZarrOptions, n_channels: int) -> list[Channel]:
    names = options.channel_names
    if names is None:
        return list(image.channels)
    if len(names) != n_channels:
        raise OptionError(
            "option channel_names does not fit the store",
            expected=f"{n_channels} names",
            found=", ".join(names),
        )
    return [Channel(name=name) for name in names]
