"""Described formats: the schema, the shipped descriptions, and what the engine makes of tables."""

import json
import os
import pickle
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import wormio
from wormio.cli.app import app
from wormio.errors import (
    AmbiguousFormatError,
    CorruptRecordingError,
    MissingPartError,
    OptionError,
    TruncatedRecordingError,
    UnknownFormatError,
    UnsafeReferenceError,
)
from wormio.formats.described import schema, shelf, tables
from wormio.formats.described.join import longest_rise, repair, snap
from wormio.model import BaseRecording, Flag, Origin
from wormio.testing import Phantom, Scan, write_leifer

# --- one rig, as plain data: each test changes what it is about -------------------------------

RIG = {
    "name": "rig",
    "match": {"files": ["*.raw", "frames.csv"]},
    "frames": {
        "file": r"run(?P<index>\d)_(?P<y>\d+)x(?P<x>\d+)\.raw",
        "example": "run0_4x6.raw",
        "dtype": "uint16",
        "byte_order": "little",
        "layout": "sequential",
        "rows": {"group": "y"},
        "columns": {"group": "x"},
    },
    "frames_table": {
        "file": "frames.csv",
        "delimiter": "comma",
        "counter": "n",
        "time": "ms",
        "time_unit": "ms",
    },
    "volumes": {"policy": "regular", "planes": 3},
    "channels": [{"name": "red"}, {"name": "green"}],
}


def changed(**parts: object) -> dict[str, object]:
    """Return the rig with some keys of its tables changed; None takes a table away."""
    rig = json.loads(json.dumps(RIG))
    for name, part in parts.items():
        if isinstance(part, dict) and isinstance(rig.get(name), dict):
            rig[name] |= part
        elif part is None:
            rig.pop(name, None)
        else:
            rig[name] = part
    return rig


