"""Every choice on rows that are read in place, against the same recording as an array in memory."""

import numpy as np
import pytest

import wormio
from wormio.extraction import (
    Annulus,
    Box,
    Ellipsoid,
    Max,
    Median,
    PlanePercentile,
    Weighted,
)
from wormio.model import ArrayRecording, Labels, MappableFrames, Positions
from wormio.testing import Phantom, Scan, write_leifer

SHAPE = (48, 64)


@pytest.fixture(scope="module")
def phantom():
    return Phantom(Scan.synthetic(n_volumes=4, seed=2), n_neurons=9, shape=SHAPE, n_stimuli=1)


@pytest.fixture(scope="module")
def both(phantom, tmp_path_factory):
    """The recording in a file that is read by rows, and whole in memory."""
    path = write_leifer(phantom, tmp_path_factory.mktemp("lab") / "monday")
    with wormio.open(path) as recording:
        assert isinstance(recording.frames, MappableFrames)
        pixels = np.asarray(recording.frames[:])
        yield recording, ArrayRecording(pixels, recording.timeline, channels=recording.channels)


def in_frames(timeline):
    rng = np.random.default_rng(0)
    deepest = int(np.diff(timeline.volumes).min()) - 1
    zyx = rng.uniform((0, 0, 0), (deepest, 47, 63), (10, 3))
    return Positions.tracked(np.tile(zyx, (timeline.n_volumes, 1, 1)), z_unit="frame")


def labels(timeline):
    rng = np.random.default_rng(1)
    image = np.zeros((timeline.n_volumes, int(timeline.n_slots.max()), *SHAPE), np.int64)
    for volume in image:
        for label in range(1, 9):
            z, y, x = rng.integers((1, 3, 3), (len(volume) - 1, 45, 60))
            near = volume[z - 1 : z + 2, y - 2 : y + 3, x - 2 : x + 3]
            near[rng.random(near.shape) < 0.8] = label
    return Labels(image=image)


GRID = np.indices((3, 5, 5)).reshape(3, -1).T - np.array([1, 2, 2])


@pytest.mark.parametrize(
    "options",
    [
        {"mask": {"soma": Box(), "ring": Ellipsoid(3, 9, 9)}},
        {"mask": Weighted(GRID, np.random.default_rng(2).random((9, 75)))},
        {"subpixel": "linear", "reducer": Median()},
        {"background": Annulus()},
        {"background": Annulus(), "boundary": "nan", "subpixel": "linear"},
        {"background": PlanePercentile(10), "boundary": "clip"},
        {"where": labels},
        {"where": labels, "boundary": "clip", "reducer": Max()},
        {"where": labels, "boundary": "nan", "background": Annulus()},
        {"where": in_frames, "preset": "wormdatamodel-1.5"},
        {"where": in_frames, "preset": "wormdatamodel-1.5", "background": PlanePercentile()},
    ],
    ids="-".join,
)
def test_rows_in_place_give_the_same_as_memory_however_cut(phantom, both, options):
    recording, memory = both
    options = dict(options)
    make = options.pop("where", None)
    where = phantom.positions() if make is None else make(recording.timeline)
    expected = wormio.extract(memory, where, **options)
    for limit in (1 << 30, 1):
        found = wormio.extract(recording, where, memory=limit, **options)
        assert found.keys() == expected.keys()
        for name, signal in found.items():
            assert signal.valid.any()
            for column in ("data", "voxels", "saturated", "background", "sample_time"):
                one, other = getattr(signal, column), getattr(expected[name], column)
                np.testing.assert_array_equal(one, other, err_msg=f"{name} {column}")
