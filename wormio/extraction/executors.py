"""Who does the tasks: threads of this process, other processes, or workers anywhere.

wormio imports no cluster's library: whatever has the interface of `concurrent.futures` will do.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Literal

import attrs

from wormio.errors import OptionError, UnsupportedCapabilityError, WorkerLostError
from wormio.extraction.computing import compute
from wormio.extraction.task import Samples, Task
from wormio.extraction.workers import Recipe, compute_there, start_worker, this_process
from wormio.model import Recording, recording_id

__all__ = ["ExecutorArgument", "Workers", "hired", "spawned"]

ExecutorArgument = Executor | Literal["threads", "processes"] | None

MAX_SOURCE_BYTES = 10_000
"""A source travels with every task, hundreds of thousands of times."""
# Of a cluster that does not say how many workers it has: enough for most, and only tasks wait.
_TASKS_UNKNOWN = 256


@attrs.frozen
class Workers:
    """Who does the tasks of one extraction.

    Parameters
    ----------
    submit : callable
        ``submit(task)`` returns the future of its samples.
    count : int
        How many work at once, as far as is known.
    in_flight : int
        How many tasks they can be given at once.
    own_memory : bool
        Whether each has a memory of its own.
    """

    submit: Callable[[Task], Future[Samples]]
    count: int
    in_flight: int
    own_memory: bool = False

    def result(self, future: Future[Samples]) -> Samples:
        """Return the samples of a task.

        Raises
        ------
        WorkerLostError
            The worker was killed.
        WormioError, ...
            What the task itself raised.
        """
        try:
            error = future.exception()
        except CancelledError as cancelled:
            raise _killed(cancelled) from cancelled
        if error is None:
            return future.result()
        # dask's KilledWorker is known by its name: wormio does not import dask.
        if isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker":
            raise _killed(error) from error
        raise error


@contextmanager
def hired(executor: ExecutorArgument, recording: Recording) -> Iterator[Workers]:
    """Give the workers that an ``executor=`` means; those that are wormio's own end with the block.

    Parameters
    ----------
    executor : Executor, "threads", "processes" or None
        None: threads, one a processor.
    recording : Recording
        That the tasks are of.

    Raises
    ------
    OptionError
        It is no executor.
    UnsupportedCapabilityError
        Workers of other processes cannot open the recording; or they would be forked.
    """
    count = os.cpu_count() or 1
    if executor is None or executor == "threads":
        with ThreadPoolExecutor(count, thread_name_prefix="wormio-extract") as pool:
            yield _sharing(pool, recording, count)
    elif executor == "processes":
        recipe = _recipe(recording, "processes")
        with spawned(count) as processes:
            yield _elsewhere(processes, recipe, count)
    elif isinstance(executor, Executor):
        yield _foreign(executor, recording)
    else:
        raise OptionError(
            "this is no executor",
            expected="'threads', 'processes', or an Executor of concurrent.futures",
            found=repr(executor),
            cure="of a dask client: client.get_executor(pure=False)",
        )


def spawned(count: int) -> Executor:
    """Return a pool of processes that end with this one, and not by Ctrl-C before it."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=start_worker)


def _foreign(executor: Executor, recording: Recording) -> Workers:
    known: Any = getattr(executor, "_max_workers", None)
    count = known if isinstance(known, int) else os.cpu_count() or 1
    if isinstance(executor, ThreadPoolExecutor):
        return _sharing(executor, recording, count)
    name = type(executor).__name__
    context: Any = getattr(executor, "_mp_context", None)
    if context is not None and context.get_start_method() == "fork":
        raise UnsupportedCapabilityError(
            "extraction does not use processes that are forked",
            expected="processes that are spawned: a forked one inherits the locks that threads of "
            "this process hold at that moment (HDF5 has one), and waits for them for ever",
            found=f"{name} with the start method 'fork'",
            cure="executor='processes', or ProcessPoolExecutor(n, "
            "mp_context=multiprocessing.get_context('spawn'))",
        )
    # Before it is asked to do anything: a pool of processes is known by its context.
    recipe = None if context is None else _recipe(recording, name)
    try:
        there = executor.submit(this_process).result()
    except (BrokenExecutor, CancelledError) as error:
        raise _killed(error) from error
    if there == this_process():
        return _sharing(executor, recording, count)
    if recipe is not None:
        return _elsewhere(executor, recipe, count)
    workers = _elsewhere(executor, _recipe(recording, name), count)
    return attrs.evolve(workers, in_flight=max(workers.in_flight, _TASKS_UNKNOWN), own_memory=True)


def _sharing(executor: Executor, recording: Recording, count: int) -> Workers:
    # One more than there are workers, so that none waits for the next.
    return Workers(lambda task: executor.submit(compute, recording, task), count, count + 1)


def _elsewhere(executor: Executor, recipe: Recipe, count: int) -> Workers:
    def submit(task: Task) -> Future[Samples]:
        try:
            return executor.submit(compute_there, recipe, task)
        except BrokenExecutor as error:
            raise _killed(error) from error

    return Workers(submit, count, 2 * count + 1)


def _recipe(recording: Recording, executor: str) -> Recipe:
    """Return what other processes need to open a recording, refusing one that they cannot."""
    source = recording.source
    if any(leaf.operation == "memory" for leaf in source.leaves()):
        raise UnsupportedCapabilityError(
            "other processes cannot open a recording that is in memory",
            expected="a recording of files: workers get its Source, never pixels",
            found=f"{type(recording).__name__} and executor {executor}",
            cure="use threads (executor=None), or write the recording to a file first: "
            "wormio.export.container.to_hdf5",
        )
    text = json.dumps(source.to_json(), separators=(",", ":"))
    if len(text) > MAX_SOURCE_BYTES:
        raise UnsupportedCapabilityError(
            "the recording's source is too large to travel with every task",
            expected=f"at most {MAX_SOURCE_BYTES} bytes of JSON",
            found=f"{len(text)} bytes, {source.operation!r} at its top",
            cure="extract from the recording before events were added to it: they do not change "
            "what is extracted; or use threads",
        )
    return Recipe(text, recording_id(recording), secrets.token_hex(8))


def _killed(error: BaseException) -> WorkerLostError:
    return WorkerLostError(
        "a worker process was lost before its task was done",
        found=f"{type(error).__name__}: {error}"[:300],
        cure="most often it was out of memory (lower memory=, or use fewer workers), or the "
        "cluster took it away. A script that starts processes needs "
        "`if __name__ == '__main__':`. With checkpoint= the same call goes on where this one "
        "stopped",
    )
