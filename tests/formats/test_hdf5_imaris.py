"""Imaris files. Oracles: the arrays that were written, and the format's published description."""

import random
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import wormio
from wormio.errors import (
    CorruptRecordingError,
    MissingImageError,
    MissingPartError,
    TruncatedRecordingError,
    UnsafeReferenceError,
    WormioError,
)
from wormio.formats.hdf5.detect import detect_imaris
from wormio.formats.hdf5.imaris import open as open_imaris
from wormio.formats.hdf5.options import ImarisOptions
from wormio.model import BaseRecording, Origin
from wormio.registry import Confidence, Probe
from wormio.testing.isolation import isolated

T, C, Z, Y, X = 3, 2, 5, 6, 7
CHUNKS = (2, 4, 4)


def opened(path: Path, **options: Any) -> BaseRecording:
    return open_imaris(path, ImarisOptions(**options))


def truth() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 60_000, (T, C, Z, Y, X), np.uint16)


def frames_of(pixels: np.ndarray) -> np.ndarray:
    return pixels.transpose(0, 2, 1, 3, 4).reshape(-1, C, Y, X)


def chars(value: object) -> np.ndarray:
    """Write as Imaris does: an array of single characters."""
    return np.array([c.encode() for c in str(value)], "S1")


def codes(recording: BaseRecording) -> list[str]:
    return [finding.code for finding in recording.findings]


IMAGE = {
    "X": X, "Y": Y, "Z": Z, "Unit": "um", "RecordingDate": "2024-02-29 11:59:58.000",
    "ExtMin0": -10, "ExtMax0": -10 + X * 0.4, "ExtMin1": 5, "ExtMax1": 5 + Y * 0.5,
    "ExtMin2": 100, "ExtMax2": 100 + Z * 2,
}  # fmt: skip
TIMES = {
    "DatasetTimePoints": T,
    "FileTimePoints": T,
    "TimePoint1": "2024-02-29 12:00:00.000",
    "TimePoint2": "2024-02-29 12:00:00.500",
    "TimePoint3": "2024-02-29 12:00:01.250",
}


@pytest.fixture
def ims(tmp_path):
    """Return a function that writes a file; `image` and `times` replace attributes (None: drop)."""

    def write(
        name: str = "a.ims",
        *,
        image: dict[str, Any] | None = None,
        times: dict[str, Any] | None = None,
        n_t: int = T,
        padded: bool = True,
        **how: Any,
    ) -> Path:
        path = tmp_path / name
        with h5py.File(path, "w") as file:
            file.attrs["ImarisVersion"] = chars("5.5.0")
            for group, values in (
                ("Image", IMAGE | (image or {})),
                ("TimeInfo", TIMES | (times or {})),
                ("Channel 0", {"Name": "GCaMP", "LSMEmissionWavelength": "510"}),
                ("Channel 1", {"Name": "(name not specified)", "LSMExcitationWavelength": "x"}),
            ):
                made = file.create_group(f"DataSetInfo/{group}")
                for key, value in values.items():
                    if value is not None:
                        made.attrs[key] = chars(value)
            how = {"chunks": CHUNKS, "compression": "gzip"} | how
            for t in range(n_t):
                for c in range(C):
                    made = file.create_group(f"DataSet/ResolutionLevel 0/TimePoint {t}/Channel {c}")
                    for letter, n in zip("ZYX", (Z, Y, X), strict=True):
                        made.attrs[f"ImageSize{letter}"] = chars(n)
                    volume = truth()[t, c]
                    if padded:
                        extra = [(0, -n % k) for n, k in zip((Z, Y, X), CHUNKS, strict=True)]
                        volume = np.pad(volume, extra, constant_values=7)
                    made.create_dataset("Data", data=volume, **how)
                    small = file.create_group(
                        f"DataSet/ResolutionLevel 1/TimePoint {t}/Channel {c}"
                    )
                    small["Data"] = truth()[t, c, ::2, ::2, ::2]
        return path

    return write


@pytest.mark.parametrize(
    "how", [{}, {"padded": False}, {"padded": False, "chunks": None, "compression": None}]
)
def test_images_are_cropped_to_the_declared_size(ims, how):
    path = ims(**how)
    with wormio.open(path) as recording:
        assert recording.source.arguments["format"] == "imaris"
        assert recording.frames.shape == (T * Z, C, Y, X)
        np.testing.assert_array_equal(recording.frames[:], frames_of(truth()))
        np.testing.assert_array_equal(recording.frames[-1, 1, 2:5, 3:], truth()[2, 1, 4, 2:5, 3:])
        assert recording.timeline.volumes.tolist() == [[0, 5], [5, 10], [10, 15]]
        # In the file: time point, then channel, then plane.
        assert recording.timeline.stored[7].tolist() == [C * Z + 2, C * Z + Z + 2]
    assert wormio.contents(path) == []  # the smaller copies are not recordings of their own


