"""The pixels of TIFFs, however they are cut, packed, placed or cut off; oracle: tifffile, numpy."""

import importlib.util
import lzma
import os
import random
import struct
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

import wormio
from wormio.errors import (
    CorruptRecordingError,
    FormatError,
    RecordingClosedError,
    RecordingError,
    TruncatedRecordingError,
    UnsupportedCapabilityError,
    WormioError,
)
from wormio.formats.tiff.adapter import open as open_tiff
from wormio.formats.tiff.arrange import arrange
from wormio.formats.tiff.directories import read_chain
from wormio.formats.tiff.options import TiffOptions
from wormio.formats.tiff.pixels import make_frames, without_cut_planes
from wormio.formats.tiff.stack import open_part
from wormio.formats.tiff.uniform import is_uniform, uniform_stack
from wormio.model import BaseRecording, MappedFrames

has_imagecodecs = importlib.util.find_spec("imagecodecs") is not None
linux_only = pytest.mark.skipif(
    not Path("/proc/self/io").is_file(), reason="the system does not count what a process reads"
)


def opened(path: Path, **options: Any) -> BaseRecording:
    return open_tiff(path, TiffOptions(**options))


def truth(shape: tuple[int, ...], dtype: Any = "u2") -> np.ndarray:
    """Return pixels that are not symmetric in anything."""
    n = np.arange(np.prod(shape))
    values = (n * 7 % 251 + n // 251).reshape(shape)
    return (values % 2 if np.dtype(dtype) == bool else values).astype(dtype)


def bytes_read() -> int:
    return int(Path("/proc/self/io").read_text().split()[1])


# --- a writer of a few lines ------------------------------------------------------------------

SHORT, LONG, LONG8 = 3, 4, 16


def directory(tags: dict[int, tuple[int, int]], following: int, *, big: bool, order: str) -> bytes:
    """Return a directory of tags with one number each."""
    body = struct.pack(order + ("Q" if big else "H"), len(tags))
    for code, (kind, value) in sorted(tags.items()):
        number = {SHORT: "H", LONG: "I", LONG8: "Q"}[kind]
        field = struct.pack(order + number, value).ljust(8 if big else 4, b"\0")
        body += struct.pack(order + ("HHQ" if big else "HHI"), code, kind, 1) + field
    return body + struct.pack(order + ("Q" if big else "I"), following)


def tags_of(width: int, length: int, bits: int = 16, **more: int) -> dict[int, tuple[int, int]]:
    names = {"compression": 259, "predictor": 317, "fill_order": 266, "samples": 277, "kind": 339}
    tags = {256: (LONG, width), 257: (LONG, length), 258: (SHORT, bits), 259: (SHORT, 1)}
    tags |= {262: (SHORT, 1), 277: (SHORT, 1), 278: (LONG, length)}
    return tags | {names[name]: (SHORT, value) for name, value in more.items()}


def write_strips(
    path: Path, pages: list[bytes], tags: dict[int, tuple[int, int]], *, order: str = "<"
) -> Path:
    """Write pages of one strip each, directories last."""
    data = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 0)
    offsets = []
    for page in pages:
        offsets.append(len(data))
        data += page + bytes(len(page) % 2)
    raw = bytearray(data)
    struct.pack_into(order + "I", raw, 4, len(raw))
    for k, (offset, page) in enumerate(zip(offsets, pages, strict=True)):
        here = tags | {273: (LONG, offset), 279: (LONG, len(page))}
        size = len(directory(here, 0, big=False, order=order))
        following = len(raw) + size if k + 1 < len(pages) else 0
        raw += directory(here, following, big=False, order=order)
    path.write_bytes(raw)
    return path


def write_sparse(path: Path, *, n_pages: int, height: int, width: int) -> Path:
    """Write a BigTIFF of zeros that takes no room on the disk; page k begins with k."""
    page = height * width * 2
    tags = tags_of(width, height) | {279: (LONG8, page)}
    size = len(directory(tags | {273: (LONG8, 0)}, 0, big=True, order="<"))
    first = 16 + n_pages * page
    with path.open("wb") as file:
        file.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, first))
        for k in range(n_pages):
            file.seek(16 + k * page)
            file.write(struct.pack("<H", k))
        file.seek(first)
        for k in range(n_pages):
            following = first + (k + 1) * size if k + 1 < n_pages else 0
            here = tags | {273: (LONG8, 16 + k * page)}
            file.write(directory(here, following, big=True, order="<"))
    return path


# --- strips and tiles -------------------------------------------------------------------------

WAYS = [
    {"compression": "zlib"},
    {"compression": "zlib", "rowsperstrip": 4},
    {"compression": "zlib", "rowsperstrip": 4, "predictor": True},
    {"compression": "zlib", "tile": (16, 32)},
    {"compression": "lzma", "rowsperstrip": 5, "byteorder": ">"},
    {"compression": "adobe_deflate", "predictor": True, "tile": (32, 16), "byteorder": ">"},
    {"tile": (16, 16)},
    {"tile": (16, 48), "byteorder": ">", "bigtiff": True},
]


