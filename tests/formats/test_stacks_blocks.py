"""Blocks of chunks: how often a chunk is decoded, and how much memory that takes."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormio.formats.stacks.arrays import ArrayPlanes
from wormio.formats.stacks.blocks import BlockReader, plan_blocks


class Chunked:
    """An array that counts how often each of its chunks is decoded."""

    def __init__(self, shape, chunks):
        self.values = np.arange(math.prod(shape), dtype=np.uint16).reshape(shape)
        self.chunks = chunks
        self.decoded = Counter()
        self.largest = 0

    def read(self, _name, key):
        spans = [
            range(k.start // chunk, -(-k.stop // chunk))
            for k, chunk in zip(key, self.chunks, strict=True)
        ]
        for index in np.ndindex(*map(len, spans)):
            self.decoded[tuple(span[i] for span, i in zip(spans, index, strict=True))] += 1
        values = self.values[key].copy()
        self.largest = max(self.largest, values.nbytes)
        return values


def read_in_order(labels, shape, chunks, cache_bytes):
    source = Chunked(shape, chunks)
    planes = ArrayPlanes(labels, shape)
    blocks = plan_blocks(labels, shape, chunks, 2, cache_bytes)
    reader = BlockReader(source.read, blocks, shape, chunks, cache_bytes)
    n_t, n_z, n_c = planes.grid
    for frame in range(n_t * n_z):
        for channel in range(n_c):
            key = planes.key(frame, channel)
            np.testing.assert_array_equal(reader.plane("a", key), source.values[key])
    return source, planes


arrays = st.integers(2, 5).flatmap(
    lambda n: st.tuples(
        st.permutations("TZC"[: n - 2] + "YX"),
        st.lists(st.integers(1, 5), min_size=n, max_size=n),
        st.lists(st.integers(1, 5), min_size=n, max_size=n),
    )
)


@given(arrays)
def test_with_memory_enough_frames_in_order_decode_each_chunk_once(drawn):
    labels, shape, chunks = drawn
    chunks = [min(c, n) for c, n in zip(chunks, shape, strict=True)]
    source, _ = read_in_order(labels, shape, chunks, 1 << 20)
    assert set(source.decoded.values()) == {1}


@given(arrays, st.integers(1, 2000))
def test_with_little_memory_a_chunk_is_decoded_once_for_each_part_that_fits(drawn, cache_bytes):
    labels, shape, chunks = drawn
    chunks = [min(c, n) for c, n in zip(chunks, shape, strict=True)]
    source, planes = read_in_order(labels, shape, chunks, cache_bytes)
    plane = planes.height * planes.width * 2
    assert source.largest <= max(cache_bytes, plane)
    # Never more often than once a plane, which is what reading plane by plane costs.
    outer = [i for i, label in enumerate(labels) if label not in "YX"]
    for index, times in source.decoded.items():
        inside = math.prod(min(chunks[i], shape[i] - index[i] * chunks[i]) for i in outer)
        assert times <= inside


@pytest.mark.parametrize(
    ("chunks", "cache", "expected"),
    [
        ((1, 1, 1, 64, 64), 1 << 20, 1),
        # 100 volumes of 4 planes of 2 channels of 8 KiB would be 6.4 MiB; 16 volumes fit in 1 MiB.
        ((100, 1, 1, 64, 64), 1 << 20, math.ceil(100 / 16)),
        # Not even one volume fits, but each plane's two channels do.
        ((1, 4, 2, 64, 64), 40_000, 2),
    ],
)
def test_the_times_a_chunk_is_decoded_are_those_of_arithmetic(chunks, cache, expected):
    source, _ = read_in_order(list("TZCYX"), (100, 4, 2, 64, 64), chunks, cache)
    assert max(source.decoded.values()) == expected


def test_one_plane_costs_only_the_chunks_that_hold_it():
    source = Chunked((8, 4, 6, 6), (2, 2, 3, 3))
    blocks = plan_blocks(list("TZYX"), (8, 4, 6, 6), (2, 2, 3, 3), 2)
    BlockReader(source.read, blocks, (8, 4, 6, 6), (2, 2, 3, 3)).plane(
        "a", (5, 1, slice(None), slice(None))
    )
    assert set(source.decoded) == {(2, 0, y, x) for y in range(2) for x in range(2)}
