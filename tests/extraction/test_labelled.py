"""Extraction by label images, against plain numpy over the voxels of each label."""

import numpy as np
import pytest

import wormio
from wormio.errors import ExtractionError, OptionError
from wormio.extraction import Box, Max, Median, Sum
from wormio.model import ArrayRecording, Labels, VoxelSize


@pytest.fixture
def volumes():
    return np.random.default_rng(3).integers(0, 60_000, (4, 6, 2, 24, 30)).astype(np.uint16)


@pytest.fixture
def recording(volumes):
    return ArrayRecording.from_volumes(volumes, voxel_size=VoxelSize(z=2.0, y=0.4, x=0.4))


def blobs(seed=0, n_volumes=None, n_labels=7):
    """A label image of scattered voxels: labels of any shape, touching, with holes."""
    rng = np.random.default_rng(seed)
    shape = (6, 24, 30) if n_volumes is None else (n_volumes, 6, 24, 30)
    image = np.zeros(shape, np.int64)
    z, y, x = np.indices(shape[-3:])
    for volume in image.reshape(-1, 6, 24, 30):
        for label in range(1, n_labels + 1):
            cz, cy, cx = rng.uniform(0, (6, 24, 30))
            near = (z - cz) ** 2 * 6 + (y - cy) ** 2 + (x - cx) ** 2 < rng.uniform(8, 40)
            volume[near & (rng.random(near.shape) < 0.8)] = 10 * label
    return image


def test_static_labels_are_numpys_over_their_voxels(recording, volumes):
    image = blobs()
    labels = Labels(image=image, values=np.unique(image)[:0:-1])  # in another order than the values
    functions = {Sum(): np.sum, Median(): np.median, Max(): np.max}
    for reducer, function in functions.items():
        found = wormio.extract(recording, labels, reducer=reducer)
        for c, signal in enumerate(found.values()):
            assert signal.labels == labels.names
            for n, value in enumerate(labels.values):
                voxels = volumes[:, :, c][:, image == value]
                assert (signal.voxels[:, n] == voxels.shape[1]).all()
                assert signal.data[:, n].tolist() == function(voxels.astype(float), axis=1).tolist()


def test_labels_of_each_volume_are_numpys_and_absent_ones_are_nan(recording, volumes):
    image = blobs(1, n_volumes=4)
    image[2][image[2] == 30] = 0
    labels = Labels(image=image)
    signal = wormio.extract(recording, labels, channels=1, reducer=Sum(), memory=1)
    (signal,) = signal.values()
    for t in range(4):
        for n, value in enumerate(labels.values):
            voxels = volumes[t, :, 1][image[t] == value]
            assert signal.voxels[t, n] == len(voxels)
            assert signal.valid[t, n] == (len(voxels) > 0)
            if len(voxels):
                assert signal.data[t, n] == voxels.sum()
    whole = wormio.extract(recording, labels, channels=1, reducer=Sum())
    assert whole["channel-1"] == signal


def test_a_label_has_the_time_of_the_plane_that_halves_it(recording):
    image = np.zeros((6, 24, 30), np.int64)
    image[1:4, 5, 5] = 1
    image[2, 9, 9:20] = 2
    signal = wormio.extract(recording, Labels(image=image))["channel-0"]
    frames = np.arange(4)[:, None] * 6 + 2
    assert signal.provenance.centre_frame.tolist() == np.repeat(frames, 2, axis=1).tolist()
    assert signal.provenance.positions.z_unit == "frame"
    assert signal.provenance.positions.coords[0].tolist() == [[2, 5, 5], [2, 9, 14]]
    described = signal.provenance.options["mask"]
    assert (described["name"], described["shape"]) == ("labels", [6, 24, 30])


def test_labels_survive_a_file(recording, tmp_path):
    signals = wormio.extract(recording, Labels(image=blobs()))
    wormio.save(tmp_path / "traces.h5", signals)
    assert wormio.load(tmp_path / "traces.h5") == signals


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.ones((6, 24, 31), int), "another size"),
        (np.ones((5, 24, 30), int), "another number of planes"),
        (np.ones((3, 6, 24, 30), int), "another number of volumes"),
        (np.zeros((6, 24, 30), int), "no labels"),
    ],
)
def test_label_images_that_do_not_fit_are_refused(recording, image, message):
    with pytest.raises(ExtractionError, match=message):
        wormio.extract(recording, Labels(image=image))


def test_labels_that_are_nowhere_are_refused(recording):
    labels = Labels(image=np.ones((6, 24, 30), int), values=[5])
    with pytest.raises(ExtractionError, match="not one label"):
        wormio.extract(recording, labels)


def test_labels_take_neither_masks_nor_maps(recording):
    labels = Labels(image=blobs())
    with pytest.raises(OptionError, match="their mask"):
        wormio.extract(recording, labels, mask=Box())
    with pytest.raises(OptionError, match="counts the frames"):
        wormio.extract(recording, labels, preset="wormdatamodel-1.5")
