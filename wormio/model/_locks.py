"""A lock that survives ``fork``."""

from __future__ import annotations

import os
import threading

__all__ = ["ForkSafeLock"]


class ForkSafeLock:
    """A lock that a forked child finds open, whatever its parent's threads were doing.

    A thread that holds a plain lock while another one forks never releases it in the child, which
    then waits for ever.
    """

    def __init__(self) -> None:
        self._renew()

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._process = os.getpid()

    def __enter__(self) -> None:
        if os.getpid() != self._process:  # just after fork, a child has one thread only
            self._renew()
        self._lock.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self._lock.release()
