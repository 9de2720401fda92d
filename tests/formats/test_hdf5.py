"""HDF5 arrays. Oracles: the arrays that were written, h5py itself, published shapes."""

import random
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import wormio
from wormio.errors import (
    CorruptRecordingError,
    FormatError,
    MissingImageError,
    MissingPartError,
    OptionError,
    RecordingClosedError,
    TruncatedRecordingError,
    UnsafeReferenceError,
    UnsupportedCapabilityError,
    WormioError,
)
from wormio.formats.hdf5.adapter import contents
from wormio.formats.hdf5.adapter import open as open_hdf5
from wormio.formats.hdf5.detect import detect
from wormio.formats.hdf5.options import Hdf5Options
from wormio.model import BaseRecording, Flag, MappedFrames, Origin
from wormio.registry import Confidence, Probe, make_options
from wormio.testing.isolation import isolated

T, Z, C, Y, X = 3, 4, 2, 5, 7


def opened(path: Path, **options: Any) -> BaseRecording:
    return open_hdf5(path, make_options(Hdf5Options, options, owner="hdf5"))


def truth(dtype: Any = "u2", shape: tuple[int, ...] = (T, Z, C, Y, X)) -> np.ndarray:
    """Return (T, Z, C, Y, X) pixels that are all different and not symmetric in anything."""
    values = np.arange(np.prod(shape)) * 7 % 251 + np.arange(np.prod(shape)) // 251
    return values.reshape(shape).astype(dtype)


def in_order(pixels: np.ndarray, axes: str) -> np.ndarray:
    return np.ascontiguousarray(pixels.transpose(["TZCYX".index(axis) for axis in axes]))


def write(path: Path, pixels: np.ndarray | None = None, **how: Any) -> Path:
    """Write one array, `name`, with `attrs`; the rest is h5py's."""
    name, attributes = how.pop("name", "imaging"), how.pop("attrs", {})
    with h5py.File(path, "w", **how.pop("file", {})) as file:
        array = file.create_dataset(name, data=truth() if pixels is None else pixels, **how)
        array.attrs.update(attributes)
    return path


def frames_of(pixels: np.ndarray) -> np.ndarray:
    """Return (T, Z, C, Y, X) as (T * Z, C, Y, X)."""
    return pixels.reshape(-1, *pixels.shape[2:])


def codes(recording: BaseRecording) -> list[str]:
    return [finding.code for finding in recording.findings]


# --- pixels -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{}, {"chunks": (1, 2, 2, 3, 2), "compression": "gzip"}])
@pytest.mark.parametrize("axes", ["TZCYX", "TCZYX", "XYCZT", "YTXZC", "CZTXY"])
def test_frames_are_in_acquisition_order_whatever_the_order_of_axes(tmp_path, axes, how):
    path = write(tmp_path / "a.h5", in_order(truth(), axes), **how)
    with opened(path, axes=axes) as recording:
        np.testing.assert_array_equal(recording.frames[:], frames_of(truth()))
        np.testing.assert_array_equal(recording.frames[5, 1, 1:4, 2:], truth()[1, 1, 1, 1:4, 2:])
        assert recording.timeline.volumes.tolist() == [[0, 4], [4, 8], [8, 12]]
        assert isinstance(recording.frames, MappedFrames) == (not how)
        # Each image is numbered as it lies in the array: T, Z and C in the array's own order.
        order = [axis for axis in axes if axis in "TZC"]
        numbers = np.arange(T * Z * C).reshape([{"T": T, "Z": Z, "C": C}[a] for a in order])
        place = dict(zip("TZC", (1, 2, 1), strict=True))
        assert recording.timeline.stored[6, 1] == numbers[tuple(place[a] for a in order)]


