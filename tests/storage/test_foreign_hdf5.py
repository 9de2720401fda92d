"""HDF5 of others is read where it is whole and at home, and refused with a reason elsewhere."""

import multiprocessing
import pickle
import subprocess
import sys
import threading

import h5py
import numpy as np
import pytest

from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    RecordingClosedError,
    TruncatedRecordingError,
    UnsafeReferenceError,
    UnsupportedCapabilityError,
)
from wormio.storage import foreign_hdf5 as foreign

VALUES = np.arange(24.0).reshape(4, 6)


@pytest.fixture
def home(tmp_path):
    """A folder with a.h5, which refers to its neighbours and to what lies elsewhere."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    for folder in (home, elsewhere):
        (folder / "raw").write_bytes(VALUES.tobytes())
        with h5py.File(folder / "b.h5", "w") as file:
            file["g/x"] = VALUES
    (home / "way-out.h5").symlink_to(elsewhere / "b.h5")
    with h5py.File(home / "back.h5", "w") as file:
        file["x"] = h5py.ExternalLink("a.h5", "circle over two files")
        file["out"] = h5py.ExternalLink(str(elsewhere / "b.h5"), "g/x")
    with h5py.File(home / "a.h5", "w", userblock_size=512) as file:
        file["g/h/x"] = VALUES
        half = file.create_dataset("half", (4, 6), "f8", chunks=(2, 6))
        half[:2] = VALUES[:2]
        file.create_dataset("late", (4, 6), "f8")
        file["soft group"] = h5py.SoftLink("/g/h")
        file["g/soft"] = h5py.SoftLink("h/x")
        file["circle"] = h5py.SoftLink("/circle")
        file["circle over two files"] = h5py.ExternalLink("back.h5", "x")
        file["external"] = h5py.ExternalLink("b.h5", "/g/x")
        file["external absolute"] = h5py.ExternalLink(str(elsewhere / "b.h5"), "/g/x")
        file["external up"] = h5py.ExternalLink("../elsewhere/b.h5", "/g/x")
        file["external by symlink"] = h5py.ExternalLink("way-out.h5", "/g/x")
        file["external by two"] = h5py.ExternalLink("back.h5", "out")
        file["external missing"] = h5py.ExternalLink("nothing.h5", "/g/x")
        for name, (where, size) in {
            "raw": ("raw", 192),
            "raw elsewhere": (str(elsewhere / "raw"), 192),
            "raw too short": ("raw", 400),
        }.items():
            rows = size // 48
            file.create_dataset(name, (rows, 6), "f8", external=[(where, 0, size)])
        for name, sources in {
            "virtual": [("b.h5", "g/x"), (".", "g/h/x")],
            "virtual elsewhere": [(str(elsewhere / "b.h5"), "g/x"), (".", "g/h/x")],
            "virtual missing": [("nothing.h5", "g/x"), (".", "g/h/x")],
            "virtual with a hole": [("b.h5", "g/x"), None],
            "virtual of itself": [(".", "virtual of itself"), (".", "g/h/x")],
            "virtual of half": [(".", "half"), (".", "g/h/x")],
            "virtual of nothing": [(".", "late"), (".", "g/h/x")],
        }.items():
            layout = h5py.VirtualLayout((2, 4, 6), "f8")
            for i, source in enumerate(sources):
                if source is not None:
                    layout[i] = h5py.VirtualSource(*source, (4, 6))
            file.create_virtual_dataset(name, layout)
        layout = h5py.VirtualLayout((2, 4, 6), "f8")
        for _ in range(2):
            layout[0] = h5py.VirtualSource(".", "g/h/x", (4, 6))
        file.create_virtual_dataset("virtual twice the same", layout)
    return home


def read(home, name, *, trust=False):
    with foreign.open_foreign(home / "a.h5") as file:
        return foreign.dataset(file, name, folder=home, trust=trust)[()]


@pytest.mark.parametrize(
    "name", ["g/h/x", "/g/h/x", "./g/h/x", "soft group/x", "g/soft", "external", "raw"]
)
def test_what_lies_at_home_is_read(home, name, monkeypatch):
    monkeypatch.chdir(home.parent)  # HDF5 looks there too
    np.testing.assert_array_equal(read(home, name), VALUES)


def test_parts_of_virtual_datasets_at_home_are_read(home):
    np.testing.assert_array_equal(read(home, "virtual"), [VALUES, VALUES])


@pytest.mark.parametrize(
    "name",
    [
        "external absolute",
        "external up",
        "external by symlink",
        "external by two",
        "raw elsewhere",
        "virtual elsewhere",
    ],
)
def test_what_lies_elsewhere_needs_trust(home, name):
    with pytest.raises(UnsafeReferenceError, match="outside the recording's folder") as caught:
        read(home, name)
    assert caught.value.path.startswith(str(home))
    np.testing.assert_array_equal(np.reshape(read(home, name, trust=True), (-1, 4, 6))[0], VALUES)


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("circle", CorruptRecordingError, "a cycle"),
        ("circle over two files", CorruptRecordingError, "a cycle"),
        ("virtual of itself", CorruptRecordingError, "a cycle"),
        ("external missing", MissingPartError, "not there"),
        ("virtual missing", MissingPartError, "not there"),
        ("virtual with a hole", UnsupportedCapabilityError, "parts that no file holds"),
        ("virtual twice the same", UnsupportedCapabilityError, "parts that no file holds"),
        ("virtual of half", TruncatedRecordingError, "not written to its end"),
        ("virtual of nothing", TruncatedRecordingError, "not written to its end"),
        ("raw too short", TruncatedRecordingError, "ends too early"),
        ("nothing", CorruptRecordingError, "/nothing is missing"),
        ("g/h", CorruptRecordingError, "g/h is no dataset"),
        ("g/h/x/deeper", CorruptRecordingError, "is no group"),
    ],
)
def test_zeros_are_never_made_up(home, name, error, words, trust):
    with pytest.raises(error, match=words):
        read(home, name, trust=trust)


def test_groups_are_reached_the_same_way(home):
    with foreign.open_foreign(home / "a.h5") as file:
        assert list(foreign.group(file, "soft group", folder=home)) == ["x"]
        assert foreign.has(file, "circle")
        assert not foreign.has(file, "nothing")
        with pytest.raises(CorruptRecordingError, match="no group"):
            foreign.group(file, "g/h/x", folder=home)


def test_bombs_and_monstrous_chunks_are_refused(tmp_path):
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("bomb", (1 << 20, 1 << 20), "u1", chunks=(1 << 10, 1 << 10))
        file.create_dataset("chunk", (1 << 15, 1 << 16), "u1", chunks=(1 << 15, 1 << 16))
    with foreign.open_foreign(path) as file:
        for name in ("bomb", "chunk"):
            with pytest.raises(CorruptRecordingError, match="promises more"):
                foreign.dataset(file, name, folder=tmp_path)


def test_a_filter_that_is_not_installed_is_named(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=VALUES, compression="gzip")
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: False)
    with (
        foreign.open_foreign(path) as file,
        pytest.raises(UnsupportedCapabilityError, match=r"filter 1 \(deflate\)") as caught,
    ):
        foreign.dataset(file, "x", folder=tmp_path)
    assert "hdf5plugin" in caught.value.cure


def test_plain_values_are_found_in_the_file_itself(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", userblock_size=1024) as file:
        file["x"] = VALUES
        file.create_dataset("late", (4, 6), "f8")
        file.create_dataset("chunked", data=VALUES, chunks=(2, 3))
    with foreign.open_foreign(path) as file:
        offset = foreign.plain_offset(file["x"])
        assert foreign.plain_offset(file["late"]) is None
        assert foreign.plain_offset(file["chunked"]) is None
    assert path.read_bytes()[offset : offset + VALUES.nbytes] == VALUES.tobytes()


def test_what_was_never_written_is_known(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        some = file.create_dataset("some", (5, 3, 4), "f8", chunks=(2, 1, 3))
        some[0:2] = 1
        some[2:4, 1] = 1
        some[4, 2, :3] = 1
        file.create_dataset("all", data=np.ones((5, 3, 4)), chunks=(2, 1, 3))
        file.create_dataset("none", (5, 2), "f8")
    with foreign.open_foreign(path) as file:
        assert foreign.written_rows(file["some"]).tolist() == [True, True, False, False, False]
        assert foreign.written_rows(file["some"], 2).tolist() == [
            *([[True] * 3] * 2),
            *([[False, True, False]] * 2),
            [False] * 3,
        ]
        assert foreign.written_rows(file["all"]).all()
        assert not foreign.written_rows(file["none"]).any()


def test_a_file_cut_anywhere_is_an_error_or_right(home):
    content = (home / "a.h5").read_bytes()
    cut = home / "cut.h5"
    kinds = set()
    for size in range(0, len(content), len(content) // 64):
        cut.write_bytes(content[:size])
        errors = (TruncatedRecordingError, CorruptRecordingError)
        with (
            pytest.raises(errors, match="cut") as caught,
            foreign.open_foreign(cut) as file,
        ):
            foreign.dataset(file, "g/h/x", folder=home)[()]
        kinds.add(type(caught.value))
        if size > len(content) // 2:
            assert isinstance(caught.value, TruncatedRecordingError)
    assert TruncatedRecordingError in kinds


def test_a_file_that_is_no_hdf5_or_still_written_says_so(tmp_path):
    path = tmp_path / "a.h5"
    with pytest.raises(MissingPartError), foreign.open_foreign(path):
        pass
    path.write_bytes(b"")
    with pytest.raises(TruncatedRecordingError), foreign.open_foreign(path):
        pass
    path.write_bytes(b"not HDF5" * 100)
    with pytest.raises(CorruptRecordingError, match="as HDF5"), foreign.open_foreign(path):
        pass


def test_a_file_whose_writer_was_killed_says_so(tmp_path):
    path = tmp_path / "a.h5"
    code = (
        "import os, sys, h5py\n"
        "file = h5py.File(sys.argv[1], 'w', libver='latest')\n"
        "file['x'] = 1\n"
        "file.flush()\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code, path], check=True)
    with (
        pytest.raises(CorruptRecordingError, match="still being written") as caught,
        foreign.open_foreign(path),
    ):
        pass
    assert "h5clear" in caught.value.cure


def test_a_file_that_this_process_has_open_otherwise_is_read(home):
    with h5py.File(home / "b.h5", "r") as _mine, foreign.open_foreign(home / "b.h5") as file:
        np.testing.assert_array_equal(foreign.dataset(file, "g/x", folder=home)[()], VALUES)


def test_a_reader_reads_in_threads_and_after_pickling_until_it_is_closed(home):
    reader = foreign.ForeignReader(home / "a.h5")
    found = []

    def work():
        found.extend(reader.read("g/h/x", (row, slice(1, 3))).tolist() for row in range(4))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(VALUES[:, 1:3].tolist() * 4)
    again = pickle.loads(pickle.dumps(reader))
    np.testing.assert_array_equal(again.read("external"), VALUES)
    again.close()
    reader.close()
    with pytest.raises(RecordingClosedError):
        reader.read("g/h/x")


def test_a_forked_child_opens_the_file_anew(home):
    reader = foreign.ForeignReader(home / "a.h5")
    reader.read("g/h/x")
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=lambda: queue.put(reader.read("g/h/x", 2).tolist()))
    child.start()
    child.join()
    assert queue.get() == VALUES[2].tolist()
    assert reader.read("g/h/x", 3).tolist() == VALUES[3].tolist()
    reader.close()


def test_a_file_cut_while_it_is_open_gives_no_zeros(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.ones((1000, 1000))
    reader = foreign.ForeignReader(path)
    assert reader.read("x", (0, 0)) == 1
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    with pytest.raises(TruncatedRecordingError, match="cut while it was read"):
        reader.read("x", 999)
    reader.close()
