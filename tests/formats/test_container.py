"""wormio's own container, written by h5py as docs/formats/wormio.md says, read by the adapter."""

import json
import os
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

import wormio
from wormio.errors import (
    CorruptRecordingError,
    FormatError,
    MissingImageError,
    MissingPartError,
    RecordingClosedError,
    TruncatedRecordingError,
    UnsafeReferenceError,
    UnsupportedCapabilityError,
    WormioError,
)
from wormio.model import EventStatus, Flag, MappableFrames, Origin
from wormio.registry import explain
from wormio.testing import check_adapter
from wormio.testing.subjects.container import subject

PIXELS = np.arange(6 * 2 * 3 * 4).reshape(6, 2, 3, 4).astype("u2")


def write(path, *, pixels=PIXELS, change=None, **dataset):
    """Write 6 frames of 2 channels in 2 volumes; `change` may do anything to the open file."""
    with h5py.File(path, "w", libver="earliest") as file:
        file.attrs["format"] = np.bytes_(b"wormio-recording")
        file.attrs["schema_version"] = 1
        file.create_dataset("frames", data=pixels, **dataset)
        timeline = file.create_group("timeline")
        timeline["time"] = timeline["raw_time"] = np.arange(6) * 0.5
        timeline["z"] = [0.0, 2, 4, 0, 2, 4]
        timeline["count"] = timeline["raw_count"] = np.arange(6) + 10
        timeline["direction"] = np.ones(6, "i1")
        timeline["flags"] = [0, 0, 0, 0, 8, 0]
        timeline["volumes"] = [[0, 3], [3, 6]]
        timeline["volume_counts"] = [[10, 13], [13, 16]]
        timeline["stored"] = np.arange(12).reshape(6, 2)
        timeline["extra/0"] = np.arange(6) * 1.5
        timeline["meta"] = json.dumps(
            {
                "z_unit": "um",
                "origins": {
                    "time": "MEASURED",
                    "z": "JOINED",
                    "count": "MEASURED",
                    "volume": "INFERRED",
                    "direction": "INFERRED",
                },
                "clock": {"name": "camera", "start": None},
                "policy": {"name": "by hand"},
                "extra": [{"name": "stage", "unit": "um", "origin": "USER", "dtype": "<f8"}],
            }
        )
        light = file.create_group("events/0")
        for name, value, kind in (
            ("count", 12, "i8"),
            ("frame", 2, "i8"),
            ("time", 1.0, "f8"),
            ("volume", 0, "i8"),
            ("duration", 0.1, "f8"),
            ("error_frames", 0, "i8"),
            ("status", 0, "i1"),
        ):
            light[name] = np.array([value], kind)
        light["properties/0"] = np.array([[1.0, 2.0, 3.0]])
        light["meta"] = json.dumps(
            {"properties": [{"name": "target", "unit": "px", "origin": "MEASURED", "dtype": "<f8"}]}
        )
        file["meta"] = json.dumps(
            {
                "channels": [{"name": "green", "role": "signal", "offset": 100.0}, {"name": "red"}],
                "voxel_size": {"z": 2.0, "y": 0.4, "x": 0.4},
                "events": ["light"],
                "findings": [{"code": "a", "message": "b"}],
                "metadata": {"gain": 2},
                "origin": {"source": "MATLAB"},
            }
        )
        if change is not None:
            change(file)
    return path


def test_what_another_program_wrote_is_read(tmp_path):
    with wormio.open(write(tmp_path / "a.h5")) as recording:
        timeline = recording.timeline
        np.testing.assert_array_equal(recording.frames[:], PIXELS, strict=True)
        assert isinstance(recording.frames, MappableFrames)
        assert timeline.z.tolist() == [0, 2, 4, 0, 2, 4]
        assert timeline.volumes.tolist() == [[0, 3], [3, 6]]
        assert timeline.flags.tolist() == [0, 0, 0, 0, Flag.Z_INTERPOLATED, 0]
        assert timeline.origins["z"] == Origin.JOINED
        assert timeline.extra["stage"].values.tolist() == [0, 1.5, 3, 4.5, 6, 7.5]
        assert timeline.extra["stage"].origin == Origin.USER
        assert timeline.policy == {"name": "by hand"}
        assert recording.channels[0].offset == 100
        assert recording.channels[1].role == "other"
        assert recording.voxel_size.z == 2
        light = recording.events["light"]
        assert light.frame.tolist() == [2]
        assert light.status.tolist() == [EventStatus.OK]
        assert light.properties["target"].values.tolist() == [[1, 2, 3]]
        assert recording.metadata == {"gain": 2, "wormio_origin": {"source": "MATLAB"}}
        assert recording.findings[0].code == "a"


