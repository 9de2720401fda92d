"""Cut, damaged, missing and unfinished files: an error that names them, or the right images."""

import json
import os
import shutil
import struct

import numpy as np
import pytest
import wormio
from wormio.errors import (
    CorruptRecordingError,
    FormatError,
    MissingPartError,
    OptionError,
    RecordingError,
    TruncatedRecordingError,
    UnsafeReferenceError,
    WormioError,
)
from wormio.registry import Probe

from wormio_ndtiff.hooks import detect

AXES = [{"channel": c, "z": z, "time": t} for t in range(4) for z in range(3) for c in "ab"]
STACK, INDEX = "worm_NDTiffStack.tif", "NDTiff.index"


@pytest.fixture
def folder(write):
    return write(AXES)


@pytest.mark.parametrize("name", [STACK, INDEX])
def test_a_file_cut_anywhere_raises_or_gives_whole_volumes(folder, tmp_path, name):
    with wormio.open(folder) as recording:
        whole, time = recording.frames[:], recording.timeline.time
    size = (folder / name).stat().st_size
    seen = set()
    for kept in sorted({size * i // 64 for i in range(64)} | {size - 1}):
        copy = tmp_path / f"cut-{kept}"
        shutil.copytree(folder, copy)
        os.truncate(copy / name, kept)
        with pytest.raises(TruncatedRecordingError, match=name):
            wormio.open(copy, "ndtiff")
        try:
            recording = wormio.open(copy, "ndtiff", allow_truncated=True)
        except TruncatedRecordingError:
            continue
        with recording:
            n = len(recording.frames)
            seen.add(n)
            assert n % 3 == 0
            assert n < 12
            np.testing.assert_array_equal(recording.frames[:], whole[:n])
            np.testing.assert_array_equal(recording.timeline.time, time[:n])
            assert recording.timeline.n_volumes == n // 3
            assert "truncated" in [finding.code for finding in recording.findings]
    assert seen == {3, 6, 9}


@pytest.mark.parametrize("name", [STACK, INDEX])
def test_a_changed_byte_never_gives_anything_but_an_error_or_images(folder, name):
    content = (folder / name).read_bytes()
    rng = np.random.default_rng(5)
    n_errors = 0
    for _ in range(250):
        at = int(rng.integers(min(len(content), 1500)))
        damaged = bytearray(content)
        damaged[at] ^= int(rng.integers(1, 256))
        (folder / name).write_bytes(damaged)
        try:
            with wormio.open(folder, "ndtiff") as recording:
                recording.frames[0, 0]
        except (WormioError, OSError):
            n_errors += 1
    assert n_errors


@pytest.mark.parametrize(
    ("word", "value", "problem"),
    [
        (0, 2**32 - 1, "beyond the end"),
        (1, 0, "0 x 3 pixels"),
        (1, 2**31, "x 3 pixels"),
        (3, 7, "pixels of type 7"),
        (4, 1, "compressed"),
        (7, 8, "compressed"),
        (5, 2**31, "beyond the end"),
        (6, 2**32 - 1, "beyond the end"),
    ],
)
def test_impossible_numbers_in_the_index_are_told(write, word, value, problem):
    folder = write([{"time": 0}])
    content = bytearray((folder / INDEX).read_bytes())
    struct.pack_into("<I", content, len(content) - 32 + 4 * word, value)
    (folder / INDEX).write_bytes(content)
    with pytest.raises(RecordingError, match=problem):
        wormio.open(folder)


@pytest.mark.parametrize(
    "axes",
    [b'{"time":true}', b'{"time":0.5}', b'{"time":null}', b"[0,1,2,3,4]", b'{"time":0'],
)
def test_axes_that_are_none_are_told(folder, axes):
    content = (folder / INDEX).read_bytes()
    (length,) = struct.unpack_from("<I", content)
    (folder / INDEX).write_bytes(struct.pack("<I", len(axes)) + axes + content[4 + length :])
    with pytest.raises(CorruptRecordingError, match="entry 0"):
        wormio.open(folder, "ndtiff")


def test_an_unfinished_acquisition_is_given_as_far_as_it_is(write):
    folder = write(AXES[:-5])
    for name, zeros in ((INDEX, 4096), (STACK, 1 << 20)):
        with (folder / name).open("ab") as file:
            file.truncate((folder / name).stat().st_size + zeros)
    with wormio.open(folder) as recording:
        assert len(recording.frames) == 10
        assert recording.timeline.n_volumes == 3
        assert "unfinished" in [finding.code for finding in recording.findings]


def test_an_image_that_is_listed_and_was_never_written_is_told(folder):
    path = folder / STACK
    size = path.stat().st_size
    os.truncate(path, size - 200)
    os.truncate(path, size)
    with pytest.raises(TruncatedRecordingError, match="never written"):
        wormio.open(folder)


def test_a_stack_that_is_not_in_the_index_shows_that_it_is_short(write):
    folder = write(AXES, images_a_file=6)
    index = (folder / INDEX).read_bytes()
    (folder / INDEX).write_bytes(index[: index.index(b"_NDTiffStack_3.tif")])
    with pytest.raises(TruncatedRecordingError, match=INDEX):
        wormio.open(folder)
    content = (folder / INDEX).read_bytes()
    (folder / INDEX).write_bytes(content[: content.rindex(b"\0\0{") - 2])
    with pytest.raises(TruncatedRecordingError, match=r"no image of worm_NDTiffStack_3\.tif"):
        wormio.open(folder)
    with wormio.open(folder, allow_truncated=True) as recording:
        assert len(recording.frames) == 9


def test_an_empty_stack_of_a_failed_acquisition_does_no_harm(folder):
    (folder / "worm_NDTiffStack_1.tif").touch()
    (folder / "projection.tif").write_bytes(b"II*\0" + bytes(100))
    with wormio.open(folder) as recording:
        assert len(recording.frames) == 12


def test_json_that_is_none_is_told(folder):
    path = folder / STACK
    path.write_bytes(
        path.read_bytes().replace(b'{"ElapsedTime-ms": 50}', b'{"ElapsedTime-ms": 50 ')
    )
    with pytest.raises(CorruptRecordingError, match="image 5"):
        wormio.open(folder)


def test_text_in_latin_1_is_read(folder):
    path = folder / STACK
    path.write_bytes(
        path.read_bytes().replace(b'{"ElapsedTime-ms": 50}', b'{"ElapsedTime-\xb5s": 50}')
    )
    with wormio.open(folder) as recording:
        assert recording.timeline.n_volumes == 4


def test_metadata_that_strict_json_cannot_hold_are_text(write):
    folder = write(
        [{"time": 0}, {"time": 1}],
        told=lambda i, a: {"Gain": float("nan")},
        summary={"Offset": float("inf"), "Slope": -0.5},
    )
    with wormio.open(folder) as recording:
        assert recording.metadata["summary"] == {"Offset": "Infinity", "Slope": -0.5}
        assert recording.metadata["first_image"]["Gain"] == "NaN"
        json.dumps(recording.metadata, allow_nan=False)


def test_missing_files_are_named_and_metadata_open_without_pixels(write):
    folder = write(AXES, images_a_file=6)
    gone = folder / "worm_NDTiffStack_2.tif"
    gone.unlink()
    with pytest.raises(MissingPartError, match=gone.name):
        wormio.open(folder)
    with wormio.open(folder, metadata_only=True) as recording:
        assert len(recording.timeline) == 12
        assert [c.name for c in recording.channels] == ["a", "b"]
        assert "files-missing" in [finding.code for finding in recording.findings]
        with pytest.raises(MissingPartError):
            recording.frames[0]
    (folder / INDEX).unlink()
    with pytest.raises(MissingPartError, match=INDEX):
        wormio.open(folder / "worm_NDTiffStack_1.tif", "ndtiff")


def test_no_file_outside_the_folder_is_read_unasked(write, tmp_path):
    folder = write([{"time": 0}])
    outside = tmp_path / "elsewhere.tif"
    shutil.move(folder / STACK, outside)
    (folder / STACK).symlink_to(outside)
    with pytest.raises(UnsafeReferenceError, match=STACK):
        wormio.open(folder)
    with wormio.open(folder, trust=True) as recording:
        assert len(recording.frames) == 1
    (folder / STACK).unlink()
    content = (folder / INDEX).read_bytes()
    name = b"../elsewhere.tif"
    old = struct.pack("<I", len(STACK)) + STACK.encode()
    (folder / INDEX).write_bytes(content.replace(old, struct.pack("<I", len(name)) + name))
    with pytest.raises(UnsafeReferenceError, match="elsewhere"):
        wormio.open(folder)
    with wormio.open(folder, trust=True) as recording:
        assert len(recording.frames) == 1


def test_a_header_that_is_damaged_is_told(folder):
    content = (folder / STACK).read_bytes()
    for at, value, kind in (
        (8, 1, CorruptRecordingError),
        (12, 9, WormioError),
        (20, 1, CorruptRecordingError),
        (24, 2**31, CorruptRecordingError),
    ):
        damaged = bytearray(content)
        struct.pack_into("<I", damaged, at, value)
        (folder / STACK).write_bytes(damaged)
        with pytest.raises(kind, match=STACK):
            wormio.open(folder)


def test_a_tiff_that_only_lies_there_is_no_part(folder):
    (folder / "projection.tif").write_bytes(b"II*\0" + bytes(100))
    with pytest.raises(OptionError, match="projection"):
        wormio.open(folder / "projection.tif", "ndtiff")


def test_detection_knows_folders_indexes_and_stacks(folder, tmp_path):
    for path in (folder, folder / INDEX, folder / STACK):
        assert detect(Probe(path)).confidence.name == "SIGNATURE"
    (tmp_path / INDEX).write_bytes(b"fed the worms\n")
    assert detect(Probe(tmp_path / INDEX)) is None
    assert detect(Probe(tmp_path)).confidence.name == "STRUCTURE"
    with pytest.raises(FormatError):
        wormio.open(tmp_path / INDEX)
