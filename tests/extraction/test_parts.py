"""A batch that is read part by part, into the same memory: no sample is another, however it is cut.

Every part finds garbage in the memory where the one before it was, so that nothing of it can pass
for pixels.
"""

from concurrent.futures import Executor, Future, ThreadPoolExecutor

import attrs
import numpy as np
import pytest

import wormio
from wormio.extraction import (
    Annulus,
    Box,
    BrightestMean,
    Ellipsoid,
    Max,
    Mean,
    Median,
    Offsets,
    Percentile,
    PlanePercentile,
    Std,
    Sum,
    Weighted,
    checkpoint,
    costs,
    plan,
    reading,
    running,
)
from wormio.model import (
    ArrayRecording,
    BaseRecording,
    FileLayout,
    Flag,
    Labels,
    MappedFrames,
    Origin,
    Positions,
    Timeline,
    VoxelSize,
)

V, Z, C, Y, X, N = 8, 4, 2, 22, 45, 7
FRAMES = V * Z + 1  # the first one belongs to no volume
RNG = np.random.default_rng(11)
PIXELS = RNG.integers(0, 30_000, (FRAMES, C, Y, X)).astype(np.uint16)
EMPTY = (2, 4, 6, 7)  # volumes of which nothing was saved
ZYX = RNG.uniform((-0.4, -0.4, -0.4), (Z - 0.6, Y - 0.6, X - 0.6), (V, N, 3))
ZYX[RNG.random((V, N)) < 0.1] = np.nan
IN_UM = Positions.tracked(ZYX, z_unit="um")
IN_FRAMES = Positions.tracked(ZYX, z_unit="frame")
IMAGE = RNG.integers(0, 9, (V, Z, Y, X)) * (RNG.random((V, Z, Y, X)) < 0.1)


def timeline(empty=EMPTY):
    """Return volumes with planes missing in one channel, one saved twice, and those empty."""
    stored = np.arange(FRAMES * C).reshape(FRAMES, C)
    stored[[3, 5, 12, 13, 22], [0, 1, 0, 0, 1]] = -1
    flags, count, first = (
        np.zeros((2, FRAMES), np.int64)[0],
        np.arange(FRAMES),
        1 + Z * np.arange(V),
    )
    flags[8], count[8] = Flag.DUPLICATE, 7
    for volume in empty:
        stored[first[volume] : first[volume] + Z] = -1
    return Timeline(
        time=np.arange(FRAMES) * 0.1,
        z=(count - 1) % Z * 1.0,
        count=count,
        flags=flags,
        stored=stored,
        volumes=np.stack([first, first + Z], axis=1),
        volume_counts=np.stack([first, first + Z], axis=1),
        origins=dict.fromkeys(("time", "z", "count", "volume"), Origin.MEASURED),
    )


MEMORY = ArrayRecording(PIXELS, timeline(), voxel_size=VoxelSize(z=1, y=1, x=1))


def in_files(folder, order="fcyx", dtype="<u2", header=0, lines=None):
    """Return the recording in three files that are cut within volumes; axes slowest first."""
    lines = timeline() if lines is None else lines
    paths, file, offset = [], [], []
    for number, part in enumerate(np.split(PIXELS, 3)):
        size = dict(zip("fcyx", part.shape, strict=True))
        stride, step = {}, np.dtype(dtype).itemsize
        for axis in reversed(order):
            stride[axis], step = step, step * size[axis]
        data = part.astype(dtype).transpose(["fcyx".index(axis) for axis in order])
        paths.append(folder / f"{number}.dat")
        paths[-1].write_bytes(b"\1" * header + data.tobytes())
        file.append(np.full((len(part), C), number))
        at = np.arange(len(part))[:, np.newaxis] * stride["f"] + np.arange(C) * stride["c"]
        offset.append(header + at)
    layout = FileLayout(
        files=paths,
        file=np.where(lines.stored < 0, -1, np.concatenate(file)),
        offset=np.concatenate(offset),
        height=Y,
        width=X,
        row_stride=stride["y"],
        pixel_stride=stride["x"],
        dtype=dtype,
    )
    return BaseRecording(
        source=MEMORY.source,
        frames=MappedFrames(layout),
        timeline=lines,
        channels=MEMORY.channels,
        voxel_size=MEMORY.voxel_size,
    )


@pytest.fixture
def parts(monkeypatch):
    """(part, bytes of memory) of every one that is read, each into memory full of garbage."""
    seen = []
    real = reading.read_rows

    def read(frames, planned, part, buffer):
        seen.append((part, len(buffer)))
        buffer[:] = 0xEB
        real(frames, planned, part, buffer)

    monkeypatch.setattr(reading, "read_rows", read)
    monkeypatch.setattr(plan, "_PART_BYTES", 1)  # no part is larger than a volume
    return seen


