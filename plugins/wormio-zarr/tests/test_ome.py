"""What OME-Zarr says of an image, and which images a store holds."""

import json
import math

import numpy as np
import pytest
import wormio
import zarr
from wormio.errors import (
    CorruptRecordingError,
    FormatError,
    MissingPartError,
    OptionError,
    UnsafeReferenceError,
    UnsupportedCapabilityError,
)
from wormio.model import Origin
from zarr_stores import UNITS, multiscale, noise, ome_group, ome_image, put

from wormio_zarr.ome import seconds, um


def test_steps_and_starts_are_those_of_both_lists_of_transformations(tmp_path):
    about = multiscale(units={**UNITS, "t": "millisecond", "z": "nanometer"})
    about["datasets"][0]["coordinateTransformations"] = [
        {"type": "scale", "scale": [50, 1, 250, 0.2, 0.1]},
        {"type": "translation", "translation": [1000, 0, 500, 0, 0]},
    ]
    about["coordinateTransformations"] = [
        {"type": "scale", "scale": [2, 1, 4, 2, 2]},
        {"type": "translation", "translation": [500, 0, 100, 0, 0]},
    ]
    path = ome_image(tmp_path / "a.zarr", noise(3, 1, 2, 4, 5), about=about)
    with wormio.open(path) as recording:
        timeline, voxel = recording.timeline, recording.voxel_size
    # t: 0.05 s * 2 = 0.1 s a volume, from (1000 * 2 + 500) ms; z: 250 nm * 4, from 500 * 4 + 100 nm
    assert timeline.time == pytest.approx([2.5, 2.55, 2.6, 2.65, 2.7, 2.75])
    assert timeline.z == pytest.approx([2.1, 3.1, 2.1, 3.1, 2.1, 3.1])
    assert (voxel.z, voxel.y, voxel.x) == pytest.approx((1.0, 0.4, 0.2))
    assert timeline.origins["time"] == timeline.origins["z"] == Origin.NOMINAL
    assert timeline.volumes.tolist() == [[0, 2], [2, 4], [4, 6]]


@pytest.mark.parametrize(
    ("unit", "value"),
    [
        ("micrometer", 1), ("nanometer", 1e-3), ("millimeter", 1e3), ("angstrom", 1e-4),
        ("meter", 1e6), ("inch", 25400), ("picometer", 1e-6), ("centimeter", 1e4),
        ("micrometre", 1), ("\u00b5m", 1), ("um", 1), ("microns", 1), ("pixel", None), ("", None),
        ("second", None),
    ],
)  # fmt: skip
def test_lengths_are_in_um(unit, value):
    assert um(unit) == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("unit", "value"),
    [("second", 1), ("millisecond", 1e-3), ("nanosecond", 1e-9), ("minute", 60), ("hour", 3600),
     ("s", 1), ("ms", 1e-3), ("micrometer", None), ("frame", None)],
)  # fmt: skip
def test_times_are_in_seconds(unit, value):
    assert seconds(unit) == (None if value is None else pytest.approx(value))


def test_steps_without_a_unit_are_not_used_and_told(tmp_path):
    about = multiscale(scale=[1.0, 1, 2, 0.5, 0.5], units={"y": "pixel"})
    path = ome_image(tmp_path / "a.zarr", noise(3, 1, 2, 4, 5), about=about)
    with wormio.open(path) as recording:
        assert np.isnan(recording.timeline.time).all()
        assert np.isnan(recording.timeline.z).all()
        assert recording.voxel_size.z is recording.voxel_size.y is None
        finding = next(f for f in recording.findings if f.code == "unit-unknown")
        assert "t (1 ?), z (2 ?), y (0.5 pixel), x (0.5 ?)" in finding.message
        assert finding.cure == "give volume_rate=, um_per_plane=, um_per_pixel="
    given = {"volume_rate": 2, "um_per_plane": 3, "um_per_pixel": 0.3}
    with wormio.open(path, **given) as recording:
        assert recording.timeline.time.tolist() == [0, 0.25, 0.5, 0.75, 1, 1.25]
        assert recording.timeline.z.tolist() == [0, 3, 0, 3, 0, 3]
        assert recording.voxel_size.x == 0.3
        assert recording.findings == ()


def test_channels_have_the_labels_of_omero(tmp_path):
    omero = {"channels": [{"label": "green"}, {"label": "green"}, {"color": "FF0000"}]}
    path = ome_image(tmp_path / "a.zarr", noise(1, 3, 2, 4, 5), omero=omero)
    with wormio.open(path) as recording:
        names = [channel.name for channel in recording.channels]
        assert names == ["green", "green-2", "channel-2"]
        assert recording.metadata["omero"] == omero


