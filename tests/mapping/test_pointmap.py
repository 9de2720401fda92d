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
    Projective,
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
    with pytest.raises(MappingError, match="outside is unknown"):
        bounded(points, outside="perhaps")


def test_the_way_back_is_good_where_it_ends_in_the_fitted_region():
    angle = np.deg2rad(15)
    turn = np.array([[np.cos(angle), -np.sin(angle), 7], [np.sin(angle), np.cos(angle), 0]])
    turned = PointMap(steps=[Step(Linear(turn), [[0, 0], [100, 100]])])
    corners = np.array([[0.0, 0], [0, 100], [100, 0], [100, 100]])
    there = turned(corners, outside="raise")
    np.testing.assert_allclose(turned.inverse()(there, outside="raise"), corners, atol=1e-9)
    # The corner of the box around the turned region is not in it.
    low = there.min(axis=0)
    assert np.isnan(turned.inverse()(low, outside="nan")).all()
    again = turned.inverse().inverse()
    np.testing.assert_array_equal(again.steps[0].bounds, turned.steps[0].bounds)
    assert again.steps[0].bounds_in == "source"
    assert np.isnan(again([101, 50], outside="nan")).all()


def test_composed_maps_know_the_bounds_of_both():
    first = shift(100, 0, bounds=[[0, 0], [10, 10]])
    second = shift(0, 5, GREEN, RED, bounds=[[105, 0], [200, 10]])
    both = first.then(second)
    points = [[7.0, 3], [3, 3], [20, 3]]  # good, outside the second, outside the first
    inside = [False, True, True]
    assert np.isnan(both(points, outside="nan")).any(axis=1).tolist() == inside
    there = both(points, outside="ignore")
    assert np.isnan(both.inverse()(there, outside="nan")).any(axis=1).tolist() == inside


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


def test_a_point_without_a_way_back_has_no_place():
    points = np.random.default_rng(0).uniform(5.5, 10, (30, 2))
    folded = fit(points, (points - 5) ** 2, model="quadratic").map
    back = folded.inverse()
    # The second is the fold itself, where the derivative is zero: it must not spoil the others.
    goals = [[4.0, 9.0], [0.0, 0.0], [-100.0, 4.0]]
    with pytest.warns(OutsideWarning, match=r"of 3 points have no image"):
        found = back(goals)
    np.testing.assert_allclose(found[0], [7, 8], atol=1e-6)
    assert np.isnan(found[2]).all()
    assert np.isnan(back(goals, outside="ignore")[2]).all()
    with pytest.raises(MappingError, match="have no image"):
        back(goals, outside="raise")
    flat = PointMap(steps=[Step(Linear(np.array([[1.0, 0, 0], [0, 0, 0]])))])
    with pytest.raises(MappingError, match="no way back"):
        flat.inverse()


def test_beyond_the_fold_there_is_no_way_back():
    points = np.random.default_rng(0).uniform(0, 10, (40, 2))
    goals = np.column_stack([(points[:, 0] - 2) ** 2, points[:, 1]])
    folded = fit(points, goals, model="quadratic").map
    there = folded([[5.0, 3], [-1, 3]], outside="ignore")  # both go to one place
    np.testing.assert_allclose(there[0], there[1], atol=1e-6)
    back = folded.inverse()(there, outside="ignore")
    np.testing.assert_allclose(back, [[5, 3], [5, 3]], atol=1e-6)


def test_beyond_the_horizon_there_is_no_image():
    tilted = PointMap(steps=[Step(Projective([[1, 0, 0], [0, 1, 0], [-0.01, 0, 1]]))])
    with pytest.warns(OutsideWarning, match="2 of 3 points have no image"):
        moved = tilted([[50.0, 10], [100, 10], [150, 10]])
    np.testing.assert_allclose(moved[0], [100, 20])
    assert np.isnan(moved[1:]).all()


@pytest.mark.parametrize("unit", [1e-9, 1e-3, 1e6])
@pytest.mark.parametrize("model", ["quadratic", "thin-plate"])
def test_the_way_back_is_exact_in_any_unit_and_from_far_away(warp, grid, unit, model):
    points = np.random.default_rng(2).uniform(0, 512, (40, 2))
    camera = 10 * warp(points) + [1e5, -3e4]  # another camera: magnified, with its own origin
    made = fit(points * unit, camera * unit, model=model).map
    there = made(grid * unit, outside="ignore")
    back = made.inverse()(there, outside="ignore")
    np.testing.assert_allclose(back / unit, grid, atol=1e-6)


