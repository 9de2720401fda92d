"""ScanImage. Oracles: published facts, tifffile's pages, and headers written here line by line."""

import re
import shutil
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
    WormioError,
)
from wormio.formats.tiff.adapter import contents
from wormio.formats.tiff.adapter import open as open_tiff
from wormio.formats.tiff.options import TiffOptions
from wormio.model import BaseRecording, EventStatus, Flag, Origin

MULTI = "scanimage/volumetric_single_channel_multi_file"
SET = "vol_one_ch_multi_files_00001"
Y, X = 3, 4


def opened(path: Path, **options: Any) -> BaseRecording:
    return open_tiff(path, TiffOptions(**options))


def pages_of(*paths: Path) -> np.ndarray:
    pages = []
    for path in paths:
        with tifffile.TiffFile(path) as tif:
            pages += [page.asarray() for page in tif.pages]
    return np.stack(pages)


def stamps_of(path: Path) -> list[float]:
    with tifffile.TiffFile(path) as tif:
        found = [re.search(r"frameTimestamps_sec = (\S+)", p.description) for p in tif.pages]
    return [float(match[1]) for match in found if match]


def codes(recording: BaseRecording) -> list[str]:
    return [finding.code for finding in recording.findings]


# --- real recordings ----------------------------------------------------------------------------


def test_a_fast_stack_has_its_published_volumes_and_the_stamps_of_its_pages(real_data):
    path = real_data / "scanimage/vol_no_flyback_00001_00001.tif"
    with opened(path) as recording:
        assert recording.frames.shape == (90, 1, 20, 20)
        assert recording.frames.dtype == np.int16
        assert recording.timeline.n_volumes == 10
        np.testing.assert_array_equal(recording.frames[:, 0], pages_of(path))
        assert recording.frames[:].min() < 0
        assert recording.timeline.z[:9].tolist() == [92, 94, 96, 98, 100, 102, 104, 106, 108]
        assert recording.timeline.origins["z"] == Origin.NOMINAL
        assert recording.timeline.time.tolist() == stamps_of(path)
        assert recording.timeline.origins["time"] == Origin.MEASURED
        assert recording.timeline.clock.start == "2025-04-30T14:51:53.601"
        # Field of view: 16.875 um for 20 pixels; the resolution tags say the same.
        assert recording.voxel_size.x == pytest.approx(0.84375)
        assert recording.voxel_size.z == 2
        # The stamps contradict the planned rate: that is told, and the user may decide.
        assert "rate-differs" in codes(recording)
    with opened(path, volume_rate=8.86703) as recording:
        assert 1 / recording.timeline.volume_interval == pytest.approx(8.86703)
        assert recording.timeline.origins["time"] == Origin.USER
        assert "rate-differs" not in codes(recording)


@pytest.mark.parametrize("name", ["", f"{SET}_00001.tif", f"{SET}_00007.tif"])
def test_a_set_of_files_is_one_recording_whichever_of_them_is_opened(real_data, name):
    folder = real_data / MULTI
    with opened(folder / name) as recording:
        assert recording.frames.shape == (900, 1, 20, 20)
        assert recording.timeline.n_volumes == 100
        assert np.diff(recording.timeline.volumes).ravel().tolist() == [9] * 100
        assert 1 / recording.timeline.volume_interval == pytest.approx(32.7454, rel=1e-3)
        # 9 planes and 7 frames of flyback a cycle.
        pages = np.arange(1600).reshape(100, 16)[:, :9].ravel()
        assert recording.timeline.stored[:, 0].tolist() == pages.tolist()
        assert len(recording.timeline.dropped) == 0
        expected = pages_of(*sorted(folder.glob("*.tif")))[pages]
        np.testing.assert_array_equal(recording.frames[:, 0], expected)
        assert codes(recording) == []
        assert len(recording.source.arguments["parts"]) == 10


