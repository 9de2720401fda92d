"""Leifer folders: layouts, joins, volumes, faults. Oracles: hand-made folders and naive loops."""

import hashlib
import pickle
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

import wormio
from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    OptionError,
    TruncatedRecordingError,
    UnknownFormatError,
    UnsafeReferenceError,
)
from wormio.formats.described import shelf
from wormio.formats.leifer.names import FRAMES_FILE
from wormio.model import Flag, Origin


def test_both_layouts_give_the_pixels_that_were_written(leifer_folder, pixels):
    for interleaved, layout in ((False, "split"), (True, "interleaved")):
        folder = leifer_folder(interleaved=interleaved, name=layout)
        with wormio.open(folder, layout=layout) as recording:
            assert recording.frames.shape == (100, 2, 3, 5)
            assert np.array_equal(recording.frames[:], pixels(100))
            assert np.array_equal(
                recording.frames[-3::-40, 1, 1:, ::2], pixels(100)[-3::-40, 1, 1:, ::2]
            )


def test_channels_are_red_reference_above_and_green_signal_below(leifer_folder):
    with wormio.open(leifer_folder()) as recording:
        assert [(c.name, c.role, c.offset) for c in recording.channels] == [
            ("red", "reference", 100.0),
            ("green", "signal", 100.0),
        ]
        assert (recording.voxel_size.y, recording.voxel_size.x) == (0.42, 0.42)


def test_volumes_are_the_sweeps_between_turning_points(leifer_folder):
    with wormio.open(leifer_folder()) as recording:
        timeline = recording.timeline
        assert timeline.volumes.tolist() == [[3 + 10 * k, 13 + 10 * k] for k in range(9)]
        assert timeline.slot[3:13].tolist() == list(range(10))
        assert timeline.direction[3] == 1
        assert timeline.direction[13] == -1
        assert (timeline.volume[:3] == -1).all()
        assert (timeline.volume[93:] == -1).all()
        assert ((timeline.flags & Flag.INCOMPLETE) != 0).sum() == 10
        assert timeline.origins["volume"] == Origin.INFERRED


def test_z_is_the_calibrated_monitor_of_the_frames_own_counter(leifer_folder):
    with wormio.open(leifer_folder()) as recording:
        phase = (np.arange(100) - 3) % 20
        volts = 4.0 + 0.1 * np.where(phase < 10, phase, 20 - phase)
        assert np.allclose(recording.timeline.z_um, volts / 0.125)
        assert recording.timeline.origins["z"] == Origin.JOINED


def test_a_dropped_plane_leaves_a_gap_in_the_slots_and_enters_the_ledger(leifer_folder):
    counts = [c for c in range(100) if c not in (13, 25)]  # 13 is the first plane of a sweep
    with wormio.open(leifer_folder(counts)) as recording:
        timeline = recording.timeline
        assert timeline.dropped.tolist() == [13, 25]
        first, stop = timeline.volumes[1]
        assert timeline.count[first] == 14
        assert timeline.slot[first:stop].tolist() == list(range(1, 10))
        assert timeline.volume_counts[1].tolist() == [13, 23]


def test_the_cameras_late_counter_is_repaired_and_its_time_interpolated(leifer_folder):
    counts = [0, 1, 2, 4, 4, 5, *range(6, 60)]
    times = [f"{0.005 * c:.3f}" for c in counts]
    with wormio.open(leifer_folder(counts, times=times)) as recording:
        timeline = recording.timeline
        assert timeline.count[:6].tolist() == [0, 1, 2, 3, 4, 5]
        assert timeline.raw_count[:6].tolist() == [0, 1, 2, 4, 4, 5]
        assert timeline.flags[3] & (Flag.COUNT_REPAIRED | Flag.TIME_REPAIRED) == (
            Flag.COUNT_REPAIRED | Flag.TIME_REPAIRED
        )
        assert timeline.time[3] == pytest.approx(0.015)
        assert timeline.raw_time[3] == 0.020
        assert not len(timeline.dropped)


def test_any_other_repeat_is_a_frame_saved_twice(leifer_folder):
    counts = [0, 1, 1, 2, 5, 5, *range(6, 60)]  # a step of 1, and a step of 3, before the repeat
    with wormio.open(leifer_folder(counts)) as recording:
        timeline = recording.timeline
        duplicate = (timeline.flags & Flag.DUPLICATE) != 0
        assert np.flatnonzero(duplicate).tolist() == [2, 5]
        assert timeline.count[:6].tolist() == [0, 1, 1, 2, 5, 5]
        assert timeline.dropped.tolist() == [3, 4]


