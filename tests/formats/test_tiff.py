"""The TIFF family. Oracles: arrays that were written, tifffile's pixels, published facts."""

import json
import pickle
import random
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import wormio
from wormio.errors import (
    CorruptRecordingError,
    FormatError,
    MissingImageError,
    MissingPartError,
    OptionError,
    RecordingClosedError,
    RecordingError,
    TruncatedRecordingError,
    UnknownFormatError,
    UnsafeReferenceError,
    UnsupportedCapabilityError,
    WormioError,
)
from wormio.formats.tiff.adapter import contents
from wormio.formats.tiff.adapter import open as open_tiff
from wormio.formats.tiff.detect import detect
from wormio.formats.tiff.options import TiffOptions
from wormio.model import BaseRecording, Flag, MappedFrames, Origin
from wormio.registry import Confidence, Probe

T, Z, C, Y, X = 3, 4, 2, 5, 7


def opened(path: Path, **options: Any) -> BaseRecording:
    return open_tiff(path, TiffOptions(**options))


def truth(dtype: Any = "u2", shape: tuple[int, ...] = (T, Z, C, Y, X)) -> np.ndarray:
    """Return (T, Z, C, Y, X) pixels that are all different and not symmetric in anything."""
    values = np.arange(np.prod(shape)) * 7 % 251 + np.arange(np.prod(shape)) // 251
    return values.reshape(shape).astype(dtype)


def frames_of(pixels: np.ndarray) -> np.ndarray:
    """Return (T, Z, C, Y, X) as (T * Z, C, Y, X)."""
    return pixels.reshape(-1, *pixels.shape[2:])


def write_in_order(path: Path, pixels: np.ndarray, axes: str, **how: Any) -> None:
    """Write (T, Z, C, Y, X) pixels as OME-TIFF with another order of axes."""
    metadata = how.pop("metadata", {})
    moved = pixels.transpose(["TZCYX".index(axis) for axis in axes])
    tifffile.imwrite(
        path, np.ascontiguousarray(moved), ome=True, metadata={"axes": axes} | metadata, **how
    )


def ome_xml(pixels: str, *, uuid: str = "urn:uuid:root", inside: str = "") -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><OME '
        f'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuid}">'
        f'<Image ID="Image:0" Name="worm">{inside}{pixels}</Image></OME>'
    )


def pixels_xml(body: str, shape: tuple[int, ...] = (T, Z, C, Y, X), **attributes: Any) -> str:
    sizes = " ".join(f'Size{a}="{n}"' for a, n in zip("TZCYX", shape, strict=True))
    more = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    return (
        f'<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" {sizes} {more}>{body}</Pixels>'
    )


def write_pages(path: Path, pages: np.ndarray, xml: str | None, **how: Any) -> None:
    """Write one page after the other, each with its own directory before the next."""
    with tifffile.TiffWriter(path, **how.pop("writer", {})) as writer:
        for index, page in enumerate(pages):
            writer.write(
                page,
                contiguous=False,
                metadata=None,
                description=xml if index == 0 else None,
                **how,
            )


def ome_file(path: Path, body: str, pixels: np.ndarray | None = None, **attributes: Any) -> Path:
    pixels = truth() if pixels is None else pixels
    xml = ome_xml(pixels_xml(body, pixels.shape, **attributes))
    write_pages(path, pixels.reshape(-1, *pixels.shape[-2:]), xml)
    return path


ALL_PAGES = f'<TiffData IFD="0" PlaneCount="{T * Z * C}"/>'


# --- OME-TIFF ---------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", ["TZCYX", "TCZYX", "ZTCYX", "ZCTYX", "CTZYX", "CZTYX"])
def test_frames_are_in_acquisition_order_whatever_the_order_of_axes_in_the_file(tmp_path, axes):
    path = tmp_path / "a.ome.tif"
    pixels = truth()
    write_in_order(path, pixels, axes)
    with opened(path) as recording:
        np.testing.assert_array_equal(recording.frames[:], frames_of(pixels))
        assert recording.timeline.volumes.tolist() == [[0, 4], [4, 8], [8, 12]]
        # The oracle of `stored`: tifffile's page of that number.
        with tifffile.TiffFile(path) as tif:
            for frame, channel in [(0, 0), (1, 0), (4, 1), (11, 1)]:
                page = tif.pages[int(recording.timeline.stored[frame, channel])].asarray()
                np.testing.assert_array_equal(page, recording.frames[frame, channel])


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "f4", "f8", "f2", "i8", "c8"])
def test_every_pixel_type_is_read_as_written(tmp_path, dtype):
    path = tmp_path / "a.ome.tif"
    pixels = truth(dtype)
    xml = ome_xml(pixels_xml(ALL_PAGES))
    write_pages(path, pixels.reshape(-1, Y, X), xml)
    with opened(path) as recording:
        assert recording.frames.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(recording.frames[:], frames_of(pixels))


@pytest.mark.parametrize(
    ("how", "is_mapped"),
    [
        ({}, True),
        ({"byteorder": ">"}, True),
        ({"bigtiff": True}, True),
        ({"bigtiff": True, "byteorder": ">"}, True),
        ({"rowsperstrip": 2}, True),
        ({"compression": "zlib"}, False),
        ({"compression": "zlib", "rowsperstrip": 2}, False),
        ({"tile": (16, 16)}, False),
        ({"tile": (16, 16), "compression": "zlib", "byteorder": ">"}, False),
    ],
)
@pytest.mark.parametrize("kind", ["ome", "imagej"])
def test_all_ways_of_storing_give_the_same_pixels(tmp_path, kind, how, is_mapped):
    if kind == "imagej" and (how.get("bigtiff") or "tile" in how or "compression" in how):
        how = {k: v for k, v in how.items() if k not in {"bigtiff", "tile", "compression"}}
        is_mapped = True  # ImageJ knows none of these
    path = tmp_path / "a.tif"
    pixels = truth()
    metadata = {"axes": "TZCYX"}
    tifffile.imwrite(path, pixels, metadata=metadata, **{kind: True}, **how)
    with opened(path) as recording:
        assert isinstance(recording.frames, MappedFrames) == is_mapped
        np.testing.assert_array_equal(recording.frames[:], frames_of(pixels))
        np.testing.assert_array_equal(recording.frames[5, 1, 1:4, 2:], pixels[1, 1, 1, 1:4, 2:])
        assert recording.frames.dtype.isnative


