"""A real file that nobody here wrote: what is known of it, and tifffile's reading of its twin."""

import numpy as np
import pytest
import wormio
from wormio.model import Origin

NAME = "xyz_8bit__mitotic_plate_calibrated"


@pytest.fixture
def path(real_data):
    return real_data / "ome_zarr" / f"{NAME}.ome.zarr"


def test_the_mitotic_plate_is_equal_to_the_tiff_beside_it(path):
    import tifffile

    assert wormio.contents(path) == []
    with wormio.open(path) as recording:
        assert recording.frames.shape == (6, 1, 263, 263)
        assert recording.frames.dtype == np.uint8
        twin = tifffile.imread(path.with_name(f"{NAME}.tiff"))
        assert np.array_equal(recording.frames[:, 0], twin)
        # From its own metadata: 0.08519643 um a pixel, 3 um a plane; one stack has no times.
        assert recording.voxel_size.x == pytest.approx(0.08519643016734027)
        assert recording.timeline.z.tolist() == [0, 3, 6, 9, 12, 15]
        assert recording.timeline.origins["z"] == Origin.NOMINAL
        assert recording.timeline.origins["time"] == Origin.UNKNOWN
        assert recording.timeline.volumes.tolist() == [[0, 6]]
        assert [channel.name for channel in recording.channels] == ["Channel 0"]
        assert recording.findings == ()


def test_its_lower_resolution_opens_as_a_plain_array(path):
    with wormio.open(path, dataset="0/1", axes="TCZYX") as recording:
        assert recording.frames.shape == (6, 1, 131, 131)
