"""Maps without known pairs: from two clouds of points, or from two images."""

import numpy as np
import pytest

from wormio.errors import MappingError
from wormio.mapping import Linear, find_spots, match, phase_shift, register, register_images
from wormio.model import Positions


def rms(errors):
    return float(np.sqrt((errors**2).sum(axis=-1).mean()))


def two_clouds(warp, seed, n=80, unmatched=16, noise=0.1):
    """Return points and their images in another order, some replaced by strangers."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 512, (n, 2))
    goals = warp(points) + rng.normal(0, noise, points.shape)
    goals[rng.choice(n, unmatched, replace=False)] = rng.uniform(0, 512, (unmatched, 2))
    return points, goals[rng.permutation(n)]


@pytest.mark.parametrize("seed", range(5))
def test_the_warp_is_found_although_a_fifth_has_no_partner(warp, grid, seed):
    points, goals = two_clouds(warp, seed)
    found = register(points, goals)
    assert rms(found.map(grid, outside="ignore") - warp(grid)) <= 0.5
    assert len(found.source) >= 60


def test_pairs_are_each_others_nearest():
    points = np.array([[0.0, 0], [10, 0], [11, 0], [50, 50]])
    goals = np.array([[10.4, 0], [0.2, 0], [90, 90]])
    assert match(points, goals, 5.0).tolist() == [[0, 1], [1, 0]]


def test_clouds_that_do_not_belong_together_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(MappingError, match="too few points"):
        register(rng.uniform(0, 512, (5, 2)), rng.uniform(0, 512, (50, 2)))
    with pytest.raises(MappingError, match="find a partner"):
        register(rng.uniform(0, 512, (10, 2)), rng.uniform(0, 512, (10, 2)), reach=0.5)
    with pytest.raises(MappingError, match="number of coordinates"):
        register(rng.uniform(0, 512, (10, 2)), rng.uniform(0, 512, (10, 3)))


@pytest.mark.parametrize("n", [80, 300])
def test_strangers_are_refused_however_many_meet_by_chance(n):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        with pytest.raises(MappingError, match="find a partner"):
            register(rng.uniform(0, 512, (n, 2)), rng.uniform(0, 512, (n, 2)))


def test_a_mirrored_cloud_is_refused():
    points = np.random.default_rng(1).uniform(0, 512, (80, 2))
    with pytest.raises(MappingError, match="find a partner"):
        register(points, points * [1, -1] + [0, 512])


def turned(points, degrees):
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points - 256) @ turn.T + 256


def test_a_turn_of_fifteen_degrees_is_found_and_more_with_a_start(warp, grid):
    points, goals = two_clouds(warp, 3)
    found = register(points, turned(goals, 15))
    assert rms(found.map(grid, outside="ignore") - turned(warp(grid), 15)) <= 0.5
    back = np.array([[0.0, -1], [1, 0]])
    start = Linear(np.column_stack([back, [512, 0]]))  # a quarter turn about the middle
    found = register(points, turned(goals, 95), start=start)
    assert rms(found.map(grid, outside="ignore") - turned(warp(grid), 95)) <= 0.5


@pytest.mark.slow
def test_thousands_of_points(warp, grid):
    points, goals = two_clouds(warp, 0, n=5000, unmatched=1000)
    found = register(points, goals, model="quadratic")
    assert rms(found.map(grid, outside="ignore") - warp(grid)) <= 0.5


def test_what_cannot_be_registered_is_told():
    points = np.random.default_rng(0).uniform(0, 512, (10, 3))
    with pytest.raises(MappingError, match="reach"):
        register(points, points, reach=0)
    with pytest.raises(MappingError, match="start"):
        register(points, points, start=Linear(np.eye(2, 3)))
    with pytest.raises(MappingError, match="one z"):
        register(points * [0, 1, 1], points)
    assert match(np.zeros((0, 2)), np.zeros((3, 2)), 5.0).shape == (0, 2)
    lost = np.array([[np.nan, 1], [3, 3]])
    assert match(lost, np.array([[3.0, 3], [0, 0]]), 5.0).tolist() == [[1, 0]]
    assert match(np.zeros((3, 2)), np.zeros((0, 2)), 5.0).shape == (0, 2)


def draw(points, shape=(512, 512), sigma=2.0, seed=0):
    rng = np.random.default_rng(seed)
    y, x = np.ogrid[: shape[0], : shape[1]]
    image = rng.normal(100, 2, shape)
    for py, px in points:
        image += 200 * np.exp(-((y - py) ** 2 + (x - px) ** 2) / (2 * sigma**2))
    return image


def test_spots_are_found_to_a_fraction_of_a_pixel():
    rng = np.random.default_rng(1)
    side = np.arange(30, 480, 40.0)
    truth = np.stack(np.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
    truth += rng.uniform(-5, 5, truth.shape)
    found = find_spots(draw(truth))
    pairs = match(truth, found, 1.0)
    assert len(found) == len(truth) == len(pairs)
    assert rms(truth[pairs[:, 0]] - found[pairs[:, 1]]) < 0.1
    assert len(find_spots(draw([]))) == 0


def test_the_shift_of_two_images_is_found():
    points = np.random.default_rng(2).uniform(100, 400, (40, 2))
    shift = phase_shift(draw(points, seed=1), draw(points + np.array([37, -21]), seed=2))
    assert shift.tolist() == [37, -21]
    with pytest.raises(MappingError, match="size"):
        phase_shift(np.zeros((10, 10)), np.zeros((10, 12)))


def test_two_images_give_the_map_between_them(warp, grid):
    points = np.random.default_rng(3).uniform(20, 490, (70, 2))
    target = warp(points) + np.array(
        [60, -40]
    )  # farther than the point methods reach by themselves
    keep = (target > 10).all(axis=1) & (target < 500).all(axis=1)
    found = register_images(draw(points, seed=1), draw(target[keep], seed=2))
    inside = grid[((grid > 60) & (grid < 420)).all(axis=1)]
    assert rms(found.map(inside, outside="ignore") - warp(inside) - [60, -40]) <= 0.5


def test_a_stack_of_named_neurons_names_those_of_a_recording():
    rng = np.random.default_rng(8)
    zyx = rng.uniform([0, 0, 0], [60, 200, 120], (60, 3))  # um
    angle = np.deg2rad(4)
    turn = np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    )
    there = zyx @ (1.03 * turn).T + [3, -10, 7] + rng.normal(0, 0.3, zyx.shape)
    seen = rng.permutation(60)[:50]  # ten of the stack's neurons are not in the recording
    names = [f"NEURON{i}" for i in range(60)]
    named = Positions.static(zyx, labels=names)
    recorded = Positions.static(there[seen])
    found = register(named.coords, recorded.coords, model="affine", reach=4.0)
    labelled = recorded.take_labels(found.map.apply(named, outside="ignore"), max_distance=2.0)
    truth = [names[i] for i in seen]
    right = sum(a == b for a, b in zip(labelled.labels, truth, strict=True))
    wrong = sum(a != b and not a.isdigit() for a, b in zip(labelled.labels, truth, strict=True))
    assert right >= 48
    assert wrong == 0
