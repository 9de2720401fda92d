"""Local backgrounds against plain numpy, voxel by voxel."""

import json

import numpy as np
import pytest

import wormio
from wormio.errors import OptionError
from wormio.extraction import (
    Annulus,
    Box,
    Ellipsoid,
    Max,
    PlanePercentile,
    Std,
    Sum,
    Weighted,
    background_from_json,
)
from wormio.model import ArrayRecording, Channel, Positions, VoxelSize


@pytest.fixture
def volumes():
    return np.random.default_rng(4).integers(0, 4000, (3, 5, 2, 26, 34)).astype(np.uint16)


@pytest.fixture
def recording(volumes):
    return ArrayRecording.from_volumes(
        volumes,
        voxel_size=VoxelSize(z=2.0, y=0.4, x=0.4),
        channels=[Channel(name="red", offset=100.0), Channel(name="green", offset=10.0)],
    )


# Two that touch each other's ring, one at the corner, one that is nowhere.
ZYX = np.array([[4.0, 10, 12], [4.0, 13, 17], [0.0, 0, 33], [80.0, 5, 5]])
WHERE = Positions.static(ZYX)


def ring_voxels(n, outer, inner, mask):
    """List the free voxels around neuron `n`, as (z, y, x), with loops."""
    centres = [(int(z / 2), int(y), int(x)) for z, y, x in ZYX[:3]]
    taken = {
        tuple(c + d - e // 2 for c, d, e in zip(centre, step, mask, strict=True))
        for centre in centres
        for step in np.ndindex(*mask)
    }
    found = []
    for step in np.ndindex(*outer):
        away = [d - e // 2 for d, e in zip(step, outer, strict=True)]
        if all(abs(d) <= e // 2 for d, e in zip(away, inner, strict=True)):
            continue
        voxel = tuple(c + d for c, d in zip(centres[n], away, strict=True))
        if voxel not in taken and all(0 <= i < s for i, s in zip(voxel, (5, 26, 34), strict=True)):
            found.append(voxel)
    return np.array(found)


@pytest.mark.parametrize("percentile", [50, 20.0])
def test_an_annulus_is_a_percentile_of_what_belongs_to_no_neuron(recording, volumes, percentile):
    background = Annulus(Box(3, 11, 11), Box(3, 7, 7), percentile)
    plain = wormio.extract(recording, WHERE)
    found = wormio.extract(recording, WHERE, background=background)
    for c, (name, dark) in enumerate({"red": 100.0, "green": 10.0}.items()):
        for n in range(3):
            z, y, x = ring_voxels(n, (3, 11, 11), (3, 7, 7), (3, 5, 5)).T
            expected = np.percentile(volumes[:, z, c, y, x], percentile, axis=1) - dark
            np.testing.assert_allclose(found[name].background[:, n], expected, rtol=1e-12)
            np.testing.assert_allclose(
                found[name].data[:, n], plain[name].data[:, n] - expected, rtol=1e-12, atol=1e-9
            )
        assert np.isnan(found[name].background[:, 3]).all()
        assert not found[name].valid[:, 3].any()
    assert plain["red"].background is None
    kept = found["red"].provenance.options["background"]
    assert background_from_json(json.loads(json.dumps(kept))) == background


def test_the_percentile_of_the_plane_is_numpys(recording, volumes):
    plain = wormio.extract(recording, WHERE, reducer=Sum())
    found = wormio.extract(recording, WHERE, reducer=Sum(), background=PlanePercentile(30))
    for c, (name, dark) in enumerate({"red": 100.0, "green": 10.0}.items()):
        for n, slot in enumerate((2, 2, 0)):
            plane = volumes[:, slot, c].reshape(3, -1)
            expected = np.percentile(plane, 30, axis=1) - dark
            np.testing.assert_allclose(found[name].background[:, n], expected, rtol=1e-12)
            count = plain[name].voxels[:, n]
            np.testing.assert_allclose(
                found[name].data[:, n], plain[name].data[:, n] - count * expected, rtol=1e-9
            )
        assert np.isnan(found[name].background[:, 3]).all()


def test_it_does_not_depend_on_batches_or_the_number_of_masks(recording, tmp_path):
    for background in (Annulus(), PlanePercentile(5)):
        whole = wormio.extract(recording, WHERE, background=background)
        small = wormio.extract(recording, WHERE, background=background, memory=1)
        assert whole == small
        several = wormio.extract(
            recording, WHERE, mask={"a": Box(), "b": Box(1, 1, 1)}, background=background
        )
        assert several["red/a"].background.tobytes() == whole["red"].background.tobytes()
    wormio.save(tmp_path / "traces.h5", whole)
    assert wormio.load(tmp_path / "traces.h5") == whole


def test_where_no_voxel_is_free_the_sample_is_not_valid(recording):
    background = Annulus(Box(1, 7, 7), Box(1, 1, 1))
    signal = wormio.extract(recording, WHERE, mask=Box(1, 9, 9), background=background)["red"]
    assert np.isnan(signal.background).all()
    assert not signal.valid.any()


def test_a_background_that_cannot_be_subtracted_is_refused(recording):
    weighted = Weighted([(0, 0, 0)], [1.0])
    for options in (
        {"reducer": Std()},
        {"reducer": Sum(), "mask": weighted},
        {"background": Box()},
        {"background": Annulus(Box(1, 3, 3), Box(1, 5, 5))},
        {"background": Annulus(outer=Weighted([[(0, 0, 1)]] * 4, [[1.0]] * 4))},
    ):
        with pytest.raises(OptionError):
            wormio.extract(recording, WHERE, **{"background": Annulus()} | options)
    assert wormio.extract(recording, WHERE, background=Annulus(), reducer=Max())["red"].valid.any()


@pytest.mark.parametrize(
    "tree",
    [{}, {"name": "ring"}, {"name": "annulus"}, {"name": "plane-percentile", "q": 3}],
    ids=str,
)
def test_json_that_describes_no_background_is_refused(tree):
    with pytest.raises(OptionError, match="no background"):
        background_from_json(tree)


def test_backgrounds_that_make_no_sense_are_refused():
    for make in (lambda: Annulus(percentile=101), lambda: PlanePercentile(-1)):
        with pytest.raises(OptionError, match="between 0 and 100"):
            make()


def test_backgrounds_come_back_from_json():
    for background in (Annulus(Ellipsoid(1, 20, 20), Box(1, 5, 5), 10), PlanePercentile(3)):
        assert background_from_json(json.loads(json.dumps(background.to_json()))) == background


def test_planes_of_one_volume_only_are_asked_of_that_volume(tmp_path):
    """Tracked neurons are in other planes from volume to volume, which are all that is read."""
    from wormio.testing import Phantom, Scan, write_leifer

    phantom = Phantom(Scan.synthetic(n_volumes=5), n_neurons=4, shape=(40, 56), n_stimuli=0)
    with wormio.open(write_leifer(phantom, tmp_path / "recording")) as recording:
        together = wormio.extract(recording, phantom.positions(), background=PlanePercentile(20))
        singly = wormio.extract(
            recording, phantom.positions(), background=PlanePercentile(20), memory=1
        )
        frame = together["green"].provenance.centre_frame[2, 1]
        plane = recording.frames[int(frame), 1] - 100.0
    assert together == singly
    assert together["green"].background[2, 1] == pytest.approx(np.percentile(plane, 20))
