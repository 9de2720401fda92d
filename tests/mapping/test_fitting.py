"""Maps fitted to pairs of points, against known maps and other people's solvers."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import RBFInterpolator

from wormio.errors import MappingError
from wormio.mapping import Linear, Projective, fit, leave_one_out, read_alignments
from wormio.mapping.models import MODELS


def rms(errors):
    return float(np.sqrt((errors**2).sum(axis=-1).mean()))


@pytest.mark.parametrize("n_axes", [2, 3])
@pytest.mark.parametrize("name", list(MODELS))
def test_each_model_finds_a_map_of_its_own_kind(name, n_axes):
    rng = np.random.default_rng(3)
    points = rng.uniform(0, 500, (40, n_axes))
    shift = rng.uniform(-20, 20, n_axes)
    angle = 0.1
    turn = np.eye(n_axes)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    bent = turn + rng.normal(0, 0.05, turn.shape)
    goals = {
        "translation": points + shift,
        "similarity": 1.3 * points @ turn.T + shift,
        "affine": points @ bent.T + shift,
        "projective": (points @ bent.T + shift) / (1 + points @ np.full((n_axes, 1), 2e-4)),
        "quadratic": points @ bent.T + shift + 1e-4 * points**2 - 2e-4 * points[:, :1] * points,
        "thin-plate": points @ bent.T + shift,
    }[name]
    found = fit(points, goals, model=name)
    new = rng.uniform(50, 450, (20, n_axes))
    truth = {
        "translation": new + shift,
        "similarity": 1.3 * new @ turn.T + shift,
        "affine": new @ bent.T + shift,
        "projective": (new @ bent.T + shift) / (1 + new @ np.full((n_axes, 1), 2e-4)),
        "quadratic": new @ bent.T + shift + 1e-4 * new**2 - 2e-4 * new[:, :1] * new,
        "thin-plate": new @ bent.T + shift,
    }[name]
    np.testing.assert_allclose(found.map(new, outside="ignore"), truth, atol=1e-6)
    assert found.rms < 1e-6


@pytest.mark.parametrize("name", ["affine", "quadratic"])
def test_the_prediction_of_a_left_out_point_is_that_of_a_fit_without_it(name):
    rng = np.random.default_rng(5)
    points = rng.uniform(0, 500, (25, 2))
    goals = points + rng.normal(0, 2, points.shape)
    left_out = MODELS[name].predict(points, goals)
    for i in range(len(points)):
        others = np.arange(len(points)) != i
        moved = MODELS[name].fit(points[others], goals[others])(points[i : i + 1])
        np.testing.assert_allclose(left_out[i], moved[0] - goals[i], atol=1e-8)


def test_a_spline_is_scipys_of_the_same_smoothing(warp):
    rng = np.random.default_rng(7)
    points = rng.uniform(0, 512, (30, 2))
    goals = warp(points) + rng.normal(0, 0.5, points.shape)
    spline = MODELS["thin-plate"].fit(points, goals)
    scaled = (points - spline.centre) / spline.scale
    # What the spline leaves is smoothing times its weights: the smoothing follows from any point.
    smoothing = float(np.median((goals - spline(points)) / spline.weights))
    scipys = RBFInterpolator(
        scaled, goals, kernel="thin_plate_spline", degree=1, smoothing=smoothing
    )
    new = rng.uniform(0, 512, (200, 2))
    expected = scipys((new - spline.centre) / spline.scale)
    np.testing.assert_allclose(spline(new), expected, atol=1e-6)
    left_out = MODELS["thin-plate"].predict(points, goals)
    for i in (0, 11, 29):
        others = np.arange(len(points)) != i
        without = RBFInterpolator(
            scaled[others],
            goals[others],
            kernel="thin_plate_spline",
            degree=1,
            smoothing=smoothing,
        )
        np.testing.assert_allclose(left_out[i], without(scaled[i : i + 1])[0] - goals[i], atol=1e-6)


def test_a_known_warp_is_found_from_sixty_beads(warp, grid):
    errors, back = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        points = rng.uniform(0, 512, (60, 2))
        found = fit(points, warp(points) + rng.normal(0, 0.1, points.shape)).map
        errors.append(rms(found(grid, outside="ignore") - warp(grid)))
        there = found(grid, outside="ignore")
        back.append(np.abs(found.inverse()(there, outside="ignore") - grid).max())
    assert max(errors) <= 0.15
    assert max(back) <= 1e-6


def test_wrong_pairs_are_left_out(warp, grid):
    rng = np.random.default_rng(11)
    points = rng.uniform(0, 512, (60, 2))
    goals = warp(points) + rng.normal(0, 0.1, points.shape)
    wrong = rng.choice(60, 12, replace=False)
    goals[wrong] += rng.choice([-1, 1], (12, 2)) * rng.uniform(20, 60, (12, 2))
    found = fit(points, goals, outliers=0.25)
    assert not found.inliers[wrong].any()
    assert rms(found.map(grid, outside="ignore") - warp(grid)) < 0.3
    spoilt = fit(points, goals)
    assert rms(spoilt.map(grid, outside="ignore") - warp(grid)) > 3


def test_right_pairs_of_a_bent_map_are_not_left_out(warp):
    points = np.random.default_rng(0).uniform(0, 512, (60, 2))
    goals = warp(points) + np.random.default_rng(1).normal(0, 0.1, points.shape)
    assert fit(points, goals, outliers=0.2).inliers.sum() >= 54


def test_too_few_pairs_to_find_wrong_ones_are_refused():
    points = np.random.default_rng(0).uniform(0, 512, (5, 2))
    with pytest.raises(MappingError, match="too few pairs to find wrong ones"):
        fit(points, points, outliers=0.4)
    assert fit(points, points, outliers=0.1).inliers.all()  # a tenth of five is none


@pytest.mark.parametrize(
    ("matrix", "name"),
    [
        (np.eye(2), "translation"),
        (1.1 * np.eye(2), "similarity"),
        ([[1, 0.1], [0, 0.9]], "affine"),
        (np.diag([1, -1]), "affine"),
    ],
)
def test_of_models_that_predict_equally_well_the_simplest_is_taken(matrix, name):
    points = np.random.default_rng(2).uniform(0, 512, (30, 2))
    assert fit(points, points @ matrix + [3, 4]).model == name


def test_a_similarity_does_not_mirror():
    points = np.random.default_rng(2).uniform(0, 512, (30, 2))
    turn = fit(points, points * [1, -1], model="similarity").map.steps[0].transform.matrix[:, :2]
    assert np.linalg.det(turn) > 0
    square = np.array([[0.0, 0], [0, 9], [9, 0], [9, 9]])
    with pytest.raises(MappingError, match="mirrors"):
        fit(square, square * [1, -1], model="similarity")


def test_a_projective_map_needs_points_that_determine_it():
    three_in_line = np.array([[0.0, 0], [1, 1], [2, 2], [0, 5]])
    with pytest.raises(MappingError, match="do not determine"):
        fit(three_in_line, three_in_line, model="projective")
    points = np.random.default_rng(0).uniform(0, 512, (20, 2))
    weight = (points[:, :1] - 256) / 100  # the horizon runs through the middle
    with pytest.raises(MappingError, match=r"horizon|do not determine"):
        fit(points, points / weight, model="projective")


def test_of_very_many_pairs_no_spline_is_made(warp, grid):
    points = np.random.default_rng(0).uniform(0, 512, (1100, 2))
    found = fit(points, warp(points))
    assert found.model == "quadratic"
    assert "takes at most 1000 pairs" in str(found)
    assert rms(found.map(grid, outside="ignore") - warp(grid)) < 0.3
    with pytest.raises(MappingError, match="at most 1000"):
        fit(points, warp(points), model="thin-plate")


def test_two_points_at_one_place_are_one_point_measured_twice(warp, grid):
    points = np.random.default_rng(0).uniform(0, 512, (40, 2))
    twice = np.vstack([points, points])
    noise = np.random.default_rng(1).normal(0, 0.1, twice.shape)
    found = fit(twice, warp(twice) + noise)
    assert rms(found.map(grid, outside="ignore") - warp(grid)) < 0.5
    with pytest.raises(MappingError, match="target are at one place"):
        fit(points, np.ones_like(points))


def test_nested_leave_one_out_on_the_real_control_points(real_data, capsys):
    points = read_alignments(
        real_data / "leifer" / "brainscanner20231024" / "alignments.mat", layout="split"
    )["S2AHiRes"]
    assert len(points.source) == 20
    errors = {
        model: rms(leave_one_out(points.source, points.target, model=model))
        for model in ("auto", "affine")
    }
    assert errors["auto"] <= 2.35
    assert errors["affine"] == pytest.approx(2.55, abs=0.01)
    table = str(points.fit())
    with capsys.disabled():
        sys.stdout.write(f"\n{table}\nnested: {errors}\n")
    for name in MODELS:
        assert name in table


def test_the_simplest_model_is_taken_where_it_explains_all():
    points = np.random.default_rng(0).uniform(0, 100, (30, 2))
    noise = np.random.default_rng(1).normal(0, 0.5, points.shape)
    assert fit(points, points + np.array([3, -4]) + noise).model in {"translation", "similarity"}


def test_too_few_pairs_fall_back_to_what_they_determine():
    points = np.array([[0.0, 0], [10, 0], [0, 10]])
    found = fit(points, points + np.array([1, 2]))
    assert found.model in {"translation", "similarity"}
    assert "needs at least 6 pairs" in str(found)


@pytest.mark.parametrize(
    ("source", "target", "told"),
    [
        (np.zeros((3, 2)), np.zeros((4, 2)), "no pairs"),
        (np.zeros((3, 4)), np.zeros((3, 4)), "no pairs"),
        (np.full((3, 2), np.nan), np.zeros((3, 2)), "not finite"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "no map can be fitted"),
    ],
)
def test_what_is_no_pairs_is_refused(source, target, told):
    with pytest.raises(MappingError, match=told):
        fit(source, target)


def test_points_in_line_determine_no_affine_map():
    line = np.outer(np.arange(10.0), [1, 2])
    with pytest.raises(MappingError, match="do not determine"):
        fit(line, line, model="affine")
    with pytest.raises(MappingError, match="unknown model"):
        fit(line, line, model="afine")
    with pytest.raises(MappingError, match="share"):
        fit(line, line, outliers=0.6)


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3]))
def test_linear_and_projective_maps_go_back(seed, n_axes):
    rng = np.random.default_rng(seed)
    matrix = np.eye(n_axes) + rng.normal(0, 0.1, (n_axes, n_axes))
    linear = Linear(np.column_stack([matrix, rng.normal(0, 10, n_axes)]))
    points = rng.uniform(0, 500, (10, n_axes))
    np.testing.assert_allclose(linear.inverse()(linear(points)), points, atol=1e-8)
    full = np.eye(n_axes + 1)
    full[:-1] = linear.matrix
    full[-1, :-1] = rng.normal(0, 1e-5, n_axes)
    projective = Projective(full)
    np.testing.assert_allclose(projective.inverse()(projective(points)), points, atol=1e-7)
