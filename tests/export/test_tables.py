"""Signals as xarray, pandas and pynapple objects keep shape, times, labels and mask."""

import importlib.util
import json
import sys

import attrs
import numpy as np
import pytest

from wormio.errors import OptionError, SignalError, UnsupportedCapabilityError
from wormio.export import to_pandas, to_pynapple, to_xarray
from wormio.model import Channel, Events, EventStatus
from wormio.signal import Signal

T, N = 6, 3


def make_events(time, duration):
    n = len(time)
    return Events(
        count=np.arange(n),
        frame=np.arange(n),
        time=time,
        volume=np.arange(n),
        duration=duration,
        error_frames=np.zeros(n, int),
        status=np.where(np.isnan(time), EventStatus.OUTSIDE, EventStatus.OK),
    )


@pytest.fixture
def signal():
    rng = np.random.default_rng(0)
    data = rng.random((T, N))
    data[2, 1] = np.nan
    time = 1.0 + np.arange(T) / 4
    made = Signal(
        data=data,
        time=time,
        volume=np.arange(T) + 3,
        sample_time=time[:, None] + rng.random((T, N)) / 100,
        voxels=np.full((T, N), 75),
        saturated=np.arange(T * N).reshape(T, N) % 3,
        background=np.arange(T * N).reshape(T, N) / 7,
        labels=["AVA", "ß", "RIM/L"],
        events={
            "light": make_events([1.1, np.nan, 1.9], [0.2, 0.2, 0.3]),
            "taps": make_events([1.5, 1.2], [np.nan, np.nan]),
            "odours": make_events([1.1, 1.2], [0.5, 0.5]),
        },
        channel=Channel(name="green", role="signal"),
        unit="counts",
    )
    return made.interpolate()  # so that the mask is not that of NaN


def needs(name):
    missing = importlib.util.find_spec(name) is None
    return pytest.mark.skipif(missing, reason=f"{name} is not installed")


@needs("xarray")
def test_an_xarray_dataset_holds_all_of_it(signal, tmp_path):
    dataset = to_xarray(signal)
    assert dict(dataset.sizes) == {"time": T, "neuron": N}
    for name in ("data", "valid", "sample_time", "voxels", "saturated", "background"):
        np.testing.assert_array_equal(dataset[name].values, getattr(signal, name), strict=True)
    np.testing.assert_array_equal(dataset.time.values, signal.time)
    np.testing.assert_array_equal(dataset.volume.values, signal.volume)
    assert dataset.neuron.values.tolist() == list(signal.labels)
    assert dataset.data.sel(neuron="ß", time=1.5).item() == signal.data[2, 1]
    assert not dataset.valid.sel(neuron="ß", time=1.5).item()
    assert json.loads(dataset.attrs["history"])[0]["name"] == "interpolate"
    events = json.loads(dataset.attrs["events"])["light"]
    assert Events.from_json(events) == signal.events["light"]
    assert json.loads(dataset.attrs["channel"])["name"] == "green"


@needs("xarray")
def test_an_xarray_dataset_survives_a_file(signal, tmp_path):
    xarray = pytest.importorskip("xarray")
    dataset = to_xarray(signal)
    dataset.to_netcdf(tmp_path / "a.nc", engine="scipy", format="NETCDF3_64BIT")
    with xarray.open_dataset(tmp_path / "a.nc", engine="scipy") as back:
        back.load()
    for name in ("data", "sample_time"):
        np.testing.assert_array_equal(back[name].values, getattr(signal, name))
    np.testing.assert_array_equal(back.valid.values.astype(bool), signal.valid)
    np.testing.assert_array_equal(back.time.values, signal.time)
    assert back.attrs["history"] == dataset.attrs["history"]


@needs("xarray")
def test_an_xarray_dataset_without_times(signal):
    dataset = to_xarray(Signal(data=signal.data, time=[np.nan] * T, channel=signal.channel))
    assert np.isnan(dataset.time.values).all()
    assert "voxels" not in dataset


@needs("pandas")
def test_a_wide_table(signal):
    table = to_pandas(signal)
    np.testing.assert_array_equal(table.to_numpy(), signal.data)
    np.testing.assert_array_equal(table.index.to_numpy(), signal.time)
    assert table.columns.tolist() == list(signal.labels)
    assert (table.index.name, table.columns.name) == ("time", "neuron")
    np.testing.assert_array_equal(to_pandas(signal, values="valid").to_numpy(), signal.valid)
    times = to_pandas(signal, values="sample_time")
    np.testing.assert_array_equal(times.to_numpy(), signal.sample_time)
    table.iloc[0, 0] = 5  # its own
    assert signal.data[0, 0] != 5
    unknown = attrs.evolve(signal, time=[np.nan] * T)
    assert to_pandas(unknown).index.name == "volume"
    assert to_pandas(unknown).index.tolist() == [3, 4, 5, 6, 7, 8]


@needs("pandas")
def test_a_tidy_table(signal):
    table = to_pandas(signal, "tidy")
    assert len(table) == T * N
    for label, column in zip(signal.labels, range(N), strict=True):
        rows = table[table["neuron"] == label]
        for name, values in (
            ("value", signal.data[:, column]),
            ("valid", signal.valid[:, column]),
            ("sample_time", signal.sample_time[:, column]),
            ("time", signal.time),
            ("volume", signal.volume),
        ):
            np.testing.assert_array_equal(rows[name].to_numpy(), values)
    back = table.pivot_table(index="time", columns="neuron", values="value")[list(signal.labels)]
    np.testing.assert_array_equal(back.to_numpy(), signal.data)


def test_unknown_forms_are_told(signal):
    for options in ({"form": "long"}, {"values": "mask"}, {"form": "tidy", "values": "valid"}):
        with pytest.raises(OptionError):
            to_pandas(signal, **options)


@needs("pynapple")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pynapple_objects(signal, caplog):
    found = to_pynapple(signal)
    np.testing.assert_array_equal(found.traces.d, signal.data)
    np.testing.assert_array_equal(found.traces.t, signal.time)
    assert list(found.traces.columns) == list(signal.labels)
    np.testing.assert_array_equal(found.traces["measured"], signal.valid.mean(axis=0))
    np.testing.assert_array_equal(found.valid.d, signal.valid)
    assert found.events["light"].t.tolist() == [1.1, 1.9]
    assert found.events["taps"].t.tolist() == [1.2, 1.5]
    assert set(found.epochs) == {"light"}
    np.testing.assert_allclose(found.epochs["light"].values, [[1.1, 1.3], [1.9, 2.2]])
    assert list(found.epochs["light"]["event"]) == [0, 2]
    assert "odours" in caplog.text


def test_pynapple_needs_times_that_increase(signal):
    for time in ([np.nan] * T, [0, 0, 1, 2, 3, 4]):
        with pytest.raises(SignalError, match="increasing"):
            to_pynapple(attrs.evolve(signal, time=time))


@pytest.mark.parametrize(
    ("name", "export"), [("xarray", to_xarray), ("pandas", to_pandas), ("pynapple", to_pynapple)]
)
def test_a_library_that_is_missing_is_named_with_the_line_that_installs_it(
    signal, monkeypatch, name, export
):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UnsupportedCapabilityError, match=rf"pip install 'wormio\[{name}\]'"):
        export(signal)
