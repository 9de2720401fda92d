"""Image series of all kinds: axes, times, sizes, channels."""

from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pytest
import wormio
from hypothesis import given, settings
from hypothesis import strategies as st
from wormio.errors import (
    CorruptRecordingError,
    FormatError,
    OptionError,
    TruncatedRecordingError,
)
from wormio.model import Origin

from wormio_nwb.writer import MICROSCOPY, VOLUMES, cache_schema, series, session, typed

SIZES = st.tuples(*[st.integers(1, 4)] * 5)


def pixels(*shape: int) -> np.ndarray:
    """Return an array of which every element is another."""
    return np.arange(1, np.prod(shape) + 1, dtype="u2").reshape(shape)


def _plane(file, path="general/optophysiology/plane", *, spacing=None, unit="meters", channels=()):
    plane = typed(file, path, "ImagingPlane")
    if spacing is not None:
        plane["grid_spacing"] = spacing
        plane["grid_spacing"].attrs["unit"] = unit
    for name in channels:
        channel = typed(file, f"{path}/{name}", "OpticalChannel")
        channel["emission_lambda"] = 510.0
    return plane


@settings(max_examples=60)
@given(
    sizes=SIZES,
    kind=st.sampled_from(
        [
            ("TwoPhotonSeries", "TXYZ"),
            ("OnePhotonSeries", "TXY"),
            ("ImageSeries", "TXYZ"),
            ("MultiChannelVolumeSeries", "TXYZC"),
            ("MultiChannelVolumeSeries", "TXYZ"),
            ("MultiChannelVolume", "XYZC"),
            ("PlanarMicroscopySeries", "TYX"),
        ]
    ),
    how=st.sampled_from(["contiguous", "chunks", "big-endian"]),
)
def test_each_pixel_is_where_the_schema_puts_it(tmp_path_factory, sizes, kind, how):
    name, axes = kind
    length = dict(zip("TZCYX", sizes, strict=True))
    data = pixels(*[length[letter] for letter in axes])
    if how == "big-endian":
        data = data.astype(">u2")
    path = tmp_path_factory.mktemp("nwb") / "a.nwb"
    with session(path) as file:
        group = series(file, "acquisition/a", name, None)
        group.create_dataset("data", data=data, chunks=True if how == "chunks" else None)
    # The oracle: every axis by its letter, those that are not there of length 1.
    absent = [letter for letter in "TZCYX" if letter not in axes]
    full = np.expand_dims(data, tuple(range(len(absent))))
    wanted = full.transpose([("".join(absent) + axes).index(letter) for letter in "TZCYX"])
    wanted = wanted.reshape(-1, *wanted.shape[2:])
    with wormio.open(path) as recording:
        assert recording.frames.dtype == np.dtype("u2")
        assert np.array_equal(recording.frames[:], wanted)
        assert recording.timeline.n_volumes == (length["T"] if "T" in axes else 1)