@pytest.mark.parametrize("dtype", ["u1", "i1", ">u2", ">i4", "<i8", "f2", ">f4", "f8"])
@pytest.mark.parametrize("how", [{}, {"chunks": True}])
def test_every_number_type_and_byte_order_is_read_as_written(tmp_path, dtype, how):
    path = write(tmp_path / "a.h5", truth(dtype), **how)
    with opened(path, axes="TZCYX") as recording:
        assert recording.frames.dtype == np.dtype(dtype).newbyteorder("=")
        np.testing.assert_array_equal(recording.frames[:], frames_of(truth(dtype)))


def compact(file: h5py.File) -> None:
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple(truth().shape)
    made = h5py.h5d.create(file.id, b"imaging", h5py.h5t.NATIVE_UINT16, space, plist)
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, truth())


def twelve_bits(file: h5py.File) -> None:
    kind = h5py.h5t.NATIVE_UINT16.copy()
    kind.set_precision(12)
    space = h5py.h5s.create_simple(truth().shape)
    made = h5py.h5d.create(file.id, b"imaging", kind, space)
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, truth())


def soft_link(file: h5py.File) -> None:
    file["deep/inside"] = truth()
    file["imaging"] = h5py.SoftLink("/deep/inside")


def hard_link(file: h5py.File) -> None:
    file["deep/inside"] = truth()
    file["imaging"] = file["deep/inside"]
    file["deep/again"] = file["/"]  # a cycle of groups


def external_link(file: h5py.File) -> None:
    beside = Path(file.filename).with_name("beside.h5")
    with h5py.File(beside, "w") as other:
        other["elsewhere/raw"] = truth()
    file["imaging"] = h5py.ExternalLink("beside.h5", "/elsewhere/raw")


