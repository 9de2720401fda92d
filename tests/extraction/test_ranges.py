"""Byte ranges against a map of every byte, and reading them from files that fail."""

import errno
import os
import tracemalloc
from itertools import pairwise
from pathlib import Path

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormio.errors import ExtractionError, TruncatedRecordingError
from wormio.extraction.ranges import GAP, RowGrid, RowSpans, list_rows, place_rows, read_ranges
from wormio.model._files import SharedFiles

PAGE = 4096
SIZE = 4_000_000
FILES = np.random.default_rng(0).integers(0, 256, (2, SIZE), np.uint8)


def as_spans(image, first, stop):
    """Spans without the images' own lists, which are not looked at here."""
    table = np.stack([image, first, stop, np.full(len(first), -1)], axis=1)
    return RowSpans(table, np.zeros((0, 2), np.int64))


@st.composite
def plans(draw):
    """Images somewhere in two files, and rows of them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n_images, height = draw(st.integers(1, 8)), draw(st.integers(1, 40))
    row_bytes = draw(st.integers(1, 1500))
    phase = draw(st.sampled_from([1, 1, 2, 8]))
    row_stride = row_bytes + draw(st.sampled_from([0, 0, 1, 700, 5000]))
    row_stride += -row_stride % phase
    offset = np.cumsum(rng.choice([0, 13, row_bytes, row_stride * height, 30_000], n_images))
    offset = rng.permutation(offset)
    n_spans = draw(st.integers(1, 30))
    first = rng.integers(0, height, n_spans)
    stop = np.minimum(first + rng.integers(1, 9, n_spans), height)
    image = rng.integers(0, n_images, n_spans)
    spans = as_spans(image, first, stop)
    grid = RowGrid(
        file=rng.integers(0, 2, n_images),
        offset=offset,
        height=height,
        row_stride=row_stride,
        row_bytes=row_bytes,
        phase=phase,
    )
    return spans, grid


def wanted_rows(spans, grid):
    """(image, file, first byte there, first byte in the buffer) of each."""
    for image, first, stop, offset in spans.table.tolist():
        for row in range(first, stop):
            begin = grid.offset[image] + row * grid.row_stride
            at = offset + (row - first) * grid.row_stride
            yield image, int(grid.file[image]), int(begin), at


@given(st.integers(0, 2**32), st.integers(0, 5), st.integers(0, 9), st.floats(0, 1))
def test_listed_rows_are_those_that_are_marked(seed, n_images, height, share):
    rng = np.random.default_rng(seed)
    marks = (rng.random((n_images, height)) < share).astype(np.uint8)
    spans = list_rows(marks, rng.permutation(n_images))
    found = np.zeros((n_images, height + 1), np.uint8)
    for image, (begin, end) in enumerate(spans.of_image.tolist()):
        for one, first, stop, offset in spans.table[begin:end].tolist():
            assert (one, offset) == (image, -1)
            assert not found[image, first - (first > 0) : stop + 1].any()  # nor next to another
            found[image, first:stop] = 1
    np.testing.assert_array_equal(found[:, :-1], marks)


def test_few_rows_of_many_images_take_little_memory():
    marks = np.zeros((5_000, 512), np.uint8)
    marks[::20, 100:104] = 1
    order = np.arange(len(marks))
    tracemalloc.start()
    list_rows(marks, order)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < marks.nbytes


@given(plans(), st.integers(0, 3), st.integers(0, 2**32))
def test_every_row_is_where_the_plan_says_once_its_part_is_read(plan, n_parts, seed):
    spans, grid = plan
    part = np.zeros(len(grid.file), np.int64)
    if n_parts:
        part = np.random.default_rng(seed).integers(0, n_parts, len(grid.file))
        grid = attrs.evolve(grid, part=part, n_parts=n_parts)
    ranges = place_rows(spans, grid)
    assert len(ranges.edges) == max(n_parts, 1) + 1
    assert ranges.edges[-1] == len(ranges)
    buffer = np.zeros(ranges.buffer_bytes, np.uint8)
    for k, (first, last) in enumerate(pairwise(ranges.edges)):
        buffer[:] = 0
        window = slice(first, last)
        for file, (_, begin, length, position) in zip(
            ranges.file[window], ranges.table[window], strict=True
        ):
            buffer[position : position + length] = FILES[file, begin : begin + length]
        for image, file, begin, at in wanted_rows(spans, grid):
            if part[image] == k:
                np.testing.assert_array_equal(
                    buffer[at : at + grid.row_bytes], FILES[file, begin : begin + grid.row_bytes]
                )
                assert at % grid.phase == 0


@given(plans())
def test_ranges_are_as_few_as_gaps_allow_and_touch_no_page_without_a_row(plan):
    spans, grid = plan
    grid = attrs.evolve(grid, phase=1)
    ranges = place_rows(spans, grid)
    # What a span's own rows leave out is read with them.
    pages = set()
    spanned = {0: [], 1: []}
    for image, first, stop in zip(spans.image, spans.first, spans.stop, strict=True):
        begin = grid.offset[image] + first * grid.row_stride
        end = grid.offset[image] + (stop - 1) * grid.row_stride + grid.row_bytes
        spanned[grid.file[image]].append((int(begin), int(end)))
        pages.update(
            (int(grid.file[image]), page) for page in range(begin // PAGE, -(-end // PAGE))
        )
    count = 0
    for pieces in spanned.values():
        reach = -np.inf
        for begin, end in sorted(pieces):
            count += begin - reach > GAP
            reach = max(reach, end)
    assert len(ranges) == count
    assert ranges.length.sum() <= len(pages) * PAGE


def test_rows_that_are_none_are_refused():
    grid = RowGrid(
        file=np.zeros(1, np.int64),
        offset=np.zeros(1, np.int64),
        height=4,
        row_stride=8,
        row_bytes=8,
    )
    for first, stop in ((0, 5), (-1, 2), (2, 2)):
        with pytest.raises(ExtractionError, match="make no sense"):
            place_rows(as_spans(*(np.array([n]) for n in (0, first, stop))), grid)


def _read(path: Path, ranges, n_bytes):
    files = SharedFiles([path])
    buffer = np.zeros(n_bytes, np.uint8)
    try:
        files.use(0, lambda fd: read_ranges(files, 0, fd, np.array(ranges), buffer))
    finally:
        files.close()
    return buffer


def test_a_file_that_ends_too_early_is_told_with_the_offset(tmp_path):
    path = tmp_path / "short.dat"
    path.write_bytes(bytes(range(100)))
    with pytest.raises(TruncatedRecordingError, match="ended while it was read") as caught:
        _read(path, [[0, 0, 10, 0], [0, 95, 10, 64]], 128)
    assert caught.value.path == str(path)
    assert "5 more bytes at offset 100" in str(caught.value)


def test_what_the_system_cannot_read_is_told_with_file_and_offset():
    # Nothing lives at the bottom of a process' memory: the kernel's own EIO.
    path = Path("/proc/self/mem")
    with pytest.raises(OSError, match="7 bytes at offset 64") as caught:
        _read(path, [[0, 64, 7, 0]], 64)
    assert caught.value.errno == errno.EIO
    assert caught.value.filename == str(path)


def test_ranges_that_do_not_fit_the_buffer_are_refused(tmp_path):
    path = tmp_path / "file.dat"
    path.write_bytes(bytes(100))
    with pytest.raises(ExtractionError, match="do not fit"):
        _read(path, [[0, 0, 10, 0], [0, 50, 10, 64]], 70)


def test_a_file_that_its_server_forgot_is_opened_once_more_and_not_twice(tmp_path):
    path = tmp_path / "file.dat"
    path.write_bytes(b"pixels")
    files = SharedFiles([path])
    seen = []

    def read(fd):
        seen.append(os.pread(fd, 6, 0))
        if len(seen) == 1 or path.stat().st_size == 0:
            raise OSError(errno.ESTALE, "Stale file handle")
        return seen[-1]

    assert files.use(0, read) == b"pixels"
    assert len(seen) == 2
    os.truncate(path, 0)
    with pytest.raises(OSError, match="Stale"):
        files.use(0, read)
    assert len(seen) == 4
    files.close()