@pytest.mark.parametrize("n_axes", [2, 3])
@pytest.mark.parametrize("model", ["quadratic", "thin-plate"])
def test_the_slopes_are_those_of_the_map(model, n_axes):
    rng = np.random.default_rng(6)
    points = rng.uniform(0, 500, (30, n_axes))
    bent = fit(points, points + 4 * np.sin(points[:, ::-1] / 90), model=model).map
    transform = bent.steps[0].transform
    new = rng.uniform(50, 450, (20, n_axes))
    moved, slopes = transform.with_slopes(new)
    np.testing.assert_allclose(moved, transform(new), atol=1e-9)
    for axis in range(n_axes):
        step = np.zeros(n_axes)
        step[axis] = 1e-3
        numeric = (transform(new + step) - transform(new - step)) / 2e-3
        np.testing.assert_allclose(slopes[:, :, axis], numeric, atol=1e-5)


@pytest.mark.parametrize("points", [[["a", "b"]], [[1, 2], [3]], [[1j, 2]], [[np.inf, 1]], None])
def test_what_is_no_points_is_refused(points):
    with pytest.raises(MappingError, match=r"no points|infinite"):
        shift(1, 1)(points)
    with pytest.raises(MappingError):
        fit(points, points)


def test_a_space_has_names_and_a_unit():
    assert Space(channel=None) == Space()
    with pytest.raises(MappingError, match="named by text"):
        Space(channel=3)
    micron = Space(channel="red", unit="um")
    with pytest.raises(MappingError, match="pixels"):
        shift(1, 1, source=micron).apply(Positions.static([[1, 2, 3]]))
    with pytest.raises(MappingError, match="do not follow"):
        shift(1, 1, GREEN, RED).then(shift(1, 1, source=micron))
    with pytest.raises(MappingError, match="only positions"):
        shift(1, 1).apply(np.zeros((3, 3)))


def test_volumes_are_those_of_their_own_recording():
    found_in = Positions(coords=[[1, 2, 3]], z_unit="um", channel="red", volumes=[[0, 4], [4, 8]])
    assert shift(1, 1).apply(found_in).volumes is not None
    other = Space(recording="stack", channel="red")
    assert shift(1, 1, source=other).apply(found_in).volumes is None


def test_the_provenance_is_what_a_file_gives_back(tmp_path):
    points = np.random.default_rng(0).uniform(0, 9, (9, 2))
    made = fit(points, points, provenance={"a": (1, 2), "b": np.float64(3)}).map
    made.save(tmp_path / "map.json")
    assert load(tmp_path / "map.json") == made
    for bad in (object(), float("nan")):
        with pytest.raises(MappingError, match="provenance"):
            fit(points, points, provenance={"a": bad})


def test_saving_never_replaces_what_is_no_map(tmp_path):
    path = tmp_path / "positions.csv"
    path.write_text("label,z_um,y,x\n")
    with pytest.raises(OutputExistsError, match="no map"):
        shift(1, 2).save(path, overwrite=True)
    shift(1, 2).save(tmp_path / "map.json")
    shift(3, 4).save(tmp_path / "map.json", overwrite=True)
    assert load(tmp_path / "map.json")([[0, 0]]).tolist() == [[3, 4]]


NAN = float("nan")
BENT = {"kind": "quadratic", "coefficients": [[0, 0]] * 6, "centre": [0, 0], "scale": 1}


def one_step(**change):
    linear = {"kind": "linear", "matrix": [[1, 0, 0], [0, 1, 0]]}
    return {"steps": [{"transform": linear, "bounds": None, "bounds_in": "source"} | change]}


def nested(times):
    tree = BENT
    for _ in range(times):
        tree = {"kind": "inverse", "of": tree}
    return tree


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
        ({"source": {"channel": 3}}, "text"),
        ({"provenance": [1]}, "damaged"),
        ({"schema_version": True}, "newer wormio"),
        (one_step(bounds=[[NAN, NAN], [NAN, NAN]]), "no box"),
        (one_step(bounds=[[9, 9], [1, 1]]), "no box"),
        (one_step(bounds=[[1, 1, 1], [9, 9, 9]]), "axes"),
        (one_step(bounds_in="nowhere"), "bounds_in"),
        (one_step(transform=BENT | {"scale": 0}), "scale"),
        (one_step(transform=BENT | {"centre": [0, NAN]}), "not finite"),
        (one_step(transform=BENT | {"coefficients": [[0, 0]] * 5}), "no transform"),
        # Each inverse of an inverse would take five times as long as the last.
        (one_step(transform=nested(3)), "no transform"),
        (one_step(transform=nested(400)), "no transform"),
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
    with pytest.raises(MappingError, match=r"damaged|no transform"):
        PointMap.from_json(shift(1, 2).to_json() | one_step(transform=nested(5000)))
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
