"""What an extraction would cost, before it is done."""

from __future__ import annotations

import math
import time

import attrs

from wormio.extraction.costs import price
from wormio.extraction.executors import Workers
from wormio.extraction.gathering import Span, missing_batches
from wormio.extraction.plan import Plan, plan_batches
from wormio.extraction.running import run
from wormio.extraction.task import Samples

__all__ = ["Estimate", "estimate"]

# Long enough to start all workers, short enough that nobody minds.
_SAMPLE_SECONDS = 0.5


@attrs.frozen(kw_only=True)
class Estimate:
    """What an extraction would cost.

    Parameters
    ----------
    volumes, neurons, channels : int
    bytes_to_read : int
        Where rows are read in place, only those that masks touch; else of whole images, decoded.
    pieces : int
        Ranges of bytes, or images.
    in_place : bool
        Which of the two.
    recording_bytes : int
        Of all pixels of the recording, decoded.
    memory_bytes : int
        That pixels take at most at once.
    result_bytes : int
        Of the samples.
    seconds : float
        Extrapolated from a sample, so only an estimate: its files may have been in the page cache.
    sampled_volumes : int
        How many the sample had.
    workers : int
    """

    volumes: int
    neurons: int
    channels: int
    bytes_to_read: int
    pieces: int
    in_place: bool
    recording_bytes: int
    memory_bytes: int
    result_bytes: int
    seconds: float
    sampled_volumes: int
    workers: int


def estimate(plan: Plan, workers: Workers, span: Span, *, memory: int) -> Estimate:
    """Estimate the cost of an extraction; a few of its volumes are extracted to measure the time.

    Parameters
    ----------
    plan : Plan
    workers : Workers
    span : (int, int)
        Half-open range of volumes.
    memory : int
        As of `extract`.
    """
    share = memory if workers.own_memory else memory // (workers.count + 1)
    batches = missing_batches(plan_batches(plan, share), [span], plan.recording.timeline.volumes)
    cost = price(plan, batches)
    n_volumes = span[1] - span[0]
    sampled, seconds, sample_bytes = _measure(plan, workers, span, memory)
    at_once = cost.largest * min(len(batches), workers.in_flight)
    return Estimate(
        volumes=n_volumes,
        neurons=len(plan.where),
        channels=len(plan.channels),
        bytes_to_read=cost.total_read,
        pieces=cost.total_pieces,
        in_place=cost.in_place,
        recording_bytes=math.prod(plan.recording.frames.shape[:2]) * plan.image_bytes(),
        memory_bytes=min(max(memory, cost.largest), at_once),
        result_bytes=sample_bytes * n_volumes // sampled,
        seconds=seconds * n_volumes / sampled,
        sampled_volumes=sampled,
        workers=workers.count,
    )


def _measure(plan: Plan, workers: Workers, span: Span, memory: int) -> tuple[int, float, int]:
    """Extract more and more volumes from the middle on, until it takes long enough to be timed."""
    total = span[1] - span[0]
    wanted = min(workers.count, total)
    while True:
        first = span[0] + (total - wanted) // 2
        begin = time.perf_counter()
        samples = run(plan, workers, (first, first + wanted), memory=memory)
        seconds = time.perf_counter() - begin
        if seconds >= _SAMPLE_SECONDS or wanted == total:
            arrays = [getattr(samples, field.name) for field in attrs.fields(Samples)]
            return wanted, seconds, sum(each.nbytes for each in arrays if each is not None)
        wanted = min(total, 4 * wanted)