Rig = Callable[..., Path]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """Return a function that writes a folder of the rig; its frames hold their own number."""

    def write(
        counts: list[int] | range = range(9),
        *,
        header: str = "n,ms",
        row: Callable[[int], str] = lambda n: f"{n},{10 * n}",
        files: int = 1,
        name: str = "recording",
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        lines = [header, *map(row, counts)]
        (folder / "frames.csv").write_text("\n".join(lines) + "\n")
        parts = np.array_split(pixels(len(counts)), files)
        for i, part in enumerate(parts):
            part.astype("<u2").tofile(folder / f"run{i}_4x6.raw")
        return folder

    return write


def pixels(n_frames: int) -> np.ndarray:
    """(F, 2, 4, 6): every value tells its frame, channel, row and column."""
    frame, channel, y, x = np.ogrid[:n_frames, :2, :4, :6]
    return (frame * 100 + channel * 50 + y * 10 + x).astype(np.uint16)


def toml(data: dict[str, object]) -> str:
    """Write plain data as TOML, tables inline: enough for a description."""

    def value(v: object) -> str:
        if isinstance(v, dict):
            return "{ " + ", ".join(f"{json.dumps(k)} = {value(w)}" for k, w in v.items()) + " }"
        if isinstance(v, list):
            return "[" + ", ".join(map(value, v)) + "]"
        return json.dumps(v)

    return "".join(f"{k} = {value(v)}\n" for k, v in data.items())


# --- the shipped descriptions and the coded adapter -------------------------------------------


def require_same(a: BaseRecording, b: BaseRecording) -> None:
    for field in attrs.fields(type(a.timeline)):
        mine, other = getattr(a.timeline, field.name), getattr(b.timeline, field.name)
        if isinstance(mine, np.ndarray):
            np.testing.assert_array_equal(mine, other, err_msg=field.name)
        else:
            assert mine == other, field.name
    assert a.channels == b.channels
    assert a.voxel_size == b.voxel_size
    assert dict(a.events) == dict(b.events)


@pytest.mark.parametrize("layout", ["split", "interleaved"])
@pytest.mark.parametrize(
    ("columns", "gate", "zscan", "counted"),
    [(12, True, True, False), (10, False, False, True), (None, True, True, True)],
)
def test_described_and_coded_readers_of_leifer_folders_agree_in_everything(
    tmp_path, layout, columns, gate, zscan, counted
):
    scan = Scan.synthetic(
        n_volumes=8,
        n_dropped=4,
        n_duplicates=2,
        n_glitches=3,
        n_daq_faults=2,
        counted_volumes=counted,
        seed=3,
    )
    phantom = Phantom(scan, n_neurons=3, shape=(32, 34), n_stimuli=2)
    folder = write_leifer(
        phantom, tmp_path / "r", layout=layout, pharos_columns=columns, gate=gate, zscan=zscan
    )
    chosen = {"um_per_pixel": 0.5, "latency": 1}
    name = f"leifer-{layout}"
    with (
        wormio.open(folder, layout=layout, **chosen) as coded,
        wormio.open(folder, description=name, set=chosen) as described,
    ):
        require_same(coded, described)
        assert np.array_equal(coded.frames[:], described.frames[:])
        assert np.array_equal(
            coded.frames[7], phantom.render(7)
        )  # and with the truth, which no reader made
        assert described.timeline.n_volumes == 8
        assert len(described.timeline.dropped) == len(scan.dropped)
        assert described.source.arguments["options"]["description"] == name


def test_described_and_coded_readers_agree_on_2d_recordings(tmp_path):
    phantom = Phantom(Scan.synthetic(n_volumes=3), n_neurons=2, shape=(32, 34), n_stimuli=0)
    folder = write_leifer(phantom, tmp_path / "r", planar=True)
    with (
        wormio.open(folder) as coded,
        wormio.open(folder, description="leifer-2d") as described,
    ):
        require_same(coded, described)
        assert described.timeline.n_volumes == len(phantom)


@pytest.mark.parametrize("given", [{}, {"um_per_volt": 8.0}, {"latency": 3}])
def test_described_and_coded_readers_agree_on_the_real_metadata(real_data, given):
    folder = real_data / "leifer" / "brainscanner20231024"
    coded = wormio.open(folder, metadata_only=True, **given)
    described = wormio.open(folder, description="leifer-split", metadata_only=True, set=given)
    require_same(coded, described)
    assert described.timeline.n_volumes in {1718, 1719}
    assert [f.code for f in coded.findings] == [f.code for f in described.findings]


def test_the_descriptions_are_part_of_the_distribution():
    names = {p.name for p in (Path(shelf.__file__).parent).glob("*.toml")}
    data = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    patterns = data["tool"]["setuptools"]["package-data"]["wormio"]
    assert "formats/described/*.toml" in patterns
    assert names == {f"{name}.toml" for name in shelf.shipped_names()} | {"example.toml"}


# --- frame files ------------------------------------------------------------------------------


def laid_out(layout: str, frames: np.ndarray) -> np.ndarray:
    n, c, y, x = frames.shape
    if layout == "split-rows":
        return frames.reshape(n, c * y, x)
    if layout == "split-columns":
        return frames.transpose(0, 2, 1, 3).reshape(n, y, c * x)
    if layout == "interleaved-rows":
        return frames.transpose(0, 2, 1, 3).reshape(n, y * c, x)
    if layout == "interleaved-pixels":
        return frames.transpose(0, 2, 3, 1).reshape(n, y, x * c)
    return frames.reshape(n, c * y, x)


@pytest.mark.parametrize(
    ("layout", "rows", "columns"),
    [
        ("split-rows", 8, 6),
        ("split-columns", 4, 12),
        ("interleaved-rows", 8, 6),
        ("interleaved-pixels", 4, 12),
        ("sequential", 4, 6),
    ],
)
@pytest.mark.parametrize(("dtype", "order"), [("uint16", "big"), ("float32", "little")])
def test_every_layout_gives_the_pixels_that_were_written(rig, layout, rows, columns, dtype, order):
    folder = rig()
    kind = np.dtype(dtype).newbyteorder(order)
    content = b"HEADER"
    for frame in laid_out(layout, pixels(9)).astype(kind):
        content += b"::" + frame.tobytes()
    (folder / "run0_4x6.raw").write_bytes(content)
    description = changed(
        frames={
            "layout": layout,
            "rows": rows,
            "columns": columns,
            "dtype": dtype,
            "byte_order": order,
            "header_bytes": 6,
            "frame_header_bytes": 2,
        }
    )
    with wormio.open(folder, description=description) as recording:
        assert recording.frames.dtype == np.dtype(dtype)
        assert np.array_equal(recording.frames[:], pixels(9))
        assert np.array_equal(recording.frames[-2, 1, 1:3, ::2], pixels(9)[-2, 1, 1:3, ::2])


def test_several_files_follow_their_number_and_a_missing_one_is_named(rig):
    folder = rig(files=3)
    with wormio.open(folder, description=RIG) as recording:
        assert np.array_equal(recording.frames[:], pixels(9))
    (folder / "run1_4x6.raw").unlink()
    with pytest.raises(MissingPartError, match="number 1"):
        wormio.open(folder, description=RIG)
    (folder / "run0_4x6.raw").unlink()
    with pytest.raises(MissingPartError, match="number 0"):
        wormio.open(folder, description=RIG, allow_truncated=True)
    assert wormio.open(folder, description=RIG, metadata_only=True).timeline.n_volumes == 3


def test_files_that_are_ordered_by_no_number_are_the_descriptions_mistake(rig):
    frames = {"file": r"run(?P<index>\w+)\.raw", "rows": 4, "columns": 6}
    with pytest.raises(OptionError, match=r"match digits only") as caught:
        wormio.open(rig(), description=changed(frames=frames))
    assert "'0_4x6'" in str(caught.value)


def test_files_whose_names_tell_different_sizes_are_corrupt(rig):
    folder = rig(files=2)
    (folder / "run1_4x6.raw").rename(folder / "run1_6x4.raw")
    with pytest.raises(CorruptRecordingError, match="run1_6x4"):
        wormio.open(folder, description=RIG)


def test_what_follows_a_cut_file_is_not_given_to_the_wrong_rows(rig):
    folder = rig(files=3)
    os.truncate(folder / "run1_4x6.raw", 2 * 96 + 5)  # two frames of three, and some bytes
    with pytest.raises(TruncatedRecordingError, match="run1_4x6"):
        wormio.open(folder, description=RIG)
    with wormio.open(folder, description=RIG, allow_truncated=True) as recording:
        assert np.array_equal(recording.frames[:], pixels(9)[:5])
        assert [f.code for f in recording.findings] == ["truncated"]
    os.truncate(folder / "run0_4x6.raw", 96)
    with wormio.open(folder, description=RIG, allow_truncated=True) as recording:
        assert np.array_equal(recording.frames[:], pixels(9)[:1])


def test_the_size_may_come_from_json_or_ini_and_is_checked(rig):
    folder = rig()
    in_file = {"rows": {"file": "rig.json", "key": ["camera", "h"]}, "columns": 6}
    with pytest.raises(MissingPartError, match=r"rig\.json.*number of rows"):
        wormio.open(folder, description=changed(frames=in_file))
    for content, error in [
        ('{"camera": {"h": 4}}', None),
        ('{"camera": {"h": "4"}}', CorruptRecordingError),
        ('{"camera": {"h": 4.5}}', CorruptRecordingError),
        ('{"camera": {"h": -4}}', CorruptRecordingError),
        ('{"camera": {"h": 1e300}}', CorruptRecordingError),
        ('{"camera": 4}', CorruptRecordingError),
        ("{", CorruptRecordingError),
    ]:
        (folder / "rig.json").write_text(content)
        if error is None:
            with wormio.open(folder, description=changed(frames=in_file)) as recording:
                assert recording.frames.shape == (9, 2, 4, 6)
        else:
            with pytest.raises(error):
                wormio.open(folder, description=changed(frames=in_file))
    (folder / "rig.ini").write_text("[camera]\nHeight = 4\n")
    in_file["rows"] = {"file": "rig.ini", "key": ["camera", "Height"]}
    with wormio.open(folder, description=changed(frames=in_file)) as recording:
        assert recording.frames.shape == (9, 2, 4, 6)


def test_a_frame_file_or_table_that_links_out_of_the_folder_needs_trust(rig, tmp_path):
    for name in ("run0_4x6.raw", "frames.csv"):
        folder = rig(name=f"with-{name}")
        (folder / name).rename(tmp_path / name)
        (folder / name).symlink_to(tmp_path / name)
        with pytest.raises(UnsafeReferenceError, match=name):
            wormio.open(folder, description=RIG)
        with wormio.open(folder, description=RIG, trust=True) as recording:
            assert np.array_equal(recording.frames[:], pixels(9))


# --- tables -----------------------------------------------------------------------------------


def test_time_is_scaled_and_counters_tell_dropped_and_doubled_frames(rig):
    folder = rig([0, 1, 1, 2, 4, 5])
    with wormio.open(folder, description=RIG) as recording:
        timeline = recording.timeline
        assert timeline.time == pytest.approx([0, 0.01, 0.01, 0.02, 0.04, 0.05])
        assert timeline.dropped.tolist() == [3]
        assert np.flatnonzero(timeline.flags & Flag.DUPLICATE).tolist() == [2]
        assert timeline.volumes.tolist() == [[0, 4], [4, 6]]
        assert timeline.slot.tolist() == [0, 1, 1, 2, 1, 2]
        assert timeline.origins["time"] == Origin.MEASURED
        assert timeline.origins["volume"] == Origin.NOMINAL


def test_time_may_be_nominal_or_unknown(rig):
    table = {"file": "frames.csv", "delimiter": "comma", "counter": "n"}
    nominal = changed(frames_table=None) | {"frames_table": table | {"rate": 200}}
    folder = rig([7, 8, 10])
    with wormio.open(folder, description=nominal) as recording:
        assert recording.timeline.time == pytest.approx([0, 0.005, 0.015])
        assert recording.timeline.origins["time"] == Origin.NOMINAL
    with wormio.open(folder, description=nominal | {"frames_table": table}) as recording:
        assert recording.timeline.origins["time"] == Origin.UNKNOWN


@pytest.mark.parametrize(
    ("keys", "content"),
    [
        ({"delimiter": "semicolon"}, "n;ms\n0;0\n1;10\n\n2;20\n"),
        ({"delimiter": "space"}, "n  ms \n 0 0\n 1\t10 \n2 20"),
        ({"delimiter": "tab"}, "\ufeffn\tms\t\r\n0\t0\t\r\n1\t10\t\r\n2\t20\t\r\n"),
        ({"header": False, "columns": ["n", "ms"]}, "0,0\n1,10\n2,20\n"),
        ({"text": ["who"]}, 'n,who,ms\n0,"a, b",0\n1,,10\n2,c,20\n'),
        ({"generations": [["frame"], ["n", "ms"]]}, "n,ms\n0,0\n1,10\n2,20\n"),
        ({"counter": 1, "time": 2}, "any,thing\n0,0\n1,10\n2,20\n"),
        ({}, "n,ms\n0,0\n1,10.0\n2.0,2e1\n"),  # whole numbers to begin with
        ({}, "\n".join(["n,ms", "", "+0,-0", "1,10", "02,20", ""])),
    ],
)
def test_tables_of_every_kind_are_read(rig, keys, content):
    folder = rig(range(3))
    (folder / "frames.csv").write_text(content, newline="")
    with wormio.open(folder, description=changed(frames_table=keys)) as recording:
        assert recording.timeline.count.tolist() == [0, 1, 2]
        assert recording.timeline.time == pytest.approx([0, 0.01, 0.02])


@st.composite
def columns_of_numbers(draw):
    """Columns of text that are whole numbers, others, or both."""
    whole = st.integers(-(10**15), 10**15).map(str)
    other = st.floats(allow_nan=False, allow_infinity=False).map(repr)
    n_rows = draw(st.integers(1, 6))
    kinds = st.sampled_from([whole, other, st.one_of(whole, other)])
    return [
        draw(st.lists(draw(kinds), min_size=n_rows, max_size=n_rows))
        for _ in range(draw(st.integers(1, 4)))
    ]


@given(columns_of_numbers())
def test_numbers_are_read_as_python_reads_them(tmp_path_factory, columns):
    path = tmp_path_factory.mktemp("table") / "numbers.csv"
    names = [f"c{i}" for i in range(len(columns))]
    path.write_text("\n".join(map(",".join, [names, *zip(*columns, strict=True)])) + "\n")
    table = tables.read(path, schema.TableKeys(delimiter="comma"))
    for name, column in zip(names, columns, strict=True):
        assert table.any(name).dtype == np.float64
        assert table.any(name).tolist() == [float(text) for text in column]
        if all(text.lstrip("-").isdigit() and abs(int(text)) < 2**40 for text in column):
            assert table.counters(name).tolist() == [int(text) for text in column]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("n,ms\n", "empty"),
        ("", "header"),
        ("n,s\n0,0\n", "'ms'"),
        ("n,n,ms\n0,0,0\n", "once"),
        ("n,ms\n0,0\n1\n", "row"),
        ("n,ms\n0,0\n1,x\n", "row"),
        ("n,ms\n0,0\n0.5,1\n", "whole"),
        ("n,ms\n0,0\n1,inf\n", "finite"),
        ("n,ms\n0,0\n1e300,1\n", "whole"),
        (f"n,ms\n0,0\n{10**17},1\n", "whole"),
        ("n,ms\n5,0\n3,1\n", "falls"),
        ("n,ms\n0,0\n1,0\n", "time does not increase"),
    ],
)
def test_a_broken_table_is_corrupt_and_named(rig, content, message):
    folder = rig(range(2))
    (folder / "frames.csv").write_text(content)
    with pytest.raises(CorruptRecordingError, match=message) as caught:
        wormio.open(folder, description=RIG)
    assert "frames.csv" in str(caught.value)