@pytest.mark.parametrize(
    "settings",
    [
        {"chunks": (1, 1, 3, 4), "compression": "gzip"},
        {"chunks": (4, 2, 2, 3), "shuffle": True},
        {"chunks": (1, 2, 3, 4), "maxshape": (None, 2, 3, 4)},
        {"dtype": ">u2"},
        {"dtype": ">f4", "chunks": True, "compression": "lzf"},
    ],
)
def test_any_layout_of_the_pixels_is_read(tmp_path, settings):
    with wormio.open(write(tmp_path / "a.h5", **settings)) as recording:
        np.testing.assert_array_equal(recording.frames[:], PIXELS)
        np.testing.assert_array_equal(
            recording.frames[1, 1, 2:0:-1, ::2], PIXELS[1, 1, 2:0:-1, ::2]
        )
        assert recording.frames.dtype.isnative
        frames = recording.frames
    with pytest.raises(RecordingClosedError):
        frames[0]


@pytest.mark.parametrize("chunks", [None, (1, 1, 3, 4)])
def test_an_image_that_was_never_saved_is_missing(tmp_path, chunks):
    def lose(file):
        file["timeline/stored"][4, 1] = -1
        if chunks:
            del file["frames"]
            pixels = file.create_dataset("frames", PIXELS.shape, "u2", chunks=chunks)
            for frame in range(6):
                for channel in range(2):
                    if (frame, channel) != (4, 1):
                        pixels[frame, channel] = PIXELS[frame, channel]

    with wormio.open(write(tmp_path / "a.h5", change=lose)) as recording:
        with pytest.raises(MissingImageError):
            recording.frames[4]
        np.testing.assert_array_equal(recording.frames[4, 0], PIXELS[4, 0])


def test_an_image_that_is_said_to_be_there_and_is_not_is_no_zeros(tmp_path):
    def lose(file):
        del file["frames"]
        file.create_dataset("frames", PIXELS.shape, "u2", chunks=(1, 1, 3, 4))[:4] = PIXELS[:4]

    with pytest.raises(CorruptRecordingError, match=r"frame 4, channel 0 is not in the file"):
        wormio.open(write(tmp_path / "a.h5", change=lose))


def test_without_pixels(tmp_path):
    with wormio.open(write(tmp_path / "a.h5"), metadata_only=True) as recording:
        assert len(recording.timeline) == 6
        with pytest.raises(MissingPartError):
            recording.frames[0]


def test_recognised_by_content_or_by_name(tmp_path):
    path = write(tmp_path / "any name at all")
    assert "wormio: yes" in str(explain(path))

    # An attribute written last may lie anywhere: then the file's name tells.
    def late(file):
        del file.attrs["format"]
        for i in range(200):
            file.create_group(f"padding/{i:0200}")
        file.attrs["long"] = "x" * 30_000
        file.attrs["format"] = "wormio-recording"

    for name in ("a.wormio.h5", "b.hdf"):
        write(tmp_path / name, change=late)
        assert b"wormio-recording" not in (tmp_path / name).read_bytes()[:4096]
    with wormio.open(tmp_path / "a.wormio.h5") as recording:
        assert recording.source.arguments["format"] == "wormio"
    assert "wormio: no" in str(explain(tmp_path / "b.hdf"))
    with wormio.open(tmp_path / "b.hdf", "wormio") as recording:
        assert len(recording.timeline) == 6


