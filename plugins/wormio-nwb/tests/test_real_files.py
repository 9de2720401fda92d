"""Real files of several versions of the schema: what each is expected to give."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import wormio
from wormio.errors import (
    CorruptRecordingError,
    FormatError,
    MissingPartError,
    TruncatedRecordingError,
    UnsupportedCapabilityError,
)
from wormio.registry import read_positions


@pytest.mark.parametrize(
    ("name", "error", "told"),
    [
        # Of schema 2.5, wrong on purpose. All three name a file "external_file" that is not there;
        # the last also has three starting frames for one file.
        ("2.1.0_imageseries_no_data", MissingPartError, "external_file"),
        ("2.1.0_imageseries_non_external_format", MissingPartError, "external_file"),
        ("2.1.0_imageseries_nonmatch_starting_frame", CorruptRecordingError, "starting_frame"),
        # Of schema 2.0b.
        ("test_ImagingPlane", FormatError, r"imgpln1 \(ImagingPlane\)"),
        ("test_OptogeneticSeries", FormatError, r"acquisition/stim_series \(OptogeneticSeries\)"),
        ("test_PlaneSegmentation", FormatError, r"test_plane_seg_name \(PlaneSegmentation\)"),
        ("test_RoiResponseSeries", FormatError, r"\(RoiResponseSeries\)"),
        ("test_TimeIntervals", FormatError, r"intervals/epochs \(TimeIntervals\)"),
        # One image of 2 x 4, ten time stamps.
        ("test_TwoPhotonSeries", TruncatedRecordingError, "10 time points"),
    ],
)
def test_what_does_not_open_says_why(real_data: Path, name, error, told) -> None:
    with pytest.raises(error, match=told):
        wormio.open(real_data / "nwb" / f"{name}.nwb")
    assert wormio.explain(real_data / "nwb" / f"{name}.nwb").best[0].format == "nwb"


def test_the_cut_series_opens_as_far_as_it_goes(real_data: Path) -> None:
    path = real_data / "nwb" / "test_TwoPhotonSeries.nwb"
    with wormio.open(path, allow_truncated=True) as recording, h5py.File(path) as file:
        stored = file["acquisition/test_2ps/data"][()]  # time, width, height
        assert recording.frames.shape == (1, 1, 4, 2)
        assert np.array_equal(recording.frames[0, 0], stored[0].T)
        assert recording.timeline.time.tolist() == [0.0]
        assert recording.timeline.clock.start == "1971-01-01T12:00:00+00:00"
        (channel,) = recording.channels
        assert (channel.name, channel.indicator) == ("optchan1", "GFP")
        assert (channel.excitation_nm, channel.emission_nm) == (600.0, 500.0)
        assert [finding.code for finding in recording.findings] == ["truncated"]


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("2.1.0_imageseries_no_data", []),
        ("2.1.0_imageseries_non_external_format", ["format-contradiction"]),
    ],
)
def test_with_their_images_the_wrong_series_say_what_else_is_wrong(
    real_data: Path, tmp_path: Path, name, codes
) -> None:
    path = tmp_path / "a.nwb"
    path.write_bytes((real_data / "nwb" / f"{name}.nwb").read_bytes())
    with wormio.open(path, metadata_only=True) as recording:
        assert recording.timeline.time.tolist() == [1.0, 2.0, 3.0]
        assert [finding.code for finding in recording.findings] == codes
    (tmp_path / "external_file").write_bytes(b"RIFF, a film")
    with pytest.raises(UnsupportedCapabilityError):
        wormio.open(path)
    images = np.zeros((3, 2, 2), "u1")
    tifffile.imwrite(tmp_path / "external_file", images, photometric="minisblack")
    with pytest.raises(CorruptRecordingError, match="starting_frame"):  # it begins with 1
        wormio.open(path)


@pytest.mark.parametrize("name", ["test_PlaneSegmentation", "test_RoiResponseSeries"])
def test_positions_of_the_real_tables(real_data: Path, name) -> None:
    path = real_data / "nwb" / f"{name}.nwb"
    # pixel_mask (x, y, weight): (1, 2, 1), (3, 4, 1), (5, 6, 1); (7, 8, 2), (9, 10, 2).
    found = read_positions(path)
    assert found.coords.tolist() == [[0, 4, 3], [0, 9, 8]]
    assert found.labels == ("0", "1")
    with h5py.File(path) as file:
        images = file[
            "processing/plane_seg_test_module/ImageSegmentation/test_plane_seg_name/image_mask"
        ][()]
    x, y = np.nonzero(images[0])
    wanted = [np.average(one, weights=images[0][x, y]) for one in (y, x)]
    assert read_positions(path, mask="image_mask").coords[0].tolist() == [0, *wanted]


def test_the_real_intervals_on_a_recording(real_data: Path, tmp_path: Path) -> None:
    """The table of the real file, with images put beside it in a copy."""
    path = tmp_path / "a.nwb"
    path.write_bytes((real_data / "nwb" / "test_TimeIntervals.nwb").read_bytes())
    with h5py.File(path, "r+") as file:
        group = file.create_group("acquisition/images")
        group.attrs.update({"neurodata_type": "ImageSeries", "namespace": "core"})
        group["data"] = np.arange(40, dtype="u1").reshape(10, 2, 2)
        group["timestamps"] = np.arange(10) * 0.1
    with wormio.open(path) as recording:
        events = recording.events["epochs"]
        assert events.time.tolist() == pytest.approx([0.2, 0.25, 0.3, 0.35])
        assert events.duration.tolist() == pytest.approx([0.05, 0.05, 0.1, 0.1], abs=1e-6)
        assert events.properties["bar"].values.tolist() == ["fish", "fowl", "dog", "cat"]
        assert events.properties["foo"].values.tolist() == [1, 2, 3, 4]
        # tags_index of the file: 0, 0, 2, 3
        tags = ["[]", "[]", '["fizz", "buzz"]', '["qaz"]']
        assert events.properties["tags"].values.tolist() == tags
        (finding,) = recording.findings
        assert finding.code == "columns-unread" and "timeseries" in finding.message