# --- scans ------------------------------------------------------------------------------------


def test_z_beside_the_frames_is_measured_and_scaled(rig):
    folder = rig(header="n,ms,nm", row=lambda n: f"{n},{10 * n},{500 * (n % 3)}")
    scan = {"z": "nm", "z_unit": "other", "um_per_unit": 1e-3}
    with wormio.open(folder, description=changed(scan=scan)) as recording:
        assert recording.timeline.z_um == pytest.approx([0, 0.5, 1.0] * 3)
        assert recording.timeline.origins["z"] == Origin.MEASURED


def test_a_scan_joined_by_time_is_interpolated_and_says_so(rig):
    folder = rig()
    seconds = np.arange(0.005, 0.0751, 0.01)
    rows = "".join(f"{s:.4f} {100 * s:.3f}\n" for s in seconds)
    (folder / "z.txt").write_text(rows)
    scan = {
        "file": "z.txt",
        "delimiter": "space",
        "header": False,
        "columns": ["s", "um"],
        "join": "time",
        "time": "s",
        "time_unit": "s",
        "z": "um",
    }
    with wormio.open(folder, description=changed(scan=scan)) as recording:
        timeline = recording.timeline
        assert np.isnan(timeline.z[[0, 8]]).all()
        assert timeline.z[1:8] == pytest.approx(100 * timeline.time[1:8])
        assert timeline.origins["z"] == Origin.INTERPOLATED
        assert ((timeline.flags & Flag.Z_UNKNOWN) != 0).tolist() == [True, *[False] * 7, True]


