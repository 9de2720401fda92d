"""MATLAB files. Oracles: scipy and h5py, which write them, and files assembled byte by byte."""

import struct
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wormio
from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    OptionError,
    RecordingClosedError,
    TruncatedRecordingError,
    UnsupportedCapabilityError,
    WormioError,
)
from wormio.formats.mat.opening import read_mat
from wormio.formats.mat.tree import MatArray, find, numbers
from wormio.model import FileLayout, Origin
from wormio.testing import check_adapter
from wormio.testing.subjects.matlab import compressed


def movie(shape=(4, 5, 3, 6), dtype="uint16"):
    """Return an array whose every value tells its index."""
    return np.arange(np.prod(shape)).reshape(shape, order="F").astype(dtype)


def save_73(path: Path, variables: dict, **dataset: object) -> Path:
    """Write a version 7.3 file: dimensions reversed, classes as attributes."""

    def put(group, values):
        for name, value in values.items():
            if isinstance(value, dict):
                put(group.create_group(name), value)
                group[name].attrs["MATLAB_class"] = np.bytes_("struct")
            else:
                array = np.atleast_2d(value)
                made = group.create_dataset(name, data=array.T, **dataset)
                names = {"float64": "double", "float32": "single"}
                kind = names.get(array.dtype.name, array.dtype.name)
                made.attrs["MATLAB_class"] = np.bytes_(kind)

    with h5py.File(path, "w", userblock_size=512) as file:
        put(file, variables)
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return path


def save(path: Path, how: str, variables: dict) -> Path:
    if how == "7.3":
        return save_73(path, variables)
    if how == "7.3 chunked":
        return save_73(path, variables, chunks=True, compression="gzip")
    scipy.io.savemat(path, variables, do_compression=how == "7")
    return path


HOW = ("5", "7", "7.3", "7.3 chunked")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("axes", ["YXZT", "XYTZ", "ZTYX", "TYZX", "CXTY"])
def test_letters_follow_the_order_that_matlab_shows(tmp_path, how, axes):
    data = movie()
    with wormio.open(save(tmp_path / "a.mat", how, {"data": data}), axes=axes) as recording:
        order = [axes.index(letter) for letter in "TZCYX" if letter in axes]
        truth = data.transpose(order)
        for place, letter in enumerate("TZCYX"):
            if letter not in axes:
                truth = np.expand_dims(truth, place)
        truth = truth.reshape(-1, *truth.shape[2:])
        assert recording.frames.dtype == np.uint16
        np.testing.assert_array_equal(recording.frames[:], truth)
        np.testing.assert_array_equal(recording.frames[1:, 0, ::2, 1], truth[1:, 0, ::2, 1])


@pytest.mark.parametrize("how", ["5", "7.3"])
def test_values_that_lie_plainly_are_read_in_place(tmp_path, how):
    data = movie()
    path = save(tmp_path / "a.mat", how, {"before": np.ones((3, 3)), "data": data})
    with wormio.open(path, axes="YXZT") as recording:
        layout = recording.frames.layout
        assert isinstance(layout, FileLayout)
        assert (layout.row_stride, layout.pixel_stride) == (2, 8)  # rows are MATLAB's fastest
        raw = path.read_bytes()
        at = int(layout.offset[4, 0]) + 3 * layout.row_stride + 2 * layout.pixel_stride
        assert np.frombuffer(raw[at : at + 2], "<u2")[0] == data[3, 2, 1, 1]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64", "float32", "bool"])
def test_each_class_keeps_its_values(tmp_path, dtype):
    data = movie((3, 2, 4)).astype(dtype)
    path = save(tmp_path / "a.mat", "5", {"data": data})
    with wormio.open(path, axes="YXT") as recording:
        np.testing.assert_array_equal(recording.frames[:, 0], data.transpose(2, 0, 1))
        assert recording.metadata["class"] == {"bool": "logical", "float32": "single"}.get(
            dtype, dtype
        )


