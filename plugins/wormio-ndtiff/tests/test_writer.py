"""What the conformance subject's writer writes, other readers read: it is no dialect of our own."""

import contextlib
import io

import ndstorage
import numpy as np
import pytest
import tifffile
import wormio
from wormio.model import VoxelSize

AXES = [
    {"channel": c, "z": z, "time": t} for t in range(3) for z in range(2) for c in ("red", "green")
]
NUMBERED = [axes | {"channel": int(axes["channel"] == "green")} for axes in AXES]


@contextlib.contextmanager
def library(folder):
    with contextlib.redirect_stdout(io.StringIO()):
        data = ndstorage.Dataset(str(folder))
    try:
        yield data
    finally:
        data.close()


@pytest.mark.parametrize(
    ("axes", "facts"),
    [
        (AXES, {}),
        (AXES, {"images_a_file": 5, "version": (3, 3)}),
        (NUMBERED, {"version": (3, 0)}),
        (NUMBERED, {"version": (2, 0), "images_a_file": 7}),
    ],
)
def test_ndstorage_reads_pixels_and_metadata(write, pixels_of, axes, facts):
    folder = write(axes, told=lambda i, axes: {"Channel": str(axes["channel"])}, **facts)
    with library(folder) as data:
        for i, one in enumerate(axes):
            np.testing.assert_array_equal(data.read_image(**one), pixels_of(i))
            assert data.read_metadata(**one)["ElapsedTime-ms"] == 10 * i


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_tifffile_reads_pages_and_index(write, pixels_of, order, dtype):
    folder = write(
        AXES, order=order, pixels=lambda i: pixels_of(i, dtype), summary={"Prefix": "worm"}
    )
    with tifffile.TiffFile(folder / "worm_NDTiffStack.tif") as tif:
        assert tif.is_ndtiff
        assert tif.micromanager_metadata["Summary"] == {"Prefix": "worm"}
        for i, page in enumerate(tif.pages):
            np.testing.assert_array_equal(page.asarray(), pixels_of(i, dtype))
    if order == "<":  # it reads no other index
        entries = list(tifffile.read_ndtiff_index(folder / "NDTiff.index"))
        assert [entry[0] for entry in entries] == AXES


def test_rgb_is_read_alike(write):
    colours = np.arange(2 * 36, dtype=np.uint8).reshape(2, 3, 4, 3)
    folder = write([{"time": 0}, {"time": 1}], pixels=lambda i: colours[i])
    with library(folder) as data:
        np.testing.assert_array_equal(data.read_image(time=1), colours[1])
    with tifffile.TiffFile(folder / "worm_NDTiffStack.tif") as tif:
        np.testing.assert_array_equal(tif.pages[1].asarray(), colours[1])
    with wormio.open(folder) as recording:
        np.testing.assert_array_equal(recording.frames[:], colours.transpose(0, 3, 1, 2))
        assert [channel.name for channel in recording.channels] == ["red", "green", "blue"]
        assert recording.timeline.stored.tolist() == [[0, 1, 2], [3, 4, 5]]
        assert recording.frames.layout.pixel_stride == 3


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_big_endian_is_read_alike(write, pixels_of, dtype):
    little = write(AXES, pixels=lambda i: pixels_of(i, dtype), folder="little")
    big = write(AXES, pixels=lambda i: pixels_of(i, dtype), folder="big", order=">")
    with wormio.open(little) as one, wormio.open(big) as other:
        np.testing.assert_array_equal(one.frames[:], other.frames[:])
        assert one.frames.dtype == other.frames.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(one.timeline.time, other.timeline.time)


def test_what_ndstorage_writes_is_read(tmp_path, pixels_of):
    data = ndstorage.NDTiffDataset(str(tmp_path), name="worm", writable=True)
    data.initialize({"PixelSize_um": 0.25})
    for i, axes in enumerate(AXES):
        told = {"ElapsedTime-ms": 10.0 * i, "ZPosition_um_Intended": 1.5 * axes["z"]}
        data.put_image(axes, pixels_of(i), told)
    data.current_writer.reader.close()  # the library forgets it
    data.finish()
    data.close()
    with wormio.open(tmp_path / "worm_1") as recording:
        found = recording.frames[:].reshape(12, 3, 4)
        np.testing.assert_array_equal(found, [pixels_of(i) for i in range(12)])
        assert recording.timeline.n_volumes == 3
        assert recording.voxel_size == VoxelSize(z=1.5, y=0.25, x=0.25)
        assert [finding.code for finding in recording.findings] == ["computer-clock"]
