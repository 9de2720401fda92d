"""The probe bounds what detection costs, and never raises on what it cannot read."""

import builtins
import errno
import io
import os

import pytest

import wormio
from wormio.errors import UnknownFormatError
from wormio.registry import Confidence, Detection, Format, PluginRegistry, Probe, explain, hookimpl
from wormio.registry.probe import HEAD_BYTES, MAX_NAMES


@pytest.fixture
def counted(monkeypatch):
    """Count the files opened, the bytes read from them, and the folders listed."""
    counts = {"open": 0, "bytes": 0, "list": 0}
    real_open, real_scandir, real_listdir = io.open, os.scandir, os.listdir

    class Counted(io.FileIO):
        def readinto(self, buffer):
            n = super().readinto(buffer)
            counts["bytes"] += n
            return n

    def opened(file, mode="r", *args, **kwargs):
        if mode != "rb":
            return real_open(file, mode, *args, **kwargs)
        counts["open"] += 1
        return io.BufferedReader(Counted(file))

    def listed(real):
        def list_folder(*args):
            counts["list"] += 1
            return real(*args)

        return list_folder

    monkeypatch.setattr(io, "open", opened)
    monkeypatch.setattr(builtins, "open", opened)
    monkeypatch.setattr(os, "scandir", listed(real_scandir))
    monkeypatch.setattr(os, "listdir", listed(real_listdir))
    return counts


def refuse_to_open(monkeypatch, refused):
    """Let the system refuse to open one file, as it does for all users but root."""
    real = io.open

    def opened(file, *args, **kwargs):
        if os.fspath(file) == os.fspath(refused):
            raise PermissionError(errno.EACCES, "Permission denied", os.fspath(file))
        return real(file, *args, **kwargs)

    monkeypatch.setattr(io, "open", opened)


def test_a_file_that_may_not_be_read_is_the_systems_refusal_not_an_unknown_format(
    tmp_path, monkeypatch
):
    path = tmp_path / "x.ims"
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    refuse_to_open(monkeypatch, path)
    with pytest.raises(PermissionError) as caught:
        wormio.open(path)
    assert caught.value.filename == str(path)
    assert "a file of 8 bytes that cannot be read" in str(explain(path))


def test_a_folder_says_which_of_its_files_may_not_be_read(tmp_path, monkeypatch):
    for name in ("data.h5", "metadata.json"):
        (tmp_path / name).write_bytes(b"")
    refuse_to_open(monkeypatch, tmp_path / "metadata.json")
    with pytest.raises(UnknownFormatError, match=r"cannot be read: metadata\.json"):
        wormio.open(tmp_path)


def test_a_file_is_known_by_its_head_and_size(tmp_path):
    path = tmp_path / "x.dat"
    path.write_bytes(bytes(range(256)) * 40)
    probe = Probe(path)
    assert (probe.is_dir, probe.names, probe.capped) == (False, (), False)
    assert probe.head() == (bytes(range(256)) * 40)[:HEAD_BYTES]
    assert probe.size() == 10240


def test_a_folder_is_known_by_its_names_and_the_heads_of_its_files(tmp_path):
    for name in ("b.txt", "a.dat", "ü.dat"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "sub").mkdir()
    probe = Probe(str(tmp_path))
    assert probe.names == ("a.dat", "b.txt", "sub", "ü.dat")
    assert probe.has("sub")
    assert not probe.has("c")
    assert probe.matching("*.dat") == ("a.dat", "ü.dat")
    assert probe.head("b.txt") == b"b.txt"
    assert probe.size("a.dat") == 5


def test_what_cannot_be_read_is_empty_and_never_raises_or_blocks(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "broken").symlink_to(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "sub").mkdir()
    (tmp_path / "empty").touch()
    probe = Probe(tmp_path)
    for name in ("pipe", "broken", "loop", "sub", "empty", "absent", "x" * 300, "a\0b"):
        assert probe.head(name) == b""
    assert probe.size("absent") == probe.size("loop") == probe.size("a\0b") == -1
    assert probe.size("empty") == 0
    pipe = Probe(tmp_path / "pipe")
    assert pipe.head() == b""


def test_a_file_that_may_not_be_read_is_empty(tmp_path, monkeypatch):
    path = tmp_path / "x.dat"
    path.write_bytes(b"secret")

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(io, "open", refuse)
    monkeypatch.setattr(builtins, "open", refuse)
    assert Probe(path).head() == b""


def test_explaining_a_folder_of_10_000_files_lists_once_and_reads_a_few_heads(tmp_path, counted):
    for i in range(10_000):
        os.close(os.open(tmp_path / f"{i:05}.tif", os.O_CREAT | os.O_WRONLY))
    for i in range(50):
        (tmp_path / f"{i:05}.tif").write_bytes(b"II*\0" + bytes(100_000))

    def greedy(probe):
        for name in probe.names:
            probe.head(name)
        return Detection(Confidence.NAME, [f"{len(probe.names)} names"])

    registry = PluginRegistry()
    formats = [Format(name=f"greedy-{i}", title="", opener="a:b", detect=greedy) for i in range(3)]

    class Plugin:
        @staticmethod
        @hookimpl
        def wormio_formats():
            return formats

    registry.register(Plugin, "greedy")
    counted.update(open=0, bytes=0, list=0)
    found = explain(tmp_path, registry=registry)
    assert all(v.evidence == ("10000 names",) for v in found.verdicts)
    assert counted["list"] == 1
    assert counted["open"] <= 16
    assert counted["bytes"] <= 16 * max(HEAD_BYTES, io.DEFAULT_BUFFER_SIZE)


def test_heads_are_read_once_however_many_ask(tmp_path, counted):
    (tmp_path / "a").write_bytes(b"a")
    probe = Probe(tmp_path)
    counted.update(open=0)
    for _ in range(5):
        probe.head("a")
    assert counted["open"] == 1


def test_a_huge_folder_is_capped_but_its_files_can_still_be_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("wormio.registry.probe.MAX_NAMES", 10)
    for i in range(30):
        (tmp_path / f"{i}.tif").touch()
    probe = Probe(tmp_path)
    assert probe.capped
    assert len(probe.names) == 10
    assert all(probe.has(f"{i}.tif") for i in range(30))
    assert not probe.has("30.tif")
    assert MAX_NAMES >= 10_000
