"""Micro-Manager's stacks and folders. Oracles: files written here byte by byte, and real ones."""

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import wormio
from wormio.errors import (
    CorruptRecordingError,
    MissingImageError,
    MissingPartError,
    OptionError,
    TruncatedRecordingError,
    UnsafeReferenceError,
    WormioError,
)
from wormio.formats.tiff.adapter import contents
from wormio.formats.tiff.adapter import open as open_tiff
from wormio.formats.tiff.detect import detect
from wormio.formats.tiff.options import TiffOptions
from wormio.model import BaseRecording, Flag, Origin
from wormio.registry import Confidence, Probe

Y, X = 3, 4
SUMMARY = {
    "ChNames": ["GCaMP", "RFP"],
    "Channels": 2,
    "Slices": 3,
    "Frames": 2,
    "z-step_um": 1.5,
    "StartTime": "2022-12-26 16:25:52.123 -0800",
}
Plane = tuple[int, int, int, int]  # position, time, slice, channel


def opened(path: Path, **options: Any) -> BaseRecording:
    return open_tiff(path, TiffOptions(**options))


def planes_of(
    positions: int = 1, times: int = 2, slices: int = 3, channels: int = 2
) -> list[Plane]:
    return [tuple(index) for index in np.ndindex(positions, times, slices, channels)]  # type: ignore[misc]


def pixels_of(plane: Plane) -> np.ndarray:
    p, t, z, c = plane
    return np.full((Y, X), 1000 * p + 100 * t + 10 * z + c, "u2") + np.arange(X, dtype="u2")


def told_of(plane: Plane) -> dict[str, Any]:
    p, t, z, c = plane
    return {
        "PositionIndex": p,
        "FrameIndex": t,
        "SliceIndex": z,
        "ChannelIndex": c,
        "PositionName": f"worm {p}",
        "ElapsedTime-ms": 1000.0 * t + 100 * z + 20 * c + 7,
        "ZPositionUm": 50 + 1.5 * z,
        "PixelSizeUm": 0.325,
    }


def write(
    path: Path,
    planes: list[Plane],
    *,
    order: str = "<",
    index: bool = True,
    summary: dict[str, Any] | None = None,
    told: Any = told_of,
) -> Path:
    """Write an MMStack, without OME-XML."""
    text = json.dumps(SUMMARY if summary is None else summary).encode()
    body = bytearray(40) + text
    rows, link = [], 4
    for plane in planes:
        body += bytes(-len(body) % 2)
        extra = told(plane)
        more = b"" if extra is None else json.dumps(extra).encode() + b"\0"
        data = pixels_of(plane).astype(order + "u2").tobytes()
        n_tags = 9 + bool(more)
        behind = len(body) + 2 + 12 * n_tags + 4
        tags = [
            (256, X), (257, Y), (258, 16), (259, 1), (262, 1),
            (273, behind), (277, 1), (278, Y), (279, len(data)),
        ]  # fmt: skip
        p, t, z, c = plane
        rows.append((c, z, t, p, len(body)))
        struct.pack_into(order + "I", body, link, len(body))
        body += struct.pack(order + "H", n_tags)
        for code, value in tags:
            body += struct.pack(order + "HHII", code, 4, 1, value)
        if more:
            body += struct.pack(order + "HHII", 51123, 2, len(more), behind + len(data))
        link = len(body)
        body += bytes(4) + data + more
    offset = len(body) if index else 0
    body += struct.pack(order + "2I", 3453623, len(rows))
    for row in rows:
        body += struct.pack(order + "5I", *row)
    start = struct.unpack_from(order + "I", body, 4)[0]
    struct.pack_into(order + "2sHI", body, 0, b"II" if order == "<" else b"MM", 42, start)
    words = (54773648, offset, 483765892, 0, 99384722, 0, 2355492, len(text))
    struct.pack_into(order + "8I", body, 8, *words)
    path.write_bytes(body)
    return path


