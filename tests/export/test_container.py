"""What to_hdf5 writes, h5py reads as documented and wormio as it was; or there is no file."""

import errno
import json
import os
import signal
import tracemalloc
from pathlib import Path

import attrs
import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wormio
from wormio.errors import (
    ContractError,
    MissingImageError,
    OptionError,
    OutputExistsError,
    RecordingClosedError,
)
from wormio.export import to_hdf5
from wormio.formats.container.detect import detect
from wormio.model import (
    ArrayRecording,
    BaseRecording,
    Channel,
    Column,
    MappableFrames,
    MissingFrames,
    Source,
    Timeline,
    VoxelSize,
    diff,
    frames_from_reader,
)
from wormio.registry import Confidence, Probe, explain

PAGE = Path(__file__).parents[2] / "docs" / "formats" / "wormio.md"


@pytest.fixture(params=[None, "gzip"])
def compression(request):
    return request.param


def regular(shape=(2, 3, 1, 4, 5), dtype="u2", **kwargs):
    pixels = np.random.default_rng(1).random(shape) * 200
    return ArrayRecording.from_volumes(pixels.astype(dtype), volume_interval=1.0, **kwargs)


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_everything_comes_back(full, tmp_path, compression):
    path = tmp_path / "a.h5"
    to_hdf5(full, path, compression=compression)
    with wormio.open(path) as back:
        assert str(diff(full, back)) == "identical"
        for field in attrs.fields(Timeline):
            mine, theirs = getattr(full.timeline, field.name), getattr(back.timeline, field.name)
            if isinstance(mine, np.ndarray):
                np.testing.assert_array_equal(mine, theirs, err_msg=field.name, strict=True)
            else:
                assert mine == theirs, field.name
        for name in ("channels", "voxel_size", "events", "findings"):
            assert getattr(back, name) == getattr(full, name)
        assert list(back.events) == list(full.events)
        assert list(back.timeline.extra) == list(full.timeline.extra)
        metadata = dict(back.metadata)
        assert metadata.pop("wormio_origin") == {
            "source": {"operation": "memory", "arguments": {}},
            "recording_id": full.recording_id,
            "wormio": wormio.__version__,
        }
        assert json.dumps(metadata) == json.dumps(full.metadata)
        assert isinstance(back.frames, MappableFrames) == (compression is None)
        assert back.frames.dtype == full.frames.dtype


def test_missing_images_stay_missing(full, tmp_path, compression):
    path = tmp_path / "a.h5"
    to_hdf5(full, path, compression=compression)
    with wormio.open(path) as back:
        for frame, channel in ((3, 1), (8, 0), (8, 1)):
            with pytest.raises(MissingImageError, match=f"frame {frame}, channel {channel}"):
                back.frames[frame, channel]
        np.testing.assert_array_equal(back.frames[3, 0], full.frames[3, 0])


def test_another_program_reads_it(full, tmp_path, compression):
    path = tmp_path / "a.h5"
    to_hdf5(full, path, compression=compression)
    with h5py.File(path) as file:
        assert file.attrs["format"] == b"wormio-recording"
        assert file.attrs["schema_version"] == 1
        assert file["frames"].shape == (9, 2, 5, 7)
        assert file["frames"].chunks == (None if compression is None else (1, 1, 5, 7))
        np.testing.assert_array_equal(file["frames"][2], full.frames[2])
        np.testing.assert_array_equal(file["timeline/z"][()], full.timeline.z)
        np.testing.assert_array_equal(
            file["timeline/extra/0"][()], full.timeline.extra["stage"].values
        )
        np.testing.assert_array_equal(file["events/0/count"][()], [2, 5, 100])
        meta = json.loads(file["meta"][()])
        assert [channel["name"] for channel in meta["channels"]] == ["green", "red"]
        assert meta["events"] == ["opto/genetics é", "none"]
        assert json.loads(file["timeline/meta"][()])["origins"]["z"] == "JOINED"


