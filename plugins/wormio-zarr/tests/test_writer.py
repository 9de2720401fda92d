"""Writing recordings whole: what comes back, and what other readers of Zarr see."""

import json

import attrs
import numpy as np
import pytest
import wormio
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from wormio.errors import (
    ContractError,
    CorruptRecordingError,
    MissingImageError,
    MissingPartError,
    OptionError,
    OutputExistsError,
    UnsupportedCapabilityError,
)
from wormio.model import (
    ArrayRecording,
    BaseRecording,
    Channel,
    Clock,
    Column,
    Events,
    MappedFrames,
    Origin,
    Source,
    Timeline,
    VoxelSize,
    frames_from_reader,
)
from wormio.testing import Limits, Phantom, Scan, make_truth
from zarr_stores import noise, ome_image

import wormio_zarr


def back(recording, path, **how):
    """Write a recording, and return what differs when it is opened again."""
    wormio_zarr.write(recording, path, **how)
    with wormio.open(path) as again:
        return str(wormio.diff(recording, again))


def volumes(n_volumes=3, n_z=4, n_c=2, y=5, x=6, **how):
    how = {"voxel_size": VoxelSize(z=2.0, y=0.5, x=0.25), "volume_interval": 0.4} | how
    return ArrayRecording.from_volumes(noise(n_volumes, n_z, n_c, y, x), **how)


def phantom():
    """Return a scan in two directions, cut off at both ends, with faults and stimuli."""
    scan = Scan.synthetic(n_volumes=4, planes=12.3, n_dropped=3, n_duplicates=1, n_glitches=1)
    return Phantom(scan, n_neurons=3, shape=(32, 40), n_stimuli=0).recording()