def test_a_newer_layout_says_to_upgrade(tmp_path):
    path = write(tmp_path / "a.h5", change=lambda f: f.attrs.modify("schema_version", 2))
    with pytest.raises(UnsupportedCapabilityError, match="newer wormio") as caught:
        wormio.open(path)
    assert "upgrade" in caught.value.cure
    assert caught.value.path == str(path)


@pytest.mark.parametrize("value", ["one", 1.5, 0, [1, 2]])
def test_a_version_that_is_none_is_corrupt(tmp_path, value):
    def change(file):
        file.attrs["schema_version"] = value

    with pytest.raises(CorruptRecordingError, match="schema_version"):
        wormio.open(write(tmp_path / "a.h5", change=change))


def test_other_files_are_no_containers(tmp_path):
    def other(file):
        file.attrs["format"] = np.bytes_(b"wormio-signal")

    for path in (write(tmp_path / "a.h5", change=other), tmp_path):
        with pytest.raises(FormatError, match="no container"):
            wormio.open(path, "wormio")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(CorruptRecordingError, match="text"):
        wormio.open(tmp_path / "text", "wormio")


def members():
    return [
        "frames",
        "meta",
        "timeline",
        "timeline/meta",
        "timeline/extra",
        "timeline/extra/0",
        *(f"timeline/{n}" for n in ("time", "raw_time", "z", "count", "raw_count", "direction")),
        *(f"timeline/{n}" for n in ("flags", "volumes", "volume_counts", "stored")),
        "events",
        "events/0",
        "events/0/meta",
        "events/0/count",
        "events/0/properties",
        "events/0/properties/0",
    ]


@pytest.mark.parametrize("name", members())
def test_a_missing_or_odd_member_is_noticed(tmp_path, name):
    def drop(file):
        del file[name]

    def group(file):
        is_group = isinstance(file[name], h5py.Group)
        del file[name]
        if is_group:
            file[name] = 1.0
        else:
            file.create_group(name)

    def cut(file):
        if isinstance(file[name], h5py.Group):
            del file[name]
        else:
            whole = file[name][()]
            del file[name]
            file[name] = whole[:-1] if isinstance(whole, bytes) else whole[:-1, ...]

    def twisted(file):
        kept = file[name]
        del file[name]
        if isinstance(kept, h5py.Group) or kept.shape == ():
            file[name] = np.arange(3)
        else:
            file[name] = np.full(kept.shape, "text", dtype=h5py.string_dtype())

    def linked(file):
        file.move(name, "moved")
        file[name] = h5py.ExternalLink("/elsewhere/x.h5", "moved")

    for index, change in enumerate((drop, group, cut, twisted)):
        path = write(tmp_path / f"{index}.h5", change=change)
        with pytest.raises(CorruptRecordingError) as caught:
            wormio.open(path)
        assert caught.value.path == str(path)
    with pytest.raises(UnsafeReferenceError):
        wormio.open(write(tmp_path / "linked.h5", change=linked))


@pytest.mark.parametrize(
    ("where", "change"),
    [
        ("meta", {"channels": [{"name": "a"}]}),
        ("meta", {"channels": [{"name": "a"}, {"name": "a"}]}),
        ("meta", {"channels": [{"name": "a"}, {"colour": "b"}]}),
        ("meta", {"channels": [{"name": "a", "role": "best"}, {"name": "b"}]}),
        ("meta", {"channels": {}}),
        ("meta", {"voxel_size": {"z": -1}}),
        ("meta", {"voxel_size": {"affine": [[1, 2], [3, 4]]}}),
        ("meta", {"events": []}),
        ("meta", {"events": ["a", "b"]}),
        ("meta", {"metadata": 3}),
        ("timeline/meta", {"origins": {"z": "DREAMT"}}),
        ("timeline/meta", {"origins": {}}),
        ("timeline/meta", {"z_unit": "ft"}),
        ("timeline/meta", {"extra": [{"name": "a", "unit": "", "origin": "USER", "dtype": "O"}]}),
        ("timeline/meta", {"clock": {"brand": "x"}}),
        ("events/0/meta", {"properties": 1}),
    ],
)
def test_values_that_fit_no_recording_are_corrupt(tmp_path, where, change):
    def apply(file):
        meta = json.loads(file[where][()]) | change
        del file[where]
        file[where] = json.dumps(meta)

    path = write(tmp_path / "a.h5", change=apply)
    with pytest.raises(CorruptRecordingError) as caught:
        wormio.open(path)
    assert caught.value.path == str(path)