def test_one_file_of_a_set_can_be_had_alone_and_keeps_its_place_in_time(real_data):
    path = real_data / MULTI / f"{SET}_00004.tif"
    with opened(path, single_file=True) as recording:
        assert recording.timeline.n_volumes == 10
        assert recording.timeline.count[0] == 3 * 10 * 9
        assert recording.timeline.time[0] == pytest.approx(stamps_of(path)[0])
        assert "volumes-fewer" in codes(recording)


def test_a_slow_stack_keeps_all_frames_of_a_plane_and_both_channels(real_data):
    path = real_data / "scanimage/scanimage_20220923_noroi.tif"
    with opened(path) as recording:
        assert recording.frames.shape == (12, 2, 256, 256)
        assert [channel.name for channel in recording.channels] == ["Channel 1", "Channel 4"]
        assert recording.timeline.volumes.tolist() == [[0, 4], [4, 8], [8, 12]]
        np.testing.assert_array_equal(recording.frames[:], pages_of(path).reshape(12, 2, 256, 256))
        assert recording.timeline.z[:4].tolist() == [-11179.5, -11179.5, -11178.5, -11178.5]
        assert recording.timeline.time.tolist() == stamps_of(path)[::2]


def test_version_3_has_a_nominal_rate_and_one_channel(real_data):
    path = real_data / "scanimage/sample_scanimage_version_3_8.tiff"
    with opened(path) as recording:
        assert recording.frames.shape == (10, 1, 256, 256)
        assert recording.timeline.n_volumes == 10
        assert 1 / recording.timeline.volume_interval == pytest.approx(3.90625)
        assert recording.timeline.origins["time"] == Origin.NOMINAL
        np.testing.assert_array_equal(recording.frames[:, 0], pages_of(path))


def test_the_axes_of_the_user_win_over_the_header(real_data):
    path = real_data / "scanimage/vol_no_flyback_00001_00001.tif"
    with opened(path, axes="TYX") as recording:
        assert recording.timeline.n_volumes == 90
        np.testing.assert_array_equal(recording.frames[:, 0], pages_of(path))


@pytest.fixture
def three_files(real_data: Path, tmp_path: Path) -> Path:
    for number in (1, 2, 3):
        name = f"{SET}_{number:05d}.tif"
        shutil.copy(real_data / MULTI / name, tmp_path / name)
        (tmp_path / name).chmod(0o644)
    return tmp_path


def test_a_gap_in_the_numbers_of_the_files_is_a_missing_part(three_files):
    (three_files / f"{SET}_00002.tif").unlink()
    for name in ("", f"{SET}_00001.tif", f"{SET}_00003.tif"):
        with pytest.raises(MissingPartError, match="00002"):
            opened(three_files / name)
    with opened(three_files / f"{SET}_00003.tif", single_file=True) as recording:
        assert recording.timeline.n_volumes == 10


def test_a_file_of_another_recording_does_not_slip_in(three_files, real_data):
    other = real_data / "scanimage/vol_no_flyback_00001_00001.tif"
    target = three_files / f"{SET}_00002.tif"
    target.write_bytes(other.read_bytes())
    with pytest.raises(CorruptRecordingError, match="headers differ"):
        opened(three_files)


def test_a_set_that_is_cut_off_gives_its_complete_volumes(three_files):
    path = three_files / f"{SET}_00003.tif"
    with tifffile.TiffFile(path) as tif:
        end = int(tif.pages[24].dataoffsets[0]) + 5
    with path.open("r+b") as file:
        file.truncate(end)
    with pytest.raises(TruncatedRecordingError):
        opened(three_files)
    with opened(three_files, allow_truncated=True) as recording:
        assert recording.timeline.n_volumes == 21  # two files of 10, and one whole cycle of 16
        assert len(recording.timeline) == 21 * 9
        assert "truncated" in codes(recording)


