"""Recordings to be extracted from, and the places of their neurons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wormio.model import (
    ArrayRecording,
    BaseRecording,
    FileLayout,
    MappedFrames,
    Positions,
    Source,
    VoxelSize,
)

__all__ = ["CHANNELS", "PLANES", "SHAPE", "map_file", "neurons", "volume_of", "write_volumes"]

PLANES, CHANNELS, SHAPE = 33, 2, (512, 512)
_VOLUME_BYTES = PLANES * CHANNELS * SHAPE[0] * SHAPE[1] * 2


def write_volumes(path: Path, n_volumes: int) -> None:
    """Write volumes of noise, channel after channel in each frame."""
    rng = np.random.default_rng(5)
    noise = rng.poisson(400, (PLANES, CHANNELS, *SHAPE)).astype("<u2")
    with path.open("wb") as file:
        for volume in range(n_volumes):
            # Moved by another number of pixels each time: no two volumes are alike.
            file.write(np.roll(noise, 7919 * volume).tobytes())


def map_file(path: Path, n_volumes: int, *, interleaved: bool = False) -> BaseRecording:
    """Return a recording of raw volumes; `interleaved`: rows of the channels in turns."""
    height, width = SHAPE
    frame = np.arange(n_volumes * PLANES)[:, np.newaxis] * CHANNELS * height * width * 2
    channel = np.arange(CHANNELS) * width * 2 * (1 if interleaved else height)
    layout = FileLayout(
        files=[path],
        file=np.zeros((len(frame), CHANNELS), np.int32),
        offset=frame + channel,
        height=height,
        width=width,
        row_stride=width * 2 * (CHANNELS if interleaved else 1),
        pixel_stride=2,
        dtype="<u2",
    )
    like = ArrayRecording.from_volumes(
        np.zeros((n_volumes, PLANES, CHANNELS, 1, 1), np.uint16),
        voxel_size=VoxelSize(z=1, y=1, x=1),
        volume_interval=0.2,
    )
    return BaseRecording(
        source=Source.opened(path, format="raw", parts=[path]),
        frames=MappedFrames(layout),
        timeline=like.timeline,
        channels=like.channels,
        voxel_size=like.voxel_size,
    )


def volume_of(path: Path, volume: int) -> NDArray[np.uint16]:
    """Read a volume as a user's script does, (planes, channels, y, x)."""
    pixels = np.fromfile(path, np.uint16, count=_VOLUME_BYTES // 2, offset=volume * _VOLUME_BYTES)
    return pixels.reshape(PLANES, CHANNELS, *SHAPE)


def neurons(n_volumes: int, rows: tuple[int, int], n_neurons: int = 180) -> Positions:
    """Return tracked neurons somewhere between two rows, away from the edges of the image."""
    rng = np.random.default_rng(6)
    low, high = (1, rows[0], 2), (PLANES - 2, rows[1], SHAPE[1] - 3)
    start = rng.uniform(low, high, (n_neurons, 3))
    walk = rng.normal(0, [0.1, 1, 1], (n_volumes, n_neurons, 3)).cumsum(axis=0)
    return Positions.tracked(np.clip(start + walk, low, high), z_unit="frame")