@pytest.mark.parametrize("how", WAYS, ids=str)
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "u4"])
def test_any_window_of_a_decoded_image_is_that_of_the_whole(tmp_path, how, dtype):
    pixels = truth((3, 37, 41), dtype)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack", metadata=None, **how)
    with opened(path, axes="TYX") as recording:
        frames = recording.frames
        assert not isinstance(frames, MappedFrames)
        assert frames.dtype == np.dtype(dtype)
        dice = random.Random(7)
        for _ in range(20):
            y, x = (sorted(dice.sample(range(n + 1), 2)) for n in (37, 41))
            t = dice.randrange(3)
            window = (slice(*y), slice(*x, dice.choice([1, 2, 3])))
            np.testing.assert_array_equal(frames[(t, 0, *window)], pixels[(t, *window)])
        np.testing.assert_array_equal(frames[:, 0], pixels)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16", "f2", "i8", "i4"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_other_pixel_types_are_decoded(tmp_path, dtype, tile):
    pixels = truth((2, 20, 30), dtype)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, pixels, photometric="minisblack", metadata=None, compression="zlib", tile=tile
    )
    with opened(path, axes="TYX") as recording:
        np.testing.assert_array_equal(recording.frames[:, 0], pixels)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("how", [{"rowsperstrip": 6}, {"tile": (16, 16)}], ids=str)
def test_samples_and_sample_planes_are_read_where_they_are(tmp_path, planar, how):
    pixels = truth((4, 20, 30, 3), "u1")
    moved = pixels if planar == "contig" else np.moveaxis(pixels, -1, 1)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        moved,
        photometric="rgb",
        planarconfig=planar,
        compression="zlib",
        metadata=None,
        **how,
    )
    with opened(path, axes="TYXC" if planar == "contig" else "TCYX") as recording:
        expected = np.moveaxis(pixels, -1, 1)
        np.testing.assert_array_equal(recording.frames[:], expected)
        np.testing.assert_array_equal(recording.frames[2, 1, 7:19, 3:], expected[2, 1, 7:19, 3:])


@pytest.mark.parametrize("tile", [(2, 16, 16), (4, 32, 16)])
def test_pages_that_hold_a_volume_are_cut_at_its_planes(tmp_path, tile):
    pixels = truth((2, 4, 33, 20))
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        pixels,
        photometric="minisblack",
        volumetric=True,
        tile=tile,
        compression="zlib",
        metadata=None,
    )
    with opened(path, axes="TZYX") as recording:
        np.testing.assert_array_equal(recording.frames[:, 0], pixels.reshape(8, 33, 20))
        np.testing.assert_array_equal(recording.frames[6, 0, 30:, 4:9], pixels[1, 2, 30:, 4:9])


def test_rows_and_columns_may_be_exchanged_by_the_user(tmp_path):
    pixels = truth((2, 20, 30))
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, pixels, photometric="minisblack", metadata=None, compression="zlib", rowsperstrip=3
    )
    with opened(path, axes="TXY") as recording:
        np.testing.assert_array_equal(recording.frames[:, 0], pixels.transpose(0, 2, 1))
        np.testing.assert_array_equal(recording.frames[1, 0, 5:9, 2:4], pixels[1, 2:4, 5:9].T)


@pytest.mark.parametrize(("height", "width"), [(1, 30), (30, 1), (1, 1)])
def test_images_of_one_row_or_column_are_read(tmp_path, height, width):
    pixels = truth((3, height, width))
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, pixels, ome=True, metadata={"axes": "TYX"}, compression="zlib")
    with opened(path) as recording:
        np.testing.assert_array_equal(recording.frames[:, 0], pixels)


@settings(max_examples=40)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    rows=st.integers(1, 45),
    dtype=st.sampled_from(["u1", "<u2", ">i4"]),
    data=st.data(),
)
def test_strips_of_any_height_give_the_rows_asked_for(tmp_path_factory, height, width, rows, dtype, data):  # fmt: skip  # noqa: E501
    pixels = truth((2, height, width), dtype)
    path = tmp_path_factory.mktemp("strips") / "a.ome.tif"
    tifffile.imwrite(
        path,
        pixels,
        photometric="minisblack",
        ome=True,
        metadata={"axes": "TYX"},
        compression="zlib",
        rowsperstrip=rows,
        byteorder=">" if dtype[0] == ">" else "<",
    )
    first = data.draw(st.integers(0, height - 1))
    last = data.draw(st.integers(first + 1, height))
    with opened(path) as recording:
        found = recording.frames[1, 0, first:last]
        np.testing.assert_array_equal(found, pixels[1, first:last])


