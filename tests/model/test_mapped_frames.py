"""Frames in uncompressed files, against files written by hand."""

import itertools
import os
import tempfile
from pathlib import Path

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormio.errors import (
    ContractError,
    FrameIndexError,
    MissingImageError,
    RecordingClosedError,
)
from wormio.model import (
    BaseRecording,
    Channel,
    FileLayout,
    MappableFrames,
    MappedFrames,
    Source,
    Timeline,
    stored_in_order,
)

SHAPE = (6, 2, 5, 4)
HEADER = 13  # odd, so that nothing is aligned


def truth(dtype="<u2"):
    values = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    return (values % 251 if np.dtype(dtype).itemsize == 1 else values).astype(dtype)


def split(folder, dtype):
    """Channel after channel in a frame, all in one file behind a header."""
    pixels = truth(dtype)
    path = folder / "split.dat"
    path.write_bytes(b"h" * HEADER + pixels.tobytes())
    item = pixels.dtype.itemsize
    return FileLayout(
        files=[path],
        file=np.zeros(SHAPE[:2], int),
        offset=HEADER + np.arange(12).reshape(6, 2) * 20 * item,
        height=5,
        width=4,
        row_stride=4 * item,
        pixel_stride=item,
        dtype=dtype,
    )


def interleaved(folder, dtype):
    """The channels of a pixel side by side, and rows padded."""
    pixels = truth(dtype)
    path = folder / "interleaved.dat"
    item = pixels.dtype.itemsize
    row = 4 * 2 * item + 3
    with path.open("wb") as file:
        for frame in pixels:
            for y in range(5):
                for x in range(4):
                    for c in range(2):
                        file.write(frame[c, y, x : x + 1].tobytes())
                file.write(b"pad")
    first = np.arange(6)[:, None] * 5 * row
    return FileLayout(
        files=[path],
        file=np.zeros(SHAPE[:2], int),
        offset=first + np.arange(2) * item,
        height=5,
        width=4,
        row_stride=row,
        pixel_stride=2 * item,
        dtype=dtype,
    )


def many_files(folder, dtype):
    """Every image in a file of its own, numbered backwards."""
    pixels = truth(dtype)
    files = []
    for index in range(12):
        path = folder / f"{11 - index:03}.raw"
        path.write_bytes(b"?" * index + pixels.reshape(12, 5, 4)[index].tobytes())
        files.append(path)
    item = pixels.dtype.itemsize
    return FileLayout(
        files=files[::-1],
        file=11 - np.arange(12).reshape(6, 2),
        offset=np.arange(12).reshape(6, 2),
        height=5,
        width=4,
        row_stride=4 * item,
        pixel_stride=item,
        dtype=dtype,
    )


def shuffled(folder, dtype):
    """Images in any order with gaps between them, two frames sharing theirs."""
    pixels = truth(dtype)
    item = pixels.dtype.itemsize
    order = np.random.default_rng(5).permutation(12)
    offset = np.empty(12, int)
    content = b""
    for index in order:
        content += b"gap" * (index % 3)
        offset[index] = len(content)
        content += pixels.reshape(12, 5, 4)[index].tobytes()
    path = folder / "shuffled.dat"
    path.write_bytes(content)
    return FileLayout(
        files=[path],
        file=np.zeros(SHAPE[:2], int),
        offset=offset.reshape(6, 2),
        height=5,
        width=4,
        row_stride=4 * item,
        pixel_stride=item,
        dtype=dtype,
    )


LAYOUTS = (split, interleaved, many_files, shuffled)
every_layout = pytest.mark.parametrize("make", LAYOUTS)


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


DTYPES = ("u1", "<u2", ">u2", ">i4", "<f4", ">f8")


@pytest.fixture(scope="module")
def written(folder):
    layouts = {}
    for make, dtype in itertools.product(LAYOUTS, DTYPES):
        own = folder / f"{make.__name__}-{dtype.strip('<>')}-{dtype[0] == '>'}"
        own.mkdir()
        layouts[make, dtype] = make(own, dtype)
    return layouts