def test_a_middle_file_that_is_too_short_is_no_gap_in_time(three_files):
    path = three_files / f"{SET}_00002.tif"
    with tifffile.TiffFile(path) as tif:
        software = tif.pages[0].tags["Software"].value
        texts = [page.description for page in tif.pages]
    pages = pages_of(path)
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for pixels, text in zip(pages[:80], texts, strict=False):
            writer.write(
                pixels, description=text, software=software, metadata=None, contiguous=False
            )
    with pytest.raises(TruncatedRecordingError, match="160 frames"):
        opened(three_files)
    with opened(three_files, allow_truncated=True) as recording:
        assert recording.timeline.n_volumes == 15  # the third file is left out


# --- headers written here -------------------------------------------------------------------------


def header(**changes: Any) -> str:
    """Return the header of two planes and two frames of flyback, 10 frames a second."""
    values: dict[str, Any] = {
        "hChannels.channelSave": "1",
        "hChannels.channelName": "{'green' 'red'}",
        "hStackManager.enable": "true",
        "hStackManager.stackMode": "'fast'",
        "hStackManager.actualNumSlices": 2,
        "hStackManager.framesPerSlice": 1,
        "hStackManager.numFramesPerVolumeWithFlyback": 4,
        "hStackManager.zs": "[10 15]",
        "hRoiManager.scanFrameRate": 10,
        "hRoiManager.scanVolumeRate": 2.5,
    }
    values |= {name.replace("__", "."): value for name, value in changes.items()}
    return "\n".join(f"SI.{name} = {value}" for name, value in values.items() if value is not None)


def write(
    path: Path,
    n: int = 12,
    *,
    channels: int = 1,
    software: str | None = None,
    numbers: list[tuple[int, int, int]] | None = None,
    times: list[float] | None = None,
    triggers: dict[int, str] | None = None,
) -> np.ndarray:
    """Write `n` frames; their pixels tell frame and channel."""
    pixels = np.arange(n * channels, dtype=np.int16).reshape(n, channels, 1, 1) - 3
    pixels = np.broadcast_to(pixels, (n, channels, Y, X)).copy()
    numbers = numbers or [(i + 1, 1, i + 1) for i in range(n)]
    times = times or [0.1 * i for i in range(n)]
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for frame in range(n):
            a, b, c = numbers[frame]
            text = (
                f"frameNumbers = {a}\nacquisitionNumbers = {b}\nframeNumberAcquisition = {c}\n"
                f"frameTimestamps_sec = {times[frame]:.9f}\n"
                f"auxTrigger0 = [{(triggers or {}).get(frame, '')}]\nauxTrigger1 = []"
            )
            for channel in range(channels):
                writer.write(
                    pixels[frame, channel],
                    contiguous=False,
                    metadata=None,
                    software=header() if software is None else software,
                    description=text,
                )
    return pixels


def test_flyback_is_left_out_and_channels_are_interleaved(tmp_path):
    path = tmp_path / "worm_00001.tif"
    pixels = write(path, channels=2, software=header(hChannels__channelSave="[1 2]"))
    with wormio.open(path) as recording:
        assert [channel.name for channel in recording.channels] == ["green", "red"]
        kept = [0, 1, 4, 5, 8, 9]
        np.testing.assert_array_equal(recording.frames[:], pixels[kept])
        assert recording.timeline.stored.tolist() == [[2 * i, 2 * i + 1] for i in kept]
        assert recording.timeline.time == pytest.approx(np.array(kept) / 10)
        assert recording.timeline.volume_interval == pytest.approx(0.4)
        assert recording.timeline.slot.tolist() == [0, 1] * 3
        assert recording.events == {}


def test_triggers_lie_on_the_nearest_frame_with_their_own_time(tmp_path):
    path = tmp_path / "worm_00001.tif"
    # In frame 1; in the flyback nearer to the volume before; nearer to the one after; too late.
    write(path, triggers={1: "0.11", 3: "0.21 0.31", 11: "5.5"})
    with opened(path) as recording:
        assert list(recording.events) == ["auxTrigger0"]
        table = recording.events["auxTrigger0"]
        assert table.frame.tolist() == [1, 1, 2, -1]
        assert table.volume.tolist() == [0, 0, 1, -1]
        assert table.time[:3].tolist() == [0.11, 0.21, 0.31]
        assert table.error_frames[:3].tolist() == [0, 1, 1]
        assert table.status[3] == EventStatus.OUTSIDE