def test_one_channel_after_the_other_decodes_a_page_once(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    pixels = truth((2, 40, 40, 4), "u1")
    tifffile.imwrite(
        path, pixels, photometric="rgb", planarconfig="contig", compression="zlib", metadata=None
    )
    calls = []
    real = os.pread
    monkeypatch.setattr(os, "pread", lambda *a: (calls.append(a), real(*a))[1])
    with opened(path, axes="TYXC") as recording:
        calls.clear()
        for channel in range(4):
            np.testing.assert_array_equal(recording.frames[0, channel], pixels[0, :, :, channel])
        assert len(calls) == 1


@linux_only
def test_only_the_strips_that_hold_the_rows_are_read(tmp_path):
    path = tmp_path / "a.tif"
    pixels = np.random.default_rng(5).integers(0, 65_536, (512, 512), np.uint16)
    tifffile.imwrite(path, pixels, metadata=None, compression="zlib", rowsperstrip=8)
    with opened(path, axes="YX") as recording:
        before = bytes_read()
        np.testing.assert_array_equal(recording.frames[0, 0, 100:104], pixels[100:104])
        assert bytes_read() - before < 20_000  # a strip has 8192 bytes


# --- threads ----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", WAYS, ids=str)
def test_threads_read_at_the_same_time_and_get_their_own_pixels(tmp_path, how):
    pixels = truth((24, 37, 41))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack", metadata=None, **how)
    n_threads = 6
    start = Barrier(n_threads)

    def read(seed: int) -> int:
        dice = random.Random(seed)
        start.wait()
        wrong = 0
        for _ in range(40):
            t, y = dice.randrange(24), dice.randrange(37)
            wrong += not np.array_equal(recording.frames[t, 0, y:], pixels[t, y:])
        return wrong

    with opened(path, axes="TYX") as recording, ThreadPoolExecutor(n_threads) as pool:
        assert list(pool.map(read, range(n_threads))) == [0] * n_threads


def test_two_calls_decode_at_the_same_time(tmp_path, monkeypatch):
    """Each waits inside the read for the other: with a lock around it, none would come through."""
    path = tmp_path / "a.tif"
    pixels = truth((2, 16, 16))
    tifffile.imwrite(path, pixels, photometric="minisblack", metadata=None, compression="zlib")
    both = Barrier(2)
    real = os.pread

    def pread(*args: Any) -> bytes:
        both.wait(timeout=60)
        return real(*args)

    with opened(path, axes="TYX") as recording, ThreadPoolExecutor(2) as pool:
        monkeypatch.setattr(os, "pread", pread)
        found = list(pool.map(lambda t: recording.frames[t, 0], range(2)))
    np.testing.assert_array_equal(found, pixels)


def test_closing_ends_reading(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, truth((2, 16, 16)), metadata=None, compression="zlib")
    recording = opened(path, axes="TYX")
    _ = recording.frames[0]
    part = recording[:1] if hasattr(recording, "__getitem__") else recording
    recording.close()
    with pytest.raises(RecordingClosedError):
        recording.frames[0]
    part.close()


# --- uncompressed -----------------------------------------------------------------------------


def with_counts(path: Path, change: Any) -> None:
    """Change the sizes of strips or tiles where tifffile wrote them."""
    with tifffile.TiffFile(path) as tif:
        places = [
            (tag.valueoffset, tag.count, tag.dtype)
            for page in tif.pages
            for tag in (page.tags.get("StripByteCounts") or page.tags["TileByteCounts"],)
        ]
    raw = bytearray(path.read_bytes())
    for offset, count, kind in places:
        number = f"<{count}" + {3: "H", 4: "I"}[int(kind)]
        values = struct.unpack_from(number, raw, offset)
        struct.pack_into(number, raw, offset, *change(list(values)))
    path.write_bytes(raw)


def test_a_last_strip_that_claims_too_much_stays_in_the_run(tmp_path):
    path = tmp_path / "a.tif"
    pixels = truth((1, 10, 8))
    tifffile.imwrite(path, pixels, metadata=None, rowsperstrip=4)
    with_counts(path, lambda counts: [*counts[:-1], counts[0]])
    with opened(path, axes="YX") as recording:
        assert isinstance(recording.frames, MappedFrames)
        np.testing.assert_array_equal(recording.frames[0, 0], pixels[0])


def test_a_strip_that_is_too_short_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, truth((10, 8)), metadata=None, rowsperstrip=4)
    with_counts(path, lambda counts: [counts[0] - 2, counts[1] + 2, *counts[2:]])
    with pytest.raises(CorruptRecordingError, match="62 of 64 bytes of pixels in strip 0"):
        opened(path, axes="YX")


@pytest.mark.parametrize("shape", [(16, 16), (48, 16), (40, 16)])
def test_tiles_as_wide_as_the_page_are_mapped(tmp_path, shape):
    path = tmp_path / "a.tif"
    pixels = truth((2, *shape))
    tifffile.imwrite(path, pixels, photometric="minisblack", metadata=None, tile=(16, 16))
    with opened(path, axes="TYX") as recording:
        assert isinstance(recording.frames, MappedFrames)
        np.testing.assert_array_equal(recording.frames[:, 0], pixels)