@pytest.mark.parametrize(
    "old", [{"version": "0.1"}, {"version": "0.2"}, {"version": "0.3", "axes": list("tczyx")}]
)
def test_versions_before_0_4_are_read(tmp_path, old):
    values = noise(2, 1, 3, 4, 5)
    old = {**old, "datasets": [{"path": "0"}]}
    path = tmp_path / "a.zarr"
    put(zarr.create_group(path, zarr_format=2, attributes={"multiscales": [old]}), "0", values)
    with wormio.open(path) as recording:
        assert np.array_equal(recording.frames[4, 0], values[1, 0, 1])
        # They say nothing of steps.
        assert recording.voxel_size.x is None
        assert "unit-unknown" in {finding.code for finding in recording.findings}


def test_an_axis_that_is_none_of_ours_is_asked_for(tmp_path):
    about = multiscale()
    about["axes"][1] = {"name": "lifetime", "type": "phase"}
    path = ome_image(tmp_path / "a.zarr", noise(2, 3, 2, 4, 5), about=about)
    with pytest.raises(OptionError, match="axes="):
        wormio.open(path)
    with wormio.open(path, axes="TCZYX") as recording:
        assert recording.frames.shape == (4, 3, 4, 5)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda m: m.update(version="0.9"), UnsupportedCapabilityError),
        (lambda m: m.pop("axes"), CorruptRecordingError),
        (lambda m: m.update(axes=[{"type": "space"}] * 5), CorruptRecordingError),
        (lambda m: m["axes"].pop(), CorruptRecordingError),
        (lambda m: m["axes"].__setitem__(0, m["axes"][1]), CorruptRecordingError),
        (lambda m: m.pop("datasets"), CorruptRecordingError),
        (lambda m: m.update(datasets=[]), CorruptRecordingError),
        (lambda m: m.update(datasets=[{"path": 0}]), CorruptRecordingError),
        (lambda m: m.update(datasets=[{"path": "absent"}]), MissingPartError),
        (lambda m: m.update(coordinateTransformations=3), CorruptRecordingError),
        (lambda m: m.update(coordinateTransformations=[{"type": "affine"}]),
         UnsupportedCapabilityError),
        (lambda m: m.update(coordinateTransformations=[{"type": "scale", "path": "x"}]),
         UnsupportedCapabilityError),
        (lambda m: m.update(coordinateTransformations=[{"type": "scale", "scale": [1]}]),
         CorruptRecordingError),
        (lambda m: m.update(coordinateTransformations=[{"type": "scale", "scale": [math.nan] * 5}]),
         CorruptRecordingError),
        (lambda m: m.update(coordinateTransformations=[{"type": "scale", "scale": [0, 1, 1, 1, 1]}]),
         CorruptRecordingError),
    ],
)  # fmt: skip
def test_an_image_that_contradicts_the_standard_is_refused(tmp_path, change, error):
    about = multiscale()
    change(about)
    path = ome_image(tmp_path / "a.zarr", noise(2, 1, 2, 4, 5), about=about)
    with pytest.raises(error, match=r"a\.zarr"):
        wormio.open(path)


def test_only_the_full_resolution_is_an_item(tmp_path):
    about = multiscale()
    about["datasets"].append({"path": "1"})
    path = ome_image(tmp_path / "a.zarr", noise(1, 1, 1, 4, 4), about=about)
    put(zarr.open_group(path), "1", noise(1, 1, 1, 2, 2))
    assert wormio.contents(path) == []
    with wormio.open(path) as recording:
        assert recording.frames.shape[2:] == (4, 4)


def several(path, layout):
    """Write two images into one store, in one of the agreed layouts; return their names."""
    values = {name: noise(1, 1, 2, 3, 4, seed=seed) for seed, name in enumerate(layout["images"])}
    for name, at in layout["groups"].items():
        ome_group(path, at, path=name, zarr_format=layout["zarr_format"])
    for name, pixels in values.items():
        scale = {"multiscales": [{"version": "0.4", **multiscale()}]}
        group = ome_group(path, scale, path=name, zarr_format=layout["zarr_format"])
        put(group, "0", pixels)
    return values


