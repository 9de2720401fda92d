"""The other side of an executor: a worker that opens the recording itself and does tasks of it.

What is here runs in processes that share nothing with the one that asks, perhaps on another
machine. A task comes with the recipe of its recording, never with pixels; the recording stays open
from task to task.
"""

from __future__ import annotations

import atexit
import json
import os
import platform
import secrets
import signal
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from wormio.errors import CorruptRecordingError
from wormio.extraction.computing import compute
from wormio.extraction.task import Samples, Task
from wormio.model import Recording, Source, recording_id
from wormio.model._locks import ForkSafeLock

__all__ = [
    "Recipe",
    "Shelf",
    "close_recordings",
    "compute_there",
    "start_worker",
    "this_process",
]

# One extraction uses one; the second is for a pool that two extractions share.
_MAX_OPEN = 2
_TOKEN = secrets.token_hex(8)


@attrs.frozen
class Recipe:
    """What a worker needs to open a recording.

    Parameters
    ----------
    source : str
        JSON of a `Source`.
    recording_id : str
        What it must turn out to be.
    extraction : str
        Names the one extraction it is for: the next one opens the files anew, which may have been
        replaced.
    """

    source: str
    recording_id: str
    extraction: str

    def open(self) -> Recording:
        """Open the recording.

        Raises
        ------
        RecordingError, FormatError, ...
            See `wormio.reopen`.
        CorruptRecordingError
            What this machine has under that path is another recording.
        """
        from wormio.registry import reopen

        source = Source.from_json(json.loads(self.source))
        recording = reopen(source)
        if recording_id(recording) != self.recording_id:
            recording.close()
            raise CorruptRecordingError(
                "a worker finds another recording under the same path",
                expected=f"recording {self.recording_id[:12]}",
                found=f"recording {recording_id(recording)[:12]} on {platform.node()}",
                path=next(iter(source.leaves())).arguments.get("path"),
                cure="let all workers see the same files, and the same version of wormio",
            )
        return recording


class Shelf:
    """Recordings that stay open between tasks; the ones that were idle longest are closed.

    Parameters
    ----------
    limit : int
        How many stay open. Those in use are never closed, so there may be more for a while.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = ForkSafeLock()
        self._open: OrderedDict[Recipe, Recording] = OrderedDict()
        self._users: dict[Recipe, int] = {}

    @contextmanager
    def borrow(self, recipe: Recipe, make: Callable[[], Recording]) -> Iterator[Recording]:
        """Lend a recording, opened by `make` if it is not open; to several threads at once."""
        with self._lock:  # while one thread opens it, the others wait instead of opening it too
            if recipe not in self._open:
                self._open[recipe] = make()
                self._users[recipe] = 0
            recording = self._open[recipe]
            self._open.move_to_end(recipe)
            self._users[recipe] += 1
            self._shrink(self._limit)
        try:
            yield recording
        finally:
            with self._lock:
                self._users[recipe] -= 1
                self._shrink(self._limit)

    def close(self) -> None:
        """Close all that are not in use."""
        with self._lock:
            self._shrink(0)

    def _shrink(self, limit: int) -> None:
        for recipe in [each for each in self._open if not self._users[each]]:
            if len(self._open) > limit:
                del self._users[recipe]
                self._open.pop(recipe).close()


_shelf = Shelf(_MAX_OPEN)


def close_recordings() -> None:
    """Close the recordings that this process has open for its tasks; it also does so at its end."""
    _shelf.close()


atexit.register(close_recordings)


def compute_there(recipe: Recipe, task: Task) -> Samples:
    """Do a task of a recording that this process opens itself.

    Raises
    ------
    RecordingError, ExtractionError
        See `Recipe.open` and `wormio.extraction.computing.compute`.
    """
    with _shelf.borrow(recipe, recipe.open) as recording:
        return compute(recording, task)


def this_process() -> tuple[str, int]:
    """Return what no other process returns, on no machine, nor after a fork."""
    return _TOKEN, os.getpid()


def start_worker() -> None:
    """Prepare a worker process of wormio's own pool: it ends with its parent, and only then.

    Ctrl-C in a terminal, and SLURM's SIGTERM, reach all processes at once. The parent decides what
    becomes of the work; a worker that died of them would look like one that was killed. A parent
    that was killed takes its workers along: the pool's own queue would keep them waiting for ever.
    """
    import multiprocessing

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        # It only waits for the parent; it is never inside a library that must be left in order.
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    from multiprocessing.connection import wait

    wait([sentinel])
    os._exit(1)
