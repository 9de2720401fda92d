"""Frames in uncompressed files, against files written by hand."""

import errno
import itertools
import os
import random
import struct
import tempfile
from concurrent.futures import ThreadPoolExecutor
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
    MissingPartError,
    RecordingClosedError,
    TruncatedRecordingError,
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


def n_open(folder):
    """Count this process's descriptors of files in a folder."""
    links = (entry for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink())
    return sum(str(folder) in os.path.realpath(entry) for entry in links)


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


# --- files that are shorter than promised ------------------------------------------------------


@every_layout
def test_a_file_that_lacks_its_last_byte_is_refused_at_open(make, tmp_path):
    layout = make(tmp_path, "<u2")
    path = layout.files[0]
    needed = int(layout.end[layout.file == 0].max())
    os.truncate(path, needed)
    MappedFrames(layout).close()
    os.truncate(path, needed - 1)
    with pytest.raises(TruncatedRecordingError) as caught:
        MappedFrames(layout)
    message = str(caught.value)
    assert caught.value.path == str(path)
    assert f"at least {needed} bytes" in message
    assert f"{needed - 1} bytes" in message


def test_a_file_that_is_not_there_is_a_missing_part(tmp_path):
    layout = split(tmp_path, "<u2")
    layout.files[0].unlink()
    with pytest.raises(FileNotFoundError) as caught:
        MappedFrames(layout)
    assert isinstance(caught.value, MissingPartError)
    assert caught.value.path == str(layout.files[0])


@every_layout
def test_a_file_cut_while_it_is_read_raises_and_names_the_file(make, tmp_path):
    layout = make(tmp_path, "<u2")
    frames = MappedFrames(layout)
    frames[0]
    for path in layout.files:
        os.truncate(path, 20)
    with pytest.raises(TruncatedRecordingError) as caught:
        frames[:]
    assert Path(caught.value.path) in layout.files
    assert "20 bytes" in str(caught.value)


@every_layout
def test_short_reads_are_completed(make, folder, monkeypatch):
    original = os.preadv
    little = random.Random(1)
    calls = []

    def stingy(fd, buffers, offset):
        calls.append(offset)
        first = next(b for b in buffers if len(b))
        return original(fd, [first[: little.randint(1, 7)]], offset)

    frames = MappedFrames(make(folder, "<u2"))
    monkeypatch.setattr(os, "preadv", stingy)
    np.testing.assert_array_equal(frames[:], truth())
    np.testing.assert_array_equal(frames[4:0:-1, 1, 1:4], truth()[4:0:-1, 1, 1:4])
    assert len(calls) > 40


def test_a_failing_disk_names_the_file(folder, monkeypatch):
    def broken(fd, buffers, offset):
        raise OSError(errno.EIO, "Input/output error")

    layout = split(folder, "<u2")
    frames = MappedFrames(layout)
    monkeypatch.setattr(os, "preadv", broken)
    with pytest.raises(OSError, match=r"split\.dat") as caught:
        frames[0]
    assert caught.value.errno == errno.EIO


def test_more_buffers_than_one_call_takes_and_more_bytes_than_one_read(tmp_path):
    path = tmp_path / "long.dat"
    n = 3000
    path.write_bytes(struct.pack(f"<{n}H", *range(n)))
    one_pixel = {"height": 1, "width": 1, "row_stride": 2, "pixel_stride": 2, "dtype": "<u2"}
    frames = MappedFrames(
        FileLayout(
            files=[path],
            file=np.zeros((n, 1), int),
            offset=2 * np.arange(n)[:, None],
            **one_pixel,
        )
    )
    assert frames[:, 0, 0, 0].tolist() == list(range(n))
    big = tmp_path / "big.dat"
    side = 2100  # 8.8 MB an image: several reads
    images = np.random.default_rng(0).integers(0, 65535, (5, 1, side, side), np.uint16)
    big.write_bytes(images.astype("<u2").tobytes())
    layout = FileLayout(
        files=[big],
        file=np.zeros((5, 1), int),
        offset=(2 * side * side * np.arange(5))[:, None],
        height=side,
        width=side,
        row_stride=2 * side,
        pixel_stride=2,
        dtype="<u2",
    )
    np.testing.assert_array_equal(MappedFrames(layout)[:, :, 1000:], images[:, :, 1000:])
    np.testing.assert_array_equal(MappedFrames(layout)[:], images)