@settings(max_examples=25)
@given(
    st.sampled_from(["u1", "i2", "u2", "i8", "f4", "f8"]),
    st.lists(st.integers(0, 30), max_size=4),
    st.lists(st.integers(0, 30), max_size=3),
    st.lists(st.integers(0, 30), max_size=3),
    st.sampled_from([
        {}, {"version": "0.4"}, {"shards": None}, {"compressed": False, "shards": None},
        {"chunks": (3, 1, 2, 4, 4)}, {"chunks": (2, 2, 1, 3, 5), "shards": (4, 2, 2, 6, 10)},
    ]),
)  # fmt: skip
def test_every_recording_comes_back_identical(tmp_path_factory, dtype, lost, twice, stimuli, how):
    limits = Limits(scan="told", drops=True, duplicates=True, events="stimuli")
    truth = make_truth(
        limits, channels=2, volumes=3, planes=4, height=5, width=6, dtype=dtype,
        lost=lost, twice=twice, stimuli=stimuli,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("out") / "a.ome.zarr"
    assert back(truth.recording(limits), path, **how) == "identical"


def test_a_bidirectional_scan_with_partial_sweeps_and_columns_comes_back(tmp_path):
    recording = phantom()
    assert (recording.timeline.volume < 0).any()
    assert len(recording.timeline.dropped)
    assert {-1, 1} <= set(recording.timeline.direction.tolist())
    assert back(recording, tmp_path / "a.ome.zarr") == "identical"


def test_what_timelines_and_events_can_hold_comes_back(tmp_path):
    whole = volumes()
    texts = Column(values=np.array([["a", ""], ["\u00b5", "long text"]] * 6), origin=Origin.USER)
    stamps = Column(values=np.arange(12).astype("M8[ms]"), unit="", origin=Origin.MEASURED)
    timeline = attrs.evolve(
        whole.timeline,
        z=np.where(np.arange(12) == 5, np.nan, whole.timeline.z),
        z_unit="V",
        clock=Clock(name="camera", start="2024-02-29T12:00:00+00:00"),
        policy={"name": "regular", "planes": 4, "odd": [1.5, None]},
        extra={"text": texts, "when": stamps, "on": Column(values=np.arange(12) % 2 == 0)},
    )
    events = Events.at_counts(
        timeline,
        [1, 7, 99],
        properties={
            "target": Column(values=np.ones((3, 3)), unit="um"),
            "name": Column(values=list("abc")),
        },
    )
    recording = ArrayRecording(
        whole.frames[:],
        timeline,
        channels=[
            Channel(name="red", role="reference", emission_nm=600.0, offset=100.0),
            Channel(name="green", role="signal", indicator="GCaMP", time_offset=0.003),
        ],
        voxel_size=VoxelSize(y=0.4, x=0.4, affine=np.arange(12.0).reshape(3, 4)),
        events={"any name / at all": events, "none": Events.at_counts(timeline, [])},
        metadata={"of": {"the": ["microscope", 1.5, None]}},
    )
    path = tmp_path / "a.ome.zarr"
    assert back(recording, path) == "identical"
    with wormio.open(path) as again:
        assert again.metadata["of"] == {"the": ["microscope", 1.5, None]}
        assert again.metadata["wormio_origin"]["recording_id"] == recording.recording_id
        assert again.timeline.extra["when"].values.dtype == "M8[ms]"
        assert again.timeline.extra["on"].values.dtype == bool
        with wormio.open(path) as third:
            assert third.recording_id == again.recording_id


def with_gaps(n_frames=6):
    """Return a recording of which three images were never saved."""
    values = noise(n_frames, 2, 4, 5)
    stored = np.arange(2 * n_frames).reshape(n_frames, 2)
    stored = np.where(np.isin(stored, [0, 3, 7]), -1, stored)

    def read(frame, channel):
        if stored[frame, channel] < 0:
            raise MissingImageError("never saved")
        return values[frame, channel]

    timeline = Timeline(
        time=np.arange(n_frames) * 0.1,
        volumes=[[0, 2], [2, 4], [4, 6]],
        stored=stored,
        origins={"time": Origin.MEASURED, "volume": Origin.MEASURED},
    )
    return BaseRecording(
        source=Source("memory", {}),
        frames=frames_from_reader(read, values.shape, values.dtype),
        timeline=timeline,
        channels=[Channel(name="a"), Channel(name="b")],
    )


@pytest.mark.parametrize("how", [{}, {"shards": None}, {"version": "0.4"}], ids=str)
def test_images_that_were_never_saved_stay_missing(tmp_path, how):
    recording = with_gaps()
    path = tmp_path / "a.ome.zarr"
    assert back(recording, path, **how) == "identical"
    with wormio.open(path) as again:
        assert (again.timeline.stored < 0).sum() == 3
        with pytest.raises(MissingImageError, match="frame 0, channel 0"):
            again.frames[0, 0]


def test_an_image_of_zeros_was_measured_and_is_no_gap(tmp_path):
    recording = ArrayRecording.from_volumes(np.zeros((2, 3, 1, 4, 5), "u2"))
    assert back(recording, tmp_path / "a.ome.zarr") == "identical"
    assert back(recording, tmp_path / "b.ome.zarr", shards=None) == "identical"


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_other_readers_see_volumes_by_planes(tmp_path, version):
    recording = volumes()
    path = tmp_path / "a.ome.zarr"
    wormio_zarr.write(recording, path, version=version)
    group = zarr.open_group(path, mode="r")
    ome = group.attrs["ome"] if version == "0.5" else group.attrs
    (scale,) = ome["multiscales"]
    assert (ome if version == "0.5" else scale)["version"] == version
    assert [axis["name"] for axis in scale["axes"]] == list("tczyx")
    assert [axis.get("unit") for axis in scale["axes"]] == [
        "second", None, "micrometer", "micrometer", "micrometer",
    ]  # fmt: skip
    steps, starts = scale["datasets"][0]["coordinateTransformations"]
    assert steps["scale"] == pytest.approx([0.4, 1, 2.0, 0.5, 0.25])
    assert starts["translation"] == pytest.approx([recording.timeline.time[0], 0, 0, 0, 0])
    pixels = group["0"][...]
    whole = recording.frames[:].reshape(3, 4, 2, 5, 6)
    assert np.array_equal(pixels, whole.transpose(0, 2, 1, 3, 4))
    for index, channel in enumerate(ome["omero"]["channels"]):
        assert channel["label"] == recording.channels[index].name
        assert channel["window"]["max"] == pixels[:, index].max()
    assert np.array_equal(group["wormio/time"][...], recording.timeline.time)
    with wormio.open(path, frame_table=False) as plain:
        assert plain.timeline.time == pytest.approx(recording.timeline.time)
        assert plain.timeline.z == pytest.approx(recording.timeline.z)
        assert plain.timeline.volumes.tolist() == recording.timeline.volumes.tolist()


def test_a_dropped_plane_leaves_its_place_in_the_volume_empty(tmp_path):
    limits = Limits(scan="told", drops=True)
    truth = make_truth(
        limits, channels=1, volumes=3, planes=4, height=5, width=6, dtype="u2", lost=[5]
    )
    path = tmp_path / "a.ome.zarr"
    assert back(truth.recording(limits), path, shards=None) == "identical"
    pixels = zarr.open_array(path / "0", mode="r")
    assert pixels.shape == (3, 1, 4, 5, 6)
    assert not (path / "0/c/1/0/1").exists()  # counter 5 is plane 1 of volume 1
    assert np.array_equal(pixels[1, 0, 2], truth.frames[5, 0])


def test_volumes_that_are_not_alike_go_frame_by_frame(tmp_path):
    recording = phantom()
    path = tmp_path / "a.ome.zarr"
    wormio_zarr.write(recording, path)
    assert zarr.open_array(path / "0", mode="r").shape[:3] == (len(recording.timeline), 2, 1)


def test_shards_hold_many_images_and_files_stay_few(tmp_path):
    path = tmp_path / "a.ome.zarr"
    wormio_zarr.write(volumes(n_volumes=20, n_z=10, n_c=1), path)
    assert len(list((path / "0" / "c").rglob("0"))) > 0
    assert sum(p.is_file() for p in (path / "0").rglob("*")) == 2  # one shard, and zarr.json


def test_uncompressed_chunks_of_their_own_are_read_in_place(tmp_path):
    path = tmp_path / "a.ome.zarr"
    wormio_zarr.write(volumes(), path, compressed=False, shards=None)
    with wormio.open(path) as recording:
        assert isinstance(recording.frames, MappedFrames)


def test_frames_are_read_once_and_progress_is_told(tmp_path):
    recording, told = volumes(), []
    wormio_zarr.write(
        recording, tmp_path / "a.ome.zarr", chunks=(1, 1, 2, 3, 3),
        progress=lambda done, of: told.append((done, of)),
    )  # fmt: skip
    assert told == [(i + 1, 12) for i in range(12)]


def test_what_is_there_is_never_replaced_unasked(tmp_path):
    path = tmp_path / "a.ome.zarr"
    wormio_zarr.write(volumes(), path)
    with pytest.raises(OutputExistsError, match="there already"):
        wormio_zarr.write(volumes(), path)
    other = volumes(n_volumes=2)
    assert back(other, path, overwrite=True) == "identical"
    assert [p.name for p in tmp_path.iterdir()] == ["a.ome.zarr"]
    foreign = ome_image(tmp_path / "b.zarr", noise(1, 1, 1, 3, 4))
    with pytest.raises(OutputExistsError, match="never replaced"):
        wormio_zarr.write(volumes(), foreign, overwrite=True)
    with wormio.open(path) as recording:
        for inside in (path, path / "more"):
            with pytest.raises(OutputExistsError, match="the recording itself"):
                wormio_zarr.write(recording, inside, overwrite=True)


def test_a_failure_leaves_nothing_behind(tmp_path):
    recording = volumes()

    def fail(done, _):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wormio_zarr.write(recording, tmp_path / "a.ome.zarr", progress=fail)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"version": "0.6"}, "version"),
        ({"chunks": (1, 1, 1)}, "chunks"),
        ({"chunks": (0, 1, 1, 1, 1)}, "chunks"),
        ({"chunks": (2, 1, 1, 5, 6), "shards": (3, 1, 1, 5, 6)}, "whole multiples"),
        ({"shards": "some"}, "shards"),
        ({"version": "0.4", "shards": (1, 1, 1, 5, 6)}, "no shards"),
    ],
    ids=str,
)
def test_impossible_wishes_are_refused_before_anything_is_written(tmp_path, how, match):
    with pytest.raises(OptionError, match=match):
        wormio_zarr.write(volumes(), tmp_path / "a.ome.zarr", **how)
    assert list(tmp_path.iterdir()) == []