def test_daq_rows_with_repeated_or_jumping_counters_are_not_used(leifer_folder):
    daq = [*range(30), 30, 30, 31, 33, *range(34, 60)]
    with wormio.open(leifer_folder(range(60), daq_counts=daq)) as recording:
        interpolated = (recording.timeline.flags & Flag.Z_INTERPOLATED) != 0
        # 30 occurs twice; 31 and 33 stand beside a step that is not 1; 32 has no row.
        assert np.flatnonzero(interpolated).tolist() == [30, 31, 32, 33]


def test_a_frame_outside_the_daq_rows_has_no_z(leifer_folder):
    with wormio.open(leifer_folder(range(60), daq_counts=range(2, 58))) as recording:
        unknown = np.isnan(recording.timeline.z)
        assert np.flatnonzero(unknown).tolist() == [0, 1, 58, 59]
        assert np.array_equal(unknown, (recording.timeline.flags & Flag.Z_UNKNOWN) != 0)


def test_latency_shifts_the_daq_counters(leifer_folder):
    folder = leifer_folder(range(60), daq_counts=range(-2, 58))
    with wormio.open(folder) as plain, wormio.open(folder, latency="2") as shifted:
        assert np.allclose(shifted.timeline.z[2:50], plain.timeline.z[:48])


def test_without_scan_files_the_recording_is_planar(leifer_folder):
    with wormio.open(leifer_folder(range(20), planar=True)) as recording:
        assert recording.timeline.volumes.tolist() == [[i, i + 1] for i in range(20)]
        assert recording.timeline.origins["z"] == Origin.UNKNOWN
        assert [f.code for f in recording.findings] == ["planar-assumed"]
    with wormio.open(leifer_folder(range(20), planar=True, name="said"), planar=True) as recording:
        assert not recording.findings


def test_a_scan_without_its_daq_table_is_a_missing_part_unless_declared_planar(leifer_folder):
    folder = leifer_folder()
    (folder / "other-frameSynchronous.txt").unlink()
    with pytest.raises(MissingPartError, match=r"a scan left zScan\.json and other-volume"):
        wormio.open(folder)
    with wormio.open(folder, planar="true") as recording:
        assert recording.timeline.n_volumes == 100


def test_without_calibration_z_is_in_volts_and_um_asks_for_it(leifer_folder):
    folder = leifer_folder(z_scan=False)
    with wormio.open(folder) as recording:
        assert recording.timeline.z_unit == "V"
        assert [f.code for f in recording.findings] == ["z-uncalibrated"]
        with pytest.raises(OptionError, match="um_per_volt"):
            _ = recording.timeline.z_um
    with wormio.open(folder, um_per_volt="8") as recording:
        assert recording.timeline.z_um.max() == pytest.approx(40.0)
        assert not recording.findings


@pytest.mark.parametrize("text", ["{", "[]", '{"V/um": 0}', '{"V/um": "x"}', '{"V/um": NaN}', "{}"])
def test_an_unusable_calibration_is_an_error(leifer_folder, text):
    with pytest.raises(CorruptRecordingError, match=r"zScan\.json"):
        wormio.open(leifer_folder(z_scan=text))


