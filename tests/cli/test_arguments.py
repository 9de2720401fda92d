"""Arguments that cannot be meant: a message and exit code 2, never a traceback."""

import errno
import os
import shutil

import numpy as np
import pytest

import wormio
from wormio.testing import Phantom, Scan, write_leifer, write_truth


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("arguments") / "rec"
    phantom = Phantom(Scan.synthetic(n_volumes=4), n_neurons=3, shape=(32, 48), n_stimuli=1)
    write_leifer(phantom, folder)
    write_truth(phantom, folder)
    return folder


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--seed", -1), "--seed"),
        (("--volumes", 10**11), "the scan is too long"),
        (("--volumes", 0), "--volumes"),
        (("--volumes", 3, "--stimuli", 50), "too short for its stimuli"),
    ],
)
def test_an_impossible_phantom_is_refused(run, tmp_path, arguments, part):
    code, out, err = run("phantom", tmp_path / "p", *arguments)
    assert (code, out) == (2, "")
    assert part in err
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(("volumes", "expected"), [(1, 0), (2, 0), (3, 1), (5, 3)])
def test_a_short_phantom_has_as_many_stimuli_as_there_is_room_for(run, tmp_path, volumes, expected):
    code, _, err = run("phantom", tmp_path / "p", "--volumes", volumes, "--neurons", 3)
    assert code == 0, err
    with np.load(tmp_path / "p" / "phantom-truth.npz") as truth:
        assert len(truth["stimulus_count"]) == expected
    with wormio.open(tmp_path / "p") as recording:
        assert sum(map(len, recording.events.values())) == expected


def test_a_seed_below_zero_is_no_seed():
    for make in (lambda: Scan.synthetic(4, seed=-1), lambda: Phantom(Scan.synthetic(4), seed=-1)):
        with pytest.raises(wormio.errors.OptionError, match="seed"):
            make()


@pytest.mark.parametrize("command", ["info", "explain"])
def test_an_empty_path_is_not_the_folder_one_is_in(run, folder, monkeypatch, command):
    monkeypatch.chdir(folder)
    code, out, err = run(command, "")
    assert (code, out) == (2, "")
    assert "the path is empty" in err


def test_a_format_that_does_not_open_the_path_says_what_is_missing(run, folder):
    code, _, err = run("info", folder, "--format", "tiff")
    assert code in {2, 4}
    assert str(folder) in err
    assert "TIFF" in err or "*.tif" in err


@pytest.mark.parametrize("content", [None, "something"])
def test_a_folder_is_no_output_of_extract(run, folder, tmp_path, content):
    output = tmp_path / "out"
    output.mkdir()
    if content:
        (output / content).touch()
    where = folder / "positions.csv"
    code, _, err = run("extract", folder, "-p", where, "-o", output, "--overwrite")
    assert code == 2
    assert "it is a folder" in err


def test_a_folder_that_may_not_be_read_ends_with_6(run, folder, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", refuse)
    for arguments in ((), ("--format", "leifer")):
        code, out, err = run("info", folder, *arguments)
        assert (code, out) == (6, "")
        assert f"{folder}: permission denied\n  to do:    see who may" in err


def test_the_number_of_volumes_of_tracked_positions_can_be_said(run, folder, tmp_path):
    table = tmp_path / "tracked.csv"
    rows = [f"{v},A,35,16,20" for v in range(3)]
    table.write_text("\n".join(["volume,label,z_um,y,x", *rows]))
    extract = ("extract", folder, "-p", table, "-o", tmp_path / "t.h5")
    code, _, err = run(*extract)
    assert code == 2
    assert "3 volumes" in err or "volumes" in err
    code, _, err = run(*extract, "--n-volumes", 4)
    assert code == 0, err
    signal_ = wormio.load(tmp_path / "t.h5")["red"]
    assert signal_.valid[:3].all()
    assert not signal_.valid[3].any()


@pytest.mark.parametrize(
    "words",
    [
        ("diff", "", "b"),
        ("diff", "a", ""),
        ("convert", "a", ""),
        ("extract", "", "-p", "p.csv", "-o", "o.h5"),
        ("extract", "a", "-p", "", "-o", "o.h5"),
        ("extract", "a", "-p", "p.csv", "-o", ""),
        ("combine", "", "b", "-o", "c.wormio.toml"),
        ("merge", ""),
        ("rerun", ""),
        ("info", "a", "--config", ""),
        ("check", "a", "-o", ""),
        ("import-legacy", "", "-o", "o.h5"),
        ("phantom", ""),
        ("phantom", "a", "--like", ""),
        ("demo", "-o", ""),
        ("map", "show", ""),
        ("map", "fit", "a.csv", ""),
        ("signal", "show", ""),
        ("plugins", "new", "mylab", "-o", ""),
    ],
)
def test_nor_is_it_as_any_other_argument_of_any_command(run, tmp_path, monkeypatch, words):
    # As of a shell's variable that is not set.
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert "the path is empty" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words",
    [
        ("diff", "FILE", "FILE"),
        ("extract", "FILE", "-p", "FILE", "-o", "o.h5"),
        ("info", "FILE", "--config", "FILE"),
        ("import-legacy", "FILE", "-o", "o.h5"),
        ("map", "fit", "FILE", "FILE"),
        ("map", "show", "FILE"),
        ("phantom", "a", "--like", "FILE"),
        ("rerun", "FILE"),
        ("signal", "process", "FILE", "-r", "FILE", "-o", "o.h5"),
    ],
)
def test_what_may_not_be_read_is_a_failure_of_input_not_wrong_usage(
    run, tmp_path, monkeypatch, words
):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "FILE"
    file.write_text("x")
    file.chmod(0)
    # For root, too, who may read everything: what is said to the question is no answer.
    monkeypatch.setattr("os.access", lambda *_, **__: False)
    _, out, err = run(*words)
    assert out == ""
    assert err.startswith("wormio: FILE: ")