@settings(max_examples=25)  # each is synchronised with the disk
@given(
    frames=st.integers(0, 40),
    channels=st.integers(1, 3),
    size=st.integers(1, 40),
    extra=st.integers(0, 20),
    compression=st.sampled_from([None, "gzip"]),
    kind=st.sampled_from(["u1", "i2", "u2", "f4", "f8", "u8"]),
    text=st.text(max_size=2000),
)
def test_it_is_recognised_by_its_first_bytes_whatever_is_in_it(
    tmp_path_factory, frames, channels, size, extra, compression, kind, text
):
    path = tmp_path_factory.mktemp("any") / "any name"
    pixels = (np.arange(frames * channels * size).reshape(frames, channels, 1, size) % 100).astype(
        kind
    )
    timeline = Timeline(
        time=np.arange(frames) * 1.0,
        volumes=np.zeros((0, 2), int),
        stored=np.arange(frames * channels).reshape(frames, channels),
        origins={"time": wormio.model.Origin.MEASURED},
        extra={f"column {i}": Column(values=np.full(frames, i)) for i in range(extra)},
    )
    recording = ArrayRecording(pixels, timeline, metadata={"text": text})
    to_hdf5(recording, path, compression=compression)
    assert detect(Probe(path)).confidence == Confidence.SIGNATURE
    with wormio.open(path, "wormio") as back:
        assert str(diff(recording, back)) == "identical"
        np.testing.assert_array_equal(back.frames[:], pixels, strict=True)
        assert back.metadata["text"] == text


def test_a_derived_recording_and_a_container_are_converted_like_any_other(full, tmp_path):
    to_hdf5(full, tmp_path / "a.h5")
    with wormio.open(tmp_path / "a.h5") as first:
        part = first.select(channels=["green"], volumes=slice(1, 2))
        to_hdf5(part, tmp_path / "b.h5")
        with wormio.open(tmp_path / "b.h5") as second:
            assert str(diff(part, second)) == "identical"
            origin = second.metadata["wormio_origin"]
            assert origin["source"] == part.source.to_json()
            assert origin["before"] == first.metadata["wormio_origin"]


def test_progress_is_told_frame_by_frame(tmp_path):
    calls = []
    to_hdf5(regular(), tmp_path / "a.h5", progress=lambda *n: calls.append(n))
    assert calls == [(i, 6) for i in range(1, 7)]


def test_memory_does_not_grow_with_the_recording(tmp_path, compression):
    image = np.zeros((512, 512), "u2")
    n_frames = 100
    recording = BaseRecording(
        source=Source("memory"),
        frames=frames_from_reader(lambda f, c: image + f, (n_frames, 1, 512, 512), "u2"),
        timeline=regular((10, 10, 1, 1, 1)).timeline,
        channels=[Channel(name="a")],
    )
    to_hdf5(regular(), tmp_path / "warm.h5", compression=compression)
    tracemalloc.start()
    try:
        to_hdf5(recording, tmp_path / "a.h5", compression=compression)
        with wormio.open(tmp_path / "a.h5") as back:
            assert not diff(recording, back)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 * image.nbytes


def test_nothing_is_replaced_unasked_and_what_is_no_container_never(full, tmp_path):
    path = tmp_path / "a.h5"
    to_hdf5(regular(), path)
    with pytest.raises(OutputExistsError, match="overwrite=True"):
        to_hdf5(full, path)
    to_hdf5(full, path, overwrite=True)
    with wormio.open(path) as back:
        assert not diff(full, back)
    signals = tmp_path / "signals.h5"
    with h5py.File(signals, "w") as file:
        file.attrs["format"] = "wormio-signal"
    text = tmp_path / "thesis.txt"
    text.write_text("precious")
    for other in (signals, text):
        before = other.read_bytes()
        with pytest.raises(OutputExistsError, match="never replaced"):
            to_hdf5(full, other, overwrite=True)
        assert other.read_bytes() == before


def test_the_recordings_own_files_are_never_written_to(tmp_path):
    path = tmp_path / "a.h5"
    to_hdf5(regular(), path)
    (tmp_path / "link.h5").symlink_to(path)
    (tmp_path / "second.h5").hardlink_to(path)
    before = path.read_bytes()
    with wormio.open(path) as recording:
        for target in (path, tmp_path / "link.h5", tmp_path / "second.h5"):
            for what in (recording, recording.select(frames=slice(0, 3))):
                with pytest.raises(OutputExistsError, match="files of the recording itself"):
                    to_hdf5(what, target, overwrite=True)
    assert path.read_bytes() == before