def test_strips_that_do_not_lie_together_are_read_as_tifffile_reads_them(tmp_path):
    path = tmp_path / "a.tif"
    # One 4 x 2 page of two strips, the second one first in the file.
    strips = [struct.pack("<4H", 5, 6, 7, 8), struct.pack("<4H", 1, 2, 3, 4)]
    entries = [
        (256, 3, 1, 2), (257, 3, 1, 4), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1),
        (270, 2, 24, 40), (273, 4, 2, 24), (277, 3, 1, 1), (278, 3, 1, 2), (279, 4, 2, 32),
    ]  # fmt: skip
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    head = struct.pack("<2sHI", b"II", 42, 64) + strips[0] + strips[1]
    arrays = struct.pack("<4I", 16, 8, 8, 8)
    path.write_bytes(head + arrays + b"ImageJ=1.0\nunit=pixel\n\0\0" + directory)
    with opened(path) as recording:
        assert not isinstance(recording.frames, MappedFrames)
        assert recording.frames[0, 0].tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]
        np.testing.assert_array_equal(recording.frames[0, 0], tifffile.imread(path))


def test_times_and_positions_of_planes_are_measured(tmp_path):
    planes = [(t, z, c) for t in range(T) for z in range(Z) for c in range(C)]
    metadata = {
        "axes": "TZCYX",
        "PhysicalSizeX": 0.4,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 500,
        "PhysicalSizeYUnit": "nm",
        "PhysicalSizeZ": 2.0,
        "TimeIncrement": 1.0,
        "Plane": {
            "DeltaT": [1000 * t + 100 * z + 40 * c for t, z, c in planes],
            "DeltaTUnit": ["ms"] * len(planes),
            "PositionZ": [0.001 * (10 - z * 1.5) for t, z, c in planes],
            "PositionZUnit": ["mm"] * len(planes),
        },
        "Channel": {"Name": ["GCaMP", "GCaMP"], "EmissionWavelength": [510, 600]},
    }
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, truth(), ome=True, metadata=metadata)
    with opened(path) as recording:
        timeline = recording.timeline
        t, z = np.divmod(np.arange(T * Z), Z)
        np.testing.assert_allclose(timeline.time, t + 0.1 * z)
        np.testing.assert_allclose(timeline.z, 10 - 1.5 * z)
        assert timeline.origins["time"] == timeline.origins["z"] == Origin.MEASURED
        assert set(timeline.direction) == {-1}
        assert timeline.volume_interval == pytest.approx(1.0)
        assert [c.name for c in recording.channels] == ["GCaMP", "GCaMP-2"]
        assert [c.emission_nm for c in recording.channels] == [510, 600]
        assert [c.time_offset for c in recording.channels] == pytest.approx([0, 0.04])
        size = recording.voxel_size
        assert (size.z, size.y, size.x) == pytest.approx((2.0, 0.5, 0.4))
        assert recording.findings == ()


def test_measured_times_reach_their_planes_in_any_order_of_axes(tmp_path):
    axes = "CZTYX"
    grid = [(c, z, t) for c in range(C) for z in range(Z) for t in range(T)]
    metadata = {"Plane": {"DeltaT": [10.0 * t + z + 0.5 * c for c, z, t in grid]}}
    path = tmp_path / "a.ome.tif"
    write_in_order(path, truth(), axes, metadata=metadata)
    with opened(path) as recording:
        t, z = np.divmod(np.arange(T * Z), Z)
        np.testing.assert_allclose(recording.timeline.time, 10 * t + z)


def test_steps_of_the_header_are_nominal(tmp_path):
    path = tmp_path / "a.ome.tif"
    metadata = {
        "axes": "TZCYX",
        "PhysicalSizeZ": 1.5,
        "TimeIncrement": 200,
        "TimeIncrementUnit": "ms",
    }
    tifffile.imwrite(path, truth(), ome=True, metadata=metadata)
    with opened(path) as recording:
        timeline = recording.timeline
        np.testing.assert_allclose(timeline.z, np.tile(np.arange(Z) * 1.5, T))
        np.testing.assert_allclose(timeline.time[::Z], [0, 0.2, 0.4])
        assert (np.diff(timeline.time) > 0).all()
        assert timeline.origins["time"] == timeline.origins["z"] == Origin.NOMINAL
        assert set(timeline.direction) == {1}
        assert [f.code for f in recording.findings] == ["times-spread"]


def test_what_the_header_does_not_say_stays_unknown(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, truth(), ome=True, metadata={"axes": "TZCYX"})
    with opened(path) as recording:
        timeline = recording.timeline
        assert np.isnan(timeline.time).all()
        assert np.isnan(timeline.z).all()
        assert (timeline.flags & Flag.Z_UNKNOWN).all()
        assert timeline.origins["time"] == timeline.origins["z"] == Origin.UNKNOWN
        assert not timeline.direction.any()
        assert recording.voxel_size.z is recording.voxel_size.x is None
        assert [c.name for c in recording.channels] == ["channel-0", "channel-1"]
        assert {c.role for c in recording.channels} == {"other"}
        assert {c.offset for c in recording.channels} == {None}
        assert "z-unknown" in [f.code for f in recording.findings]


def test_a_single_stack_has_no_time_although_the_header_has_an_interval(tmp_path):
    path = tmp_path / "a.ome.tif"
    metadata = {"axes": "TZCYX", "TimeIncrement": 0.2, "PhysicalSizeZ": 1}
    tifffile.imwrite(path, truth()[:1], ome=True, metadata=metadata)
    with opened(path) as recording:
        assert recording.timeline.origins["time"] == Origin.UNKNOWN
        assert recording.timeline.n_volumes == 1


def plane_xml(times: dict[tuple[int, int, int], float]) -> str:
    return ALL_PAGES + "".join(
        f'<Plane TheT="{t}" TheZ="{z}" TheC="{c}" DeltaT="{value}"/>'
        for (t, z, c), value in times.items()
    )


@pytest.mark.parametrize("damage", ["backwards", "equal", "partial"])
def test_measured_times_that_cannot_be_times_are_reported_and_not_used(tmp_path, damage):
    times = {(t, z, c): 10.0 * t + z for t in range(T) for z in range(Z) for c in range(C)}
    for c in range(C):
        if damage == "partial":
            del times[1, 2, c]
        else:
            times[1, 2, c] = 3.0 if damage == "backwards" else times[1, 1, c]
    path = ome_file(tmp_path / "a.ome.tif", plane_xml(times), TimeIncrement="2")
    with opened(path) as recording:
        assert recording.timeline.origins["time"] == Origin.NOMINAL
        np.testing.assert_allclose(recording.timeline.time[::Z], [0, 2, 4])
        assert "times-unusable" in [f.code for f in recording.findings]


