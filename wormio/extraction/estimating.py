"""What an extraction would cost, before it is done."""

from __future__ import annotations

import time

import attrs

from wormio.extraction.costs import price
from wormio.extraction.executors import Workers
from wormio.extraction.gathering import Span, missing_batches
from wormio.extraction.plan import Plan, plan_batches
from wormio.extraction.running import run

__all__ = ["Estimate", "estimate"]

# Long enough to start all workers, short enough that nobody minds.
_SAMPLE_SECONDS = 0.5
_SAMPLE_BYTES = 8 + 4 + 4 + 8  # value, voxels, saturated ones, background


@attrs.frozen(kw_only=True)
class Estimate:
    """What an extraction would cost.

    Parameters
    ----------
    volumes, neurons, channels : int
    bytes_to_read : int
        Of pixels: only the rows that masks touch where the format allows that, decoded otherwise.
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
    volumes = plan.recording.timeline.volumes
    share = memory if workers.own_memory else memory // (workers.count + 1)
    batches = missing_batches(plan_batches(plan, share), [span], volumes)
    cost = price(plan, batches)
    at_once = min(len(batches), workers.in_flight)
    frames = plan.recording.frames
    n_volumes = span[1] - span[0]
    sampled, seconds = _measure(plan, workers, span, memory)
    samples = len(plan.channels) * len(plan.masks) * n_volumes * len(plan.where)
    return Estimate(
        volumes=n_volumes,
        neurons=len(plan.where),
        channels=len(plan.channels),
        bytes_to_read=cost.total_read,
        recording_bytes=len(frames) * plan.image_bytes() * frames.shape[1],
        memory_bytes=min(max(memory, cost.largest), cost.largest * at_once),
        result_bytes=samples * _SAMPLE_BYTES,
        seconds=seconds * n_volumes / sampled,
        sampled_volumes=sampled,
        workers=workers.count,
    )


def _measure(plan: Plan, workers: Workers, span: Span, memory: int) -> tuple[int, float]:
    """Extract more and more volumes from the middle on, until it takes long enough to be timed."""
    total = span[1] - span[0]
    wanted = min(workers.count, total)
    while True:
        first = span[0] + (total - wanted) // 2
        begin = time.perf_counter()
        run(plan, workers, (first, first + wanted), memory=memory)
        seconds = time.perf_counter() - begin
        if seconds >= _SAMPLE_SECONDS or wanted == total:
            return wanted, seconds
        wanted = min(total, 4 * wanted)