def test_the_words_of_the_system_are_said_plainly_with_what_to_do(run, folder, tmp_path):
    (tmp_path / "file").touch()
    for config, told in (
        ("none", "there is no such file or folder\n"),
        (".", "is a folder\n  expected: a file\n  to do:    name a file in it\n"),
    ):
        code, out, err = run("info", folder, "--config", tmp_path / config)
        assert (code, out) == (6, "")
        assert err == f"wormio: {tmp_path / config}: {told}"
    code, _, err = run("phantom", tmp_path / "file" / "p", "--volumes", 4, "--neurons", 3)
    assert code == 6
    assert "a part of this path is a file" in err


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EACCES, "ls -ld '/data of mine' '/data of mine/x.h5'"),
        (errno.EROFS, "choose another place for the output"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_what_the_disk_refuses_is_named_with_what_to_do(run, folder, monkeypatch, number, told):
    path = "/data of mine/x.h5"

    def refuse(*_, **__):
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr("wormio.open", refuse)
    code, out, err = run("info", folder)
    assert (code, out) == (6, "")
    assert err.startswith(f"wormio: {path}: ")
    assert told in err


def test_the_folder_of_an_output_must_be_one(run, folder, tmp_path):
    (tmp_path / "file").touch()
    where = folder / "positions.csv"
    code, out, err = run("extract", folder, "-p", where, "-o", tmp_path / "file" / "x.h5")
    assert (code, out) == (2, "")
    assert "its folder is a file" in err
    for name, told in (("file", "is a file, no folder"), ("none", "there is no such folder")):
        code, out, err = run("plugins", "new", "mylab", "-o", tmp_path / name)
        assert (code, out) == (6, "")
        assert err.startswith(f"wormio: {tmp_path / name}: ")
        assert told in err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_half_a_table_is_told_without_advice_to_programmers(run, folder, tmp_path):
    half = tmp_path / "half"
    shutil.copytree(folder, half)
    table = half / "framesDetails.txt"
    text = table.read_text()
    table.write_text(text[: text.index("\t", len(text) // 2)])
    code, out, err = run("info", half)
    assert (code, out) == (4, "")
    assert "changed from 2 to 1 at row" in err
    assert "usecols" not in err
    table.write_text("")
    code, out, err = run("info", half)
    assert (code, out) == (4, "")
    assert "found:    an empty file\n  to do:    copy it again" in err


def test_a_recording_in_place_of_signals_is_told_apart(run, folder, tmp_path):
    made = tmp_path / "rec.wormio.h5"
    assert run("convert", folder, made)[0] == 0
    code, out, err = run("signal", "show", made)
    assert (code, out) == (4, "")
    assert "found:    format='wormio-recording'\n  to do: " in err


def test_what_a_folder_without_traces_holds_is_listed_in_whole_words(run, tmp_path):
    for i in range(40):
        (tmp_path / f"something-{i:02}.csv").touch()
    code, out, err = run("import-legacy", tmp_path, "-o", tmp_path / "o.h5")
    assert (code, out) == (4, "")
    (found,) = (line for line in err.splitlines() if "found:" in line)
    shown = found.count("something-")
    assert 1 < shown < 40
    assert found.endswith(f") and {40 - shown} more")
    assert not (tmp_path / "o.h5").exists()
