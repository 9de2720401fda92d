"""Folders of wormdatamodel: every file is either read or told, and none is changed."""

import numpy as np
import pytest
import scipy.io

import wormio
from wormio.errors import (
    FormatError,
    MissingPartError,
    OptionError,
)
from wormio.signal.importing import read_legacy_folder


@pytest.fixture(scope="module")
def legacy(real_data):
    return real_data / "legacy_signals"


@pytest.fixture
def folder(tmp_path):
    """A small folder without a pickle."""
    (tmp_path / "green.txt").write_text('# {"method": "box"}\n1 nan 3\n4 5 6\n')
    (tmp_path / "green_matchless.txt").write_text('# {"method": "box"}\n1 2 3\n4 5 6\n')
    return tmp_path


def test_a_real_folder(legacy):
    found = read_legacy_folder(legacy, rate=2.0, strides={"optogenetics": [60, 70, 90, 80]})
    assert dict(found.files) == {
        "green": "green.txt",
        "green_matchless": "green_matchless.txt",
        "red": "red.txt",
        "signal": "signal.pickle",
    }
    with np.load(legacy / "expected.npz") as truth:
        np.testing.assert_array_equal(found.signals["green"].data, truth["green_raw"])
        np.testing.assert_array_equal(found.signals["red"].data, truth["red_raw"])
        np.testing.assert_array_equal(found.signals["signal"].data, truth["ratio"])
    for signal in found.signals.values():
        assert signal.events["optogenetics"].volume.tolist() == [60, 130, 220]
        assert signal.volume_interval == 0.5
        about = signal.history[-1].parameters
        assert about["matchless_nan_th"] == 0.5
        assert about["added_ref_neurons"] == [[6, 10, 0], [21, 1, 13]]
    assert (found.matchless_nan_th, found.n_added) == (0.5, 2)
    assert set(found.left_out) == {"expected.npz", "green.pickle", "red.pickle"}
    assert "green.txt" in found.left_out["green.pickle"]


def test_pickles_where_they_are_preferred(legacy):
    found = read_legacy_folder(legacy, prefer="pickle")
    assert found.files["green"] == "green.pickle"
    assert found.files["green_matchless"] == "green_matchless.txt"
    names = [step.name for step in found.signals["green"].history]
    assert names == ["interpolate", "remove_infinities", "import"]
    with pytest.raises(OptionError, match="prefer"):
        read_legacy_folder(legacy, prefer="picle")


def test_it_round_trips_through_a_file(legacy, tmp_path):
    found = read_legacy_folder(legacy, prefer="pickle", rate=1.5)
    wormio.save(tmp_path / "traces.h5", found.signals)
    assert wormio.load(tmp_path / "traces.h5") == found.signals


def test_the_rows_of_added_neurons_are_counted_right(folder):
    for text, n in (("1 2 3\n4 5 6\n", 2), ("1 2 3\n", 1), ("", 0), ("# none\n", 0)):
        (folder / "added_ref_neurons.txt").write_text(text)
        assert read_legacy_folder(folder).n_added == n
    (folder / "added_ref_neurons.txt").write_text("1 2 x\n")
    with pytest.raises(FormatError, match="added_ref_neurons"):
        read_legacy_folder(folder)


def test_the_threshold_is_one_number(folder):
    assert read_legacy_folder(folder).matchless_nan_th is None
    for wrong in ("", "abc\n", "nan\n", "5\n", "-1"):
        (folder / "matchless_nan_th.txt").write_text(wrong)
        with pytest.raises(FormatError, match="matchless_nan_th"):
            read_legacy_folder(folder)
    (folder / "matchless_nan_th.txt").write_text("0.25\n(chosen by eye)\n")
    assert read_legacy_folder(folder).matchless_nan_th == 0.25


def test_every_other_file_is_left_out_with_a_reason(folder):
    for name in ("notes.txt", "recording.pickle", "other.pickle", "brains.json"):
        (folder / name).write_text("something")
    (folder / "mCherry.txt").write_text('# {"method": "box"}\n1 2 3\n')
    found = read_legacy_folder(folder)
    assert set(found.signals) == {"green", "green_matchless", "mCherry"}
    assert "wormio.open" in found.left_out["recording.pickle"]
    assert "read_legacy_pickle" in found.left_out["other.pickle"]
    assert "read_text" in found.left_out["notes.txt"]
    assert "read_positions" in found.left_out["brains.json"]
    found = read_legacy_folder(folder, leave_out=["mCherry.txt"])
    assert found.left_out["mCherry.txt"] == "as asked"
    with pytest.raises(OptionError, match="gren"):
        read_legacy_folder(folder, leave_out=["gren.txt"])


def test_traces_of_matlab_beside_the_others_or_alone(folder):
    traces = {"gRaw": np.ones((3, 2)), "rRaw": np.zeros((3, 2)), "acorr": np.eye(3)}
    scipy.io.savemat(folder / "heatData.mat", traces | {"hasPointsTime": [[0.5, 1.0]]})
    scipy.io.savemat(folder / "heatDataMS.mat", {"gRaw": np.ones((2, 2))})
    found = read_legacy_folder(folder)
    assert set(found.signals) == {"green", "green_matchless", "gRaw", "rRaw", "heatDataMS-gRaw"}
    assert found.signals["gRaw"].time.tolist() == [0.5, 1.0]
    assert found.files["heatDataMS-gRaw"] == "heatDataMS.mat"
    assert "heatData.mat: acorr, hasPointsTime" in found.left_out
    found = read_legacy_folder(folder, leave_out=["heatDataMS.mat"], rate=4.0)
    assert "heatDataMS-gRaw" not in found.signals
    assert found.signals["gRaw"].time.tolist() == [0, 0.25]
    for name in ("green.txt", "green_matchless.txt"):
        (folder / name).unlink()
    assert set(read_legacy_folder(folder, leave_out=["heatDataMS.mat"]).signals) == {"gRaw", "rRaw"}


def test_what_is_no_such_folder_is_told(tmp_path, folder):
    with pytest.raises(MissingPartError, match="no such folder"):
        read_legacy_folder(tmp_path / "none")
    with pytest.raises(MissingPartError, match="no folder"):
        read_legacy_folder(folder / "green.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingPartError, match="no traces"):
        read_legacy_folder(tmp_path / "empty")
