"""Traces of suite2p, CaImAn and in NWB files: nothing guessed, nothing taken on trust."""

import h5py
import numpy as np
import pytest
import scipy.sparse

from wormio.errors import (
    CorruptRecordingError,
    FormatError,
    MissingPartError,
    OptionError,
    UnsafeReferenceError,
)
from wormio.signal.importing import read_caiman, read_nwb, read_suite2p

N, T = 4, 6
RNG = np.random.default_rng(0)
F, FNEU, SPKS = RNG.random((3, N, T)).astype("f4")
ISCELL = np.array([[1, 0.9], [0, 0.1], [1, 0.8], [0, 0.4]])


# suite2p


@pytest.fixture
def plane(tmp_path):
    folder = tmp_path / "suite2p" / "plane0"
    folder.mkdir(parents=True)
    for name, values in (("F", F), ("Fneu", FNEU), ("spks", SPKS), ("iscell", ISCELL)):
        np.save(folder / f"{name}.npy", values)
    np.save(folder / "ops.npy", {"fs": 30.0})
    return folder


def test_cells_of_suite2p(plane):
    for folder in (plane, plane.parent, plane.parents[1]):
        signals = read_suite2p(folder, rate=10.0)
        assert set(signals) == {"F", "Fneu", "spks"}
        for name, values in (("F", F), ("Fneu", FNEU), ("spks", SPKS)):
            np.testing.assert_array_equal(signals[name].data, values[[0, 2]].T)
        assert signals["F"].labels == ("0", "2")
        assert signals["F"].time.tolist() == [0, 0.1, 0.2, 0.3, 0.4, 0.5]
        assert signals["F"].history[0].parameters["probability"] == [0.9, 0.8]


def test_all_regions_of_suite2p(plane):
    signals = read_suite2p(plane, accepted=False)
    assert signals["F"].labels == ("0", "1", "2", "3")
    assert np.isnan(signals["F"].time).all()  # ops.npy is a pickle: nobody looks into it
    (plane / "iscell.npy").unlink()
    assert read_suite2p(plane)["F"].n_neurons == N
    with pytest.raises(MissingPartError, match="accepted=False"):
        read_suite2p(plane, accepted=True)


def test_folders_that_are_not_suite2ps(plane, tmp_path):
    with pytest.raises(MissingPartError):
        read_suite2p(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingPartError, match=r"F\.npy"):
        read_suite2p(tmp_path / "empty")
    (plane.parent / "plane1").mkdir()
    np.save(plane.parent / "plane1" / "F.npy", F)
    with pytest.raises(OptionError, match="plane0, plane1"):
        read_suite2p(plane.parent)
    np.save(plane / "Fneu.npy", FNEU[:, 1:])
    with pytest.raises(CorruptRecordingError, match="Fneu"):
        read_suite2p(plane)
    np.save(plane / "F.npy", np.array([{}]))
    with pytest.raises(UnsafeReferenceError):
        read_suite2p(plane)


# CaImAn

FOOTPRINTS = np.zeros((5, 3, N))  # y, x
for number, (y, x) in enumerate([(1, 1), (2, 0), (4, 2), (0, 2)]):
    FOOTPRINTS[y, x, number] = 2.0
FOOTPRINTS[2, 1, 0] = 2.0


@pytest.fixture
def caiman(tmp_path):
    """A file as CaImAn saves it: None is a text, A is a group."""
    path = tmp_path / "results.hdf5"
    with h5py.File(path, "w") as file:
        estimates = file.create_group("estimates")
        estimates["C"] = F.astype("f8")
        estimates["F_dff"] = FNEU.astype("f8")
        estimates["S"] = "NoneType"
        estimates["f"] = RNG.random((2, T))
        estimates["dims"] = [5, 3]
        estimates["idx_components"] = [3, 0]
        matrix = scipy.sparse.csc_matrix(FOOTPRINTS.reshape(15, N, order="F"))
        group = estimates.create_group("A")
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(matrix, name)
        group["shape"] = matrix.shape
        file["params/data/fr"] = 30
    return path