def test_what_pynwb_writes_is_read(tmp_path: Path) -> None:
    pynwb = pytest.importorskip("pynwb")
    from pynwb.ophys import OpticalChannel, TwoPhotonSeries

    data = pixels(3, 5, 4, 2)  # time, width, height, depth
    nwb = pynwb.NWBFile("s", "i", datetime(2024, 5, 6, tzinfo=UTC))
    plane = nwb.create_imaging_plane(
        name="plane",
        optical_channel=OpticalChannel(name="green", description="", emission_lambda=510.0),
        description="",
        device=nwb.create_device(name="d"),
        excitation_lambda=920.0,
        indicator="GCaMP",
        location="head",
        grid_spacing=[4e-7, 3e-7, 2e-6],
        origin_coords=[1.0, 2.0, 3.0],
    )
    nwb.add_acquisition(
        TwoPhotonSeries(
            name="calcium", data=data, imaging_plane=plane, unit="n.a.", rate=4.0, starting_time=2.0
        )
    )
    path = tmp_path / "a.nwb"
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(nwb)
    with wormio.open(path) as recording:
        assert recording.frames.shape == (6, 1, 4, 5)
        assert np.array_equal(recording.frames[3, 0], data[1, :, :, 1].T)
        assert recording.timeline.volumes.tolist() == [[0, 2], [2, 4], [4, 6]]
        # 4 volumes/s from 2 s on, two planes each
        assert recording.timeline.time.tolist() == [2.0, 2.125, 2.25, 2.375, 2.5, 2.625]
        assert recording.timeline.origins["time"] == Origin.NOMINAL
        assert recording.timeline.z.tolist() == pytest.approx([0, 2, 0, 2, 0, 2])
        assert recording.timeline.origins["z"] == Origin.NOMINAL
        size = recording.voxel_size
        assert (size.z, size.y, size.x) == pytest.approx((2.0, 0.3, 0.4))
        (channel,) = recording.channels
        assert (channel.name, channel.excitation_nm, channel.emission_nm, channel.indicator) == (
            "green",
            920.0,
            510.0,
            "GCaMP",
        )
        assert recording.timeline.clock.start == "2024-05-06T00:00:00+00:00"


def test_time_stamps_of_planes_are_measured_and_of_volumes_spread(tmp_path: Path) -> None:
    data = pixels(3, 2, 2, 4)
    stamps = np.cumsum(np.random.default_rng(1).random(12)) + 7
    path = tmp_path / "a.nwb"
    with session(path) as file:
        series(file, "acquisition/each", "TwoPhotonSeries", data, times=stamps)
        series(file, "acquisition/volume", "TwoPhotonSeries", data, times=[1.0, 3.0, 5.0])
    with wormio.open(path, item="acquisition/each") as recording:
        assert recording.timeline.time.tolist() == stamps.tolist()
        assert recording.timeline.origins["time"] == Origin.MEASURED
        assert recording.timeline.clock.start == "2024-05-06T07:00:00+00:00"  # the reference time
    with wormio.open(path, item="acquisition/volume") as recording:
        assert recording.timeline.time[:5].tolist() == [1.0, 1.5, 2.0, 2.5, 3.0]
        assert recording.timeline.origins["time"] == Origin.INTERPOLATED
        assert "times-spread" in [finding.code for finding in recording.findings]


@pytest.mark.parametrize(
    ("rate", "unit"), [(0.0, "seconds"), (-3.0, "seconds"), (np.nan, "seconds"), (None, "ms")]
)
def test_times_that_cannot_be_are_not_used(tmp_path: Path, rate, unit) -> None:
    path = tmp_path / "a.nwb"
    with session(path) as file:
        times = None if rate is not None else [1.0, 2.0]
        group = series(
            file, "acquisition/a", "TwoPhotonSeries", pixels(2, 2, 2), rate=rate, times=times
        )
        if times:
            group["timestamps"].attrs["unit"] = unit
    with wormio.open(path) as recording:
        assert np.isnan(recording.timeline.time).all()
        assert recording.timeline.origins["time"] == Origin.UNKNOWN
        assert [finding.code for finding in recording.findings] == ["times-unusable"]
    with wormio.open(path, volume_rate=10) as recording:
        assert recording.timeline.time.tolist() == [0.0, 0.1]


