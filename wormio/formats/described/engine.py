"""From a description and a folder to the parts of a recording."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from wormio.errors import MissingPartError, TruncatedRecordingError
from wormio.formats.described import tables
from wormio.formats.described.growing import complete_rows, cut, cut_frames, has_begun, settled
from wormio.formats.described.pixels import find_files, map_frames
from wormio.formats.described.schema import Description, EventTable, Scan
from wormio.formats.described.stimuli import place_events
from wormio.formats.described.timing import ScanRows, make_timeline
from wormio.formats.described.values import Values
from wormio.formats.links import inside, part
from wormio.model import (
    Channel,
    Events,
    Finding,
    FrameArray,
    MappedFrames,
    MissingFrames,
    Timeline,
    VoxelSize,
)
from wormio.model.derive import slice_timeline
from wormio.registry import Options

__all__ = ["Reading", "read"]

_Reader = Callable[..., tables.Table]


@attrs.frozen(kw_only=True)
class Reading:
    """What a folder holds, as its description says.

    Parameters
    ----------
    frames, timeline, channels, voxel_size, events
        Parts of a `BaseRecording`.
    findings : list of Finding
    parts : list of Path
        The files that were used.
    frame_files : list of Path
    values : Values
        The JSON and INI files that were read.
    scan : ScanRows, optional
    """

    frames: FrameArray
    timeline: Timeline
    channels: list[Channel]
    voxel_size: VoxelSize
    events: dict[str, Events]
    findings: list[Finding]
    parts: list[Path]
    frame_files: list[Path]
    values: Values
    scan: ScanRows | None


def read(
    description: Description,
    folder: Path,
    options: Options,
    given: Mapping[str, float | None],
    *,
    as_option: Callable[[str], str],
    growing: bool = False,
) -> Reading:
    """Read a folder.

    Parameters
    ----------
    description : Description
    folder : Path
    options : Options
        Those common to all formats.
    given : mapping
        A value for each option that the description declares; None for one that has none.
    as_option : callable
        Says how a user gives an option, for messages.
    growing : bool
        Whether the files are still being written: what all of them hold completely is taken.

    Raises
    ------
    MissingPartError
        A table or the frame file is not there.
    TruncatedRecordingError
        The frame file ends too early.
    CorruptRecordingError
        The files contradict each other or the description.
    UnsafeReferenceError
        One of them is a link out of the folder.
    OptionError
        A number is unknown that only the user can know.
    """
    values = Values(folder, given, trust=options.trust, as_option=as_option)
    findings: list[Finding] = []
    spec, trust = description.frames_table, options.trust
    reader = complete_rows if growing else tables.read
    table = reader(part(folder, spec.file, trust=trust), spec)
    scan_table = _scan_table(folder, description.scan, table, reader, trust=trust)
    frames: FrameArray | None = None
    if growing:
        one_table = scan_table is table
        frames, frame_files, table = _settled(
            folder, description, table, scan_table, values, options
        )
        if one_table:
            scan_table = table
    timeline, scan = make_timeline(description, table, scan_table, values, findings)
    if frames is None:
        frames, frame_files = _frames(folder, description, len(timeline), values, options)
    if not isinstance(frames, MissingFrames) and len(frames) < len(timeline):
        findings.append(
            Finding(
                code="truncated",
                message=f"the frame file holds {len(frames)} of {len(timeline)} frames",
            )
        )
        timeline = slice_timeline(timeline, 0, len(frames))
    parts = [table.path]
    if scan_table is not None and scan_table is not table:
        parts.append(scan_table.path)
    events = {}
    for one in description.events:
        event_table = _event_table(folder, one, reader, trust=trust)
        if event_table is not None:
            events[one.name] = place_events(one, event_table, timeline, scan, values, findings)
            parts.append(event_table.path)
    voxel = description.voxel
    channels = [
        Channel(
            name=one.name,
            role=one.role,
            offset=values.find(one.offset, positive=False),
            indicator=one.indicator,
            excitation_nm=one.excitation_nm,
            emission_nm=one.emission_nm,
        )
        for one in description.channels
    ]
    parts += [folder / name for name, content in values.files.items() if content is not None]
    if not isinstance(frames, MissingFrames):
        parts += frame_files
    return Reading(
        frames=frames,
        timeline=timeline,
        channels=channels,
        voxel_size=VoxelSize(
            z=values.find(voxel.z), y=values.find(voxel.y), x=values.find(voxel.x)
        ),
        events=events,
        findings=findings,
        parts=parts,
        frame_files=frame_files,
        values=values,
        scan=scan,
    )


def _scan_table(
    folder: Path, scan: Scan | None, frames: tables.Table, reader: _Reader, *, trust: bool
) -> tables.Table | None:
    if scan is None:
        return None
    if scan.file is None:
        return frames
    return reader(part(folder, scan.file, trust=trust), scan)


def _event_table(
    folder: Path, spec: EventTable, reader: _Reader, *, trust: bool
) -> tables.Table | None:
    path = inside(folder, spec.file, trust=trust)
    if spec.optional and not path.is_file():
        return None
    path = part(folder, spec.file, trust=trust)
    if reader is complete_rows and not has_begun(path):
        return None
    return reader(path, spec, may_be_empty=True)


def _settled(
    folder: Path,
    description: Description,
    table: tables.Table,
    scan_table: tables.Table | None,
    values: Values,
    options: Options,
) -> tuple[FrameArray, list[Path], tables.Table]:
    """Return the frames that are complete in all files, and their rows."""
    scan = description.scan
    shift = 0
    if scan is not None and scan.shift is not None:
        shift = round(values.need(scan.shift, "the shift", positive=False))
    n_frames = settled(description, table, scan_table, shift)
    complete = attrs.evolve(options, allow_truncated=True)
    frames, files = _frames(folder, description, sys.maxsize, values, complete)
    if isinstance(frames, MappedFrames):
        n_frames = min(n_frames, len(frames))
        whole, frames = frames, cut_frames(frames, n_frames)
        whole.close()
    if not n_frames:
        raise TruncatedRecordingError(
            "the acquisition has not written a whole frame yet",
            path=folder,
            cure="open it again in a second",
        )
    return frames, files, cut(table, n_frames)


def _frames(
    folder: Path, description: Description, n_rows: int, values: Values, options: Options
) -> tuple[FrameArray, list[Path]]:
    spec = description.frames
    if options.metadata_only:
        cure = "open it without metadata_only, where the frame file is"
        where = str(folder / spec.shown)
        named = sorted(p for p in folder.iterdir() if spec.pattern.fullmatch(p.name))
        return MissingFrames("opened with metadata_only: no pixels", where, cure), named
    files = find_files(folder, spec, trust=options.trust)
    if not files:
        raise MissingPartError(
            "the frame file is missing",
            expected=f"{spec.shown} beside the tables",
            found=", ".join(sorted(p.name for p in folder.iterdir()))[:300],
            path=folder,
            cure="copy it there, or look at the rest with --metadata-only (metadata_only=True)",
        )
    frames = map_frames(
        files,
        spec,
        values,
        n_channels=len(description.channels),
        n_rows=n_rows,
        table=description.frames_table.file,
        allow_truncated=options.allow_truncated,
    )
    return frames, files
