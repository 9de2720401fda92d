"""Folders of TIFFs, and channels whose pages follow each other. Oracle: the written arrays."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import wormio
from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    OptionError,
    TruncatedRecordingError,
)
from wormio.formats.tiff.adapter import open as open_tiff
from wormio.formats.tiff.detect import detect
from wormio.formats.tiff.folder import natural
from wormio.formats.tiff.options import TiffOptions
from wormio.model import BaseRecording, Origin
from wormio.registry import Confidence, Probe

Y, X = 3, 4


def opened(path: Path, **options: Any) -> BaseRecording:
    return open_tiff(path, TiffOptions(**options))


def numbered(*shape: int) -> np.ndarray:
    n = int(np.prod(shape))
    return np.arange(n * Y * X, dtype="u2").reshape(*shape, Y, X)


def write(folder: Path, arrays: Any, names: list[str] | None = None, **how: Any) -> Path:
    folder.mkdir(exist_ok=True)
    for number, array in enumerate(arrays):
        name = names[number] if names else f"worm_{number + 8}.tif"  # 8, 9, 10, ...
        tifffile.imwrite(folder / name, array, photometric="minisblack", **how)
    return folder


def codes(recording: BaseRecording) -> list[str]:
    return [finding.code for finding in recording.findings]


def test_names_are_sorted_by_the_numbers_in_them():
    names = ["a_10.tif", "a_9.tif", "a_1_2.tif", "A_1_10.tif", "b.tif", "007.tif", "8.tif"]
    assert sorted(names, key=natural) == [
        "007.tif",
        "8.tif",
        "a_1_2.tif",
        "A_1_10.tif",
        "a_9.tif",
        "a_10.tif",
        "b.tif",
    ]


def test_one_plane_a_file_in_natural_order(tmp_path):
    planes = numbered(4)
    folder = write(tmp_path / "worm", planes)
    with pytest.raises(OptionError, match="axes='TYX' or axes='ZYX'"):
        wormio.open(folder)
    with wormio.open(folder, axes="TYX", volume_rate=2) as recording:
        np.testing.assert_array_equal(recording.frames[:, 0], planes)
        assert recording.timeline.n_volumes == 4
        assert recording.timeline.time.tolist() == [0, 0.5, 1, 1.5]
        assert recording.metadata["files"] == [f"worm_{i}.tif" for i in (8, 9, 10, 11)]
    with opened(folder, axes="ZYX", um_per_plane=2) as recording:
        assert recording.timeline.volumes.tolist() == [[0, 4]]
        assert recording.timeline.z.tolist() == [0, 2, 4, 6]
    with opened(folder, axes="CYX") as recording:
        np.testing.assert_array_equal(recording.frames[0], planes)
    with opened(folder, axes="TYX", planes=2) as recording:
        assert recording.timeline.volumes.tolist() == [[0, 2], [2, 4]]


def test_one_stack_a_file(tmp_path):
    stacks = numbered(3, 5)
    folder = write(tmp_path / "worm", stacks)
    with opened(folder, axes="TZYX") as recording:
        np.testing.assert_array_equal(recording.frames[:, 0], stacks.reshape(-1, Y, X))
        assert recording.timeline.n_volumes == 3
    with opened(folder, axes="CTYX") as recording:  # a channel a file
        np.testing.assert_array_equal(recording.frames[:], stacks.transpose(1, 0, 2, 3))
    with opened(folder, axes="TYX", planes=5) as recording:  # one letter fewer: all one sequence
        assert recording.timeline.n_volumes == 3
    with opened(folder, axes="TYX", planes=3, channels=2, allow_truncated=True) as recording:
        # 15 pages: 7 frames of 2 channels, 2 volumes of 3; the rest is told.
        assert recording.timeline.volumes.tolist() == [[0, 3], [3, 6]]
        np.testing.assert_array_equal(
            recording.frames[:], stacks.reshape(-1, Y, X)[:14].reshape(7, 2, Y, X)
        )
        assert "truncated" in codes(recording)


def test_the_axes_that_a_header_names_stay_and_only_the_files_need_a_name(tmp_path):
    stacks = numbered(3, 5, 2)
    folder = tmp_path / "worm"
    folder.mkdir()
    for number, stack in enumerate(stacks):
        tifffile.imwrite(
            folder / f"{number}.tif",
            stack,
            imagej=True,
            resolution=(2, 2),
            metadata={"axes": "ZCYX", "spacing": 1.5, "unit": "um"},
        )
    with pytest.raises(OptionError, match=r"axes='TZCYX'"):
        opened(folder)
    with opened(folder, axes="TZCYX") as recording:
        np.testing.assert_array_equal(recording.frames[:], stacks.reshape(-1, 2, Y, X))
        assert recording.timeline.z[:5].tolist() == [0, 1.5, 3, 4.5, 6]
        assert recording.timeline.origins["z"] == Origin.NOMINAL
        assert recording.voxel_size.x == 0.5


def test_times_that_begin_anew_in_each_file_are_not_used(tmp_path):
    folder = tmp_path / "worm"
    folder.mkdir()
    for number in range(2):
        tifffile.imwrite(
            folder / f"{number}.ome.tif",
            numbered(3),
            photometric="minisblack",
            metadata={"axes": "ZYX", "Plane": {"DeltaT": [0.0, 0.1, 0.2]}},
        )
    with opened(folder, axes="TZYX") as recording:
        assert recording.timeline.origins["time"] == Origin.UNKNOWN
        assert "times-not-used" in codes(recording)


def test_a_folder_with_one_file_needs_no_letter_for_it(tmp_path):
    folder = write(tmp_path / "worm", numbered(1, 5))
    for axes in ("TZYX", "ZYX"):
        with opened(folder, axes=axes) as recording:
            assert recording.frames.shape == (5, 1, Y, X)


@pytest.mark.parametrize(
    "odd",
    [np.zeros((5, Y, X + 1), "u2"), np.zeros((5, Y, X), "u1"), np.zeros((5, Y, X), "f4")],
)
def test_a_file_that_is_not_like_the_others_is_named(tmp_path, odd):
    folder = write(tmp_path / "worm", [*numbered(3, 5), odd])
    with pytest.raises(CorruptRecordingError, match=r"worm_11\.tif is not like"):
        opened(folder, axes="TZYX")


def test_files_of_different_lengths_are_named_or_joined(tmp_path):
    stacks = [*numbered(2, 5), numbered(3)]
    folder = write(tmp_path / "worm", stacks)
    with pytest.raises(OptionError, match=r"worm_10\.tif is the first odd one"):
        opened(folder)
    with pytest.raises(CorruptRecordingError, match=r"worm_10\.tif is not like"):
        opened(folder, axes="TZYX")
    with opened(folder, axes="TYX", planes=5) as recording:
        np.testing.assert_array_equal(recording.frames[:, 0], np.concatenate(stacks))
        assert recording.timeline.volumes.tolist() == [[0, 5], [5, 10]]


def test_a_file_that_is_cut_off_ends_the_recording(tmp_path):
    stacks = numbered(4, 5)
    folder = write(tmp_path / "worm", stacks)
    path = folder / "worm_10.tif"
    path.write_bytes(path.read_bytes()[:-40])  # into the last directory
    with pytest.raises(TruncatedRecordingError, match=r"worm_10\.tif"):
        opened(folder, axes="TZYX")
    with opened(folder, axes="TZYX", allow_truncated=True) as recording:
        np.testing.assert_array_equal(recording.frames[:, 0], stacks[:2].reshape(-1, Y, X))
        assert "truncated" in codes(recording)


def test_files_of_one_ome_tiff_set_are_read_by_their_header(tmp_path):
    def xml(uuid: str) -> str:
        blocks = "".join(
            f'<TiffData FirstT="{t}" IFD="0" PlaneCount="2">'
            f'<UUID FileName="{t}.ome.tif">urn:uuid:{t}</UUID></TiffData>'
            for t in range(2)
        )
        return (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuid}">'
            '<Image ID="Image:0"><Pixels DimensionOrder="XYZCT" Type="uint16" '
            f'SizeX="{X}" SizeY="{Y}" SizeZ="2" SizeC="1" SizeT="2">{blocks}</Pixels>'
            "</Image></OME>"
        )

    stacks = numbered(2, 2)
    for t in range(2):
        with tifffile.TiffWriter(tmp_path / f"{t}.ome.tif") as writer:
            for z in range(2):
                text = xml(f"urn:uuid:{t}") if z == 0 else None
                writer.write(stacks[t, z], description=text, metadata=None, contiguous=False)
    with opened(tmp_path) as recording:
        assert recording.metadata["dialect"] == "ome"
        np.testing.assert_array_equal(recording.frames[:, 0], stacks.reshape(-1, Y, X))
        assert recording.timeline.n_volumes == 2
    tifffile.imwrite(tmp_path / "other.ome.tif", stacks[0, 0], metadata={"axes": "YX"})
    with pytest.raises(OptionError, match="more than one recording"):
        opened(tmp_path)


def test_the_real_folder_asks_for_its_axes_and_has_tifffiles_pixels(real_data):
    folder = real_data / "tiff_h5/example-tiffs"
    with pytest.raises(OptionError, match="axes"):
        wormio.open(folder)
    with wormio.open(folder, axes="TYX") as recording:
        expected = [tifffile.imread(folder / f"{i}.tif") for i in range(3)]
        np.testing.assert_array_equal(recording.frames[:, 0], expected)


# --- recognising a folder -------------------------------------------------------------------------


def test_only_folders_of_tiffs_are_claimed_and_never_with_certainty(tmp_path):
    folder = write(tmp_path / "worm", numbered(4))
    for note in ("notes.txt", "worm.wormio.toml", ".hidden"):
        (folder / note).touch()
    claim = detect(Probe(folder))
    assert claim is not None
    assert claim.confidence == Confidence.NAME
    for number in range(3):
        (folder / f"table_{number}.h5").touch()
    assert detect(Probe(folder)) is None
    one = write(tmp_path / "one", numbered(1), ["a.tif"])
    assert detect(Probe(one)) is not None
    (one / "b.nd2").touch()
    assert detect(Probe(one)) is None
    with pytest.raises(MissingPartError):
        opened(tmp_path)


def test_folders_of_other_formats_are_left_to_them(tmp_path, real_data):
    assert detect(Probe(real_data / "ndtiff/ndtiff3.2_11bit_1")) is None
    assert detect(Probe(real_data / "ome_zarr")) is None
    fake = tmp_path / "fake"
    fake.mkdir()
    for number in range(3):
        (fake / f"{number}.tif").write_bytes(b"no TIFF at all")
    assert detect(Probe(fake)) is None


# --- channels page by page ------------------------------------------------------------------------


def test_interleaved_channels_are_counted_by_the_user(tmp_path):
    pages = numbered(12)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pages, photometric="minisblack")
    with opened(path, axes="TYX", channels=2, planes=3, volume_rate=1) as recording:
        np.testing.assert_array_equal(recording.frames[:], pages.reshape(6, 2, Y, X))
        assert recording.timeline.volumes.tolist() == [[0, 3], [3, 6]]
        assert recording.timeline.stored.tolist() == np.arange(12).reshape(6, 2).tolist()
    with opened(path, axes="ZYX", channels=3) as recording:
        np.testing.assert_array_equal(recording.frames[:], pages.reshape(4, 3, Y, X))
    with pytest.raises(OptionError, match="axes"):
        opened(path, channels=2)
    with pytest.raises(OptionError, match="leaves 2 over"):
        opened(path, axes="TYX", channels=5)
    with pytest.raises(OptionError, match="channels"):
        opened(path, axes="CYX", channels=5)
    with opened(path, axes="CYX", channels=12) as recording:
        assert recording.frames.shape == (1, 12, Y, X)


def test_channels_do_not_override_a_header_that_names_them(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, numbered(4, 2), metadata={"axes": "TCYX"}, photometric="minisblack")
    with opened(path, channels=2) as recording:
        assert recording.frames.shape == (4, 2, Y, X)
    with pytest.raises(OptionError, match="contradicts"):
        opened(path, channels=4)
