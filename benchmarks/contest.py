"""Several ways to do one thing, timed side by side.

Machines differ, and one machine differs from minute to minute. So nothing here is a time: the
contenders take turns, the best turn of each counts, and what is told is how they compare.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import attrs
import numpy as np

__all__ = ["Contenders", "Contest", "compare"]

Contenders = Mapping[str, Callable[[], object]]
"""What each is called, and what it does; the first one is what the others are compared to."""


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
    shares : mapping of str to float
        Contenders that do a part of the work only, because all of it would take too long, and
        which part: their time counts as many times over.
    """

    name: str
    title: str
    prepare: Callable[[Path], AbstractContextManager[Contenders]]
    shares: Mapping[str, float] = attrs.field(factory=dict)


def compare(contenders: Contenders, repeats: int) -> dict[str, float]:
    """Return how many times as long as the first each contender takes.

    Raises
    ------
    ValueError
        They do not come to the same result: then nothing can be compared.
    """
    results = {name: run() for name, run in contenders.items()}  # and warm the caches
    reference, *others = results
    for other in others:
        if not np.array_equal(np.asarray(results[reference]), np.asarray(results[other])):
            raise ValueError(f"{other} comes to another result than {reference}")
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(repeats):
        for name, run in contenders.items():
            gc.collect()
            gc.disable()
            start = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - start)
            gc.enable()
    return {name: seconds / best[reference] for name, seconds in best.items()}