def external_storage(file: h5py.File) -> None:
    raw = Path(file.filename).with_name("raw.dat")
    raw.write_bytes(b"head" + truth().tobytes())
    file.create_dataset("imaging", truth().shape, "u2", external=[("raw.dat", 4, truth().nbytes)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(truth().shape, "u2")
    for t in range(T):
        name = Path(file.filename).with_name(f"part{t}.h5")
        with h5py.File(name, "w") as other:
            other["v"] = truth()[t]
        layout[t] = h5py.VirtualSource(name.name, "v", truth()[t].shape)
    file.create_virtual_dataset("imaging", layout)


def user_block(file: h5py.File) -> None:
    file["imaging"] = truth()


WAYS = [compact, twelve_bits, soft_link, hard_link, external_link, external_storage, virtual]


@pytest.mark.parametrize("way", [*WAYS, user_block], ids=lambda way: way.__name__)
def test_an_array_is_read_wherever_and_however_hdf5_keeps_it(tmp_path, monkeypatch, way):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", userblock_size=1024 if way is user_block else 0) as file:
        way(file)
    monkeypatch.chdir("/")  # nothing is looked for in the working directory
    with opened(path, axes="TZCYX") as recording:
        np.testing.assert_array_equal(recording.frames[:], frames_of(truth()))
        in_place = way in {soft_link, hard_link, external_link, user_block}
        assert isinstance(recording.frames, MappedFrames) == in_place
        parts = set(recording.source.arguments["parts"])
    others = {external_link: {"beside.h5"}, external_storage: {"raw.dat"}}
    others[virtual] = {"part0.h5", "part1.h5", "part2.h5"}
    assert parts == {"a.h5"} | others.get(way, set())


def test_images_spread_all_over_a_large_array_are_not_read_in_place(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 999, (40, 60, 1000), np.uint16)
    path = write(tmp_path / "a.h5", pixels)
    with opened(path, axes="YXT") as recording:
        # In place, one image would cost all of the file.
        assert not isinstance(recording.frames, MappedFrames)
        np.testing.assert_array_equal(recording.frames[::97, 0], pixels.transpose(2, 0, 1)[::97])


def test_reading_one_frame_decodes_only_the_chunks_that_hold_it(tmp_path):
    path = write(
        tmp_path / "a.h5",
        chunks=(1, Z, 1, Y, X), compression="gzip", fletcher32=True,
    )  # fmt: skip
    with h5py.File(path) as file:
        chunk = file["imaging"].id.get_chunk_info_by_coord((1, 0, 1, 0, 0))
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + 10] ^= 0xFF
    path.write_bytes(content)
    with opened(path, axes="TZCYX") as recording:
        np.testing.assert_array_equal(recording.frames[4:8, 0], truth()[1, :, 0])
        np.testing.assert_array_equal(recording.frames[8:], truth()[2])
        with pytest.raises(CorruptRecordingError, match=r"a\.h5"):
            recording.frames[5, 1]


def test_after_closing_nothing_is_read(tmp_path):
    path = write(tmp_path / "a.h5", chunks=(1, 1, 1, Y, X))
    recording = opened(path, axes="TZCYX")
    kept = recording.frames[0]
    recording.close()
    with pytest.raises(RecordingClosedError):
        recording.frames[0]
    np.testing.assert_array_equal(kept, truth()[0, 0])


def test_chunks_that_were_never_written_are_missing_images_and_no_zeros(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        array = file.create_dataset("m", (T, Z, C, Y, X), "u2", chunks=(1, 2, 1, Y, 4))
        array[0] = truth()[0]
        array[1, :, :, :, :4] = truth()[1, :, :, :, :4]  # the left half only
        array[2, 2:, 1] = truth()[2, 2:, 1]
    with opened(path, axes="TZCYX") as recording:
        there = recording.timeline.stored >= 0
        assert there.tolist() == ([[True, True]] * 4 + [[False, False]] * 6 + [[False, True]] * 2)
        np.testing.assert_array_equal(recording.frames[10, 1], truth()[2, 2, 1])
        assert codes(recording)[0] == "images-missing"
        with pytest.raises(MissingImageError, match="frame 4, channel 0"):
            recording.frames[4, 0]


@pytest.mark.parametrize("chunks", [None, (1, 1, 1, Y, X)])
def test_an_array_that_was_only_created_is_no_recording(tmp_path, chunks):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("m", (T, Z, C, Y, X), "u2", chunks=chunks)
    with pytest.raises(CorruptRecordingError, match="nothing was ever written"):
        opened(path, axes="TZCYX")


# --- which array, and what its dimensions mean ------------------------------------------------


@pytest.mark.parametrize(
    ("attrs", "order"),
    [
        ({"DIMENSION_LABELS": list("tzcyx")}, "TZCYX"),
        ({"DIMENSION_LABELS": ["frame", "channel", "plane", "row", "column"]}, "TCZYX"),
        ({"axes": "TCZYX"}, "TCZYX"),
        ({"axes": np.bytes_("x,y,c,z,t")}, "XYCZT"),
        ({"axes": ["Z", "T", "C", "Y", "X"]}, "ZTCYX"),
    ],
)
def test_names_of_dimensions_in_the_file_are_used(tmp_path, attrs, order):
    path = write(tmp_path / "a.h5", in_order(truth(), order), attrs=attrs)
    with opened(path) as recording:
        np.testing.assert_array_equal(recording.frames[:], frames_of(truth()))


def test_labels_set_through_h5py_dims_are_used_and_the_users_axes_win(tmp_path):
    path = write(tmp_path / "a.h5", truth()[:, 0, :, :, :])
    with h5py.File(path, "a") as file:
        for index, label in enumerate(["t", "c", "y", "x"]):
            file["imaging"].dims[index].label = label
    with opened(path) as recording:
        assert recording.frames.shape == (T, C, Y, X)
    with opened(path, axes="CTYX") as recording:
        assert recording.frames.shape == (C, T, Y, X)


@pytest.mark.parametrize(
    "attrs",
    [
        {},
        {"axes": "QQQQQ"},
        {"axes": "TZCYY"},
        {"axes": 7},
        {"DIMENSION_LABELS": ["", "", "", "", ""]},
    ],
)
def test_without_legal_names_the_axes_are_asked_for(tmp_path, attrs):
    path = write(tmp_path / "a.h5", attrs=attrs)
    with pytest.raises(OptionError, match="option axes is missing") as caught:
        opened(path)
    assert "axes='TZCYX'" in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_named_dimension_of_no_meaning_here_is_asked_for(tmp_path):
    path = write(tmp_path / "a.h5", attrs={"DIMENSION_LABELS": ["t", "z", "lambda", "y", "x"]})
    with pytest.raises(OptionError, match="none of time, z and channel"):
        opened(path)


def several(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file["raw/red"] = truth()
        file["raw/green"] = truth() + 1
        file["traces"] = np.zeros((9, 4))
        file["clock"] = np.zeros(9)  # not an image: one dimension
        file["column"] = np.zeros((9, 1))  # nor this
        file["names"] = np.array([[b"a", b"b"], [b"c", b"d"]])  # nor these
        file["table"] = np.zeros((3, 3), [("a", "u1"), ("b", "f4")])
    return path


def test_of_several_arrays_none_is_taken_by_itself(tmp_path):
    path = several(tmp_path / "a.h5")
    names = ["raw/green", "raw/red", "traces"]
    assert contents(path, Hdf5Options()) == names == wormio.contents(path)
    with pytest.raises(OptionError) as caught:
        opened(path, axes="TZCYX")
    for text in (*names, "(3, 4, 2, 5, 7) uint16", "(9, 4) float64", "dataset="):
        assert text in str(caught.value)
    for name in ("dataset", "item"):
        with opened(path, axes="TZCYX", **{name: "raw/green"}) as recording:
            np.testing.assert_array_equal(recording.frames[0], truth()[0, 0] + 1)
            assert recording.metadata["dataset"] == "raw/green"
    assert contents(write(tmp_path / "one.h5"), Hdf5Options()) == []


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"dataset": "raw/red", "item": "raw/green"}, OptionError),
        ({"dataset": "clock"}, OptionError),
        ({"dataset": "names"}, OptionError),
        ({"dataset": "raw"}, CorruptRecordingError),
        ({"dataset": "blue"}, OptionError),
        ({"dataset": "raw/blue"}, OptionError),
        ({"item": "clock/deeper"}, OptionError),
        ({"dataset": "raw/red", "axes": "TZCYX", "times": "raw/clock"}, OptionError),
        ({"dataset": "raw/red", "axes": "TYX"}, OptionError),
        ({"dataset": "raw/red", "axes": "TZCYX", "channel_names": "a"}, OptionError),
        ({"dataset": "raw/red", "axes": "TZCYX", "channel_names": "a,a"}, OptionError),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, options, error):
    with pytest.raises(error):
        opened(several(tmp_path / "a.h5"), **options)