# --- stacks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("index", [True, False])
def test_planes_are_where_the_pages_say_whatever_their_order(tmp_path, order, index):
    planes = planes_of()
    shuffled = [planes[i] for i in np.random.default_rng(3).permutation(len(planes))]
    path = write(tmp_path / "a_MMStack_Pos0.ome.tif", shuffled, order=order, index=index)
    with wormio.open(path) as recording:
        assert recording.frames.shape == (6, 2, Y, X)
        for row, plane in enumerate(planes):
            np.testing.assert_array_equal(recording.frames[row // 2, row % 2], pixels_of(plane))
            assert recording.timeline.stored[row // 2, row % 2] == shuffled.index(plane)
        assert recording.timeline.volumes.tolist() == [[0, 3], [3, 6]]
        assert [channel.name for channel in recording.channels] == ["GCaMP", "RFP"]
        assert [channel.time_offset for channel in recording.channels] == pytest.approx([0, 0.02])
        assert recording.timeline.time == pytest.approx([0.007, 0.107, 0.207, 1.007, 1.107, 1.207])
        assert recording.timeline.z.tolist() == [50, 51.5, 53] * 2
        assert recording.timeline.origins["z"] == Origin.MEASURED
        assert recording.voxel_size.x == 0.325
        assert recording.voxel_size.z == 1.5
        assert recording.timeline.clock.start == "2022-12-26T16:25:52.123-0800"
        # Whose clock it is, the user is told.
        assert [finding.code for finding in recording.findings] == ["computer-clock"]


def test_positions_are_recordings_of_their_own(tmp_path):
    path = write(tmp_path / "a_MMStack.ome.tif", planes_of(positions=2))
    assert contents(path, TiffOptions()) == ["worm 0", "worm 1"]
    with pytest.raises(OptionError, match="worm 1"):
        opened(path)
    for item in ("worm 1", "1"):
        with opened(path, item=item) as recording:
            assert recording.frames[0, 0, 0, 0] == 1000
    # Positions 0 and 2 without names: 1 is neither.
    bare = write(
        tmp_path / "b_MMStack.ome.tif",
        [plane for plane in planes_of(positions=3) if plane[0] != 1],
        told=lambda plane: told_of(plane) | {"PositionName": ""},
    )
    assert contents(bare, TiffOptions()) == ["0", "2"]
    with pytest.raises(OptionError, match="'2'"):
        opened(bare, item="1")


def test_all_files_of_a_recording_are_read_whichever_is_opened(tmp_path):
    planes = planes_of()
    names = ["a_MMStack_Pos0.ome.tif", "a_MMStack_Pos0_1.ome.tif"]
    write(tmp_path / names[0], planes[:7])
    write(tmp_path / names[1], planes[7:])
    other = dict(SUMMARY) | {"z-step_um": 9}
    write(tmp_path / "b_MMStack_Pos0.ome.tif", planes, summary=other)
    for name in names:
        with opened(tmp_path / name) as recording:
            assert recording.timeline.stored.ravel().tolist() == list(range(12))
            assert len(recording.source.arguments["parts"]) == 2
    with pytest.raises(OptionError, match="more than one recording"):
        opened(tmp_path)
    (tmp_path / "b_MMStack_Pos0.ome.tif").unlink()
    with opened(tmp_path) as recording:
        assert recording.frames.shape == (6, 2, Y, X)
    (tmp_path / names[0]).unlink()
    with pytest.raises(MissingPartError, match=r"a_MMStack_Pos0\.ome\.tif"):
        opened(tmp_path / names[1])


def test_images_that_were_never_saved_are_marked_and_do_not_cost_the_times(tmp_path):
    planes = planes_of()
    lost = [(0, 0, 1, 1), (0, 1, 0, 0), (0, 1, 0, 1)]  # one channel of a frame, and a whole frame
    path = write(tmp_path / "a_MMStack.ome.tif", [p for p in planes if p not in lost])
    with opened(path) as recording:
        timeline = recording.timeline
        assert (timeline.stored < 0).sum() == 3
        assert timeline.stored[3].tolist() == [-1, -1]
        with pytest.raises(MissingImageError):
            recording.frames[3, 0]
        assert timeline.origins["time"] == Origin.MEASURED
        assert timeline.time[3] == pytest.approx((0.207 + 1.107) / 2)
        assert np.flatnonzero(timeline.flags & Flag.TIME_REPAIRED).tolist() == [3]
        assert "images-missing" in [finding.code for finding in recording.findings]


def test_a_recording_that_was_stopped_ends_with_its_last_image(tmp_path):
    path = write(tmp_path / "a_MMStack.ome.tif", planes_of()[:8], index=False)
    with opened(path) as recording:
        assert recording.frames.shape == (4, 2, Y, X)
        assert recording.timeline.volumes.tolist() == [[0, 3]]
        assert np.flatnonzero(recording.timeline.flags & Flag.INCOMPLETE).tolist() == [3]
        np.testing.assert_array_equal(recording.frames[3, 1], pixels_of((0, 1, 0, 1)))


def test_a_page_that_does_not_say_which_plane_it_is_is_refused(tmp_path):
    def silent(plane: Plane) -> dict[str, Any] | None:
        return None if plane == (0, 1, 1, 0) else told_of(plane)

    path = write(tmp_path / "a_MMStack.ome.tif", planes_of(), index=False, told=silent)
    with pytest.raises(CorruptRecordingError, match="page 8"):
        opened(path)


def test_two_pages_for_one_plane_are_refused(tmp_path):
    path = write(tmp_path / "a_MMStack.ome.tif", [*planes_of(), (0, 0, 0, 0)])
    with pytest.raises(CorruptRecordingError, match="same plane"):
        opened(path)


def test_an_index_far_beyond_the_pages_takes_no_memory(tmp_path):
    def far(plane: Plane) -> dict[str, Any]:
        return told_of(plane) | {"FrameIndex": 2**31 - 1}

    path = write(tmp_path / "a_MMStack.ome.tif", planes_of(), index=False, told=far)
    with pytest.raises(CorruptRecordingError):
        opened(path)


def test_a_stack_cut_anywhere_raises_or_is_complete(tmp_path):
    whole = write(tmp_path / "a_MMStack.ome.tif", planes_of())
    data = whole.read_bytes()
    path = tmp_path / "cut_MMStack.ome.tif"
    n_raised = 0
    for size in range(len(data) // 64, len(data) - 300, len(data) // 64):
        path.write_bytes(data[:size])
        with pytest.raises(TruncatedRecordingError):
            opened(path)
        try:
            with opened(path, allow_truncated=True) as recording:
                assert recording.frames.shape[0] == 3
                assert recording.frames[0, 0, 0, 0] == 0
        except WormioError:
            n_raised += 1
    assert 0 < n_raised < 60


def test_damaged_bytes_raise_an_error_of_wormio_or_nothing(tmp_path):
    data = write(tmp_path / "a_MMStack.ome.tif", planes_of()).read_bytes()
    path = tmp_path / "b_MMStack.ome.tif"
    rng = np.random.default_rng(5)
    n_refused = 0
    for _ in range(300):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            damaged[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            with opened(path) as recording:
                recording.frames[:]
        except (WormioError, OSError):
            n_refused += 1
    assert n_refused > 30


# --- folders of single images ------------------------------------------------------------------


def image_name(plane: Plane) -> str:
    p, t, z, c = plane
    return f"img_channel{c:03d}_position{p:03d}_time{t:09d}_z{z:03d}.tif"


def write_folder(
    folder: Path, *, old: bool = False, lost: tuple[Plane, ...] = (), end: str = ""
) -> Path:
    folder.mkdir(parents=True)
    tree: dict[str, Any] = {"Summary": SUMMARY}
    for plane in planes_of():
        name = image_name(plane)
        tifffile.imwrite(folder / name, pixels_of(plane))
        if plane in lost:
            continue
        _, t, z, c = plane
        if old:
            tree[f"FrameKey-{t}-{c}-{z}"] = told_of(plane) | {"FileName": name}
        else:
            tree[f"Coords-Default/{name}"] = {"time": t, "z": z, "channel": c, "position": 0}
            more = {k: v for k, v in told_of(plane).items() if "Index" not in k}
            more["ElapsedTimeMs"] = {"PropVal": more.pop("ElapsedTime-ms"), "PropType": "Double"}
            tree[f"Metadata-Default/{name}"] = more
    text = json.dumps(tree)
    (folder / "metadata.txt").write_text(text[:-1] + end if end else text)
    return folder


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("end", ["", "\n", ","])  # the last brace is written when all went well
def test_a_folder_of_images_is_one_recording(tmp_path, old, end):
    folder = write_folder(tmp_path / "Pos0", old=old, end=end)
    with wormio.open(folder) as recording:
        assert recording.frames.shape == (6, 2, Y, X)
        for row, plane in enumerate(planes_of()):
            np.testing.assert_array_equal(recording.frames[row // 2, row % 2], pixels_of(plane))
        assert recording.timeline.time[1] == pytest.approx(0.107)
        assert recording.timeline.z.tolist() == [50, 51.5, 53] * 2
        assert recording.voxel_size.y == 0.325


def test_the_folders_of_positions_are_items(tmp_path):
    for number in (0, 1, 10):
        write_folder(tmp_path / f"Pos{number}")
    assert contents(tmp_path, TiffOptions()) == ["Pos0", "Pos1", "Pos10"]
    with pytest.raises(OptionError, match="Pos10"):
        opened(tmp_path)
    with wormio.open(tmp_path, item="Pos1") as recording:
        assert recording.frames.shape == (6, 2, Y, X)


def test_an_image_that_the_table_lacks_is_placed_by_its_name(tmp_path):
    folder = write_folder(tmp_path / "Pos0", lost=((0, 1, 2, 1),))
    with opened(folder) as recording:
        np.testing.assert_array_equal(recording.frames[5, 1], pixels_of((0, 1, 2, 1)))
        assert "images-unlisted" in [finding.code for finding in recording.findings]


def test_an_image_that_is_not_there_is_a_missing_part(tmp_path):
    folder = write_folder(tmp_path / "Pos0")
    (folder / image_name((0, 1, 1, 0))).unlink()
    with pytest.raises(MissingPartError, match="time000000001_z001"):
        opened(folder)
    with opened(folder, metadata_only=True) as recording:
        assert len(recording.timeline) == 6


def test_a_name_outside_the_folder_is_not_followed(tmp_path):
    folder = write_folder(tmp_path / "Pos0")
    tifffile.imwrite(tmp_path / "secret.tif", pixels_of((0, 0, 0, 0)))
    tree = json.loads((folder / "metadata.txt").read_text())
    tree["FrameKey-2-0-0"] = {"FileName": "../secret.tif"}
    (folder / "metadata.txt").write_text(json.dumps(tree))
    with pytest.raises(UnsafeReferenceError, match="secret"):
        opened(folder)


def test_a_table_that_is_no_json_is_corrupt(tmp_path):
    folder = write_folder(tmp_path / "Pos0")
    text = (folder / "metadata.txt").read_text()
    for damaged in (text[: len(text) // 2], "[1, 2]", "[" * 100_000):
        (folder / "metadata.txt").write_text(damaged)
        with pytest.raises(CorruptRecordingError):
            opened(folder)


def test_the_real_folder_is_recognised_and_read(real_data, tmp_path):
    folder = real_data / "micromanager/alpha_2.0_singleplane_manual"
    for path in (folder, folder / "Pos0"):
        claim = detect(Probe(path))
        assert claim is not None
        assert claim.confidence == Confidence.STRUCTURE
        with opened(path) as recording:
            assert recording.frames.shape == (1, 1, 16, 16)
            assert recording.channels[0].name == "Alpha"
            (image,) = (folder / "Pos0").glob("*.tif")
            np.testing.assert_array_equal(recording.frames[0, 0], tifffile.imread(image))
            assert recording.timeline.clock.start is None  # "The age of Aquarius"
    copy = tmp_path / "copy"
    shutil.copytree(folder / "Pos0", copy, copy_function=shutil.copyfile)
    next(copy.glob("*.tif")).unlink()
    with pytest.raises(MissingPartError):
        opened(copy)