def test_extents_times_and_channels_are_those_of_datasetinfo(ims):
    with opened(ims()) as recording:
        size = recording.voxel_size
        assert (size.z, size.y, size.x) == pytest.approx((2, 0.5, 0.4))
        timeline = recording.timeline
        assert timeline.z.tolist() == [0, 2, 4, 6, 8] * T
        assert timeline.origins["z"] == Origin.NOMINAL
        # Seconds since RecordingDate; planes spread over at most the median interval, 0.625 s.
        np.testing.assert_allclose(timeline.time[::Z], [2, 2.5, 3.25])
        np.testing.assert_allclose(timeline.time[1:3], [2.1, 2.2])
        np.testing.assert_allclose(timeline.time[6:8], [2.625, 2.75])
        assert timeline.origins["time"] == Origin.INTERPOLATED
        assert timeline.clock.start == "2024-02-29T11:59:58"
        assert codes(recording) == ["times-spread"]
        assert [c.name for c in recording.channels] == ["GCaMP", "channel-1"]
        assert [c.emission_nm for c in recording.channels] == [510, None]
        assert recording.channels[1].excitation_nm is None
        assert recording.metadata["Image"]["Unit"] == "um"


def test_options_win_over_the_file(ims):
    with opened(ims(), volume_rate=2, um_per_pixel=0.1, um_per_plane=3) as recording:
        np.testing.assert_allclose(recording.timeline.time[::Z], [0, 0.5, 1])
        assert recording.timeline.origins["time"] == Origin.USER
        assert recording.timeline.z[1] == 3
        assert (recording.voxel_size.z, recording.voxel_size.x) == (3, 0.1)


@pytest.mark.parametrize("date", [None, "1991-10-01 16:45:45.000", "2024-02-29 12:00:09.000", "x"])
def test_a_recording_date_that_says_nothing_is_not_second_0(ims, date):
    with opened(ims(image={"RecordingDate": date})) as recording:
        np.testing.assert_allclose(recording.timeline.time[::Z], [0, 0.5, 1.25])
        assert recording.timeline.clock.start == "2024-02-29T12:00:00"


@pytest.mark.parametrize(
    "times",
    [
        {"TimePoint2": "2024-02-29 12:00:00.000"},  # the same as the first
        {"TimePoint2": None},
        {"TimePoint3": "2024-13-45 99:00:00.000"},
    ],
)
def test_times_that_cannot_be_times_are_not_used(ims, times):
    with opened(ims(times=times)) as recording:
        assert recording.timeline.origins["time"] == Origin.UNKNOWN
        assert codes(recording) == ["times-unusable"]


def test_without_times_there_are_none(ims):
    with opened(ims(times=dict.fromkeys(["TimePoint1", "TimePoint2", "TimePoint3"]))) as recording:
        assert np.isnan(recording.timeline.time).all()
        assert codes(recording) == []


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({"Unit": "nm"}, (0.002, 0.0005, 0.0004)),
        ({"Unit": "mm"}, (2000, 500, 400)),
        ({"Unit": None}, (2, 0.5, 0.4)),
        ({"Unit": "parsec"}, (None, None, None)),
        ({"ExtMax2": 100}, (None, 0.5, 0.4)),
        ({"ExtMin0": "nan"}, (2, 0.5, None)),
        ({"ExtMin1": None}, (2, None, 0.4)),
    ],
)
def test_a_voxel_size_is_given_only_if_the_extents_say_it(ims, image, expected):
    with opened(ims(image=image)) as recording:
        size = recording.voxel_size
        found = [pytest.approx(n) if n else None for n in expected]
        assert [size.z, size.y, size.x] == found
        assert ("size-unusable" in codes(recording)) == (None in expected)


# --- what contradicts itself ------------------------------------------------------------------


@pytest.mark.parametrize(
    "image",
    [{"X": 6}, {"Z": 4}, {"X": 9}, {"Y": 2}, {"Y": 60}, {"X": 0}, {"X": "7.5"}, {"X": "many"},
     {"Z": None}, {"X": -7}, {"X": 1 << 40}],
)  # fmt: skip
def test_a_size_that_the_images_do_not_have_is_refused(ims, image):
    with pytest.raises(CorruptRecordingError, match=r"a\.ims"):
        opened(ims(image=image))


def edited(path: Path, *edits: Any) -> Path:
    with h5py.File(path, "a") as file:
        for edit in edits:
            edit(file["DataSet/ResolutionLevel 0"])
    return path


def larger(level):
    del level["TimePoint 1/Channel 1/Data"]
    level["TimePoint 1/Channel 1/Data"] = np.zeros((6, 8, 8), "u2")


