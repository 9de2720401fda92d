"""Extraction through the map between the channels."""

import numpy as np
import pytest

import wormio
from wormio.errors import ExtractionError, MappingError, OptionError
from wormio.extraction import Box
from wormio.mapping import (
    Linear,
    OutsideWarning,
    PointMap,
    Projective,
    Space,
    Step,
    ThinPlate,
    fit,
    identity,
)
from wormio.model import ArrayRecording, Channel, Positions, VoxelSize
from wormio.testing import Phantom, Scan


def shifted(dy, dx, channel="green"):
    matrix = np.array([[1.0, 0, dy], [0, 1, dx]])
    return PointMap(
        steps=[Step(Linear(matrix))], source=Space(channel="red"), target=Space(channel=channel)
    )


@pytest.fixture(scope="module")
def recording():
    volumes = np.random.default_rng(1).integers(0, 60_000, (5, 4, 2, 20, 30)).astype(np.uint16)
    return ArrayRecording.from_volumes(
        volumes,
        voxel_size=VoxelSize(z=2.0, y=0.4, x=0.4),
        volume_interval=0.5,
        channels=[Channel(name="red"), Channel(name="green")],
    )


def test_a_mapped_channel_is_read_where_the_map_says(recording):
    where = Positions.static([[2.0, 6, 10], [4.0, 12, 7]])
    through = wormio.extract(recording, where, mask=Box(1, 3, 3), mapping=shifted(3, -2))
    there = Positions.static([[2.0, 9, 8], [4.0, 15, 5]])
    direct = wormio.extract(recording, where, mask=Box(1, 3, 3))
    moved = wormio.extract(recording, there, mask=Box(1, 3, 3))
    np.testing.assert_array_equal(through["red"].data, direct["red"].data)
    np.testing.assert_array_equal(through["green"].data, moved["green"].data)
    assert through["green"].provenance.options["mapping"]["green"]["target"]["channel"] == "green"
    np.testing.assert_array_equal(through["green"].provenance.positions.coords, where.coords)


def test_a_map_of_space_moves_the_plane_too(recording):
    up = np.column_stack([np.eye(3), [2.0, 0, 0]])
    mapping = {"green": PointMap(steps=[Step(Linear(up))])}
    where = Positions.static([[2.0, 6, 10]])
    through = wormio.extract(recording, where, mask=Box(1, 3, 3), mapping=mapping)
    moved = wormio.extract(recording, Positions.static([[4.0, 6, 10]]), mask=Box(1, 3, 3))
    np.testing.assert_array_equal(through["green"].data, moved["green"].data)
    np.testing.assert_array_equal(through["green"].sample_time, moved["green"].sample_time)
    assert (through["green"].sample_time > through["red"].sample_time).all()


def test_what_the_map_puts_outside_the_image_is_not_valid(recording):
    where = Positions.static([[2.0, 6, 10], [2.0, 18, 10]])
    found = wormio.extract(recording, where, mask=Box(1, 1, 1), mapping=shifted(5, 0))
    assert found["red"].valid.all()
    assert found["green"].valid[:, 0].all()
    assert not found["green"].valid[:, 1].any()
    assert np.isnan(found["green"].data[:, 1]).all()


def test_a_map_that_does_not_belong_here_is_refused(recording):
    where = Positions.static([[2.0, 6, 10]])
    with pytest.raises(OptionError, match="blue"):
        wormio.extract(recording, where, mapping=shifted(1, 1, "blue"))
    with pytest.raises(OptionError, match="into which channel"):
        wormio.extract(recording, where, mapping=identity())
    in_green = Positions(coords=where.coords, z_unit="um", channel="green")
    with pytest.raises(MappingError, match="another channel"):
        wormio.extract(recording, in_green, mapping=shifted(1, 1))


def test_what_is_no_map_into_that_channel_is_refused(recording):
    where = Positions.static([[2.0, 6, 10]])
    made = fit([[0, 0], [0, 9], [9, 0]], [[0, 0], [0, 9], [9, 0]])
    for given in (made, {"green": made}, "map.json"):
        with pytest.raises(OptionError, match="no map"):
            wormio.extract(recording, where, mapping=given)
    with pytest.raises(OptionError, match="goes into another"):
        wormio.extract(recording, where, mapping={"red": shifted(1, 1)})
    with pytest.raises(ExtractionError, match="every neuron outside"):
        wormio.extract(recording, where, mapping=shifted(500, 0))


def test_a_point_without_an_image_is_not_valid(recording):
    tilted = PointMap(
        steps=[Step(Projective([[1, 0, 0], [0, 1, 0], [-0.1, 0, 1]]))],
        source=Space(channel="red"),
        target=Space(channel="green"),
    )
    where = Positions.static([[2.0, 1, 10], [2.0, 15, 10]])
    with pytest.warns(OutsideWarning, match="1 of 2 points have no image"):
        found = wormio.extract(recording, where, mask=Box(1, 1, 1), mapping=tilted)
    assert found["green"].valid[:, 0].all()
    assert not found["green"].valid[:, 1].any()


@pytest.mark.parametrize("channels", ["green", ["green", "red"], None])
def test_the_order_and_choice_of_channels_does_not_matter(recording, channels):
    where = Positions.static([[2.0, 6, 10], [4.0, 12, 7]])
    moved = Positions.static([[2.0, 9, 8], [4.0, 15, 5]])
    direct = wormio.extract(recording, moved, mask=Box(1, 3, 3))
    through = wormio.extract(
        recording, where, mask=Box(1, 3, 3), mapping=shifted(3, -2), channels=channels
    )
    np.testing.assert_array_equal(through["green"].data, direct["green"].data)


def test_a_large_map_comes_back_from_the_file_of_signals(recording, tmp_path):
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 20, (800, 2))  # far more than an attribute of HDF5 can hold
    big = PointMap(
        steps=[
            Step(
                ThinPlate(
                    knots=points,
                    weights=rng.normal(0, 1e-6, (800, 2)),
                    affine=[[0, 0], [1, 0], [0, 1]],
                    centre=[0, 0],
                    scale=1,
                )
            )
        ],
        source=Space(channel="red"),
        target=Space(channel="green"),
        provenance={"from": ("a", "b")},
    )
    signals = wormio.extract(recording, Positions.static([[2.0, 6, 10]]), mapping=big)
    wormio.save(tmp_path / "signals.h5", signals)
    kept = wormio.load(tmp_path / "signals.h5")["green"].provenance.options["mapping"]["green"]
    assert PointMap.from_json(kept) == big


def test_the_phantoms_green_is_recovered_through_its_map():
    angle = np.deg2rad(1.0)
    turn = 1.01 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([48.0, 64.0])
    matrix = np.column_stack([turn, middle - turn @ middle + [7.0, -9.0]])
    channel_map = PointMap(
        steps=[Step(Linear(matrix))], source=Space(channel="red"), target=Space(channel="green")
    )
    phantom = Phantom(
        Scan.synthetic(n_volumes=40, planes=17.0),
        n_neurons=10,
        shape=(96, 128),
        n_stimuli=2,
        motion_px=0.1,
        channel_map=channel_map,
    )
    recording = phantom.recording()

    def correlations(mapping):
        signal = wormio.extract(recording, phantom.positions(), mapping=mapping)["green"]
        found = []
        for n in range(10):
            valid = signal.valid[:, n]
            truth = phantom.brightness("green", signal.sample_time[valid, n])[:, n]
            found.append(np.corrcoef(signal.data[valid, n], truth)[0, 1])
        return np.array(found)

    assert np.median(correlations(channel_map)) >= 0.99
    assert np.median(correlations(None)) < 0.8
