"""Running an extraction's tasks, by whomever, with bounded memory, and keeping what is done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from wormio.extraction.checkpoint import Checkpoint
from wormio.extraction.executors import Workers
from wormio.extraction.gathering import Gathered, Span, gaps, missing_batches
from wormio.extraction.plan import Batch, Plan, plan_batches
from wormio.extraction.task import Samples

__all__ = ["run"]


def run(
    plan: Plan,
    workers: Workers,
    span: Span,
    *,
    memory: int,
    checkpoint: Checkpoint | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Samples:
    """Compute the samples of a range of volumes, with at most `memory` bytes of pixels at once.

    Parameters
    ----------
    plan : Plan
    workers : Workers
    span : (int, int)
        Half-open range of volumes, not empty.
    memory : int
    checkpoint : Checkpoint, optional
        What it holds is not computed again; what is computed is added.
    progress : callable, optional
        ``progress(volumes_done, volumes)``; first called with what the checkpoint holds.

    Raises
    ------
    RecordingError, ExtractionError
        What a task raised; the others are cancelled.
    """
    n_volumes = span[1] - span[0]
    gathered = Gathered(span)
    missing = [span]
    if checkpoint is not None:
        shape = len(plan.channels), len(plan.where)
        missing = gaps(span, checkpoint.load(gathered, span, shape))
    done = n_volumes - sum(stop - first for first, stop in missing)
    if progress is not None and done:
        progress(done, n_volumes)
    share = memory if workers.own_memory else memory // (workers.count + 1)
    batches = missing_batches(plan_batches(plan, share), missing, plan.recording.timeline.volumes)
    in_flight = workers.in_flight
    if not workers.own_memory:
        # Fewer at once where a volume is so large that they would not fit.
        largest = max(map(plan.bytes_at_once, batches), default=0)
        in_flight = max(1, min(in_flight, memory // max(largest, 1)))
    waiting: deque[tuple[Batch, Future[Samples]]] = deque()

    def take() -> None:
        nonlocal done
        batch, future = waiting.popleft()
        samples = workers.result(future)
        gathered.put(batch.volumes, samples)
        if checkpoint is not None:
            checkpoint.add(batch.volumes, samples)
        done += batch.volumes[1] - batch.volumes[0]
        if progress is not None:
            progress(done, n_volumes)

    try:
        for batch in batches:
            waiting.append((batch, workers.submit(plan.task(batch))))
            if len(waiting) >= in_flight:
                take()
        while waiting:
            take()
    finally:
        for _, future in waiting:
            future.cancel()
    return gathered.samples()
