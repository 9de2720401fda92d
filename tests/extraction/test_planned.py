"""Reading rows in place: the same pixels and samples as from memory, no more bytes than planned."""

import contextlib
import errno
import os
from concurrent.futures import ThreadPoolExecutor

import attrs
import numpy as np
import pytest

import wormio
from wormio.errors import MissingImageError, RecordingClosedError, TruncatedRecordingError
from wormio.extraction import costs, planned, ranges, reading
from wormio.model import (
    ArrayRecording,
    BaseRecording,
    FileLayout,
    MappedFrames,
    Positions,
    VoxelSize,
    frames_from_reader,
)

V, Z, C, Y, X = 4, 5, 2, 24, 17
PIXELS = np.random.default_rng(4).integers(0, 60_000, (V * Z, C, Y, X)).astype(np.uint16)
TRUTH = ArrayRecording.from_volumes(
    PIXELS.reshape(V, Z, C, Y, X), voxel_size=VoxelSize(z=1, y=1, x=1), volume_interval=1.0
)
# Axes of the file, slowest first, and whether it begins with an odd number of other bytes.
LAYOUTS = {
    "split": ("fcyx", 0),
    "interleaved rows": ("fycx", 0),
    "interleaved pixels": ("fyxc", 0),
    "channel after channel": ("cfyx", 0),
    "unaligned": ("fcyx", 3),
}


