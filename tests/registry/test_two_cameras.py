"""Two folders, one a camera, each with its own drops: together they are the phantom they show."""

import pickle
import shutil
import subprocess
import sys

import attrs
import numpy as np
import pytest

import wormio
from wormio.errors import MissingImageError, RecordingClosedError
from wormio.model import EventStatus, Flag, MappableFrames, Positions, frames_from_reader
from wormio.testing import Phantom, Scan, write_leifer

RED_LOST = (20, 21, 60, 61, 62, 140)
GREEN_LOST = (21, 33, 100, 61)
EXPERIMENT = """
[combine.members.red]
path = "red"
channels = ["red"]
[combine.members.green]
path = "green"
channels = ["green"]
"""


def seen_by(phantom, lost):
    """Return the phantom as a camera saw it that dropped the frames `lost` after the first."""
    scan = phantom.scan
    row = scan.triggered[scan.unique]
    row = row[~np.isin(scan.count[row] - scan.count[0], lost)]
    count = scan.count[row]
    scan = attrs.evolve(
        scan,
        triggered=row,
        file_count=count,
        file_time=scan.time[row],
        dropped=np.setdiff1d(np.arange(count[0], count[-1]), count),
        duplicates=[],
        glitched=[],
    )
    return attrs.evolve(phantom, scan=scan)


@pytest.fixture(scope="module")
def phantom():
    scan = Scan.synthetic(n_volumes=6, n_dropped=0, n_duplicates=0, n_glitches=0)
    return Phantom(scan, n_neurons=8, shape=(64, 96), n_stimuli=1)


@pytest.fixture(scope="module")
def written(phantom, tmp_path_factory):
    folder = tmp_path_factory.mktemp("experiment")
    write_leifer(seen_by(phantom, RED_LOST), folder / "red")
    write_leifer(seen_by(phantom, GREEN_LOST), folder / "green")
    (folder / "exp.wormio.toml").write_text(EXPERIMENT)
    return folder


def lost_counts(phantom, lost):
    return phantom.scan.count[0] + np.array(lost)


def test_the_combination_is_the_phantom(phantom, written):
    truth = phantom.recording()
    dropped = lost_counts(phantom, sorted(set(RED_LOST) & set(GREEN_LOST)))
    kept = ~np.isin(truth.timeline.count, dropped)
    with wormio.open(written / "exp.wormio.toml") as both:
        timeline = both.timeline
        assert timeline.count.tolist() == truth.timeline.count[kept].tolist()
        assert timeline.dropped.tolist() == dropped.tolist()
        assert [(c.name, c.role) for c in both.channels] == [
            ("red", "reference"),
            ("green", "signal"),
        ]
        # As good as one folder tells them: the tables have milliseconds and the monitor noise.
        with wormio.open(written / "green") as alone:
            row = np.searchsorted(timeline.count, alone.timeline.count)
            z = timeline.z[row]
            np.testing.assert_array_equal(z, alone.timeline.z)
        np.testing.assert_allclose(timeline.time, truth.timeline.time[kept], rtol=0, atol=1e-3)
        for channel, lost in enumerate((RED_LOST, GREEN_LOST)):
            missing = np.isin(timeline.count, lost_counts(phantom, lost))
            assert (timeline.stored[:, channel] < 0).tolist() == missing.tolist()
            there = np.flatnonzero(~missing)
            found = np.stack([both.frames[int(i), channel] for i in there])
            np.testing.assert_array_equal(found, truth.frames[:, channel][kept][there])
            with pytest.raises(MissingImageError):
                both.frames[int(np.flatnonzero(missing)[0]), channel]
        repaired = (timeline.flags & Flag.TIME_REPAIRED) != 0
        only_green = lost_counts(phantom, sorted(set(RED_LOST) - set(GREEN_LOST)))
        assert timeline.count[repaired].tolist() == only_green.tolist()