@pytest.mark.parametrize(
    "settings", [{}, {"chunks": (1, 1, 3, 4), "compression": "gzip", "fletcher32": True}]
)
def test_cut_anywhere_it_is_an_error(tmp_path, settings):
    content = write(tmp_path / "a.h5", **settings).read_bytes()
    cut = tmp_path / "cut.h5"
    for size in range(0, len(content), len(content) // 64):
        cut.write_bytes(content[:size])
        for options in ({}, {"allow_truncated": True}):
            with pytest.raises((TruncatedRecordingError, CorruptRecordingError), match=r"cut\.h5"):
                wormio.open(cut, "wormio", **options)


@pytest.mark.slow
def test_a_flipped_byte_is_an_error_or_harmless(tmp_path):
    path = write(tmp_path / "a.h5")
    with wormio.open(path) as recording:
        start = int(recording.frames.layout.offset[0, 0])
    content = path.read_bytes()
    # Uncompressed pixels and tables have no checksum: there, a flipped byte is another number.
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(content), 400).tolist():
        damaged = bytearray(content)
        damaged[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            with wormio.open(path, "wormio") as recording:
                pixels = recording.frames[:]
        except (WormioError, OSError):
            continue
        if not start <= at < start + PIXELS.nbytes:
            np.testing.assert_array_equal(pixels, PIXELS)


def test_pixels_may_lie_in_another_file_of_the_folder_only(tmp_path):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    for folder in (home, elsewhere):
        folder.mkdir()
        with h5py.File(folder / "pixels.h5", "w") as file:
            file["p"] = PIXELS

    def link(to):
        def change(file):
            del file["frames"]
            file["frames"] = h5py.ExternalLink(to, "p")

        return change

    with wormio.open(write(home / "a.h5", change=link("pixels.h5"))) as recording:
        np.testing.assert_array_equal(recording.frames[:], PIXELS)
    path = write(home / "b.h5", change=link(os.fspath(elsewhere / "pixels.h5")))
    with pytest.raises(UnsafeReferenceError, match="outside the recording's folder"):
        wormio.open(path)
    with wormio.open(path, trust=True) as recording:
        np.testing.assert_array_equal(recording.frames[:], PIXELS)


@pytest.mark.slow
def test_it_keeps_the_contract():
    report = check_adapter(subject)
    assert report.ok, str(report)


def test_the_example_of_the_page_makes_a_recording(tmp_path, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "formats" / "wormio.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(example, {})  # noqa: S102 (our own page)
    with wormio.open("made.wormio.h5") as recording:
        assert recording.timeline.n_volumes == 4
        assert recording.voxel_size.z == 2
        assert recording.frames.shape == (40, 1, 64, 96)


def test_the_meta_of_the_page_is_what_the_reader_understands(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "formats" / "wormio.md").read_text()
    root, timeline = map(json.loads, re.findall(r"```json\n(.*?)```", page, re.DOTALL))

    def explained(file):
        for name, meta in (("meta", root), ("timeline/meta", timeline)):
            del file[name]
            file[name] = json.dumps(meta)
        del file["frames"]
        file["frames"] = PIXELS[:, :1]
        del file["timeline/stored"]
        file["timeline/stored"] = np.arange(6)[:, None]

    with wormio.open(write(tmp_path / "a.h5", change=explained)) as recording:
        assert recording.channels[0].indicator == "GCaMP6s"
        assert recording.findings[0].cure == "what to do"
        assert list(recording.events) == ["optogenetics"]
        assert recording.timeline.clock.start == "2024-05-06T07:08:09+00:00"
        assert recording.timeline.extra["stage_x"].unit == "mm"