def check(found, expected):
    assert found.keys() == expected.keys()
    for name, signal in found.items():
        assert signal.valid.any()
        for column in ("data", "voxels", "saturated", "background"):
            one, other = getattr(signal, column), getattr(expected[name], column)
            np.testing.assert_array_equal(one, other, err_msg=f"{name} {column}")


@attrs.frozen
class Odd:
    """A plugin's reducer, which depends on the order of voxels and on their weights."""

    unit = "counts"

    def reduce(self, values, counts, weights):
        weights = np.ones_like(values) if weights is None else weights
        there = np.arange(values.shape[1]) < counts[:, np.newaxis]
        return np.where(there, values * weights * np.arange(1, values.shape[1] + 1), 0).sum(axis=1)

    def to_json(self):
        return {"name": "odd"}


GRID = np.indices((3, 3, 3)).reshape(3, -1).T - 1
SCATTERED = [[0, 2 * i - 20, 7 * i % 11 - 5] for i in range(20)]  # more slabs than C keeps
WEIGHTED = Weighted(GRID, np.linspace(0, 2, N * 27).reshape(N, 27))
REDUCERS = [Sum(), BrightestMean(3), Median(), Percentile(30), Max(), Std(), Odd()]
PRESET = {"where": IN_FRAMES, "preset": "wormdatamodel-1.5"}
CHOICES = [
    *({"boundary": boundary, "mask": Box(3, 5, 5)} for boundary in ("exclude", "clip", "nan")),
    *({"boundary": boundary, "subpixel": "linear"} for boundary in ("exclude", "clip", "nan")),
    *({"reducer": reducer, "saturation": 25_000.0} for reducer in REDUCERS),
    {"mask": Ellipsoid(2.5, 6, 9), "offset": 900.0},
    {"mask": Offsets(SCATTERED), "boundary": "clip"},
    {"mask": WEIGHTED},
    {"mask": WEIGHTED, "reducer": Sum(), "subpixel": "linear"},
    {"mask": WEIGHTED, "reducer": Odd()},
    {"mask": {"soma": Box(1, 3, 3), "ring": Ellipsoid(3, 9, 9)}, "background": Annulus()},
    {"background": Annulus(), "reducer": Sum(), "boundary": "nan"},
    {"background": Annulus(), "subpixel": "linear"},
    {"background": PlanePercentile(20), "boundary": "clip"},
    {"background": PlanePercentile(), "channels": 1},
    {"where": Labels(image=IMAGE)},
    {"where": Labels(image=IMAGE), "boundary": "clip", "reducer": Odd()},
    {"where": Labels(image=IMAGE), "background": Annulus()},
    {"where": IN_FRAMES, "channels": 0},
    {"where": {"channel-0": IN_UM, "channel-1": Positions.tracked(ZYX[:, ::-1])}},
    {"channels": [1, 0]},
    PRESET,
    {**PRESET, "mask": WEIGHTED},
    {**PRESET, "background": PlanePercentile(), "mask": Box(1, 3, 3)},
    {"volumes": (1, 7)},
]


@pytest.mark.parametrize("options", CHOICES, ids="-".join)
def test_parts_of_one_volume_give_the_samples_of_the_whole_in_memory(tmp_path, parts, options):
    options = dict(options)
    where = options.pop("where", IN_UM)
    expected = wormio.extract(MEMORY, where, **options)
    with in_files(tmp_path) as recording:
        check(wormio.extract(recording, where, **options), expected)
    first, stop = options.get("volumes", (0, V))
    assert [part for part, _ in parts] == list(range(stop - first))


@pytest.mark.parametrize("dtype", ["<u2", ">u2", ">i2", ">f4", "<f8"])
@pytest.mark.parametrize(
    ("order", "header"),
    [("fcyx", 0), ("fcyx", 3), ("fycx", 0), ("fyxc", 0), ("fyxc", 1), ("cfyx", 0), ("yfcx", 0)],
)
def test_parts_are_the_same_wherever_pixels_lie(tmp_path, parts, order, header, dtype):
    with in_files(tmp_path, order, dtype, header) as recording:
        check(wormio.extract(recording, IN_UM), wormio.extract(MEMORY, IN_UM))
    assert len(parts) == V