def test_fewer_or_more_time_stamps_than_images(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    with session(path) as file:
        series(file, "acquisition/cut", "TwoPhotonSeries", pixels(2, 3, 4), times=[1.0, 2.0, 3.0])
        series(file, "acquisition/odd", "TwoPhotonSeries", pixels(2, 3, 4), times=[1.0])
    with pytest.raises(TruncatedRecordingError, match="3 time points"):
        wormio.open(path, item="acquisition/cut")
    with wormio.open(path, item="acquisition/cut", allow_truncated=True) as recording:
        assert recording.timeline.time.tolist() == [1.0, 2.0]
        assert [finding.code for finding in recording.findings] == ["truncated"]
    with pytest.raises(CorruptRecordingError, match="volume_rate="):
        wormio.open(path, item="acquisition/odd")
    with wormio.open(path, item="acquisition/odd", volume_rate=2) as recording:
        assert recording.timeline.time.tolist() == [0.0, 0.5]


@pytest.mark.parametrize(
    ("spacing", "unit", "wanted"),
    [
        ([4e-7, 3e-7, 2e-6], "meters", (2.0, 0.3, 0.4)),
        ([0.4, 0.3, 2.0], "micrometers", (2.0, 0.3, 0.4)),
        ([0.4, 0.3], "um", (None, 0.3, 0.4)),
        ([0.4, 0.3, 2.0], "meters", None),  # the default unit, which nobody set
        ([0.4, np.nan, 2.0], "um", None),
        ([0.4, 0.3, 2.0], "parsec", None),
    ],
)
def test_spacing_in_its_unit_or_not_at_all(tmp_path: Path, spacing, unit, wanted) -> None:
    path = tmp_path / "a.nwb"
    with session(path) as file:
        group = series(file, "acquisition/a", "TwoPhotonSeries", pixels(2, 3, 4, 2), rate=1)
        _plane(file, spacing=spacing, unit=unit)
        group["imaging_plane"] = h5py.SoftLink("/general/optophysiology/plane")
    with wormio.open(path) as recording:
        size = recording.voxel_size
        codes = [finding.code for finding in recording.findings]
        if wanted is None:
            assert (size.z, size.y, size.x) == (None, None, None)
            assert "spacing-unusable" in codes
        else:
            assert (size.y, size.x) == pytest.approx(wanted[1:])
            assert size.z == pytest.approx(wanted[0]) if wanted[0] else size.z is None
            assert "spacing-unusable" not in codes


def test_channels_in_the_order_that_the_volume_lists(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    with session(path) as file:
        group = series(
            file, "acquisition/a", "MultiChannelVolumeSeries", pixels(2, 3, 4, 2, 2), rate=1
        )
        volume = _plane(file, channels=["GCaMP", "mNeptune"])
        group["imaging_volume"] = h5py.SoftLink(volume.name)
    with wormio.open(path) as recording:  # alphabetical is no order
        assert [channel.name for channel in recording.channels] == ["channel-0", "channel-1"]
        assert "channels-unordered" in [finding.code for finding in recording.findings]
    with h5py.File(path, "r+") as file:
        order = "general/optophysiology/plane/order_optical_channels/channels"
        file[order] = ["mNeptune", "GCaMP"]
    with wormio.open(path) as recording:
        assert [(one.name, one.emission_nm) for one in recording.channels] == [
            ("mNeptune", 510.0),
            ("GCaMP", 510.0),
        ]


def test_several_series_are_items_and_none_is_the_first(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    with session(path) as file:
        series(file, "acquisition/b", "TwoPhotonSeries", pixels(2, 3, 4))
        series(file, "processing/ophys/a", "OnePhotonSeries", 7 * pixels(2, 3, 4))
        series(file, "stimulus/presentation/film", "OpticalSeries", pixels(2, 3, 4))
        series(file, "processing/s/t/reference_images/i", "ImageSeries", pixels(2, 3, 4))
        file["acquisition/again"] = h5py.SoftLink("/acquisition/b")
    assert wormio.contents(path) == ["acquisition/b", "processing/ophys/a"]
    with pytest.raises(OptionError, match=r"acquisition/b \(TwoPhotonSeries\)"):
        wormio.open(path)
    with wormio.open(path, item="processing/ophys/a") as recording:
        assert recording.frames[1, 0, 2, 1] == 7 * pixels(2, 3, 4)[1, 1, 2]
    with wormio.open(path, item="stimulus/presentation/film") as recording:
        assert recording.metadata["series"]["neurodata_type"] == "OpticalSeries"
    for wrong in ("acquisition/none", "acquisition", "/"):
        with pytest.raises(OptionError, match="no image series"):
            wormio.open(path, item=wrong)


def test_a_file_without_images_says_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    with session(path) as file:
        typed(file, "processing/ophys/Fluorescence", "Fluorescence")
    with pytest.raises(FormatError, match=r"processing/ophys/Fluorescence \(Fluorescence\)"):
        wormio.open(path)


def test_swapped_rows_and_columns_can_be_told_and_are_suspected(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    data = pixels(2, 4, 5)  # written as time, height, width
    with session(path) as file:
        group = series(file, "acquisition/a", "TwoPhotonSeries", data)
        group["dimension"] = [5, 4]
    with wormio.open(path) as recording:
        assert recording.frames.shape == (2, 1, 5, 4)
        (finding,) = recording.findings
        assert finding.code == "axes-doubtful" and "axes='TYX'" in finding.cure
    with wormio.open(path, axes="TYX") as recording:
        assert np.array_equal(recording.frames[:, 0], data)
        assert not recording.findings


_VOLUMETRIC = {
    "neurodata_type_def": "VolumetricMicroscopySeries",
    "neurodata_type_inc": "TimeSeries",
}


@pytest.mark.parametrize(
    ("dims", "order"),
    [
        (["frames", "height", "width", "depths"], "TYXZ"),
        (["frames", "depths", "height", "width"], "TZYX"),
    ],
)
def test_the_files_own_schema_says_the_order_of_a_volumetric_series(tmp_path, dims, order) -> None:
    data = pixels(2, 3, 4, 5)
    path = tmp_path / "a.nwb"
    with session(path) as file:
        series(file, "acquisition/a", "VolumetricMicroscopySeries", data, namespace=MICROSCOPY)
        told = _VOLUMETRIC | {"datasets": [{"name": "data", "dims": dims}]}
        cache_schema(file, MICROSCOPY, "0.9", told)
    wanted = data.transpose([order.index(letter) for letter in "TZYX"])
    with wormio.open(path) as recording:
        assert np.array_equal(recording.frames[:, 0], wanted.reshape(-1, *wanted.shape[2:]))


def test_without_a_schema_the_order_of_a_volumetric_series_is_asked_for(tmp_path: Path) -> None:
    data = pixels(2, 3, 4, 5)
    path = tmp_path / "a.nwb"
    with session(path) as file:
        group = series(
            file, "acquisition/a", "VolumetricMicroscopySeries", data, namespace=MICROSCOPY
        )
        space = typed(file, "acquisition/a/space", "VolumetricImagingSpace", MICROSCOPY)
        space["voxel_size_in_um"] = [0.4, 0.3, 2.0]
        assert group
    with pytest.raises(OptionError, match="axes='TZYX'"):
        wormio.open(path)
    with wormio.open(path, axes="TYXZ") as recording:
        assert recording.frames.shape == (10, 1, 3, 4)
    with h5py.File(path, "r+") as file:
        file["acquisition/a/space/dimensions_in_voxels"] = [5, 4, 3]  # x, y, z
    with wormio.open(path) as recording:
        assert recording.frames.shape == (6, 1, 4, 5)
        size = recording.voxel_size
        assert (size.z, size.y, size.x) == (2.0, 0.3, 0.4)


def test_a_type_that_extends_a_known_one_is_read_as_that(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    with session(path) as file:
        series(file, "acquisition/a", "MyLabSeries", pixels(2, 3, 4), namespace="ndx-lab")
    with pytest.raises(FormatError, match="MyLabSeries"):
        wormio.open(path)
    with h5py.File(path, "r+") as file:
        told = {"neurodata_type_def": "MyLabSeries", "neurodata_type_inc": "TwoPhotonSeries"}
        cache_schema(file, "ndx-lab", "1.0", told)
    with wormio.open(path) as recording:
        assert np.array_equal(recording.frames[:, 0], pixels(2, 3, 4).transpose(0, 2, 1))


def test_depth_of_each_frame_gives_volumes_between_its_turning_points(tmp_path: Path) -> None:
    # Three sweeps of 12 frames between flanks of 10: up, down, up.
    depth = np.abs((np.arange(56) - 10) % 24 - 12.0) * 1.5
    path = tmp_path / "a.nwb"
    with session(path) as file:
        group = series(
            file,
            "acquisition/a",
            "VariableDepthMicroscopySeries",
            pixels(56, 2, 3),
            namespace=MICROSCOPY,
            times=np.arange(56) / 200,
        )
        group["depth_per_frame_in_um"] = depth
    with wormio.open(path) as recording:
        timeline = recording.timeline
        assert timeline.z.tolist() == depth.tolist()
        assert timeline.origins["z"] == timeline.origins["time"] == Origin.MEASURED
        assert timeline.volumes.tolist() == [[10, 22], [22, 34], [34, 46]]
        assert timeline.origins["volume"] == Origin.INFERRED
        assert timeline.direction[[12, 25, 36]].tolist() == [-1, 1, -1]
        assert recording.voxel_size.z is None
    with wormio.open(path, planes=7) as recording:
        assert recording.timeline.n_volumes == 8
    with pytest.raises(OptionError, match="planes="):
        wormio.open(path, um_per_plane=2)


def test_planes_in_series_of_their_own_become_volumes(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    depths = {"a": 9.0, "b": 3.0, "c": 6.0}
    data = {name: pixels(3, 4, 5) + 1000 * index for index, name in enumerate(depths)}
    with session(path) as file:
        container = typed(file, "acquisition/planes", "MultiPlaneMicroscopyContainer", MICROSCOPY)
        for index, name in enumerate("cab"):
            where = f"{container.name}/{name}"
            series(
                file,
                where,
                "PlanarMicroscopySeries",
                data[name],
                namespace=MICROSCOPY,
                times=np.arange(3) * 0.3 + index * 0.1,
            )
            space = typed(file, f"{where}/space", "PlanarImagingSpace", MICROSCOPY)
            space["origin_coordinates"] = [0.0, 0.0, depths[name]]
            space["pixel_size_in_um"] = [0.5, 0.25]
    with wormio.open(path) as recording:
        assert recording.frames.shape == (9, 1, 4, 5)
        # In the order of their times: c, a, b.
        assert np.array_equal(recording.frames[4, 0], data["a"][1])
        assert recording.timeline.time.tolist() == pytest.approx([i / 10 for i in range(9)])
        assert recording.timeline.origins["time"] == Origin.MEASURED
        assert recording.timeline.z[:3].tolist() == [6.0, 9.0, 3.0]
        assert recording.timeline.origins["z"] == Origin.NOMINAL
        assert recording.voxel_size.x == 0.5
    with wormio.open(path, item="acquisition/planes/b") as recording:
        assert np.array_equal(recording.frames[:, 0], data["b"])


def test_a_static_volume_of_many_colours_has_no_time(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    with session(path) as file:
        series(
            file,
            "acquisition/NeuroPAL",
            "MultiChannelVolume",
            pixels(5, 4, 3, 6),
            namespace=VOLUMES,
        )
    with wormio.open(path) as recording:
        assert recording.frames.shape == (3, 6, 4, 5)
        assert recording.timeline.origins["time"] == Origin.UNKNOWN


def test_the_recording_travels_as_its_recipe(tmp_path: Path) -> None:
    import pickle

    path = tmp_path / "a.nwb"
    with session(path) as file:
        series(file, "acquisition/a", "TwoPhotonSeries", pixels(2, 3, 4), rate=2)
    with wormio.open(path, axes="TYX") as one, pickle.loads(pickle.dumps(one)) as other:
        assert np.array_equal(one.frames[:], other.frames[:])
        assert one.recording_id == other.recording_id
