"""Samples of batches, put together; and which volumes are still missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.extraction.plan import Batch
from wormio.extraction.task import Samples

__all__ = ["Gathered", "Span", "gaps", "joined", "missing_batches"]

Span = tuple[int, int]
"""A half-open range of volumes."""


# Axis of every array of samples: (..., volumes, neurons).
_VOLUMES = -2


class Gathered:
    """The samples of a range of volumes, as they come in.

    Parameters
    ----------
    span : (int, int)
        Half-open range of volumes.
    """

    def __init__(self, span: Span) -> None:
        self._first, self._length = span[0], span[1] - span[0]
        self._arrays: dict[str, NDArray[Any] | None] = {}

    def put(self, span: Span, samples: Samples) -> None:
        """Take in the samples of some volumes."""
        place = slice(span[0] - self._first, span[1] - self._first)
        for field in attrs.fields(Samples):
            part = getattr(samples, field.name)
            if field.name not in self._arrays:
                self._arrays[field.name] = (
                    None
                    if part is None
                    else np.empty((*part.shape[:-2], self._length, part.shape[-1]), part.dtype)
                )
            whole = self._arrays[field.name]
            if whole is not None:
                whole[..., place, :] = part

    def samples(self) -> Samples:
        """Return them; every volume must have been put."""
        return Samples(**self._arrays)  # type: ignore[arg-type]


def joined(parts: Sequence[Samples]) -> Samples:
    """Return the samples of volumes that follow each other as one."""
    if len(parts) == 1:
        return parts[0]
    whole: dict[str, Any] = {}
    for field in attrs.fields(Samples):
        arrays = [getattr(part, field.name) for part in parts]
        whole[field.name] = None if arrays[0] is None else np.concatenate(arrays, _VOLUMES)
    return Samples(**whole)


def gaps(span: Span, done: Iterable[Span]) -> list[Span]:
    """Return what of a range of volumes is not covered by others, in order."""
    found = []
    at = span[0]
    for first, stop in sorted(done):
        if first > at:
            found.append((at, min(first, span[1])))
        at = max(at, stop)
        if at >= span[1]:
            return found
    return [*found, (at, span[1])] if at < span[1] else found


def missing_batches(
    batches: Iterable[Batch], missing: Sequence[Span], volumes: NDArray[np.int64]
) -> list[Batch]:
    """Cut batches down to the volumes that are missing.

    Parameters
    ----------
    batches : iterable of Batch
    missing : sequence of (int, int)
        Half-open ranges of volumes, in order.
    volumes : (V, 2) int64
        Half-open ranges of the volumes' frames.
    """
    cut = []
    for batch in batches:
        for first, stop in missing:
            begin, end = max(first, batch.volumes[0]), min(stop, batch.volumes[1])
            if begin < end:
                frames = int(volumes[begin, 0]), int(volumes[end - 1, 1])
                cut.append(Batch((begin, end), frames))
    return cut
