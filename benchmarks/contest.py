"""Several ways to do one thing, timed side by side.

Machines differ, and one machine differs from minute to minute. So nothing here is a time: the
contenders take turns, and what is told is how their medians compare.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

import attrs
import numpy as np

__all__ = ["Contenders", "Contest", "Goal", "compare"]

Contenders = Mapping[str, Callable[[], object]]
"""What each is called, and what it does; the first one is what the others are compared to."""

# What single threads do is measured by the processor's time: other programs do not count then.
_CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


@attrs.frozen
class Goal:
    """How a contender is to compare with the first.

    Parameters
    ----------
    sense : {"at least", "at most"}
    ratio : float
        Times as long.
    """

    sense: Literal["at least", "at most"]
    ratio: float

    def met(self, ratio: float) -> bool:
        """Tell whether it does."""
        return ratio >= self.ratio if self.sense == "at least" else ratio <= self.ratio

    def __str__(self) -> str:
        return f"{self.sense} {self.ratio:g}"


@attrs.frozen
class Contest:
    """Something that can be done in several ways.

    Parameters
    ----------
    name : str
        What the command line calls it.
    title : str
        What is done.
    prepare : callable
        ``prepare(folder)`` writes what is needed and returns a context manager of contenders.
    clock : {"wall", "processor"}
        Time on the wall, or of this process on all processors: that is what a single thread takes
        on an idle machine, if it waits for nothing.
    goals : mapping of str to Goal
        Of contenders.
    shares : mapping of str to float
        Contenders that do a part of the work only, because all of it would take too long, and
        which part: their time counts as many times over.
    warm : bool
        Whether each way is gone once more just before its time is taken, so that what it looks at
        is in the processor's cache. Otherwise it is where the others left it: in memory, mostly.
    tolerance : float
        How far results may lie apart, relatively. Contenders that return None are not compared.
    """

    name: str
    title: str
    prepare: Callable[[Path], AbstractContextManager[Contenders]]
    clock: Literal["wall", "processor"] = "wall"
    goals: Mapping[str, Goal] = attrs.field(factory=dict)
    shares: Mapping[str, float] = attrs.field(factory=dict)
    warm: bool = False
    tolerance: float = 0.0


def compare(contest: Contest, contenders: Contenders, repeats: int) -> dict[str, float]:
    """Return how many times as long as the first each contender takes.

    Raises
    ------
    ValueError
        They do not come to the same result: then nothing can be compared.
    """
    results = {name: run() for name, run in contenders.items()}  # and warm the caches
    reference, *others = results
    for other in others:
        if results[other] is not None:
            one, two = np.asarray(results[reference]), np.asarray(results[other])
            same = one.shape == two.shape and np.allclose(
                one, two, rtol=contest.tolerance, atol=0, equal_nan=True
            )
            if not same:
                raise ValueError(f"{other} comes to another result than {reference}")
    del results
    clock = _CLOCKS[contest.clock]
    turns: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, run in contenders.items():
            gc.collect()
            gc.disable()
            if contest.warm:
                run()
            start = clock()
            run()
            turns[name].append(clock() - start)
            gc.enable()
    median = {name: float(np.median(seconds)) for name, seconds in turns.items()}
    return {name: seconds / median[reference] for name, seconds in median.items()}