def write(folder, order, header, dtype, n_files=1):
    """Write PIXELS as files of raw bytes, and return their layout."""
    size = {"f": V * Z // n_files, "c": C, "y": Y, "x": X}
    stride, step = {}, np.dtype(dtype).itemsize
    for axis in reversed(order):
        stride[axis], step = step, step * size[axis]
    paths, file, offset = [], [], []
    for number, part in enumerate(np.split(PIXELS, n_files)):
        path = folder / f"part{number}.dat"
        data = part.astype(dtype).transpose(["fcyx".index(axis) for axis in order])
        path.write_bytes(b"\1" * header + data.tobytes())
        paths.append(path)
        file.append(np.full((len(part), C), number))
        frames = np.arange(len(part))[:, None] * stride["f"]
        offset.append(header + frames + np.arange(C) * stride["c"])
    return FileLayout(
        files=paths,
        file=np.concatenate(file),
        offset=np.concatenate(offset),
        height=Y,
        width=X,
        row_stride=stride["y"],
        pixel_stride=stride["x"],
        dtype=dtype,
    )


def as_recording(frames):
    return BaseRecording(
        source=TRUTH.source,
        frames=frames,
        timeline=TRUTH.timeline,
        channels=TRUTH.channels,
        voxel_size=TRUTH.voxel_size,
    )


def neurons(n=9, seed=1):
    rng = np.random.default_rng(seed)
    return Positions.tracked(rng.uniform([0, 0, 0], [Z - 1, Y - 1, X - 1], (V, n, 3)), z_unit="um")


def samples(recording, where, **options):
    signals = wormio.extract(recording, where, **options)
    return np.stack([s.data for s in signals.values()]), np.stack(
        [s.voxels for s in signals.values()]
    )


@pytest.mark.parametrize("boundary", ["exclude", "clip", "nan"])
@pytest.mark.parametrize("dtype", ["<u2", ">u2", ">f4", "<f8", "u4"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_samples_are_those_of_the_same_pixels_in_memory(tmp_path, name, dtype, boundary):
    order, header = LAYOUTS[name]
    layout = write(tmp_path, order, header, dtype, n_files=2)
    options = {"boundary": boundary, "mask": wormio.Box(3, 5, 3)}
    expected = samples(TRUTH, neurons(), **options)
    with as_recording(MappedFrames(layout)) as recording:
        assert planned.layout_of(recording.frames) is layout
        for found, wanted in zip(samples(recording, neurons(), **options), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)
        one = samples(recording, neurons(), channels=[TRUTH.channels[1].name], **options)
        np.testing.assert_array_equal(one[0][0], expected[0][1])


def test_batches_and_threads_change_no_bit(tmp_path):
    layout = write(tmp_path, "fcyx", 0, "<u2")
    with as_recording(MappedFrames(layout)) as recording:
        expected = samples(recording, neurons())
        for memory in (1, 10_000, 1 << 30):
            with ThreadPoolExecutor(3) as pool:
                found = samples(recording, neurons(), memory=memory, executor=pool)
            np.testing.assert_array_equal(found, expected)


def test_swapped_pixels_that_lie_askew_are_read_through_the_frames(tmp_path):
    data = np.zeros((V * Z, C, Y, 2 * X + 1), np.uint8)
    data[..., 1:] = PIXELS.astype(">u2").view(np.uint8)
    (tmp_path / "odd.dat").write_bytes(data.tobytes())
    row = 2 * X + 1
    offset = 1 + np.arange(V * Z * C).reshape(V * Z, C) * Y * row
    layout = FileLayout(
        files=[tmp_path / "odd.dat"],
        file=np.zeros_like(offset),
        offset=offset,
        height=Y,
        width=X,
        row_stride=row,
        pixel_stride=2,
        dtype=">u2",
    )
    with as_recording(MappedFrames(layout)) as recording:
        assert planned.layout_of(recording.frames) is None
        np.testing.assert_array_equal(
            samples(recording, neurons())[0], samples(TRUTH, neurons())[0]
        )


class Counted:
    """Frames that are mappable, though of no class of wormio."""

    def __init__(self, frames):
        self.layout, self.shape, self.dtype, self.ndim = (
            frames.layout,
            frames.shape,
            frames.dtype,
            4,
        )

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, key):
        raise AssertionError("whole images are not needed")


def test_frames_of_any_class_are_read_in_place_if_they_say_where_they_lie(tmp_path):
    with contextlib.closing(MappedFrames(write(tmp_path, "fcyx", 0, "<u2"))) as frames:
        recording = as_recording(Counted(frames))
        np.testing.assert_array_equal(samples(recording, neurons()), samples(TRUTH, neurons()))


@pytest.fixture
def reads(monkeypatch):
    """(bytes, ranges) of every reading."""
    seen = []
    real = ranges.read_ranges

    def count(files, index, fd, table, buffer):
        seen.append((int(table[:, 2].sum()), len(table)))
        real(files, index, fd, table, buffer)

    monkeypatch.setattr(planned, "read_ranges", count)
    return seen


def test_only_the_rows_of_the_masks_are_read_and_the_price_says_so(tmp_path, reads):
    layout = write(tmp_path, "fcyx", 0, "<u2")
    where = Positions.static([[2.0, 10, 8]], z_unit="um")
    with as_recording(MappedFrames(layout)) as recording:
        wormio.extract(recording, where, mask=wormio.Box(1, 3, 3), executor=ThreadPoolExecutor(1))
    row = 2 * X
    # Two channels a volume: their rows are (Y - 3) rows apart, less than a page.
    assert sum(n for _, n in reads) <= V
    assert sum(n for n, _ in reads) <= V * (Y + 3) * row + (V - 1) * ranges.GAP


def test_a_price_is_what_is_then_read(tmp_path, reads, monkeypatch):
    from wormio.extraction import running

    layout = write(tmp_path, "fcyx", 0, "<u2")
    prices = []
    real = running.plan_batches

    def batches(plan, max_bytes):
        found = real(plan, max_bytes)
        prices.append(costs.price(plan, found))
        return found

    monkeypatch.setattr(running, "plan_batches", batches)
    with as_recording(MappedFrames(layout)) as recording:
        wormio.extract(recording, neurons(), memory=1)
        assert prices[0].in_place
        assert len(prices[0].read) == V
        assert prices[0].total_read == sum(n for n, _ in reads)
        assert prices[0].total_pieces == sum(n for _, n in reads)
    wormio.extract(TRUTH, neurons(), memory=1)
    assert not prices[1].in_place
    assert 0 < prices[1].total_pieces <= V * Z * C
    assert prices[1].total_read == prices[1].total_pieces * Y * X * 2
    assert prices[1].largest >= prices[1].read.max()


def test_decoded_images_are_decoded_once_and_only_those_that_masks_touch():
    decoded = []

    def read_image(frame, channel):
        decoded.append((frame, channel))
        return PIXELS[frame, channel]

    recording = as_recording(frames_from_reader(read_image, PIXELS.shape, np.uint16))
    where = Positions.static([[1.0, 10, 8]], z_unit="um")
    found = samples(recording, where, mask=wormio.Box(3, 3, 3))
    np.testing.assert_array_equal(found, samples(TRUTH, where, mask=wormio.Box(3, 3, 3)))
    expected = [(v * Z + z, c) for v in range(V) for z in range(3) for c in range(C)]
    assert sorted(decoded) == expected


def test_a_file_that_is_cut_while_it_is_read_ends_the_extraction_with_its_offset(tmp_path):
    layout = write(tmp_path, "fcyx", 0, "<u2")
    with as_recording(MappedFrames(layout)) as recording:
        os.truncate(layout.files[0], 2 * PIXELS.size // 2)
        with pytest.raises(TruncatedRecordingError, match="more bytes at offset") as caught:
            wormio.extract(recording, neurons())
    assert caught.value.path == str(layout.files[0])


def test_what_the_system_refuses_names_the_file_and_the_offset(tmp_path, monkeypatch):
    layout = write(tmp_path, "fcyx", 0, "<u2")

    def fail(files, index, fd, table, buffer):
        raise files.failed(index, int(table[0, 1]), int(table[0, 2]), errno.EIO)

    monkeypatch.setattr(planned, "read_ranges", fail)
    with (
        as_recording(MappedFrames(layout)) as recording,
        pytest.raises(OSError, match="at offset") as caught,
    ):
        wormio.extract(recording, neurons())
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, str(layout.files[0]))


@pytest.mark.parametrize("through", ["planned", "frames"])
def test_a_stale_handle_is_replaced_once(tmp_path, monkeypatch, through):
    layout = write(tmp_path, "fcyx", 0, "<u2")
    calls = []
    module, name = (planned, "read_ranges") if through == "planned" else (os, "preadv")
    real = getattr(module, name)

    def stale_at_first(*args, **kwargs):
        calls.append(args)
        if len(calls) == 1:
            raise OSError(errno.ESTALE, "Stale file handle")
        return real(*args, **kwargs)

    with as_recording(MappedFrames(layout)) as recording:
        monkeypatch.setattr(module, name, stale_at_first)
        if through == "planned":
            np.testing.assert_array_equal(samples(recording, neurons()), samples(TRUTH, neurons()))
        else:
            np.testing.assert_array_equal(recording.frames[3], PIXELS[3])


def test_a_closed_recording_is_not_read(tmp_path):
    recording = as_recording(MappedFrames(write(tmp_path, "fcyx", 0, "<u2")))
    recording.close()
    with pytest.raises(RecordingClosedError):
        wormio.extract(recording, neurons())


def test_an_image_in_no_file_is_named(tmp_path):
    layout = write(tmp_path, "fcyx", 0, "<u2")
    file = layout.file.copy()
    file[7, 1] = -1
    marks = np.zeros((20, Y), np.uint8)
    marks[13, :2] = 1  # channel 1, frame 4 + 3
    with pytest.raises(MissingImageError, match="frame 7, channel 1"):
        planned.plan_rows(attrs.evolve(layout, file=file), (4, 14), (0, 1), marks)


def test_the_planned_bytes_are_announced_only_if_they_are_not_in_memory(tmp_path, monkeypatch):
    layout = write(tmp_path, "fcyx", 0, "<u2")
    asked = []
    monkeypatch.setattr(os, "posix_fadvise", lambda fd, *args: asked.append(args))
    marks = np.zeros((10, Y), np.uint8)
    marks[[0, 9], 2:5] = 1
    with as_recording(MappedFrames(layout)) as recording:
        reading.plan_block(recording, (0, 5), (0, 1), marks).fill(0)
        assert not asked  # just written: the system holds it

        def absent(fd, buffers, offset, flags=0):
            raise BlockingIOError(errno.EAGAIN, "not in memory")

        monkeypatch.setattr(os, "preadv", absent)
        reading.plan_block(recording, (0, 5), (0, 1), marks).fill(0)
    image, first = 2 * Y * X, 2 * 2 * X
    assert asked == [
        (begin, 3 * 2 * X, os.POSIX_FADV_WILLNEED) for begin in (first, 9 * image + first)
    ]