def test_a_cut_frame_file_is_truncated_and_gives_its_complete_volumes_when_asked(
    leifer_folder, pixels
):
    folder = leifer_folder()
    data = next(folder.glob("*.dat"))
    whole = data.read_bytes()
    for size in range(0, len(whole), len(whole) // 64):
        data.write_bytes(whole[:size])
        with pytest.raises(TruncatedRecordingError, match="100 frames of 60 bytes"):
            wormio.open(folder)
        with wormio.open(folder, allow_truncated=True) as recording:
            n = size // 60
            assert len(recording.timeline) == n
            assert recording.timeline.n_volumes == max(0, (n - 3) // 10)
            assert np.array_equal(recording.frames[:], pixels(100)[:n])
            assert [f.code for f in recording.findings] == ["truncated"]


def test_more_frames_than_table_rows_is_corrupt(leifer_folder):
    folder = leifer_folder()
    with next(folder.glob("*.dat")).open("ab") as file:
        file.write(bytes(60))
    with pytest.raises(CorruptRecordingError, match="101 frames"):
        wormio.open(folder)


def test_a_missing_frame_file_is_named_and_the_rest_can_be_read(leifer_folder):
    folder = leifer_folder()
    next(folder.glob("*.dat")).unlink()
    with pytest.raises(MissingPartError, match="sCMOS_Frames_U16"):
        wormio.open(folder)
    with wormio.open(folder, metadata_only=True) as recording:
        assert recording.timeline.n_volumes == 9
        with pytest.raises(MissingPartError, match="metadata_only"):
            _ = recording.frames[0]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("framesDetails.txt", "Timestamp\tframes\n1\t2\n", "header"),
        ("framesDetails.txt", "Timestamp\tframeCount\n", "empty"),
        ("framesDetails.txt", "Timestamp\tframeCount\n1\t2\n1\n", "row"),
        ("framesDetails.txt", "Timestamp\tframeCount\n1\tnan\n", "finite"),
        ("framesDetails.txt", "Timestamp\tframeCount\n1\t2.5\n", "whole number"),
        ("framesDetails.txt", "Timestamp\tframeCount\n1\t5\n2\t3\n", "falls"),
        ("other-frameSynchronous.txt", "Frame index\tPiezo\n1\t2\n", "header"),
        ("other-frameSynchronous.txt", "", "header"),
    ],
)
def test_a_broken_table_is_corrupt_and_named(leifer_folder, name, content, message):
    folder = leifer_folder()
    (folder / name).write_text(content)
    with pytest.raises(CorruptRecordingError, match=message) as caught:
        wormio.open(folder, "leifer")
    assert name in str(caught.value)


def test_counters_that_never_match_are_an_error_that_gives_both_ranges(leifer_folder):
    folder = leifer_folder(range(60), daq_counts=range(5000, 5060))
    with pytest.raises(CorruptRecordingError, match="0 to 59") as caught:
        wormio.open(folder)
    assert "5000 to 5059" in str(caught.value)


NEW_HEADER = (
    "frameCount\tnPulses\trepRateDivider\tnTrains\ttimeBtwTrains\toptogTargetX\toptogTargetY\t"
    "optogTargetZ\toptogTargetXYSpace\toptogTargetZSpace\toptogTargetZDevice\tTime\n"
)


def _stimulus(count, z="0", space="z", device="piezo"):
    return f"{count}\t10\t2\t1\t0\t1.5\t2.5\t{z}\txy\t{space}\t{device}\t12:00\n"


def test_stimuli_snap_to_the_gates_edge_and_then_to_a_saved_frame(leifer_folder):
    gate = np.zeros(100, int)
    gate[[20, 21, 50]] = 1
    counts = [c for c in range(100) if c != 50]
    text = NEW_HEADER + _stimulus(18) + _stimulus(51) + _stimulus(300) + "\n"
    folder = leifer_folder(counts, daq_counts=range(100), gate=gate, stimuli=text)
    with wormio.open(folder) as recording:
        events = recording.events["optogenetics"]
        assert events.count.tolist() == [20, 50, 300]
        assert events.frame.tolist() == [20, 49, -1]
        assert events.error_frames.tolist() == [2, 2, 0]
        assert events.volume.tolist() == [1, 4, -1]
        assert np.isnan(events.time[2])
        assert events.time[:2] == pytest.approx([1.1, 1.25])
        assert events.properties["target"].values[0].tolist() == [0, 2.5, 1.5]
        assert events.strides(9).sum() == 9


def test_targets_on_the_tunable_lens_are_converted_from_dioptres(leifer_folder):
    settings = {
        "V/um": 0.125,
        "etlCalibrationMindpt": -1.0,
        "etlCalibrationMaxdpt": 3.0,
        "etl dpt/um": 0.05,
    }
    text = NEW_HEADER + _stimulus(20, "0.1", "etl0 space", "tunable lens")
    with wormio.open(leifer_folder(z_scan=settings, stimuli=text)) as recording:
        target = recording.events["optogenetics"].properties["target"].values[0]
        assert target[0] == pytest.approx((0.1 + (3 - -1) / 2) / (0.42 * 0.05))
    with wormio.open(leifer_folder(stimuli=text, name="uncalibrated")) as recording:
        assert np.isnan(recording.events["optogenetics"].properties["target"].values[0, 0])
        assert "etl-uncalibrated" in [f.code for f in recording.findings]


