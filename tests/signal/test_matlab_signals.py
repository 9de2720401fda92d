"""heatData.mat of every MATLAB version: all fields, volumes by neurons."""

import h5py
import numpy as np
import pytest
import scipy.io

from wormio.errors import CorruptRecordingError, FormatError, MissingPartError, OptionError
from wormio.signal.importing import ETHOGRAM, read_heat_data

N, T = 3, 7
RNG = np.random.default_rng(0)
TRACES = {
    name: RNG.random((N, T))
    for name in ("rRaw", "gRaw", "rPhotoCorr", "gPhotoCorr", "R2", "G2", "Ratio2")
}
TRACES["gRaw"][1, 2] = np.nan
BEHAVIOR = {
    "ethogram": np.array([[-1, 0, 1, 2, 2, 1, 0]]).T,
    "x_pos": RNG.random((T, 1)),
    "y_pos": RNG.random((T, 1)),
    "v": RNG.random((T, 1)),
    "pc1_2": RNG.random((T, 2)),
    "pc_3": RNG.random((T, 1)),
}
OTHERS = {
    "acorr": RNG.random((N, N)),
    "cgIdx": np.array([[2, 3, 1]]),
    "cgIdxRev": np.array([[3, 1, 2]]),
    "XYZcoord": RNG.random((N, 3)),
    "hasPointsTime": np.array([[0.1, 0.3, 0.4, 0.8, 0.9, 1.2, 1.5]]),
    "flagged_neurons": np.array([[2]]),
    "flagged_volumes": np.array([[1, 7]]),
}


def write_v5(path, **content):
    scipy.io.savemat(path, content)


def write_v73(path, **content):
    """As MATLAB does: reversed dimensions, a class attribute, a header of 512 bytes."""

    def put(group, name, value):
        if isinstance(value, dict):
            inner = group.create_group(name)
            inner.attrs["MATLAB_class"] = np.bytes_("struct")
            for key, one in value.items():
                put(inner, key, one)
            return
        made = group.create_dataset(name, data=np.asarray(value, float).T)
        made.attrs["MATLAB_class"] = np.bytes_("double")

    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in content.items():
            put(file, name, value)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, by a test".ljust(124) + b"\x00\x02IM")


WRITERS = {"v5": write_v5, "v7.3": write_v73}


@pytest.fixture(params=WRITERS)
def write(request):
    return WRITERS[request.param]


def test_every_field_of_a_heat_map(write, tmp_path):
    path = tmp_path / "heatData.mat"
    write(path, **TRACES, **OTHERS, behavior=BEHAVIOR, unheard=np.ones((2, 2)))
    found = read_heat_data(path)
    assert set(found.signals) == set(TRACES)
    for name, values in TRACES.items():
        signal = found.signals[name]
        np.testing.assert_array_equal(signal.data, values.T)
        np.testing.assert_array_equal(signal.valid, ~np.isnan(values.T))
        np.testing.assert_array_equal(signal.time, OTHERS["hasPointsTime"][0])
        assert signal.history[-1].parameters["time"] == "hasPointsTime"
    tables = found.tables
    np.testing.assert_array_equal(tables["acorr"], OTHERS["acorr"])
    np.testing.assert_array_equal(tables["XYZcoord"], OTHERS["XYZcoord"])
    assert tables["cgIdx"].tolist() == [1, 2, 0]  # from 0 on
    assert tables["cgIdxRev"].tolist() == [2, 0, 1]
    assert tables["flagged_neurons"].tolist() == [1]
    assert tables["flagged_volumes"].tolist() == [0, 6]
    for name in ("x_pos", "y_pos", "v", "pc_3"):
        np.testing.assert_array_equal(tables[f"behavior.{name}"], BEHAVIOR[name][:, 0])
    np.testing.assert_array_equal(tables["behavior.pc1_2"], BEHAVIOR["pc1_2"])
    words = [ETHOGRAM[int(code)] for code in tables["behavior.ethogram"]]
    assert words[:4] == ["reverse", "pause", "forward", "turn"]
    assert found.left_out == ("unheard",)


def test_what_matlab_had_done_is_told(write, tmp_path):
    path = tmp_path / "heatData.mat"
    write(path, **TRACES)
    signals = read_heat_data(path).signals

    def done(name):
        return [step.name for step in signals[name].history]

    assert done("rRaw") == ["import"]
    assert done("gPhotoCorr") == ["debleach", "import"]
    assert done("G2") == ["debleach", "dff", "import"]
    assert "correct_motion" in done("Ratio2")
    assert (signals["G2"].quantity, signals["G2"].unit) == ("dF/F", "")
    assert [signals[name].channel.role for name in ("rRaw", "gRaw")] == ["reference", "signal"]


def test_as_many_neurons_as_volumes_are_no_riddle(write, tmp_path):
    square = np.arange(9.0).reshape(3, 3)
    write(tmp_path / "heatDataMS.mat", gRaw=square)
    np.testing.assert_array_equal(
        read_heat_data(tmp_path / "heatDataMS.mat").signals["gRaw"].data, square.T
    )


def test_one_neuron_stays_one_neuron(write, tmp_path):
    write(tmp_path / "a.mat", gRaw=np.arange(5.0)[None])
    assert read_heat_data(tmp_path / "a.mat", rate=5).signals["gRaw"].data.shape == (5, 1)


def test_times_that_are_not_there_stay_unknown(write, tmp_path):
    path = tmp_path / "a.mat"
    write(path, **TRACES)
    assert np.isnan(read_heat_data(path).signals["gRaw"].time).all()
    assert read_heat_data(path, rate=2).signals["gRaw"].time.tolist()[:3] == [0, 0.5, 1]
    with pytest.raises(OptionError):
        read_heat_data(path, times=[1, 2])


def test_files_that_contradict_themselves_are_told(write, tmp_path):
    path = tmp_path / "a.mat"
    write(path, gRaw=TRACES["gRaw"], rRaw=TRACES["rRaw"][:, :-1])
    with pytest.raises(CorruptRecordingError, match="gRaw does not fit"):
        read_heat_data(path)
    write(path, gRaw=TRACES["gRaw"], hasPointsTime=np.ones((1, N)))
    with pytest.raises(CorruptRecordingError, match="hasPointsTime"):
        read_heat_data(path)
    assert read_heat_data(path, rate=1.0).signals["gRaw"].n_volumes == T
    write(path, gRaw=TRACES["gRaw"], cgIdx=np.array([[0.0, 1.0]]))
    with pytest.raises(CorruptRecordingError, match="cgIdx"):
        read_heat_data(path)
    write(path, other=np.ones((2, 2)))
    with pytest.raises(FormatError, match="other"):
        read_heat_data(path)
    with pytest.raises(MissingPartError):
        read_heat_data(tmp_path / "none.mat")
