"""Ctrl-C and SIGTERM during long work: stop soon, say what is kept, leave nothing half done."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from wormio.cli.exits import TerminatedError

__all__ = ["stopping_soon"]

# SLURM sends SIGKILL some time after SIGTERM, and whoever presses Ctrl-C presses it again.
_SECONDS = 1.5
_NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopping_soon(hint: Callable[[], str]) -> Iterator[None]:
    """Run a block that ends within 2 s of SIGINT or SIGTERM.

    The block is left by an exception, so that it can put its things in order. If that takes too
    long, because a worker is stuck in a slow disk, the process ends anyway: what is written
    atomically is whole or absent.

    Parameters
    ----------
    hint : callable
        Gives what is said on stderr when the work was stopped.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals go to the main thread
        return
    said = threading.Lock()
    read, write = os.pipe()

    def say() -> None:
        if said.acquire(blocking=False):
            sys.stderr.write(f"wormio: {hint()}\n")
            sys.stderr.flush()

    def watch() -> None:
        number = os.read(read, 1)
        while number and number[0] not in _NUMBERS:  # another signal that has a handler
            number = os.read(read, 1)
        deadline = time.monotonic() + _SECONDS
        while number:
            left = max(deadline - time.monotonic(), 0.0)
            if not select.select([read], [], [], left)[0]:
                say()
                os._exit(128 + number[0])
            if not os.read(read, 1):  # the block has ended; anything else is one more Ctrl-C
                return

    def stop(number: int, _frame: FrameType | None) -> None:
        # No thread is started here: the main thread may hold any lock at this moment.
        raise KeyboardInterrupt if number == signal.SIGINT else TerminatedError

    watcher = threading.Thread(target=watch, name="wormio-stopping", daemon=True)
    watcher.start()
    # The watcher learns of a signal from C, when it comes. `stop` runs in the main thread, as soon
    # as that gets to it: never, if the signal came just before it began to wait for a worker that
    # is stuck.
    os.set_blocking(write, False)
    woken = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    before = {number: signal.signal(number, stop) for number in _NUMBERS}
    try:
        yield
    except (KeyboardInterrupt, TerminatedError):
        say()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(woken)
        os.close(write)
        watcher.join()
        os.close(read)