def test_components_of_caiman(caiman):
    found = read_caiman(caiman, rate=2.0)
    assert set(found.signals) == {"C", "F_dff", "f"}
    np.testing.assert_array_equal(found.signals["C"].data, F[[3, 0]].T)
    np.testing.assert_array_equal(found.signals["F_dff"].data, FNEU[[3, 0]].T)
    assert found.signals["C"].labels == ("3", "0")
    assert found.signals["F_dff"].quantity == "dF/F"
    assert found.signals["f"].data.shape == (T, 2)
    assert found.shape == (5, 3)
    np.testing.assert_allclose(found.centres(), [[0, 2], [1.5, 1]])
    assert read_caiman(caiman, accepted=False).signals["C"].n_neurons == N


def test_the_rate_in_a_file_of_caiman_is_not_taken(caiman):
    signal = read_caiman(caiman).signals["C"]
    assert np.isnan(signal.time).all()
    assert signal.history[0].parameters["fr_in_file"] == 30


def test_components_that_were_never_evaluated(caiman):
    with h5py.File(caiman, "r+") as file:
        del file["estimates/idx_components"]
        file["estimates/idx_components"] = "NoneType"
    assert read_caiman(caiman).signals["C"].n_neurons == N
    with pytest.raises(FormatError, match="accepted=False"):
        read_caiman(caiman, accepted=True)


def test_damaged_results_of_caiman(caiman, tmp_path):
    with h5py.File(caiman, "r+") as file:
        file["estimates/A/indptr"][1] = 99
    with pytest.raises(CorruptRecordingError):
        read_caiman(caiman)
    with h5py.File(caiman, "r+") as file:
        file["estimates/idx_components"][0] = N
    with pytest.raises(CorruptRecordingError):
        read_caiman(caiman)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(FormatError, match="estimates"):
        read_caiman(tmp_path / "other.h5")
    with pytest.raises(MissingPartError):
        read_caiman(tmp_path / "none.h5")
    (tmp_path / "a").mkdir()
    with h5py.File(tmp_path / "a" / "link.h5", "w") as file:
        file["estimates/dims"] = [5, 3]
        file["estimates/C"] = h5py.ExternalLink("../other.h5", "x")
    with pytest.raises(UnsafeReferenceError):
        read_caiman(tmp_path / "a" / "link.h5")


# NWB


def put_series(group, name, data, table=None, rows=None, **more):
    series = group.create_group(name)
    series.attrs["neurodata_type"] = "RoiResponseSeries"
    series["data"] = data
    series["data"].attrs["unit"] = more.get("unit", "n.a.")
    for key in ("conversion", "offset"):
        if key in more:
            series["data"].attrs[key] = more[key]
    if "rate" in more:
        series["starting_time"] = 2.0
        series["starting_time"].attrs["rate"] = more["rate"]
    if "timestamps" in more:
        series["timestamps"] = more["timestamps"]
    if table is not None:
        series["rois"] = np.arange(len(table["id"])) if rows is None else rows
        series["rois"].attrs["table"] = table.ref
    return series


@pytest.fixture
def nwb(tmp_path):
    """The layout of the worm community: traces of two channels, names as ragged letters."""
    path = tmp_path / "worm.nwb"
    names = ["AVAL", "", "RIM", "RIM"]
    with h5py.File(path, "w") as file:
        file.attrs["nwb_version"] = "2.7.0"
        activity = file.create_group("processing/CalciumActivity")
        table = activity.create_group("CalciumSeriesSegmentation/Aligned_neuron_coordinates")
        table["id"] = [10, 11, 12, 13]
        table["ID_labels"] = np.array([c for name in names for c in name], "S1")
        table["ID_labels_index"] = np.cumsum([len(name) for name in names])
        for container, kind, series, values in (
            ("SignalRawFluor", "Fluorescence", "SignalCalciumImResponseSeries", F),
            ("SignalDFoF", "DfOverF", "SignalCalciumImResponseSeries", FNEU),
            ("ReferenceRawFluor", "Fluorescence", "ReferenceCalciumImResponseSeries", SPKS),
        ):
            group = activity.create_group(container)
            group.attrs["neurodata_type"] = kind
            unit = "percent" if container == "SignalDFoF" else "n.a."
            put_series(
                group, series, values.T, table, rate=4.0, conversion=2.0, offset=1.0, unit=unit
            )
    return path


