"""Whoever does the work, the result is the same, bit for bit; and who cannot do it is told why."""

import json
import multiprocessing
import os
import pickle
import signal
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)

import numpy as np
import pytest

import wormio
from wormio.errors import (
    CorruptRecordingError,
    ExtractionError,
    OptionError,
    UnsupportedCapabilityError,
)
from wormio.extraction.workers import Recipe, Shelf, close_recordings
from wormio.model import ArrayRecording, Positions, VoxelSize, recording_id
from wormio.testing import Phantom, Scan, write_leifer

IN_MEMORY = ArrayRecording.from_volumes(
    np.arange(2 * 3 * 1 * 12 * 12, dtype=np.uint16).reshape(2, 3, 1, 12, 12),
    voxel_size=VoxelSize(z=1, y=1, x=1),
    volume_interval=0.1,
)
WHERE = Positions.static([[1.0, 6, 6]])
# One volume a batch: many tasks, in whatever order.
SMALL = 1 << 16


@pytest.fixture(scope="module")
def phantom():
    return Phantom(Scan.synthetic(n_volumes=8), n_neurons=6, shape=(48, 64), n_stimuli=1)


@pytest.fixture(scope="module")
def folder(phantom, tmp_path_factory):
    return write_leifer(phantom, tmp_path_factory.mktemp("leifer") / "recording")


@pytest.fixture
def elsewhere():
    yield Elsewhere()
    close_recordings()