LAYOUTS = {
    "bioformats2raw": {
        "zarr_format": 2,
        "groups": {"": {"bioformats2raw.layout": 3}},
        "images": ["0", "1", "2"],
    },
    "bioformats2raw with series": {
        "zarr_format": 3,
        "groups": {"": {"bioformats2raw.layout": 3}, "OME": {"series": ["b", "a"]}},
        "images": ["b", "a"],
    },
    "plate": {
        "zarr_format": 3,
        "groups": {
            "": {"plate": {"wells": [{"path": "A/1"}, {"path": "B/12"}]}},
            "A/1": {"well": {"images": [{"path": "0"}, {"path": "1"}]}},
            "B/12": {"well": {"images": [{"path": "0"}]}},
        },
        "images": ["A/1/0", "A/1/1", "B/12/0"],
    },
    "well": {
        "zarr_format": 2,
        "groups": {"": {"well": {"images": [{"path": "f0"}, {"path": "f1"}]}}},
        "images": ["f0", "f1"],
    },
    "bare groups": {
        "zarr_format": 3,
        "groups": {"": {}, "worms": {}},
        "images": ["2", "10", "worms/a"],
    },
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_several_images_are_items_in_the_order_of_the_store(tmp_path, layout):
    path = tmp_path / "a.zarr"
    values = several(path, layout)
    assert wormio.contents(path) == list(values)
    with pytest.raises(OptionError, match=f"holds {len(values)} recordings"):
        wormio.open(path)
    for name, pixels in values.items():
        with wormio.open(path, item=name) as recording:
            assert np.array_equal(recording.frames[:, 0], pixels[0, 0])
    with pytest.raises(OptionError, match="no item 'absent'"):
        wormio.open(path, item="absent")


def test_several_multiscales_of_one_group_are_items(tmp_path):
    path = tmp_path / "a.zarr"
    scales = [multiscale(path="x"), multiscale(path="y")]
    group = ome_group(path, {"multiscales": scales})
    put(group, "x", noise(1, 1, 1, 3, 4, seed=1))
    put(group, "y", noise(1, 1, 1, 3, 4, seed=2))
    assert wormio.contents(path) == ["#0", "#1"]
    with wormio.open(path, item="#1") as recording:
        assert np.array_equal(recording.frames[0, 0], noise(1, 1, 1, 3, 4, seed=2)[0, 0, 0])


def test_a_plate_that_lists_a_well_that_is_not_there_says_so(tmp_path):
    ome_group(tmp_path / "a.zarr", {"plate": {"wells": [{"path": "A/1"}]}})
    with pytest.raises(MissingPartError, match="A/1"):
        wormio.contents(tmp_path / "a.zarr")


@pytest.mark.parametrize("path", ["../b.zarr", "/etc"])
def test_a_plate_that_leads_out_of_the_store_is_refused(tmp_path, path):
    ome_group(tmp_path / "a.zarr", {"plate": {"wells": [{"path": path}]}})
    with pytest.raises(UnsafeReferenceError):
        wormio.open(tmp_path / "a.zarr")


def test_a_store_without_images_is_none(tmp_path):
    zarr.create_group(tmp_path / "a.zarr")
    with pytest.raises(FormatError, match="no images"):
        wormio.open(tmp_path / "a.zarr")


def test_planes_one_after_the_other_along_t_make_volumes(tmp_path):
    path = ome_image(tmp_path / "a.zarr", noise(7, 1, 1, 3, 4))
    with wormio.open(path, planes=3, volume_rate=2, um_per_plane=1.5) as recording:
        assert recording.timeline.volumes.tolist() == [[0, 3], [3, 6]]
        assert recording.timeline.z.tolist() == [0, 1.5, 3, 0, 1.5, 3, 0]


@pytest.mark.parametrize(
    ("name", "confidence"),
    [("zarr.json", "SIGNATURE"), (".zattrs", "SIGNATURE"), ("plain", "STRUCTURE")],
)
def test_a_store_is_recognised_by_what_it_says(tmp_path, name, confidence):
    path = tmp_path / "folder without a suffix"
    if name == "plain":
        zarr.create_array(path, shape=(3, 4), dtype="u1")
    else:
        ome_image(path, noise(1, 1, 1, 3, 4), zarr_format=3 if name == "zarr.json" else 2)
    (best,) = wormio.explain(path).best
    assert (best.format, best.confidence.name) == ("zarr", confidence)


def test_metadata_are_kept_as_they_are(tmp_path):
    path = ome_image(tmp_path / "a.zarr", noise(1, 1, 1, 3, 4))
    about = json.loads((path / "zarr.json").read_text())["attributes"]["ome"]
    with wormio.open(path) as recording:
        assert recording.metadata == {"array": "0", **about}
