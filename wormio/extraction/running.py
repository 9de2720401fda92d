"""Running an extraction's tasks: in threads, with bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor

from wormio.errors import UnsupportedCapabilityError
from wormio.extraction.computing import compute
from wormio.extraction.plan import Batch, Plan, plan_batches
from wormio.extraction.task import Samples

__all__ = ["check_executor", "run"]


def check_executor(executor: Executor | None) -> None:
    """Refuse workers that do not share this process's memory, before they fail at it."""
    from concurrent.futures import ProcessPoolExecutor  # imports multiprocessing

    if executor is None or isinstance(executor, ThreadPoolExecutor):
        return
    elsewhere = isinstance(executor, ProcessPoolExecutor)
    if elsewhere or executor.submit(os.getpid).result() != os.getpid():
        raise UnsupportedCapabilityError(
            "extraction cannot use other processes",
            expected="a ThreadPoolExecutor: the kernels run without Python's lock",
            found=type(executor).__name__,
            cure="pass executor=ThreadPoolExecutor(n), or none: all processors are used then",
        )


def run(
    plan: Plan,
    *,
    executor: Executor | None,
    memory: int,
    progress: Callable[[int, int], None] | None,
) -> Samples:
    """Compute the samples of all volumes, with at most `memory` bytes of pixels at once."""
    n_volumes = plan.recording.timeline.n_volumes
    result = plan.empty()
    workers = getattr(executor, "_max_workers", None) or os.cpu_count() or 1
    batches = plan_batches(plan, memory // (workers + 1))
    # One batch more than there are workers, so that none waits; fewer where a volume is so large
    # that they would not fit.
    largest = max(b.frames[1] - b.frames[0] for b in batches) * plan.image_bytes()
    largest *= len(plan.channels)
    in_flight = max(1, min(workers + 1, memory // max(largest, 1)))
    pool = executor or ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="wormio-extract")
    waiting: deque[tuple[Batch, Future[Samples]]] = deque()
    done = 0

    def take() -> None:
        nonlocal done
        batch, future = waiting.popleft()
        result.put(batch.volumes, future.result())
        done += batch.volumes[1] - batch.volumes[0]
        if progress is not None:
            progress(done, n_volumes)

    try:
        for batch in batches:
            waiting.append((batch, pool.submit(compute, plan.recording, plan.task(batch))))
            if len(waiting) >= in_flight:
                take()
        while waiting:
            take()
    finally:
        for _, future in waiting:
            future.cancel()
        if executor is None:
            pool.shutdown()
    return result