def test_positions_without_a_unit_are_used_only_if_the_step_confirms_them(tmp_path):
    body = ALL_PAGES + "".join(
        f'<Plane TheT="{t}" TheZ="{z}" TheC="0" PositionZ="{100 + 2 * z}"/>'
        for t in range(T)
        for z in range(Z)
    )
    with opened(ome_file(tmp_path / "a.ome.tif", body, PhysicalSizeZ="2")) as recording:
        assert recording.timeline.z[:4].tolist() == [100, 102, 104, 106]
        assert recording.timeline.origins["z"] == Origin.MEASURED
    with opened(ome_file(tmp_path / "b.ome.tif", body, PhysicalSizeZ="0.3")) as recording:
        assert recording.timeline.origins["z"] == Origin.NOMINAL
        assert "z-without-unit" in [f.code for f in recording.findings]
    with opened(ome_file(tmp_path / "c.ome.tif", body)) as recording:
        assert recording.timeline.origins["z"] == Origin.UNKNOWN


def test_options_override_the_header(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, truth(), ome=True, metadata={"axes": "TZCYX", "PhysicalSizeZ": 9})
    with opened(path, volume_rate="2", um_per_plane="1.5", um_per_pixel="0.3") as recording:
        np.testing.assert_allclose(recording.timeline.time, np.arange(12) / 8)
        np.testing.assert_allclose(recording.timeline.z[:5], [0, 1.5, 3, 4.5, 0])
        assert recording.timeline.origins["time"] == recording.timeline.origins["z"] == Origin.USER
        assert recording.voxel_size.z == 1.5
        assert recording.voxel_size.x == recording.voxel_size.y == 0.3


def test_a_recording_of_single_planes_has_a_volume_a_frame(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, truth()[:, 0], ome=True, metadata={"axes": "TCYX", "TimeIncrement": 0.5})
    with opened(path) as recording:
        assert recording.timeline.volumes.tolist() == [[0, 1], [1, 2], [2, 3]]
        assert recording.timeline.time.tolist() == [0, 0.5, 1.0]


def test_planes_that_were_never_saved_raise_when_read(tmp_path):
    # Pages 0..21 hold all planes but two, t = 1, z = 2 (frame 6), of both channels.
    pixels = truth().reshape(-1, Y, X)
    body = (
        '<TiffData IFD="0" PlaneCount="12"/>'
        '<TiffData FirstT="1" FirstZ="3" IFD="12" PlaneCount="10"/>'
    )
    path = tmp_path / "a.ome.tif"
    write_pages(path, np.delete(pixels, [12, 13], axis=0), ome_xml(pixels_xml(body)))
    with opened(path) as recording:
        assert recording.timeline.stored[6].tolist() == [-1, -1]
        with pytest.raises(MissingImageError):
            recording.frames[6, 1]
        np.testing.assert_array_equal(recording.frames[7:], pixels[14:].reshape(-1, C, Y, X))
        assert "images-missing" in [f.code for f in recording.findings]
    compressed = tmp_path / "b.ome.tif"
    write_pages(
        compressed,
        np.delete(pixels, [12, 13], axis=0),
        ome_xml(pixels_xml(body)),
        compression="zlib",
    )
    with opened(compressed) as recording:
        with pytest.raises(MissingImageError):
            recording.frames[5:8]
        np.testing.assert_array_equal(recording.frames[7:], pixels[14:].reshape(-1, C, Y, X))


def test_several_images_are_never_chosen_by_default(tmp_path):
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        for k, name in enumerate(["head", "tail"]):
            writer.write(truth() + k, metadata={"axes": "TZCYX", "Name": name})
    assert contents(path, TiffOptions()) == ["head", "tail"]
    with pytest.raises(OptionError, match="item") as caught:
        opened(path)
    assert "head" in str(caught.value)
    assert "tail" in str(caught.value)
    for item in ("tail", "1"):
        with opened(path, item=item) as recording:
            np.testing.assert_array_equal(recording.frames[:], frames_of(truth() + 1))
            assert recording.timeline.stored.min() == T * Z * C
    with pytest.raises(OptionError, match="foot"):
        opened(path, item="foot")


def test_a_file_with_one_image_lists_no_items(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, truth(), ome=True, metadata={"axes": "TZCYX"})
    assert contents(path, TiffOptions()) == []


# --- several files ----------------------------------------------------------------------------


def multi_file(folder: Path, *, second: str = "b.ome.tif", uuid: str = "urn:uuid:b") -> Path:
    """Write channel 0 into one file and channel 1 into another, big-endian one."""
    pixels = truth()
    blocks = []
    for c, (name, own) in enumerate([("a.ome.tif", "urn:uuid:root"), (second, "urn:uuid:b")]):
        for k in range(T * Z):
            t, z = divmod(k, Z)
            blocks.append(
                f'<TiffData FirstT="{t}" FirstZ="{z}" FirstC="{c}" IFD="{k}" PlaneCount="1">'
                f'<UUID FileName="{name}">{own}</UUID></TiffData>'
            )
    xml = pixels_xml("".join(blocks))
    write_pages(folder / "a.ome.tif", pixels[:, :, 0].reshape(-1, Y, X), ome_xml(xml))
    other = folder / second
    if other.parent.is_dir():
        write_pages(other, pixels[:, :, 1].reshape(-1, Y, X), ome_xml(xml, uuid=uuid))
    return folder / "a.ome.tif"


def test_files_that_belong_together_are_one_recording(tmp_path):
    path = multi_file(tmp_path)
    with opened(path) as recording:
        assert isinstance(recording.frames, MappedFrames)
        np.testing.assert_array_equal(recording.frames[:], frames_of(truth()))
        assert recording.timeline.stored[0].tolist() == [0, T * Z]
        assert set(recording.source.arguments["parts"]) == {"a.ome.tif", "b.ome.tif"}
        assert [f.code for f in recording.findings] == ["z-unknown"]
    with tifffile.TiffFile(path) as tif:
        np.testing.assert_array_equal(tif.series[0].asarray(), truth())


