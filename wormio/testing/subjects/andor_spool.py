"""The Andor format under test: padded blocks of two frames, both channels on one camera."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from wormio.testing.subject import Subject
from wormio.testing.truth import Limits, Truth

__all__ = ["subject"]

_PER_FILE = 2
_ROW_PADDING = 6
_TICK = 25e-9


def _make(folder: Path, truth: Truth) -> Path:
    from scipy.io import savemat

    n_frames, n_channels, height, width = truth.frames.shape
    stride = 2 * width + _ROW_PADDING
    ticks = np.round(truth.time / _TICK).astype(int)
    images = []
    for image, tick in zip(truth.frames, ticks.tolist(), strict=True):
        rows = np.full((n_channels * height, stride), 0xEE, np.uint8)
        pixels = np.ascontiguousarray(image, "<u2").reshape(n_channels * height, width)
        rows[:, : 2 * width] = pixels.view(np.uint8)
        body = rows.tobytes() + bytes(2 * stride)
        body += struct.pack("<I", 0)
        images.append(body + struct.pack("<IQII", len(body), tick, 1, 12))
    size = len(images[0])
    # Block files have one size; what the last has no image for, is left as it was.
    images += [b"\xab" * size] * (-n_frames % _PER_FILE)
    for first in range(0, len(images), _PER_FILE):
        digits = str(first // _PER_FILE).zfill(10)
        name = "".join(reversed(digits)) + "spool.dat"
        (folder / name).write_bytes(b"".join(images[first : first + _PER_FILE]))
    (folder / "acquisitionmetadata.ini").write_bytes(
        (
            f"\ufeff[data]\r\nAOIHeight = {n_channels * height}\r\nAOIWidth = {width}\r\n"
            f"AOIStride = {stride}\r\nPixelEncoding = Mono16\r\nImageSizeBytes = {size}\r\n"
            f"\r\n\r\n[multiimage]\r\nImagesPerFile = {_PER_FILE}\r\n"
        ).encode()
    )
    _write_sifx(folder / "Spooled files.sifx", n_channels * height, width, ticks)
    rate = 1 / truth.frame_interval
    camera = {"framerate": rate, "kineticSeriesLength": n_frames}
    n_volumes = len(truth.volumes)
    daq = {"scanRate": rate * n_volumes / n_frames, "numberOfScans": n_volumes}
    savemat(folder / "worm_run1_info.mat", {"info": {"camera": camera, "daq": daq}})
    return folder


def _write_sifx(path: Path, height: int, width: int, ticks: np.ndarray) -> None:
    size = height * width
    lines = [
        "Andor Technology Multi-Channel File",
        "65538 1",
        "65567 0 0 1 1688045120 0 \0 \0 \0 \1 \0 0 0.005 0.01 0.01 1",
        "ZYLA-5.5-CL10 ",
        f" {width} {height} 18",
        "Spooled files.sifx",
        "Pixel number6",
        "Counts12",
        f"Pixel number65541 1 {height} {width} 1 {len(ticks)} 1 {len(ticks) * size} {size}",
        f"65538 1 {height} {width} 1 1 1 0",
        *(f"{index * 10_000:10d}" for index in range(len(ticks))),
        "1",
        *(f"{tick:20d}" for tick in ticks.tolist()),
        *("0" * 4),
        '<?xml version="1.0" ?>',
        "<Signals>",
        f"    <TickInterval>{round(_TICK * 1e9)}</TickInterval>",
        "</Signals>",
        "",
    ]
    path.write_bytes("\n".join(lines).encode())


subject = Subject(
    format="andor-spool",
    make=_make,
    limits=Limits(
        dtypes=("uint16",),
        channels=(2, 2),
        scan="regular",
        time_tol=1e-7,
        channel_names=False,
    ),
    options={"split": "rows", "um_per_plane": 1.5, "um_per_pixel": 0.4},
    capabilities={"mappable", "pickle"},
    side_files=("*spool.dat", "acquisitionmetadata.ini", "*.sifx"),
)