def test_a_small_window_does_not_read_whole_images(tmp_path, monkeypatch):
    path = tmp_path / "wide.dat"
    path.write_bytes(bytes(10 * 1000 * 1000))
    layout = FileLayout(
        files=[path],
        file=np.zeros((10, 1), int),
        offset=(1_000_000 * np.arange(10))[:, None],
        height=1000,
        width=1000,
        row_stride=1000,
        pixel_stride=1,
        dtype="u1",
    )
    original = os.preadv
    read = []

    def counted(fd, buffers, offset):
        read.append(original(fd, buffers, offset))
        return read[-1]

    monkeypatch.setattr(os, "preadv", counted)
    MappedFrames(layout)[:, 0, 500:504, 10:20]
    assert sum(read) <= 10 * 4 * 1000


# --- descriptors and threads ---------------------------------------------------------------------


def test_descriptors_are_bounded_and_all_closed(tmp_path):
    n = 150  # more than are kept open
    for i in range(n):
        (tmp_path / f"{i}.raw").write_bytes(struct.pack("<H", i))
    layout = FileLayout(
        files=[tmp_path / f"{i}.raw" for i in range(n)],
        file=np.arange(n)[:, None],
        offset=np.zeros((n, 1), int),
        height=1,
        width=1,
        row_stride=2,
        pixel_stride=2,
        dtype="<u2",
    )
    frames = MappedFrames(layout)
    assert n_open(tmp_path) == 0
    for _ in range(2):
        assert frames[:, 0, 0, 0].tolist() == list(range(n))
        assert frames[::-1, 0, 0, 0].tolist() == list(range(n))[::-1]
        assert 0 < n_open(tmp_path) <= 64
    frames.close()
    assert n_open(tmp_path) == 0
    with pytest.raises(RecordingClosedError):
        frames[0]


def test_descriptors_are_closed_when_the_frames_are_forgotten(folder):
    frames = MappedFrames(split(folder, "<u2"))
    frames[0]
    assert n_open(folder) == 1
    del frames
    assert n_open(folder) == 0


def test_no_descriptor_is_left_by_a_read_that_failed(tmp_path):
    layout = many_files(tmp_path, "<u2")
    frames = MappedFrames(layout)
    os.truncate(layout.files[5], 0)
    with pytest.raises(TruncatedRecordingError):
        frames[:]
    frames.close()
    assert n_open(tmp_path) == 0


@every_layout
def test_eight_threads_reading_at_random_get_the_right_pixels(make, folder):
    frames = MappedFrames(make(folder, "<u2"))
    pixels = truth()

    def read_many(seed):
        draw = random.Random(seed)
        for _ in range(100):
            f, c = draw.randrange(6), draw.randrange(2)
            stop = draw.randrange(7)
            if not np.array_equal(frames[f, c], pixels[f, c]):
                return False
            if not np.array_equal(frames[f:stop], pixels[f:stop]):
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read_many, range(8)))


def test_closing_while_threads_read_gives_right_pixels_or_a_closed_error(folder):
    pixels = truth()
    for _ in range(20):
        frames = MappedFrames(many_files(folder, "<u2"))

        def read(seed, frames=frames):
            for i in range(50):
                try:
                    result = frames[(seed + i) % 6]
                except RecordingClosedError:
                    return True
                if not np.array_equal(result, pixels[(seed + i) % 6]):
                    return False
            return True

        with ThreadPoolExecutor(4) as pool:
            running = [pool.submit(read, seed) for seed in range(4)]
            frames.close()
            assert all(task.result() for task in running)
        assert n_open(folder) == 0


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