def test_a_recording_without_pixels_cannot_be_written(tmp_path):
    path = ome_image(tmp_path / "a.zarr", noise(1, 1, 1, 3, 4))
    with (
        wormio.open(path, metadata_only=True) as recording,
        pytest.raises(OptionError, match="without its pixels"),
    ):
        wormio_zarr.write(recording, tmp_path / "b.zarr")
    with pytest.raises(OptionError, match="no such folder"):
        wormio_zarr.write(volumes(), tmp_path / "absent" / "b.zarr")


def test_metadata_that_json_cannot_hold_are_refused(tmp_path):
    recording = attrs.evolve(with_gaps(), metadata={"what": {1, 2}})
    with pytest.raises(ContractError, match="JSON"):
        wormio_zarr.write(recording, tmp_path / "a.zarr")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "a.ome.zarr"
    wormio_zarr.write(volumes(), path, shards=None)
    return path


@pytest.mark.parametrize(
    "options",
    [{"planes": 4}, {"volume_rate": 1}, {"um_per_plane": 1}, {"axes": "TCZYX"},
     {"absent_chunks": "fill"}, {"channel_names": "a,b"}],
    ids=str,
)  # fmt: skip
def test_options_that_the_table_answers_are_refused_not_ignored(written, options):
    with pytest.raises(OptionError, match="frame_table=False"):
        wormio.open(written, **options)
    with wormio.open(written, frame_table=False, **options) as recording:
        assert recording.frames.shape == (12, 2, 5, 6)