def two_files(folder: Path, dtype: str, orders: str) -> Path:
    """Write an OME-TIFF of two files, the second one named by the first."""
    pixels = truth((2, 3, 5, 7), dtype)
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:a">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" SizeT="2" SizeZ="3" '
        f'SizeC="1" SizeY="5" SizeX="7" Type="{np.dtype(dtype).name}"><Channel ID="Channel:0"/>'
    )
    for t, name in enumerate("ab"):
        xml += f'<TiffData FirstT="{t}" IFD="0" PlaneCount="3">'
        xml += f'<UUID FileName="{name}.ome.tif">urn:uuid:{name}</UUID></TiffData>'
    xml += "</Pixels></Image></OME>"
    for t, name in enumerate("ab"):
        with tifffile.TiffWriter(folder / f"{name}.ome.tif", byteorder=orders[t]) as writer:
            for z in range(3):
                writer.write(
                    pixels[t, z],
                    contiguous=False,
                    metadata=None,
                    description=xml if z == t == 0 else None,
                    photometric="minisblack",
                    rowsperstrip=2,
                )
    return folder / "a.ome.tif"


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_files_of_both_byte_orders_are_one_recording(tmp_path, dtype):
    path = two_files(tmp_path, dtype, "<>")
    pixels = truth((2, 3, 5, 7), dtype)
    with opened(path) as recording:
        # The order of single bytes is no order.
        assert isinstance(recording.frames, MappedFrames) == (dtype == "u1")
        np.testing.assert_array_equal(recording.frames[:, 0], pixels.reshape(6, 5, 7))
        np.testing.assert_array_equal(recording.frames[4, 0, 1:4, 2:], pixels[1, 1, 1:4, 2:])


# --- odd samples ------------------------------------------------------------------------------


def packed(pixels: np.ndarray, bits: int) -> bytes:
    """Pack rows of numbers, the highest bit first; each row begins on a byte."""
    shifts = np.arange(bits - 1, -1, -1)
    each = (pixels[..., None] >> shifts) & 1
    return np.packbits(each.reshape(*pixels.shape[:-1], -1).astype("u1"), axis=-1).tobytes()


@pytest.mark.parametrize("compression", [1, 8])
@pytest.mark.parametrize("fill_order", [1, 2])
def test_single_bits_are_unpacked(tmp_path, compression, fill_order):
    pixels = truth((2, 9, 13), "u1") % 2
    pages = [packed(page, 1) for page in pixels]
    pages = [zlib.compress(page) for page in pages] if compression == 8 else pages
    if fill_order == 2:
        pages = [bytes(int(f"{b:08b}"[::-1], 2) for b in page) for page in pages]
    tags = tags_of(13, 9, bits=1, compression=compression, fill_order=fill_order)
    path = write_strips(tmp_path / "a.tif", pages, tags)
    with opened(path, axes="TYX") as recording:
        np.testing.assert_array_equal(recording.frames[:, 0], pixels)


@pytest.mark.parametrize("bits", [4, 10, 12, 14])
def test_packed_numbers_are_unpacked_or_refused_with_what_to_install(tmp_path, bits):
    pixels = truth((2, 9, 13)) % (1 << bits)
    pages = [packed(page, bits) for page in pixels]
    path = write_strips(tmp_path / "a.tif", pages, tags_of(13, 9, bits=bits))
    if has_imagecodecs:
        with opened(path, axes="TYX") as recording:
            np.testing.assert_array_equal(recording.frames[:, 0], pixels)
    else:
        with pytest.raises(UnsupportedCapabilityError, match=f"{bits} bits") as caught:
            opened(path, axes="TYX")
        assert "pip install 'wormio[codecs]'" in str(caught.value)


@pytest.mark.parametrize("compression", [5, 7, 34712, 50000])
def test_a_codec_that_is_not_installed_is_named(tmp_path, compression, monkeypatch):
    path = write_strips(
        tmp_path / "a.tif", [b"x" * 64], tags_of(16, 16, bits=8, compression=compression)
    )
    if has_imagecodecs or (compression == 50000 and sys.version_info >= (3, 14)):
        pytest.skip("it is installed here")
    with pytest.raises(UnsupportedCapabilityError, match="imagecodecs") as caught:
        opened(path, axes="YX")
    assert "pip install 'wormio[codecs]'" in str(caught.value)


@pytest.mark.skipif(not has_imagecodecs, reason="imagecodecs is not installed")
@pytest.mark.parametrize(
    "how",
    [
        {"compression": "lzw"},
        {"compression": "lzw", "predictor": True, "rowsperstrip": 5},
        {"compression": "zstd", "tile": (16, 16)},
        {"compression": "zstd", "byteorder": ">"},
        {"compression": "packbits"},
        {"compression": "jpeg2000", "tile": (16, 16)},
        {"compression": "png"},
    ],
    ids=str,
)
def test_codecs_of_imagecodecs_give_what_was_written(tmp_path, how):
    pixels = truth((4, 37, 41), "u1" if how["compression"] == "packbits" else "u2")
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack", metadata=None, **how)
    with opened(path, axes="TYX") as recording, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda t: recording.frames[t, 0], [0, 1, 2, 3] * 8))
        np.testing.assert_array_equal(found, np.concatenate([pixels] * 8))
        np.testing.assert_array_equal(recording.frames[2, 0, 9:30, 5:], pixels[2, 9:30, 5:])


@pytest.mark.skipif(not has_imagecodecs, reason="imagecodecs is not installed")
@pytest.mark.parametrize("how", [{}, {"tile": (16, 32)}, {"rowsperstrip": 16}], ids=str)
def test_jpeg_is_decoded_as_tifffile_decodes_it(tmp_path, how):
    path = tmp_path / "a.tif"
    pixels = truth((3, 48, 64, 3), "u1")
    tifffile.imwrite(path, pixels, photometric="rgb", compression="jpeg", metadata=None, **how)
    expected = np.moveaxis(tifffile.imread(path), -1, 1)
    with opened(path, axes="TYXC") as recording:
        np.testing.assert_array_equal(recording.frames[:], expected)


