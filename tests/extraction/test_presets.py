"""The published numbers of wormdatamodel 1.5, written from their description in plain numpy."""

import numpy as np
import pytest

import wormio
from wormio.errors import OptionError
from wormio.extraction import Box, Weighted
from wormio.model import (
    ArrayRecording,
    Channel,
    Labels,
    Origin,
    Positions,
    Timeline,
    VoxelSize,
    stored_in_order,
)

N_VOLUMES, N_PLANES, DARK = 5, 9, 200.0
PRESET = "wormdatamodel-1.5"


def scan(pixels, first=2, planes=N_PLANES):
    """A recording whose complete volumes begin at frame `first`, with frames before and after."""
    frames = len(pixels)
    starts = np.arange(first, frames - planes + 1, planes)
    timeline = Timeline(
        time=np.arange(frames) * 0.01,
        count=np.arange(frames),
        volumes=np.stack([starts, starts + planes], axis=1),
        volume_counts=np.stack([starts, starts + planes], axis=1),
        direction=np.ones(frames, int),
        stored=stored_in_order(frames, pixels.shape[1]),
        origins=dict.fromkeys(("time", "count", "volume", "direction"), Origin.MEASURED),
    )
    channels = [Channel(name="red", offset=DARK), Channel(name="green", offset=DARK)]
    return ArrayRecording(pixels, timeline, channels=channels)


def published(pixels, where, offsets, *, first=2, planes=N_PLANES, spread=3):
    """Return (volumes, neurons) of one channel, step by step as it was done."""
    found = np.empty(where.shape[:2])
    for t, points in enumerate(where):
        begin = first + t * planes - 1  # the last frame of the volume before
        volume = pixels[begin : begin + planes].astype(float) - DARK
        volume[volume < 0] = 0
        for n, point in enumerate(points):
            voxels = []
            for offset in offsets:
                index = np.floor(np.array(point) + 0.5).astype(int)
                for _ in range(spread):  # once for each coordinate
                    index = index + offset
                voxels.append(volume[tuple(np.clip(index, 0, np.array(volume.shape) - 1))])
            found[t, n] = np.mean(voxels)
    return found


@pytest.fixture
def pixels():
    rng = np.random.default_rng(7)
    return rng.integers(0, 1000, (N_VOLUMES * N_PLANES + 4, 2, 30, 40)).astype(np.uint16)


def tracked(n_neurons=12, planes=N_PLANES):
    rng = np.random.default_rng(8)
    return rng.uniform(0, (planes - 1, 29, 39), (N_VOLUMES, n_neurons, 3))


def test_a_box_is_read_as_it_was_published(pixels):
    where = tracked()
    offsets = np.indices((1, 3, 3)).reshape(3, -1).T - [0, 1, 1]
    signals = wormio.extract(
        scan(pixels), Positions.tracked(where, z_unit="frame"), mask=Box(1, 3, 3), preset=PRESET
    )
    for c, name in enumerate(("red", "green")):
        expected = published(pixels[:, c], where, offsets)
        np.testing.assert_allclose(signals[name].data, expected, rtol=1e-12, atol=1e-12)


def test_three_dimensional_boxes_and_weights(pixels):
    where = tracked()
    offsets = np.indices((3, 3, 5)).reshape(3, -1).T - [1, 1, 2]
    weights = np.random.default_rng(9).random(len(offsets))
    expected = published(pixels[:, 1], where, offsets)
    points = Positions.tracked(where, z_unit="frame")
    for mask in (Box(3, 3, 5), Weighted(offsets, weights)):
        found = wormio.extract(scan(pixels), points, mask=mask, preset=PRESET, channels="green")
        np.testing.assert_allclose(found["green"].data, expected, rtol=1e-12, atol=1e-12)
        assert (found["green"].voxels == 45).all()
        assert found["green"].provenance.options["preset"] == PRESET
        assert found["green"].provenance.options["mask"] == mask.to_json()


