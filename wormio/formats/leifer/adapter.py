"""Opening a Leifer folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np

from wormio.errors import CorruptRecordingError, MissingPartError, TruncatedRecordingError
from wormio.formats.leifer.join import (
    FrameCounters,
    join_column,
    repair,
    rising_edges,
    usable_rows,
)
from wormio.formats.leifer.names import (
    DAQ_TABLE,
    FRAMES_FILE,
    FRAMES_TABLE,
    STIMULI_TABLE,
    VOLUME_TABLE,
    Z_SCAN,
)
from wormio.formats.leifer.options import LeiferOptions
from wormio.formats.leifer.stimuli import read_stimuli
from wormio.formats.leifer.tables import (
    DaqTable,
    FramesTable,
    read_daq,
    read_frames_table,
    read_z_scan,
)
from wormio.model import (
    BaseRecording,
    Channel,
    Clock,
    Column,
    FileLayout,
    Finding,
    Flag,
    FrameArray,
    MappedFrames,
    MissingFrames,
    Origin,
    Source,
    Timeline,
    VolumeAssignment,
    VoxelSize,
    from_scan,
    from_volume_index,
    planar,
    stored_in_order,
)
from wormio.model.derive import slice_timeline

__all__ = ["open"]

_CHANNELS = 2
# The DAQ's direction column is late, mostly by one or two rows.
_DIRECTION_LAG = 3


def open(path: Path, options: LeiferOptions) -> BaseRecording:  # noqa: A001 (what openers are called)
    """Open a folder, or the folder of a frame file.

    Raises
    ------
    MissingPartError
        A table or the frame file is not there.
    TruncatedRecordingError
        The frame file ends too early.
    CorruptRecordingError
        The files contradict each other.
    """
    folder = path if path.is_dir() else path.parent
    table = read_frames_table(folder)
    _check_counters(table, folder)
    counters = repair(table)
    z_scan = read_z_scan(folder)
    findings: list[Finding] = []
    if _is_planar(folder, options):
        daq = None
        timeline = _planar_timeline(table, counters)
        if not options.planar:
            findings.append(
                Finding(
                    code="planar-assumed",
                    message=f"there is no {DAQ_TABLE} and nothing else of a scan: "
                    "every frame is taken as a volume",
                    cure="if it is a scan, copy its missing files; if not, --option planar=true",
                )
            )
    else:
        daq = read_daq(folder)
        daq = attrs.evolve(daq, count=daq.count + options.latency)
        timeline = _scanned_timeline(table, counters, daq, folder, findings)
        timeline = _calibrated(timeline, z_scan, options, findings)
    frame_file = _frame_file(folder)
    frames, n_frames = _frames(folder, frame_file, len(timeline), options)
    if n_frames < len(timeline):
        findings.append(
            Finding(
                code="truncated",
                message=f"the frame file holds {n_frames} of {len(timeline)} frames",
            )
        )
        timeline = slice_timeline(timeline, 0, n_frames)
    stimuli, about_stimuli = read_stimuli(
        folder,
        timeline,
        np.zeros(0, np.int64) if daq is None else rising_edges(daq),
        None if daq is None else (int(daq.count.min()), int(daq.count.max())),
        z_scan,
        options.um_per_pixel,
    )
    parts = [FRAMES_TABLE, DAQ_TABLE, Z_SCAN, STIMULI_TABLE]
    if not isinstance(frames, MissingFrames) and frame_file is not None:
        parts.append(frame_file.name)
    metadata: dict[str, Any] = {
        "zScan": z_scan,
        "frame_file": None if frame_file is None else frame_file.name,
        "layout": options.layout,
        "daq_rows": None if daq is None else len(daq.count),
        "daq_columns": None if daq is None else list(daq.columns),
    }
    return BaseRecording(
        source=Source.opened(
            folder,
            format="leifer",
            options=options,
            parts=[folder / name for name in parts if (folder / name).is_file()],
        ),
        frames=frames,
        timeline=timeline,
        channels=_channels(options),
        voxel_size=VoxelSize(y=options.um_per_pixel, x=options.um_per_pixel),
        events={} if stimuli is None else {"optogenetics": stimuli},
        metadata=metadata,
        findings=[*findings, *about_stimuli],
    )


def _check_counters(table: FramesTable, folder: Path) -> None:
    back = np.flatnonzero(np.diff(table.count) < 0)
    if len(back):
        at = int(back[0])
        raise CorruptRecordingError(
            f"the frame counter falls at row {at + 1}",
            expected=f"at least {table.count[at]}",
            found=str(table.count[at + 1]),
            path=folder / FRAMES_TABLE,
        )


def _is_planar(folder: Path, options: LeiferOptions) -> bool:
    if options.planar:
        return True
    if (folder / DAQ_TABLE).is_file():
        return False
    scanned = [name for name in (Z_SCAN, VOLUME_TABLE) if (folder / name).is_file()]
    if scanned:
        raise MissingPartError(
            "the z of the frames is missing",
            expected=f"the file {DAQ_TABLE}, because {' and '.join(scanned)} is there",
            path=folder / DAQ_TABLE,
            cure="copy it from the original folder, or open with planar=True "
            "(--option planar=true) if the recording is 2-D",
        )
    return True


def _planar_timeline(table: FramesTable, counters: FrameCounters) -> Timeline:
    assigned = planar(counters.count)
    return Timeline(
        time=counters.time,
        count=counters.count,
        raw_time=table.time,
        raw_count=table.count,
        volumes=assigned.frames,
        volume_counts=assigned.counts,
        stored=stored_in_order(len(table.count), _CHANNELS),
        flags=counters.flags | Flag.Z_UNKNOWN,
        origins={
            "time": Origin.MEASURED,
            "count": Origin.MEASURED,
            "volume": assigned.origin,
        },
        clock=Clock(name="camera"),
        policy=assigned.policy,
    )


def _scanned_timeline(
    table: FramesTable,
    counters: FrameCounters,
    daq: DaqTable,
    folder: Path,
    findings: list[Finding],
) -> Timeline:
    usable = usable_rows(daq)
    scan_count, volts = daq.count[usable], daq.volts[usable]
    order = np.argsort(scan_count, kind="stable")
    scan_count, volts = scan_count[order], volts[order]
    if not np.isin(counters.count, scan_count).any():
        raise CorruptRecordingError(
            "camera and DAQ share no frame counter",
            expected=f"counters {counters.count[0]} to {counters.count[-1]}, as in {FRAMES_TABLE}",
            found=f"{daq.count.min()} to {daq.count.max()}, {int(usable.sum())} usable rows",
            path=folder / DAQ_TABLE,
            cure="the files are of different recordings, or the option latency= is wrong",
        )
    z, interpolated, outside = join_column(counters.count, scan_count, volts)
    flags = counters.flags | np.where(interpolated, Flag.Z_INTERPOLATED, 0)
    flags |= np.where(outside, Flag.Z_UNKNOWN, 0)
    assigned, volume_origin = _volumes(counters, daq, scan_count, volts, findings)
    inside = np.zeros(len(z), bool)
    for first, stop in assigned.frames:
        inside[first:stop] = True
    flags |= np.where(inside, 0, Flag.INCOMPLETE)
    stage = [join_column(counters.count, scan_count, daq.stage[usable][order, i]) for i in (0, 1)]
    return Timeline(
        time=counters.time,
        z=z,
        z_unit="V",
        count=counters.count,
        raw_time=table.time,
        raw_count=table.count,
        volumes=assigned.frames,
        volume_counts=assigned.counts,
        direction=assigned.direction,
        stored=stored_in_order(len(z), _CHANNELS),
        flags=flags,
        extra={
            name: Column(values=joined[0], origin=Origin.JOINED)
            for name, joined in zip(("stage_x", "stage_y"), stage, strict=True)
        },
        origins={
            "time": Origin.MEASURED,
            "count": Origin.MEASURED,
            "z": Origin.JOINED,
            "volume": volume_origin,
            "direction": Origin.INFERRED,
        },
        clock=Clock(name="camera"),
        policy=assigned.policy,
    )


def _volumes(
    counters: FrameCounters,
    daq: DaqTable,
    scan_count: np.ndarray[Any, np.dtype[np.int64]],
    volts: np.ndarray[Any, np.dtype[np.float64]],
    findings: list[Finding],
) -> tuple[VolumeAssignment, Origin]:
    """Take the DAQ's volume index if it counts, else the turning points of the piezo."""
    scanned = from_scan(counters.count, volts, scan_count=scan_count)
    if (np.diff(daq.volume) > 0).any():
        counted = from_volume_index(counters.count, daq.volume, scan_count=daq.count)
        return attrs.evolve(counted, direction=scanned.direction), Origin.JOINED
    turns = np.union1d(scanned.counts[:, 0], scanned.counts[:, 1])
    flips = daq.count[1:][np.diff(daq.direction) != 0]
    if len(turns) and len(np.unique(daq.direction)) > 1:
        right = np.clip(np.searchsorted(flips, turns), 0, len(flips) - 1)
        lag = np.minimum(
            np.abs(flips[right] - turns), np.abs(flips[np.maximum(right - 1, 0)] - turns)
        )
        lonely = int((lag > _DIRECTION_LAG).sum())
        if lonely or len(flips) != len(turns):
            findings.append(
                Finding(
                    code="direction-disagrees",
                    message=f"{lonely} of {len(turns)} turning points of z have no flip of the "
                    f"DAQ's direction within {_DIRECTION_LAG} rows ({len(flips)} flips)",
                    cure="look at z around them; with_timeline() assigns volumes by another rule",
                )
            )
    return scanned, Origin.INFERRED


