"""HDF5 on a full disk: an error, a process that lives on, and no file."""

import errno
import os
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest

from wormio.storage.streaming_hdf5 import creating

VALUES = np.arange(100_000.0)


def test_another_program_reads_what_was_written(tmp_path):
    path = tmp_path / "a.h5"
    with creating(path, path, VALUES.nbytes) as (file, output):
        file["x"] = VALUES
        file.create_dataset("y", data=VALUES, chunks=(1000,), compression="gzip")
        output.check()
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["x"][()], VALUES)
        np.testing.assert_array_equal(file["y"][()], VALUES)
    # What was reserved and not needed is given back.
    assert path.stat().st_size < 2 * VALUES.nbytes + (1 << 16)


@pytest.mark.parametrize("room", [0, 1, 2, 5, 20, 60])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_a_failing_write_is_raised_and_hdf5_closes_in_peace(tmp_path, monkeypatch, room, error):
    path, real, left = tmp_path / "a.h5", os.pwrite, [room]

    def pwrite(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise error
        return real(*arguments)

    monkeypatch.setattr(os, "pwrite", pwrite)

    def write():
        with creating(path, "shown.h5", 0) as (file, output):
            for i in range(100):
                file[str(i)] = VALUES[:1000]
                output.check()

    with pytest.raises(type(error)) as caught:
        write()
    if isinstance(error, OSError):
        assert caught.value.errno == errno.ENOSPC
        assert caught.value.filename == "shown.h5"
    assert h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE) == 0


def test_an_error_of_the_body_is_the_one_that_is_raised(tmp_path):
    path = tmp_path / "a.h5"

    def write():
        with creating(path, path, 0) as (file, _):
            file["x"] = VALUES
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        write()


def test_room_that_is_not_there_is_missed_before_any_work(tmp_path, monkeypatch):
    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    path = tmp_path / "a.h5"
    with pytest.raises(OSError, match=r"No space left.*a\.h5"), creating(path, path, 1 << 20):
        pytest.fail("the work was begun")


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, None])
def test_where_room_cannot_be_reserved_it_is_counted(tmp_path, monkeypatch, code):
    def unable(*_arguments):
        raise OSError(code, os.strerror(code))

    if code is None:
        monkeypatch.delattr(os, "posix_fallocate")
    else:
        monkeypatch.setattr(os, "posix_fallocate", unable)
    with creating(tmp_path / "a.h5", "a.h5", VALUES.nbytes) as (file, _):
        file["x"] = VALUES
    with pytest.raises(OSError, match="No space left"), creating(tmp_path / "b", "b", 1 << 62):
        pytest.fail("the work was begun")


CODE = """
import sys
import numpy as np
import wormio.export
from wormio import ArrayRecording
noise = np.random.default_rng(0).integers(0, 65536, (6, 4, 1, 256, 512), np.uint16)
recording = ArrayRecording.from_volumes(noise, volume_interval=1.0)
try:
    wormio.export.to_hdf5(recording, sys.argv[1], compression=sys.argv[2] or None)
except OSError as error:
    print(error.errno, error.filename)
"""


@pytest.mark.parametrize("compression", ["", "gzip"])
def test_a_disk_that_is_really_full(tmp_path, compression):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = [shutil.which("mount") or "mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        done = subprocess.run(
            [sys.executable, "-c", CODE, disk / "a.h5", compression],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.split() == [str(errno.ENOSPC), str(disk / "a.h5")]
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run([shutil.which("umount"), disk], check=True)
