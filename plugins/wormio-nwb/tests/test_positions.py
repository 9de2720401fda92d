"""Centres of the masks of segmentation tables."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wormio.errors import CorruptRecordingError, FormatError, OptionError
from wormio.registry import read_positions

from wormio_nwb.writer import MICROSCOPY, VOLUMES, cache_schema, column, session, typed

_VOXEL = [("x", "u4"), ("y", "u4"), ("z", "u4"), ("weight", "f4")]
_voxels = st.lists(st.tuples(*[st.integers(0, 500)] * 3, st.integers(0, 9)), min_size=0, max_size=5)


@settings(max_examples=40)
@given(rois=st.lists(_voxels, min_size=1, max_size=5))
def test_the_centre_is_the_weighted_mean(tmp_path_factory, rois) -> None:
    path = tmp_path_factory.mktemp("nwb") / "a.nwb"
    with session(path) as file:
        table = typed(file, "processing/s/neurons", "PlaneSegmentation")
        flat = np.array([voxel for roi in rois for voxel in roi], _VOXEL)
        column(table, "voxel_mask", flat, np.cumsum([len(roi) for roi in rois]))
    found = read_positions(path)
    assert found.z_unit == "frame" and not found.is_tracked
    for roi, place in zip(rois, found.coords, strict=True):
        if not roi:
            assert np.isnan(place).all()
            continue
        x, y, z, weight = np.array(roi, float).T
        weights = weight if weight.any() else None
        wanted = [np.average(one, weights=weights) for one in (z, y, x)]
        assert place.tolist() == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("kind", "mask_axes", "order"),
    [
        ("PlaneSegmentation", None, "XYZ"),
        ("PlaneSegmentation", "ZYX", "ZYX"),
        ("VolumetricSegmentation", "YXZ", "YXZ"),
    ],
)
def test_image_masks_in_the_order_of_the_schema_or_of_the_user(
    tmp_path: Path, kind, mask_axes, order
) -> None:
    path = tmp_path / "a.nwb"
    place = {"X": 3, "Y": 1, "Z": 2}
    shape = {"X": 6, "Y": 4, "Z": 5}
    image = np.zeros([shape[letter] for letter in order])
    image[tuple(place[letter] for letter in order)] = 1
    with session(path) as file:
        table = typed(file, "processing/s/neurons", kind, MICROSCOPY)
        column(table, "image_mask", image[np.newaxis])
    options = {} if mask_axes is None else {"mask_axes": mask_axes}
    assert read_positions(path, **options).coords.tolist() == [[2, 1, 3]]


def test_the_order_of_an_extensions_masks_is_read_or_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    image = np.zeros((1, 4, 6))
    image[0, 1, 3] = 1
    with session(path) as file:
        table = typed(file, "processing/s/neurons", "PlanarSegmentation", MICROSCOPY)
        column(table, "image_mask", image)
    with pytest.raises(OptionError, match="mask_axes"):
        read_positions(path)
    with pytest.raises(OptionError, match="2 letters"):
        read_positions(path, mask_axes="XYZ")
    import h5py

    with h5py.File(path, "r+") as file:
        told = {"name": "image_mask", "dims": [["num_roi", "num_y", "num_x"]]}
        kind = {"neurodata_type_def": "PlanarSegmentation", "datasets": [told]}
        cache_schema(file, MICROSCOPY, "0.4", kind)
    assert read_positions(path).coords.tolist() == [[0, 1, 3]]


def _one_voxel_each(table, places) -> None:
    flat = np.array([(x, y, z, 1) for z, y, x in places], _VOXEL)
    column(table, "voxel_mask", flat, np.arange(len(flat)) + 1)


def test_labels_ragged_letter_by_letter_or_not(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    with session(path) as file:
        table = typed(file, "processing/s/neurons", "VolumeSegmentation", VOLUMES)
        _one_voxel_each(table, [(0, 1, 2)] * 4)
        column(table, "ID_labels", list("AVALAVALRIS"), [4, 8, 8, 11])
        column(table, "kind", ["inter", "inter", "", "motor"])
        column(table, "id", [7, 8, 9, 10])
    # AVAL stands there twice; one has no name.
    assert read_positions(path).labels == ("AVAL", "AVAL-2", "2", "RIS")
    assert read_positions(path, labels="kind").labels == ("inter", "inter-2", "2", "motor")
    assert read_positions(path, labels="id").labels == ("7", "8", "9", "10")
    with pytest.raises(OptionError, match="no column 'name'"):
        read_positions(path, labels="name")


def test_labels_that_are_a_group_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    with session(path) as file:
        table = typed(file, "processing/s/neurons", "PlaneSegmentation")
        _one_voxel_each(table, [(0, 1, 2), (3, 4, 5)])
        column(table, "id", [0, 1])
        typed(file, "processing/s/NeuronIDs", "SegmentationLabels", VOLUMES)["labels"] = ["a", "b"]
    found = read_positions(path)
    assert found.labels == ("a", "b")
    assert found.coords.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_one_of_several_tables_or_all_volumes_of_a_group(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    where = "processing/CalciumActivity/CalciumSeriesSegmentation"
    with session(path) as file:
        for volume in range(11):
            table = typed(file, f"{where}/Seg_tpoint_{volume}", "PlaneSegmentation")
            names = ["a", "b"] if volume != 10 else ["b", "c"]
            _one_voxel_each(table, [(0, 0, volume), (1, 1, 20 + volume)])
            column(table, "ID_labels", names)
    with pytest.raises(OptionError, match="option table is missing"):
        read_positions(path)
    one = read_positions(path, table=f"{where}/Seg_tpoint_9")
    assert one.coords[:, 2].tolist() == [9, 29]
    found = read_positions(path, table=where)
    assert found.labels == ("a", "b", "c")
    assert found.coords.shape == (11, 3, 3)
    assert found.coords[9, :2, 2].tolist() == [9, 29]  # by number, not by name: 10 is last
    assert found.coords[10, 1, 2] == 10 and np.isnan(found.coords[10, 0]).all()


def test_errors_name_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    with session(path) as file:
        pass
    with pytest.raises(FormatError, match="no segmentation"):
        read_positions(path)
    with pytest.raises(OptionError, match="no such kind of mask"):
        read_positions(path, mask="mask")
    with session(path) as file:
        table = typed(file, "processing/s/neurons", "PlaneSegmentation")
        column(table, "voxel_mask", np.zeros(3, _VOXEL), [2, 1, 9])
    with pytest.raises(CorruptRecordingError, match="no index"):
        read_positions(path)
    with pytest.raises(OptionError, match="has no image_mask"):
        read_positions(path, mask="image_mask")