def test_an_uncalibrated_scan_asks_for_the_option_that_the_description_declares(rig):
    folder = rig(header="n,ms,v", row=lambda n: f"{n},{10 * n},{n % 3}")
    scan = {"z": "v", "z_unit": "other", "um_per_unit": {"option": "um_per_step"}}
    options = {"um_per_step": {"help": "from the stage", "type": "positive", "example": 2}}
    description = changed(scan=scan, options=options)
    with pytest.raises(OptionError, match="set=um_per_step=2"):
        wormio.open(folder, description=description)
    for chosen in ("um_per_step=2.5", {"um_per_step": 2.5}):
        with wormio.open(folder, description=description, set=chosen) as recording:
            assert recording.timeline.z_um[2] == 5.0
    scan["z_unit"] = "V"
    with wormio.open(folder, description=changed(scan=scan, options=options)) as recording:
        assert recording.timeline.z_unit == "V"
        assert [f.code for f in recording.findings] == ["z-uncalibrated"]
    for wrong in ("um_per_stop=2", "um_per_step=-1", "um_per_step=x", "um_per_step=1e300", "um"):
        with pytest.raises(OptionError):
            wormio.open(folder, description=description, set=wrong)


def test_volumes_and_direction_may_come_from_columns(rig):
    row = "{n},{ms},{k},{up}".format
    folder = rig(
        header="n,ms,k,up",
        row=lambda n: row(n=n, ms=10 * n, k=(n + 1) // 3, up=1 - 2 * ((n + 1) // 3 % 2)),
    )
    description = changed(
        scan={"volume": "k", "direction": "up"},
        volumes={"policy": "from_volume_index", "direction": "column"},
    )
    with wormio.open(folder, description=description) as recording:
        timeline = recording.timeline
        assert timeline.volumes.tolist() == [[2, 5], [5, 8]]  # the ends may be cut
        assert timeline.direction.tolist() == [1, 1, -1, -1, -1, 1, 1, 1, -1]
        assert timeline.origins["volume"] == timeline.origins["direction"] == Origin.MEASURED


# --- events -----------------------------------------------------------------------------------


def test_events_by_time_keep_their_columns_and_units(rig):
    folder = rig()
    (folder / "odour.txt").write_text("s\tfor\twhat\n0.021\t500\tA\n0.9\t10\tB\n")
    table = {
        "name": "odour",
        "file": "odour.txt",
        "text": ["what"],
        "time": "s",
        "time_unit": "s",
        "duration": "for",
        "duration_unit": "ms",
        "units": {"for": "ms"},
    }
    with wormio.open(folder, description=changed(events=[table])) as recording:
        events = recording.events["odour"]
        assert events.frame.tolist() == [2, -1]
        assert events.duration.tolist() == [0.5, 0.01]
        assert events.properties["what"].values.tolist() == ["A", "B"]
        assert events.properties["for"].unit == "ms"
    (folder / "odour.txt").unlink()
    with pytest.raises(MissingPartError, match=r"odour\.txt"):
        wormio.open(folder, description=changed(events=[table]))
    with wormio.open(folder, description=changed(events=[table | {"optional": True}])) as recording:
        assert not recording.events


# --- repairs, against slow oracles ------------------------------------------------------------


def naive_longest(values: list[int]) -> int:
    best = [1] * len(values)
    for i, v in enumerate(values):
        best[i] = 1 + max((best[j] for j in range(i) if values[j] < v), default=0)
    return max(best, default=0)


@given(st.lists(st.integers(0, 12), max_size=14))
def test_the_fewest_rows_are_distrusted(values):
    rows = longest_rise(np.array(values, float))
    kept = np.array(values)[rows]
    assert (np.diff(rows) > 0).all()
    assert (np.diff(kept) > 0).all()
    assert len(rows) == naive_longest(values)


@given(st.data())
def test_times_that_are_wild_do_not_touch_the_others(data):
    n = data.draw(st.integers(8, 40))
    wild = data.draw(st.sets(st.integers(0, n - 1), max_size=3))
    time = np.arange(n) * 0.005
    broken = time.copy()
    for row in wild:
        broken[row] = data.draw(st.sampled_from([1e6, 1e9])) if row < n - 4 else -5.0
    mended = repair(np.arange(n), broken, ["stuck-time"])
    assert mended.time is not None
    assert np.flatnonzero(mended.flags & Flag.TIME_REPAIRED).tolist() == sorted(wild)
    np.testing.assert_allclose(mended.time, time, atol=1e-9)


@given(st.lists(st.integers(0, 60), max_size=6, unique=True), st.integers(-5, 65))
def test_events_move_to_the_nearest_edge_that_was_seen(edges, count):
    moved = snap(np.array([count]), np.array(sorted(edges), np.int64), (0, 60))[0]
    if not edges or not 0 <= count <= 60:
        assert moved == count
    else:
        assert moved == min(sorted(edges), key=lambda edge: (abs(edge - count), edge))


# --- the schema -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("find", "put", "line_of", "words"),
    [
        ('policy = "planar"', 'policee = "planar"', "policee", "did you mean policy"),
        ('policy = "planar"', 'policy = "planer"', "policy", "did you mean planar"),
        ('dtype = "uint16"', "dtype = 16", "dtype", "frames.dtype"),
        ('time = "Timestamp"', "", "[frames_table]", "belong together"),
        (
            '"frameCount"\ntime',
            "0\ntime",
            "counter = 0",
            "frames_table.counter",
        ),
        ('help = "pixel size in um"', "", "[options.um_per_pixel]", "'help' is missing"),
        ('byte_order = "little"', "", "[frames]", "byte_order"),
        ('{ group = "rows" }', '{ group = "row" }', 'group = "row" }', "no group 'row'"),
        ('{ group = "rows" }', '{ option = "h" }', 'option = "h"', "'h' is not declared"),
        ('{ group = "rows" }', "{ }", "rows = {", "where the number is"),
        ('{ group = "rows" }', "-4", "rows = -4", "frames.rows: impossible number"),
        ("(?P<rows>", "(?P<rows", "file = '", "regular expression"),
        ('role = "signal"', "emission_nm = -5", "emission_nm", "channels[1].emission_nm"),
        ('name = "green"', 'name = "red"', "[[channels]]", "unique"),
        ('policy = "planar"', 'policy = "from_scan"', "policy", "'z' of [scan]"),
        ('policy = "planar"', 'policy = "regular"', "policy", "'planes'"),
        ('file = "pharosTriggers.txt"', 'file = "../x.txt"', "../x.txt", "folder"),
        ("snap_to_gate = true", "snap_to_gate = 1", "snap_to_gate", "true or false"),
        ("[frames_table]", "[frames_table", "[frames_table", "no TOML"),
    ],
)
def test_an_error_of_a_description_names_file_line_and_key(tmp_path, find, put, line_of, words):
    good = (Path(shelf.__file__).parent / "leifer-2d.toml").read_text()
    assert find in good
    file = tmp_path / "mine.toml"
    file.write_text(good.replace(find, put, 1))
    with pytest.raises(OptionError) as caught:
        wormio.open(tmp_path, description=file)
    lines = file.read_text().splitlines()
    line = next(i for i, text in enumerate(lines, 1) if line_of in text)
    assert "mine.toml" in str(caught.value)
    assert f"line {line}" in str(caught.value)
    assert words in str(caught.value)


