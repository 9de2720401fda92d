"""Decoding the chunks of an array no more often than the memory allows.

Libraries decode a whole chunk for every plane in it. Here a chunk's planes are read together, as a
block, and kept until the frames have passed by; where that would take too much memory, blocks are
parts of a chunk, as long as possible along the slowest dimension.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wormio.model._locks import ForkSafeLock

__all__ = ["CACHE_BYTES", "BlockReader", "plan_blocks"]

Key = tuple[int | slice, ...]
Part = tuple[tuple[int, int], ...]  # slices cannot be the key of a dict
ReadPart = Callable[[str, Key], NDArray[Any]]

CACHE_BYTES = 256 << 20
"""Decoded pixels that one recording keeps; one plane is always read, however large."""


def plan_blocks(
    labels: Sequence[str],
    shape: Sequence[int],
    chunks: Sequence[int],
    itemsize: int,
    cache_bytes: int = CACHE_BYTES,
) -> tuple[int, ...]:
    """Return how many indices of each dimension are read together.

    Reading frames in order (T slowest, then Z, then C) needs, at any time, at most `cache_bytes`
    of such blocks; so each is read once.

    Parameters
    ----------
    labels : sequence of str
        T, Z, C, Y or X for each dimension, as in `ArrayPlanes`.
    shape, chunks : sequence of int
    itemsize : int
    cache_bytes : int

    Returns
    -------
    tuple of int
        1 up to the chunk's length; all of Y and X.
    """
    blocks = [n if label in "YX" else 1 for label, n in zip(labels, shape, strict=True)]
    order = [i for letter in "TZC" for i, label in enumerate(labels) if label == letter]
    inside = itemsize * math.prod(
        n for label, n in zip(labels, shape, strict=True) if label in "YX"
    )
    for place, axis in enumerate(order):
        # While an index of this dimension is passed by, all of the faster ones are.
        one = inside * math.prod(shape[i] for i in order[place + 1 :])
        blocks[axis] = max(1, min(chunks[axis], shape[axis], cache_bytes // one))
        if blocks[axis] > 1:
            for i in order[place + 1 :]:
                blocks[i] = min(chunks[i], shape[i])
            break
    return tuple(blocks)


class BlockReader:
    """Reads planes out of blocks and keeps those that were used last; safe in several threads.

    Parameters
    ----------
    read : callable
        ``read(name, key)`` reads from the dataset of that name.
    blocks : sequence of int
        As `plan_blocks` returns them.
    shape, chunks : sequence of int
        Of each dataset; what lies beyond `shape` is not read, and no block crosses a chunk.
    cache_bytes : int
    """

    def __init__(
        self,
        read: ReadPart,
        blocks: Sequence[int],
        shape: Sequence[int],
        chunks: Sequence[int],
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self._read = read
        self._axes = tuple(zip(blocks, chunks, shape, strict=True))
        self._cache_bytes = cache_bytes
        self._kept: OrderedDict[tuple[str, Part], NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._lock = ForkSafeLock()

    def plane(self, name: str, key: Key) -> NDArray[Any]:
        """Return ``dataset[key]``, where `key` has one index for each dimension but Y and X."""
        part: list[tuple[int, int]] = []
        inside: list[int | slice] = []
        for k, (length, chunk, end) in zip(key, self._axes, strict=True):
            if isinstance(k, slice):
                part.append((0, end))
                inside.append(slice(None))
                continue
            edge = k - k % chunk
            first = k - (k - edge) % length
            part.append((first, min(first + length, edge + chunk, end)))
            inside.append(k - first)
        return self._block((name, tuple(part)))[tuple(inside)]

    def _block(self, block: tuple[str, Part]) -> NDArray[Any]:
        with self._lock:
            if block in self._kept:
                self._kept.move_to_end(block)
                return self._kept[block]
        # Read without the lock: a thread that has its block does not wait for one that has not.
        name, part = block
        values = np.asarray(self._read(name, tuple(slice(*ends) for ends in part)))
        with self._lock:
            if block not in self._kept:
                self._kept[block] = values
                self._bytes += values.nbytes
            while self._bytes > self._cache_bytes and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return values

    def forget(self) -> None:
        """Release the memory."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0
