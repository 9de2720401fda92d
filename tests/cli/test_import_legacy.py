"""`wormio import-legacy`, as a user runs it."""

import json
import os
import pickle

import pytest

import wormio
from wormio.errors import TruncatedRecordingError, UnsafeReferenceError
from wormio.signal.importing import read_legacy_folder


@pytest.fixture(scope="module")
def legacy(real_data):
    return real_data / "legacy_signals"


@pytest.fixture
def folder(tmp_path):
    """A small folder without a pickle."""
    path = tmp_path / "lab"
    path.mkdir()
    (path / "green.txt").write_text('# {"method": "box"}\n1 nan 3\n4 5 6\n')
    (path / "green_matchless.txt").write_text('# {"method": "box"}\n1 2 3\n4 5 6\n')
    return path


def test_the_program_reads_a_folder(run, legacy, tmp_path):
    output = tmp_path / "traces.h5"
    code, out, err = run("import-legacy", legacy, "-o", output, "--rate", 2)
    assert (code, err) == (0, "")
    assert "green from green.txt, 12 neurons in 300 volumes" in out
    assert "done before: correct_motion, interpolate, remove_infinities" in out
    assert "left out: green.pickle: green.txt is taken" in out
    assert "matchless threshold: 0.5" in out
    assert "the last 2" in out
    assert set(wormio.load(output)) == {"green", "green_matchless", "red", "signal"}
    code, _, err = run("import-legacy", legacy, "-o", output)
    assert code == 6
    code, out, _ = run("import-legacy", legacy, "-o", output, "--overwrite", "--prefer", "pickle")
    assert code == 0
    assert "times are unknown" in out


def test_the_program_changes_nothing_in_the_folder(run, folder, tmp_path_factory):
    before = {path.name: path.stat() for path in folder.iterdir()}
    folder.chmod(0o555)
    output = tmp_path_factory.mktemp("out") / "traces.h5"
    strides = "light=1,1"
    code, _, _ = run("import-legacy", folder, "-o", output, "--rate", 2, "--strides", strides)
    folder.chmod(0o755)
    assert code == 0
    after = {path.name: path.stat() for path in folder.iterdir()}
    assert {name: (s.st_size, s.st_mtime_ns) for name, s in after.items()} == {
        name: (s.st_size, s.st_mtime_ns) for name, s in before.items()
    }
    assert wormio.load(output)["green"].events["light"].time.tolist() == [0.5]


def test_the_program_as_json(run, folder):
    code, out, _ = run("import-legacy", folder, "-o", folder / "traces.h5", "--json")
    assert code == 0
    found = json.loads(out)
    assert [one["name"] for one in found["signals"]] == ["green", "green_matchless"]
    assert found["signals"][0]["measured"] == pytest.approx(5 / 6)


class Touches:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_the_program_refuses_a_malicious_pickle_and_writes_nothing(run, folder):
    mark, output = folder / "touched", folder / "traces.h5"
    (folder / "signal.pickle").write_bytes(pickle.dumps(Touches(mark)))
    with pytest.raises(UnsafeReferenceError, match="system"):
        read_legacy_folder(folder)
    code, _, err = run("import-legacy", folder, "-o", output)
    assert code == 4
    assert "signal.pickle" in err
    assert "system" in err
    assert not mark.exists()
    assert not output.exists()
    assert run("import-legacy", folder, "-o", output, "--leave-out", "signal.pickle")[0] == 0


def test_the_program_tells_what_is_wrong(run, folder, tmp_path, legacy):
    assert run("import-legacy", tmp_path / "none", "-o", tmp_path / "a.h5")[0] == 4
    code, _, err = run("import-legacy", folder, "-o", tmp_path / "a.h5", "--strides", "light")
    assert (code, "optogenetics=60,70,90" in err) == (2, True)
    assert run("import-legacy", folder, "-o", tmp_path / "a.h5", "--rate", "-1")[0] == 2
    raw = (legacy / "signal.pickle").read_bytes()
    (folder / "signal.pickle").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(TruncatedRecordingError, match=r"signal\.pickle"):
        read_legacy_folder(folder)
