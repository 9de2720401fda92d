"""A file that NIS-Elements wrote: `nd2/cluster.nd2` of wormio's test data (from soft-matter/pims).

What is expected was read once by the library nd2 0.12.0, and by the data's own README.
"""

import hashlib
from pathlib import Path

import nd2
import numpy as np
import pytest
import wormio
from wormio.errors import WormioError
from wormio.model import Origin

# SHA-256 of nd2.imread(path).reshape(30, 2, 31, 38), little-endian, by nd2 0.12.0 and numpy 2.4.
DIGEST = "d9c5bf520e503b17fddca9bdca5bcb789a77e38e145a4f5e52e28d0144a91d21"


def test_pixels_are_those_that_the_library_reads(cluster: Path) -> None:
    with wormio.open(cluster) as recording:
        pixels = recording.frames[:]
        assert recording.frames.shape == (30, 2, 31, 38)
    assert pixels.dtype == np.uint16
    assert hashlib.sha256(pixels.astype("<u2").tobytes()).hexdigest() == DIGEST
    np.testing.assert_array_equal(pixels.reshape(3, 10, 2, 31, 38), nd2.imread(cluster))


def test_facts_are_those_of_the_header(cluster: Path) -> None:
    with wormio.open(cluster) as recording:
        timeline = recording.timeline
        assert [c.name for c in recording.channels] == ["5-FAM/pH 9.0", "FM 4-64/2% CHAPS"]
        assert [c.excitation_nm for c in recording.channels] == [488.0, 561.0]
        assert [c.emission_nm for c in recording.channels] == [525.0, 700.0]
        assert [c.role for c in recording.channels] == ["other", "other"]
        assert recording.voxel_size.y == pytest.approx(0.167808983, abs=1e-9)
        assert recording.voxel_size.x == recording.voxel_size.y
        assert recording.voxel_size.z == 0.5
        assert timeline.volumes.tolist() == [[0, 10], [10, 20], [20, 30]]
        assert timeline.clock.start == "2014-06-18T13:55:23.392+00:00"
        assert wormio.contents(cluster) == []


def test_times_are_measured(cluster: Path) -> None:
    with nd2.ND2File(cluster) as file:
        wanted = [file.frame_metadata(i).channels[0].time.relativeTimeMs for i in range(30)]
    with wormio.open(cluster) as recording:
        timeline = recording.timeline
    assert timeline.origins["time"] == Origin.MEASURED
    assert timeline.time[0] == pytest.approx(0.445083498, abs=1e-9)
    np.testing.assert_allclose(timeline.time, np.array(wanted) / 1000, rtol=0, atol=1e-9)


def test_z_is_that_of_the_loop_as_the_recorded_drive_stands_still(cluster: Path) -> None:
    with wormio.open(cluster) as recording:
        timeline = recording.timeline
        told = {f.code: f.message for f in recording.findings}
    np.testing.assert_allclose(timeline.z, np.tile(np.arange(10) * 0.5, 3))
    assert timeline.origins["z"] == Origin.NOMINAL
    assert "Ti ZDrive" in told["z-not-recorded"]
    assert "Nikon A1 Piezo Z Drive" in told["z-not-recorded"]


def test_recorded_data_are_extra_columns(cluster: Path) -> None:
    with wormio.open(cluster) as recording:
        extra = recording.timeline.extra
    drive, temperature = extra["Ti ZDrive"], extra["Camera 1 Temperature"]
    assert (drive.unit, temperature.unit) == ("um", "°C")
    np.testing.assert_allclose(drive.values, 3916.725)
    assert set(temperature.values) == {-5.0}
    assert extra["PFS Status"].values.tolist() == [7] * 30


@pytest.mark.parametrize("sixty_fourth", range(64))
def test_a_file_cut_short_is_an_error(cluster: Path, tmp_path: Path, sixty_fourth: int) -> None:
    content = cluster.read_bytes()
    path = tmp_path / "cut.nd2"
    path.write_bytes(content[: len(content) * sixty_fourth // 64])
    for options in ({}, {"allow_truncated": True}):
        with pytest.raises(WormioError, match=r"cut\.nd2"):
            wormio.open(path, "nd2", **options)


def test_damage_gives_errors_of_wormio_or_a_recording(cluster: Path, tmp_path: Path) -> None:
    content = cluster.read_bytes()
    # Everything but the images: there, a changed byte is a changed pixel.
    places = np.r_[0:53248, 421888 : len(content)]
    rng = np.random.default_rng(20_261_122)
    path = tmp_path / "damaged.nd2"
    opened = 0
    for at in rng.choice(places, 150):
        damaged = bytearray(content)
        damaged[at] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            with wormio.open(path, "nd2") as recording:
                assert recording.frames[-1].shape == recording.frames.shape[1:]
                opened += 1
        except WormioError:
            continue
    assert opened > 50  # most bytes are padding, or a text that nobody reads


def test_a_wrong_map_of_the_chunks_is_never_wrong_pixels(cluster: Path, tmp_path: Path) -> None:
    content = cluster.read_bytes()
    begin = content.rindex(b"ND2 FILEMAP SIGNATURE NAME 0001!")
    right = nd2.imread(cluster).reshape(30, 2, 31, 38)
    rng = np.random.default_rng(311)
    path = tmp_path / "damaged.nd2"
    refused = 0
    for at in rng.integers(begin, len(content), 150):
        damaged = bytearray(content)
        damaged[at] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            with wormio.open(path, "nd2") as recording:
                pixels = recording.frames[:]
        except WormioError:
            refused += 1
            continue
        np.testing.assert_array_equal(pixels, right)
    assert refused > 50
