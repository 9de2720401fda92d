"""Jumps of known size and place (acceptance A9)."""

import numpy as np
import pytest

from wormio.errors import AlreadyAppliedError, OptionError, SignalError

N_VOLUMES = 2000


def fading(tau, n_neurons, noise, rng, n_volumes=N_VOLUMES):
    """Return what is left at each volume, and a noisy trace of it."""
    left = np.exp(-np.arange(n_volumes)[:, None] / tau) * np.ones(n_neurons)
    return left, 100 * left * (1 + noise * rng.normal(size=left.shape))


def with_steps(data, steps):
    data = data.copy()
    for row, size in steps:
        data[row:] *= 1 - size
    return data


def residuals(clean, left, steps):
    """Return the step that is left at each jump, of each neuron, with bleaching known."""
    flat = clean / left
    return np.stack(
        [
            np.nanmean(flat[row : row + 60], axis=0)
            / np.nanmean(flat[max(0, row - 60) : row], axis=0)
            - 1
            for row, _ in steps
        ]
    )


@pytest.mark.parametrize("tau", [np.inf, 2000.0, 800.0])
@pytest.mark.parametrize(
    ("steps", "noise", "worst"),
    [
        ([(900, 0.3)], 0.01, 0.02),
        ([(600, 0.2), (1300, 0.2)], 0.01, 0.025),
        ([(40, 0.3)], 0.01, 0.02),
        ([(N_VOLUMES - 30, 0.3)], 0.01, 0.02),
    ],
)
def test_jumps_are_found_and_undone(make_signal, tau, steps, noise, worst):
    left, data = fading(tau, 12, noise, np.random.default_rng(1))
    clean = make_signal(with_steps(data, steps)).correct_jumps(common="never")
    assert np.abs(residuals(clean.data, left, steps)).max() <= worst
    found = clean.history[-1].found
    assert len(found["jumps"]) == 12 * len(steps)
    for jump in found["jumps"]:
        row, size = min(steps, key=lambda step: abs(step[0] - jump["row"]))
        assert abs(jump["row"] - row) <= 3
        assert jump["time"] == pytest.approx(0.5 * jump["row"])
        assert jump["factor"] == pytest.approx(1 - size, abs=0.02)
    assert found["between"] == []


def test_no_jump_is_found_in_noise(make_signal):
    rng = np.random.default_rng(2)
    _, data = fading(2000.0, 100, 0.02, rng)
    signal = make_signal(data)
    same = signal.correct_jumps()
    assert same.history[-1].found["jumps"] == []
    assert same.data is signal.data


@pytest.mark.parametrize("amount", [0.05, 0.2, 0.4])
def test_motion_is_no_jump(amount):
    from wormio.testing import two_channels

    reference = two_channels(n_neurons=8, motion=amount, bleaching=True, seed=3).reference
    assert reference.correct_jumps().history[-1].found["jumps"] == []


@pytest.mark.parametrize("factor", [0.85, 1.3])
def test_a_step_of_the_laser_is_common_to_all(make_signal, factor):
    left, data = fading(2000.0, 60, 0.1, np.random.default_rng(3))
    data[700:] *= factor
    clean = make_signal(data).correct_jumps(common="only")
    (jump,) = clean.history[-1].found["jumps"]
    assert jump["label"] is None
    assert abs(jump["row"] - 700) <= 3
    assert jump["factor"] == pytest.approx(factor, rel=0.02)
    mean = (clean.data / left).mean(axis=1)
    assert mean[710:800].mean() / mean[600:690].mean() == pytest.approx(1, abs=0.02)


def test_common_and_single_jumps_in_one_recording(make_signal):
    left, data = fading(2000.0, 10, 0.01, np.random.default_rng(4))
    data[500:] *= 0.8
    data[1200:, 3] *= 0.7
    clean = make_signal(data).correct_jumps()
    found = clean.history[-1].found["jumps"]
    assert [(jump["label"], jump["row"]) for jump in found] == [(None, 500), ("3", 1200)]
    np.testing.assert_allclose(clean.data / left, 100, rtol=0.06)


