"""Folders of ZephIR: ``data.h5`` with an array (T, C, Z, Y, X), its shape in ``metadata.json``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    OptionError,
    TruncatedRecordingError,
)
from wormio.formats.hdf5.arrays import array_frames, no_frames
from wormio.formats.hdf5.options import ZephirOptions
from wormio.formats.hdf5.times import read_times
from wormio.formats.hdf5.zephir_metadata import NAME, image_shape, read_metadata
from wormio.formats.links import inside
from wormio.formats.stacks.arrays import ArrayPlanes
from wormio.formats.stacks.channels import name_channels
from wormio.formats.stacks.timing import Grid, make_timing
from wormio.model import BaseRecording, Channel, Clock, Finding, FrameArray, Source, VoxelSize
from wormio.storage.foreign_hdf5 import ForeignReader, dataset, has, open_foreign

if TYPE_CHECKING:
    import h5py

__all__ = ["open"]

_AXES = "TCZYX"
_DATA = "data.h5"
# A recording without its pixels has nothing that its declared length could be checked against.
_MAX_FRAMES = 50_000_000


def open(path: Path, options: ZephirOptions) -> BaseRecording:  # noqa: A001 (what openers are called)
    """Open a folder, or the data.h5 in it.

    Raises
    ------
    MissingPartError
        data.h5 or metadata.json is not there.
    TruncatedRecordingError
        data.h5 has fewer volumes than metadata.json says.
    CorruptRecordingError
        They contradict each other otherwise.
    UnsafeReferenceError
        One is a link out of the folder, or refers to others; not with ``trust``.
    """
    folder = path if path.is_dir() else path.parent
    metadata = read_metadata(inside(folder, NAME, trust=options.trust))
    declared = image_shape(metadata, _AXES, folder)
    data = inside(folder, _DATA, trust=options.trust)
    frames: FrameArray = no_frames(folder)
    times: NDArray[np.float64] | None = None
    findings: list[Finding] = []
    if data.exists() or not options.metadata_only:
        if not data.exists():
            raise MissingPartError(
                "the images are missing",
                expected=f"the file {_DATA} beside {NAME}",
                path=data,
                cure="copy it there, or look at the rest with --metadata-only (metadata_only=True)",
            )
        with open_foreign(data) as file:
            source = dataset(file, "data", folder=folder, trust=options.trust)
            n_t = _agreed(source, declared, metadata.get("dtype"), options, findings)
            planes = ArrayPlanes(list(_AXES), source.shape)
            reader = ForeignReader(data, folder=folder, trust=options.trust)
            made = array_frames(source, "data", planes, reader)
            if has(file, "times"):
                found = dataset(file, "times", folder=folder, trust=options.trust)
                times = read_times(found, "times", {"volumes": n_t})[1]
        stored, parts = made.stored, [*made.parts]
        findings += made.findings
        if not options.metadata_only:
            frames = made.frames
    else:
        if math.prod(declared[:3]) > _MAX_FRAMES:
            raise CorruptRecordingError(
                "the recording cannot be that long",
                expected=f"at most {_MAX_FRAMES} planes",
                found=str(declared),
                path=folder / NAME,
            )
        stored, parts = ArrayPlanes(list(_AXES), declared).stored(), []
    clock = Clock() if times is None else Clock(name=f"{_DATA}/times")
    timing = make_timing(Grid(stored=stored, volume_time=times, clock=clock), options)
    return BaseRecording(
        source=Source.opened(path, format="zephir", options=options, parts=[folder / NAME, *parts]),
        frames=frames,
        timeline=timing.timeline,
        channels=name_channels(_channels(options, declared[1]), timing.channel_offsets),
        voxel_size=VoxelSize(
            z=options.um_per_plane, y=options.um_per_pixel, x=options.um_per_pixel
        ),
        metadata=metadata,
        findings=(*findings, *timing.findings),
    )


def _agreed(
    source: h5py.Dataset,
    declared: tuple[int, ...],
    dtype: object,
    options: ZephirOptions,
    findings: list[Finding],
) -> int:
    """Return the number of volumes, after comparing the array with metadata.json."""
    shape: tuple[int, ...] = tuple(source.shape or ())
    if source.dtype.kind not in "uif" or shape[1:] != declared[1:] or not source.size:
        raise CorruptRecordingError(
            f"the array does not have the shape that {NAME} says",
            expected=f"numbers, (T, C, Z, Y, X) = {declared}",
            found=f"{source.dtype} of shape {source.shape}",
        )
    if dtype is not None and str(dtype) != source.dtype.newbyteorder("=").name:
        raise CorruptRecordingError(
            f"the array does not have the type that {NAME} says",
            expected=str(dtype)[:100],
            found=source.dtype.name,
        )
    n_t = shape[0]
    if n_t < declared[0] and not options.allow_truncated:
        raise TruncatedRecordingError(
            f"the array has fewer volumes than {NAME} says",
            expected=f"{declared[0]} volumes",
            found=str(n_t),
            cure="allow_truncated=True gives those that are there",
        )
    if n_t < declared[0]:
        findings.append(
            Finding(code="truncated", message=f"{n_t} of {declared[0]} volumes are in the file")
        )
    if n_t > declared[0]:
        # ZephIR analyses the first shape_t volumes only; they are not all that was recorded.
        findings.append(
            Finding(
                code="more-volumes",
                message=f"the array has {n_t} volumes, {NAME} says {declared[0]}: all are given",
            )
        )
    return n_t


def _channels(options: ZephirOptions, n_channels: int) -> list[Channel]:
    names = options.channel_names or ()
    if names and len(names) != n_channels:
        raise OptionError(
            "option channel_names does not fit the folder",
            expected=f"{n_channels} names",
            found=", ".join(names),
        )
    return [Channel(name=name) for name in names]