def test_stimuli_with_an_unknown_header_or_a_broken_row_are_errors(leifer_folder):
    for number, text in enumerate(["frameCount\tx\n", NEW_HEADER + "1\t2\n", ""]):
        with pytest.raises(CorruptRecordingError, match=r"pharosTriggers\.txt"):
            wormio.open(leifer_folder(stimuli=text, name=str(number)))


def test_detection_names_what_is_missing_and_leaves_other_folders_alone(leifer_folder, tmp_path):
    folder = leifer_folder()
    (folder / "other-frameSynchronous.txt").unlink()
    verdict = wormio.explain(folder).best[0]
    assert verdict.format == "leifer"
    assert verdict.missing == ("other-frameSynchronous.txt",)
    (folder / "framesDetails.txt").unlink()
    (folder / "zScan.json").unlink()
    (folder / "other-volumeMetadataUtilities.txt").unlink()
    verdict = wormio.explain(folder).best[0]  # a frame file and nothing else
    assert (verdict.format, verdict.missing) == ("leifer", ("framesDetails.txt",))
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("Timestamp\tframeCount")
    with pytest.raises(UnknownFormatError, match=r"notes\.txt"):
        wormio.open(other)


def test_opening_and_reading_change_nothing_in_the_folder(leifer_folder):
    def state(folder: Path) -> dict[str, tuple[int, str]]:
        return {
            p.name: (p.stat().st_mtime_ns, hashlib.sha256(p.read_bytes()).hexdigest())
            for p in folder.iterdir()
        }

    folder = leifer_folder()
    before = state(folder)
    with wormio.open(folder) as recording:
        recording.volume(0)
    assert state(folder) == before


def test_a_recording_pickles_as_its_recipe_and_keeps_its_identity_when_moved(
    leifer_folder, tmp_path
):
    folder = leifer_folder()
    with wormio.open(folder) as recording:
        payload = pickle.dumps(recording.select(channels="green", volumes=slice(2, 4)))
        assert len(payload) < 10_000
        with pickle.loads(payload) as copy:
            assert np.array_equal(copy.frames[:], recording.frames[23:43, 1:2])
        shutil.copytree(folder, tmp_path / "moved")
        with wormio.open(tmp_path / "moved") as moved:
            assert moved.recording_id == recording.recording_id
        assert not wormio.diff(recording, recording)


def test_one_wild_time_stamp_is_repaired_and_the_others_are_kept(leifer_folder):
    times = [f"{1 + 0.005 * c:.3f}" for c in range(60)]
    times[20] = "900000.000"
    with wormio.open(leifer_folder(range(60), times=times)) as recording:
        timeline = recording.timeline
        assert np.flatnonzero(timeline.flags & Flag.TIME_REPAIRED).tolist() == [20]
        assert timeline.time == pytest.approx(1 + 0.005 * np.arange(60))
        assert timeline.raw_time[20] == 900_000
    times[20], times[0] = times[19], "900000.000"  # one that stands still, and one at the start
    with wormio.open(leifer_folder(range(60), times=times, name="first")) as recording:
        assert np.flatnonzero(recording.timeline.flags & Flag.TIME_REPAIRED).tolist() == [0, 20]
        assert recording.timeline.time == pytest.approx(1 + 0.005 * np.arange(60))


def test_times_that_cannot_be_repaired_name_their_file(leifer_folder):
    with pytest.raises(CorruptRecordingError, match=r"framesDetails\.txt.*time does not increase"):
        wormio.open(leifer_folder(range(60), times=["1.000"] * 60))


@pytest.mark.parametrize("volts", ["1e-300", "1e300", "1e-10", "1e400"])
def test_an_absurd_calibration_is_corrupt(leifer_folder, volts):
    with pytest.raises(CorruptRecordingError, match=r"zScan\.json"):
        wormio.open(leifer_folder(z_scan=f'{{"V/um": {volts}}}'))


def test_an_empty_table_warns_of_nothing(leifer_folder):
    folder = leifer_folder()
    (folder / "framesDetails.txt").write_text("Timestamp\tframeCount\n\n")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(CorruptRecordingError, match="empty"):
            wormio.open(folder)
    assert not caught