def test_a_lost_image_is_an_error_at_once(written):
    (written / "0/c/1/1/2/0/0").unlink()
    with pytest.raises(MissingPartError, match="frame 6, channel 1"):
        wormio.open(written)


def test_a_table_that_is_not_whole_is_refused(written):
    (written / "wormio/time/c/0").unlink()
    with pytest.raises(CorruptRecordingError, match="wormio/time"):
        wormio.open(written)
    (written / "wormio/time/zarr.json").unlink()
    with pytest.raises(MissingPartError, match="no array time"):
        wormio.open(written)
    with wormio.open(written, frame_table=False) as recording:
        assert len(recording.timeline) == 12


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"schema_version": 2}, UnsupportedCapabilityError),
        ({"schema_version": "1"}, CorruptRecordingError),
        ({"origins": {"time": "GUESSED"}}, CorruptRecordingError),
        ({"origins": {}}, CorruptRecordingError),
        ({"z_unit": "mm"}, CorruptRecordingError),
        ({"channels": [{"name": "only one"}]}, CorruptRecordingError),
        ({"channels": None}, CorruptRecordingError),
        ({"voxel_size": {"w": 1}}, CorruptRecordingError),
        ({"extra": [{"name": "x"}]}, CorruptRecordingError),
        ({"events": [{"name": "x", "properties": []}]}, MissingPartError),
    ],
    ids=str,
)
def test_a_table_that_contradicts_itself_is_refused(written, change, error):
    file = written / "wormio" / "zarr.json"
    about = json.loads(file.read_text())
    about["attributes"].update(change)
    file.write_text(json.dumps(about))
    with pytest.raises(error, match="wormio"):
        wormio.open(written)


@pytest.mark.parametrize(
    "place", [np.full(12, 12), np.arange(12) - 1, np.arange(12.0), np.arange(5)]
)
def test_frames_that_lie_outside_of_the_image_are_refused(written, place):
    group = zarr.open_group(written / "wormio")
    array = group.create_array(
        "place",
        shape=place.shape,
        dtype=place.dtype,
        overwrite=True,
        config={"write_empty_chunks": True},
    )
    array[...] = place
    with pytest.raises(CorruptRecordingError, match="does not fit the image"):
        wormio.open(written)


def test_a_foreign_group_of_that_name_is_no_table(tmp_path):
    path = ome_image(tmp_path / "a.zarr", noise(2, 1, 1, 3, 4))
    zarr.open_group(path).create_group("wormio", attributes={"made": "by hand"})
    with wormio.open(path) as recording:
        assert len(recording.timeline) == 2


def test_what_was_written_once_can_be_written_again(tmp_path):
    first, second = tmp_path / "a.ome.zarr", tmp_path / "b.ome.zarr"
    wormio_zarr.write(volumes(), first)
    with wormio.open(first) as recording:
        assert back(recording, second, version="0.4") == "identical"
    with wormio.open(second) as recording:
        assert "before" in recording.metadata["wormio_origin"]
