"""`PointMap`: spaces, bounds, the way back, composition, files."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormio.errors import MappingError, MissingPartError, OutputExistsError
from wormio.mapping import (
    Linear,
    OutsideWarning,
    PointMap,
    Space,
    Step,
    fit,
    from_gmmreg,
    identity,
    load,
)
from wormio.mapping.models import MODELS
from wormio.model import Positions

RED, GREEN = Space(channel="red"), Space(channel="green")


def shift(dy, dx, source=RED, target=GREEN, bounds=None):
    matrix = np.array([[1.0, 0, dy], [0, 1, dx]])
    return PointMap(steps=[Step(Linear(matrix), bounds)], source=source, target=target)


@pytest.fixture(params=list(MODELS))
def bent(request, warp):
    """A map of each kind, fitted to a known warp."""
    points = np.random.default_rng(2).uniform(0, 512, (60, 2))
    return fit(points, warp(points), model=request.param, spaces=(RED, GREEN)).map


def test_a_file_gives_the_same_map_back(bent, grid, tmp_path):
    path = tmp_path / "red-green.json"
    bent.save(path)
    again = load(path)
    np.testing.assert_array_equal(again(grid), bent(grid))
    assert (again.source, again.target) == (RED, GREEN)
    assert dict(again.provenance) == dict(bent.provenance)
    np.testing.assert_array_equal(again.inverse()(grid), bent.inverse()(grid))
    assert load(path) == again
    with pytest.raises(OutputExistsError):
        bent.save(path)


def test_the_inverse_is_saved_too(bent, grid, tmp_path):
    back = bent.inverse()
    back.save(tmp_path / "back.json")
    np.testing.assert_array_equal(load(tmp_path / "back.json")(grid), back(grid))
    np.testing.assert_allclose(back.inverse()(grid), bent(grid), atol=1e-9)


@given(st.data())
def test_there_and_back_inside_the_bounds(data):
    seed = data.draw(st.integers(0, 1000))
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 512, (40, 2))
    goals = points + 3 * np.sin(points[:, ::-1] / 90) + rng.normal(0, 0.3, points.shape)
    made = fit(points, goals, model=data.draw(st.sampled_from(list(MODELS)))).map
    low, high = made.steps[0].bounds
    inside = rng.uniform(low, high, (50, 2))
    there = made(inside, outside="raise")
    np.testing.assert_allclose(made.inverse()(there), inside, atol=1e-6)


def test_z_passes_through_a_map_of_the_plane():
    moved = shift(5, -2)([[7.5, 10, 20], [np.nan, 1, 1], [3, np.nan, 4]])
    np.testing.assert_array_equal(moved[:2], [[7.5, 15, 18], [np.nan, 6, -1]])
    assert np.isnan(moved[2]).all()  # without y or x there is no place


def test_any_leading_axes(grid):
    stacked = grid.reshape(30, 30, 2)
    assert shift(1, 1)(stacked).shape == (30, 30, 2)
    assert shift(1, 1)([3, 4]).tolist() == [4, 5]
    with pytest.raises(MappingError, match="coordinates"):
        shift(1, 1)(np.zeros((5, 4)))


def test_points_outside_the_fitted_region_are_told():
    bounded = shift(1, 1, bounds=[[0, 0], [100, 100]])
    points = [[50, 50], [150, 50]]
    with pytest.warns(OutsideWarning, match="1 of 2 points"):
        np.testing.assert_array_equal(bounded(points), [[51, 51], [151, 51]])
    with pytest.raises(MappingError, match=r"1 of 2.*fitted region"):
        bounded(points, outside="raise")
    np.testing.assert_array_equal(bounded(points, outside="nan"), [[51, 51], [np.nan, np.nan]])
    np.testing.assert_array_equal(bounded(points, outside="ignore"), [[51, 51], [151, 51]])
    np.testing.assert_array_equal(bounded.inverse().steps[0].bounds, [[1, 1], [101, 101]])
    with pytest.raises(MappingError, match="outside is unknown"):
        bounded(points, outside="perhaps")


def test_maps_follow_each_other_if_their_spaces_meet():
    blue = Space(channel="blue")
    both = shift(1, 2).then(shift(10, 20, GREEN, blue))
    assert both([[0, 0]]).tolist() == [[11, 22]]
    assert (both.source, both.target) == (RED, blue)
    assert both.inverse()([[11, 22]]).tolist() == [[0, 0]]
    with pytest.raises(MappingError, match="do not follow"):
        shift(1, 2).then(shift(1, 2))
    unmoved = identity(source=GREEN, target=GREEN)
    assert shift(1, 2).then(unmoved)([[0, 0]]).tolist() == [[1, 2]]


def test_positions_are_mapped_with_their_channel():
    positions = Positions.tracked(np.full((4, 2, 3), 7.3), labels=["a", "b"])
    moved = shift(1, 2).apply(positions, rounding=True)
    assert moved.channel == "green"
    assert moved.labels == ("a", "b")
    np.testing.assert_array_equal(moved.coords[0, 0], [7.3, 8, 9])
    with pytest.raises(MappingError, match="another channel"):
        shift(1, 2).apply(moved)
    in_space = identity(3)
    frames = Positions.static([[1, 2, 3]], z_unit="frame")
    with pytest.raises(MappingError, match="z in um"):
        in_space.apply(frames)


def test_a_point_without_a_way_back_is_an_error():
    points = np.random.default_rng(0).uniform(0, 10, (30, 2))
    folded = fit(points, (points - 5) ** 2, model="quadratic").map
    with pytest.raises(MappingError, match="no way back"):
        folded.inverse()([[-100.0, -100.0]], outside="ignore")
    flat = PointMap(steps=[Step(Linear(np.array([[1.0, 0, 0], [0, 0, 0]])))])
    with pytest.raises(MappingError, match="no way back"):
        flat.inverse()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": "else"}, "no map"),
        ({"schema_version": 99}, "newer wormio"),
        ({"steps": []}, "do not fit"),
        ({"steps": [{"transform": {"kind": "magic"}, "bounds": None}]}, "no transform"),
        (
            {"steps": [{"transform": {"kind": "linear", "matrix": [[1, 2]]}, "bounds": None}]},
            "no transform",
        ),
        (
            {
                "steps": [
                    {
                        "transform": {"kind": "linear", "matrix": [[1, 0, None], [0, 1, 0]]},
                        "bounds": None,
                    }
                ]
            },
            "no transform",
        ),
        ({"source": {"planet": "earth"}}, "damaged"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, change, told):
    path = tmp_path / "map.json"
    path.write_text(json.dumps(shift(1, 2).to_json() | change))
    with pytest.raises(MappingError, match=told) as caught:
        load(path)
    assert "map.json" in str(caught.value)


def test_what_is_no_json_is_refused(tmp_path):
    with pytest.raises(MissingPartError):
        load(tmp_path / "none.json")
    (tmp_path / "text").write_text("{" * 100_000)
    with pytest.raises(MappingError, match="no map"):
        load(tmp_path / "text")


def test_parameters_of_pygmmreg_give_their_map():
    rng = np.random.default_rng(4)
    n = 12
    # The normalisation of the plane z = -1 puts every control point at z = 0.
    norm, denorm = np.array([250.0, 240, -1, 150]), np.array([260.0, 230, -1, 152])
    control = np.column_stack([rng.normal(0, 0.7, (n, 2)), np.zeros(n)])
    parameters = rng.normal(0, 0.05, (n, 3))
    parameters[1:4] += np.eye(3)
    found = from_gmmreg(control, parameters, norm, denorm)
    yx = rng.uniform(100, 400, (25, 2))
    # The formula again, in the package's own order of axes and in three dimensions.
    p = (np.column_stack([yx[:, ::-1], np.full(25, -1.0)]) - norm[:3]) / norm[3]
    q = np.linalg.qr(np.column_stack([np.ones(n), control]), mode="complete")[0][:, 4:]
    apart = np.sqrt(((p[:, None] - control) ** 2).sum(axis=2))
    moved = np.column_stack([np.ones(25), p]) @ parameters[:4] - apart @ q @ parameters[4:]
    expected = (moved * denorm[3] + denorm[:3])[:, [1, 0]]
    np.testing.assert_allclose(found(yx, outside="ignore"), expected, atol=1e-9)
    with pytest.raises(MappingError, match="no parameters"):
        from_gmmreg(control[:, :2], parameters, norm, denorm)