def _calibrated(
    timeline: Timeline,
    z_scan: dict[str, Any] | None,
    options: LeiferOptions,
    findings: list[Finding],
) -> Timeline:
    um_per_volt = options.um_per_volt
    if um_per_volt is None and z_scan is not None:
        um_per_volt = 1 / z_scan["V/um"]
    if z_scan is not None and z_scan.get("latencyShiftPermutation") and not options.latency:
        findings.append(
            Finding(
                code="latency-not-applied",
                message=f"{Z_SCAN} names a latency of {z_scan['latencyShiftPermutation']}; "
                "it is not applied by itself",
                cure="--option latency=FRAMES",
            )
        )
    if um_per_volt is None:
        findings.append(
            Finding(
                code="z-uncalibrated",
                message=f"{Z_SCAN} is missing: z is in volts of the piezo monitor",
                cure="--option um_per_volt=8 (8.0 is the lab's usual piezo)",
            )
        )
        return timeline
    return attrs.evolve(timeline, z=timeline.z * um_per_volt, z_unit="um")


def _frame_file(folder: Path) -> Path | None:
    found = sorted(p for p in folder.iterdir() if FRAMES_FILE.fullmatch(p.name))
    if len(found) > 1:
        raise CorruptRecordingError(
            "there are several frame files",
            expected="one",
            found=", ".join(p.name for p in found),
            path=folder,
            cure="move the others away",
        )
    return found[0] if found else None


