"""``alignments.mat``: control points by name, MATLAB's x y from 1 as y x from 0."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import loadmat, savemat

from wormio.errors import CorruptRecordingError, MappingError, MissingPartError, WormioError
from wormio.mapping import read_alignments

RED = np.array([[10.0, 20], [400, 30], [50, 500], [333, 222]])
GREEN = RED + np.array([3.0, -4.0])


def make(path, order=("lowResFluor2BF", "S2AHiRes", "Hi2LowResF"), **extra):
    pairs = {"Sall": RED, "Aall": GREEN}
    structs = {
        "S2AHiRes": pairs | {"rect1": [1, 1, 512, 512], "rect2": [1, 513, 512, 512]},
        "lowResFluor2BF": pairs,
        "Hi2LowResF": pairs,
    }
    savemat(path, {"alignments": {name: structs[name] for name in order} | extra})
    return path


@pytest.mark.parametrize("order", [("lowResFluor2BF", "S2AHiRes"), ("S2AHiRes", "lowResFluor2BF")])
def test_points_go_by_name_whatever_their_order(tmp_path, order):
    points = read_alignments(make(tmp_path / "a.mat", order), layout="split")["S2AHiRes"]
    # x = 10, y = 20 from 1 is row 19, column 9 from 0.
    assert points.source[0].tolist() == [19, 9]
    assert points.target[0].tolist() == [15, 12]
    assert points.crops.tolist() == [[0, 0, 512, 512], [512, 0, 512, 512]]


def test_in_the_old_layout_matlabs_x_is_our_y(tmp_path):
    found = read_alignments(make(tmp_path / "a.mat"), layout="interleaved")
    assert found["S2AHiRes"].source[0].tolist() == [9, 19]
    assert found["S2AHiRes"].crops.tolist() == [[0, 0, 512, 512], [0, 512, 512, 512]]
    # The low-resolution camera's own images are not in that file.
    assert found["Hi2LowResF"].source[0].tolist() == [9, 19]
    assert found["Hi2LowResF"].target[0].tolist() == [15, 12]


def test_from_fluorescence_to_behaviour_is_from_a_to_s(tmp_path):
    found = read_alignments(make(tmp_path / "a.mat"), layout="split")["lowResFluor2BF"]
    assert found.source[0].tolist() == [15, 12]
    assert found.target[0].tolist() == [19, 9]


@pytest.mark.parametrize("none", [0, None])
def test_a_background_may_be_missing(tmp_path, none):
    extra = {} if none is None else {"background": none}
    assert read_alignments(make(tmp_path / "a.mat", **extra), layout="split").background is None


def test_the_real_file_is_what_scipy_reads(real_data):
    path = real_data / "leifer" / "brainscanner20231024" / "alignments.mat"
    found = read_alignments(path, layout="split")
    scipys = loadmat(path, squeeze_me=True, struct_as_record=False)["alignments"]
    assert set(found.points) == {"lowResFluor2BF", "S2AHiRes", "Hi2LowResF"}
    np.testing.assert_array_equal(found["S2AHiRes"].source, scipys.S2AHiRes.Sall[:, ::-1] - 1)
    np.testing.assert_array_equal(found["S2AHiRes"].target, scipys.S2AHiRes.Aall[:, ::-1] - 1)
    np.testing.assert_array_equal(found.background, scipys.background)
    assert found.background.shape == (1024, 512)
    # The low-resolution fluorescence points are the same in both of its maps.
    np.testing.assert_array_equal(found["Hi2LowResF"].target, found["lowResFluor2BF"].source)


def test_what_is_no_alignments_is_refused(tmp_path):
    with pytest.raises(MissingPartError):
        read_alignments(tmp_path / "none.mat", layout="split")
    with pytest.raises(MappingError, match="layout"):
        read_alignments(make(tmp_path / "a.mat"), layout="upside down")
    savemat(tmp_path / "b.mat", {"other": 1})
    with pytest.raises(CorruptRecordingError, match="no control points"):
        read_alignments(tmp_path / "b.mat", layout="split")
    savemat(tmp_path / "c.mat", {"alignments": {"S2AHiRes": {"Sall": RED, "Aall": GREEN[:3]}}})
    with pytest.raises(CorruptRecordingError, match="no pairs"):
        read_alignments(tmp_path / "c.mat", layout="split")
    found = read_alignments(make(tmp_path / "a.mat"), layout="split")
    with pytest.raises(MappingError, match="S2AHiRes"):
        found["S2AHighRes"]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300, 1.5])
def test_a_crop_that_is_no_rectangle_is_refused(tmp_path, value):
    struct = {"Sall": RED, "Aall": GREEN, "rect1": [1, 1, 512, 512], "rect2": [1, value, 512, 512]}
    savemat(tmp_path / "a.mat", {"alignments": {"S2AHiRes": struct}})
    with pytest.raises(CorruptRecordingError, match="no rectangles"):
        read_alignments(tmp_path / "a.mat", layout="split")


def test_points_lie_in_rows_and_other_structs_do_not_matter(tmp_path):
    other = {"settings": {"threshold": 3}}
    assert set(read_alignments(make(tmp_path / "a.mat", **other), layout="split").points) == {
        "lowResFluor2BF",
        "S2AHiRes",
        "Hi2LowResF",
    }
    savemat(tmp_path / "b.mat", {"alignments": {"S2AHiRes": {"Sall": RED.T, "Aall": GREEN.T}}})
    with pytest.raises(CorruptRecordingError, match="no points"):
        read_alignments(tmp_path / "b.mat", layout="split")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_is_an_error_of_wormio(tmp_path, data):
    content = bytearray(make(tmp_path / "a.mat").read_bytes())
    if data.draw(st.booleans()):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    else:
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    (tmp_path / "b.mat").write_bytes(content)
    try:
        found = read_alignments(tmp_path / "b.mat", layout="split")
    except WormioError:
        return
    assert all(np.isfinite(points.source).all() for points in found.points.values())