def third(level):
    level["TimePoint 2/Channel 2/Data"] = truth()[0, 0]


@pytest.mark.parametrize(
    ("edit", "names"),
    [
        (lambda level: level.pop("TimePoint 1"), "TimePoint 1"),
        (lambda level: level.pop("TimePoint 0"), "TimePoint 0"),
        (lambda level: level.pop("TimePoint 1/Channel 1"), "Channel 1"),
        (lambda level: level.pop("TimePoint 2/Channel 1/Data"), "Data"),
        (lambda level: level.create_group("TimePoint 999999999"), "TimePoint 3"),
        (lambda level: level["TimePoint 1/Channel 0"].attrs.update(ImageSizeX=chars(8)), "size"),
        (larger, "differ"),
        (third, "more channels"),
        (lambda level: level.parent.pop("ResolutionLevel 0"), "ResolutionLevel 0"),
        (lambda level: level.file.pop("DataSetInfo/Image"), "DataSetInfo/Image"),
    ],
)
def test_images_that_are_missing_or_differ_are_named(ims, edit, names):
    with pytest.raises(CorruptRecordingError, match=names):
        opened(edited(ims(), edit))


def test_fewer_time_points_than_declared_are_truncated(ims):
    path = ims(times={"FileTimePoints": 5})
    with pytest.raises(TruncatedRecordingError, match="5 time points"):
        opened(path)
    with opened(path, allow_truncated=True) as recording:
        assert recording.timeline.n_volumes == T
        assert "truncated" in codes(recording)
    # The first of several files of one recording has no more than it says.
    with opened(ims("b.ims", times={"DatasetTimePoints": 50})) as recording:
        assert recording.timeline.n_volumes == T


def test_a_block_that_was_never_written_is_missing_and_not_black(ims):
    path = ims()
    with h5py.File(path, "a") as file:
        name = "DataSet/ResolutionLevel 0/TimePoint 1/Channel 0/Data"
        values = file[name][()]
        del file[name]
        again = file.create_dataset(name, values.shape, "u2", chunks=CHUNKS, compression="gzip")
        again[:4] = values[:4]
    with opened(path) as recording:
        assert np.argwhere(recording.timeline.stored < 0).tolist() == [[9, 0]]
        assert "images-missing" in codes(recording)
        np.testing.assert_array_equal(recording.frames[8], truth()[1, :, 3])
        with pytest.raises(MissingImageError):
            recording.frames[9, 0]


def test_images_in_files_outside_the_folder_are_refused(ims, tmp_path):
    path = ims()
    outside = tmp_path.parent / f"{tmp_path.name}-outside.h5"
    name = "TimePoint 1/Channel 0/Data"
    with h5py.File(path, "a") as file, h5py.File(outside, "w") as other:
        level = file["DataSet/ResolutionLevel 0"]
        file.copy(level[name], other, "d")
        del level[name]
        level[name] = h5py.ExternalLink(str(outside), "/d")
    with pytest.raises(UnsafeReferenceError):
        opened(path)
    with opened(path, trust=True) as recording:
        np.testing.assert_array_equal(recording.frames[:], frames_of(truth()))


def test_a_cut_file_is_refused_and_a_changed_byte_is_no_crash(ims):
    path = ims()
    whole = path.read_bytes()
    for part in range(1, 64, 2):
        path.write_bytes(whole[: len(whole) * part // 64])
        with pytest.raises(TruncatedRecordingError, match=r"a\.ims"):
            opened(path)

    def work(say):
        rng = random.Random(9)
        for _ in range(60):
            at, bits = rng.randrange(len(whole)), rng.randrange(1, 256)
            damaged = bytearray(whole)
            damaged[at] ^= bits
            path.write_bytes(damaged)
            say(f"byte {at} XOR {bits}")
            try:
                with opened(path) as recording:
                    recording.frames[:]
            except (WormioError, OSError):
                continue

    isolated(work)


def test_metadata_only_reads_all_but_pixels(ims):
    with opened(ims(), metadata_only=True) as recording:
        assert recording.timeline.n_volumes == T
        with pytest.raises(MissingPartError):
            recording.frames[0]


def test_imaris_is_recognised_by_its_groups_else_by_its_name(ims, tmp_path):
    path = ims("renamed.h5")
    claim = detect_imaris(Probe(path))
    assert claim is not None
    assert claim.confidence == Confidence.SIGNATURE
    assert wormio.explain(path).best[0].format == "imaris"
    bare = tmp_path / "bare.ims"
    h5py.File(bare, "w").close()
    claim = detect_imaris(Probe(bare))
    assert claim is not None
    assert claim.confidence == Confidence.STRUCTURE
    with pytest.raises(CorruptRecordingError, match="DataSetInfo"):
        wormio.open(bare)
