"""NeRVE folders. Oracles: numbers written down here, and the images as MATLAB would show them."""

import pickle
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

import wormio
from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    OptionError,
    TruncatedRecordingError,
    WormioError,
)
from wormio.model import EventStatus, Flag, Origin

ROWS, COLUMNS = 6, 5
N = 40
# Rows 0-4 before the first turn, sweeps of ten frames, the last cut off; volume 2 is a bad one.
STACK = np.array([0] * 5 + [1] * 10 + [0] * 10 + [2] * 10 + [3] * 5)


def images(n=N, rows=ROWS, columns=COLUMNS):
    """Return (F, rows, columns), as MATLAB shows them."""
    frame, row, column = np.ogrid[:n, :rows, :columns]
    return (frame * 100 + row * 10 + column).astype(np.uint16)


def write_frames(folder: Path, frames, name=None):
    name = name or f"sCMOS_Frames_U16_{frames.shape[1]}x{frames.shape[2]}.dat"
    # MATLAB's fread and reshape(pixels, rows, columns): the row is the fastest index.
    data = b"".join(frame.astype("<u2").tobytes(order="F") for frame in frames)
    (folder / name).write_bytes(data)


def data_all(**changes):
    column = np.arange(N, dtype=float)[:, np.newaxis]
    table = {
        "Z": 4 + 0.1 * np.abs((column - 5) % 20 - 10),
        "flashLoc": np.array([[8.0], [38.0]]),
        "imageIdx": column + 1 + (column >= 20),  # one frame was taken but not saved
        "frameTime": 0.5 + column * 0.005,
        "stackIdx": STACK[:, np.newaxis].astype(float),
        "imSTD": column,
        "xPos": column * 2,
        "yPos": column * 3,
    }
    return {k: v for k, v in (table | changes).items() if v is not None}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "BrainScanner20160101_120000"
    folder.mkdir()
    write_frames(folder, images())
    scipy.io.savemat(folder / "hiResData.mat", {"dataAll": data_all()})
    return folder


def save_rectangles(folder, rect1, rect2):
    alignments = {"S2AHiRes": {"rect1": np.array(rect1), "rect2": np.array(rect2)}}
    scipy.io.savemat(folder / "alignments.mat", {"alignments": alignments}, do_compression=True)


def write_raw(folder, *, saved_header="savedFrameCount", jump=False, camera_rows=N):
    """Write 1,000 rows a second; frame k is saved at row 100 + 5 k, its z in the row before."""
    rows = np.zeros((100 + 5 * N + 20, 8))
    for k in range(N):
        if not (jump and k == 7):
            rows[100 + 5 * k :, 4] = k + 1
        rows[95 + 5 * k : 100 + 5 * k, 1] = 4 + 0.1 * abs((k - 5) % 20 - 10)
        rows[95 + 5 * k : 100 + 5 * k, 6] = k
    header = f"FuncGen\tZ Sensor\tFxnGen Sync\tCamera Trigger\t{saved_header}\tframeCount\tx\ty"
    np.savetxt(folder / "LabJackData.txt", rows, "%.6g", "\t", header=header, comments="")
    camera = np.array(
        [[10, 0, 5, 1]] + [[11 + k + (k >= 20), k + 1, 5, k] for k in range(camera_rows)]
    )
    header = "Total Frames\tSaved Frames\tDC Offset\tImage StDev"
    np.savetxt(folder / "CameraFrameData.txt", camera, "%.6g", "\t", header=header)


def test_images_are_those_that_matlab_shows(folder):
    with wormio.open(folder) as recording:
        assert recording.source.arguments["format"] == "nerve"
        assert recording.frames.shape == (N, 1, ROWS, COLUMNS)
        np.testing.assert_array_equal(recording.frames[:, 0], images())
        assert "channels-not-split" in [finding.code for finding in recording.findings]
    with wormio.open(folder, pixel_order="rows", channels="whole") as recording:
        data = np.fromfile(next(folder.glob("*.dat")), "<u2").reshape(N, ROWS, COLUMNS)
        np.testing.assert_array_equal(recording.frames[:, 0], data)


