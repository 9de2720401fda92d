"""Data sets that Micro-Manager wrote: `ndtiff/` of wormio's test data (from nicost/NDTiffStorage).

Pixels are compared with what ndstorage and tifffile read; facts are those of the data's README,
or of the JSON of single images.
"""

import json
from pathlib import Path

import ndstorage
import numpy as np
import pytest
import tifffile
import wormio
from wormio.model import Origin

# Folder, frames, channels, z, and the axes by which ndstorage finds frame f, channel c.
DATASETS = [
    ("ndtiff3.2_11bit_1", (10, 1, 64, 64), lambda f, c: {"time": f}),
    (
        "ndtiff3.2_multichannel",
        (128, 2, 64, 64),
        lambda f, c: {"time": f // 16, "z": f % 16, "channel": ("DAPI", "FITC")[c]},
    ),
    ("ndtiffv2.0_test", (5, 2, 32, 32), lambda f, c: {"time": f, "channel": c}),
    ("ndtiffv3.0_test", (5, 2, 32, 32), lambda f, c: {"time": f, "channel": c}),
]


@pytest.mark.parametrize(("name", "shape", "axes"), DATASETS)
def test_pixels_are_those_that_ndstorage_reads(real_data, name, shape, axes):
    folder = real_data / "ndtiff" / name
    with wormio.open(folder) as recording:
        assert recording.frames.shape == shape
        assert recording.frames.dtype == np.uint16
        found = recording.frames[:]
    library = ndstorage.Dataset(str(folder))
    try:
        for frame in range(shape[0]):
            for channel in range(shape[1]):
                expected = library.read_image(**axes(frame, channel))
                np.testing.assert_array_equal(found[frame, channel], expected)
    finally:
        library.close()


@pytest.mark.parametrize(("name", "shape", "axes"), DATASETS)
def test_pixels_are_those_that_tifffile_reads(real_data, name, shape, axes):
    folder = real_data / "ndtiff" / name
    index = next(folder.rglob("NDTiff.index"))
    entries = list(tifffile.read_ndtiff_index(index))
    pages = tifffile.imread(index.parent / entries[0][1], key=range(len(entries)))
    place = {tuple(sorted(entry[0].items())): i for i, entry in enumerate(entries)}
    with wormio.open(folder) as recording:
        found, stored = recording.frames[:], recording.timeline.stored
    for frame in range(shape[0]):
        for channel in range(shape[1]):
            page = place[tuple(sorted(axes(frame, channel).items()))]
            assert stored[frame, channel] == page
            np.testing.assert_array_equal(found[frame, channel], pages[page])


def test_the_multichannel_stack_is_what_its_readme_says(real_data):
    with wormio.open(real_data / "ndtiff/ndtiff3.2_multichannel") as recording:
        timeline = recording.timeline
        assert [channel.name for channel in recording.channels] == ["DAPI", "FITC"]
        assert timeline.volumes.tolist() == [[16 * t, 16 * t + 16] for t in range(8)]
        np.testing.assert_allclose(timeline.z, np.tile(0.4 * np.arange(16), 8))
        # Where the drive was sent to; what it said of itself was its cached 6.0 throughout.
        assert timeline.origins["z"] == Origin.NOMINAL
        assert recording.voxel_size.z == pytest.approx(0.4)
        assert recording.voxel_size.x == recording.voxel_size.y == 1.0
        # ElapsedTime-ms of DAPI: 0, 36, 66; its stack came before that of FITC, 184 ms earlier.
        assert timeline.time[:3].tolist() == [0, 0.036, 0.066]
        assert timeline.origins["time"] == Origin.MEASURED
        assert [channel.time_offset for channel in recording.channels] == [
            0,
            pytest.approx(0.184),
        ]
        assert timeline.clock.start == "2022-12-26T16:25:52"
        assert recording.metadata["version"] == "3.2"
        assert recording.metadata["display_settings"]["FITC"]["BitDepth"] == 16
        assert [finding.code for finding in recording.findings] == ["computer-clock"]


def test_times_of_a_fast_sequence_are_those_of_the_core(real_data):
    with wormio.open(real_data / "ndtiff/ndtiff3.2_11bit_1") as recording:
        timeline = recording.timeline
        assert recording.metadata["bit_depth"] == 11
        # ElapsedTime-ms is 0 ten times; TimeReceivedByCore ends with .811962, .822458, .832697.
        assert timeline.time[:3].tolist() == [0, 0.010496, 0.020735]
        assert timeline.clock.start == "2023-02-18T18:21:40.811962"
        assert timeline.n_volumes == 10
        assert timeline.origins["z"] == Origin.UNKNOWN
        json.dumps(recording.metadata, allow_nan=False)


def test_a_fast_sequence_is_of_volumes_if_the_user_says_so(real_data):
    folder = real_data / "ndtiff/ndtiff3.2_11bit_1"
    with wormio.open(folder, planes=4, um_per_plane=2.0) as recording:
        timeline = recording.timeline
        assert timeline.volumes.tolist() == [[0, 4], [4, 8]]
        assert timeline.z.tolist() == [0, 2, 4, 6, 0, 2, 4, 6, 0, 2]
        assert timeline.origins["z"] == Origin.USER
        assert timeline.volume.tolist() == [0] * 4 + [1] * 4 + [-1] * 2


@pytest.mark.parametrize("name", ["ndtiffv2.0_test", "ndtiffv3.0_test"])
def test_channels_of_the_older_versions_are_named_by_their_images(real_data, name):
    with wormio.open(real_data / "ndtiff" / name) as recording:
        assert [channel.name for channel in recording.channels] == ["DAPI", "FITC"]
        assert recording.metadata["version"] == name[7:10]


@pytest.mark.parametrize(("name", "shape", "axes"), DATASETS)
def test_each_file_of_a_data_set_opens_it(real_data, name, shape, axes):
    folder = real_data / "ndtiff" / name
    index = next(folder.rglob("NDTiff.index"))
    with wormio.open(folder) as recording:
        expected = recording.recording_id
    for path in (index, index.parent, *index.parent.glob("*.tif")):
        with wormio.open(path, "ndtiff") as recording:
            assert recording.recording_id == expected
            assert Path(recording.source.arguments["path"]) == folder
