"""Imaris files: one dataset a time point and channel, padded to whole chunks."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError, TruncatedRecordingError
from wormio.formats.hdf5.arrays import decoded_frames, missing_finding, no_frames, written_planes
from wormio.formats.hdf5.attributes import attributes, number, text
from wormio.formats.hdf5.options import ImarisOptions
from wormio.formats.stacks.arrays import ArrayPlanes
from wormio.formats.stacks.channels import name_channels
from wormio.formats.stacks.timing import Grid, make_timing
from wormio.formats.stacks.units import micrometres
from wormio.model import BaseRecording, Channel, Clock, Finding, Source, VoxelSize
from wormio.storage.foreign_hdf5 import ForeignReader, dataset, group, has, open_foreign

if TYPE_CHECKING:
    import h5py

__all__ = ["open"]

# Imaris' full-resolution images; the other levels are smaller copies of these.
_IMAGES = "DataSet/ResolutionLevel 0"
_OWN_SIZE = ("ImageSizeZ", "ImageSizeY", "ImageSizeX")
_UNNAMED = "(name not specified)"
_DAY = 86_400.0
_MAX_TIME_POINTS = 10_000_000


@attrs.frozen(kw_only=True)
class _Images:
    """All images of the file: shape is (Z, Y, X) as declared, without the padding."""

    shape: tuple[int, int, int]
    chunks: tuple[int, ...]
    dtype: np.dtype[Any]
    written: NDArray[np.bool_]
    """(T, Z, C)."""


def open(path: Path, options: ImarisOptions) -> BaseRecording:  # noqa: A001 (what openers are called)
    """Open an Imaris file.

    Raises
    ------
    TruncatedRecordingError
        The file ends too early, or has fewer time points than it says.
    CorruptRecordingError
        It contradicts itself.
    UnsafeReferenceError
        An image is in a file outside the folder.
    """
    folder = path.absolute().parent
    with open_foreign(path) as file:
        about = _about(file, folder, options.trust)
        images = _images(file, about, folder, options)
        n_channels = images.written.shape[2]
        channels = [_channel(about.get(f"Channel {c}", {})) for c in range(n_channels)]
    n_t = len(images.written)
    findings = [*missing_finding(images.written), *_cut(about, n_t)]
    z_step, y_step, x_step = _spacing(about["Image"], images.shape, findings)
    planes = ArrayPlanes(list("ZYX"), images.shape)
    clock, volume_time = _times(about, n_t)
    numbers = np.arange(images.written.size).reshape(n_t, n_channels, -1).transpose(0, 2, 1)
    timing = make_timing(
        Grid(
            stored=np.where(images.written, numbers, -1),
            z_step=z_step,
            volume_time=volume_time,
            clock=clock,
        ),
        options,
    )
    n_z = images.shape[0]
    frames = decoded_frames(
        planes,
        lambda frame, channel: (_place(frame // n_z, channel), planes.key(frame % n_z, 0)),
        written=images.written,
        dtype=images.dtype,
        chunks=images.chunks,
        reader=ForeignReader(path, folder=folder, trust=options.trust),
    )
    return BaseRecording(
        source=Source.opened(path, format="imaris", options=options, parts=[path]),
        frames=no_frames(path) if options.metadata_only else frames,
        timeline=timing.timeline,
        channels=name_channels(channels, timing.channel_offsets),
        voxel_size=VoxelSize(
            z=options.um_per_plane or z_step,
            y=options.um_per_pixel or y_step,
            x=options.um_per_pixel or x_step,
        ),
        metadata=about,
        findings=(*findings, *timing.findings),
    )


def _place(time: int, channel: int) -> str:
    return f"{_IMAGES}/TimePoint {time}/Channel {channel}/Data"


def _about(file: h5py.File, folder: Path, trust: bool) -> dict[str, dict[str, Any]]:
    """Return the attributes of every group of DataSetInfo, characters joined to text."""
    info = group(file, "DataSetInfo", folder=folder, trust=trust)
    found = {}
    for name in info:
        if re.fullmatch(r"Image|TimeInfo|Channel \d+|Imaris|ImarisDataSet", name):
            values = attributes(group(info, name, folder=folder, trust=trust))
            found[name] = {key: _joined(value) for key, value in values.items()}
    if "Image" not in found:
        raise CorruptRecordingError(
            "DataSetInfo/Image is missing", expected="the sizes of the image"
        )
    return found


def _joined(value: Any) -> Any:
    is_text = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return text(value) if is_text else value


def _images(
    file: h5py.File, about: Mapping[str, Any], folder: Path, options: ImarisOptions
) -> _Images:
    """Look at every image: all must be alike."""
    level = group(file, _IMAGES, folder=folder, trust=options.trust)
    n_t = _count(level, "TimePoint")
    _check_time_points(about, n_t, options)
    shape = _sizes(about["Image"], ("Z", "Y", "X"), "DataSetInfo/Image")
    planes = ArrayPlanes(list("ZYX"), shape)
    first: tuple[Any, ...] | None = None
    written = []
    n_channels = 0
    for t in range(n_t):
        point = group(level, f"TimePoint {t}", folder=folder, trust=options.trust)
        n_channels = n_channels or _count(point, "Channel")
        for c in range(n_channels):
            channel = group(point, f"Channel {c}", folder=folder, trust=options.trust)
            source = dataset(channel, "Data", folder=folder, trust=options.trust)
            kind = (source.shape, source.dtype, source.chunks)
            if first is None:
                first = kind
                _check_padding(source, shape)
            if kind != first:
                raise CorruptRecordingError(
                    f"the images differ: {source.name}",
                    expected=f"shape, type and chunks {first}",
                    found=str(kind),
                )
            own = attributes(channel, _OWN_SIZE)
            if len(own) == 3 and _sizes(own, _OWN_SIZE, source.name) != shape:
                raise CorruptRecordingError(
                    f"the size of {source.name} is not that of the image",
                    expected=str(shape),
                    found=str(own),
                )
            written.append(_written(source, planes))
        if has(point, f"Channel {n_channels}"):
            raise CorruptRecordingError(
                f"TimePoint {t} has more channels than the first",
                expected=f"{n_channels} channels",
            )
    if first is None:
        raise CorruptRecordingError("the file holds no images", expected=_place(0, 0))
    grid = np.array(written).reshape(n_t, n_channels, shape[0]).transpose(0, 2, 1)
    return _Images(shape=shape, dtype=first[1], chunks=first[2] or shape, written=grid)


def _count(parent: h5py.Group, kind: str) -> int:
    """Return how many groups "KIND 0", "KIND 1", ... there are, without a gap.

    Raises
    ------
    CorruptRecordingError
        One is missing among them, or all are.
    """
    found = [re.fullmatch(rf"{kind} (0|[1-9]\d{{0,8}})", name) for name in parent]
    numbers = sorted(int(match[1]) for match in found if match)
    gap = next((i for i, number in enumerate(numbers) if i != number), None)
    if gap is not None or not numbers:
        raise CorruptRecordingError(
            f"{parent.name}/{kind} {gap or 0} is missing", found=f"{len(numbers)} others"
        )
    return len(numbers)


def _check_time_points(about: Mapping[str, Any], n_t: int, options: ImarisOptions) -> None:
    declared = _declared(about)
    if declared is not None and declared > n_t and not options.allow_truncated:
        raise TruncatedRecordingError(
            "the file has fewer time points than it says",
            expected=f"{declared} time points",
            found=str(n_t),
            cure="allow_truncated=True gives those that are there",
        )


def _declared(about: Mapping[str, Any]) -> int | None:
    """Return how many time points this file says it has."""
    info = about.get("TimeInfo", {})
    # Of a recording in several files, the first of these counts all of them.
    values = (number(info.get(name)) for name in ("FileTimePoints", "DatasetTimePoints"))
    return next((int(n) for n in values if n is not None and 0 < n < _MAX_TIME_POINTS), None)


def _cut(about: Mapping[str, Any], n_t: int) -> list[Finding]:
    declared = _declared(about)
    if declared is None or declared <= n_t:
        return []
    return [Finding(code="truncated", message=f"{n_t} of {declared} time points are in the file")]


def _sizes(found: Mapping[str, Any], names: tuple[str, ...], where: str) -> tuple[int, int, int]:
    sizes = []
    for name in names:
        value = number(found.get(name))
        if value is None or value != int(value) or value < 1:
            raise CorruptRecordingError(
                f"{where} does not say how large the image is",
                expected=f"{name}, a positive whole number",
                found=repr(found.get(name)),
            )
        sizes.append(int(value))
    return sizes[0], sizes[1], sizes[2]


def _check_padding(source: h5py.Dataset, shape: tuple[int, int, int]) -> None:
    """Raise unless the array is the image, or the image padded to whole chunks."""
    chunks = source.chunks or (1, 1, 1)
    fits = source.ndim == 3 and all(
        0 <= there - n < chunk for there, n, chunk in zip(source.shape, shape, chunks, strict=True)
    )
    if not fits or source.dtype.kind not in "uif":
        raise CorruptRecordingError(
            f"{source.name} does not fit the size of the image",
            expected=f"numbers of shape {shape}, padded by less than a chunk {chunks}",
            found=f"{source.dtype} of shape {source.shape}",
        )


def _written(source: h5py.Dataset, planes: ArrayPlanes) -> NDArray[np.bool_]:
    """Return (Z,) bool: planes of which every chunk is there."""
    if not source.id.get_storage_size() and not source.is_virtual and not source.external:
        return np.zeros(planes.grid[1], bool)
    padded = ArrayPlanes(planes.labels, source.shape)
    return written_planes(source, padded)[0, : planes.grid[1], 0]


def _channel(found: Mapping[str, Any]) -> Channel:
    name = text(found.get("Name")).strip()
    excitation, emission = (
        number(found.get(f"LSM{what}Wavelength")) for what in ("Excitation", "Emission")
    )
    return Channel(
        name="" if name == _UNNAMED else name,
        excitation_nm=excitation if excitation and excitation > 0 else None,
        emission_nm=emission if emission and emission > 0 else None,
    )


def _spacing(
    image: Mapping[str, Any], shape: tuple[int, int, int], findings: list[Finding]
) -> tuple[float | None, float | None, float | None]:
    """Return um from plane to plane, row to row, column to column: extents over sizes."""
    unit = text(image.get("Unit")).strip() or "um"
    um = micrometres(unit)
    steps: list[float | None] = []
    for axis, n in zip((2, 1, 0), shape, strict=True):
        low, high = (number(image.get(f"Ext{end}{axis}")) for end in ("Min", "Max"))
        step = math.nan if None in (low, high, um) else (high - low) * um / n  # type: ignore[operator]
        steps.append(step if math.isfinite(step) and step > 0 else None)
    if None in steps:
        findings.append(
            Finding(
                code="size-unusable",
                message=f"the extents of the image, in {unit!r}, do not give a voxel size",
                cure="give um_per_pixel= and um_per_plane=",
            )
        )
    return steps[0], steps[1], steps[2]


def _times(about: Mapping[str, Any], n_t: int) -> tuple[Clock, NDArray[np.float64] | None]:
    """Return the times of the volumes since the recording began.

    That is ``RecordingDate`` if it lies within the day before the first volume; files whose
    recording date says nothing are common, and then it is the first volume.
    """
    info = about.get("TimeInfo", {})
    stamps = [_date(info.get(f"TimePoint{t + 1}")) for t in range(n_t)]
    known = [stamp for stamp in stamps if stamp is not None]
    if not known:
        return Clock(), None
    start = _date(about["Image"].get("RecordingDate"))
    if start is None or not 0 <= (known[0] - start).total_seconds() <= _DAY:
        start = known[0]
    seconds = [math.nan if s is None else (s - start).total_seconds() for s in stamps]
    return Clock(name="Imaris TimeInfo", start=start.isoformat()), np.array(seconds)


def _date(value: Any) -> datetime | None:
    stamp = text(value).strip()
    if not re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", stamp):
        return None
    try:
        # Of nine digits of a second, datetime keeps six.
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+$", r"\1", stamp)).replace(tzinfo=None)
    except ValueError:
        return None