def test_a_box_of_1x3x3_reads_7_10_and_13_there_and_9_to_11_by_default():
    pixels = np.zeros((20, 1, 30, 40), np.uint16)
    pixels[:, :] = 1000 + np.arange(40)
    pixels[..., 10] += 5000
    recording = scan(np.repeat(pixels, 2, axis=1))
    point = Positions.tracked(np.full((2, 1, 3), [4, 10, 10.0]), z_unit="frame")
    columns = {None: (9, 10, 11), PRESET: (7, 10, 13)}
    for preset, read in columns.items():
        found = wormio.extract(recording, point, mask=Box(1, 3, 3), preset=preset)["red"]
        expected = np.mean([1000 + x + (5000 if x == 10 else 0) for x in read]) - DARK
        np.testing.assert_allclose(found.data, expected, rtol=1e-12)


def test_recordings_of_single_planes_are_spread_twice(pixels):
    where = tracked(planes=1)
    recording = scan(pixels[:8], first=2, planes=1)
    offsets = np.indices((1, 3, 3)).reshape(3, -1).T - [0, 1, 1]
    points = Positions.tracked(where[:5].repeat(2, axis=0)[:6], z_unit="frame")
    found = wormio.extract(recording, points, mask=Box(1, 3, 3), preset=PRESET)["red"]
    expected = published(pixels[:, 0], points.coords, offsets, planes=1, spread=2)
    np.testing.assert_allclose(found.data, expected, rtol=1e-12, atol=1e-12)


def test_nothing_of_it_happens_by_default(pixels):
    dark = scan(np.full_like(pixels, 150))
    points = Positions.tracked(tracked(), z_unit="frame")
    assert (wormio.extract(dark, points, preset=PRESET)["red"].data == 0).all()
    assert (wormio.extract(dark, points)["red"].data == -50).all()
    own = wormio.extract(scan(pixels), points)["red"].provenance
    early = wormio.extract(scan(pixels), points, preset=PRESET)["red"].provenance
    assert (early.centre_frame == own.centre_frame - 1).all()


def test_a_volume_that_begins_with_the_recording_has_no_frame_before_it(pixels):
    points = Positions.tracked(np.tile([[0.0, 9, 9], [1, 9, 9]], (N_VOLUMES, 1, 1)), z_unit="frame")
    found = wormio.extract(scan(pixels, first=0), points, preset=PRESET)["red"]
    assert found.valid[:, 0].tolist() == [False, True, True, True, True]
    assert found.valid[:, 1].all()


def test_mapped_positions_are_rounded(pixels):
    where = tracked()
    shifted = np.clip(where + np.array([0, 0.3, -0.4]), 0, (8, 29, 39))
    recording = scan(pixels)
    by_channel = {
        "red": Positions.tracked(where, z_unit="frame"),
        "green": Positions.tracked(shifted, z_unit="frame"),
    }
    offsets = np.indices((1, 3, 3)).reshape(3, -1).T - [0, 1, 1]
    found = wormio.extract(recording, by_channel, mask=Box(1, 3, 3), preset=PRESET)["green"]
    expected = published(pixels[:, 1], shifted, offsets)
    np.testing.assert_allclose(found.data, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "wormdatamodel"}, "unknown preset"),
        ({"preset": PRESET, "boundary": "nan"}, "repeats the edges"),
        ({"preset": PRESET, "subpixel": "linear"}, "rounds positions"),
    ],
)
def test_what_the_preset_does_not_go_with_is_refused(pixels, options, message):
    points = Positions.tracked(tracked(), z_unit="frame")
    with pytest.raises(OptionError, match=message):
        wormio.extract(scan(pixels), points, **options)


def test_the_preset_needs_positions_in_frames():
    recording = ArrayRecording.from_volumes(
        np.zeros((2, 3, 1, 9, 9), np.uint16), voxel_size=VoxelSize(z=1, y=1, x=1)
    )
    for where in (Positions.static([[1, 4, 4]]), Labels(image=np.ones((3, 9, 9), int))):
        with pytest.raises(OptionError, match="counts the frames"):
            wormio.extract(recording, where, preset=PRESET)
