"""Micro-Manager's stacks under test, written byte by byte: an index, and JSON in every page."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from wormio.testing.subject import Subject
from wormio.testing.truth import Limits, Truth

__all__ = ["subject"]


def _make(folder: Path, truth: Truth) -> Path:
    _, n_channels, _, _ = truth.frames.shape
    per_volume = len(truth.frames) // len(truth.volumes)
    summary = {
        "ChNames": list(truth.channels),
        "Channels": n_channels,
        "Slices": per_volume,
        "Frames": len(truth.volumes),
        "z-step_um": truth.plane_step,
        "StartTime": "2022-12-26 16:25:52.123 -0800",
    }
    text = json.dumps(summary).encode()
    body = bytearray(40) + text
    body += bytes(-len(body) % 2)
    index = []
    last_link = 4
    for frame, channel in [(f, c) for f in range(len(truth.frames)) for c in range(n_channels)]:
        volume, place = divmod(frame, per_volume)
        told = {
            "ChannelIndex": channel,
            "SliceIndex": place,
            "FrameIndex": volume,
            "PositionIndex": 0,
            "ElapsedTime-ms": 1000 * float(truth.time[frame]),
            "ZPositionUm": float(truth.z[frame]),
            "PixelSizeUm": truth.pixel_size,
        }
        index.append((channel, place, volume, 0, len(body)))
        struct.pack_into("<I", body, last_link, len(body))
        last_link = _add_page(body, truth.frames[frame, channel], json.dumps(told).encode())
    struct.pack_into("<I", body, last_link, 0)
    offset = len(body)
    body += struct.pack("<2I", 3453623, len(index))
    for row in index:
        body += struct.pack("<5I", *row)
    struct.pack_into("<2sH", body, 0, b"II", 42)
    struct.pack_into(
        "<8I", body, 8, 54773648, offset, 483765892, 0, 99384722, 0, 2355492, len(text)
    )
    path = folder / "worm_MMStack_Pos0.ome.tif"
    path.write_bytes(body)
    return path


def _add_page(body: bytearray, pixels: object, told: bytes) -> int:
    """Add a directory, its pixels and its JSON; return where its link to the next one lies."""
    height, width = pixels.shape  # type: ignore[attr-defined]
    data = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()  # type: ignore[attr-defined]
    n_tags = 10
    behind = len(body) + 2 + 12 * n_tags + 4
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8 * pixels.dtype.itemsize),  # type: ignore[attr-defined]
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, behind),
        (277, 3, 1, 1),
        (278, 4, 1, height),
        (279, 4, 1, len(data)),
        (51123, 2, len(told) + 1, behind + len(data)),
    ]
    body += struct.pack("<H", n_tags)
    for code, kind, count, value in tags:
        body += struct.pack("<HHII", code, kind, count, value)
    link = len(body)
    body += bytes(4) + data + told + b"\0"
    body += bytes(-len(body) % 2)
    return link


subject = Subject(
    format="tiff",
    title="Micro-Manager",
    make=_make,
    limits=Limits(dtypes=("uint8", "uint16"), scan="regular"),
    capabilities={"mappable", "pickle"},
)