def test_the_table_gives_time_volts_volumes_and_dropped_frames(folder):
    with wormio.open(folder) as recording:
        timeline = recording.timeline
        np.testing.assert_allclose(timeline.time, 0.5 + np.arange(N) * 0.005)
        assert timeline.z_unit == "V"
        assert timeline.z[15] == pytest.approx(4.0)
        with pytest.raises(OptionError, match="um_per_volt"):
            _ = timeline.z_um
        assert timeline.volumes.tolist() == [[5, 15], [25, 35]]
        assert timeline.policy["name"] == "from_volume_index"
        assert timeline.origins["volume"] == Origin.INFERRED
        assert timeline.origins["time"] == Origin.JOINED
        assert timeline.dropped.tolist() == [21]
        assert timeline.extra["stage_y"].values[7] == 21
        incomplete = (timeline.flags & Flag.INCOMPLETE) != 0
        assert np.flatnonzero(incomplete).tolist() == [*range(5), *range(35, 40)]
        assert timeline.direction[[6, 16, 26]].tolist() == [-1, 1, -1]
    with wormio.open(folder, um_per_volt="25") as recording:
        assert recording.timeline.z_um.max() == pytest.approx(5.0 * 25)


def test_flashes_are_events_at_their_frames_of_the_file(folder):
    with wormio.open(folder) as recording:
        flash = recording.events["flash"]
        assert flash.frame.tolist() == [7, 37]  # flashLoc counts from 1
        assert flash.volume.tolist() == [0, -1]
        assert flash.status.tolist() == [EventStatus.OK, EventStatus.PARTIAL_VOLUME]
        assert flash.time[0] == pytest.approx(0.535)


@pytest.mark.parametrize(
    ("rect1", "rect2", "meaning"),
    [
        ([1, 1, 5, 3], [1, 4, 5, 3], "size"),  # x y width height: corners would be empty
        ([1, 1, 4, 3], [1, 3, 4, 5], "corners"),  # rows 2 to 3 and 4 to 5, columns 2 to 4
    ],
)
def test_channels_are_the_rectangles_of_the_alignment(folder, rect1, rect2, meaning):
    save_rectangles(folder, rect1, rect2)
    truth = images()
    if meaning == "size":
        red, green = truth[:, 0:3, 0:5], truth[:, 3:6, 0:5]
    else:
        red, green = truth[:, 1:3, 1:4], truth[:, 3:5, 1:4]
    with wormio.open(folder, rectangles=meaning, camera_offset=400) as recording:
        assert [(c.name, c.role, c.offset) for c in recording.channels] == [
            ("red", "reference", 400.0),
            ("green", "signal", 400.0),
        ]
        np.testing.assert_array_equal(recording.frames[:, 0], red)
        np.testing.assert_array_equal(recording.frames[:, 1], green)
        np.testing.assert_array_equal(recording.frames[3:9:2, 1, 1:, 2], green[3:9:2, 1:, 2])
        assert recording.timeline.stored[3].tolist() == [6, 7]
        assert recording.metadata["channels"] == f"alignments, {meaning}"


def test_rectangles_that_fit_in_both_readings_are_asked_for(folder):
    save_rectangles(folder, [1, 1, 4, 3], [1, 3, 4, 5])
    with wormio.open(folder) as recording:  # as sizes, the second would leave the frame
        assert recording.metadata["channels"] == "alignments, corners"
    save_rectangles(folder, [1, 1, 3, 3], [2, 1, 4, 3])
    with pytest.raises(OptionError, match=r"rectangles='corners'.*rectangles='size'"):
        wormio.open(folder)
    save_rectangles(folder, [1, 1, 30, 3], [2, 1, 40, 3])
    with pytest.raises(CorruptRecordingError, match="outside the frame"):
        wormio.open(folder)
    save_rectangles(folder, [1, 1, 2.5, 3], [2, 1, 40, 3])
    with pytest.raises(CorruptRecordingError, match="no rectangle"):
        wormio.open(folder)


def test_rectangles_of_two_sizes_leave_the_frame_whole(folder):
    save_rectangles(folder, [1, 1, 5, 3], [1, 5, 5, 2])
    with wormio.open(folder) as recording:
        assert recording.frames.shape[1:] == (1, ROWS, COLUMNS)
        (finding,) = [f for f in recording.findings if f.code == "channels-not-split"]
        assert "3 x 5 and 2 x 5" in finding.message
    with pytest.raises(OptionError, match="not equally large"):
        wormio.open(folder, channels="alignments")


