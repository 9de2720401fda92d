"""Executors that extraction can use, and what it says of those it cannot."""

import pickle
from concurrent.futures import Executor, Future, ProcessPoolExecutor

import numpy as np
import pytest

import wormio
from wormio.errors import UnsupportedCapabilityError
from wormio.model import ArrayRecording, Positions, VoxelSize

RECORDING = ArrayRecording.from_volumes(
    np.arange(2 * 3 * 1 * 12 * 12, dtype=np.uint16).reshape(2, 3, 1, 12, 12),
    voxel_size=VoxelSize(z=1, y=1, x=1),
    volume_interval=0.1,
)
WHERE = Positions.static([[1.0, 6, 6]])


class Here(Executor):
    """Runs everything at once, in this very thread."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class Elsewhere(Here):
    """Behaves like a pool of processes: work travels pickled and answers come from outside."""

    def submit(self, fn, /, *args, **kwargs):
        pickle.dumps((fn, args, kwargs))
        future = Future()
        future.set_result(-1)
        return future


def test_any_executor_in_this_process_gives_the_same():
    expected = wormio.extract(RECORDING, WHERE)["channel-0"]
    found = wormio.extract(RECORDING, WHERE, executor=Here())["channel-0"]
    np.testing.assert_array_equal(found.data, expected.data)


def test_other_processes_are_refused_by_name_before_any_work():
    with ProcessPoolExecutor(1) as pool:
        for executor in (pool, Elsewhere()):
            with pytest.raises(UnsupportedCapabilityError, match="ThreadPoolExecutor") as caught:
                wormio.extract(RECORDING, WHERE, executor=executor)
            assert caught.value.found == type(executor).__name__
