"""Opening an HDF5 file of which somebody says what its dimensions mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from wormio.errors import OptionError
from wormio.formats.hdf5.arrays import array_frames, no_frames
from wormio.formats.hdf5.attributes import attributes, axis_letters, frame_interval, number, spacing
from wormio.formats.hdf5.find import choose, find_images
from wormio.formats.hdf5.options import Hdf5Options
from wormio.formats.hdf5.times import read_times
from wormio.formats.stacks.arrays import ArrayPlanes
from wormio.formats.stacks.axes import Axes
from wormio.formats.stacks.channels import name_channels
from wormio.formats.stacks.timing import Grid, make_timing, planes_per_volume
from wormio.model import BaseRecording, Channel, Clock, Source, VoxelSize
from wormio.storage.foreign_hdf5 import ForeignReader, dataset, has, open_foreign

if TYPE_CHECKING:
    import h5py

__all__ = ["contents", "open"]


def contents(path: Path, options: Hdf5Options) -> list[str]:
    """List the arrays of a file that may be images, as ``item=`` takes them; empty if only one.

    Raises
    ------
    RecordingError
        The file is truncated or corrupt.
    """
    with open_foreign(path) as file:
        found = find_images(file, folder=path.absolute().parent, trust=options.trust)
    return [candidate.name for candidate in found] if len(found) > 1 else []


def open(path: Path, options: Hdf5Options) -> BaseRecording:  # noqa: A001 (what openers are called)
    """Open one array of a file.

    Raises
    ------
    OptionError
        The file holds several arrays, or does not say what the dimensions of this one mean.
    FormatError
        It holds none.
    UnsafeReferenceError, MissingPartError
        The array, or part of it, is in a file outside the folder, or not there.
    TruncatedRecordingError, CorruptRecordingError
        The file ends too early, or contradicts itself.
    UnsupportedCapabilityError
        A filter is not installed.
    """
    folder = path.absolute().parent
    with open_foreign(path) as file:
        name, source = choose(file, _name(options, path), folder=folder, trust=options.trust)
        found, around = attributes(source), attributes(file)
        letters = axis_letters(source, found)
        axes = Axes(
            letters=letters or "Q" * source.ndim,
            shape=source.shape,
            named=letters is not None,
            title=f"HDF5, array {name}",
            path=path,
        )
        labels = axes.label(options.axes)
        planes = ArrayPlanes(labels, source.shape)
        reader = ForeignReader(path, folder=folder, trust=options.trust)
        made = array_frames(source, name, planes, reader)
        # Steps are of what the file calls T and Z; where it names nothing, of what the user does.
        own_t, own_z = (not axes.named or axes.is_own(labels, letter) for letter in "TZ")
        z_step, y_step, x_step = spacing(found)
        grid = Grid(
            stored=made.stored,
            interval=frame_interval(found, around) if own_t else None,
            start=number(found.get("start_time")) or 0.0,
            z_step=z_step if own_z else None,
            clock=Clock(name="file"),
        )
        if options.times is not None:
            if not has(file, options.times):
                raise OptionError(
                    f"the file has no array {options.times!r}",
                    expected="times=, the path of an array in the file",
                    found=", ".join(list(file)[:20]),
                )
            times = dataset(file, options.times, folder=folder, trust=options.trust)
            grid = _with_times(grid, times, options)
    timing = make_timing(grid, options)
    return BaseRecording(
        source=Source.opened(
            path,
            format="hdf5",
            options=options,
            parts=dict.fromkeys([path.absolute(), *made.parts]),
        ),
        frames=no_frames(path) if options.metadata_only else made.frames,
        timeline=timing.timeline,
        channels=name_channels(_channels(found, options, planes.grid[2]), timing.channel_offsets),
        voxel_size=VoxelSize(
            z=options.um_per_plane or grid.z_step,
            y=options.um_per_pixel or y_step,
            x=options.um_per_pixel or x_step,
        ),
        metadata={"dataset": name, "attributes": found, "file_attributes": around},
        findings=(*made.findings, *timing.findings),
    )


def _name(options: Hdf5Options, path: Path) -> str | None:
    if None not in (options.dataset, options.item) and options.dataset != options.item:
        raise OptionError(
            "options dataset and item name different arrays",
            expected="one of them",
            found=f"{options.dataset!r} and {options.item!r}",
            path=path,
        )
    return options.dataset if options.item is None else options.item


def _with_times(grid: Grid, times: h5py.Dataset, options: Hdf5Options) -> Grid:
    n_t, n_z, n_c = grid.stored.shape
    per_volume = planes_per_volume(n_z, options)
    n_frames = n_t * n_z
    whole, begun = n_frames // per_volume, -(-n_frames // per_volume)
    counts = {"frames": n_frames, "volumes": begun, "complete volumes": whole}
    what, seconds = read_times(times, options.times or "", counts)
    if what == "frames":
        each: Any = np.broadcast_to(seconds.reshape(n_t, n_z, 1), (n_t, n_z, n_c))
        return attrs.evolve(grid, delta_t=each)
    return attrs.evolve(grid, volume_time=seconds)


def _channels(found: dict[str, Any], options: Hdf5Options, n_channels: int) -> list[Channel]:
    names = options.channel_names
    if names is not None and len(names) != n_channels:
        raise OptionError(
            "option channel_names does not fit the file",
            expected=f"{n_channels} names",
            found=", ".join(names),
        )
    if names is None and isinstance(found.get("channel_names"), list):
        names = tuple(map(str, found["channel_names"]))
    return [Channel(name=name) for name in names or ()]