def element(kind, data, order="<"):
    return struct.pack(order + "II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(name, shape, kind, data, order="<", number=6):
    return element(
        14,
        element(6, struct.pack(order + "II", number, 0), order)
        + element(5, struct.pack(f"{order}{len(shape)}i", *shape), order)
        + element(1, name, order)
        + element(kind, data, order),
        order,
    )


def header(order="<"):
    return b"MATLAB 5.0 MAT-file, by hand".ljust(124) + (
        b"\x00\x01IM" if order == "<" else b"\x01\x00MI"
    )


@pytest.mark.parametrize("order", ["<", ">"])
def test_doubles_that_matlab_stored_as_small_integers_are_doubles_again(tmp_path, order):
    values = (np.arange(24) - 5).astype(order + "i2")  # arithmetic would make it native
    path = tmp_path / "a.mat"
    path.write_bytes(header(order) + matrix(b"movie", (2, 3, 4), 3, values.tobytes(), order))
    with wormio.open(path, axes="YXT") as recording:
        assert recording.frames.dtype == np.float64
        truth = values.reshape((2, 3, 4), order="F").transpose(2, 0, 1)
        np.testing.assert_array_equal(recording.frames[:, 0], truth)


def test_big_endian_pixels_are_read_in_place(tmp_path):
    values = np.arange(24, dtype=">u2")
    path = tmp_path / "a.mat"
    movie_bytes = matrix(b"movie", (2, 3, 4), 4, values.tobytes(), ">", number=11)
    path.write_bytes(header(">") + movie_bytes)
    with wormio.open(path, axes="YXT") as recording:
        assert recording.frames.layout.dtype == np.dtype(">u2")
        assert recording.frames[3, 0, 1, 2] == 23


def test_a_dimension_of_length_1_at_the_end_may_be_named(tmp_path):
    path = save(tmp_path / "a.mat", "5", {"data": movie((4, 5, 3))})
    with wormio.open(path, axes="YXZT") as recording:
        assert recording.timeline.volumes.tolist() == [[0, 3]]
    with pytest.raises(OptionError, match="3 dimensions"):
        wormio.open(path, axes="YX")


def test_axes_are_never_guessed(tmp_path):
    path = save(tmp_path / "a.mat", "5", {"data": movie()})
    with pytest.raises(OptionError, match=r"(?s)size\(data\) = \[4, 5, 3, 6\].*axes='YXZT'"):
        wormio.open(path)


@pytest.mark.parametrize("how", HOW)
def test_one_of_several_arrays_is_chosen_by_its_path(tmp_path, how):
    inside = {"movie": movie((3, 4, 5)), "rate": 4.0}
    path = save(tmp_path / "a.mat", how, {"worm_data": inside, "data": movie(), "flat": np.eye(3)})
    assert sorted(wormio.contents(path)) == ["data", "worm_data.movie"]
    with pytest.raises(OptionError, match=r"(?s)several arrays.*worm_data\.movie"):
        wormio.open(path, axes="YXT")
    for option in ("variable", "item"):
        with wormio.open(path, axes="YXT", **{option: "worm_data.movie"}) as recording:
            truth = movie((3, 4, 5)).transpose(2, 0, 1)
            np.testing.assert_array_equal(recording.frames[:, 0], truth)
            assert recording.metadata["variables"]["worm_data"]["rate"] == 4.0
    with wormio.open(path, axes="YX", variable="flat") as recording:
        np.testing.assert_array_equal(recording.frames[0, 0], np.eye(3))
    with pytest.raises(OptionError, match="'nothing'"):
        wormio.open(path, axes="YXT", variable="nothing")
    with pytest.raises(OptionError, match="two arrays"):
        wormio.open(path, axes="YXT", variable="data", item="flat")


def test_planes_rate_and_sizes_come_from_options(tmp_path):
    path = save(tmp_path / "a.mat", "5", {"data": movie((4, 5, 7))})
    options = {"axes": "YXT", "planes": 3, "volume_rate": 2, "um_per_plane": 1.5}
    with wormio.open(path, um_per_pixel=0.3, **options) as recording:
        timeline = recording.timeline
        assert timeline.volumes.tolist() == [[0, 3], [3, 6]]
        assert timeline.time[3] == pytest.approx(0.5)
        assert timeline.z[:4].tolist() == [0, 1.5, 3, 0]
        assert timeline.origins["time"] == timeline.origins["z"] == Origin.USER
        assert (recording.voxel_size.z, recording.voxel_size.y) == (1.5, 0.3)
    with wormio.open(path, axes="YXT") as recording:
        assert recording.timeline.origins["time"] == Origin.UNKNOWN


@pytest.mark.parametrize("how", HOW)
def test_a_neuropal_file_tells_its_voxels_and_colours(tmp_path, how):
    variables = {
        "data": movie((4, 5, 3, 5)),
        "info": {"scale": np.array([0.21, 0.21, 1.5]), "file": np.ones(1)},
        "prefs": {"RGBW": np.array([4.0, 2.0, 1.0, np.nan])},
    }
    path = save(tmp_path / "head.mat", how, variables)
    with wormio.open(path, axes="YXZC") as recording:
        size = recording.voxel_size
        assert (size.z, size.y, size.x) == (1.5, 0.21, 0.21)
        assert recording.timeline.z.tolist() == [0, 1.5, 3]
        assert recording.timeline.origins["z"] == Origin.NOMINAL
        names = [channel.name for channel in recording.channels]
        assert names == ["blue", "green", "channel-2", "red", "channel-4"]
        assert recording.metadata["variables"]["prefs"]["RGBW"] == [4.0, 2.0, 1.0, None]
    with wormio.open(path, axes="ZYXC") as recording:  # not what the file's scale is about
        assert recording.voxel_size.y is None


def test_two_pixel_sizes_are_not_guessed_apart(tmp_path):
    variables = {"data": movie(), "worm_data": {"info": {"scale": np.array([0.2, 0.3, 1.5])}}}
    path = save(tmp_path / "gcamp.mat", "5", variables)
    with wormio.open(path, axes="YXZT") as recording:
        assert (recording.voxel_size.z, recording.voxel_size.x) == (1.5, None)
        assert "scale-ambiguous" in [finding.code for finding in recording.findings]


def test_cells_objects_and_text_are_listed_but_not_read(tmp_path):
    cells = np.empty((1, 2), object)
    cells[0, 0], cells[0, 1] = "a", np.ones((2, 2, 2))
    records = np.zeros((1, 3), dtype=[("x", "O")])
    sparse = scipy.sparse.eye_array(3).tocsc()
    variables = {"cells": cells, "records": records, "sparse": sparse, "name": "worm 1"}
    path = save(tmp_path / "a.mat", "7", variables | {"complex": movie((2, 2, 2)) * 1j})
    with pytest.raises(OptionError, match=r"cells \(1x2 cell\), records \(1x3 struct\)") as caught:
        wormio.open(path, axes="YXT")
    assert "complex double" in str(caught.value)
    assert "no array of three or more dimensions" in str(caught.value)


def test_the_real_alignments_are_no_recording_but_can_be_read(real_data):
    path = real_data / "leifer" / "brainscanner20231024" / "alignments.mat"
    with pytest.raises(OptionError, match=r"alignments\.background \(1024x512 double\)") as caught:
        wormio.open(path)
    assert "open its folder" in str(caught.value)
    mat = read_mat(path)
    truth = scipy.io.loadmat(path)["alignments"][0, 0]
    for name in ("Aall", "Sall", "rect2"):
        expected = truth["S2AHiRes"][0, 0][name]
        np.testing.assert_array_equal(numbers(mat, f"alignments.S2AHiRes.{name}"), expected)
    background = find(mat.variables, "alignments.background")
    assert isinstance(background, MatArray)
    np.testing.assert_array_equal(mat.read(background), truth["background"])
    with wormio.open(path, variable="alignments.background", axes="YX") as recording:
        np.testing.assert_array_equal(recording.frames[0, 0], truth["background"])


@pytest.mark.parametrize("how", HOW)
def test_a_file_cut_anywhere_is_an_error_or_the_right_values(tmp_path, how):
    data = movie((6, 7, 3, 8))
    path = save(tmp_path / "a.mat", how, {"data": data, "after": np.ones((4, 4))})
    whole = path.read_bytes()
    truth = data.transpose(3, 2, 0, 1).reshape(-1, 1, 6, 7)
    for size in range(0, len(whole), max(len(whole) // 64, 1)):
        path.write_bytes(whole[:size])
        for allowed in (False, True):
            try:
                with wormio.open(path, "matlab", axes="YXZT", allow_truncated=allowed) as recording:
                    found = recording.frames[:]
                    assert allowed or len(found) == len(truth)
                    assert len(recording.timeline) == len(found)
                    assert len(found) % 3 == 0
                    np.testing.assert_array_equal(found, truth[: len(found)])
            except WormioError as error:
                assert "a.mat" in str(error)  # noqa: PT017 (either is right)


def test_complete_volumes_of_a_cut_array_are_given_when_asked(tmp_path):
    data = movie((6, 7, 3, 8))
    path = save(tmp_path / "a.mat", "5", {"data": data})
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) - 2 * 6 * 7 * 3 * 2 - 10])  # cuts into the third volume of last
    with pytest.raises(TruncatedRecordingError, match=r"a\.mat"):
        wormio.open(path, axes="YXZT")
    with wormio.open(path, axes="YXZT", allow_truncated=True) as recording:
        assert recording.timeline.n_volumes == 5
        np.testing.assert_array_equal(
            recording.frames[:, 0], data.transpose(3, 2, 0, 1)[:5].reshape(-1, 6, 7)
        )
        assert "truncated" in [finding.code for finding in recording.findings]