@every_layout
@given(
    dtype=st.sampled_from(DTYPES),
    key=st.tuples(st.slices(6), st.slices(2), st.slices(5), st.slices(4)),
    n=st.integers(1, 4),
)
def test_any_layout_and_byte_order_reads_as_the_array_it_was_written_from(
    make, written, dtype, key, n
):
    frames = MappedFrames(written[make, dtype])
    result = frames[key[:n]]
    expected = truth(dtype)[key[:n]]
    np.testing.assert_array_equal(result, expected)
    assert result.dtype.isnative
    assert result.dtype == expected.dtype.newbyteorder("=")
    assert result.flags.c_contiguous
    assert result.flags.writeable
    np.testing.assert_array_equal(frames[2, 1, 3, 0], truth(dtype)[2, 1, 3, 0])


@every_layout
def test_results_do_not_share_memory(make, folder):
    frames = MappedFrames(make(folder, "<u2"))
    one = frames[1:3]
    one[...] = 0
    np.testing.assert_array_equal(frames[1:3], truth()[1:3])


def test_two_frames_may_share_one_image(folder):
    layout = split(folder, "<u2")
    offset = layout.offset[[0, 0, 1, 1, 1, 2]]
    frames = MappedFrames(attrs.evolve(layout, offset=offset))
    np.testing.assert_array_equal(frames[:], truth()[[0, 0, 1, 1, 1, 2]])


@every_layout
def test_a_selection_of_mapped_frames_is_mapped_and_equal(make, folder):
    recording = as_recording(MappedFrames(make(folder, "<u2")))
    part = recording.select(channels=[1], frames=slice(2, 5))
    assert isinstance(part.frames, MappableFrames)
    assert part.frames.layout.shape == (3, 1, 5, 4)
    np.testing.assert_array_equal(part.frames[::-1], truth()[2:5, 1:][::-1])


def as_recording(frames):
    return BaseRecording(
        source=Source("memory"),
        frames=frames,
        timeline=Timeline(
            time=np.full(len(frames), np.nan),
            volumes=[],
            stored=stored_in_order(*frames.shape[:2]),
            origins={},
        ),
        channels=[Channel(name=f"{i}") for i in range(frames.shape[1])],
    )


def test_a_view_cannot_be_read_once_its_recording_is_closed(folder):
    recording = as_recording(MappedFrames(split(folder, "<u2")))
    part = recording.select(frames=slice(1, 3))
    recording.close()
    with pytest.raises(RecordingClosedError):
        part.frames[0]
    with pytest.raises(RecordingClosedError):
        recording.select(frames=slice(1, 3)).frames[0]


def test_a_view_stays_readable_when_only_itself_is_kept(folder):
    part = as_recording(MappedFrames(split(folder, "<u2"))).select(frames=slice(1, 3))
    np.testing.assert_array_equal(part.frames[:], truth()[1:3])


def test_closing_a_view_leaves_its_recording_open(folder):
    recording = as_recording(MappedFrames(split(folder, "<u2")))
    with recording.select(frames=slice(1, 3)) as part:
        part.frames[0]
    with pytest.raises(RecordingClosedError):
        part.frames[0]
    np.testing.assert_array_equal(recording.frames[1], truth()[1])


# --- holes ---------------------------------------------------------------------------------------


def test_an_image_never_saved_raises_by_name_and_the_others_read(folder):
    layout = split(folder, "<u2")
    file = np.array(layout.file)
    file[3, 1] = -1
    offset = np.array(layout.offset)
    offset[3, 1] = -1
    frames = MappedFrames(attrs.evolve(layout, file=file, offset=offset))
    np.testing.assert_array_equal(frames[:, 0], truth()[:, 0])
    np.testing.assert_array_equal(frames[:3], truth()[:3])
    assert frames[3:4, 1:1].size == 0
    for key in (3, slice(None), (slice(5, 1, -1), 1), (3, 1, 0, 0), (slice(None), -1, 2)):
        with pytest.raises(MissingImageError, match="frame 3, channel 1 was never saved"):
            frames[key]


# --- layouts that cannot be ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"offset": np.zeros((3, 2), int)},
        {"file": np.ones(SHAPE[:2], int)},
        {"offset": np.full(SHAPE[:2], -2)},
        {"row_stride": -8},
        {"pixel_stride": 0},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_layout_that_contradicts_itself_is_refused(folder, wrong):
    with pytest.raises(ContractError):
        MappedFrames(attrs.evolve(split(folder, "<u2"), **wrong))


def test_out_of_range_is_an_index_error_before_any_read(folder, monkeypatch):
    frames = MappedFrames(split(folder, "<u2"))
    monkeypatch.setattr(os, "preadv", None)
    with pytest.raises(FrameIndexError):
        frames[6]
