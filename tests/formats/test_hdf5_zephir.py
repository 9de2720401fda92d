"""Folders of ZephIR. Oracles: the arrays that were written, and the real folder without images."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import wormio
from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    OptionError,
    TruncatedRecordingError,
)
from wormio.formats.hdf5.detect import detect_zephir
from wormio.formats.hdf5.options import ZephirOptions
from wormio.formats.hdf5.zephir import open as open_zephir
from wormio.model import BaseRecording, MappedFrames, Origin
from wormio.registry import Probe

SHAPE = (4, 2, 3, 5, 6)  # T, C, Z, Y, X


def opened(path: Path, **options: Any) -> BaseRecording:
    return open_zephir(path, ZephirOptions(**options))


def truth() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 255, SHAPE, np.uint8)


def codes(recording: BaseRecording) -> list[str]:
    return [finding.code for finding in recording.findings]


@pytest.fixture
def folder(tmp_path):
    """Return a function that writes a folder; `metadata` replaces values (None: drop)."""

    def write(times: Any = None, metadata: dict[str, Any] | None = None, **how: Any) -> Path:
        made = tmp_path / "worm"
        made.mkdir()
        with h5py.File(made / "data.h5", "w") as file:
            file.create_dataset("data", data=truth(), **how)
            if times is not None:
                file["times"] = times
        whole = dict(zip([f"shape_{c}" for c in "tczyx"], SHAPE, strict=True)) | {"dtype": "uint8"}
        whole |= metadata or {}
        kept = {name: value for name, value in whole.items() if value is not None}
        (made / "metadata.json").write_text(json.dumps(kept))
        return made

    return write


@pytest.mark.parametrize("how", [{}, {"chunks": (1, 1, 3, 5, 6), "compression": "lzf"}])
def test_the_array_is_t_c_z_y_x(folder, how):
    made = folder(**how)
    for path in (made, made / "data.h5"):
        with wormio.open(path, format="zephir") as recording:
            expected = truth().transpose(0, 2, 1, 3, 4).reshape(12, 2, 5, 6)
            np.testing.assert_array_equal(recording.frames[:], expected)
            assert isinstance(recording.frames, MappedFrames) == (not how)
            assert recording.timeline.volumes.tolist() == [[0, 3], [3, 6], [6, 9], [9, 12]]
            assert recording.timeline.stored[4].tolist() == [6 + 1, 9 + 1]
            assert recording.timeline.origins["time"] == Origin.UNKNOWN
            assert set(recording.source.arguments["parts"]) == {"data.h5", "metadata.json"}


def test_times_are_of_volumes_and_the_rest_comes_from_options(folder):
    made = folder(times=[1.0, 1.3, 1.6, 1.9])
    options = {"um_per_pixel": 0.3, "um_per_plane": 2, "channel_names": ("red", "green")}
    with opened(made, **options) as recording:
        timeline = recording.timeline
        np.testing.assert_allclose(timeline.time, 1 + np.arange(12) * 0.1)
        assert timeline.origins["time"] == Origin.INTERPOLATED
        assert codes(recording) == ["times-spread"]
        assert timeline.z.tolist() == [0, 2, 4] * 4
        assert [channel.name for channel in recording.channels] == ["red", "green"]
        assert recording.voxel_size.x == 0.3
    with opened(made, volume_rate=10) as recording:
        assert recording.timeline.origins["time"] == Origin.USER
    with pytest.raises(OptionError, match="2 names"):
        opened(made, channel_names=("red",))


@pytest.mark.parametrize(
    "metadata",
    [
        {"shape_c": 3}, {"shape_z": 4}, {"shape_y": 6}, {"shape_x": 5}, {"dtype": "uint16"},
        {"shape_t": 0}, {"shape_t": "4"}, {"shape_t": True}, {"shape_z": None}, {"shape_t": 1e300},
    ],
)  # fmt: skip
def test_shapes_that_do_not_agree_are_refused(folder, metadata):
    with pytest.raises(CorruptRecordingError):
        opened(folder(metadata=metadata))


def test_a_dtype_that_is_not_given_is_not_missed(folder):
    with opened(folder(metadata={"dtype": None})) as recording:
        assert recording.frames.dtype == np.uint8


def test_more_volumes_are_all_given_and_fewer_are_truncated(folder, tmp_path):
    made = folder(metadata={"shape_t": 3})
    with opened(made) as recording:
        assert recording.timeline.n_volumes == 4
        assert codes(recording)[0] == "more-volumes"
    text = (made / "metadata.json").read_text().replace('"shape_t": 3', '"shape_t": 9')
    (made / "metadata.json").write_text(text)
    with pytest.raises(TruncatedRecordingError, match="9 volumes"):
        opened(made)
    with opened(made, allow_truncated=True) as recording:
        assert recording.timeline.n_volumes == 4
        assert codes(recording)[0] == "truncated"


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"shape_t": NaN}', "[" * 100_000, "\xff\xfe", " " * (1 << 20) + "{}"]
)
def test_metadata_that_is_no_json_object_is_refused(folder, text):
    made = folder()
    (made / "metadata.json").write_text(text, encoding="latin-1")
    with pytest.raises(CorruptRecordingError, match=r"metadata\.json"):
        opened(made)


@pytest.mark.parametrize("name", ["data.h5", "metadata.json"])
def test_a_part_that_is_not_there_is_named(folder, name):
    made = folder()
    (made / name).unlink()
    with pytest.raises(MissingPartError, match=name):
        opened(made)
    if name == "data.h5":
        claim = detect_zephir(Probe(made))
        assert claim is not None
        assert claim.missing == ("data.h5",)


def test_without_metadata_the_annotations_say_whose_folder_it_is(folder):
    made = folder()
    (made / "metadata.json").unlink()
    assert detect_zephir(Probe(made)) is None
    (made / "annotations.h5").touch()
    claim = detect_zephir(Probe(made))
    assert claim is not None
    assert claim.missing == ("metadata.json",)


def test_data_h5_cut_short_is_refused(folder):
    made = folder()
    whole = (made / "data.h5").read_bytes()
    for part in range(64):
        (made / "data.h5").write_bytes(whole[: len(whole) * part // 64])
        with pytest.raises((TruncatedRecordingError, CorruptRecordingError), match=r"data\.h5"):
            opened(made)


def test_a_length_that_no_recording_has_is_refused_without_images(folder):
    made = folder(metadata={"shape_t": 1 << 39})
    (made / "data.h5").unlink()
    with pytest.raises(CorruptRecordingError, match="that long"):
        opened(made, metadata_only=True)


def test_the_real_folder_without_its_images_gives_all_but_pixels(real_data):
    path = real_data / "worm_positions" / "zephir"
    assert "data.h5 is missing" in wormio.explain(path).headline
    with pytest.raises(MissingPartError, match="metadata_only"):
        wormio.open(path)
    with wormio.open(path, metadata_only=True) as recording:
        # README: its image file, (512, 3, 23, 200, 512), is absent.
        assert recording.timeline.n_volumes == 512
        assert len(recording.timeline) == 512 * 23
        assert len(recording.channels) == 3
