"""Files appear at once and complete, or not at all."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from wormio.errors import OptionError, OutputExistsError
from wormio.storage.atomic import refuse_foreign, write_atomically, writing_atomically


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


@pytest.fixture(params=[False, True])
def overwrite(request):
    return request.param


def test_writes_what_it_is_given(tmp_path, overwrite):
    path = tmp_path / "a.bin"
    write_atomically(path, b"x" * 100_000, overwrite=overwrite)
    assert path.read_bytes() == b"x" * 100_000
    assert names(tmp_path) == ["a.bin"]


def test_permissions_follow_the_umask(tmp_path, overwrite):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a", b"", overwrite=overwrite)
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def full_disk(monkeypatch, call, room=0):
    """Let an os function fail as on a full disk, after `room` calls."""
    real, left = getattr(os, call), [room]

    def fail(*args, **kwargs):
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        left[0] -= 1
        if call == "write":
            return real(args[0], bytes(args[1][:10]))  # a short write
        return real(*args, **kwargs)

    monkeypatch.setattr(os, call, fail)


@pytest.mark.parametrize(("call", "room"), [("write", 0), ("write", 3), ("fsync", 0)])
@pytest.mark.parametrize("existing", [False, True])
def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch, call, room, existing):
    path = tmp_path / "a"
    if existing:
        path.write_bytes(b"old")
    full_disk(monkeypatch, call, room)
    with pytest.raises(OSError, match=r"No space left.*a'") as caught:
        write_atomically(path, b"new" * 100, overwrite=existing)
    assert caught.value.errno == errno.ENOSPC
    assert names(tmp_path) == (["a"] if existing else [])
    assert not existing or path.read_bytes() == b"old"


def test_short_writes_are_continued(tmp_path, monkeypatch):
    full_disk(monkeypatch, "write", room=1000)
    write_atomically(tmp_path / "a", bytes(range(256)) * 30)
    assert (tmp_path / "a").read_bytes() == bytes(range(256)) * 30


def test_an_interrupt_leaves_nothing(tmp_path, monkeypatch, overwrite):
    def interrupt(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a", b"new", overwrite=overwrite)
    assert names(tmp_path) == []


@pytest.fixture(params=[None, errno.EPERM, errno.ENOTSUP])
def hard_links(request, monkeypatch):
    """Run with and without a file system that knows hard links."""
    if request.param is not None:

        def refuse(*_args):
            raise OSError(request.param, os.strerror(request.param))

        monkeypatch.setattr(Path, "hardlink_to", refuse)
    return request.param is None


def test_works_without_hard_links(tmp_path, hard_links):
    write_atomically(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert names(tmp_path) == ["a"]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path, monkeypatch, hard_links):
    path, real = tmp_path / "a", os.fsync

    def other_process_writes(descriptor):
        path.write_bytes(b"theirs")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", other_process_writes)
    with pytest.raises(OutputExistsError, match="overwrite") as caught:
        write_atomically(path, b"ours")
    assert caught.value.path == str(path)
    assert path.read_bytes() == b"theirs"
    assert names(tmp_path) == ["a"]


def test_a_failing_rename_leaves_nothing(tmp_path, monkeypatch, overwrite):
    def fail(number):
        def call(*_args):
            raise OSError(number, os.strerror(number))

        return call

    monkeypatch.setattr(Path, "replace", fail(errno.EIO))
    monkeypatch.setattr(Path, "hardlink_to", fail(errno.EPERM))
    with pytest.raises(OSError, match="Input/output"):
        write_atomically(tmp_path / "a", b"new", overwrite=overwrite)
    assert names(tmp_path) == []


def test_a_missing_folder_and_a_folder_in_the_way(tmp_path, overwrite):
    with pytest.raises(OptionError, match=r"no such folder") as caught:
        write_atomically(tmp_path / "no" / "a", b"", overwrite=overwrite)
    assert caught.value.cure
    (tmp_path / "b").mkdir()
    with pytest.raises(OptionError, match="it is a folder"):
        write_atomically(tmp_path / "b", b"", overwrite=overwrite)
    assert names(tmp_path) == ["b"]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(OutputExistsError):
        write_atomically(tmp_path / "link", b"new")
    write_atomically(tmp_path / "link", b"new", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_large_file_is_written_piece_by_piece_and_appears_at_the_end(tmp_path, overwrite):
    path = tmp_path / "a"
    with writing_atomically(path, overwrite=overwrite) as temporary:
        with temporary.open("wb") as file:
            for piece in (b"one", b"two"):
                file.write(piece)
        assert not path.exists()
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".wormio-")
        assert temporary.name.endswith(".partial")
    assert path.read_bytes() == b"onetwo"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_whatever_goes_wrong_while_writing_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail_half_way():
        with writing_atomically(path, overwrite=True) as temporary:
            temporary.write_bytes(b"half")
            raise error("mine")

    with pytest.raises(error, match="mine"):
        fail_half_way()
    assert names(tmp_path) == ["a"]
    assert path.read_bytes() == b"old"


def test_errors_of_what_is_read_meanwhile_are_not_the_outputs(tmp_path):
    with pytest.raises(OSError, match="Input/output") as caught, writing_atomically(tmp_path / "a"):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    assert caught.value.filename is None


def test_an_error_of_the_temporary_file_names_the_file_that_was_asked_for(tmp_path):
    target = tmp_path / "a"
    with pytest.raises(PermissionError) as caught, writing_atomically(target) as temporary:
        # As the system does it in a folder that may not be written to, whoever runs this test.
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(temporary))
    assert caught.value.filename == str(target)
    other = str(tmp_path / "read")
    with pytest.raises(PermissionError) as caught, writing_atomically(target):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), other)
    assert caught.value.filename == other


def test_an_existing_file_is_refused_before_any_work(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(OutputExistsError), writing_atomically(tmp_path / "a"):
        pytest.fail("the work was begun")


def test_a_kill_leaves_only_the_temporary_file(tmp_path):
    code = (
        "import os, signal, sys\n"
        "from wormio.storage.atomic import writing_atomically\n"
        "with writing_atomically(sys.argv[1]) as temporary:\n"
        "    temporary.write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a"], check=False)
    assert done.returncode == -9
    (left,) = names(tmp_path)
    assert left.startswith(".wormio-")
    assert left.endswith(".partial")


def test_only_what_is_ours_may_be_replaced(tmp_path):
    def ask(path, overwrite):
        refuse_foreign(path, "letter", lambda p: p.read_bytes() == b"ours", overwrite=overwrite)

    ask(tmp_path / "new", False)
    (tmp_path / "empty").mkdir()
    ask(tmp_path / "empty", False)
    (tmp_path / "mine").write_bytes(b"ours")
    ask(tmp_path / "mine", True)
    with pytest.raises(OutputExistsError, match="overwrite=True"):
        ask(tmp_path / "mine", False)
    (tmp_path / "theirs").write_bytes(b"precious")
    for overwrite in (False, True):
        with pytest.raises(OutputExistsError, match="no letter: it is never replaced"):
            ask(tmp_path / "theirs", overwrite)