def test_sweeps_and_stimuli_are_those_of_the_phantom(phantom, written):
    with wormio.open(written / "exp.wormio.toml") as both:
        whole = wormio.open(written / "red")
        assert both.timeline.volume_counts.tolist() == whole.timeline.volume_counts.tolist()
        assert both.timeline.n_volumes == len(phantom.scan.sweeps)
        events = both.events["optogenetics"]
        assert events.count.tolist() == phantom.stimuli.count.tolist()
        assert both.timeline.count[events.frame].tolist() == phantom.stimuli.count.tolist()
        noted = np.abs(phantom.stimuli.file_count - phantom.stimuli.count)
        assert events.error_frames.tolist() == noted.tolist()
        assert events.status[0] in {EventStatus.OK, EventStatus.SNAPPED}
        assert not [f for f in both.findings if f.code == "events-left-out"]
        whole.close()


def test_each_channel_is_sampled_where_its_own_camera_saw_it(phantom, written):
    where = Positions.static(phantom.neurons.zyx)
    with wormio.open(written / "exp.wormio.toml") as both:
        signals = wormio.extract(both, where)
        for name in ("red", "green"):
            with wormio.open(written / name).select(channels=[name]) as alone:
                own = wormio.extract(alone, where)[name]
            valid = own.valid & signals[name].valid
            assert valid.mean() > 0.5
            np.testing.assert_array_equal(signals[name].data[valid], own.data[valid])


def test_the_files_of_both_cameras_are_read_in_place(phantom, written):
    where = phantom.positions()
    with wormio.open(written / "exp.wormio.toml") as both:
        decoded = attrs.evolve(
            both,
            frames=frames_from_reader(
                lambda frame, channel: both.frames[frame, channel],
                both.frames.shape,
                both.frames.dtype,
            ),
        )
        assert isinstance(both.frames, MappableFrames)
        assert not isinstance(decoded.frames, MappableFrames)
        for boundary in ("exclude", "clip", "nan"):
            found = wormio.extract(both, where, boundary=boundary)
            wanted = wormio.extract(decoded, where, boundary=boundary)
            for name in ("red", "green"):
                np.testing.assert_array_equal(found[name].data, wanted[name].data)
                np.testing.assert_array_equal(found[name].voxels, wanted[name].voxels)
                assert np.isfinite(found[name].data).any()


def test_a_combination_does_not_outlive_the_files_of_its_members(written):
    members = {name: wormio.open(written / name) for name in ("red", "green")}
    both = wormio.combine(members)
    members["green"].close()
    assert both.frames[30, 0].any()
    with pytest.raises(RecordingClosedError):
        both.frames[30, 2]
    both.close()
    assert members["red"].frames[30, 0].any()
    members["red"].close()


def test_another_process_opens_it_again_without_the_file_that_combined_it(written, tmp_path):
    folder = tmp_path / "moved"
    shutil.copytree(written, folder)
    recording = wormio.open(folder / "exp.wormio.toml")
    (folder / "exp.wormio.toml").unlink()
    program = (
        "import pickle, sys; r = pickle.load(sys.stdin.buffer);"
        "print(r.recording_id, [f.code for f in r.findings], int(r.frames[0].sum()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=pickle.dumps(recording),
        capture_output=True,
        check=False,
    )
    codes = [finding.code for finding in recording.findings]
    assert "config-used" in codes
    pixels = int(recording.frames[0].sum())
    expected = f"{recording.recording_id} {codes} {pixels}"
    assert done.stdout.decode().strip() == expected, done.stderr.decode()


def test_a_folder_that_holds_the_file_opens_as_the_combination(written):
    with wormio.open(written) as whole, wormio.open(written / "exp.wormio.toml") as both:
        assert str(wormio.diff(whole, both)) == "identical"
        assert whole.recording_id == both.recording_id


def test_closing_it_closes_what_it_opened(written):
    both = wormio.open(written / "exp.wormio.toml")
    both.close()
    with pytest.raises(ValueError, match="closed"):
        both.frames[0]
    (combined,) = both.owned
    assert all(member.closed for member in (combined, *combined.owned))


def test_explain_says_what_is_combined(written):
    for path in (written, written / "exp.wormio.toml"):
        found = wormio.explain(path)
        assert "combines red and green, matched on count" in found.headline
        assert [m.best[0].format for m in found.members.values()] == ["leifer", "leifer"]
        assert found.to_json()["members"]["red"]["recognised_as"] == ["leifer"]
        assert f"green: {written / 'green'} is a leifer recording" in str(found)