def test_the_example_is_a_valid_description_and_names_every_key():
    text = CliRunner().invoke(app, ["describe"]).output
    assert shelf.of_data(tomllib.loads(text))[0].name == "mylab"

    classes = [getattr(schema, name) for name in schema.__all__]
    keys = {
        field.name
        for cls in classes
        if isinstance(cls, type) and attrs.has(cls)
        for field in attrs.fields(cls)
    }
    assert len(keys) > 50
    assert {key for key in keys if not re.search(rf"\b{key} = |[\[.]{key}[\].]", text)} == set()


def test_describe_checks_a_description_and_tells_what_it_says(tmp_path):
    file = tmp_path / "rig.toml"
    file.write_text(toml(RIG))
    run = CliRunner().invoke(app, ["describe", str(file)])
    assert run.exit_code == 0
    assert "little-endian uint16, sequential" in run.output
    assert "column 'ms' in ms" in run.output
    file.write_text(toml(RIG | {"channels": []}))
    run = CliRunner().invoke(app, ["describe", str(file)])
    assert isinstance(run.exception, OptionError)


# --- recognition ------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that keeps descriptions where WORMIO_DESCRIPTIONS names them."""
    folder = tmp_path / "descriptions"
    folder.mkdir()
    monkeypatch.setenv("WORMIO_DESCRIPTIONS", str(folder))

    def keep(name: str, content: dict[str, object] | str) -> Path:
        file = folder / f"{name}.toml"
        file.write_text(content if isinstance(content, str) else toml(content))
        return file

    return keep


