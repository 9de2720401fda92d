"""Opening a light-sheet folder."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np

from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    RecordingError,
    TruncatedRecordingError,
)
from wormio.formats.ahrens.description import (
    Description,
    Frequency,
    read_description,
    read_frequency,
)
from wormio.formats.ahrens.hdf5 import hdf5_frames, look
from wormio.formats.ahrens.names import FREQUENCY, description_name
from wormio.formats.ahrens.options import AhrensOptions
from wormio.formats.ahrens.volumes import VolumeFiles, list_cameras, list_volumes
from wormio.formats.links import inside
from wormio.formats.stacks.channels import name_channels
from wormio.formats.stacks.options import GridOptions
from wormio.formats.stacks.timing import Grid, make_timing
from wormio.model import (
    BaseRecording,
    Channel,
    Clock,
    FileLayout,
    Finding,
    FrameArray,
    MappedFrames,
    MissingFrames,
    Source,
    VoxelSize,
)

__all__ = ["contents", "open"]

_PIXEL_BYTES = 2


def contents(path: Path, options: AhrensOptions) -> list[str]:
    """List the cameras of a folder, as ``item=`` takes them; empty if it has only one."""
    cameras = list_cameras(path, options)
    return cameras if len(cameras) > 1 else []


def open(path: Path, options: AhrensOptions) -> BaseRecording:  # noqa: A001 (what openers are called)
    """Open a folder.

    Raises
    ------
    OptionError
        There are several cameras, kinds of files, or datasets in a file.
    MissingPartError
        A file is not there, also a volume between others.
    TruncatedRecordingError
        There are fewer volumes than were recorded, or a file ends too early.
    CorruptRecordingError
        The files contradict each other.
    UnsafeReferenceError
        A file is a link out of the folder, or refers to others; not with ``trust``.
    UnsupportedCapabilityError
        The volumes are .klb files.
    """
    volumes = list_volumes(path, options)
    for name in (FREQUENCY, *(description_name(channel) for channel in (0, *volumes.channels))):
        inside(path, name, trust=options.trust)
    description = read_description(path, volumes.channels)
    frequency = read_frequency(path, needed=not options.allow_truncated)
    findings: list[Finding] = []
    n_listed = len(volumes.files)
    frames, n_volumes = _frames(path, volumes, description, options)
    _check_number(volumes, n_volumes, frequency, options, findings, path)
    n_channels, n_planes = len(volumes.channels), description.shape[0]
    images = np.arange(n_volumes * n_channels * n_planes)
    timing = make_timing(
        Grid(
            # File after file, plane after plane.
            stored=images.reshape(n_volumes, n_channels, n_planes).transpose(0, 2, 1),
            interval=None if frequency is None else 1 / frequency.rate,
            z_step=description.z_step,
            clock=Clock(name="nominal"),
        ),
        GridOptions(volume_rate=options.volume_rate, um_per_plane=options.um_per_plane),
    )
    parts = [path / description_name(0), path / FREQUENCY, *volumes.files[n_volumes - 1]]
    if options.metadata_only:
        parts = parts[:2]
    return BaseRecording(
        source=Source.opened(
            path,
            format="ahrens",
            options=options,
            # The last volume tells how far the files reach; thousands of names would not.
            parts=[part for part in parts if part.is_file()],
        ),
        frames=frames,
        timeline=timing.timeline,
        channels=name_channels(
            [Channel(name=f"CHN{number:02d}") for number in volumes.channels], [0.0] * n_channels
        ),
        voxel_size=VoxelSize(
            z=options.um_per_plane or description.z_step,
            y=options.um_per_pixel,
            x=options.um_per_pixel,
        ),
        metadata={
            "info": dict(description.entries),
            "stack_frequency": None if frequency is None else attrs.asdict(frequency),
            "kind": volumes.kind,
            "volume_files": n_listed,
        },
        findings=[*findings, *timing.findings],
    )


def _frames(
    folder: Path, volumes: VolumeFiles, description: Description, options: AhrensOptions
) -> tuple[FrameArray, int]:
    """Return the frames, and the number of volumes that are whole."""
    whole = _whole(volumes, description, options)
    if not whole:
        raise TruncatedRecordingError(
            "not even one volume is complete", path=volumes.files[0][0], cure="copy it again"
        )
    if options.metadata_only:
        missing = MissingFrames(
            "opened with metadata_only: no pixels",
            str(folder),
            "open it without metadata_only to read pixels",
        )
        return missing, whole
    volumes = attrs.evolve(volumes, files=volumes.files[:whole])
    if volumes.kind == "stack":
        return _stack_frames(volumes, description), whole
    return hdf5_frames(volumes, look(volumes.files[0][0], options), options), whole


def _whole(volumes: VolumeFiles, description: Description, options: AhrensOptions) -> int:
    """Return how many volumes are whole before the first that is not.

    Of .h5 files only the last is looked at, and those before it as long as they are damaged; each
    other one, when it is read.
    """
    if volumes.kind == "h5":
        _check_shape(volumes.files[0][0], description, options)
        n_whole = len(volumes.files)
        while n_whole:
            try:
                for path in volumes.files[n_whole - 1]:
                    _check_shape(path, description, options)
            except RecordingError:
                if not options.allow_truncated:
                    raise
                n_whole -= 1
            else:
                break
        return n_whole
    needed = _PIXEL_BYTES * int(np.prod(description.shape, dtype=np.int64))
    for index, row in enumerate(volumes.files):
        for path in row:
            size = path.stat().st_size
            if size > needed:
                raise CorruptRecordingError(
                    "the volume file is too large",
                    expected=f"{needed} bytes, {description.shape} pixels of {_PIXEL_BYTES}",
                    found=f"{size} bytes",
                    path=path,
                )
            if size < needed:
                if options.allow_truncated:
                    return index
                raise TruncatedRecordingError(
                    "the volume file ends too early",
                    expected=f"{needed} bytes, {description.shape} pixels of {_PIXEL_BYTES}",
                    found=f"{size} bytes",
                    path=path,
                    cure="copy it again, or take the volumes before it with allow_truncated=True "
                    "(--option allow_truncated=true)",
                )
    return len(volumes.files)


def _check_shape(path: Path, description: Description, options: AhrensOptions) -> None:
    found = look(path, options)
    if found.shape != description.shape:
        raise CorruptRecordingError(
            f"{found.name} and {description_name(0)} have different dimensions",
            expected=f"{description.shape} (planes, rows, columns)",
            found=str(found.shape),
            path=path,
        )


def _stack_frames(volumes: VolumeFiles, description: Description) -> MappedFrames:
    n_planes, height, width = description.shape
    n_volumes, n_channels = len(volumes.files), len(volumes.channels)
    file = np.arange(n_volumes * n_channels).reshape(n_volumes, n_channels)
    offset = np.arange(n_planes) * (height * width * _PIXEL_BYTES)
    return MappedFrames(
        FileLayout(
            files=[path for row in volumes.files for path in row],
            file=np.repeat(file, n_planes, axis=0),
            offset=np.tile(offset[:, np.newaxis], (n_volumes, n_channels)),
            height=height,
            width=width,
            row_stride=width * _PIXEL_BYTES,
            pixel_stride=_PIXEL_BYTES,
            dtype="<u2",
        )
    )


def _check_number(
    volumes: VolumeFiles,
    n_volumes: int,
    frequency: Frequency | None,
    options: AhrensOptions,
    findings: list[Finding],
    folder: Path,
) -> None:
    n_listed = len(volumes.files)
    told = None if frequency is None else frequency.n_volumes
    if volumes.first and n_listed != told:
        # Numbers may begin at 1, but then nothing else may be missing.
        raise MissingPartError(
            "the first volumes are missing",
            expected=f"{'volumes' if told is None else told} from number 0 on",
            found=f"{n_listed}, from {volumes.files[0][0].name} on",
            path=folder,
            cure="copy them from the original folder",
        )
    if told is not None and n_listed > told:
        raise CorruptRecordingError(
            "there are more volumes than were recorded",
            expected=f"{told}, as in {FREQUENCY}",
            found=f"{n_listed}, until {volumes.files[-1][0].name}",
            path=folder / FREQUENCY,
            cure="the files are of different recordings",
        )
    if told is not None and n_listed < told and not options.allow_truncated:
        raise TruncatedRecordingError(
            "there are fewer volumes than were recorded",
            expected=f"{told}, as in {FREQUENCY}",
            found=f"{n_listed}, until {volumes.files[-1][0].name}",
            path=folder,
            cure="copy the missing files, or take what is there with allow_truncated=True "
            "(--option allow_truncated=true)",
        )
    if told is None or n_volumes < told:
        known = "an unknown number of" if told is None else str(told)
        findings.append(
            Finding(code="truncated", message=f"{n_volumes} of {known} volumes are there")
        )