def test_lost_frames_leave_gaps_and_do_not_shift_the_planes(tmp_path):
    path = tmp_path / "worm_00001.tif"
    kept = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11]  # frame 4, the first plane of volume 1, is lost
    write(
        path,
        len(kept),
        numbers=[(i + 1, 1, i + 1) for i in kept],
        times=[0.1 * i for i in kept],
    )
    with opened(path) as recording:
        assert recording.timeline.dropped.tolist() == [2]
        assert recording.timeline.volumes.tolist() == [[0, 2], [2, 3], [3, 5]]
        assert recording.timeline.z.tolist() == [10, 15, 15, 10, 15]
        assert recording.timeline.slot.tolist() == [0, 1, 1, 0, 1]


def test_each_acquisition_of_a_loop_begins_a_new_volume(tmp_path):
    path = tmp_path / "worm_00001.tif"
    # The first was stopped after 5 of 8 frames.
    numbers = [(i + 1, 1, i + 1) for i in range(5)] + [(i + 6, 2, i + 1) for i in range(8)]
    write(path, 13, numbers=numbers)
    with opened(path) as recording:
        assert recording.timeline.stored[:, 0].tolist() == [0, 1, 4, 5, 6, 9, 10]
        assert recording.timeline.volumes.tolist() == [[0, 2], [3, 5], [5, 7]]
        incomplete = recording.timeline.flags & Flag.INCOMPLETE
        assert np.flatnonzero(incomplete).tolist() == [2]


@pytest.mark.parametrize("times", [[0.0] * 12, [0.1 * (12 - i) for i in range(12)]])
def test_stamps_that_are_no_times_are_told_and_not_used(tmp_path, times):
    path = tmp_path / "worm_00001.tif"
    write(path, times=times)
    with opened(path) as recording:
        assert "times-unusable" in codes(recording)
        assert recording.timeline.origins["time"] == Origin.NOMINAL
        assert recording.timeline.time == pytest.approx(np.array([0, 1, 4, 5, 8, 9]) / 10)


def test_frame_numbers_that_do_not_count_are_told_and_not_used(tmp_path):
    path = tmp_path / "worm_00001.tif"
    write(path, numbers=[(7, 1, 7)] * 12)
    with opened(path) as recording:
        assert "frame-numbers-unusable" in codes(recording)
        assert recording.timeline.n_volumes == 3


def test_files_may_end_in_the_middle_of_a_cycle(tmp_path):
    software = header(hScan2D__logFramesPerFile=6)
    for number in (1, 2):
        first = 6 * (number - 1)
        write(
            tmp_path / f"worm_00001_{number:05d}.tif",
            6,
            software=software,
            numbers=[(i + 1, 1, i + 1) for i in range(first, first + 6)],
            times=[0.1 * i for i in range(first, first + 6)],
        )
    with opened(tmp_path) as recording:
        assert recording.timeline.stored[:, 0].tolist() == [0, 1, 4, 5, 8, 9]
        assert recording.timeline.n_volumes == 3
    with opened(tmp_path / "worm_00001_00002.tif", single_file=True) as recording:
        # Its frames 6 to 11: the rest of a flyback, a volume, its flyback.
        assert recording.timeline.stored[:, 0].tolist() == [2, 3]
        assert recording.timeline.time == pytest.approx(np.array([0.8, 0.9]))


def test_a_folder_with_several_acquisitions_asks_for_one(tmp_path):
    software = header(hScan2D__logFramesPerFile=12)
    for acquisition in (1, 2):
        write(tmp_path / f"worm_{acquisition:05d}_00001.tif", 4 * acquisition, software=software)
    assert contents(tmp_path, TiffOptions()) == ["worm_00001", "worm_00002"]
    with pytest.raises(OptionError, match="worm_00002"):
        opened(tmp_path)
    with opened(tmp_path, item="worm_00002") as recording:
        assert recording.timeline.n_volumes == 2