@pytest.mark.parametrize(
    "name",
    [
        "sCMOS_Frames_U16_6x5.dat",
        "framesDetails.txt",
        "other-frameSynchronous.txt",
        "zScan.json",
        "pharosTriggers.txt",
    ],
)
def test_a_file_that_links_out_of_the_folder_needs_trust(leifer_folder, tmp_path, name):
    folder = leifer_folder(stimuli=NEW_HEADER + _stimulus(20))
    (folder / name).rename(tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    with pytest.raises(UnsafeReferenceError, match=name):
        wormio.open(folder)
    with wormio.open(folder, trust=True) as recording:
        assert recording.timeline.n_volumes == 9
    inside = folder / "copies"
    inside.mkdir()
    (folder / name).unlink()
    (tmp_path / name).rename(inside / name)
    (folder / name).symlink_to(inside / name)
    with wormio.open(folder) as recording:
        assert len(recording.events["optogenetics"]) == 1


def test_explain_tells_of_a_table_that_cannot_be_read(leifer_folder):
    folder = leifer_folder()
    (folder / "framesDetails.txt").write_bytes(bytes(range(256)))
    verdict = wormio.explain(folder).best[0]
    assert (verdict.format, verdict.answer) == ("leifer", "mine, but")
    assert verdict.missing == ("a readable framesDetails.txt",)
    (folder / "framesDetails.txt").unlink()
    (folder / "framesDetails.txt").mkdir()
    assert wormio.explain(folder).best[0].answer == "mine, but"


@pytest.mark.parametrize("latency", [9e22, "9e22", "90000000000000000000000", 1.5, "x", -(2**41)])
def test_an_impossible_latency_is_an_option_error(leifer_folder, latency):
    with pytest.raises(OptionError, match="latency"):
        wormio.open(leifer_folder(), latency=latency)


def test_recognising_and_reading_know_the_frame_files_by_the_same_names():
    for name in ("leifer-split", "leifer-interleaved", "leifer-2d"):
        assert shelf.described(name)[0].frames.pattern == FRAMES_FILE


# --- the real recording --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(real_data):
    """Open the real folder of metadata, whose frame file is absent."""
    return wormio.open(real_data / "leifer" / "brainscanner20231024", metadata_only=True)


def test_the_real_recording_has_the_published_numbers(real):
    timeline = real.timeline
    assert len(timeline) == 56_988
    assert (np.diff(timeline.raw_count) == 0).sum() == 83
    assert ((timeline.flags & Flag.COUNT_REPAIRED) != 0).sum() == 78
    assert ((timeline.flags & Flag.DUPLICATE) != 0).sum() == 5
    assert len(timeline.dropped) == 248
    assert timeline.n_volumes == 1719
    assert sorted(set(timeline.n_slots.tolist())) == [32, 33, 34]
    assert timeline.volume_counts[0, 0] == 27_606
    assert timeline.volume_counts[-1, 1] == 84_819
    assert timeline.frame_interval == pytest.approx(0.005)
    assert timeline.origins["z"] == Origin.JOINED
    assert timeline.origins["volume"] == Origin.INFERRED
    assert [f.code for f in real.findings] == ["z-uncalibrated"]


def test_the_real_z_is_that_of_a_naive_lookup_by_counter(real, real_data):
    folder = real_data / "leifer" / "brainscanner20231024"
    rows = np.loadtxt(folder / "other-frameSynchronous.txt", skiprows=1)
    volts: dict[int, list[float]] = {}
    for count, value in rows[:, :2]:
        volts.setdefault(int(count), []).append(value)
    timeline = real.timeline
    own = (timeline.flags & (Flag.Z_INTERPOLATED | Flag.Z_UNKNOWN)) == 0
    for count, z in zip(timeline.count[own].tolist(), timeline.z[own].tolist(), strict=True):
        assert volts[count] == [z]
    assert np.flatnonzero(np.isnan(timeline.z)).tolist() == [0, 1]


def test_each_real_volume_is_swept_one_way(real):
    timeline = real.timeline
    for (first, stop), sign in zip(
        timeline.volumes, timeline.direction[timeline.volumes[:, 0]], strict=True
    ):
        z = timeline.z[first:stop]
        assert np.sign(z[-3:].mean() - z[:3].mean()) == sign
