"""Image series whose images are in TIFF files beside the NWB file."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import wormio
from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    TruncatedRecordingError,
    UnsafeReferenceError,
    UnsupportedCapabilityError,
)

from wormio_nwb.writer import series, session

IMAGES = np.arange(5 * 3 * 4, dtype="u2").reshape(5, 3, 4)


def _write(folder: Path, names, starts=None, **timing) -> Path:
    path = folder / "a.nwb"
    with session(path) as file:
        group = series(file, "acquisition/film", "ImageSeries", np.zeros((0, 0, 0), "u1"), **timing)
        group["external_file"] = names
        group["format"] = "external"
        if starts is not None:
            group["external_file"].attrs["starting_frame"] = starts
    return path


def test_files_follow_each_other(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    tifffile.imwrite(tmp_path / "images" / "b.tif", IMAGES[:3], photometric="minisblack")
    tifffile.imwrite(tmp_path / "images" / "a.tif", IMAGES[3:4], photometric="minisblack")
    tifffile.imwrite(tmp_path / "c.tiff", IMAGES[4])
    names = ["images/b.tif", ".\\images\\a.tif", "c.tiff"]
    path = _write(tmp_path, names, [0, 3, 4], times=np.arange(5) * 0.1)
    with wormio.open(path) as recording:
        assert np.array_equal(recording.frames[:, 0], IMAGES)
        assert recording.timeline.time.tolist() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
        assert recording.timeline.stored[:, 0].tolist() == [0, 1, 2, 3, 4]
        assert len(recording.source.arguments["parts"]) == 4
    with pytest.raises(wormio.errors.RecordingClosedError):
        recording.frames[0]


def test_the_file_says_what_it_knows_without_its_images(tmp_path: Path) -> None:
    path = _write(tmp_path, ["gone.tif"], [0], times=[1.0, 2.0])
    with pytest.raises(MissingPartError, match=r"gone\.tif"):
        wormio.open(path)
    with wormio.open(path, metadata_only=True) as recording:
        assert recording.timeline.time.tolist() == [1.0, 2.0]
        with pytest.raises(MissingPartError):
            recording.frames[0]


@pytest.mark.parametrize(
    ("names", "error"),
    [
        (["../b.tif"], UnsafeReferenceError),
        (["/etc/b.tif"], UnsafeReferenceError),
        (["..\\b.tif"], UnsafeReferenceError),
        (["film.avi"], UnsupportedCapabilityError),
        ([""], CorruptRecordingError),
        (["sub/../../b.tif"], UnsafeReferenceError),
    ],
)
def test_no_file_from_elsewhere_and_no_film(tmp_path: Path, names, error) -> None:
    home = tmp_path / "recording"
    home.mkdir()
    (home / "film.avi").write_bytes(b"RIFF")
    tifffile.imwrite(tmp_path / "b.tif", IMAGES, photometric="minisblack")
    with pytest.raises(error):
        wormio.open(_write(home, names))


def test_trust_follows_a_file_outside(tmp_path: Path) -> None:
    home = tmp_path / "recording"
    home.mkdir()
    tifffile.imwrite(tmp_path / "b.tif", IMAGES, photometric="minisblack")
    path = _write(home, ["../b.tif"])
    with wormio.open(path, trust=True) as recording:
        assert np.array_equal(recording.frames[:, 0], IMAGES)
    (home / "link.tif").symlink_to(tmp_path / "b.tif")
    with pytest.raises(UnsafeReferenceError):
        wormio.open(_write(home, ["link.tif"]))


@pytest.mark.parametrize("starts", [[1], [0, 1], []])
def test_starting_frames_must_fit(tmp_path: Path, starts) -> None:
    tifffile.imwrite(tmp_path / "b.tif", IMAGES, photometric="minisblack")
    with pytest.raises(CorruptRecordingError, match="starting_frame"):
        wormio.open(_write(tmp_path, ["b.tif"], starts))


def test_images_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", IMAGES[0])
    tifffile.imwrite(tmp_path / "b.tif", IMAGES[0].T)
    with pytest.raises(CorruptRecordingError, match="do not fit each other"):
        wormio.open(_write(tmp_path, ["a.tif", "b.tif"]))
    tifffile.imwrite(tmp_path / "v.tif", IMAGES.reshape(1, 5, 1, 3, 4), imagej=True)
    with pytest.raises(UnsupportedCapabilityError, match="single images"):
        wormio.open(_write(tmp_path, ["v.tif"]))
    with pytest.raises(TruncatedRecordingError):
        wormio.open(_write(tmp_path, ["a.tif"], times=[1.0, 2.0]))