def test_traces_of_the_worm_community(nwb):
    signals = read_nwb(nwb)
    raw = signals["processing/CalciumActivity/SignalRawFluor/SignalCalciumImResponseSeries"]
    dff = signals["processing/CalciumActivity/SignalDFoF/SignalCalciumImResponseSeries"]
    reference = signals["ReferenceCalciumImResponseSeries"]
    assert len(signals) == 3
    np.testing.assert_array_equal(raw.data, F.T.astype(float) * 2 + 1)
    assert raw.labels == ("AVAL", "11", "RIM (12)", "RIM (13)")
    assert raw.time.tolist() == [2.0, 2.25, 2.5, 2.75, 3.0, 3.25]
    assert (raw.quantity, raw.unit) == ("fluorescence", "")
    assert (dff.quantity, dff.unit) == ("dF/F", "percent")
    assert (raw.channel.role, reference.channel.role) == ("signal", "reference")
    assert raw.history[0].parameters["region_ids"] == [10, 11, 12, 13]
    assert read_nwb(nwb, rate=1.0)["ReferenceCalciumImResponseSeries"].time[0] == 0


def test_names_of_regions_by_another_column(nwb):
    with h5py.File(nwb, "r+") as file:
        table = file["processing/CalciumActivity/CalciumSeriesSegmentation"]
        table["Aligned_neuron_coordinates/name"] = ["a", "b", "c", "d"]
    key = "ReferenceCalciumImResponseSeries"
    assert read_nwb(nwb, labels="name")[key].labels == ("a", "b", "c", "d")
    assert read_nwb(nwb, labels=["w", "x", "y", "z"])[key].labels == ("w", "x", "y", "z")
    with pytest.raises(OptionError, match="nmae"):
        read_nwb(nwb, labels="nmae")


def test_axes_the_other_way_round_are_told_not_guessed(tmp_path):
    path = tmp_path / "turned.nwb"
    with h5py.File(path, "w") as file:
        table = file.create_group("table")
        table["id"] = np.arange(N)
        put_series(file, "traces", F, table, timestamps=np.arange(T) / 2)
    with pytest.raises(OptionError, match="region, time"):
        read_nwb(path)
    signal = read_nwb(path, axes="region, time")["traces"]
    np.testing.assert_array_equal(signal.data, F.T)
    assert signal.time.tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
    with pytest.raises(OptionError, match="axes"):
        read_nwb(path, axes="TN")


def test_a_series_of_some_regions(tmp_path):
    path = tmp_path / "some.nwb"
    with h5py.File(path, "w") as file:
        table = file.create_group("table")
        table["id"] = np.arange(N) + 7
        put_series(file, "two", F[[3, 1]].T, table, rows=[3, 1])
        put_series(file, "wrong", F[[3]].T, table, rows=[N])
    with pytest.raises(CorruptRecordingError, match="wrong"):
        read_nwb(path)
    with h5py.File(path, "r+") as file:
        del file["wrong"]
    signal = read_nwb(path)["two"]
    assert signal.labels == ("10", "8")
    assert np.isnan(signal.time).all()


def test_a_real_file_of_pynwb(real_data):
    path = real_data / "nwb" / "test_RoiResponseSeries.nwb"
    (signal,) = read_nwb(path).values()
    with h5py.File(path) as file:
        series = file["acquisition/test_roi_response_series"]
        np.testing.assert_array_equal(signal.data[:, 0], series["data"][()])
        np.testing.assert_array_equal(signal.time, series["timestamps"][()])
    assert signal.unit == "lumens"


def test_a_file_without_traces(real_data, tmp_path):
    with pytest.raises(FormatError, match="RoiResponseSeries"):
        read_nwb(real_data / "nwb" / "test_TimeIntervals.nwb")
    (tmp_path / "text.nwb").write_text("no HDF5")
    with pytest.raises(CorruptRecordingError):
        read_nwb(tmp_path / "text.nwb")


def test_data_in_another_folder_is_not_followed(tmp_path):
    (tmp_path / "a").mkdir()
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["x"] = F.T
    with h5py.File(tmp_path / "a" / "link.nwb", "w") as file:
        series = file.create_group("traces")
        series.attrs["neurodata_type"] = "RoiResponseSeries"
        series["data"] = h5py.ExternalLink("../secret.h5", "x")
    with pytest.raises(UnsafeReferenceError):
        read_nwb(tmp_path / "a" / "link.nwb")
    assert read_nwb(tmp_path / "a" / "link.nwb", trust=True)["traces"].n_volumes == T