def test_files_of_different_byte_order_are_decoded(tmp_path):
    path = multi_file(tmp_path)
    pages = truth()[:, :, 1].reshape(-1, Y, X)
    write_pages(tmp_path / "b.ome.tif", pages, None, writer={"byteorder": ">"})
    with opened(path) as recording:
        assert not isinstance(recording.frames, MappedFrames)
        np.testing.assert_array_equal(recording.frames[:], frames_of(truth()))


def test_a_missing_file_is_named(tmp_path):
    path = multi_file(tmp_path)
    (tmp_path / "b.ome.tif").unlink()
    with pytest.raises(MissingPartError, match=r"b\.ome\.tif"):
        opened(path)
    with opened(path, metadata_only=True) as recording:
        assert recording.timeline.stored[1].tolist() == [1, T * Z + 1]
        with pytest.raises(MissingPartError):
            recording.frames[0]


def test_a_file_outside_the_folder_is_not_followed_unless_trusted(tmp_path):
    folder = tmp_path / "recording"
    folder.mkdir()
    for name in ("../b.ome.tif", str(tmp_path / "c.ome.tif")):
        path = multi_file(folder, second=name)
        with pytest.raises(UnsafeReferenceError):
            opened(path)
        with opened(path, trust=True) as recording:
            np.testing.assert_array_equal(recording.frames[:], frames_of(truth()))


def test_a_link_that_leads_outside_the_folder_is_not_followed(tmp_path):
    folder = tmp_path / "recording"
    folder.mkdir()
    path = multi_file(folder)
    (folder / "b.ome.tif").rename(tmp_path / "b.ome.tif")
    (folder / "b.ome.tif").symlink_to(tmp_path / "b.ome.tif")
    with pytest.raises(UnsafeReferenceError):
        opened(path)


def test_a_file_of_another_recording_is_reported(tmp_path):
    path = multi_file(tmp_path, uuid="urn:uuid:somebody-else")
    with opened(path) as recording:
        assert "uuid-differs" in [f.code for f in recording.findings]


def test_a_file_with_pixels_only_says_which_one_to_open(tmp_path):
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<BinaryOnly MetadataFile="master.ome.tif" UUID="urn:uuid:root"/></OME>'
    )
    write_pages(tmp_path / "a.tif", truth().reshape(-1, Y, X), xml)
    with pytest.raises(OptionError, match=r"master\.ome\.tif"):
        opened(tmp_path / "a.tif")


# --- ImageJ -----------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["um", "µm", "μm", "micron", "\\u00B5m", "Microns"])
def test_micrometres_are_understood_however_imagej_spells_them(tmp_path, unit):
    path = tmp_path / "a.tif"
    description = (
        f"ImageJ=1.54f\nimages={T * Z * C}\nchannels={C}\nslices={Z}\nframes={T}\n"
        f"hyperstack=true\nunit={unit}\nspacing=1.5\nfinterval=0.25\n"
    )
    tifffile.imwrite(
        path,
        truth().reshape(-1, Y, X),
        description=description.encode("utf-8"),
        metadata=None,
        resolution=(2.5, 4),
        resolutionunit=1,
    )
    with opened(path) as recording:
        np.testing.assert_array_equal(recording.frames[:], frames_of(truth()))
        size = recording.voxel_size
        assert (size.z, size.y, size.x) == pytest.approx((1.5, 0.25, 0.4))
        np.testing.assert_allclose(recording.timeline.z[:5], [0, 1.5, 3, 4.5, 0])
        np.testing.assert_allclose(recording.timeline.time[::Z], [0, 0.25, 0.5])
        assert recording.timeline.origins["z"] == Origin.NOMINAL
        assert recording.metadata["imagej"]["slices"] == Z


def imagej_file(path: Path, header: str, pixels: np.ndarray | None = None, **how: Any) -> Path:
    pixels = truth() if pixels is None else pixels
    tifffile.imwrite(
        path,
        pixels.reshape(-1, *pixels.shape[-2:]),
        description=f"ImageJ=1.54f\n{header}",
        metadata=None,
        **how,
    )
    return path


HYPERSTACK = f"images={T * Z * C}\nchannels={C}\nslices={Z}\nframes={T}\nhyperstack=true\n"


def test_other_units_are_converted_and_unknown_ones_reported(tmp_path):
    path = imagej_file(tmp_path / "a.tif", HYPERSTACK + "unit=mm\nspacing=0.002\n")
    with opened(path) as recording:
        assert recording.voxel_size.z == pytest.approx(2.0)
    path = imagej_file(tmp_path / "b.tif", HYPERSTACK + "unit=furlong\nspacing=2\n")
    with opened(path) as recording:
        assert recording.voxel_size.z is None
        assert recording.timeline.origins["z"] == Origin.UNKNOWN
        assert "unit-unknown" in [f.code for f in recording.findings]


def test_a_resolution_without_imagejs_unit_is_no_pixel_size(tmp_path):
    path = imagej_file(tmp_path / "a.tif", HYPERSTACK, resolution=(72, 72), resolutionunit=2)
    with opened(path) as recording:
        assert recording.voxel_size.x is None


def test_frames_a_second_are_used_with_a_warning(tmp_path):
    path = imagej_file(tmp_path / "a.tif", HYPERSTACK + "fps=5\n")
    with opened(path) as recording:
        np.testing.assert_allclose(recording.timeline.time[::Z], [0, 0.2, 0.4])
        assert "time-from-fps" in [f.code for f in recording.findings]
    path = imagej_file(tmp_path / "b.tif", HYPERSTACK + "fps=5\nfinterval=500\ntunit=ms\n")
    with opened(path) as recording:
        np.testing.assert_allclose(recording.timeline.time[::Z], [0, 0.5, 1.0])


@pytest.mark.parametrize("order", ["czt", "ctz", "zct", "ztc", "tcz", "tzc"])
def test_the_order_of_an_imagej_header_is_obeyed(tmp_path, order):
    moved = truth().transpose(["tzc".index(axis) for axis in order[::-1]] + [3, 4])
    path = imagej_file(tmp_path / "a.tif", HYPERSTACK + f"order={order}\n", moved)
    with opened(path) as recording:
        np.testing.assert_array_equal(recording.frames[:], frames_of(truth()))