def _frames(
    folder: Path, frame_file: Path | None, n_rows: int, options: LeiferOptions
) -> tuple[FrameArray, int]:
    """Return the frames, and how many of the table's rows they cover."""
    expected = folder / "sCMOS_Frames_U16_<rows>x<columns>.dat"
    if options.metadata_only:
        cure = "open it without metadata_only, where the frame file is"
        return MissingFrames("opened with metadata_only: no pixels", str(expected), cure), n_rows
    if frame_file is None:
        raise MissingPartError(
            "the frame file is missing",
            expected="sCMOS_Frames_U16_<rows>x<columns>.dat beside the tables",
            found=", ".join(sorted(p.name for p in folder.iterdir()))[:300],
            path=folder,
            cure="copy it there, or look at the rest with --metadata-only (metadata_only=True)",
        )
    name = FRAMES_FILE.fullmatch(frame_file.name)
    assert name is not None  # noqa: S101 (it was found by this pattern)
    rows, columns = int(name["rows"]), int(name["columns"])
    if not rows or not columns or rows % _CHANNELS:
        raise CorruptRecordingError(
            "the file's name gives an impossible frame",
            expected="an even number of rows: two channels share a frame",
            found=f"{rows} x {columns}",
            path=frame_file,
        )
    frame_bytes = rows * columns * 2
    size = frame_file.stat().st_size
    n_frames, rest = divmod(size, frame_bytes)
    if n_frames > n_rows:
        raise CorruptRecordingError(
            "the frame file holds more frames than the table",
            expected=f"{n_rows} frames, the rows of {FRAMES_TABLE}",
            found=f"{n_frames} frames of {frame_bytes} bytes",
            path=frame_file,
        )
    if (n_frames < n_rows or rest) and not options.allow_truncated:
        raise TruncatedRecordingError(
            "the frame file ends too early",
            expected=f"{n_rows} frames of {frame_bytes} bytes, {n_rows * frame_bytes} in all",
            found=f"{size} bytes: {n_frames} frames and {rest} bytes",
            path=frame_file,
            cure="copy it again, or take the complete volumes with allow_truncated=True "
            "(--option allow_truncated=true)",
        )
    height = rows // _CHANNELS
    row_bytes = columns * 2
    interleaved = options.layout == "interleaved"
    # Both layouts are strided views of the same bytes.
    channel_offset = row_bytes if interleaved else height * row_bytes
    offset = np.arange(n_frames)[:, np.newaxis] * frame_bytes
    layout = FileLayout(
        files=(frame_file,),
        file=np.zeros((n_frames, _CHANNELS), np.int32),
        offset=offset + np.arange(_CHANNELS) * channel_offset,
        height=height,
        width=columns,
        row_stride=row_bytes * (_CHANNELS if interleaved else 1),
        pixel_stride=2,
        dtype="<u2",
    )
    return MappedFrames(layout), n_frames


def _channels(options: LeiferOptions) -> list[Channel]:
    return [
        Channel(name="red", role="reference", offset=options.camera_offset),
        Channel(name="green", role="signal", offset=options.camera_offset),
    ]
