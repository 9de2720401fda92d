"""A writer of tiny ND2 files, for tests. It shares no code with the reader."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["clx", "images", "position_loop", "time_loop", "write_nd2", "z_loop"]

Loop = tuple[int, Mapping[str, Any]]

_PAGE = 4096
_IMAGE_HEADER = 4096
_BITS = {"uint8": 8, "uint16": 16, "float32": 32}


def time_loop(count: int, period_ms: float = 0.0) -> Loop:
    """Return a loop over time as files have it."""
    return 1, {"uiCount": count, "dStart": 0.0, "dPeriod": period_ms, "dDuration": math.inf}


def z_loop(count: int, step: float = 0.5, *, kind: int = 0) -> Loop:
    """Return a loop over z; of kind 4 it goes from top to bottom."""
    return 4, {
        "uiCount": count,
        "dZLow": 0.0,
        "dZHigh": step * (count - 1),
        "dZStep": step,
        "dZHome": 0.0,
        "iType": kind,
        "wsZDevice": "Piezo Z",
    }


def position_loop(*names: str) -> Loop:
    """Return a loop over XY positions."""
    points = [{"dPosX": 10.0 * i, "dPosY": 0.0, "pPosName": name} for i, name in enumerate(names)]
    return 2, {"uiCount": len(points), "Points": points}


def images(
    n: int, channels: int = 2, height: int = 4, width: int = 5
) -> np.ndarray[Any, np.dtype[Any]]:
    """Return images that differ from each other, (n, C, Y, X) uint16."""
    rng = np.random.default_rng(n)
    return rng.integers(0, 65536, (n, channels, height, width)).astype(np.uint16)


def clx(name: str, value: Any) -> bytes:
    """Encode one item of the metadata, and what is below it ("CLX lite variant")."""
    head = bytes([len(name) + 1]) + (name + "\0").encode("utf-16-le")
    if isinstance(value, bool):
        return b"\1" + head + bytes([value])
    if isinstance(value, int):
        return (
            (b"\3" + head + struct.pack("<I", value))
            if value >= 0
            else (b"\2" + head + struct.pack("<i", value))
        )
    if isinstance(value, float):
        return b"\6" + head + struct.pack("<d", value)
    if isinstance(value, str):
        return b"\10" + head + (value + "\0").encode("utf-16-le")
    items = value.items() if isinstance(value, Mapping) else [("", item) for item in value]
    below = b"".join(clx(key, item) for key, item in items)
    length = 1 + len(head) + 12 + len(below)
    return b"\13" + head + struct.pack("<IQ", len(items), length) + below + bytes(8 * len(items))


def _chunk(name: bytes, data: bytes, reserve: int) -> bytes:
    chunk = struct.pack("<IIQ", 0x0ABECEDA, reserve, len(data)) + name.ljust(reserve, b"\0") + data
    return chunk + bytes(-len(chunk) % _PAGE)


def write_nd2(
    path: Path,
    frames: np.ndarray[Any, np.dtype[Any]],
    loops: Sequence[Loop],
    *,
    channels: Sequence[str] = (),
    um_per_pixel: float = 0.0,
    times: ArrayLike | None = None,
    columns: Mapping[str, tuple[str, str, ArrayLike]] | None = None,
    events: Sequence[tuple[float, int]] = (),
    missing: Sequence[int] = (),
    declared: int | None = None,
    padding: int = 0,
    pack: bool = False,
) -> None:
    """Write an ND2 file.

    Parameters
    ----------
    path : Path
    frames : (n, C, Y, X)
        In the order of acquisition.
    loops : sequence of (type, parameters)
        The slowest first: 1 over time, 2 over XY positions, 4 over z; parameters as in the files.
    channels : sequence of str
    um_per_pixel : float
        0: not calibrated.
    times : (n,) array_like, optional
        Seconds.
    columns : mapping of key to (name, unit, values)
    events : sequence of (seconds, meaning)
    missing : sequence of int
        Images that are left out.
    declared : int, optional
        Number of images that the file says it has.
    padding : int
        Bytes behind each row.
    pack : bool
        Whether to compress the images.
    """
    n, n_channels, height, width = frames.shape
    bits = _BITS[frames.dtype.name]
    row = width * n_channels * bits // 8 + padding
    attributes = {
        "uiWidth": width,
        "uiWidthBytes": row,
        "uiHeight": height,
        "uiComp": n_channels,
        "uiBpcInMemory": bits,
        "uiBpcSignificant": bits,
        "uiSequenceCount": n if declared is None else declared,
        "eCompression": 0 if pack else 2,
    }
    experiment: dict[str, Any] = {}
    for kind, parameters in reversed(loops):
        below = {"ppNextLevelEx": [experiment]} if experiment else {}
        experiment = {"eType": kind, "uLoopPars": dict(parameters), **below}
    planes = {
        f"a{i}": {
            "sDescription": name,
            "uiCompCount": 1,
            "uiSampleIndex": i,
            "uiColor": 255,
            "pFluorescentProbe": {
                "m_ExcitationSpectrum": _line(488.0 + i),
                "m_EmissionSpectrum": _line(525.0 + i),
            },
        }
        for i, name in enumerate(channels or [f"c{i}" for i in range(n_channels)])
    }
    picture = {
        "bCalibrated": um_per_pixel > 0,
        "dCalibration": float(um_per_pixel),
        "dTimeAbsolute": 2456827.080131852,
        "sPicturePlanes": {"uiCount": len(planes), "sPlaneNew": planes},
    }
    recorded = dict(columns or {})
    tags = {
        f"Tag{i}": {"ID": key, "Type": 3, "Size": np.size(values), "Desc": name, "Unit": unit}
        for i, (key, (name, unit, values)) in enumerate(recorded.items())
    }
    chunks = [(b"ImageMetadataSeqLV|0!", clx("SLxPictureMetadata", picture))]
    if experiment:
        chunks.append((b"ImageMetadataLV!", clx("SLxExperiment", experiment)))
    for number, frame in enumerate(frames):
        if number in missing:
            continue
        pixels = np.zeros((height, row), np.uint8)
        pixels[:, : row - padding] = (
            np.ascontiguousarray(frame.transpose(1, 2, 0)).view(np.uint8).reshape(height, -1)
        )
        data = zlib.compress(pixels.tobytes()) if pack else pixels.tobytes()
        chunks.append((f"ImageDataSeq|{number}!".encode(), bytes(8) + data))
    chunks.append((b"ImageAttributesLV!", clx("SLxImageAttributes", attributes)))
    if tags:
        told = clx("CustomTagDescription_v1.0", tags)
        chunks.append((b"CustomDataVar|CustomDataV2_0!", told))
    chunks += [
        (f"CustomData|{key}!".encode(), np.asarray(values, "<f8").tobytes())
        for key, (_, _, values) in recorded.items()
    ]
    if times is not None:
        cache = np.asarray(times, "<f8") * 1000
        chunks.append((b"CustomData|AcqTimesCache!", cache.tobytes()))
    if events:
        noted = [
            {"I": i, "T": time * 1000, "M": meaning} for i, (time, meaning) in enumerate(events)
        ]
        record = clx("RLxExperimentRecord", {"uiCount": len(noted), "pEvents": noted})
        chunks.append((b"CustomData|ExperimentEventsV1_0!", record))
    _write(path, chunks)


def _line(wavelength: float) -> dict[str, Any]:
    point = {"eType": 1, "dWavelength": wavelength, "dTValue": 1.0}
    return {"uiCount": 1, "pPoint": {"Point0": point}}


def _write(path: Path, chunks: Sequence[tuple[bytes, bytes]]) -> None:
    out = _chunk(b"ND2 FILE SIGNATURE CHUNK NAME01!", b"Ver3.0".ljust(64, b"\0"), 32)
    entries = b""
    for name, data in chunks:
        is_image = name.startswith(b"ImageDataSeq|")
        reserve = _IMAGE_HEADER - 24 if is_image else len(name) + 20
        entries += name + struct.pack("<QQ", len(out), len(data))
        out += _chunk(name, data, reserve)
    end = b"ND2 CHUNK MAP SIGNATURE 0000001!" + struct.pack("<Q", len(out))
    name = b"ND2 FILEMAP SIGNATURE NAME 0001!"
    size = len(entries) + len(end)
    out += struct.pack("<IIQ", 0x0ABECEDA, len(name), size) + name + entries + end
    path.write_bytes(out)
