"""Opening an NDTiff data set: a folder with an index, and TIFFs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from wormio.errors import UnsupportedCapabilityError
from wormio.formats.stacks import name_channels
from wormio.model import (
    BaseRecording,
    Channel,
    FileLayout,
    Finding,
    FrameArray,
    MappedFrames,
    MissingFrames,
    Source,
    VoxelSize,
)

from wormio_ndtiff.axes import Item, Places, choose_item, find_items, find_places
from wormio_ndtiff.dataset import Dataset, open_dataset
from wormio_ndtiff.frames import Frames, make_frames
from wormio_ndtiff.index import BYTES_PER_PIXEL
from wormio_ndtiff.options import NdtiffOptions
from wormio_ndtiff.timing import make_timeline, whole_volumes
from wormio_ndtiff.told import Told, number_of, read_told

__all__ = ["contents", "open"]

_RGB = 2
_COLOURS = ("red", "green", "blue")


def contents(path: Path, options: NdtiffOptions) -> list[str]:
    """List the recordings of a data set, as ``item=`` takes them; empty if it holds only one.

    Raises
    ------
    RecordingError
        The index or a header is damaged.
    OptionError
        Nobody says what an axis means.
    """
    items = find_items(open_dataset(path, options).index, options)
    return [item.label for item in items] if len(items) > 1 else []


def open(path: Path, options: NdtiffOptions) -> BaseRecording:
    """Open a data set by its folder, its index, or one of its TIFFs. No pixels are read.

    Raises
    ------
    OptionError
        Nobody says what an axis means, or which of several recordings is wanted.
    MissingPartError, UnsafeReferenceError
        A file is not there, or outside the folder.
    TruncatedRecordingError
        A file ends too early.
    CorruptRecordingError
        The index, a header or the JSON of an image is damaged.
    UnsupportedCapabilityError
        Images of one recording differ in size or type.
    """
    dataset = open_dataset(path, options)
    index = dataset.index
    item = choose_item(find_items(index, options), options.item, path)
    kind = _kind(dataset, item)
    places = find_places(index, item)
    cut = dataset.cut_images(item.images)
    short = dataset.stacks[int(index.file[item.images[cut][0]])].path if cut.any() else index.path
    frames, findings = whole_volumes(make_frames(places), cut, dataset.cut, options, short)
    # Only of the images that are left is anything read.
    used = np.unique(frames.image[frames.image >= 0])
    frames = attrs.evolve(
        frames, image=np.where(frames.image < 0, -1, np.searchsorted(used, frames.image))
    )
    images = item.images[used]
    told = read_told(dataset, images, places.c[used], len(places.channels))
    samples = 3 if kind == _RGB else 1
    made = make_timeline(frames, told, index.number[images], dataset.summary, options)
    timeline = made.timeline
    if samples > 1:
        each = timeline.stored[:, :, np.newaxis] * samples + np.arange(samples)
        each = np.where(timeline.stored[:, :, np.newaxis] < 0, -1, each)
        timeline = attrs.evolve(timeline, stored=each.reshape(len(timeline), -1))
    pixel = _um_per_pixel(told, dataset)
    return BaseRecording(
        source=Source.opened(dataset.folder, format="ndtiff", options=options, parts=dataset.parts),
        frames=_pixels(dataset, images, made.frames, kind, options),
        timeline=timeline,
        channels=name_channels(
            _channels(places, told, dataset, samples), np.repeat(made.lag, samples).tolist()
        ),
        voxel_size=VoxelSize(
            z=options.um_per_plane or made.z_step,
            y=options.um_per_pixel or pixel,
            x=options.um_per_pixel or pixel,
        ),
        metadata=_metadata(dataset, item, told),
        findings=(
            *dataset.findings,
            *findings,
            *_missing(made.frames, dataset),
            *made.findings,
        ),
    )


def _kind(dataset: Dataset, item: Item) -> int:
    """Return the type of the pixels, after checking that all images are alike."""
    index = dataset.index
    images = item.images
    size = np.array(list(BYTES_PER_PIXEL.values()))[index.pixel_type[images]]
    order = np.array([stack.order for stack in dataset.stacks])[index.file[images]]
    like = np.stack([index.width[images], index.height[images], size, order == ">"], axis=1)
    different = np.flatnonzero((like != like[0]).any(axis=1))
    if len(different):
        one, other = (f"{like[i, 0]} x {like[i, 1]}, {like[i, 2]} bytes" for i in (0, different[0]))
        raise UnsupportedCapabilityError(
            "the images of the recording differ in size, type or byte order",
            expected=f"all as the first: {one} a pixel",
            found=f"{other} a pixel, with axes {index.axes[int(images[different[0]])]}",
            path=index.path,
            cure="if an axis tells them apart, it makes them recordings of their own: "
            "axes='NAME=position'",
        )
    return int(index.pixel_type[images[0]])


def _pixels(
    dataset: Dataset,
    images: NDArray[np.int64],
    frames: Frames,
    kind: int,
    options: NdtiffOptions,
) -> FrameArray:
    if options.metadata_only:
        return MissingFrames(
            "the recording was opened with metadata_only=True",
            str(dataset.folder),
            "open it without metadata_only to read pixels",
        )
    index = dataset.index
    saved = frames.image >= 0
    image = images[frames.image]
    file = np.where(saved, index.file[image], -1)
    offset = np.where(saved, index.offset[image], 0)
    size = BYTES_PER_PIXEL[kind]
    dtype: np.dtype[Any] = np.dtype(np.uint8)
    if kind == _RGB:
        file = np.repeat(file, size, axis=1)
        offset = np.repeat(offset, size, axis=1) + np.tile(np.arange(size), offset.shape[1])
    elif size > 1:
        order = dataset.stacks[int(index.file[images[0]])].order
        dtype = np.dtype(np.uint16).newbyteorder(order)
    first = int(images[0])
    return MappedFrames(
        FileLayout(
            files=[stack.path for stack in dataset.stacks],
            file=file,
            offset=offset,
            height=int(index.height[first]),
            width=int(index.width[first]),
            row_stride=int(index.width[first]) * size,
            pixel_stride=size,
            dtype=dtype,
        )
    )


def _channels(places: Places, told: Told, dataset: Dataset, samples: int) -> list[Channel]:
    """Name the channels by their axis, else by their first images, else by the summary."""
    listed = dataset.summary.get("ChNames")
    listed = listed if isinstance(listed, list) else []
    names = []
    for label, name, number in zip(places.channels, told.names, places.numbers, strict=True):
        if not (label or name) and number is not None and 0 <= number < len(listed):
            name = _text(listed[number])
        names.append(label or name)
    if samples > 1:
        names = [f"{name} {colour}".strip() for name in names for colour in _COLOURS]
    return [Channel(name=name) for name in names]


def _text(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() else ""


def _um_per_pixel(told: Told, dataset: Dataset) -> float | None:
    """Return the pixel size, if the images agree; Micro-Manager writes 0 where it is not known."""
    sizes = np.unique(told.um_per_pixel[np.isfinite(told.um_per_pixel)])
    if len(sizes) > 1:
        return None
    size = float(sizes[0]) if len(sizes) else number_of(dataset.summary, "PixelSize_um")
    return size if size > 0 else None


def _missing(frames: Frames, dataset: Dataset) -> list[Finding]:
    findings = []
    holes = int((frames.image < 0).sum())
    gaps = int((np.diff(frames.count) - 1).sum())
    if holes or gaps:
        findings.append(
            Finding(
                code="images-missing",
                message=f"{gaps} frames were never saved; of the {len(frames.t)} others, "
                f"{holes} images were not",
                cure="they are gaps of timeline.count, and -1 in timeline.stored; reading them "
                "raises",
            )
        )
    absent = [stack.path.name for stack in dataset.stacks if stack.size < 0]
    if absent:
        findings.append(
            Finding(
                code="files-missing",
                message=f"without {', '.join(absent[:5])} times and z of its images are unknown",
                cure="copy the whole folder",
            )
        )
    return findings


def _metadata(dataset: Dataset, item: Item, told: Told) -> dict[str, Any]:
    index = dataset.index
    found: dict[str, Any] = {
        "version": dataset.version,
        "axes": dict(item.axes),
        "bit_depth": {0: 8, 1: 16, 2: 8, 3: 10, 4: 12, 5: 14, 6: 11}[
            int(index.pixel_type[item.images[0]])
        ],
        "summary": dataset.summary,
        "first_image": dict(told.first),
    }
    if dataset.display is not None:
        found["display_settings"] = dataset.display
    return found
