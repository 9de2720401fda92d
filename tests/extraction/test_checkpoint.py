"""What is done is kept: after any death the same call goes on, and the result is the same."""

import json
import logging
import os
import subprocess
import sys

import attrs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wormio
from wormio.errors import CheckpointError, OptionError, OutputExistsError
from wormio.extraction import blocks, checkpoint
from wormio.extraction.gathering import gaps
from wormio.extraction.task import Samples
from wormio.model import ArrayRecording, Positions, VoxelSize

N_VOLUMES = 12
RECORDING = ArrayRecording.from_volumes(
    np.random.default_rng(0).integers(0, 4000, (N_VOLUMES, 4, 2, 16, 20), np.uint16),
    voxel_size=VoxelSize(z=1, y=1, x=1),
    volume_interval=0.1,
)
WHERE = Positions.static([[1.0, 6, 6], [2.0, 9, 15], [0.0, 0, 0]], labels=["A", "B", "C"])


class StopError(Exception):
    pass


@pytest.fixture(autouse=True)
def a_block_a_volume(monkeypatch):
    monkeypatch.setattr(checkpoint, "_BLOCK_SECONDS", 0.0)


@pytest.fixture(scope="module")
def expected():
    return wormio.extract(RECORDING, WHERE)


def extract(folder, *, stop_at=None, recording=RECORDING, where=WHERE, **options):
    """Extract volume by volume; return the signals, and the volumes done at each report."""
    reports = []

    def progress(done, _total):
        reports.append(done)
        if stop_at is not None and done >= stop_at:
            raise StopError

    options = {"memory": 1, "progress": progress, **options}
    return wormio.extract(recording, where, checkpoint=folder, **options), reports


def interrupted(folder, at=5):
    with pytest.raises(StopError):
        extract(folder, stop_at=at)
    return folder


def test_the_same_call_goes_on_where_the_last_one_stopped(expected, tmp_path):
    folder = interrupted(tmp_path / "kept")
    found, reports = extract(folder)
    assert found == expected
    assert reports == list(range(5, N_VOLUMES + 1))  # five of them were there
    again, reports = extract(folder)
    assert again == expected
    assert reports == [N_VOLUMES]


@pytest.mark.parametrize("options", [{"memory": 1 << 30}, {"volumes": (3, 9)}])
def test_blocks_serve_other_batches_and_ranges(expected, tmp_path, options):
    found, reports = extract(interrupted(tmp_path / "kept"), **options)
    first, stop = options.get("volumes", (0, N_VOLUMES))
    assert reports[0] == 5 - first
    for name, signal in found.items():
        assert np.array_equal(signal.data, expected[name].data[first:stop], equal_nan=True)
        assert np.array_equal(signal.voxels, expected[name].voxels[first:stop])
    assert extract(tmp_path / "kept")[0] == expected


def test_a_block_holds_about_a_second_of_work_not_a_batch(monkeypatch, tmp_path):
    monkeypatch.setattr(checkpoint, "_BLOCK_SECONDS", 1e9)
    folder = interrupted(tmp_path / "kept", at=7)  # also what an interruption leaves is written
    assert [path.name for path in folder.glob("*.block")] == ["00000000-00000007.block"]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_block_is_told_and_computed_again(expected, tmp_path, caplog, data):
    folder = tmp_path / "kept"
    if not folder.exists():
        extract(folder)
    path = data.draw(st.sampled_from(sorted(folder.glob("*.block"))))
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        found, reports = extract(folder)
    assert found == expected
    assert reports == [N_VOLUMES - 1, N_VOLUMES]
    assert path.name in caplog.text
    assert "computed again" in caplog.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mask": wormio.Box(1, 3, 3)}, "mask"),
        ({"reducer": wormio.Sum()}, "reducer"),
        ({"boundary": "clip"}, "boundary"),
        ({"offset": 3.0}, "offset"),
        ({"channels": "channel-1"}, "channels"),
        ({"where": Positions.static([[1.0, 6, 7], [2.0, 9, 15], [0.0, 0, 0]])}, "positions"),
        ({"recording": RECORDING.select(volumes=slice(1, None))}, "recording"),
    ],
)
def test_the_checkpoint_of_another_extraction_is_refused_by_what_differs(tmp_path, change, said):
    folder = interrupted(tmp_path / "kept")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(CheckpointError, match="another extraction") as caught:
        extract(folder, **change)
    assert said in caught.value.expected
    assert said in caught.value.found
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_block_that_was_put_there_from_another_extraction_is_refused(tmp_path):
    mine, other = interrupted(tmp_path / "mine"), tmp_path / "other"
    extract(other, offset=3.0)
    foreign = other / "00000009-00000010.block"
    (mine / foreign.name).write_bytes(foreign.read_bytes())
    with pytest.raises(CheckpointError, match="block is of another") as caught:
        extract(mine)
    assert caught.value.path.endswith(foreign.name)


