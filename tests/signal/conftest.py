"""Signals to test with, made the same way everywhere."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from wormio.model import Channel, Column, Events, EventStatus, Positions
from wormio.signal import Provenance, Signal


def _make_events(time: Any, **changes: Any) -> Events:
    """Return events at these seconds; NaN is outside."""
    time = np.asarray(time, float)
    n = len(time)
    columns = {
        "count": np.arange(n),
        "frame": np.arange(n),
        "time": time,
        "volume": np.arange(n),
        "duration": np.full(n, np.nan),
        "error_frames": np.zeros(n, int),
        "status": np.where(np.isnan(time), EventStatus.OUTSIDE, EventStatus.OK),
    }
    return Events(**(columns | changes))


def _make_signal(data: Any, *, interval: float = 0.5, event_times: Any = None, **changes: Any):
    """Return a signal sampled every `interval` seconds."""
    data = np.asarray(data, float)
    given = {
        "time": np.arange(len(data)) * interval,
        "channel": Channel(name="green", role="signal"),
        "events": {} if event_times is None else {"light": _make_events(event_times)},
    }
    return Signal(data=data, **(given | changes))


def _make_full_signal(n_volumes: int = 40, n_neurons: int = 5, seed: int = 0) -> Signal:
    """Return a signal in which nothing is left at its default."""
    rng = np.random.default_rng(seed)
    shape = (n_volumes, n_neurons)
    valid = rng.random(shape) > 0.2
    time = 3.0 + np.cumsum(rng.uniform(0.2, 0.3, n_volumes))
    table = _make_events(
        [5.0, np.nan],
        properties={
            "target": Column(values=rng.random((2, 3)), unit="um"),
            "note": Column(values=np.array(["größer", ""])),
            "clock": Column(values=np.array(["2024-05-01T10:00:00", "2024-05-02"], "M8[ms]")),
            "on": Column(values=np.array([True, False])),
        },
    )
    provenance = Provenance(
        source={"operation": "open", "arguments": {"path": "/data/ä", "options": {"a": [1, None]}}},
        recording_id="abc",
        options={"mask": {"box": (3, 5, 5)}, "offset": np.float64(100.5)},
        versions={"wormio": "0.1", "python": "3.11"},
        positions=Positions.static(rng.random((n_neurons, 3))),
        volumes=np.arange(2 * n_volumes).reshape(-1, 2),
        centre_frame=np.where(valid, rng.integers(0, 80, shape), -1),
    )
    signal = Signal(
        data=np.where(valid, rng.normal(size=shape), np.nan),
        time=time,
        volume=np.arange(n_volumes) + 2,
        sample_time=time[:, None] + rng.uniform(0, 0.1, shape),
        valid=valid,
        voxels=rng.integers(0, 75, shape),
        saturated=rng.integers(0, 5, shape),
        background=rng.normal(20, 2, shape),
        labels=[f"Ä{i}/左" for i in range(n_neurons)],
        events={"light": table, "nothing": _make_events([])},
        channel=Channel(name="green", role="signal", emission_nm=510.5, offset=99.25),
        quantity="ratio",
        unit="",
        recording="abc",
        provenance=provenance,
    )
    return signal.with_step("invented", {"window": 5, "names": ["a", "ß"]})


@pytest.fixture(scope="session")
def make_events() -> Callable[..., Events]:
    return _make_events


@pytest.fixture(scope="session")
def make_signal() -> Callable[..., Signal]:
    return _make_signal


@pytest.fixture(scope="session")
def make_full_signal() -> Callable[..., Signal]:
    return _make_full_signal