def test_a_kept_description_recognises_its_folders_and_names_what_is_missing(rig, kept):
    folder = rig()
    with pytest.raises(UnknownFormatError):
        wormio.open(folder)
    file = kept("rig", RIG)
    verdict = wormio.explain(folder).best[0]
    assert (verdict.format, verdict.answer) == ("described", "yes")
    assert "rig.toml" in verdict.evidence[0]
    with wormio.open(folder) as recording:
        assert np.array_equal(recording.frames[:], pixels(9))
        assert recording.metadata["description"] == "rig"
    scan = {"file": "z.csv", "join": "counter", "counter": "n", "z": "um"}
    file.write_text(toml(changed(scan=scan)))
    assert wormio.explain(folder).best[0].missing == ("z.csv",)
    file.write_text(toml(changed(match={"begins": {"frames.csv": "n;"}})))
    assert not wormio.explain(folder).best


def test_two_descriptions_that_fit_equally_are_ambiguous_and_a_surer_one_wins(rig, kept):
    folder = rig()
    kept("a", RIG)
    kept("b", RIG | {"name": "other"})
    with pytest.raises(AmbiguousFormatError, match=r"rig.*a\.toml.*other.*b\.toml"):
        wormio.open(folder)
    kept("b", changed(name="other", match={"begins": {"frames.csv": "n,ms"}}))
    with wormio.open(folder) as recording:
        assert recording.metadata["description"] == "other"


