"""ZephIR's annotations. Oracles: points written by hand, and the real tracking of 23 neurons."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from wormio.errors import CorruptRecordingError, FormatError, OptionError, RecordingError
from wormio.formats.positions_zephir import read
from wormio.registry import read_positions

SHAPE = (4, 10, 20)


def write(path: Path, rows: list[tuple[Any, ...]], **replaced: Any) -> Path:
    """Write rows of (t, neuron, z, y, x[, provenance]); None drops a column."""
    columns = {
        "id": np.arange(len(rows), dtype="u4"),
        "t_idx": np.array([row[0] for row in rows], "u4"),
        "worldline_id": np.array([row[1] for row in rows], "u4"),
        "provenance": np.array([row[5] if len(row) > 5 else b"ZEIR" for row in rows], "S4"),
    }
    for axis, name in enumerate("zyx", start=2):
        columns[name] = np.array([row[axis] for row in rows], "f4")
    with h5py.File(path, "w") as file:
        for name, values in (columns | replaced).items():
            if values is not None:
                file[name] = values
    return path


def test_the_centre_of_a_pixel_is_a_half_more_than_its_index_in_fractions_of_the_image(tmp_path):
    """ZephIR: (index + 0.5) / size, so that neither 0 nor 1 is a centre."""
    pixels = [(0, 0, 0), (3, 9, 19), (2, 4, 7)]
    rows = [
        (t, 5, *((i + 0.5) / n for i, n in zip(zyx, SHAPE, strict=True)))
        for t, zyx in enumerate(pixels)
    ]
    positions = read(write(tmp_path / "annotations.h5", rows), shape=SHAPE)
    np.testing.assert_allclose(positions.coords[:, 0], pixels, atol=1e-5)
    assert positions.z_unit == "frame"
    # The edges of the image are half a pixel out from the outermost centres.
    edges = write(tmp_path / "annotations-2.h5", [(0, 1, 0.0, 0.0, 0.0), (0, 2, 1.0, 1.0, 1.0)])
    coords = read(edges, shape=SHAPE).coords[0]
    np.testing.assert_allclose(coords, [[-0.5, -0.5, -0.5], [3.5, 9.5, 19.5]])


def test_neurons_without_a_row_were_not_found(tmp_path):
    rows = [(0, 7, 0.5, 0.5, 0.5), (2, 7, 0.5, 0.5, 0.25), (2, 3, 0.5, np.nan, 0.5)]
    positions = read(write(tmp_path / "annotations.h5", rows), shape="4, 10, 20")
    assert positions.labels == ("3", "7")
    assert positions.coords.shape == (3, 2, 3)
    found = np.isfinite(positions.coords).all(axis=2)
    assert found.tolist() == [[False, True], [False, False], [False, True]]
    assert positions.coords[2, 1].tolist() == [1.5, 4.5, 4.5]


def test_the_shape_is_that_of_the_metadata_beside_the_file(tmp_path):
    path = write(tmp_path / "annotations.h5", [(1, 0, 0.5, 0.5, 0.5)])
    with pytest.raises(OptionError, match=r"shape=\(Z, Y, X\)"):
        read_positions(path)
    shape = {"shape_t": 6, "shape_c": 2, "shape_z": 4, "shape_y": 10, "shape_x": 20}
    (tmp_path / "metadata.json").write_text(json.dumps(shape))
    positions = read_positions(path)
    assert positions.coords.shape == (6, 1, 3)
    assert positions.coords[1, 0].tolist() == [1.5, 4.5, 9.5]
    assert read_positions(path, shape=(2, 2, 2)).coords[1, 0].tolist() == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("shape", ["4,10", (4, 10), (4, 10, 0), "a,b,c", 7, (4, 10.5, 20), ""])
def test_a_shape_that_is_none_is_refused(tmp_path, shape):
    path = write(tmp_path / "annotations.h5", [(0, 0, 0.5, 0.5, 0.5)])
    with pytest.raises(OptionError, match="shape"):
        read(path, shape=shape)


def test_a_neuron_is_once_in_a_volume_unless_one_origin_is_chosen(tmp_path):
    rows = [
        (0, 0, 0.5, 0.5, 0.5, b"ZEIR"),
        (0, 0, 0.5, 0.5, 0.1, b"ANTT"),
        (1, 0, 0.5, 0.5, 0.5, b"ZEIR"),
    ]
    path = write(tmp_path / "annotations.h5", rows)
    with pytest.raises(CorruptRecordingError, match="second position, the first at t_idx 0"):
        read(path, shape=SHAPE)
    by_hand = read(path, shape=SHAPE, provenance="ANTT")
    assert by_hand.coords[:, 0, 2].tolist() == pytest.approx([1.5])
    assert len(read(path, shape=SHAPE, provenance="ZEIR").coords) == 2
    with pytest.raises(OptionError, match="NONE"):
        read(path, shape=SHAPE, provenance="NONE")


def test_columns_of_matlab_have_a_second_dimension(tmp_path):
    rows = [(0, 1, 0.5, 0.5, 0.5), (1, 1, 0.5, 0.5, 0.5)]
    plain = write(tmp_path / "annotations.h5", rows)
    with h5py.File(plain) as file:
        turned = {name: file[name][()][:, np.newaxis] for name in file}
    path = write(tmp_path / "annotations-matlab.h5", rows, **turned)
    assert read(path, shape=SHAPE) == read(plain, shape=SHAPE)


ROWS = [(0, 0, 0.5, 0.5, 0.5), (1, 0, 0.5, 0.5, 0.5)]


@pytest.mark.parametrize(
    ("replaced", "error"),
    [
        ({"t_idx": None}, FormatError),
        ({"x": None, "y": None}, FormatError),
        ({"x": np.array([0.5], "f4")}, CorruptRecordingError),
        ({"x": np.array([b"a", b"b"])}, CorruptRecordingError),
        ({"x": np.array([0.5, np.inf])}, CorruptRecordingError),
        ({"x": np.array([0.5, 137.0])}, CorruptRecordingError),  # pixels
        ({"t_idx": np.array([0, -1])}, CorruptRecordingError),
        ({"t_idx": np.array([0.0, 1.0])}, CorruptRecordingError),
        ({"t_idx": np.array([0, 2**32 - 1], "u4")}, CorruptRecordingError),
        ({"t_idx": np.array([0, 2**64 - 1], "u8")}, CorruptRecordingError),
        ({"x": np.zeros((2, 2))}, CorruptRecordingError),
    ],
)
def test_columns_that_cannot_be_annotations_are_refused(tmp_path, replaced, error):
    path = write(tmp_path / "annotations.h5", ROWS, **replaced)
    with pytest.raises(error, match=r"annotations\.h5"):
        read(path, shape=SHAPE)


def test_an_empty_table_a_link_out_and_a_cut_file_are_refused(tmp_path):
    with pytest.raises(CorruptRecordingError):
        read(write(tmp_path / "annotations.h5", []), shape=SHAPE)
    path = write(tmp_path / "annotations-2.h5", ROWS, x=h5py.ExternalLink("/etc/x.h5", "x"))
    with pytest.raises(RecordingError, match="outside"):
        read(path, shape=SHAPE)
    whole = write(tmp_path / "annotations-3.h5", ROWS).read_bytes()
    for part in range(64):
        path.write_bytes(whole[: len(whole) * part // 64])
        with pytest.raises(RecordingError):
            read(path, shape=SHAPE)


def test_the_real_tracking_is_of_23_neurons_in_512_volumes(real_data):
    path = real_data / "worm_positions" / "zephir" / "annotations-g.h5"
    positions = read_positions(path)
    assert positions.coords.shape == (512, 23, 3)
    assert np.isfinite(positions.coords).all()  # 11,776 rows
    assert positions.inside(200, 512).all()
    z, y, x = positions.coords[..., 0], positions.coords[..., 1], positions.coords[..., 2]
    assert (z > -0.5).all()
    assert (z < 22.5).all()
    with h5py.File(path) as file:
        row = 4321
        t, neuron = int(file["t_idx"][row]), int(file["worldline_id"][row])
        for values, name, n in ((z, "z", 23), (y, "y", 200), (x, "x", 512)):
            # Half a pixel before the fraction of the image.
            assert values[t, neuron] + 0.5 == pytest.approx(float(file[name][row]) * n)
    # The tracker interpolates linearly between planes, so its optima gather at their centres: at
    # whole numbers if the convention is right, halfway between planes if it is not.
    near_plane = np.abs(z - np.round(z)) < 0.1
    near_middle = np.abs(z - np.floor(z) - 0.5) < 0.1
    assert near_plane.mean() > 1.4 * near_middle.mean()
    assert len(read_positions(path, provenance="ANTT").coords) == 512  # shape_t beside the file