def test_jumps_at_known_times(make_signal):
    _, data = fading(800.0, 3, 0.05, np.random.default_rng(5))
    data[1000:] *= 0.95  # too small to be found
    signal = make_signal(data)
    assert signal.correct_jumps().history[-1].found["jumps"] == []
    clean = signal.correct_jumps(at=[499.9])
    (jump,) = clean.history[-1].found["jumps"]
    assert (jump["row"], jump["label"]) == (1000, None)
    assert jump["factor"] == pytest.approx(0.95, abs=0.03)
    assert clean.history[-1].parameters["at"] == [499.9]


def test_only_falls_of_single_neurons_are_jumps_unless_asked(make_signal):
    _, data = fading(np.inf, 2, 0.01, np.random.default_rng(6))
    data[1000:, 0] *= 1.4
    signal = make_signal(data)
    assert signal.correct_jumps().history[-1].found["jumps"] == []
    (jump,) = signal.correct_jumps(direction="both").history[-1].found["jumps"]
    assert (jump["label"], jump["row"]) == ("0", 1000)


def test_a_sample_amid_a_jump_belongs_to_no_level(make_signal):
    _, data = fading(np.inf, 1, 0.01, np.random.default_rng(7))
    data[1001:] *= 0.6
    data[1000] *= 0.85  # the laser changed during this exposure
    clean = make_signal(data, labels=["AVA"]).correct_jumps()
    assert clean.history[-1].found["between"] == [["AVA", 1000]]
    assert np.flatnonzero(np.isnan(clean.data[:, 0])).tolist() == [1000]
    assert clean.valid[1000, 0]  # it was measured


def test_missing_and_odd_samples_do_not_disturb(make_signal):
    rng = np.random.default_rng(8)
    left, data = fading(2000.0, 5, 0.01, rng)
    data[900:] *= 0.7
    holes = rng.random(data.shape) < 0.3
    data = np.where(holes, rng.choice([np.nan, np.inf, -5.0, 0.0], data.shape), data)
    data[:, 4] = np.nan
    clean = make_signal(data).correct_jumps(common="never")
    found = clean.history[-1].found
    assert sorted(jump["label"] for jump in found["jumps"]) == ["0", "1", "2", "3"]
    assert found["not_searched"] == ["4"]
    good = np.where(holes[:, :4], np.nan, clean.data[:, :4])
    assert np.abs(residuals(good, left[:, :4], [(900, 0.3)])).max() <= 0.02
    rest = ~holes
    rest[880:920] = False
    assert np.isfinite(clean.data[:, :4][rest[:, :4]]).all()


def test_the_ends_that_cannot_be_searched_are_reported(make_signal):
    _, data = fading(np.inf, 1, 0.01, np.random.default_rng(9))
    first, last = make_signal(data).correct_jumps().history[-1].found["blind_rows"]
    for row in (first, N_VOLUMES - last - 1):
        found = make_signal(with_steps(data, [(row, 0.5)])).correct_jumps().history[-1].found
        assert [jump["row"] for jump in found["jumps"]] == [row]
    for row in (first - 1, N_VOLUMES - last):
        found = make_signal(with_steps(data, [(row, 0.5)])).correct_jumps().history[-1].found
        assert row not in [jump["row"] for jump in found["jumps"]]


def test_it_is_not_done_twice_by_mistake(make_signal):
    _, data = fading(np.inf, 1, 0.01, np.random.default_rng(10))
    once = make_signal(data).correct_jumps()
    with pytest.raises(AlreadyAppliedError):
        once.correct_jumps()
    assert len(once.correct_jumps(force=True).history) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"direction": "up"},
        {"common": True},
        {"threshold": 0.0},
        {"threshold": np.nan},
        {"half_window": 3},
        {"half_window": 20.5},
        {"transition": -1},
        {"common": "only"},
        {"at": 5.0},
        {"at": "5"},
        {"at": [np.nan]},
        {"threshold": "8"},
    ],
)
def test_impossible_options(make_signal, options):
    with pytest.raises(OptionError):
        make_signal(np.ones((200, 2))).correct_jumps(**options)


@pytest.mark.parametrize("at", [-1.0, 0.5, 99.0, 1e9])
def test_a_known_time_must_leave_samples_on_both_sides(make_signal, at):
    with pytest.raises(SignalError):
        make_signal(np.ones((200, 2))).correct_jumps(at=[at])


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (5, 0), (4, 2), (30, 1)])
def test_small_signals(make_signal, shape):
    assert make_signal(np.ones(shape)).correct_jumps().data.shape == shape