def test_chunks_that_were_never_written_are_no_zeros(tmp_path):
    path = tmp_path / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        movie_ = file.create_dataset("data", (6, 3, 4), "u2", chunks=(1, 3, 4))
        movie_[:4] = 7
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    with pytest.raises(TruncatedRecordingError, match="4 complete ones"):
        wormio.open(path, axes="YXT")
    with wormio.open(path, axes="YXT", allow_truncated=True) as recording:
        assert recording.frames.shape == (4, 1, 4, 3)


@pytest.mark.parametrize("how", ["5", "7"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_byte_is_an_error_of_wormio_or_harmless(tmp_path, how, data):
    variables = {"s": {"a": np.ones(3), "b": {"c": "text"}}, "data": movie((3, 4, 2))}
    path = save(tmp_path / "a.mat", how, variables)
    raw = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    try:
        with wormio.open(path, "matlab", axes="YXT") as recording:
            assert recording.frames[:].size == 24
    except WormioError as error:
        assert str(error)  # noqa: PT017 (either is right)


def test_declared_sizes_are_checked_before_anything_is_allocated(tmp_path):
    path = tmp_path / "a.mat"
    huge = matrix(b"movie", (2**30, 2**30, 2**30), 2, bytes(64), number=9)
    path.write_bytes(header() + huge)
    with pytest.raises(CorruptRecordingError, match="another size than its shape"):
        wormio.open(path, axes="YXT")
    inner = zlib.compress(struct.pack("<II", 14, 2**31) + bytes(64))
    path.write_bytes(header() + struct.pack("<II", 15, len(inner)) + inner)
    with pytest.raises(CorruptRecordingError, match="promises more"):
        wormio.open(path, axes="YXT")


def test_structures_within_structures_end_somewhere(tmp_path):
    def nested(depth):
        flags = element(6, struct.pack("<II", 2, 0)) + element(5, struct.pack("<ii", 1, 1))
        field = nested(depth - 1) if depth else element(14, b"")
        body = (
            flags
            + element(1, b"s")
            + struct.pack("<HHi", 5, 4, 8)
            + element(1, b"f".ljust(8, b"\0"))
        )
        return element(14, body + field)

    path = tmp_path / "a.mat"
    path.write_bytes(header() + nested(200))
    with pytest.raises(CorruptRecordingError, match="too deep"):
        wormio.open(path, axes="YXT")


def test_a_large_compressed_array_is_refused_with_advice(tmp_path):
    path = save(tmp_path / "a.mat", "7", {"data": np.zeros((64, 64, 64), "u2")})
    with pytest.raises(UnsupportedCapabilityError, match=r"-v7\.3"):
        wormio.open(path, axes="YXT", decode_mib=0.25)
    with wormio.open(path, axes="YXT", decode_mib="0.5") as recording:
        frames = recording.frames
        assert not frames[5].any()
    with pytest.raises(RecordingClosedError):
        _ = frames[0]


def test_version_4_and_other_files_called_mat_are_refused_clearly(tmp_path):
    path = tmp_path / "old.mat"
    scipy.io.savemat(path, {"data": np.ones((40, 40))}, format="4")
    with pytest.raises(UnsupportedCapabilityError, match="version 5 to 7"):
        wormio.open(path)
    with pytest.raises(MissingPartError):
        read_mat(tmp_path / "absent.mat")


def test_metadata_only_reads_no_pixels(tmp_path):
    path = save(tmp_path / "a.mat", "5", {"data": movie()})
    with wormio.open(path, axes="YXZT", metadata_only=True) as recording:
        assert recording.timeline.n_volumes == 6
        with pytest.raises(MissingPartError, match="metadata_only"):
            _ = recording.frames[0]


@pytest.mark.slow
def test_compressed_files_keep_the_contract_but_for_what_zlib_cannot():
    report = check_adapter(compressed)
    assert report.ok, str(report)