def test_halves_and_missing_alignments(folder):
    with wormio.open(folder, channels="split") as recording:
        np.testing.assert_array_equal(recording.frames[:, 1], images()[:, 3:])
        assert [channel.name for channel in recording.channels] == ["upper", "lower"]
    with pytest.raises(MissingPartError, match=r"alignments\.mat"):
        wormio.open(folder, channels="alignments")


def test_the_real_alignment_is_read_as_sizes(real_data, folder):
    shutil.copy(real_data / "leifer" / "brainscanner20231024" / "alignments.mat", folder)
    (folder / "sCMOS_Frames_U16_6x5.dat").unlink()
    write_frames(folder, np.zeros((1, 1024, 512)))
    table = data_all()
    one = {name: values[:1] for name, values in table.items() if name != "flashLoc"}
    scipy.io.savemat(folder / "hiResData.mat", {"dataAll": one})
    with wormio.open(folder) as recording:
        assert recording.metadata["crops"] == [(0, 0, 512, 512), (512, 0, 512, 512)]
        assert recording.frames.shape == (1, 2, 512, 512)


def test_the_text_tables_give_what_the_labs_code_makes_of_them(folder):
    write_raw(folder)
    with wormio.open(folder) as cooked, wormio.open(folder, raw=True) as recording:
        timeline = recording.timeline
        np.testing.assert_allclose(timeline.time, 0.1 + np.arange(N) * 0.005)
        np.testing.assert_allclose(timeline.z, cooked.timeline.z, atol=1e-6)
        assert (timeline.count - timeline.count[0] == cooked.timeline.count - 1).all()
        assert timeline.extra["stage_x"].values.tolist() == list(range(N))
        assert timeline.policy["name"] == "from_scan"
        assert timeline.origins["volume"] == Origin.INFERRED
        assert timeline.volumes.tolist() == [[5, 15], [15, 25], [25, 35]]
        assert not recording.events
        np.testing.assert_array_equal(recording.frames[:], cooked.frames[:])
    (folder / "hiResData.mat").unlink()
    assert wormio.explain(folder).best[0].format == "nerve"
    with wormio.open(folder) as recording:
        assert "LabJackData.txt" in recording.metadata["tables"]
    (folder / "LabJackData.txt").rename(folder / "labJackData.txt")  # both are seen
    with wormio.open(folder) as recording:
        assert len(recording.timeline) == N


def test_a_save_that_the_daq_missed_is_interpolated_and_flagged(folder):
    write_raw(folder, jump=True)
    with wormio.open(folder, raw=True) as recording:
        timeline = recording.timeline
        flagged = (timeline.flags & Flag.TIME_REPAIRED) != 0
        assert np.flatnonzero(flagged).tolist() == [7]
        assert timeline.time[7] == pytest.approx(0.135)
        assert (timeline.flags[7] & Flag.Z_INTERPOLATED) != 0
        assert "daq-missed-frames" in [finding.code for finding in recording.findings]


