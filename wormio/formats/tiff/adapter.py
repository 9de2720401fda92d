"""Opening a TIFF file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs

from wormio.errors import CorruptRecordingError, OptionError, TruncatedRecordingError
from wormio.formats.stacks.channels import name_channels
from wormio.formats.stacks.timing import Grid, make_timing, planes_per_volume
from wormio.formats.tiff.arrange import Planes, arrange, axes_of
from wormio.formats.tiff.imagej import is_imagej, read_imagej
from wormio.formats.tiff.ome import is_ome, read_images
from wormio.formats.tiff.ome_stack import read_ome
from wormio.formats.tiff.options import TiffOptions
from wormio.formats.tiff.pixels import make_frames, stored, without_cut_planes
from wormio.formats.tiff.plain import count_plain, read_plain
from wormio.formats.tiff.stack import Stack, TiffPart, open_part
from wormio.model import (
    BaseRecording,
    Finding,
    FrameArray,
    MissingFrames,
    Source,
    VoxelSize,
)

__all__ = ["contents", "open"]


def contents(path: Path, options: TiffOptions) -> list[str]:
    """List the images of a file, as ``item=`` takes them; empty if it holds only one.

    Raises
    ------
    RecordingError
        The file is truncated or corrupt.
    """
    labels = _labels(open_part(path, allow_truncated=options.allow_truncated))
    return labels if len(labels) > 1 else []


def open(path: Path, options: TiffOptions) -> BaseRecording:  # noqa: A001 (what openers are called)
    """Open a file, or the set of OME-TIFF files that it names.

    Raises
    ------
    OptionError
        The file does not say what its dimensions mean, or holds several images.
    MissingPartError, UnsafeReferenceError
        A file that the header names is not there, or is outside the folder.
    TruncatedRecordingError
        A file ends too early.
    CorruptRecordingError
        The file contradicts itself.
    """
    part = open_part(path, allow_truncated=options.allow_truncated)
    stack = without_cut_planes(_stack(part, options), allow_truncated=options.allow_truncated)
    planes = _complete(arrange(stack, options.axes), options, path)
    step = stack.calibration
    timing = make_timing(
        Grid(
            stored=stored(stack, planes),
            interval=step.interval if planes.own_t else None,
            z_step=step.z if planes.own_z else None,
            delta_t=planes.delta_t,
            position_z=planes.position_z,
            clock=step.clock,
        ),
        options,
    )
    return BaseRecording(
        source=Source.opened(
            path,
            format="tiff",
            options=options,
            parts=[p.path for p in stack.parts if p is not None],
        ),
        frames=_frames(stack, planes, options, path),
        timeline=timing.timeline,
        channels=name_channels(stack.channels, timing.channel_offsets),
        voxel_size=VoxelSize(
            z=options.um_per_plane or (step.z if planes.own_z else None),
            y=options.um_per_pixel or step.y,
            x=options.um_per_pixel or step.x,
        ),
        metadata=stack.metadata,
        findings=(*stack.findings, *timing.findings),
    )


def _stack(part: TiffPart, options: TiffOptions) -> Stack:
    """Let the dialect of the file read it."""
    index = _choose(_labels(part), options.item, part.path)
    if is_ome(part):
        return read_ome(part, read_images(part)[index], options)
    if is_imagej(part):
        try:
            return read_imagej(part, allow_truncated=options.allow_truncated)
        except (CorruptRecordingError, TruncatedRecordingError, OptionError) as error:
            if options.axes is None:
                raise
            # A plane saved out of a stack keeps the stack's header; the user may know better.
            stack = read_plain(part, index)
            if not axes_of(stack).fit(options.axes):
                raise
            finding = Finding(
                code="header-ignored",
                message=f"the ImageJ header is not used: {error.problem}; the axes are the user's",
            )
            return attrs.evolve(stack, findings=(*stack.findings, finding))
    return read_plain(part, index)


def _labels(part: TiffPart) -> list[str]:
    """Return a name for each image: the header's if it is a name and unique, else the index."""
    if is_ome(part):
        names = [image.name for image in read_images(part)]
        return [
            name if name and names.count(name) == 1 and not name.isdigit() else str(index)
            for index, name in enumerate(names)
        ]
    return [str(i) for i in range(1 if is_imagej(part) else count_plain(part))]


def _choose(labels: Sequence[str], item: str | None, path: Path) -> int:
    if item is None and len(labels) == 1:
        return 0
    if item in labels:
        return labels.index(item)
    if item is not None and item.isdecimal() and int(item) < len(labels):
        return int(item)
    raise OptionError(
        "the file holds several images: option item is missing"
        if item is None
        else f"the file has no image {item!r}",
        expected="item=" + ", ".join(f"{label!r}" for label in labels),
        path=path,
        cure=f"for example item={labels[0]!r}",
    )


def _complete(planes: Planes, options: TiffOptions, path: Path) -> Planes:
    """Leave out everything from the first cut-off volume on."""
    if not planes.cut.any():
        return planes
    whole = int(planes.cut.any(axis=(1, 2)).argmax())
    if planes.file.shape[1] == 1:
        whole -= whole % planes_per_volume(planes.file.shape[1], options)
    if not whole:
        raise TruncatedRecordingError("not even one volume is complete", path=path)
    return planes.until(whole)


def _frames(stack: Stack, planes: Planes, options: TiffOptions, path: Path) -> FrameArray:
    if options.metadata_only:
        return MissingFrames(
            "the recording was opened with metadata_only=True",
            str(path),
            "open it without metadata_only to read pixels",
        )
    return make_frames(stack, planes)
