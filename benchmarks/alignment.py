"""Cutting out the responses to events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.contest import Contenders, Contest
from wormio.model import Channel, Events
from wormio.signal import Signal

__all__ = ["CONTESTS"]

_N_VOLUMES, _N_NEURONS, _N_EVENTS = 4000, 120, 100
Found = tuple[np.ndarray, np.ndarray, np.ndarray]

_INTERVAL, _BEFORE, _AFTER = 0.5, 15.0, 30.0


def _signal() -> Signal:
    """Return half an hour of a brain: each neuron is seen at its own time of a volume."""
    rng = np.random.default_rng(0)
    time = np.arange(_N_VOLUMES) * _INTERVAL
    at = np.sort(rng.uniform(_BEFORE + 5, time[-1] - _AFTER - 5, _N_EVENTS))
    none = np.zeros(_N_EVENTS, np.int64)
    events = Events(
        count=none,
        frame=none,
        time=at,
        volume=(at / _INTERVAL).astype(np.int64),
        duration=none.astype(float),
        error_frames=none,
        status=none.astype(np.int8),
    )
    shape = (_N_VOLUMES, _N_NEURONS)
    return Signal(
        data=rng.normal(size=shape),
        time=time,
        sample_time=time[:, np.newaxis] + rng.uniform(0, 0.8 * _INTERVAL, _N_NEURONS),
        valid=rng.random(shape) > 0.1,
        channel=Channel(name="green"),
        events={"stimulus": events},
    )


def _by_neuron(signal: Signal, tau: np.ndarray, *, line: bool) -> Found:
    """Do the same in a loop over events and neurons, each a search in the neuron's own times."""
    events = signal.events["stimulus"]
    shape = (len(events), len(tau), signal.n_neurons)
    data, time = np.full(shape, np.nan), np.full(shape, np.nan)
    valid = np.zeros(shape, bool)
    for event, start in enumerate(events.time):
        for neuron in range(signal.n_neurons):
            clock = signal.sample_time[:, neuron]
            goal = start + tau
            right = np.clip(np.searchsorted(clock, goal), 1, len(clock) - 1)
            left = right - 1
            if line:
                data[event, :, neuron] = np.interp(goal, clock, signal.data[:, neuron])
                time[event, :, neuron] = goal
                both = signal.valid[left, neuron] & signal.valid[right, neuron]
                valid[event, :, neuron] = both & (clock[right] - clock[left] < 1.5 * _INTERVAL)
                continue
            nearest = np.where(clock[right] - goal < goal - clock[left], right, left)
            near = np.abs(clock[nearest] - goal) <= _INTERVAL / 2 + 1e-9
            data[event, :, neuron] = np.where(near, signal.data[nearest, neuron], np.nan)
            time[event, :, neuron] = np.where(near, clock[nearest], np.nan)
            valid[event, :, neuron] = near & signal.valid[nearest, neuron]
    return data, valid, time


def _alignment(align: str) -> Contest:
    line = align == "interp"

    @contextmanager
    def prepare(folder: Path) -> Iterator[Contenders]:  # noqa: ARG001 (nothing to write)
        signal = _signal()

        def ours() -> Found:
            found = signal.around("stimulus", _BEFORE, _AFTER, align=align)
            return found.data, found.valid, found.sample_time

        tau = signal.around("stimulus", _BEFORE, _AFTER).tau
        yield {"wormio": ours, "loop": lambda: _by_neuron(signal, tau, line=line)}

    title = f"{_N_EVENTS} events, {_N_NEURONS} neurons, {_N_VOLUMES} volumes, {align}"
    return Contest(f"align-{align}", title, prepare)


CONTESTS = (_alignment("nearest"), _alignment("interp"))
