"""Volume policies against naive implementations and scans whose turning points are known."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormio.errors import OptionError
from wormio.model import Origin, from_modulo, from_scan, from_volume_index, planar, regular
from wormio.model.volumes import turning_points


def triangle(planes, sweeps, amplitude=1.0, first=None):
    """Return a scan monitor and the rows at which each sweep begins.

    ``first`` planes of a partial sweep come before the first turning point.
    """
    first = planes if first is None else first
    rows = np.arange(first + planes * sweeps)
    phase = (rows - first) / planes  # whole numbers are turning points
    z = amplitude * np.abs((phase + 1) % 2 - 1)
    return z, first + planes * np.arange(sweeps)


def naive_volumes(count, boundaries):
    """Assign counters to the complete sweeps between boundaries, one by one."""
    frames, counts = [], []
    for begin, end in itertools.pairwise(boundaries):
        rows = [i for i, c in enumerate(count) if begin <= c < end]
        if rows and begin >= count[0] and end <= count[-1] + 1:
            frames.append([rows[0], rows[-1] + 1])
            counts.append([begin, end])
    return frames, counts


# --- from_scan -----------------------------------------------------------------------------------


@pytest.mark.parametrize("planes", [12, 25, 60])
@pytest.mark.parametrize("noise", [0.0, 0.002, 0.01])
def test_turning_points_of_a_noisy_triangle_are_found_within_a_row(planes, noise):
    # The piezo monitor of real recordings: 0.2 % of its range is typical, 1 % is bad.
    z, true = triangle(planes, sweeps=20)
    z = z + np.random.default_rng(planes).normal(0, noise * min(1, 12 / planes), len(z))
    rows, direction = turning_points(z)
    assert len(rows) == len(true)
    assert np.abs(rows - true).max() <= 1
    middle = (true[:-1] + true[1:]) // 2
    for row in middle:
        assert direction[row] == np.sign(z[row + 2] - z[row - 2])


def test_the_extremum_row_is_the_first_frame_of_the_next_volume():
    z, true = triangle(planes=15, sweeps=4, first=6)
    found = from_scan(np.arange(len(z)), z)
    assert found.frames.tolist() == [[6, 21], [21, 36], [36, 51]]
    assert found.frames[:, 0].tolist() == true[:-1].tolist()
    assert found.counts.tolist() == found.frames.tolist()
    assert found.direction[10] != found.direction[25]
    assert found.origin == Origin.INFERRED
    assert found.policy["name"] == "from_scan"


def test_partial_sweeps_at_both_ends_are_left_out():
    z, true = triangle(planes=15, sweeps=4, first=6)
    z = z[:-5]
    found = from_scan(np.arange(len(z)), z)
    assert found.frames[0, 0] == 6
    assert found.frames[-1, 1] == true[-1]


def test_dropped_frames_do_not_move_the_boundaries_of_the_scan():
    z, true = triangle(planes=15, sweeps=4, first=6)
    scan = 1000 + np.arange(len(z))
    saved = np.delete(scan, [3, 21, 22, 30, 50])  # first two planes of a sweep, last of another
    found = from_scan(saved, z, scan_count=scan)
    frames, counts = naive_volumes(saved.tolist(), (1000 + true).tolist())
    assert found.frames.tolist() == frames
    assert found.counts.tolist() == counts
    assert found.counts[1].tolist() == [1021, 1036]


def test_sweeps_that_the_camera_saw_only_in_part_are_not_complete():
    z, true = triangle(planes=15, sweeps=6, first=6)
    scan = np.arange(len(z))
    # The monitor ran before the camera began and after it ended.
    found = from_scan(scan[10:80], z, scan_count=scan)
    assert found.counts.tolist() == [[21, 36], [36, 51], [51, 66]]
    frames, counts = naive_volumes(list(range(10, 80)), true.tolist())
    assert (found.frames.tolist(), found.counts.tolist()) == (frames, counts)


def test_a_sweep_of_which_nothing_was_saved_is_left_out():
    z, _ = triangle(planes=15, sweeps=4, first=6)
    saved = np.concatenate([np.arange(0, 20), np.arange(36, len(z))])
    found = from_scan(saved, z, scan_count=np.arange(len(z)))
    assert found.counts.tolist() == [[6, 21], [36, 51]]


def test_rows_whose_monitor_is_unknown_are_bridged():
    z, _ = triangle(planes=15, sweeps=4, first=6)
    z[[25, 26]] = np.nan
    assert from_scan(np.arange(len(z)), z).frames.tolist() == [[6, 21], [21, 36], [36, 51]]


def test_a_plateau_belongs_to_the_sweep_before_it():
    up, down = np.arange(0, 20.0), np.arange(19, -1, -1.0)
    z = np.concatenate([up, np.full(10, 19.0), down[1:], np.full(10, 0.0), up[1:], down[1:]])
    rows, direction = turning_points(z)
    # Rising to row 19, flat to row 29, falling to row 48, flat to row 58, rising to row 77.
    assert len(rows) == 3
    np.testing.assert_allclose(rows, [29, 58, 77], atol=4)  # the filter's half window
    assert direction[24] == direction[10] == 1
    assert direction[53] == direction[40] == -1


@pytest.mark.parametrize(
    "z",
    [
        [],
        [1.0],
        [1, 2, 1, 2, 1, 2],
        np.full(100, 3.7),
        np.full(100, 1 / 3),
        np.linspace(0, 1, 100),
        np.full(100, np.nan),
        np.minimum(np.arange(100) / 50, 1),
        np.maximum(np.arange(100) / 50, 1),
    ],
    ids=["nothing", "one", "six", "flat", "a third", "ramp", "nan", "ends flat", "starts flat"],
)
def test_a_scan_that_never_turns_has_no_complete_volume(z):
    found = from_scan(np.arange(len(z)), z)
    assert found.frames.shape == found.counts.shape == (0, 2)
    assert found.direction.shape == (len(z),)


# --- from_volume_index ---------------------------------------------------------------------------


def test_volumes_from_labels_leave_out_the_first_and_the_last():
    found = from_volume_index(np.arange(9), [0, 0, 1, 1, 1, 2, 2, 3, 3])
    assert found.frames.tolist() == [[2, 5], [5, 7]]


def test_a_label_that_jumps_starts_one_volume():
    found = from_volume_index(np.arange(10), [0, 0, 3, 3, 7, 7, 7, 8, 20, 20])
    assert found.frames.tolist() == [[2, 4], [4, 7], [7, 8]]


def test_rows_with_a_negative_label_belong_to_no_volume():
    label = [-1, -1, 0, 0, 1, 1, -1, -1, 2, 2, -1, 3, 3]
    found = from_volume_index(np.arange(13), label)
    assert found.frames.tolist() == [[4, 6], [8, 10]]
    assert from_volume_index(np.arange(5), [-1] * 5).frames.tolist() == []


def test_labels_of_triggers_are_joined_to_saved_frames_by_counter():
    scan = np.arange(50, 62)
    label = [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4]
    saved = [50, 51, 53, 54, 55, 57, 58, 59, 60, 61]  # 52 and 56 were dropped
    found = from_volume_index(saved, label, scan_count=scan)
    assert found.frames.tolist() == [[2, 4], [4, 6], [6, 9]]
    assert found.counts.tolist() == [[52, 55], [55, 58], [58, 61]]


# --- from_modulo, regular ------------------------------------------------------------------------


@given(
    numerator=st.integers(10, 400),
    denominator=st.sampled_from([1, 2, 3, 7, 10]),
    n=st.integers(0, 200),
    first=st.integers(-50, 1000),
)
def test_fractional_volumes_follow_exact_arithmetic(numerator, denominator, n, first):
    size = Fraction(numerator, denominator)
    if size < 1:
        size += 1
    count = list(range(first, first + n))
    boundaries = []
    while not boundaries or boundaries[-1] <= first + n:
        boundaries.append(first + math.ceil(len(boundaries) * size))
    frames, counts = naive_volumes(count, boundaries) if count else ([], [])
    found = from_modulo(count, frames_per_volume=float(size))
    assert found.frames.tolist() == frames
    assert found.counts.tolist() == counts


def test_a_fractional_volume_does_not_drift_over_100_000_frames():
    found = from_modulo(np.arange(100_000), frames_per_volume=33.3)
    assert len(found.counts) == math.floor(Fraction(100_000) / Fraction(333, 10))
    exact = [math.ceil(k * Fraction(333, 10)) for k in range(len(found.counts))]
    assert found.counts[:, 0].tolist() == exact
    assert (found.counts[1:, 0] == found.counts[:-1, 1]).all()


def test_modulo_volumes_are_of_counters_so_that_dropped_frames_do_not_shift_them():
    count = np.delete(np.arange(100, 130), [4, 9, 10])
    found = from_modulo(count, frames_per_volume=5)
    frames, counts = naive_volumes(count.tolist(), list(range(100, 131, 5)))
    assert (found.frames.tolist(), found.counts.tolist()) == (frames, counts)
    assert found.origin == Origin.NOMINAL


def test_modulo_may_begin_later_and_what_lies_before_belongs_to_none():
    found = from_modulo(np.arange(10, 30), frames_per_volume=4, first=13)
    assert found.frames.tolist() == [[3, 7], [7, 11], [11, 15], [15, 19]]


@pytest.mark.parametrize("size", [0, 0.5, -3, math.nan, math.inf])
def test_an_impossible_volume_size_is_refused(size):
    with pytest.raises(OptionError, match="frames_per_volume is impossible"):
        from_modulo(np.arange(10), frames_per_volume=size)


def test_regular_volumes_leave_the_rest_over():
    found = regular(np.arange(7, 18), planes=4)
    assert found.frames.tolist() == [[0, 4], [4, 8]]
    assert found.counts.tolist() == [[7, 11], [11, 15]]
    assert found.policy == {"name": "regular", "planes": 4}
    for wrong in (0, -1, 2.5):
        with pytest.raises(OptionError):
            regular(np.arange(10), planes=wrong)


def test_planar_makes_each_saved_frame_a_volume():
    found = planar([3, 4, 7])
    assert found.frames.tolist() == [[0, 1], [1, 2], [2, 3]]
    assert found.counts.tolist() == [[3, 4], [4, 5], [7, 8]]


@pytest.mark.parametrize(
    "policy",
    [
        lambda c: from_scan(c, np.zeros(0)),
        lambda c: from_volume_index(c, []),
        lambda c: from_modulo(c, frames_per_volume=2.5),
        lambda c: regular(c, planes=2),
        planar,
    ],
)
def test_a_recording_without_frames_has_no_volumes(policy):
    found = policy([])
    assert found.frames.shape == found.counts.shape == (0, 2)
    assert found.direction.shape == (0,)
