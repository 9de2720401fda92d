"""Opening a TIFF file, or a folder of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import TruncatedRecordingError
from wormio.formats.stacks.channels import name_channels
from wormio.formats.stacks.timing import Grid, make_timing, planes_per_volume
from wormio.formats.tiff.arrange import Planes, arrange
from wormio.formats.tiff.choosing import choose, labels_of, look, read_file, read_together
from wormio.formats.tiff.interleaved import with_channels
from wormio.formats.tiff.options import TiffOptions
from wormio.formats.tiff.pixels import make_frames, stored, without_cut_planes
from wormio.formats.tiff.scanimage import read_scanimage
from wormio.formats.tiff.scanimage_header import is_scanimage
from wormio.formats.tiff.scanimage_timing import keep, make_events, make_timeline
from wormio.formats.tiff.stack import Stack, TiffPart, open_part
from wormio.model import (
    BaseRecording,
    Events,
    Finding,
    FrameArray,
    MissingFrames,
    Source,
    Timeline,
    VoxelSize,
)

__all__ = ["contents", "open"]


def contents(path: Path, options: TiffOptions) -> list[str]:
    """List the recordings of a path, as ``item=`` takes them; empty if it holds only one.

    Raises
    ------
    RecordingError
        A file is truncated or corrupt.
    """
    labels = labels_of(look(path, options), options)
    return labels if len(labels) > 1 else []


def open(path: Path, options: TiffOptions) -> BaseRecording:  # noqa: A001 (what openers are called)
    """Open a file, the set of files that it belongs to, or a folder.

    Raises
    ------
    OptionError
        The files do not say what their dimensions mean, or hold several recordings.
    MissingPartError, UnsafeReferenceError
        A file that belongs to the recording is not there, or is outside the folder.
    TruncatedRecordingError
        A file ends too early.
    CorruptRecordingError
        The files contradict themselves, or each other.
    """
    place = look(path, options)
    file = place.files[0] if place.files and place.knows else None
    if place.sets:
        file = place.files[choose(place.sets, options.item, path)]
    if file is None:
        return _grid(read_together(place, options), path, options)
    part = open_part(file, allow_truncated=options.allow_truncated)
    if is_scanimage(part) and options.axes is None:
        if not place.sets:
            choose(["0"], options.item, path)
        return _scanimage(part, path, options)
    return _grid(read_file(part, options), path, options)


@attrs.frozen(kw_only=True)
class _Made:
    """What is common to all dialects at the end."""

    stack: Stack
    planes: Planes
    timeline: Timeline
    offsets: Sequence[float]
    um: tuple[float | None, float | None, float | None]
    events: Mapping[str, Events]
    findings: tuple[Finding, ...]


def _grid(stack: Stack, path: Path, options: TiffOptions) -> BaseRecording:
    """Open what lies on a grid of T, Z and C."""
    stack = without_cut_planes(stack, allow_truncated=options.allow_truncated)
    stack, axes = with_channels(stack, options)
    planes = _complete(arrange(stack, axes), options, path)
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
    n_frames = len(timing.timeline)
    if n_frames < planes.file.shape[0] * planes.file.shape[1]:
        planes = _at(_flat(planes), np.arange(n_frames))
    return _recording(
        _Made(
            stack=stack,
            planes=planes,
            timeline=timing.timeline,
            offsets=list(timing.channel_offsets),
            um=(step.z if planes.own_z else None, step.y, step.x),
            events={},
            findings=timing.findings,
        ),
        path,
        options,
    )


def _scanimage(part: TiffPart, path: Path, options: TiffOptions) -> BaseRecording:
    """Open what ScanImage wrote: pages in cycles, some of them flyback."""
    stack, acquisition, pages = read_scanimage(part, options)
    with_channels(stack, options)  # raises if the user counts others than the header
    stack = without_cut_planes(stack, allow_truncated=options.allow_truncated)
    every = arrange(stack, None)
    cut = np.flatnonzero(every.cut.any(axis=(1, 2)))
    is_cut = len(cut) > 0 or any(f.code == "truncated" for f in stack.findings)
    if len(cut):
        pages = pages.until(int(cut[0]))
    kept = keep(pages, acquisition, options)
    if is_cut:
        kept = kept.until_last_volume()
        if not len(kept.rows):
            raise TruncatedRecordingError("not even one volume is complete", path=path)
    planes = _at(every, kept.rows)
    timeline, findings = make_timeline(
        kept,
        stored(stack, every)[kept.rows, 0],
        pages,
        acquisition,
        options,
    )
    return _recording(
        _Made(
            stack=stack,
            planes=planes,
            timeline=timeline,
            offsets=[0.0] * len(acquisition.channels),
            um=(acquisition.z_step, *acquisition.um_per_pixel),
            events=make_events(kept, pages, timeline),
            findings=findings,
        ),
        path,
        options,
    )


def _recording(made: _Made, path: Path, options: TiffOptions) -> BaseRecording:
    stack = made.stack
    z, y, x = made.um
    return BaseRecording(
        source=Source.opened(
            path,
            format="tiff",
            options=options,
            parts=[p.path for p in stack.parts if p is not None],
        ),
        frames=_frames(stack, made.planes, options, path),
        timeline=made.timeline,
        channels=name_channels(stack.channels, made.offsets),
        voxel_size=VoxelSize(
            z=options.um_per_plane or z,
            y=options.um_per_pixel or y,
            x=options.um_per_pixel or x,
        ),
        events=made.events,
        metadata=stack.metadata,
        findings=(*stack.findings, *made.findings),
    )


def _flat(planes: Planes) -> Planes:
    """Return the planes with all frames along T."""
    n_channels = planes.file.shape[2]
    names = ("file", "page", "cut", "element")
    flat: dict[str, Any] = {n: getattr(planes, n).reshape(-1, 1, n_channels) for n in names}
    return attrs.evolve(planes, **flat)


def _at(planes: Planes, rows: NDArray[np.int64]) -> Planes:
    """Return some of the frames of a recording without Z."""
    names = ("file", "page", "cut", "element")
    kept: dict[str, Any] = {name: getattr(planes, name)[rows] for name in names}
    return attrs.evolve(planes, **kept)


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