def test_a_recording_without_stack_has_a_volume_a_frame_unless_the_user_says_more(tmp_path):
    path = tmp_path / "worm_00001.tif"
    write(path, software=header(hStackManager__enable="false"))
    with opened(path) as recording:
        assert recording.timeline.n_volumes == 12
    with opened(path, planes=5, um_per_plane=2) as recording:
        assert recording.timeline.volumes.tolist() == [[0, 5], [5, 10]]
        assert recording.timeline.z[:5].tolist() == [0, 2, 4, 6, 8]


@pytest.mark.parametrize(
    "changes",
    [
        {"hStackManager__actualNumSlices": 0},
        {"hStackManager__actualNumSlices": "1e12"},
        {"hStackManager__actualNumSlices": "NaN"},
        {"hStackManager__numFramesPerVolumeWithFlyback": 1},
        {"hChannels__channelSave": "[]"},
        {"hChannels__channelSave": "[1 NaN]"},
    ],
)
def test_a_header_with_impossible_numbers_is_refused(tmp_path, changes):
    path = tmp_path / "worm_00001.tif"
    write(path, software=header(**changes))
    with pytest.raises(CorruptRecordingError, match="impossible"):
        opened(path)


def test_options_that_contradict_the_header_are_refused(tmp_path):
    path = tmp_path / "worm_00001.tif"
    write(path)
    with pytest.raises(OptionError, match="planes"):
        opened(path, planes=3)


def test_planes_at_unknown_places_are_told(tmp_path):
    path = tmp_path / "worm_00001.tif"
    write(path, software=header(hStackManager__zs="[]"))
    with opened(path) as recording:
        assert np.isnan(recording.timeline.z).all()
        assert "z-unknown" in codes(recording)
    with opened(path, um_per_plane=4) as recording:
        assert recording.timeline.z[:2].tolist() == [0, 4]


def test_a_frame_without_all_its_channels_is_truncated(tmp_path):
    path = tmp_path / "worm_00001.tif"
    write(path, 5, software=header(hChannels__channelSave="[1 2]"))
    with pytest.raises(TruncatedRecordingError):
        opened(path)


def test_damaged_bytes_raise_an_error_of_wormio_or_nothing(tmp_path):
    whole = tmp_path / "worm_00001.tif"
    write(whole, triggers={1: "0.11"})
    data = whole.read_bytes()
    path = tmp_path / "worm_00002.tif"
    rng = np.random.default_rng(5)
    n_refused = 0
    for _ in range(150):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), 4):
            damaged[at] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            with opened(path) as recording:
                recording.frames[:]
        except (WormioError, OSError):
            n_refused += 1
    assert n_refused > 10


def test_a_file_cut_anywhere_gives_complete_volumes_or_raises(tmp_path):
    whole = tmp_path / "worm_00001.tif"
    pixels = write(whole)
    data = whole.read_bytes()
    path = tmp_path / "worm_00002.tif"
    found = set()
    for size in range(len(data) // 64, len(data) - 16, len(data) // 64):
        path.write_bytes(data[:size])
        with pytest.raises((TruncatedRecordingError, OptionError)):
            opened(path)
        try:
            with opened(path, allow_truncated=True) as recording:
                n = recording.timeline.n_volumes
                np.testing.assert_array_equal(
                    recording.frames[:], pixels[[0, 1, 4, 5, 8, 9][: 2 * n]]
                )
                found.add(n)
        except (TruncatedRecordingError, OptionError):
            found.add(0)
    assert found == {0, 1, 2, 3}  # 3: only flyback is lost


def test_options_for_what_the_header_says_must_agree_with_it(tmp_path):
    path = tmp_path / "worm_00001.tif"
    write(path)
    with opened(path, channels=1, planes=2, item="0") as recording:
        assert recording.timeline.n_volumes == 3
    with pytest.raises(OptionError, match="channels"):
        opened(path, channels=2)
    with pytest.raises(OptionError, match="item"):
        opened(path, item="worm 2")