def test_nothing_is_written_into_a_recording_that_is_a_folder(tmp_path):
    folder = tmp_path / "recording"
    (folder / "inner").mkdir(parents=True)
    inside = attrs.evolve(
        BaseRecording(
            source=Source("open", {"path": str(folder), "format": "x", "parts": {}}),
            frames=regular().frames,
            timeline=regular().timeline,
            channels=[Channel(name="a")],
        )
    )
    for name in ("a.h5", "inner/a.h5"):
        with pytest.raises(OutputExistsError, match="files of the recording itself"):
            to_hdf5(inside, folder / name)
    to_hdf5(inside, tmp_path / "recording.h5")
    assert names(tmp_path) == ["recording", "recording.h5"]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"frames": MissingFrames("no", "x", "y")}, OptionError, "without its pixels"),
        ({"metadata": {"a": b"bytes"}}, ContractError, "JSON-serialisable"),
        ({"metadata": {"a": object()}}, ContractError, "JSON-serialisable"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path, change, error, words):
    whole = regular()
    parts = {f.name: getattr(whole, f.name) for f in attrs.fields(BaseRecording) if f.init}
    recording = BaseRecording(**(parts | change))
    with pytest.raises(error, match=words):
        to_hdf5(recording, tmp_path / "a.h5")
    assert names(tmp_path) == []


def test_unknown_compression_closed_recordings_and_missing_folders(tmp_path):
    with pytest.raises(OptionError, match="lzma"):
        to_hdf5(regular(), tmp_path / "a.h5", compression="lzma")
    with pytest.raises(OptionError, match="no such folder"):
        to_hdf5(regular(), tmp_path / "no" / "a.h5")
    closed = regular()
    closed.close()
    with pytest.raises(RecordingClosedError):
        to_hdf5(closed, tmp_path / "a.h5")
    assert names(tmp_path) == []


def test_a_full_disk_and_an_error_of_the_input_leave_nothing(tmp_path, monkeypatch, compression):
    real, left = os.pwrite, [3]

    def pwrite(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments)

    monkeypatch.setattr(os, "pwrite", pwrite)
    big = regular((3, 4, 1, 100, 100))
    with pytest.raises(OSError, match=r"No space left.*a\.h5"):
        to_hdf5(big, tmp_path / "a.h5", compression=compression)
    monkeypatch.undo()
    assert names(tmp_path) == []

    def broken(frame, channel):
        raise OSError(errno.EIO, "Input/output error", "input.dat")

    frames = frames_from_reader(broken, (6, 1, 4, 5), "u2")
    recording = BaseRecording(
        source=Source("memory"),
        frames=frames,
        timeline=regular().timeline,
        channels=[Channel(name="a")],
    )
    with pytest.raises(OSError, match=r"Input/output.*input\.dat"):
        to_hdf5(recording, tmp_path / "a.h5", compression=compression)
    assert names(tmp_path) == []


@pytest.mark.parametrize("at", [0, 1, 3, 8, 15])
def test_an_interrupt_at_any_write_leaves_nothing(tmp_path, monkeypatch, compression, at):
    real, left = os.pwrite, [at]

    def pwrite(*arguments):
        left[0] -= 1
        if left[0] == -1:
            signal.raise_signal(signal.SIGINT)
        return real(*arguments)

    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(KeyboardInterrupt):
        to_hdf5(regular((3, 8, 1, 200, 100)), tmp_path / "a.h5", compression=compression)
    assert names(tmp_path) == []
    monkeypatch.undo()
    to_hdf5(regular(), tmp_path / "a.h5", compression=compression)
    assert names(tmp_path) == ["a.h5"]


def test_the_page_explains_every_name_in_the_file(full, tmp_path):
    path = tmp_path / "a.h5"
    to_hdf5(full, path)
    assert "wormio: yes" in str(explain(path))
    page = PAGE.read_text()
    with h5py.File(path) as file:
        found = []
        file.visit(found.append)
    for name in found:
        last = name.rsplit("/", maxsplit=1)[-1]
        assert last.isdigit() or f"`{last}`" in page, name


def test_voxel_sizes_without_an_affine(tmp_path):
    voxel = VoxelSize(z=2.0, y=0.5)
    to_hdf5(regular(voxel_size=voxel), tmp_path / "a.h5")
    with wormio.open(tmp_path / "a.h5") as back:
        assert back.voxel_size == voxel
