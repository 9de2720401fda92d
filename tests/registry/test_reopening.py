"""A recording travels as its recipe and is made again from its files, in any process."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import tifffile

import wormio
from wormio.errors import CorruptRecordingError
from wormio.model import Events, Source

PIXELS = np.arange(3 * 2 * 4 * 5 * 6, dtype=np.uint16).reshape(3, 2, 4, 5, 6)  # T, Z, C, Y, X

# Reads a pickled recording and prints its shape, the sum of its pixels and its id.
CHILD = """
import json, pickle, sys
recording = pickle.load(sys.stdin.buffer)
with recording:
    pixels = recording.frames[:]
    print(json.dumps([list(pixels.shape), int(pixels.sum()), recording.recording_id]))
"""


def write(folder, pixels=PIXELS):
    path = folder / "worm.ome.tif"
    tifffile.imwrite(path, pixels, metadata={"axes": "TZCYX"}, ome=True)
    return path


def in_a_fresh_process(recording):
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=pickle.dumps(recording),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r,
        lambda r: r.select(channels=[2, 0], volumes=slice(1, 3)),
        lambda r: r.with_events(light=Events.at_counts(r.timeline, [3])).with_timeline("planar"),
        lambda r: wormio.combine(
            {"a": r.select(channels=1), "b": r.select(channels=3)}, on="index"
        ),
    ],
    ids=["opened", "selected", "events and timeline", "combined"],
)
def test_a_recording_is_the_same_in_a_process_that_never_saw_it(tmp_path, change):
    recording = change(wormio.open(write(tmp_path)))
    pixels = recording.frames[:]
    assert in_a_fresh_process(recording) == [
        list(pixels.shape),
        int(pixels.sum()),
        recording.recording_id,
    ]
    assert len(pickle.dumps(recording)) < 10_000


def test_pickled_and_reopened_recordings_are_identical(tmp_path):
    recording = wormio.open(write(tmp_path)).select(volumes=slice(1, None))
    for again in (
        pickle.loads(pickle.dumps(recording)),
        wormio.reopen(Source.from_json(json.loads(json.dumps(recording.source.to_json())))),
    ):
        assert str(wormio.diff(recording, again)) == "identical"


def test_a_recording_that_was_moved_is_found_under_another_root_with_the_same_id(tmp_path):
    recording = wormio.open(write(tmp_path))
    elsewhere = tmp_path / "another disk"
    elsewhere.mkdir()
    moved = (tmp_path / "worm.ome.tif").rename(elsewhere / "worm.ome.tif")
    again = wormio.reopen(recording.source, root=elsewhere)
    assert again.recording_id == recording.recording_id
    np.testing.assert_array_equal(again.frames[3], PIXELS[1, 1])
    with pytest.raises(FileNotFoundError):
        wormio.reopen(recording.source)
    assert moved.exists()


def test_a_relative_path_is_remembered_absolute(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    recording = wormio.open("worm.ome.tif")
    monkeypatch.chdir("/")
    assert wormio.reopen(recording.source).recording_id == recording.recording_id


def test_files_that_have_changed_since_are_refused(tmp_path):
    path = write(tmp_path)
    source = wormio.open(path).source
    os.truncate(path, path.stat().st_size + 8)
    with pytest.raises(CorruptRecordingError, match="have changed"):
        wormio.reopen(source)