def test_a_folder_that_is_no_checkpoint_is_not_touched(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(OutputExistsError, match="something else"):
        extract(tmp_path)
    with pytest.raises(OptionError, match="is a folder"):
        extract(tmp_path / "thesis.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    folder = interrupted(tmp_path / "kept")
    (folder / "wormio-checkpoint.json").write_text("{}")
    with pytest.raises(CheckpointError, match="does not say"):
        extract(folder)


def test_a_second_extraction_in_the_same_checkpoint_is_refused(expected, tmp_path):
    folder = tmp_path / "kept"

    def second(_done, _total):
        with pytest.raises(CheckpointError, match="at work") as caught:
            extract(folder)
        assert f"process {os.getpid()} on " in caught.value.found
        assert "lock" in caught.value.cure
        raise StopError

    with pytest.raises(StopError):
        extract(folder, progress=second)
    assert extract(folder)[0] == expected  # it was given back


@pytest.mark.parametrize("end", ["gone", "number used again", "host unknown", "unreadable"])
def test_the_lock_of_a_dead_process_is_taken_over_and_no_other(expected, tmp_path, end):
    folder = interrupted(tmp_path / "kept")
    # A process that takes the lock and dies with it.
    code = (
        "import os, sys; from wormio.storage.lockfile import held\n"
        "with held(sys.argv[1]): os.kill(os.getpid(), 9)"
    )
    lock = folder / "lock"
    assert subprocess.run([sys.executable, "-c", code, lock], check=False).returncode == -9
    left = json.loads(lock.read_text())
    if end == "number used again":
        lock.write_text(json.dumps(left | {"pid": os.getpid()}))
    elif end == "host unknown":
        lock.write_text(json.dumps(left | {"host": "node-17"}))
    elif end == "unreadable":
        lock.write_text("")
    if end in {"gone", "number used again"}:
        assert extract(folder)[0] == expected
    else:
        with pytest.raises(CheckpointError, match="at work") as caught:
            extract(folder)
        assert ("node-17" if end == "host unknown" else "does not say") in caught.value.found
        assert str(lock) in caught.value.cure


def test_what_a_killed_writer_left_is_cleared_away(expected, tmp_path):
    folder = interrupted(tmp_path / "kept")
    (folder / ".wormio-0123456789abcdef.partial").write_bytes(b"half a block")
    assert extract(folder)[0] == expected
    assert not list(folder.glob(".wormio-*"))


spans = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted).map(tuple)


@given(whole=spans, done=st.lists(spans, max_size=6))
def test_gaps_are_exactly_the_volumes_that_nothing_covers(whole, done):
    covered = {i for span in done for i in range(*span)}
    missing = [i for span in gaps(whole, done) for i in range(*span)]
    assert missing == [i for i in range(*whole) if i not in covered]


def test_a_block_keeps_any_array_of_samples_bit_for_bit():
    data = np.array([[[[1.0, np.nan, -0.0]]], [[[np.inf, 1e-300, 2.0]]]])
    counts = np.arange(6, dtype=np.int32).reshape(2, 1, 1, 3)
    arrays = {field.name: counts for field in attrs.fields(Samples)} | {"data": data}
    identity, span, found = blocks.decode(blocks.encode("abc", (4, 5), Samples(**arrays)))
    assert (identity, span) == ("abc", (4, 5))
    for name, array in arrays.items():
        assert getattr(found, name).dtype == array.dtype
        assert getattr(found, name).tobytes() == array.tobytes()