def test_a_file_without_images_says_what_it_holds(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["times"] = np.arange(9)
    with pytest.raises(FormatError, match="no images") as caught:
        opened(path)
    assert "times" in str(caught.value)


def test_channels_and_sizes_are_those_of_the_attributes_or_of_the_options(tmp_path):
    attrs = {
        "axes": "TZCYX",
        "exotic": np.zeros(2, "V3"),
        "channel_names": [b"red", b"green"],
        "element_size_um": [2.0, 0.5, 0.25],
        "gain": np.float32(np.nan),
    }
    path = write(tmp_path / "a.h5", attrs=attrs)
    with opened(path) as recording:
        assert [channel.name for channel in recording.channels] == ["red", "green"]
        size = recording.voxel_size
        assert (size.z, size.y, size.x) == (2.0, 0.5, 0.25)
        assert recording.timeline.z.tolist() == [0, 2, 4, 6] * 3
        assert recording.timeline.origins["z"] == Origin.NOMINAL
        assert recording.metadata["attributes"]["gain"] == "nan"
    chosen = {"channel_names": "a, b", "um_per_pixel": "0.1", "um_per_plane": 3}
    with wormio.open(path, **chosen) as recording:
        assert [channel.name for channel in recording.channels] == ["a", "b"]
        size = recording.voxel_size
        assert (size.z, size.y, size.x) == (3, 0.1, 0.1)
        assert recording.timeline.origins["z"] == Origin.USER
        with wormio.reopen(recording.source) as again:
            assert again.channels == recording.channels


# --- time -------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["array", "file"])
@pytest.mark.parametrize(
    ("name", "value"), [("fr", 20), ("fps", "20"), ("frame_rate", [20.0]), ("frame_interval", 0.05)]
)
def test_a_rate_that_attributes_name_is_nominal(tmp_path, where, name, value):
    """CaImAn's files have mov (T, Y, X) and fr."""
    movie = truth(shape=(6, 1, 1, Y, X))[:, 0, 0]
    path = write(tmp_path / "a.h5", movie, name="mov")
    with h5py.File(path, "a") as file:
        (file["mov"] if where == "array" else file).attrs[name] = value
    with opened(path, axes="TYX") as recording:
        np.testing.assert_allclose(recording.timeline.time, np.arange(6) / 20)
        assert recording.timeline.origins["time"] == Origin.NOMINAL
    with opened(path, axes="TYX", volume_rate=4) as recording:
        assert recording.timeline.time[1] == 0.25
        assert recording.timeline.origins["time"] == Origin.USER


def test_caimans_start_time_is_the_time_of_the_first_frame(tmp_path):
    movie = truth(shape=(6, 1, 1, Y, X))[:, 0, 0]
    path = write(tmp_path / "a.h5", movie, name="mov", attrs={"fr": 10.0, "start_time": 2.5})
    with opened(path, axes="TYX") as recording:
        np.testing.assert_allclose(recording.timeline.time, 2.5 + np.arange(6) / 10)


def test_planes_along_time_become_volumes_at_the_frames_rate(tmp_path):
    """suite2p's input has data (T, Y, X), planes one after the other."""
    movie = truth(shape=(10, 1, 1, Y, X))[:, 0, 0]
    attrs = {"fs": 8.0, "element_size_um": [2.0, 1.0, 1.0]}
    path = write(tmp_path / "a.h5", movie, name="data", attrs=attrs)
    with opened(path, axes="TYX", planes=3) as recording:
        timeline = recording.timeline
        assert timeline.volumes.tolist() == [[0, 3], [3, 6], [6, 9]]
        np.testing.assert_allclose(timeline.time, np.arange(10) / 8)
        assert timeline.z.tolist() == [0, 2, 4, 0, 2, 4, 0, 2, 4, 0]
        assert timeline.flags[9] == Flag.INCOMPLETE


@pytest.mark.parametrize("rate", [0, -1, True, np.nan, np.inf, "fast", [1, 2], 1e-320])
def test_a_rate_that_is_none_is_unknown(tmp_path, rate):
    path = write(tmp_path / "a.h5", attrs={"fr": rate})
    with opened(path, axes="TZCYX") as recording:
        assert recording.timeline.origins["time"] == Origin.UNKNOWN
        assert np.isnan(recording.timeline.time).all()


def with_times(path: Path, times: Any, **attrs: Any) -> Path:
    write(path)
    with h5py.File(path, "a") as file:
        file["meta/t"] = times
        file["meta/t"].attrs.update(attrs)
    return path


def test_a_time_for_each_frame_is_measured(tmp_path):
    times = 5 + np.arange(12) ** 1.1
    path = with_times(tmp_path / "a.h5", times)
    with opened(path, axes="TZCYX", times="meta/t") as recording:
        np.testing.assert_array_equal(recording.timeline.time, times)
        assert recording.timeline.origins["time"] == Origin.MEASURED
        assert "times-spread" not in codes(recording)
    with h5py.File(path, "a") as file:
        del file["meta/t"]
        file["meta/t"] = times[:, np.newaxis]  # a column, as MATLAB writes it
    with opened(path, axes="TZCYX", times="meta/t", dataset="imaging") as recording:
        np.testing.assert_array_equal(recording.timeline.time, times)


def test_a_time_for_each_volume_is_spread_over_its_planes_and_says_so(tmp_path):
    path = with_times(tmp_path / "a.h5", [1000, 1200, 5000], units="ms")
    with opened(path, axes="TZCYX", times="/meta/t", dataset="imaging") as recording:
        # Median interval 2 s: the first volume is short, the second is followed by a pause.
        expected = [1, 1.05, 1.1, 1.15, 1.2, 1.7, 2.2, 2.7, 5, 5.5, 6, 6.5]
        np.testing.assert_allclose(recording.timeline.time, expected)
        assert recording.timeline.origins["time"] == Origin.INTERPOLATED
        assert "times-spread" in codes(recording)


@pytest.mark.parametrize("n", [3, 4])
def test_times_of_volumes_may_or_may_not_count_the_one_that_is_cut_off(tmp_path, n):
    path = write(tmp_path / "a.h5", truth(shape=(10, 1, 1, Y, X))[:, 0, 0])
    with h5py.File(path, "a") as file:
        file["t"] = np.arange(n) * 3.0
    with opened(path, axes="TYX", planes=3, times="t", dataset="imaging") as recording:
        np.testing.assert_allclose(recording.timeline.time, np.arange(10))


@pytest.mark.parametrize("times", [[1, 1, 2], [3, 2, 1], [0, np.nan, 2]])
def test_times_that_cannot_be_times_are_not_used(tmp_path, times):
    path = with_times(tmp_path / "a.h5", times)
    with opened(path, axes="TZCYX", times="meta/t", dataset="imaging") as recording:
        assert recording.timeline.origins["time"] == Origin.UNKNOWN
        assert "times-unusable" in codes(recording)


@pytest.mark.parametrize(
    ("times", "attrs"),
    [(np.arange(7), {}), (np.zeros((3, 3)), {}), ([b"a"] * 3, {}), ([1, 2, 3], {"units": "px"})],
)
def test_what_holds_no_times_of_this_recording_is_refused(tmp_path, times, attrs):
    path = with_times(tmp_path / "a.h5", times, **attrs)
    with pytest.raises(OptionError, match="meta/t"):
        opened(path, axes="TZCYX", times="meta/t", dataset="imaging")


# --- what is refused --------------------------------------------------------------------------


def move_away(path: Path, outside: Path) -> None:
    """Make all that lies beside the file lie outside its folder, under its old name."""
    outside.mkdir()
    for file in path.parent.iterdir():
        if file != path:
            moved = outside / file.name
            file.rename(moved)
            file.symlink_to(moved)


@pytest.mark.parametrize("way", [external_link, external_storage, virtual])
def test_other_files_are_followed_only_inside_the_folder_or_with_trust(tmp_path, way):
    folder = tmp_path / "recording"
    folder.mkdir()
    path = folder / "a.h5"
    with h5py.File(path, "w") as file:
        way(file)
    move_away(path, tmp_path / "outside")
    for options in ({}, {"dataset": "imaging"}):
        with pytest.raises(UnsafeReferenceError, match="trust"):
            opened(path, axes="TZCYX", **options)
    with opened(path, axes="TZCYX", trust=True) as recording:
        np.testing.assert_array_equal(recording.frames[:], frames_of(truth()))
    for file in (tmp_path / "outside").iterdir():
        file.unlink()
    with pytest.raises(MissingPartError):
        opened(path, axes="TZCYX", trust=True)


def test_an_array_behind_a_link_that_is_not_followed_still_counts_as_one(tmp_path):
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        file["raw"] = h5py.ExternalLink("/elsewhere/raw.h5", "/data")
    with pytest.raises(OptionError, match="several") as caught:
        opened(path, axes="TZCYX")
    assert "raw (/raw refers to a file outside" in str(caught.value)
    with opened(path, axes="TZCYX", dataset="imaging") as recording:
        assert len(recording.frames) == T * Z


def test_links_in_a_circle_end(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["one"] = h5py.SoftLink("/two")
        file["two"] = h5py.SoftLink("/one")
        file["out"] = h5py.ExternalLink("a.h5", "/out")
    with pytest.raises(CorruptRecordingError, match="cycle"):
        opened(path, dataset="one")
    with pytest.raises(WormioError):
        opened(path)


def test_an_array_larger_than_any_file_is_refused_before_memory_is_taken(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        array = file.create_dataset("m", (1 << 40, 1 << 20), "u1", chunks=(1, 1024))
        array[0, :8] = 1
    with pytest.raises(CorruptRecordingError, match="promises"):
        opened(path, axes="YX")


@pytest.mark.parametrize("axes", ["TYX", "YXT"])
def test_more_images_than_a_file_can_hold_are_refused(tmp_path, axes):
    path = tmp_path / "a.h5"
    shape = {"T": 1 << 30, "Y": 2, "X": 2}
    with h5py.File(path, "w") as file:
        # Less than the 4 GiB at which a bomb is seen, but a timeline of a billion rows.
        array = file.create_dataset(
            "m",
            [shape[a] for a in axes],
            "u1",
            chunks=tuple(1 << 16 if a == "T" else 2 for a in axes),
        )
        array[(slice(0, 1),) * 3] = 1
    with pytest.raises(CorruptRecordingError, match="more images than the file can hold"):
        opened(path, axes=axes)


def test_a_filter_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "a.h5"
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk(truth().shape)
    plist.set_filter(32_000, h5py.h5z.FLAG_OPTIONAL)  # LZF, which h5py has
    with h5py.File(path, "w") as file:
        space = h5py.h5s.create_simple(truth().shape)
        made = h5py.h5d.create(file.id, b"m", h5py.h5t.NATIVE_UINT16, space, plist)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, truth())
    number = (32_000).to_bytes(2, "little")
    content = path.read_bytes()
    assert content.count(number) >= 1
    path.write_bytes(content.replace(number, (31_999).to_bytes(2, "little")))
    with pytest.raises(UnsupportedCapabilityError, match="31999"):
        opened(path, axes="TZCYX")


# --- damage -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{}, {"chunks": (1, 2, 1, Y, X), "compression": "gzip"}])
def test_a_file_cut_anywhere_is_refused_by_name(tmp_path, how):
    whole = write(tmp_path / "whole.h5", attrs={"axes": "TZCYX"}, **how).read_bytes()
    path = tmp_path / "cut.h5"
    for part in range(64):
        path.write_bytes(whole[: len(whole) * part // 64])
        for allow in (False, True):
            with pytest.raises(WormioError, match=r"cut\.h5") as caught:
                opened(path, allow_truncated=allow)
            # The array may end before the file does: then h5py's complaint says so.
            if len(whole) * part // 64 > 96:
                assert isinstance(caught.value, TruncatedRecordingError)


@pytest.mark.parametrize("how", [{}, {"chunks": (1, 2, 1, Y, X), "fletcher32": True}])
def test_a_changed_byte_gives_an_error_of_wormio_or_a_recording(tmp_path, how):
    whole = write(tmp_path / "whole.h5", attrs={"axes": "TZCYX", "fr": 2.0}, **how).read_bytes()
    rng = random.Random(5)

    def work(say):
        path = tmp_path / "changed.h5"
        for _ in range(200):
            at, bits = rng.randrange(len(whole)), rng.randrange(1, 256)
            damaged = bytearray(whole)
            damaged[at] ^= bits
            path.write_bytes(damaged)
            say(f"byte {at} XOR {bits}")
            try:
                with opened(path) as recording:
                    assert recording.frames[:].shape == recording.frames.shape
            except (WormioError, OSError):
                continue

    isolated(work)


# --- detection and real files -----------------------------------------------------------------


@pytest.mark.parametrize("user_block_size", [0, 512, 1024, 2048])
def test_hdf5_is_recognised_with_the_weakest_claim(tmp_path, user_block_size):
    path = tmp_path / "recording.dat"
    write(path, file={"userblock_size": user_block_size})
    claim = detect(Probe(path))
    assert claim is not None
    assert claim.confidence == Confidence.NAME
    assert wormio.explain(path).best[0].format == "hdf5"


@pytest.mark.parametrize("name", ["a.nwb", "a.h5"])
def test_nwb_is_left_to_its_plugin(tmp_path, name):
    path = write(tmp_path / name)
    if name == "a.h5":
        with h5py.File(path, "a") as file:
            file.attrs["nwb_version"] = "2.6.0"
    assert detect(Probe(path)) is None


def test_metadata_only_reads_all_but_pixels(tmp_path):
    path = write(tmp_path / "a.h5", attrs={"axes": "TZCYX"})
    with opened(path, metadata_only=True) as recording:
        assert len(recording.timeline) == T * Z
        with pytest.raises(MissingPartError):
            recording.frames[0]


def test_the_real_volume_names_its_axes_itself(real_data):
    path = real_data / "tiff_h5" / "example-volume.h5"
    with wormio.open(path) as recording, h5py.File(path) as file:
        pixels = file["imaging"][()]
        assert pixels.shape == (10, 3, 64, 64, 2)
        assert recording.frames.shape == (30, 2, 64, 64)
        np.testing.assert_array_equal(
            recording.frames[:], frames_of(pixels.transpose(0, 1, 4, 2, 3))
        )
        assert recording.timeline.n_volumes == 10
        # Two channels, one name: it is not used for either.
        assert [channel.name for channel in recording.channels] == ["channel-0", "channel-1"]
        assert recording.voxel_size.y == pytest.approx(0.29258788)
        assert recording.timeline.origins["time"] == Origin.UNKNOWN


@pytest.mark.parametrize("axes", ["YXT", "YXZ", "TYX"])
def test_the_real_array_without_names_needs_axes(real_data, axes):
    path = real_data / "tiff_h5" / "example.h5"
    with pytest.raises(OptionError, match="axes"):
        wormio.open(path)
    with wormio.open(path, axes=axes) as recording, h5py.File(path) as file:
        pixels = file["imaging"][()]
        assert pixels.shape == (128, 256, 20)
        expected = pixels if axes == "TYX" else pixels.transpose(2, 0, 1)
        np.testing.assert_array_equal(recording.frames[:, 0], expected)


def test_every_other_real_hdf5_file_is_refused_or_read_as_h5py_reads_it(real_data):
    paths = [*real_data.rglob("*.h5"), *real_data.rglob("*.nwb")]
    assert len(paths) >= 13
    read = 0
    for path in paths:
        names = contents(path, Hdf5Options())
        for name in names or [None]:
            try:
                with opened(path, dataset=name, axes="YX") as recording, h5py.File(path) as file:
                    expected = file[recording.metadata["dataset"]][()]
                    np.testing.assert_array_equal(recording.frames[0, 0], np.squeeze(expected))
                    read += 1
            except FormatError:
                continue
    assert read >= 1


def test_planes_that_were_never_written_at_the_end_are_no_frames(tmp_path):
    path = tmp_path / "stopped.h5"
    with h5py.File(path, "w") as file:
        array = file.create_dataset("a", shape=(5, 8, 9), dtype="u2", chunks=(1, 8, 9))
        array[:3] = np.arange(3 * 72).reshape(3, 8, 9)
    with wormio.open(path, axes="TYX", planes=1) as recording:
        assert recording.frames.shape == (3, 1, 8, 9)
        assert len(recording.timeline) == 3
        assert int(recording.frames[2, 0, 7, 8]) == 215
        assert "images-missing" in {finding.code for finding in recording.findings}
