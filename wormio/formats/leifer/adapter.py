"""Opening a Leifer folder: one of the shipped descriptions, chosen and complemented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from wormio.errors import MissingPartError
from wormio.formats.described import engine, shelf
from wormio.formats.described.growing import FolderRecording
from wormio.formats.leifer.names import DAQ_TABLE, VOLUME_TABLE, Z_SCAN
from wormio.formats.leifer.options import LeiferOptions
from wormio.model import BaseRecording, Finding, Source

__all__ = ["open"]


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
    UnsafeReferenceError
        A file is a link out of the folder.
    """
    folder = path if path.is_dir() else path.parent
    planar = _is_planar(folder, options)
    description, _ = shelf.described("leifer-2d" if planar else f"leifer-{options.layout}")
    if planar:  # the layouts differ in one word
        frames = attrs.evolve(
            description.frames,
            layout="split-rows" if options.layout == "split" else "interleaved-rows",
        )
        description = attrs.evolve(description, frames=frames)
    reading = engine.read(
        description,
        folder,
        options,
        {name: getattr(options, name) for name in description.options},
        as_option=lambda name: f"--option {name}={_EXAMPLES.get(name, 'NUMBER')}",
        growing=options.growing,
    )
    z_scan = reading.values.file(Z_SCAN)
    findings = list(reading.findings)
    if planar and not options.planar:
        findings.insert(0, _PLANAR_ASSUMED)
    latency = (z_scan or {}).get("latencyShiftPermutation")
    if latency and not planar and not options.latency:
        findings.append(
            Finding(
                code="latency-not-applied",
                message=f"{Z_SCAN} names a latency of {latency}; it is not applied by itself",
                cure="--option latency=FRAMES",
            )
        )
    parts = list(reading.parts)
    if z_scan is not None:
        parts.append(folder / Z_SCAN)
    daq = None if reading.scan is None else reading.scan.table
    metadata: dict[str, Any] = {
        "zScan": z_scan,
        "frame_file": reading.frame_files[0].name if reading.frame_files else None,
        "layout": options.layout,
        "daq_rows": None if daq is None else len(daq),
        "daq_columns": None if daq is None else list(daq.columns),
    }
    return FolderRecording(
        source=Source.opened(folder, format="leifer", options=options, parts=parts),
        frames=reading.frames,
        timeline=reading.timeline,
        channels=reading.channels,
        voxel_size=reading.voxel_size,
        events=reading.events,
        metadata=metadata,
        findings=findings,
    )


_EXAMPLES = {"um_per_volt": "8 (8.0 is the lab's usual piezo)"}
_PLANAR_ASSUMED = Finding(
    code="planar-assumed",
    message=f"there is no {DAQ_TABLE} and nothing else of a scan: every frame is taken as a volume",
    cure="if it is a scan, copy its missing files; if not, --option planar=true",
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
            expected=f"the file {DAQ_TABLE}: a scan left {' and '.join(scanned)}",
            path=folder / DAQ_TABLE,
            cure="copy it from the original folder, or open with planar=True "
            "(--option planar=true) if the recording is 2-D",
        )
    return True