def virtual_imagej(path: Path, **how: Any) -> Path:
    """Write one directory and all pixels in one run, as ImageJ does above 4 GB."""
    tifffile.imwrite(path, truth(), imagej=True, metadata={"axes": "TZCYX"}, **how)
    raw = bytearray(path.read_bytes())
    order = "<" if raw[:2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", raw, 4)
    (n,) = struct.unpack_from(order + "H", raw, first)
    (second,) = struct.unpack_from(order + "I", raw, first + 2 + 12 * n)
    struct.pack_into(order + "I", raw, first + 2 + 12 * n, 0)
    path.write_bytes(raw[:second])
    return path


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_imagej_files_with_one_directory_hold_all_their_planes(tmp_path, byteorder):
    path = virtual_imagej(tmp_path / "a.tif", byteorder=byteorder)
    with opened(path) as recording:
        np.testing.assert_array_equal(recording.frames[:], frames_of(truth()))
        assert recording.timeline.stored[3].tolist() == [6, 7]


def test_an_imagej_header_that_promises_other_images_than_there_are_is_refused(tmp_path):
    less = HYPERSTACK.replace(f"frames={T}", "frames=2")
    with pytest.raises(CorruptRecordingError):
        opened(imagej_file(tmp_path / "a.tif", less))
    more = HYPERSTACK.replace(f"frames={T}", "frames=9")
    with pytest.raises(TruncatedRecordingError):
        opened(imagej_file(tmp_path / "b.tif", more))
    with opened(tmp_path / "b.tif", axes="TYX", planes=8) as recording:
        assert recording.timeline.n_volumes == 3
        assert "header-ignored" in [f.code for f in recording.findings]


# --- axes that the file does not name ---------------------------------------------------------


def test_a_plain_stack_is_not_guessed(tmp_path):
    path = tmp_path / "a.tif"
    pages = truth().reshape(-1, Y, X)
    write_pages(path, pages, None)
    with pytest.raises(OptionError, match="axes") as caught:
        opened(path)
    assert "(24, 5, 7)" in str(caught.value)
    with opened(path, axes="TYX", planes="4", um_per_plane=2) as recording:
        np.testing.assert_array_equal(recording.frames[:, 0], pages)
        assert recording.timeline.n_volumes == 6
        assert recording.timeline.z[:6].tolist() == [0, 2, 4, 6, 0, 2]
        assert np.isnan(recording.timeline.time).all()
    with opened(path, axes="TYX", planes="5") as recording:
        assert recording.timeline.n_volumes == 4
        assert (recording.timeline.flags[20:] & Flag.INCOMPLETE).all()
        assert not (recording.timeline.flags[:20] & Flag.INCOMPLETE).any()
    with opened(path, axes="CYX") as recording:
        np.testing.assert_array_equal(recording.frames[0], pages)
    with pytest.raises(OptionError, match="planes"):
        opened(path, axes="ZYX", planes="5")
    with pytest.raises(OptionError, match="24, 5, 7"):
        opened(path, axes="TZCYX")


@pytest.mark.parametrize("axes", ["TZC", "TZYXX", "TQYX", "yxs"])
def test_axes_without_one_y_and_one_x_or_with_other_letters_are_refused(axes):
    with pytest.raises(ValueError, match=r"T, Z, C, Y, X|once each"):
        TiffOptions(axes=axes)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_samples_of_a_pixel_become_channels_when_the_user_says_so(tmp_path, planar, compression):
    samples_last = truth("u1", (T, Z, 5, 7, 3))
    moved = samples_last if planar == "contig" else np.moveaxis(samples_last, -1, -3)
    path = tmp_path / "a.ome.tif"
    axes = "TZYXS" if planar == "contig" else "TZSYX"
    tifffile.imwrite(
        path,
        moved,
        ome=True,
        photometric="rgb",
        planarconfig=planar,
        compression=compression,
        metadata={"axes": axes},
    )
    with pytest.raises(OptionError, match="'S'") as caught:
        opened(path)
    assert axes.replace("S", "C") in str(caught.value)
    with opened(path, axes=axes.replace("S", "C")) as recording:
        assert isinstance(recording.frames, MappedFrames) == (compression is None)
        expected = np.moveaxis(samples_last, -1, 2).reshape(-1, 3, 5, 7)
        np.testing.assert_array_equal(recording.frames[:], expected)
        np.testing.assert_array_equal(recording.frames[3, 1, 2:4, 1:5], expected[3, 1, 2:4, 1:5])


def test_the_axes_of_the_user_may_count_dimensions_of_length_one_or_not(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, truth()[:, :, 0], ome=True, metadata={"axes": "TZYX"})
    # The file's own order is T, Z, C of length 1, Y, X.
    for axes in ("TZYX", "TZCYX"):
        with opened(path, axes=axes) as recording:
            np.testing.assert_array_equal(
                recording.frames[:, 0], truth()[:, :, 0].reshape(-1, Y, X)
            )


def test_steps_of_the_header_are_not_applied_to_axes_the_user_renames(tmp_path):
    path = tmp_path / "a.ome.tif"
    metadata = {"axes": "TZCYX", "PhysicalSizeZ": 1.5, "TimeIncrement": 2}
    tifffile.imwrite(path, truth(), ome=True, metadata=metadata)
    with opened(path, axes="ZTCYX") as recording:
        assert recording.frames.shape == (T * Z, C, Y, X)
        assert recording.timeline.n_volumes == Z
        assert recording.timeline.origins["z"] == Origin.UNKNOWN
        assert recording.timeline.origins["time"] == Origin.UNKNOWN
        assert recording.voxel_size.z is None


# --- damaged files ----------------------------------------------------------------------------


def make_for_damage(path: Path, kind: str) -> None:
    axes = {"axes": "TZCYX"}
    if kind == "ome":
        tifffile.imwrite(path, truth(), ome=True, metadata=axes)
    elif kind == "ome-zlib":
        tifffile.imwrite(path, truth(), ome=True, metadata=axes, compression="zlib")
    elif kind == "ome-tiles":
        tifffile.imwrite(path, truth(), ome=True, metadata=axes, tile=(16, 16))
    elif kind == "imagej":
        tifffile.imwrite(path, truth(), imagej=True, metadata=axes)
    elif kind == "imagej-one-directory":
        virtual_imagej(path)
    else:
        how = {"pages-zlib": {"compression": "zlib"}, "pages-tiles": {"tile": (16, 16)}}
        pages = truth().reshape(-1, Y, X)
        write_pages(path, pages, ome_xml(pixels_xml(ALL_PAGES)), **how.get(kind, {}))


KINDS = ["ome", "ome-zlib", "ome-tiles", "imagej", "imagej-one-directory"]
KINDS += ["pages", "pages-zlib", "pages-tiles"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_anywhere_is_refused(tmp_path, kind):
    whole = tmp_path / "whole.tif"
    make_for_damage(whole, kind)
    raw = whole.read_bytes()
    path = tmp_path / "cut.tif"
    for k in range(64):
        path.write_bytes(raw[: len(raw) * k // 64])
        with pytest.raises((RecordingError, FormatError)):
            opened(path)


def test_a_real_file_cut_anywhere_raises(tmp_path, real_data):
    path = tmp_path / "cut.tif"
    for source in ("ome_tiff/18x24y5z5t2c8b-text.ome.tiff", "imagej_tiff/zcyx.tiff"):
        raw = (real_data / source).read_bytes()
        for k in range(64):
            path.write_bytes(raw[: len(raw) * k // 64])
            with pytest.raises((RecordingError, FormatError)):
                opened(path)


@pytest.mark.parametrize("kind", ["pages", "pages-zlib", "pages-tiles", "imagej-one-directory"])
def test_of_a_truncated_file_the_complete_volumes_can_be_had(tmp_path, kind):
    path = tmp_path / "a.tif"
    make_for_damage(path, kind)
    raw = path.read_bytes()
    seen = set()
    for k in range(8, 64):
        path.write_bytes(raw[: len(raw) * k // 64])
        try:
            recording = opened(path, allow_truncated=True)
        except TruncatedRecordingError:
            continue
        with recording:
            n = recording.timeline.n_volumes
            seen.add(n)
            assert len(recording.timeline) == n * Z
            np.testing.assert_array_equal(recording.frames[:], frames_of(truth()[:n]))
            assert n == T or "truncated" in [f.code for f in recording.findings]
    assert {1, 2} <= seen


def test_of_a_truncated_stack_without_z_whole_volumes_are_kept(tmp_path):
    path = tmp_path / "a.tif"
    pages = truth().reshape(-1, Y, X)
    write_pages(path, pages, None)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) * 2 // 3])
    with pytest.raises(TruncatedRecordingError):
        opened(path, axes="TYX", planes=4)
    with opened(path, axes="TYX", planes=4, allow_truncated=True) as recording:
        # 15 or so of 24 pages are there; without a header, nobody knows that more were meant.
        n = len(recording.timeline)
        np.testing.assert_array_equal(recording.frames[:, 0], pages[:n])
        assert recording.timeline.n_volumes == n // 4
        assert "truncated" in [f.code for f in recording.findings]


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_bytes_raise_an_error_of_wormio_or_nothing(tmp_path, kind):
    whole = tmp_path / "whole.tif"
    make_for_damage(whole, kind)
    raw = whole.read_bytes()
    path = tmp_path / "damaged.tif"
    dice = random.Random(20231024)
    for _ in range(150):
        damaged = bytearray(raw)
        for _ in range(dice.randint(1, 4)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        path.write_bytes(damaged)
        with suppress(WormioError), opened(path) as recording:
            assert recording.frames[:].shape == recording.frames.shape


@pytest.mark.parametrize(
    ("tag", "value", "compression"),
    [
        (tag, value, compression)
        for tag, value in [(256, 2**31 - 1), (257, 2**31 - 1), (273, 2**32 - 16), (277, 60_000)]
        for compression in (None, "zlib")
    ]
    + [(279, 2**32 - 16, "zlib")],
)
def test_sizes_beyond_the_file_are_refused_before_memory_is_taken(
    tmp_path, tag, value, compression
):
    path = tmp_path / "a.tif"
    write_pages(path, truth()[:1, :1, 0], ome_xml(pixels_xml(
        '<TiffData IFD="0" PlaneCount="1"/>', (1, 1, 1, Y, X)
    )), compression=compression)  # fmt: skip
    raw = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", raw, 4)
    (n,) = struct.unpack_from("<H", raw, first)
    for k in range(n):
        at = first + 2 + 12 * k
        if struct.unpack_from("<H", raw, at)[0] == tag:
            struct.pack_into("<HHII", raw, at, tag, 4, 1, value)
    path.write_bytes(raw)
    with pytest.raises(RecordingError):
        opened(path)
    # Named by hand, the page is refused for its own numbers and not for the XML's.
    with pytest.raises(WormioError):
        opened(path, axes="YX")


def test_a_compressed_page_that_declares_impossibly_many_pixels_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    header = "images=1\n"
    imagej_file(path, header, truth("u1", (64, 64)), compression="zlib")
    raw = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", raw, 4)
    (n,) = struct.unpack_from("<H", raw, first)
    for k in range(n):
        at = first + 2 + 12 * k
        if struct.unpack_from("<H", raw, at)[0] in {256, 257, 278}:
            struct.pack_into("<HII", raw, at + 2, 4, 1, 100_000)
    path.write_bytes(raw)
    with pytest.raises(CorruptRecordingError, match="impossibly many"):
        opened(path)


def test_directories_that_form_a_loop_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    write_pages(path, truth()[0, :, 0], None)
    raw = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", raw, 4)
    (n,) = struct.unpack_from("<H", raw, first)
    struct.pack_into("<I", raw, first + 2 + 12 * n, first)
    path.write_bytes(raw)
    with pytest.raises(CorruptRecordingError, match="loop"):
        opened(path, axes="ZYX")


def test_xml_that_names_pages_that_are_not_there_is_refused(tmp_path):
    body = f'<TiffData IFD="3" PlaneCount="{T * Z * C}"/>'
    with pytest.raises(CorruptRecordingError, match="not there"):
        opened(ome_file(tmp_path / "a.tif", body))


def test_xml_that_gives_one_plane_two_pages_is_refused(tmp_path):
    body = ALL_PAGES + '<TiffData FirstT="1" IFD="0" PlaneCount="1"/>'
    with pytest.raises(CorruptRecordingError, match="two pages"):
        opened(ome_file(tmp_path / "a.tif", body))


@pytest.mark.parametrize("size", ["SizeT", "SizeX", "SizeY"])
def test_xml_that_declares_another_size_than_the_pages_have_is_refused(tmp_path, size):
    path = tmp_path / "a.tif"
    xml = ome_xml(pixels_xml(ALL_PAGES)).replace(f'{size}="', f'{size}="90000000')
    write_pages(path, truth().reshape(-1, Y, X), xml)
    with pytest.raises(CorruptRecordingError) as caught:
        opened(path)
    assert str(path) in str(caught.value)


def test_broken_xml_is_reported_with_its_cause(tmp_path):
    path = tmp_path / "a.tif"
    write_pages(path, truth().reshape(-1, Y, X), ome_xml(pixels_xml(ALL_PAGES))[:-9])
    with pytest.raises(CorruptRecordingError) as caught:
        opened(path)
    assert caught.value.__cause__ is not None
    assert str(path) in str(caught.value)


def test_pages_that_differ_are_not_one_recording(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        xml = ome_xml(pixels_xml('<TiffData IFD="0" PlaneCount="2"/>', (2, 1, 1, Y, X)))
        writer.write(truth()[0, 0, 0], contiguous=False, metadata=None, description=xml)
        writer.write(truth("u1")[0, 0, 0], contiguous=False, metadata=None)
    with pytest.raises(CorruptRecordingError, match="differ"):
        opened(path)


def test_an_unknown_compression_says_what_to_install(tmp_path):
    path = tmp_path / "a.tif"
    imagej_file(path, "images=1\n", truth("u1", (16, 16)), compression="zlib")
    raw = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", raw, 4)
    (n,) = struct.unpack_from("<H", raw, first)
    for k in range(n):
        at = first + 2 + 12 * k
        if struct.unpack_from("<H", raw, at)[0] == 259:
            struct.pack_into("<H", raw, at + 8, 65_432)
    path.write_bytes(raw)
    with pytest.raises(UnsupportedCapabilityError, match="65432"):
        opened(path)


@pytest.mark.parametrize("content", [b"", b"II", b"II*\0", b"II*\0\x08\0\0\0", b"time,z\n1,2\n"])
def test_what_is_no_tiff_is_refused_with_its_path(tmp_path, content):
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    with pytest.raises((FormatError, RecordingError)) as caught:
        opened(path)
    assert str(path) in str(caught.value)


# --- real files -------------------------------------------------------------------------------


def test_the_text_file_of_ome_has_its_published_shape_and_tifffiles_pixels(real_data):
    path = real_data / "ome_tiff/18x24y5z5t2c8b-text.ome.tiff"
    with opened(path) as recording, tifffile.TiffFile(path) as tif:
        assert recording.frames.shape == (25, 2, 24, 18)
        assert recording.timeline.n_volumes == 5
        expected = tif.series[0].asarray()  # T, C, Z, Y, X
        np.testing.assert_array_equal(
            recording.frames[:], np.moveaxis(expected, 1, 2).reshape(25, 2, 24, 18)
        )
        # File order is XYZCT: z fastest, then channel.
        assert recording.timeline.stored[:3].tolist() == [[0, 5], [1, 6], [2, 7]]
        assert recording.timeline.clock.start == "2010-03-02T10:01:15"
        assert recording.timeline.origins["z"] == Origin.UNKNOWN


def test_the_multi_channel_file_of_ome_is_one_frame(real_data):
    path = real_data / "ome_tiff/multi-channel.ome.tif"
    with opened(path) as recording:
        assert recording.frames.dtype == np.int8
        np.testing.assert_array_equal(recording.frames[0], tifffile.imread(path))


def test_the_flim_file_asks_what_its_lifetimes_are(real_data):
    path = real_data / "ome_tiff/FLIM-modulo-sample.ome.tif"
    with pytest.raises(OptionError, match="'H'") as caught:
        opened(path)
    assert "(2, 8, 150, 180)" in str(caught.value)
    expected = tifffile.imread(path)
    assert expected.shape == (2, 8, 150, 180)
    with opened(path, axes="CZYX") as recording:
        np.testing.assert_array_equal(recording.frames[:], expected.swapaxes(0, 1))
    with opened(path, axes="CTYX") as recording:
        assert recording.timeline.n_volumes == 8
        np.testing.assert_array_equal(recording.frames[:], expected.swapaxes(0, 1))
    with opened(path, axes="CCYX") as recording:
        np.testing.assert_array_equal(recording.frames[0], expected.reshape(16, 150, 180))


def test_the_hyperstack_of_imagej_agrees_with_its_published_slices(real_data):
    folder = real_data / "imagej_tiff"
    with opened(folder / "zcyx.tiff") as recording:
        assert recording.frames.shape == (25, 2, 50, 50)
        for name, z in (("zcyx_slice10", 9), ("zcyx_slice18", 17)):
            expected = tifffile.imread(folder / f"{name}.tiff").reshape(2, 50, 50)
            np.testing.assert_array_equal(recording.frames[z], expected)
            for axes in (None, "ZCYX", "CYX"):  # None: tifffile's own header names them
                with opened(folder / f"{name}.tiff", axes=axes) as single:
                    np.testing.assert_array_equal(single.frames[0], expected)
        assert recording.voxel_size.z == pytest.approx(0.05445500181716341)
        assert recording.voxel_size.x == pytest.approx(1 / 2.295473)
        assert recording.timeline.origins["z"] == Origin.NOMINAL
        assert recording.timeline.origins["time"] == Origin.UNKNOWN
        json.dumps(recording.metadata)


def test_the_calibrated_stack_of_imagej_equals_the_zarr_facts(real_data):
    with opened(real_data / "ome_zarr/xyz_8bit__mitotic_plate_calibrated.tiff") as recording:
        assert recording.frames.shape == (6, 1, 263, 263)
        assert recording.frames.dtype == np.uint8


def test_stacks_whose_header_says_too_little_ask_for_their_axes(real_data):
    for name in ("imagej_tiff/multipage.tif", "tiff_h5/example.tif"):
        path = real_data / name
        with pytest.raises(OptionError, match="axes"):
            opened(path)
        with opened(path, axes="TYX") as recording:
            np.testing.assert_array_equal(recording.frames[:, 0], tifffile.imread(path))


def test_a_plane_saved_out_of_a_stack_is_not_taken_for_the_stack(real_data):
    path = real_data / "tiff_h5/example-tiffs/0.tif"
    with pytest.raises(TruncatedRecordingError, match="3500"):
        opened(path)
    with opened(path, axes="YX") as recording:
        np.testing.assert_array_equal(recording.frames[0, 0], tifffile.imread(path))


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("ndtiff/ndtiff3.2_11bit_1/ndtiff3.2_11bit_NDTiffStack.tif", "wormio-ndtiff"),
        ("ndtiff/ndtiffv3.0_test/ndtiffv3.0_test_NDTiffStack.tif", "wormio-ndtiff"),
    ],
)
def test_files_of_other_formats_name_who_reads_them_and_open_with_axes(real_data, name, title):
    path = real_data / name
    with pytest.raises(OptionError, match=title):
        opened(path)
    with opened(path, axes="TYX") as recording, tifffile.TiffFile(path) as tif:
        np.testing.assert_array_equal(
            recording.frames[:, 0], np.stack([page.asarray() for page in tif.pages])
        )


def test_many_writers_give_the_pixels_that_tifffile_reads(real_data):
    n_opened = 0
    for path in sorted((real_data / "tiff_writers").glob("*.tif")):
        with tifffile.TiffFile(path) as tif:
            series = [(s.axes, s.asarray()) for s in tif.series]
        items = contents(path, TiffOptions()) or [None]
        assert len(items) == len(series)
        for item, (_, expected) in zip(items, series, strict=True):
            axes = "C" * (expected.ndim - 2) + "YX"
            with opened(path, item=item, axes=axes) as recording:
                found = recording.frames[0].reshape(expected.shape)
                np.testing.assert_array_equal(found, expected)
                n_opened += 1
    assert n_opened > 90


def test_imagej_files_of_tifffile_have_the_shape_their_names_say(real_data):
    folder = real_data / "tiff_writers"
    with opened(folder / "tifffile.imsave.imagej_3,2,3,2_uint8.tif") as recording:
        assert recording.frames.shape == (3, 2, 3, 2)  # Z, C, Y, X
        assert recording.timeline.n_volumes == 1
    with opened(folder / "tifffile.imsave.imagej_2,1,3,3,2_uint8.tif") as recording:
        assert recording.frames.shape == (2, 3, 3, 2)  # T, C, Y, X
        assert recording.timeline.n_volumes == 2


# --- the recording as a whole -----------------------------------------------------------------


def test_detection_claims_tiff_by_its_first_bytes_and_names_the_dialect(tmp_path, real_data):
    path = tmp_path / "no-suffix"
    tifffile.imwrite(path, truth(), imagej=True, metadata={"axes": "TZCYX"}, byteorder=">")
    found = detect(Probe(path))
    assert found.confidence == Confidence.SIGNATURE
    assert any("ImageJ" in text for text in found.evidence)
    write_pages(path, truth().reshape(-1, Y, X), ome_xml(pixels_xml(ALL_PAGES)))
    assert any("OME" in text for text in detect(Probe(path)).evidence)
    # Its XML lies at the end of the file, where a probe does not look.
    far = detect(Probe(real_data / "ome_tiff/18x24y5z5t2c8b-text.ome.tiff"))
    assert far.confidence == Confidence.SIGNATURE


def test_detection_does_not_claim_text_empty_files_or_folders(tmp_path):
    text = tmp_path / "a.tif"
    text.write_text("ImageJ=1.54f\n<OME>")
    empty = tmp_path / "b.tif"
    empty.touch()
    folder = tmp_path / "c.tif"
    folder.mkdir()
    for path in (text, empty, folder):
        assert detect(Probe(path)) is None
    with pytest.raises(UnknownFormatError):
        wormio.open(text)


def test_the_public_door_opens_lists_and_reopens(tmp_path):
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        for k in range(2):
            writer.write(truth() + k, metadata={"axes": "TZCYX"})
    items = wormio.contents(path)
    assert len(items) == 2
    with wormio.open(path, item=items[1], volume_rate="4") as recording:
        with pickle.loads(pickle.dumps(recording)) as again:
            np.testing.assert_array_equal(again.frames[:], frames_of(truth() + 1))
            assert again.timeline == recording.timeline
        assert recording.recording_id == again.recording_id


def test_a_recording_knows_its_file_and_keeps_its_header(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, truth(), ome=True, metadata={"axes": "TZCYX"})
    with opened(path) as recording, tifffile.TiffFile(path) as tif:
        assert recording.source.arguments["parts"] == {"a.ome.tif": path.stat().st_size}
        assert recording.metadata["ome_xml"] == tif.ome_metadata
        json.dumps(recording.metadata)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_closed_recording_refuses_pixels_and_keeps_those_read(tmp_path, compression):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, truth(), ome=True, metadata={"axes": "TZCYX"}, compression=compression)
    recording = opened(path)
    kept = recording.frames[2, 1]
    recording.close()
    recording.close()
    np.testing.assert_array_equal(kept, truth()[0, 2, 1])
    with pytest.raises(RecordingClosedError):
        recording.frames[0]


def test_metadata_only_has_a_timeline_and_no_pixels(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, truth(), ome=True, metadata={"axes": "TZCYX"})
    with opened(path, metadata_only=True) as recording:
        assert len(recording.timeline) == T * Z
        with pytest.raises(MissingPartError):
            recording.frames[0]


def test_no_file_is_left_open_when_nobody_closes_a_compressed_recording(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, truth(), ome=True, metadata={"axes": "TZCYX"}, compression="zlib")
    recording = opened(path)
    np.testing.assert_array_equal(recording.frames[0, 0], truth()[0, 0, 0])
    del recording  # the fixture no_file_left_open looks


def test_several_threads_read_a_compressed_recording_at_once(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, truth(), ome=True, metadata={"axes": "TZCYX"}, compression="zlib")
    with opened(path) as recording, ThreadPoolExecutor(4) as pool:
        wanted = [k % (T * Z) for k in range(200)]
        found = list(pool.map(lambda k: recording.frames[k], wanted))
    for k, image in zip(wanted, found, strict=True):
        np.testing.assert_array_equal(image, frames_of(truth())[k])


def test_row_ranges_of_uncompressed_files_need_only_their_own_bytes(tmp_path):
    path = tmp_path / "a.ome.tif"
    write_in_order(path, truth(), "TCZYX", byteorder=">")
    with opened(path) as recording:
        layout = recording.frames.layout
        raw = path.read_bytes()
        at = int(layout.offset[6, 1]) + 2 * layout.row_stride
        row = np.frombuffer(raw, layout.dtype, X, at)
        np.testing.assert_array_equal(row, truth()[1, 2, 1, 2])