class Here(Executor):
    """Runs everything at once, in this very thread."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Elsewhere(Here):
    """Behaves like a pool on other machines: all that goes there and comes back is pickled."""

    def __init__(self):
        self.largest = 0

    def submit(self, fn, /, *args, **kwargs):
        if not args:  # who are you?
            future = Future()
            future.set_result(("another machine", 1))
            return future
        sent = pickle.dumps((fn, args, kwargs))
        self.largest = max(self.largest, len(sent))
        fn, args, kwargs = pickle.loads(sent)
        return super().submit(fn, *args, **kwargs)


class Broken(Elsewhere):
    """Loses its workers as soon as they have work."""

    def submit(self, fn, /, *args):
        if not args:
            return super().submit(fn)
        future = Future()
        future.set_exception(BrokenExecutor("a process in the pool was terminated abruptly"))
        return future


def test_any_executor_in_this_process_gives_the_same():
    expected = wormio.extract(IN_MEMORY, WHERE)
    for executor in (Here(), "threads", None):
        assert wormio.extract(IN_MEMORY, WHERE, executor=executor) == expected
    with ThreadPoolExecutor(3) as pool:
        assert wormio.extract(IN_MEMORY, WHERE, executor=pool, memory=1) == expected


def test_workers_elsewhere_get_recipes_not_pixels_and_give_the_same(phantom, folder, elsewhere):
    with wormio.open(folder) as recording:
        expected = wormio.extract(recording, phantom.positions())
        # All volumes in one task: the recipe, six neurons, eight volumes of planes.
        found = wormio.extract(recording, phantom.positions(), executor=elsewhere)
        assert found == expected
        assert elsewhere.largest < 30_000 < recording.frames[0].nbytes * 3
        parts = wormio.extract(
            recording, phantom.positions(), executor=elsewhere, memory=SMALL, volumes=(2, 5)
        )
    assert np.array_equal(parts["red"].data, expected["red"].data[2:5], equal_nan=True)


def test_a_recording_in_memory_is_refused_by_name_where_workers_are_other_processes():
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        for executor in (pool, Elsewhere(), "processes"):
            with pytest.raises(UnsupportedCapabilityError, match="in memory") as caught:
                wormio.extract(IN_MEMORY, WHERE, executor=executor)
            assert "ArrayRecording" in caught.value.found
            assert "threads" in caught.value.cure


def test_forked_processes_are_refused_with_the_line_that_works():
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool,
        pytest.raises(UnsupportedCapabilityError, match="forked") as caught,
    ):
        wormio.extract(IN_MEMORY, WHERE, executor=pool)
    assert "get_context('spawn')" in caught.value.cure


@pytest.mark.parametrize("executor", ["process", 4, os])
def test_what_is_no_executor_is_refused(executor):
    with pytest.raises(OptionError, match="no executor"):
        wormio.extract(IN_MEMORY, WHERE, executor=executor)


def test_a_source_that_is_too_large_to_travel_is_refused(phantom, folder):
    with wormio.open(folder) as recording:
        events = recording.events["optogenetics"]
        many = recording
        for number in range(20):
            many = many.with_events(**{f"copy-{number}": events})
        with pytest.raises(UnsupportedCapabilityError, match="too large") as caught:
            wormio.extract(many, phantom.positions(), executor=Elsewhere())
        assert "with_events" in caught.value.found


def test_a_lost_worker_is_told_with_the_way_to_go_on(phantom, folder):
    with (
        wormio.open(folder) as recording,
        pytest.raises(ExtractionError, match="worker process was lost") as caught,
    ):
        wormio.extract(recording, phantom.positions(), executor=Broken())
    assert "checkpoint=" in caught.value.cure
    assert "memory" in caught.value.cure


def test_a_worker_that_sees_other_files_says_so(phantom, folder, tmp_path):
    other = Phantom(Scan.synthetic(n_volumes=8, seed=5), n_neurons=6, shape=(48, 64), n_stimuli=1)
    path = write_leifer(other, tmp_path / "recording")
    with wormio.open(path) as recording:
        recipe = Recipe(json.dumps(recording.source.to_json()), "0" * 64, "x")
        assert recording_id(recording) != recipe.recording_id
    with pytest.raises(CorruptRecordingError, match="another recording"):
        recipe.open()


class Lent:
    def __init__(self, name):
        self.name, self.closed = name, False

    def close(self):
        self.closed = True


def test_a_workers_recordings_stay_open_are_few_and_are_closed():
    shelf, made = Shelf(2), {}

    def lend(name):
        return shelf.borrow(name, lambda: made.setdefault(name, Lent(name)))

    with lend("a") as a, lend("a") as again:
        assert a is again
    with lend("b"), lend("c"):
        assert made["a"].closed  # idle longest
        with lend("d"):
            assert not made["b"].closed  # in use, though there are three
            assert not made["c"].closed
        assert made["d"].closed  # the only idle one of three
    with lend("b"):
        pass
    with lend("e"):
        assert made["c"].closed  # b was used since
    assert [name for name, each in made.items() if not each.closed] == ["b", "e"]
    shelf.close()
    assert all(each.closed for each in made.values())


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_give_the_same(phantom, folder, method):
    with wormio.open(folder) as recording:
        expected = wormio.extract(recording, phantom.positions())
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
            found = wormio.extract(recording, phantom.positions(), executor=pool, memory=SMALL)
            assert found == expected
            # Its workers have the recording open; another extraction is not confused by that.
            again = wormio.extract(recording, phantom.positions(), executor=pool)
            assert again == expected


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_killed_process_is_told_and_the_same_call_goes_on(phantom, folder, tmp_path):
    spawn = multiprocessing.get_context("spawn")
    with wormio.open(folder) as recording:
        expected = wormio.extract(recording, phantom.positions())
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            done = []

            def kill_one(n, _total):
                done.append(n)
                if n == 3:
                    pool.submit(die)

            with pytest.raises(ExtractionError, match="was lost"):
                wormio.extract(
                    recording,
                    phantom.positions(),
                    executor=pool,
                    memory=1,
                    checkpoint=tmp_path / "kept",
                    progress=kill_one,
                )
        resumed = []
        found = wormio.extract(
            recording,
            phantom.positions(),
            executor="processes",
            checkpoint=tmp_path / "kept",
            progress=lambda n, _total: resumed.append(n),
        )
    assert found == expected
    assert resumed[0] == done[-1] >= 3