# --- damage -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "bomb"), [(8, zlib.compress), (34925, lambda b: lzma.compress(b, preset=0))]
)
def test_a_page_that_inflates_beyond_its_size_is_refused_without_the_memory(tmp_path, number, bomb):
    import tracemalloc

    page = bomb(bytes(12 << 20))
    path = write_strips(tmp_path / "a.tif", [page], tags_of(16, 16, compression=number))
    with opened(path, axes="YX") as recording:
        tracemalloc.start()
        try:
            with pytest.raises(CorruptRecordingError) as caught:
                recording.frames[0]
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert "page 0" in str(caught.value)
        assert str(path) in str(caught.value)
    assert peak < 2 << 20


def test_a_strip_beyond_a_gigabyte_is_not_decoded(tmp_path):
    page = random.Random(1).randbytes(2_000_000)
    path = write_strips(tmp_path / "a.tif", [page], tags_of(40_000, 20_000, compression=8))
    with pytest.raises(UnsupportedCapabilityError, match="too large"):
        opened(path, axes="YX")


@pytest.mark.parametrize("damage", ["cut", "flip", "short", "garbage"])
@pytest.mark.parametrize(("number", "pack"), [(8, zlib.compress), (34925, lzma.compress)])
def test_damaged_compressed_bytes_never_give_pixels(tmp_path, number, pack, damage):
    pixels = np.random.default_rng(3).integers(0, 60_000, (16, 16), np.uint16)
    good = pack(pixels.tobytes())
    page = {
        "cut": good[:-20],
        "flip": good[:100] + bytes([good[100] ^ 64]) + good[101:],
        "short": pack(pixels[:-1].tobytes()),
        "garbage": random.Random(4).randbytes(len(good)),
    }[damage]
    path = write_strips(tmp_path / "a.tif", [page], tags_of(16, 16, compression=number))
    with opened(path, axes="YX") as recording, pytest.raises(CorruptRecordingError) as caught:
        recording.frames[0]
    assert str(path) in str(caught.value)


def test_a_file_that_shrinks_after_opening_says_so(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, truth((4, 64, 64)), photometric="minisblack", metadata=None, tile=(16, 16))  # fmt: skip  # noqa: E501
    with opened(path, axes="TYX") as recording:
        os.truncate(path, 1000)
        with pytest.raises(TruncatedRecordingError) as caught:
            recording.frames[3]
        assert str(path) in str(caught.value)