def test_a_broken_description_is_told_and_stops_nothing(rig, kept, leifer_folder):
    folder = rig()
    kept("bad", "name = 3\n")
    told = str(wormio.explain(folder))
    assert "bad.toml" in told
    assert "line 1" in told
    with wormio.open(leifer_folder(name="leifer")) as recording:
        assert recording.source.arguments["format"] == "leifer"
    with pytest.raises(UnknownFormatError, match=r"bad\.toml"):
        wormio.open(folder)
    kept("good", RIG)
    verdict = wormio.explain(folder).best[0]
    assert verdict.answer == "yes"
    assert any("bad.toml" in line for line in verdict.evidence)


def test_a_recording_opens_again_without_its_description_and_is_the_same_anywhere(
    rig, kept, tmp_path
):
    folder = rig()
    file = kept("rig", RIG)
    with wormio.open(folder, description=file) as recording, wormio.open(folder) as recognised:
        identity = recording.recording_id
        assert recognised.recording_id == identity
        payload = pickle.dumps(recording)
    file.write_text("# a remark\n" + toml(RIG))
    moved = file.rename(tmp_path / "moved.toml")
    with wormio.open(folder, description=moved) as recording:
        assert recording.recording_id == identity
    moved.unlink()
    code = "import pickle, sys; print(pickle.loads(sys.stdin.buffer.read()).frames[8, 1, 3, 5])"
    run = subprocess.run(
        [sys.executable, "-c", code], input=payload, capture_output=True, check=True
    )
    assert run.stdout.split() == [b"885"]
    assert len(payload) < 10_000


def test_without_a_description_the_format_asks_for_one(rig):
    with pytest.raises(OptionError, match="leifer-split"):
        wormio.open(rig(), "described")
    with pytest.raises(OptionError, match="no such description"):
        wormio.open(rig(name="b"), description="nowhere.toml")
