"""Files that are cut, slow, numerous or shared between threads: never a short read."""

import errno
import os
import random
import struct
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from wormio.errors import MissingPartError, RecordingClosedError, TruncatedRecordingError
from wormio.model import FileLayout, MappedFrames

SHAPE = (6, 2, 5, 4)


def truth():
    return np.arange(np.prod(SHAPE), dtype="<u2").reshape(SHAPE)


def one_file(folder):
    """Return the layout of a header and all images, one after the other."""
    path = folder / "one.dat"
    path.write_bytes(b"header" + truth().tobytes())
    return FileLayout(
        files=[path],
        file=np.zeros(SHAPE[:2], int),
        offset=6 + 40 * np.arange(12).reshape(6, 2),
        height=5,
        width=4,
        row_stride=8,
        pixel_stride=2,
        dtype="<u2",
    )


def interleaved(folder):
    """Return the layout of frames whose channels alternate pixel by pixel."""
    path = folder / "interleaved.dat"
    path.write_bytes(truth().transpose(0, 2, 3, 1).tobytes())
    return FileLayout(
        files=[path],
        file=np.zeros(SHAPE[:2], int),
        offset=80 * np.arange(6)[:, None] + 2 * np.arange(2),
        height=5,
        width=4,
        row_stride=16,
        pixel_stride=4,
        dtype="<u2",
    )


def many_files(folder):
    """Return the layout of every image in a file of its own."""
    files = [folder / f"{i:02}.raw" for i in range(12)]
    for path, image in zip(files, truth().reshape(12, 5, 4), strict=True):
        path.write_bytes(image.tobytes())
    return FileLayout(
        files=files,
        file=np.arange(12).reshape(6, 2),
        offset=np.zeros(SHAPE[:2], int),
        height=5,
        width=4,
        row_stride=8,
        pixel_stride=2,
        dtype="<u2",
    )


every_layout = pytest.mark.parametrize("make", [one_file, interleaved, many_files])


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def n_open(folder):
    """Count this process's descriptors of files in a folder."""
    links = (entry for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink())
    return sum(str(folder) in os.path.realpath(entry) for entry in links)


# --- files that are shorter than promised ------------------------------------------------------


@every_layout
def test_a_file_that_lacks_its_last_byte_is_refused_at_open(make, tmp_path):
    layout = make(tmp_path)
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
    layout = one_file(tmp_path)
    layout.files[0].unlink()
    with pytest.raises(FileNotFoundError) as caught:
        MappedFrames(layout)
    assert isinstance(caught.value, MissingPartError)
    assert caught.value.path == str(layout.files[0])


@every_layout
def test_a_file_cut_while_it_is_read_raises_and_names_the_file(make, tmp_path):
    layout = make(tmp_path)
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

    frames = MappedFrames(make(folder))
    monkeypatch.setattr(os, "preadv", stingy)
    np.testing.assert_array_equal(frames[:], truth())
    np.testing.assert_array_equal(frames[4:0:-1, 1, 1:4], truth()[4:0:-1, 1, 1:4])
    assert len(calls) > 40


def test_a_failing_disk_names_the_file(folder, monkeypatch):
    def broken(fd, buffers, offset):
        raise OSError(errno.EIO, "Input/output error")

    layout = one_file(folder)
    frames = MappedFrames(layout)
    monkeypatch.setattr(os, "preadv", broken)
    with pytest.raises(OSError, match=r"one\.dat") as caught:
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
    frames = MappedFrames(one_file(folder))
    frames[0]
    assert n_open(folder) == 1
    del frames
    assert n_open(folder) == 0


def test_no_descriptor_is_left_by_a_read_that_failed(tmp_path):
    layout = many_files(tmp_path)
    frames = MappedFrames(layout)
    os.truncate(layout.files[5], 0)
    with pytest.raises(TruncatedRecordingError):
        frames[:]
    frames.close()
    assert n_open(tmp_path) == 0


@every_layout
def test_eight_threads_reading_at_random_get_the_right_pixels(make, folder):
    frames = MappedFrames(make(folder))
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
        frames = MappedFrames(many_files(folder))

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