def test_an_item_of_another_type_is_not_read_as_the_first(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(truth((2, 5, 7), "u2"), photometric="minisblack", metadata=None)
        writer.write(truth((2, 6, 4), "f4"), photometric="minisblack", metadata=None)
    try:
        recording = opened(path, item="1", axes="TYX")
    except RecordingError:
        return
    with recording:
        np.testing.assert_array_equal(recording.frames[:, 0], truth((2, 6, 4), "f4"))


def test_directories_that_lie_one_upon_the_other_are_refused_soon(tmp_path):
    # A directory of 60,000 tags at every second byte: quadratic work, if it were done.
    raw = bytearray(1_000_000)
    struct.pack_into("<2sHI", raw, 0, b"II", 42, 8)
    for k in range(8, 200_000, 2):
        struct.pack_into("<H", raw, k, 60_000)
    for k in range(8, 200_000, 2):
        with suppress(struct.error):
            struct.pack_into("<I", raw, k + 2 + 60_000 * 12, k + 2)
    path = tmp_path / "a.tif"
    path.write_bytes(raw)
    with pytest.raises(RecordingError):
        opened(path, axes="TYX")


def test_arrays_that_are_shared_by_many_directories_are_refused_soon(tmp_path):
    # 2000 directories, each of which takes the whole file for its strips: 500 GB to read.
    n, n_strips = 2000, 60_000
    size = 8 + n * 126 + 8 * n_strips
    raw = bytearray(size)
    struct.pack_into("<2sHI", raw, 0, b"II", 42, 8)
    for k in range(n):
        tags = tags_of(1, n_strips, bits=8) | {278: (LONG, 1)}
        at = 8 + k * 126
        body = bytearray(directory(tags | {273: (LONG, 0), 279: (LONG, 0)}, at + 126, big=False, order="<"))  # fmt: skip  # noqa: E501
        for i in range(len(tags) + 2):
            if struct.unpack_from("<H", body, 2 + 12 * i)[0] in {273, 279}:
                struct.pack_into("<II", body, 6 + 12 * i, n_strips, 8 + n * 126)
        raw[at : at + len(body)] = body
    path = tmp_path / "a.tif"
    path.write_bytes(raw)
    with pytest.raises(CorruptRecordingError, match="upon the other"):
        read_chain(path)


def test_long_loops_of_directories_are_found(tmp_path):
    path = write_strips(tmp_path / "a.tif", [b"ab" * 4] * 5, tags_of(2, 2))
    raw = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", raw, 4)
    size = len(directory(tags_of(2, 2) | {273: (LONG, 0), 279: (LONG, 0)}, 0, big=False, order="<"))
    struct.pack_into("<I", raw, len(raw) - 4, first + 2 * size)
    path.write_bytes(raw)
    with pytest.raises(CorruptRecordingError, match="loop"):
        opened(path, axes="TYX")


# --- files that are cut off -------------------------------------------------------------------


def write_page_by_page(path: Path, pixels: np.ndarray, **how: Any) -> bytes:
    with tifffile.TiffWriter(path) as writer:
        for page in pixels:
            writer.write(page, contiguous=False, metadata=None, photometric="minisblack", **how)
    return path.read_bytes()


@pytest.mark.parametrize("how", [{}, {"compression": "zlib"}, {"tile": (16, 16)}], ids=str)
def test_pages_before_the_cut_are_found(tmp_path, how):
    path = tmp_path / "a.tif"
    raw = write_page_by_page(path, truth((12, 20, 20)), **how)
    whole = read_chain(path).pages
    for k in range(64):
        size = len(raw) * k // 64
        path.write_bytes(raw[:size])
        # Between a directory and its pixels there may be a gap.
        least = sum(page.places()[0].min() <= size for page in whole)
        most = sum(page.offset + 100 <= size for page in whole)
        if least == len(whole):
            break
        with pytest.raises((TruncatedRecordingError, FormatError)) as caught:
            read_chain(path)
        can_be_had = "allow_truncated=True" in str(caught.value)
        assert (least > 0) <= can_be_had <= (most > 0)
        if can_be_had:
            chain = read_chain(path, allow_truncated=True)
            assert least <= len(chain.pages) <= most
            held = [page for page in whole if page.data_end <= size]
            assert list(chain.pages[: len(held)]) == held
            assert chain.broken
    assert k > 50


@pytest.mark.parametrize("how", [{}, {"compression": "zlib"}, {"tile": (16, 16)}], ids=str)
def test_pages_before_the_cut_are_a_stack_although_tifffile_gives_up(tmp_path, how):
    path = tmp_path / "a.tif"
    pixels = truth((12, 20, 20))
    raw = write_page_by_page(path, pixels, **how)
    path.write_bytes(raw[: len(raw) * 5 // 8])
    part = open_part(path, allow_truncated=True)
    assert is_uniform(part)
    stack = without_cut_planes(uniform_stack(part), allow_truncated=True)
    n = int((~stack.cut).sum())
    assert n in {6, 7}
    assert stack.cut.tolist() == [False] * n + [True] * (len(stack.cut) - n)
    frames = make_frames(stack, arrange(stack, "TYX").until(n))
    np.testing.assert_array_equal(frames[:, 0], pixels[:n])
    frames.close()


@pytest.mark.parametrize("shape", [(20, 20), (7, 20, 20), (1, 20, 20), (3, 20, 20, 3)])
def test_pages_that_are_alike_are_grouped_as_tifffile_groups_them(tmp_path, shape):
    path = tmp_path / "a.tif"
    kind = "rgb" if shape[-1] == 3 else "minisblack"
    tifffile.imwrite(path, truth(shape, "u1"), photometric=kind, metadata=None)
    part = open_part(path, allow_truncated=False)
    stack = uniform_stack(part)
    with tifffile.TiffFile(path) as tif:
        (series,) = tif.series
        assert stack.shape == series.shape
        assert stack.axes == series.axes


def test_pages_that_differ_or_have_a_shape_are_not_taken_for_one_axis(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, truth((2, 3, 20, 20)), photometric="minisblack")
    assert not is_uniform(open_part(path, allow_truncated=False))
    with tifffile.TiffWriter(path) as writer:
        writer.write(truth((20, 20)), metadata=None)
        writer.write(truth((20, 20)), metadata=None, compression="zlib")
    assert not is_uniform(open_part(path, allow_truncated=False))


def header_last(pixels: np.ndarray, xml: bytes) -> bytes:
    """Return a file whose pages come first and the text of the first page last."""
    count, height, width = pixels.shape
    tags = tags_of(width, height)
    size = len(directory(tags | {270: (LONG, 0), 273: (LONG, 0), 279: (LONG, 0)}, 0, big=False, order="<"))  # fmt: skip  # noqa: E501
    page_size = pixels[0].nbytes
    end = 8 + count * (size + page_size)
    raw = struct.pack("<2sHI", b"II", 42, 8)
    for k in range(count):
        here = tags | {273: (LONG, len(raw) + size), 279: (LONG, page_size), 270: (LONG, end)}
        body = bytearray(directory(here, len(raw) + size + page_size if k + 1 < count else 0, big=False, order="<"))  # fmt: skip  # noqa: E501
        for i in range(len(here)):
            if struct.unpack_from("<H", body, 2 + 12 * i)[0] == 270:
                struct.pack_into("<HII", body, 4 + 12 * i, 2, len(xml), end)
                if k:  # one header is enough
                    struct.pack_into("<H", body, 2 + 12 * i, 269)
        raw += bytes(body) + pixels[k].tobytes()
    return raw + xml


def test_without_its_header_a_file_gives_its_pages_to_whoever_names_the_axes(tmp_path):
    pixels = truth((6, 8, 10))
    xml = (
        b'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        b'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" SizeT="3" SizeZ="2" SizeC="1" SizeY="8" '
        b'SizeX="10" Type="uint16"><Channel ID="Channel:0"/><TiffData IFD="0" PlaneCount="6"/>'
        b"</Pixels></Image></OME>\0"
    )
    raw = header_last(pixels, xml)
    path = tmp_path / "a.ome.tif"
    path.write_bytes(raw)
    with opened(path) as recording:
        np.testing.assert_array_equal(recording.frames[:, 0], pixels)
        assert recording.timeline.n_volumes == 3
    for cut, n in ((len(xml) // 2, 6), (len(xml) + 100, 5)):
        path.write_bytes(raw[:-cut])
        with pytest.raises(TruncatedRecordingError, match=r"allow_truncated=True.*axes"):
            opened(path)
        with pytest.raises(TruncatedRecordingError, match="axes="):
            opened(path, allow_truncated=True)
        with opened(path, axes="TYX", planes=2, allow_truncated=True) as recording:
            kept = n - n % 2
            np.testing.assert_array_equal(recording.frames[:kept, 0], pixels[:kept])
            assert recording.timeline.n_volumes == n // 2
            assert "truncated" in [f.code for f in recording.findings]


def test_without_its_first_directory_no_cure_is_promised(tmp_path):
    path = tmp_path / "a.tif"
    raw = write_strips(path, [b"ab" * 8] * 3, tags_of(4, 2)).read_bytes()
    path.write_bytes(raw[:40])
    for options in ({}, {"allow_truncated": True, "axes": "TYX"}):
        with pytest.raises(TruncatedRecordingError) as caught:
            opened(path, **options)
        assert "allow_truncated" not in str(caught.value)
        assert "copy the file again" in str(caught.value)


@pytest.mark.parametrize("how", [{}, {"compression": "zlib"}, {"tile": (16, 16)}], ids=str)
@pytest.mark.parametrize("ome", [False, True])
def test_bytes_changed_anywhere_raise_or_leave_the_pixels(tmp_path, how, ome):
    path = tmp_path / "a.tif"
    pixels = truth((4, 10, 12))
    metadata = {"axes": "TYX"} if ome else None
    tifffile.imwrite(path, pixels, photometric="minisblack", ome=ome, metadata=metadata, **how)
    raw = path.read_bytes()
    dice = random.Random(11)
    for _ in range(60):
        damaged = bytearray(raw)
        for _ in range(dice.randint(1, 3)):
            damaged[dice.randrange(len(damaged))] = dice.choice([0, 255, dice.randrange(256)])
        path.write_bytes(damaged)
        for options in ({"axes": "TYX"}, {"axes": "TYX", "allow_truncated": True}):
            with suppress(WormioError), opened(path, **options) as recording:
                frames = recording.frames
                if np.prod(frames.shape) < 1_000_000:
                    assert frames[:].shape == frames.shape


# --- large files ------------------------------------------------------------------------------


def imagej_run(path: Path, *, following: int, n_images: int = 5) -> tuple[int, int]:
    """Write an ImageJ stack of 5 GB that takes no room; return offset and size of an image."""
    height, width = 20_000, 25_000
    header = f"ImageJ=1.53t\nimages={n_images}\nframes={n_images}\nunit=pixel\n\0".encode()
    tags = tags_of(width, height) | {279: (LONG, height * width * 2), 270: (LONG, 0)}
    body = bytearray(directory(tags | {273: (LONG, 1000)}, following, big=False, order=">"))
    for i in range(len(tags) + 1):
        if struct.unpack_from(">H", body, 2 + 12 * i)[0] == 270:
            struct.pack_into(">HII", body, 4 + 12 * i, 2, len(header), 500)
    size = height * width * 2
    with path.open("wb") as file:
        file.write(struct.pack(">2sHI", b"MM", 42, 8) + body)
        file.seek(500)
        file.write(header)
        for k in range(n_images):
            file.seek(1000 + k * size + 2 * (width + 3))
            file.write(struct.pack(">H", 100 + k))
        file.truncate(1000 + n_images * size)
    return 1000, size


@pytest.mark.parametrize("following", [0, 123_456, 705_032_704])
def test_imagej_stacks_above_4_gb_are_whole_whatever_their_one_directory_points_to(
    tmp_path, following
):
    path = tmp_path / "a.tif"
    imagej_run(path, following=following)
    with opened(path) as recording:
        assert recording.frames.shape == (5, 1, 20_000, 25_000)
        assert isinstance(recording.frames, MappedFrames)
        for k in range(5):
            assert recording.frames[k, 0, 1, 2:5].tolist() == [0, 100 + k, 0]
        assert not [f for f in recording.findings if f.code == "truncated"]


def test_an_imagej_stack_above_4_gb_that_is_cut_off_gives_its_whole_images(tmp_path):
    path = tmp_path / "a.tif"
    offset, size = imagej_run(path, following=0)
    os.truncate(path, offset + 4 * size + size // 2)
    with pytest.raises(TruncatedRecordingError, match="5 images"):
        opened(path)
    with opened(path, allow_truncated=True) as recording:
        assert len(recording.timeline) == 4
        assert recording.frames[3, 0, 1, 3] == 103


@linux_only
def test_opening_2_gb_reads_no_pixels_and_a_frame_no_more_than_itself(tmp_path):
    n_pages, height, width = 2000, 512, 1024
    path = write_sparse(tmp_path / "a.tif", n_pages=n_pages, height=height, width=width)
    assert path.stat().st_size > 2_000_000_000
    page = height * width * 2
    before = bytes_read()
    with opened(path, axes="TYX") as recording:
        # Two readers look at the directories, each of 236 bytes.
        assert bytes_read() - before < 4 * n_pages * 236 + page
        assert isinstance(recording.frames, MappedFrames)
        for k in (0, 777, 1999):
            before = bytes_read()
            image = recording.frames[k, 0]
            assert bytes_read() - before < 1.1 * page
            assert image[0, 0] == k
        before = bytes_read()
        assert recording.frames[1234, 0, 10:12].shape == (2, width)
        assert bytes_read() - before < 3 * 2 * width * 2


@linux_only
def test_opening_compressed_pages_reads_no_pixels_and_a_frame_no_more_than_itself(tmp_path):
    path = tmp_path / "a.ome.tif"
    noise = np.random.default_rng(8).integers(0, 65_536, (40, 256, 256), np.uint16)
    tifffile.imwrite(path, noise, ome=True, metadata={"axes": "TYX"}, compression="zlib")
    page = noise[0].nbytes
    before = bytes_read()
    with opened(path) as recording:
        assert bytes_read() - before < 2 * page
        before = bytes_read()
        np.testing.assert_array_equal(recording.frames[33, 0], noise[33])
        assert bytes_read() - before < 1.1 * page


@linux_only
@pytest.mark.parametrize("apart", [False, True])
def test_reading_the_directories_of_20_000_pages_takes_few_calls_and_few_bytes(
    tmp_path, monkeypatch, apart
):
    path = tmp_path / "a.tif"
    pixels = np.zeros((20_000 if not apart else 2000, 4, 256), "u2")
    if apart:
        write_page_by_page(path, pixels)
    else:
        write_sparse(path, n_pages=len(pixels), height=4, width=256)
    calls: list[int] = []
    real = os.pread

    def pread(fd: int, size: int, offset: int) -> bytes:
        data = real(fd, size, offset)
        calls.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", pread)
    chain = read_chain(path)
    assert len(chain.pages) == len(pixels)
    if apart:  # a page between two directories has 2048 bytes
        assert len(calls) <= len(pixels) + 10
        assert sum(calls) < 1100 * len(pixels)
    else:
        assert len(calls) < 100
        assert sum(calls) < 1.5 * 236 * len(pixels) + (1 << 20)


# --- directories ------------------------------------------------------------------------------


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "how",
    [{}, {"compression": "zlib"}, {"rowsperstrip": 3}, {"tile": (16, 16)}, {"rgb": True}],
    ids=str,
)
def test_directories_say_what_tifffile_reads_in_them(tmp_path, big, order, how):
    path = tmp_path / "a.tif"
    shape = (5, 20, 20, 3) if "rgb" in how else (5, 20, 20)
    more = {k: v for k, v in how.items() if k != "rgb"}
    with tifffile.TiffWriter(path, bigtiff=big, byteorder=order) as writer:
        for k, page in enumerate(truth(shape, "u1")):
            writer.write(
                page,
                contiguous=False,
                metadata=None,
                description="text " * (k + 2),
                photometric="rgb" if "rgb" in how else "minisblack",
                **more,
            )
    chain = read_chain(path)
    with tifffile.TiffFile(path) as tif:
        assert len(chain.pages) == len(tif.pages) == 5
        for page, other in zip(chain.pages, tif.pages, strict=True):
            assert page.offset == other.offset
            assert page.places()[0].tolist() == list(other.dataoffsets)
            assert page.places()[1].tolist() == list(other.databytecounts)
            assert page.coding.shape[2:4] == (other.imagelength, other.imagewidth)
            assert page.compression == other.compression
            assert not page.flaw


def test_a_page_unlike_the_one_before_is_not_taken_for_its_repeat(tmp_path):
    path = tmp_path / "a.tif"
    a, b = truth((8, 10)), truth((10, 8))
    with tifffile.TiffWriter(path) as writer:
        for page in (a, a, b, a, a.astype("i2")):
            writer.write(page, contiguous=False, metadata=None)
    pages = read_chain(path).pages
    assert [p.coding.width for p in pages] == [10, 10, 8, 10, 10]
    assert [p.coding.sample_format for p in pages] == [(1,), (1,), (1,), (1,), (2,)]


@pytest.mark.parametrize("share", [0.4, 0.7, 0.95])
def test_the_pages_before_a_cut_open_with_axes_and_allow_truncated(tmp_path, share):
    pages = np.random.default_rng(0).integers(0, 60_000, (12, 20, 30)).astype(np.uint16)
    path = tmp_path / "stack.tif"
    with tifffile.TiffWriter(path) as writer:
        for page in pages:  # one by one: directories lie between the pixels
            writer.write(page, photometric="minisblack", contiguous=False, metadata=None)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(TruncatedRecordingError):
        wormio.open(path, axes="TYX", planes=1)
    with wormio.open(path, axes="TYX", planes=1, allow_truncated=True) as recording:
        found = recording.frames[:, 0]
        assert 0 < len(found) < len(pages)
        np.testing.assert_array_equal(found, pages[: len(found)])
        assert "truncated" in {finding.code for finding in recording.findings}
