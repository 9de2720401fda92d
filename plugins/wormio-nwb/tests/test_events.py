"""Stimuli: interval tables and optogenetic pulses."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import wormio
from wormio.errors import CorruptRecordingError
from wormio.model import EventStatus

from wormio_nwb.writer import column, series, session, typed


def _recording(file, **timing):
    data = np.arange(24, dtype="u2").reshape(6, 2, 2)
    return series(file, "acquisition/images", "TwoPhotonSeries", data, **timing)


def _table(file, path, starts, stops, kind="TimeIntervals"):
    table = typed(file, path, kind)
    column(table, "start_time", np.array(starts, float))
    column(table, "stop_time", np.array(stops, float))
    column(table, "id", np.arange(len(starts)))
    return table


def test_a_table_of_intervals_becomes_events(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    with session(path) as file:
        _recording(file, rate=2.0, start=10.0)  # frames at 10.0, 10.5, ..., 12.5
        table = _table(file, "intervals/odours", [10.4, 12.0, 99.0], [10.6, 11.0, 99.5])
        column(table, "odour", ["diacetyl", "", "µ"])
        column(table, "dose", np.array([1, 2, 3], ">i2"))
        column(table, "place", np.array([[1.0, 2, 3]] * 3))
        column(table, "tags", ["on", "off", "ok"], [0, 2, 3])
        table.create_dataset("target", (3,), h5py.ref_dtype)
        table["dose"].attrs["unit"] = "mM"
        table.attrs["colnames"] = [
            "start_time", "stop_time", "odour", "dose", "place", "tags", "target"
        ]  # fmt: skip
    with wormio.open(path) as recording:
        events = recording.events["odours"]
        assert events.frame.tolist() == [1, 4, -1]
        assert events.time[:2].tolist() == [10.4, 12.0]
        assert events.status[2] == EventStatus.OUTSIDE
        assert events.duration[[0, 2]].tolist() == pytest.approx([0.2, 0.5])
        assert np.isnan(events.duration[1])  # it stops before it starts
        told = {name: one.values.tolist() for name, one in events.properties.items()}
        assert told == {
            "start_time": [10.4, 12.0, 99.0],
            "odour": ["diacetyl", "", "µ"],
            "dose": [1, 2, 3],
            "place": [[1, 2, 3]] * 3,
            "tags": ["[]", '["on", "off"]', '["ok"]'],
        }
        assert events.properties["dose"].unit == "mM"
        codes = [finding.code for finding in recording.findings]
        assert codes == ["columns-unread", "durations-unusable"]


def test_tables_of_extensions_and_of_equal_names_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    with session(path) as file:
        _recording(file, rate=2.0)
        table = _table(file, "stimulus/presentation/laser", [1], [1.5], "OptogeneticPulsesTable")
        column(table, "power_in_mW", [1.2])
        _table(file, "intervals/laser", [2.0], [2.5])
    with wormio.open(path) as recording:
        assert {name: one.time.tolist() for name, one in recording.events.items()} == {
            "laser": [2.0],
            "stimulus/presentation/laser": [1.0],
        }
        power = recording.events["stimulus/presentation/laser"].properties["power_in_mW"]
        assert (power.values.tolist(), power.unit) == ([1.2], "mW")


def test_without_times_the_events_have_no_place(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    with session(path) as file:
        _recording(file)
        _table(file, "intervals/trials", [1.0], [2.0])
    with wormio.open(path) as recording:
        assert not recording.events
        assert [finding.code for finding in recording.findings] == ["events-unplaced"]
    with wormio.open(path, volume_rate=1) as recording:
        assert recording.events["trials"].frame.tolist() == [1]


def test_a_damaged_table_hides_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    with session(path) as file:
        _recording(file, rate=2.0)
        _table(file, "intervals/bad", [1.0, 2.0], [2.0])
        _table(file, "intervals/good", [1.0], [2.0])
    with wormio.open(path) as recording:
        assert list(recording.events) == ["good"]
        (finding,) = recording.findings
        assert finding.code == "events-unread" and "intervals/bad" in finding.message


def _pulses(file, data, **timing):
    group = series(file, "stimulus/presentation/led", "OptogeneticSeries", data, **timing)
    group["data"].attrs.update({"unit": "watts", "conversion": 1e-3})


def test_pulses_of_an_optogenetic_series_become_events(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    power = np.zeros(30)
    power[5:8], power[29:] = 4.0, 6.0
    with session(path) as file:
        _recording(file, rate=2.0)
        _pulses(file, power, rate=10.0, start=0.1)
    with wormio.open(path) as recording:
        events = recording.events["led"]
        assert events.properties["start_time"].values.tolist() == pytest.approx([0.6, 3.0])
        assert events.duration.tolist() == pytest.approx([0.3, 0.1])
        assert events.frame.tolist() == [1, -1]
        column = events.properties["power"]
        assert (column.values.tolist(), column.unit) == (pytest.approx([4e-3, 6e-3]), "watts")


@pytest.mark.parametrize(
    "power", [[1, 2, 3, 0, 0, 0, 0], np.sin(np.arange(20)), [0, 1, 1, 1], [0, 0, 0, 1, 2, 0, 0, 0]]
)
def test_what_is_not_clearly_pulses_is_said_and_not_guessed(tmp_path: Path, power) -> None:
    path = tmp_path / "a.nwb"
    with session(path) as file:
        _recording(file, rate=2.0)
        _pulses(file, np.array(power, float), rate=10.0)
    with wormio.open(path) as recording:
        assert not recording.events
        assert [finding.code for finding in recording.findings] == ["events-no-pulses"]


def test_a_file_of_very_many_objects_still_opens_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    with session(path) as file:
        _recording(file, rate=2.0)
        many = file.create_group("processing/many")
        for number in range(20_001):
            many[str(number)] = h5py.SoftLink("/acquisition")
    with pytest.raises(CorruptRecordingError, match="item="):
        wormio.open(path)
    with wormio.open(path, item="acquisition/images") as recording:
        assert [finding.code for finding in recording.findings] == ["events-unread"]