def test_camera_and_daq_that_disagree_give_no_counter(folder):
    write_raw(folder, camera_rows=N - 3)
    with wormio.open(folder, raw=True) as recording:
        assert recording.timeline.origins["count"] == Origin.NOMINAL
        assert "camera-and-daq-disagree" in [finding.code for finding in recording.findings]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("LabJackData.txt", "", "empty"),
        ("LabJackData.txt", "a\tb\n", "empty"),
        ("LabJackData.txt", "0 1 2 3 4 5\n0 1 2\n", "row"),
        ("LabJackData.txt", "0 1 2 3 4 5\n0 1 2 3 nan 5\n", "finite"),
        ("LabJackData.txt", "0 1 2 3 4 5\n0 1 2 3 4 5\n", "never rises"),
        ("LabJackData.txt", "0 1 2 3 4 5\n0 1 2 3 5 5\n0 1 2 3 2 5\n", "falls"),
        ("LabJackData.txt", "0 1 2 3 4.5 5\n0 1 2 3 5 5\n", "no counter"),
        ("LabJackData.txt", "Z Sensor\tb\tc\td\te\n1 2 3 4 5\n1 2 3 4 6\n", "order"),
        ("CameraFrameData.txt", "1 2\n1 3 4\n", "row"),
        ("CameraFrameData.txt", "1\n2\n", "narrow"),
    ],
)
def test_a_broken_table_is_corrupt_and_named(folder, name, content, message):
    write_raw(folder)
    (folder / name).write_text(content)
    with pytest.raises(CorruptRecordingError, match=message) as caught:
        wormio.open(folder, raw=True)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frameTime": None}, "not there"),
        ({"frameTime": np.zeros((N, 1))}, "time does not increase"),
        ({"Z": np.full((N, 1), np.nan)}, "finite"),
        ({"Z": np.zeros((3, 1))}, "not there"),
        ({"Z": "text"}, "no numbers"),
        ({"stackIdx": np.arange(N)[::-1, np.newaxis]}, "stackIdx falls"),
        ({"stackIdx": np.full((N, 1), 0.5)}, "no counter"),
        ({"imageIdx": np.ones((N, 1))}, "imageIdx"),
        ({"flashLoc": np.zeros((1, 1))}, "from 1"),
    ],
)
def test_a_wrong_hires_table_is_corrupt(folder, changes, message):
    scipy.io.savemat(folder / "hiResData.mat", {"dataAll": data_all(**changes)})
    with pytest.raises(CorruptRecordingError, match=message) as caught:
        wormio.open(folder)
    assert "hiResData.mat" in str(caught.value)


def test_columns_of_another_length_are_not_used_and_said(folder):
    changes = {"stackIdx": STACK[1:, np.newaxis], "imageIdx": np.arange(3.0), "xPos": None}
    scipy.io.savemat(folder / "hiResData.mat", {"dataAll": data_all(**changes)})
    with wormio.open(folder) as recording:
        assert [f.code for f in recording.findings].count("column-unusable") == 2
        assert recording.timeline.policy["name"] == "from_scan"
        assert recording.timeline.origins["count"] == Origin.NOMINAL
        assert "stage_x" not in recording.timeline.extra


def test_a_table_of_version_7_3_is_read_too(folder):
    path = folder / "hiResData.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        group = file.create_group("dataAll")
        group.attrs["MATLAB_class"] = np.bytes_("struct")
        for name, values in data_all().items():
            group.create_dataset(name, data=values.T).attrs["MATLAB_class"] = np.bytes_("double")
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    with wormio.open(folder) as recording:
        assert recording.timeline.volumes.tolist() == [[5, 15], [25, 35]]
        assert recording.events["flash"].frame.tolist() == [7, 37]


def test_latency_moves_z_and_volumes_but_not_time(folder):
    with wormio.open(folder) as plain, wormio.open(folder, latency=2) as late:
        np.testing.assert_array_equal(late.timeline.z[2:], plain.timeline.z[:-2])
        assert np.isnan(late.timeline.z[:2]).all()
        assert ((late.timeline.flags[:3] & Flag.Z_UNKNOWN) != 0).tolist() == [True, True, False]
        assert late.timeline.volumes.tolist() == [[7, 17], [27, 37]]
        np.testing.assert_array_equal(late.timeline.time, plain.timeline.time)
    with wormio.open(folder, latency=-3) as early, wormio.open(folder) as plain:
        np.testing.assert_array_equal(early.timeline.z[:-3], plain.timeline.z[3:])