@pytest.mark.parametrize("part_bytes", [1, 4_000, 9_000, 1 << 30])
@pytest.mark.parametrize("batch_bytes", [1, 20_000, 1 << 30])
def test_no_size_of_part_or_batch_changes_a_sample(
    tmp_path, parts, monkeypatch, part_bytes, batch_bytes
):
    monkeypatch.setattr(plan, "_PART_BYTES", part_bytes)
    monkeypatch.setattr(plan, "_BATCH_BYTES", {"in place": batch_bytes, "decoded": batch_bytes})
    expected = wormio.extract(MEMORY, IN_UM, background=Annulus())
    with in_files(tmp_path) as recording, ThreadPoolExecutor(3) as pool:
        check(wormio.extract(recording, IN_UM, background=Annulus(), executor=pool), expected)


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
@pytest.mark.parametrize(
    "empty",
    [
        (),
        (0,),
        (V - 1,),
        (0, 1, 2),
        (5, 6),
        (2, 3, 5),
        (5, 6, 7),
        (1, 3, 5, 7),
        (0, 2, 4, 6),
        range(1, V),
    ],
    ids=str,
)
def test_volumes_of_which_nothing_was_saved_are_parts_like_others(tmp_path, parts, empty, dtype):
    lines = timeline(empty)
    memory = ArrayRecording(PIXELS, lines, voxel_size=MEMORY.voxel_size)
    expected = wormio.extract(memory, IN_UM)
    with in_files(tmp_path, dtype=dtype, lines=lines) as recording:
        check(wormio.extract(recording, IN_UM), expected)
    assert [part for part, _ in parts] == list(range(V))


@pytest.mark.parametrize("empty", [(), (1, 3, 5, 7)], ids=str)
def test_the_memory_is_that_of_the_largest_part(tmp_path, parts, monkeypatch, empty):
    everything = Positions.static([[1.0, Y / 2, X / 2]])
    options = {"mask": Box(7, 2 * Y + 1, 3)}
    with in_files(tmp_path, lines=timeline(empty)) as recording:
        wormio.extract(recording, everything, **options)
    # The images of a volume, each file's from a line of the cache on.
    assert {size for _, size in parts} <= set(range(Z * C * Y * X * 2 + 64 * Z * C))


def test_a_price_is_what_all_parts_read(tmp_path, parts, monkeypatch):
    prices, lengths = [], []
    real_batches, real_rows = running.plan_batches, reading.plan_rows

    def batches(*args):
        found = real_batches(*args)
        prices.append(costs.price(args[0], found))
        return found

    def rows(*args):
        planned = real_rows(*args)
        lengths.append((int(planned.ranges.length.sum()), len(planned.ranges)))
        return planned

    monkeypatch.setattr(running, "plan_batches", batches)
    monkeypatch.setattr(reading, "plan_rows", rows)
    with in_files(tmp_path) as recording:
        wormio.extract(recording, IN_UM)
    ((price,), ((n_bytes, n_ranges),)) = prices, lengths
    assert (price.total_read, price.total_pieces) == (n_bytes, n_ranges)
    assert {price.largest} == {size for _, size in parts}


class InThisThread(Executor):
    """Does at once what it is given."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def test_a_reducer_may_itself_extract_in_the_same_thread(tmp_path, parts):
    @attrs.frozen
    class Nested(Odd):
        def reduce(self, values, counts, weights):
            wormio.extract(recording, IN_UM, mask=Box(3, 3, 3), executor=InThisThread())
            return super().reduce(values, counts, weights)

    masks = {"soma": Box(1, 3, 3), "ring": Ellipsoid(3, 9, 9)}
    expected = wormio.extract(MEMORY, IN_UM, mask=masks, reducer=Odd())
    with in_files(tmp_path) as recording:
        options = {"mask": masks, "reducer": Nested(), "executor": InThisThread()}
        check(wormio.extract(recording, IN_UM, **options), expected)


def test_the_memory_of_a_plan_is_the_next_ones_once_nobody_holds_it(tmp_path):
    def planned():
        return reading.plan_block(recording, (9, 17), (0, 1), marks)

    marks = np.ones((8 * C, Y), np.uint8)
    with in_files(tmp_path, lines=timeline(())) as recording:
        marks[[3, 4, 13], :] = 0  # never saved
        one, other = planned(), planned()
        assert not np.shares_memory(one.block.buffer, other.block.buffer)
        address = other.block.buffer.ctypes.data
        del one, other
        assert planned().block.buffer.ctypes.data == address


def test_a_checkpoint_goes_on_with_other_parts_and_batches(tmp_path, parts, monkeypatch):
    class StopError(Exception):
        pass

    def stop(done, _total):
        if done >= 3:
            raise StopError

    monkeypatch.setattr(checkpoint, "_BLOCK_SECONDS", 0.0)
    expected = wormio.extract(MEMORY, IN_UM, reducer=Mean())
    kept = tmp_path / "kept"
    with in_files(tmp_path) as recording:
        with pytest.raises(StopError):
            wormio.extract(recording, IN_UM, checkpoint=kept, memory=1, progress=stop)
        parts.clear()
        check(wormio.extract(recording, IN_UM, checkpoint=kept), expected)
    assert 1 < len(parts) < V
