"""A recording out of an image beside which lies wormio's frame table: everything comes back.

README.md describes the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wormio.errors import (
    ContractError,
    CorruptRecordingError,
    MissingPartError,
    OptionError,
    UnsupportedCapabilityError,
)
from wormio.formats.stacks import ArrayPlanes
from wormio.model import (
    BaseRecording,
    Channel,
    Clock,
    Column,
    Events,
    Finding,
    Origin,
    Timeline,
    VoxelSize,
)

from wormio_zarr.arrays import ZarrArray
from wormio_zarr.grid import source_of
from wormio_zarr.layout import COLUMNS, EVENT_COLUMNS, FORMAT, ORIGIN, PLACE, SCHEMA_VERSION
from wormio_zarr.nodes import Node, read_node, take, translated
from wormio_zarr.ome import Image
from wormio_zarr.options import ZarrOptions
from wormio_zarr.pixels import make_frames
from wormio_zarr.stores import Store, join

__all__ = ["is_table", "open_table"]

_OVERRIDES = ("axes", "planes", "volume_rate", "um_per_pixel", "um_per_plane", "channel_names")


def is_table(node: Node) -> bool:
    """Tell whether a group is a frame table of wormio."""
    return node.array is None and node.attributes.get("format") == FORMAT


def open_table(
    store: Store,
    image: Image,
    array: ZarrArray,
    table: Node,
    files: list[str],
    options: ZarrOptions,
) -> BaseRecording:
    """Open an image with the frame table beside it.

    Raises
    ------
    OptionError
        An option says something that the table knows.
    CorruptRecordingError, MissingPartError
        The table is not whole, or does not fit the image.
    UnsupportedCapabilityError
        A newer wormio-zarr wrote it.
    """
    path = store.where(table.files[-1])
    _check_version(table, path)
    _refuse_overrides(options, path)
    reader = _Table(store, table, list(files))
    with translated(path, "reading the frame table"):
        try:
            return _open(store, image, array, reader, options)
        except ContractError as error:  # what the values' own checks refuse, the store has wrong
            raise CorruptRecordingError(
                error.problem, expected=error.expected, found=error.found, path=path
            ) from error


def _open(
    store: Store, image: Image, array: ZarrArray, table: _Table, options: ZarrOptions
) -> BaseRecording:
    meta = table.meta
    timeline = _timeline(table)
    events = {
        name: _events(table, f"events/{index}", about)
        for index, (name, about) in enumerate(_pairs(table.take("events", list), table))
    }
    channels = [Channel(**one) for one in table.take("channels", list)]
    planes = ArrayPlanes([axis.letter for axis in image.axes], array.about.shape)
    place = table.column(PLACE)
    saved = timeline.stored >= 0
    _check_pixels(array, planes, place, saved, options)
    return BaseRecording(
        source=source_of(store, table.files, options),
        frames=make_frames(array, planes, place, saved, options),
        timeline=timeline,
        channels=channels,
        voxel_size=VoxelSize(**table.take("voxel_size", dict)),
        events=events,
        metadata={**table.take("metadata", dict), ORIGIN: meta.get("origin", {})},
        findings=[Finding(**one) for one in table.take("findings", list)],
    )


class _Table:
    """The group of the table, and the files that were read of it."""

    def __init__(self, store: Store, node: Node, files: list[str]) -> None:
        self.store, self.node = store, node
        self.path = store.where(node.files[-1])
        self.meta: Mapping[str, Any] = node.attributes
        self.files = [*files, *node.files]

    def take(self, name: str, kind: type[Any]) -> Any:
        return take(self.meta, name, kind, self.path)

    def column(self, name: str) -> NDArray[Any]:
        """Read an array of the table, which must be there and whole."""
        key = join(self.node.key, name)
        node = read_node(self.store, key)
        if node is None or node.array is None:
            raise MissingPartError(
                f"the frame table has no array {name}",
                path=self.store.where(key),
                cure="copy the whole store; frame_table=False opens it without the table",
            )
        self.files += node.files
        return ZarrArray(self.store, node).read_all()

    def further(self, folder: str, listed: list[Any]) -> dict[str, Column]:
        """Read further columns: arrays numbered from 0, or texts in the attributes."""
        columns = {}
        for index, about in enumerate(listed):
            dtype = np.dtype(about["dtype"])
            if dtype.kind == "U":
                values = np.array(about["values"], dtype).reshape(about["shape"])
            else:
                values = self.column(f"{folder}/{index}")
                values = values.view(dtype) if dtype.kind in "mM" else values.astype(dtype)
            columns[about["name"]] = Column(
                values=values, unit=about["unit"], origin=Origin[about["origin"]]
            )
        return columns


def _pairs(listed: list[Any], table: _Table) -> list[tuple[str, Mapping[str, Any]]]:
    return [(take(one, "name", str, table.path), one) for one in listed]


def _timeline(table: _Table) -> Timeline:
    origins = table.take("origins", dict)
    return Timeline(
        **{name: table.column(name) for name in COLUMNS},
        z_unit=table.take("z_unit", str),
        origins={name: Origin[origin] for name, origin in origins.items()},
        clock=Clock(**table.take("clock", dict)),
        policy=table.take("policy", dict),
        extra=table.further("extra", table.take("extra", list)),
    )


def _events(table: _Table, folder: str, about: Mapping[str, Any]) -> Events:
    return Events(
        **{name: table.column(f"{folder}/{name}") for name in EVENT_COLUMNS},
        properties=table.further(
            f"{folder}/properties", take(about, "properties", list, table.path)
        ),
    )


def _check_version(table: Node, path: Any) -> None:
    version = take(table.attributes, "schema_version", int, path)
    if version > SCHEMA_VERSION:
        raise UnsupportedCapabilityError(
            "the frame table was written by a newer wormio-zarr",
            expected=f"schema_version {SCHEMA_VERSION} or older",
            found=f"schema_version {version}",
            path=path,
            cure="pip install --upgrade wormio-zarr",
        )


def _refuse_overrides(options: ZarrOptions, path: Any) -> None:
    given = [name for name in _OVERRIDES if getattr(options, name) is not None]
    if given or options.absent_chunks != "missing":
        raise OptionError(
            "the frame table beside the pixels says this already",
            found=f"option {', '.join(given) or 'absent_chunks'}",
            path=path,
            cure="leave the option out, or ignore the table: frame_table=False",
        )


def _check_pixels(
    array: ZarrArray,
    planes: ArrayPlanes,
    place: NDArray[Any],
    saved: NDArray[np.bool_],
    options: ZarrOptions,
) -> None:
    """Raise unless every image that the table knows is in the store."""
    n_t, n_z, n_c = planes.grid
    outside = place.dtype.kind not in "iu" or place.shape != saved.shape[:1]
    if (
        outside
        or n_c != saved.shape[1]
        or (place.size and not 0 <= place.min() <= place.max() < n_t * n_z)
    ):
        raise CorruptRecordingError(
            "the frame table does not fit the image",
            expected=f"places of {len(saved)} frames below {n_t * n_z}, {saved.shape[1]} channels",
            found=f"{place.dtype} of shape {place.shape}, {n_c} channels",
            path=array.path,
        )
    if options.metadata_only and not array.written.any():
        return
    there = planes.whole(array.written, array.about.inner).reshape(n_t * n_z, n_c)[place]
    lost = saved & ~there
    if lost.any():
        frame, channel = np.argwhere(lost)[0].tolist()
        raise MissingPartError(
            f"the image of frame {frame}, channel {channel} is not in the store",
            expected=f"all images but those with -1 in {COLUMNS[8]} ({int(saved.sum())})",
            found=f"{int(lost.sum())} are missing",
            path=array.path.parent,
            cure="copy the whole store",
        )