def test_a_cut_frame_file_gives_its_complete_volumes_when_asked(folder):
    path = next(folder.glob("*.dat"))
    whole = path.read_bytes()
    frame_bytes = ROWS * COLUMNS * 2
    for size in range(0, len(whole), len(whole) // 64):
        path.write_bytes(whole[:size])
        with pytest.raises(TruncatedRecordingError, match="40 frames of 60 bytes"):
            wormio.open(folder)
        with wormio.open(folder, allow_truncated=True) as recording:
            n = size // frame_bytes
            assert len(recording.timeline) == n
            np.testing.assert_array_equal(recording.frames[:, 0], images()[:n])
            assert recording.timeline.n_volumes == (n >= 15) + (n >= 35)
            assert "truncated" in [finding.code for finding in recording.findings]


@pytest.mark.parametrize("name", ["hiResData.mat", "alignments.mat"])
def test_a_cut_table_is_an_error(folder, name):
    save_rectangles(folder, [1, 1, 5, 3], [1, 4, 5, 3])
    whole = (folder / name).read_bytes()
    for size in range(0, len(whole), max(len(whole) // 64, 1)):
        (folder / name).write_bytes(whole[:size])
        with pytest.raises(WormioError) as caught:
            wormio.open(folder)
        assert name in str(caught.value)


def test_frames_without_a_row_must_be_explained(folder):
    table = {name: v[:-1] for name, v in data_all().items() if name != "flashLoc"}
    scipy.io.savemat(folder / "hiResData.mat", {"dataAll": table})
    with pytest.raises(OptionError, match=r"skip_frames=1.*skip_frames=0"):
        wormio.open(folder)
    with wormio.open(folder, skip_frames=1) as recording:
        np.testing.assert_array_equal(recording.frames[:, 0], images()[1:])
        assert recording.timeline.stored[0, 0] == 1
    with wormio.open(folder, skip_frames="0") as recording:
        np.testing.assert_array_equal(recording.frames[:, 0], images()[:-1])
        assert "frames-without-row" in [finding.code for finding in recording.findings]
    with pytest.raises(TruncatedRecordingError, match="after 2"):
        wormio.open(folder, skip_frames=2)


def test_a_flash_outside_the_table_has_no_frame(folder):
    scipy.io.savemat(folder / "hiResData.mat", {"dataAll": data_all(flashLoc=np.array([[50.0]]))})
    with wormio.open(folder) as recording:
        assert recording.events["flash"].status.tolist() == [EventStatus.OUTSIDE]


def test_the_name_1024x1024_is_checked_against_the_size(folder):
    next(folder.glob("*.dat")).unlink()
    name = "sCMOS_Frames_U16_1024x1024.dat"
    table = {n: v[:2] for n, v in data_all().items() if n != "flashLoc"}
    scipy.io.savemat(folder / "hiResData.mat", {"dataAll": table})
    write_frames(folder, images(2, 1200, 600), name)
    with wormio.open(folder) as recording:
        assert recording.metadata["frame_shape"] == [1200, 600]
        np.testing.assert_array_equal(recording.frames[1, 0], images(2, 1200, 600)[1])
    (folder / name).write_bytes(bytes(1234))
    with pytest.raises(OptionError, match="frame_shape='1200x600'"):
        wormio.open(folder)
    (folder / name).write_bytes(bytes(2 * 60))
    with wormio.open(folder, frame_shape="6x5") as recording:
        assert recording.frames.shape == (2, 1, 6, 5)


def test_without_frames_the_rest_can_be_read(folder):
    next(folder.glob("*.dat")).unlink()
    verdict = wormio.explain(folder).best[0]
    assert (verdict.format, len(verdict.missing)) == ("nerve", 1)
    with pytest.raises(MissingPartError, match="sCMOS_Frames_U16"):
        wormio.open(folder)
    with wormio.open(folder, metadata_only=True) as recording:
        assert recording.timeline.n_volumes == 2
        with pytest.raises(MissingPartError, match="metadata_only"):
            _ = recording.frames[0]


def test_without_its_tables_a_folder_is_not_complete(folder):
    write_raw(folder)
    (folder / "hiResData.mat").unlink()
    (folder / "CameraFrameData.txt").unlink()
    verdict = wormio.explain(folder).best[0]
    assert verdict.format == "nerve"
    assert "CameraFrameData.txt" in verdict.missing
    with pytest.raises(MissingPartError, match=r"CameraFrameData\.txt"):
        wormio.open(folder)


def test_a_folder_with_frames_details_is_the_newer_format(folder):
    (folder / "framesDetails.txt").write_text("Timestamp\tframeCount\n1\t2\n")
    assert wormio.explain(folder).best[0].format == "leifer"


def test_a_recording_pickles_and_keeps_its_identity_when_moved(folder, tmp_path):
    save_rectangles(folder, [1, 1, 5, 3], [1, 4, 5, 3])
    with wormio.open(folder, latency=1) as recording:
        with pickle.loads(pickle.dumps(recording)) as copy:
            np.testing.assert_array_equal(copy.frames[:], recording.frames[:])
        shutil.copytree(folder, tmp_path / "moved")
        with wormio.open(tmp_path / "moved", latency=1) as moved:
            assert moved.recording_id == recording.recording_id
