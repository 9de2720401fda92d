"""Opening recordings of the format example."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from wormio.errors import CorruptRecordingError, MissingPartError, TruncatedRecordingError
from wormio.model import (
    BaseRecording,
    Channel,
    Clock,
    Events,
    FileLayout,
    Finding,
    FrameArray,
    MappedFrames,
    MissingFrames,
    Origin,
    Source,
    Timeline,
    VoxelSize,
    stored_in_order,
)
from wormio.registry import Options, option

__all__ = ["ExampleOptions", "open"]

_HEADER, _TABLE, _PIXELS = "example.json", "frames.csv", "frames.raw"
_COLUMNS = (("time_s", "f8"), ("z_um", "f8"), ("counter", "i8"), ("volume", "i8"), ("plane", "i8"))
_DTYPES = ("uint8", "uint16", "float32")


@attrs.frozen(kw_only=True)
class ExampleOptions(Options):
    """Options of the format; `wormio formats example` shows them."""

    camera_offset: float = option("Counts of a dark pixel.", default=0.0, converter=float)


def open(path: Path, options: ExampleOptions) -> BaseRecording:
    """Open a folder. Nothing of the pixels is read."""
    header = _read_header(path)
    table = _read_table(path, header["frames"])
    frames, n_frames = _open_frames(path, header, options)
    timeline = _timeline(table[:n_frames], header)
    findings = []
    if n_frames < len(table):
        told = f"{_PIXELS} holds {n_frames} of {len(table)} frames"
        findings.append(Finding(code="truncated", message=told))
    parts = [path / name for name in (_HEADER, _TABLE, _PIXELS) if (path / name).is_file()]
    return BaseRecording(
        source=Source.opened(path, format="example", options=options, parts=parts),
        frames=frames,
        timeline=timeline,
        channels=[Channel(name=name, offset=options.camera_offset) for name in header["channels"]],
        voxel_size=VoxelSize(
            z=header["um_per_plane"], y=header["um_per_pixel"], x=header["um_per_pixel"]
        ),
        events={"stimulus": Events.at_counts(timeline, header["stimuli"])},
        metadata=header,
        findings=findings,
    )


def _text(path: Path) -> str:
    """Read a file of the recording; a missing one is named."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MissingPartError(
            "a file of the recording is missing", path=path, cure="copy the whole folder"
        ) from None


def _read_header(folder: Path) -> dict[str, Any]:
    # Whatever Python raises on a bad file, wormio turns into a CorruptRecordingError.
    header: dict[str, Any] = json.loads(_text(folder / _HEADER))
    if header["dtype"] not in _DTYPES:
        raise CorruptRecordingError(
            "the pixels have an impossible type",
            expected=", ".join(_DTYPES),
            found=str(header["dtype"]),
            path=folder / _HEADER,
        )
    return header


def _read_table(folder: Path, n_frames: int) -> np.ndarray[Any, np.dtype[Any]]:
    path = folder / _TABLE
    text = _text(path)
    first, _, rows = text.partition("\n")
    if first != ",".join(name for name, _ in _COLUMNS):
        raise CorruptRecordingError("the columns are others", found=first[:200], path=path)
    # A last number that was cut off would still be a number.
    if not text.endswith("\n") or rows.count("\n") != n_frames:
        raise TruncatedRecordingError(
            "the table ends too early",
            expected=f"{n_frames} whole rows, as {_HEADER} says",
            found=f"{rows.count(chr(10))} whole rows",
            path=path,
        )
    return np.loadtxt(rows.splitlines(), dtype=list(_COLUMNS), delimiter=",", ndmin=1)


def _open_frames(
    folder: Path, header: dict[str, Any], options: ExampleOptions
) -> tuple[FrameArray, int]:
    """Return the frames, and how many of the table's rows they cover."""
    path = folder / _PIXELS
    n_frames, n_channels = header["frames"], len(header["channels"])
    if options.metadata_only:
        cure = "open it without metadata_only, where the pixels are"
        return MissingFrames("opened with metadata_only: no pixels", str(path), cure), n_frames
    if not path.is_file():
        raise MissingPartError(
            "the pixels are missing", path=path, cure="copy them, or open with metadata_only=True"
        )
    dtype = np.dtype(header["dtype"]).newbyteorder("<")
    row_bytes = header["width"] * dtype.itemsize
    image_bytes = header["height"] * row_bytes
    size, wanted = path.stat().st_size, n_frames * n_channels * image_bytes
    if size > wanted or (size < wanted and not options.allow_truncated):
        kind = CorruptRecordingError if size > wanted else TruncatedRecordingError
        raise kind(
            "the pixels do not fit the header",
            expected=f"{wanted} bytes",
            found=f"{size} bytes",
            path=path,
            cure="copy the file again, or take what is there with allow_truncated=True",
        )
    n_frames = min(n_frames, size // (n_channels * image_bytes))
    image = np.arange(n_frames * n_channels).reshape(n_frames, n_channels)
    layout = FileLayout(
        files=[path],
        file=np.zeros_like(image),
        offset=image * image_bytes,
        height=header["height"],
        width=header["width"],
        row_stride=row_bytes,
        pixel_stride=dtype.itemsize,
        dtype=dtype,
    )
    return MappedFrames(layout), n_frames


def _timeline(table: np.ndarray[Any, np.dtype[Any]], header: dict[str, Any]) -> Timeline:
    volume, count, planes = table["volume"], table["counter"], header["planes_per_volume"]
    labels = np.unique(volume[volume >= 0])
    ranges = np.stack(
        [np.searchsorted(volume, labels), np.searchsorted(volume, labels, side="right")], axis=1
    )
    # A dropped first plane has no row: its counter follows from the plane of the next one.
    start = count[ranges[:, 0]] - table["plane"][ranges[:, 0]]
    if len(table) < header["frames"]:  # cut off: only volumes that are all there count
        whole = start + planes <= count[-1] + 1 if len(table) else np.zeros(0, bool)
        ranges, start = ranges[whole], start[whole]
    return Timeline(
        time=table["time_s"],
        z=table["z_um"],
        count=count,
        volumes=ranges,
        volume_counts=np.stack([start, start + planes], axis=1),
        stored=stored_in_order(len(table), len(header["channels"])),
        origins=dict.fromkeys(("time", "z", "count", "volume"), Origin.MEASURED),
        clock=Clock(name="camera"),
        policy={"name": "from_file"},
    )
