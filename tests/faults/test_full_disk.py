"""A full disk is an ordinary error: nothing half written, what is done is kept."""

import errno
import os
import subprocess

import numpy as np
import pytest

import wormio
from wormio.extraction import checkpoint
from wormio.model import ArrayRecording, Positions, VoxelSize
from wormio.testing import Phantom, Scan, write_leifer, write_truth


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    command = ["/bin/mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine lets root mount nothing: {done.stderr.strip()}")
    yield folder
    subprocess.run(["/bin/umount", folder], check=True)


def fill(folder, leave):
    """Fill a disk up to some bytes."""
    with (folder / "ballast").open("wb") as file:
        free = os.statvfs(folder)
        file.write(bytes(max(free.f_bavail * free.f_bsize - leave, 0)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    phantom = Phantom(Scan.synthetic(n_volumes=6), n_neurons=5, shape=(32, 48), n_stimuli=0)
    folder = write_leifer(phantom, tmp_path_factory.mktemp("phantom") / "recording")
    write_truth(phantom, folder)
    return folder


def test_output_on_a_full_disk_is_told_with_needed_and_free_bytes(run, folder, small_disk):
    fill(small_disk, 20_000)
    output = small_disk / "traces.h5"
    arguments = ("extract", folder, "-p", folder / "positions.csv", "-o", output)
    code, _, err = run(*arguments)
    assert code == 6
    assert str(output) in err
    assert "No space left on device" in err
    assert "needed" in err
    assert "free" in err
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]
    (small_disk / "ballast").unlink()
    assert run(*arguments)[0] == 0
    assert set(wormio.load(output)) == {"red", "green"}


def test_a_checkpoint_on_a_full_disk_keeps_its_blocks_and_goes_on(small_disk, monkeypatch):
    monkeypatch.setattr(checkpoint, "_BLOCK_SECONDS", 0.0)
    recording = ArrayRecording.from_volumes(
        np.random.default_rng(0).integers(0, 4000, (20, 3, 1, 30, 30), np.uint16),
        voxel_size=VoxelSize(z=1, y=1, x=1),
    )
    zyx = np.random.default_rng(1).uniform(0, 2, (500, 3)) * [1, 14, 14]
    where = Positions.static(zyx)
    expected = wormio.extract(recording, where)
    fill(small_disk, 100_000)
    reports = []

    def extract():
        reports.clear()
        return wormio.extract(
            recording,
            where,
            memory=1,
            checkpoint=small_disk / "kept",
            progress=lambda done, _total: reports.append(done),
        )

    with pytest.raises(OSError, match="No space left") as caught:
        extract()
    assert caught.value.errno == errno.ENOSPC
    done = reports[-1]
    assert 0 < done < 20
    names = {path.suffix for path in (small_disk / "kept").iterdir()}
    assert names == {".block", ".json"}  # neither half a block nor a lock is left
    (small_disk / "ballast").unlink()
    assert extract() == expected
    assert reports[0] == done
