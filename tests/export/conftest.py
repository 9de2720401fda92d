"""A recording that has something of everything, and a hole."""

import attrs
import numpy as np
import pytest

from wormio.errors import MissingImageError
from wormio.model import (
    BaseRecording,
    Channel,
    Clock,
    Column,
    Events,
    Finding,
    Origin,
    Source,
    Timeline,
    VoxelSize,
    frames_from_reader,
)


@pytest.fixture
def full():
    """Return a recording of 9 frames and 2 channels, three images of which were never saved."""
    rng = np.random.default_rng(0)
    n_frames = 9
    pixels = rng.integers(0, 60_000, (n_frames, 2, 5, 7)).astype("u2")
    stored = np.arange(2 * n_frames).reshape(n_frames, 2)[::-1].copy()
    stored[3, 1] = stored[8] = -1
    timeline = Timeline(
        time=np.arange(n_frames) * 0.1,
        z=np.append(np.nan, np.arange(n_frames - 1.0)),
        z_unit="V",
        count=np.arange(n_frames) * 2,
        raw_count=np.arange(n_frames)[::-1],
        raw_time=np.full(n_frames, np.nan),
        direction=[1, -1, 0] * 3,
        volumes=[[0, 4], [4, 8]],
        volume_counts=[[0, 8], [8, 18]],
        stored=stored,
        flags=np.arange(n_frames) % 3 * 2,
        extra={
            "stage": Column(values=rng.random((n_frames, 2)), unit="um", origin=Origin.USER),
            "a/b é": Column(values=list("abcdefghi")),
            "when": Column(values=np.arange(n_frames).astype("M8[ms]")),
            "gate": Column(values=np.arange(n_frames) > 3),
            "big": Column(values=np.arange(n_frames).astype(">i4")),
        },
        origins={
            "time": Origin.MEASURED,
            "z": Origin.JOINED,
            "count": Origin.USER,
            "volume": Origin.INFERRED,
            "direction": Origin.NOMINAL,
        },
        clock=Clock(name="camera", start="2020-01-01T00:00:00"),
        policy={"name": "x", "parameters": [1, 2.5]},
    )
    target = Column(values=rng.random((3, 3)), unit="um")
    light = Events.at_counts(timeline, [2, 5, 100], properties={"target": target})
    light = attrs.evolve(light, duration=[0.5, np.nan, 1.0])

    def read(frame, channel):
        if stored[frame, channel] < 0:
            raise MissingImageError("never saved")
        return pixels[frame, channel]

    return BaseRecording(
        source=Source("memory"),
        frames=frames_from_reader(read, pixels.shape, pixels.dtype),
        timeline=timeline,
        channels=[
            Channel(
                name="green",
                role="signal",
                excitation_nm=488.0,
                emission_nm=525.0,
                indicator="GCaMP6s",
                offset=99.5,
            ),
            Channel(name="red", role="reference", time_offset=0.1),
        ],
        voxel_size=VoxelSize(y=0.4, x=0.41, affine=np.arange(12.0).reshape(3, 4)),
        events={"opto/genetics é": light, "none": Events.at_counts(timeline, [])},
        metadata={"gain": float("nan"), "nested": [1, {"c": None}], "long": "é" * 100_000},
        findings=[Finding(code="a", message="b", cure="c")],
    )
