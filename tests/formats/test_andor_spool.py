"""Andor spools. Oracles: real files, a writer of a few lines, numpy, scipy's MATLAB writer."""

import shutil
import struct
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

import wormio
from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    OptionError,
    TruncatedRecordingError,
    UnsafeReferenceError,
    UnsupportedCapabilityError,
    WormioError,
)
from wormio.formats.andor_spool.names import block_name, block_number
from wormio.formats.andor_spool.pixels import unpack
from wormio.model import FileLayout, Flag, MappableFrames, Origin

FIRST_TICK, TICKS = 4_000_000, 400_000  # of 25 ns: 10 ms a frame


def pack(image: np.ndarray) -> np.ndarray:
    """Pack 12-bit pixels as the camera does, one pair at a time (SDK3 manual, Mono12Packed)."""
    rows = []
    for row in image.tolist():
        packed = bytearray()
        for left, right in zip(row[::2], [*row[1::2], 0][: (len(row) + 1) // 2], strict=True):
            packed += bytes([left >> 4, (right & 15) << 4 | left & 15, right >> 4])
        rows.append(packed[: (3 * len(row) + 1) // 2])
    return np.array([list(row) for row in rows], np.uint8)


class Spool:
    """Writes a spool; `frames` is (F, Y, X)."""

    def __init__(self, folder: Path, frames: np.ndarray, **changes: object) -> None:
        self.folder, self.frames = folder, frames
        self.per_file = int(changes.get("per_file", 1))
        encoding = str(changes.get("encoding", "Mono16"))
        padding = int(changes.get("padding", 4))
        self.ticks = FIRST_TICK + TICKS * np.arange(len(frames))
        folder.mkdir(exist_ok=True)
        images = []
        for frame, tick in zip(frames, self.ticks.tolist(), strict=True):
            if encoding == "Mono12Packed":
                rows = pack(frame)
            else:
                dtype = "<u4" if encoding == "Mono32" else "<u2"
                rows = np.ascontiguousarray(frame, dtype).view(np.uint8)
            rows = np.pad(rows, ((0, 2), (0, padding)), constant_values=0xEE)
            body = rows.tobytes() + struct.pack("<I", 0)
            images.append(body + struct.pack("<IQII", len(body), tick, 1, 12))
        self.image_bytes = len(images[0])
        images += [b"\xab" * self.image_bytes] * (-len(images) % self.per_file)
        for start in range(0, len(images), self.per_file):
            content = b"".join(images[start : start + self.per_file])
            self.block(start // self.per_file).write_bytes(content)
        self.settings = {
            "AOIHeight": frames.shape[1],
            "AOIWidth": frames.shape[2],
            "AOIStride": rows.shape[1],
            "PixelEncoding": encoding,
            "ImageSizeBytes": self.image_bytes,
            "ImagesPerFile": self.per_file,
        }
        self.write_settings()
        self.write_header()

    def block(self, number: int) -> Path:
        return self.folder / f"{str(number).zfill(10)[::-1]}spool.dat"

    def write_settings(self, **changes: object) -> None:
        lines = [f"{name} = {value}\r\n" for name, value in (self.settings | changes).items()]
        text = "\ufeff[data]\r\n" + "".join(lines[:5]) + "\r\n[multiimage]\r\n" + "".join(lines[5:])
        (self.folder / "acquisitionmetadata.ini").write_bytes(text.encode())

    def write_header(
        self, n_frames: int | None = None, ticks: object = None, tick: str = "25"
    ) -> Path:
        stamps = self.ticks if ticks is None else np.asarray(ticks)
        n_frames = len(stamps) if n_frames is None else n_frames
        height, width = self.frames.shape[1:]
        size = height * width
        lines = ["Andor Technology Multi-Channel File", "65538 1", "65567 0 0 1 1688045120 0 "]
        lines += [
            f"Pixel number65541 1 {height} {width} 1 {n_frames} 1 {n_frames * size} {size}",
            f"65538 1 {height} {width} 1 1 1 0",
        ]
        lines += [f"{10_000 * i:10d}" for i in range(n_frames)]
        lines += ["1", *(f"{stamp:20d}" for stamp in stamps[:n_frames])] if len(stamps) else ["0"]
        lines += ["0", "0", "<Signals>", f"<TickInterval>{tick}</TickInterval>", "</Signals>"]
        path = self.folder / "Spooled files.sifx"
        path.write_bytes("\n".join(lines).encode() + b"\n\xff\0SIFX")
        return path

    def write_info(self, **changes: float) -> Path:
        values = {"framerate": 100.0, "kineticSeriesLength": len(self.frames), "scanRate": 25.0}
        values |= changes
        path = self.folder / "run_info.mat"
        camera = {k: v for k, v in values.items() if k in {"framerate", "kineticSeriesLength"}}
        daq = {k: v for k, v in values.items() if k not in camera}
        savemat(path, {"info": {"camera": camera, "daq": daq, "note": "a worm"}})
        return path


def images(n_frames: int, height: int = 4, width: int = 5, top: int = 4096) -> np.ndarray:
    return np.random.default_rng(n_frames).integers(0, top, (n_frames, height, width))


@pytest.fixture
def spool(tmp_path):
    def write(n_frames: int = 12, **changes: object) -> Spool:
        name = str(changes.pop("name", "spool"))
        shape = changes.pop("shape", (4, 5))
        return Spool(tmp_path / name, images(n_frames, *shape), **changes)

    return write


def read(folder: Path, **options: object) -> np.ndarray:
    with wormio.open(folder, **({"planes": 1} | options)) as recording:
        return recording.frames[:]


# ---- real files ---------------------------------------------------------------------------------


def test_the_real_mono16_spool_has_the_pixels_and_the_time_that_are_known(real_data):
    folder = real_data / "andor_spool" / "Mono16"
    with wormio.open(folder, planes=1) as recording:
        pixels = recording.frames[0, 0]
        assert recording.frames.shape == (1, 1, 200, 200)
        assert (pixels.dtype, pixels.min(), pixels.max()) == (np.uint16, 419, 30473)
        raw = np.fromfile(folder / "0000000000spool.dat", "<u2")[:40_000].reshape(200, 200)
        assert np.array_equal(pixels, raw)
        # 4430778 ticks of 25 ns: in the .sifx, and in the last bytes of the block file.
        assert recording.timeline.time == pytest.approx([0.11076945])
        assert recording.timeline.origins["time"] == Origin.MEASURED


def test_the_real_cut_spool_is_truncated_since_its_header_tells_of_ten_frames(real_data):
    folder = real_data / "andor_spool" / "spool_dat_truncated"
    with pytest.raises(TruncatedRecordingError, match=r"10 frames, until 9000000000spool\.dat"):
        wormio.open(folder, planes=1)
    with wormio.open(folder, planes=1, allow_truncated=True) as recording:
        assert recording.frames.shape == (1, 1, 200, 200)
        assert [finding.code for finding in recording.findings] == ["truncated"]


def test_the_real_spool_without_ini_misses_a_part(real_data):
    folder = real_data / "andor_spool" / "spool_ini_missing"
    with pytest.raises(MissingPartError, match=r"acquisitionmetadata\.ini"):
        wormio.open(folder, planes=1)
    (verdict,) = wormio.explain(folder).best
    assert (verdict.format, verdict.answer) == ("andor-spool", "mine, but")


def test_the_real_spool_without_sifx_opens_only_as_one_that_may_be_cut_off(real_data):
    folder = real_data / "andor_spool" / "spool_sifx_missing"
    with pytest.raises(MissingPartError, match=r"Spooled files\.sifx"):
        wormio.open(folder, planes=1)
    with wormio.open(folder, planes=5, allow_truncated=True) as recording:
        assert recording.timeline.volumes.tolist() == [[0, 5], [5, 10]]
        assert recording.timeline.origins["time"] == Origin.UNKNOWN
        assert "unknown number" in recording.findings[0].message
        for number in range(10):  # below 10, the digits' order does not matter yet
            raw = np.fromfile(folder / f"{number}000000000spool.dat", "<u2")
            assert np.array_equal(recording.frames[number, 0].ravel(), raw[:40_000])


def test_the_real_spool_of_unknown_encoding_is_refused_by_name(real_data):
    with pytest.raises(UnsupportedCapabilityError, match="Something that is no"):
        wormio.open(real_data / "andor_spool" / "unknown_px_encoding", planes=1)


def test_the_real_packed_pixels_tell_which_half_byte_is_whose(real_data, tmp_path):
    # The folder above is Mono12Packed under a wrong name. Where just one pixel of a pair is
    # saturated, its lower 4 bits must be 15; those of a pixel below are 15 once in 16 times.
    folder = tmp_path / "packed"
    shutil.copytree(real_data / "andor_spool" / "unknown_px_encoding", folder)
    folder.chmod(0o755)
    ini = folder / "acquisitionmetadata.ini"
    text = ini.read_text("utf-8-sig")
    ini.unlink()
    ini.write_text(
        "\n".join("PixelEncoding = Mono12Packed" if "Px" in li or "Pixel" in li else li
                  for li in text.splitlines())
    )  # fmt: skip
    with wormio.open(folder, planes=1) as recording:
        pixels = recording.frames[:, 0]
        assert recording.timeline.time[0] == pytest.approx(4294829 * 25e-9)
        assert np.diff(recording.timeline.time) == pytest.approx([0.0098585] * 9, abs=1e-7)
    assert pixels.shape == (10, 220, 200)
    assert pixels.max() == 4095
    for mine, other in ((0, 1), (1, 0)):
        lone = (pixels[..., mine::2] >> 4 == 255) & (pixels[..., other::2] >> 4 < 250)
        assert lone.sum() > 500
        assert (pixels[..., mine::2][lone] == 4095).mean() > 0.85


# ---- blocks and pixels --------------------------------------------------------------------------


def test_the_number_of_a_block_is_written_backwards(spool):
    assert [block_name(n) for n in (0, 1, 10, 123)] == [
        "0000000000spool.dat",
        "1000000000spool.dat",
        "0100000000spool.dat",
        "3210000000spool.dat",
    ]
    assert block_number("0100000000spool.dat") == 10
    assert block_number("100000000spool.dat") is None
    made = spool(123)
    assert np.array_equal(read(made.folder)[:, 0], made.frames)


@pytest.mark.parametrize("encoding", ["Mono12", "Mono16", "Mono32", "Mono12Packed"])
@pytest.mark.parametrize("per_file", [1, 5])
def test_frames_are_cut_out_of_padded_rows_and_blocks(spool, encoding, per_file):
    made = spool(encoding=encoding, per_file=per_file, padding=7)
    found = read(made.folder)
    assert found.dtype == (np.uint32 if encoding == "Mono32" else np.uint16)
    assert np.array_equal(found[:, 0], made.frames)
    with wormio.open(made.folder, planes=1) as recording:
        assert isinstance(recording.frames, MappableFrames) == (encoding != "Mono12Packed")
        assert np.array_equal(recording.frames[7, 0, 1:3, 1:4], made.frames[7, 1:3, 1:4])


def test_what_lies_where_is_mappable(spool):
    made = spool(7, per_file=3)
    with wormio.open(made.folder, planes=1) as recording:
        layout = recording.frames.layout
    assert isinstance(layout, FileLayout)
    assert layout.file[:, 0].tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert layout.offset[:, 0].tolist() == [made.image_bytes * i for i in (0, 1, 2, 0, 1, 2, 0)]
    assert (layout.row_stride, layout.pixel_stride) == (14, 2)


@given(st.integers(1, 9), st.integers(0, 2**31))
def test_packing_and_unpacking_give_the_pixels_back(width, seed):
    image = np.random.default_rng(seed).integers(0, 4096, (3, width))
    assert np.array_equal(unpack(pack(image), width), image)


@pytest.mark.parametrize("encoding", ["Mono16", "Mono12Packed"])
def test_a_splitter_gives_two_channels(spool, encoding):
    made = spool(encoding=encoding, shape=(4, 6))
    rows, columns = read(made.folder, split="rows"), read(made.folder, split="columns")
    assert np.array_equal(rows, made.frames.reshape(12, 2, 2, 6))
    assert np.array_equal(columns, made.frames.reshape(12, 4, 2, 3).transpose(0, 2, 1, 3))
    with pytest.raises(OptionError, match="an even number of columns"):
        read(spool(name="odd").folder, split="columns")


def test_a_missing_block_is_named_also_where_truncation_is_allowed(spool):
    made = spool()
    made.block(10).unlink()
    for allowed in (False, True):
        with pytest.raises(MissingPartError, match=r"0100000000spool\.dat"):
            read(made.folder, allow_truncated=allowed)
    made.block(11).unlink()  # now the end is missing
    with pytest.raises(TruncatedRecordingError, match=r"until 1100000000spool\.dat"):
        read(made.folder)
    assert np.array_equal(read(made.folder, allow_truncated=True)[:, 0], made.frames[:10])


def test_surplus_blocks_and_blocks_of_a_wrong_size_are_corrupt(spool):
    made = spool(6, per_file=3)
    shutil.copy(made.block(0), made.block(2))
    with pytest.raises(CorruptRecordingError, match="more block files"):
        read(made.folder)
    made.block(2).unlink()
    with made.block(0).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(CorruptRecordingError, match="too large"):
        read(made.folder)


def test_without_a_header_the_last_of_several_frames_blocks_is_not_believed(spool):
    made = spool(7, per_file=3)
    (made.folder / "Spooled files.sifx").unlink()
    # Blocks 0 and 1 are full; of block 2 nobody knows that two images were never taken.
    found = read(made.folder, allow_truncated=True)
    assert np.array_equal(found[:, 0], made.frames[:6])


def test_blocks_of_another_recording_are_found_by_the_cameras_stamps(spool):
    made = spool(6)
    made.write_header(ticks=made.ticks + 1)
    with pytest.raises(CorruptRecordingError, match="not of the same recording"):
        read(made.folder)


@pytest.mark.parametrize("name", ["1000000000spool.dat", "acquisitionmetadata.ini"])
def test_a_link_out_of_the_folder_needs_trust(spool, tmp_path, name):
    made = spool(3)
    outside = tmp_path / "elsewhere"
    (made.folder / name).rename(outside)
    (made.folder / name).symlink_to(outside)
    with pytest.raises(UnsafeReferenceError, match=name):
        read(made.folder)
    assert np.array_equal(read(made.folder, trust=True)[:, 0], made.frames)


# ---- volumes and times --------------------------------------------------------------------------


def test_planes_must_be_said(spool):
    with pytest.raises(OptionError, match=r"planes is missing[\s\S]*planes=33"):
        wormio.open(spool().folder)


def test_whole_planes_make_regular_volumes_and_a_rest(spool):
    with wormio.open(spool().folder, planes="5", um_per_plane=2, um_per_pixel=0.5) as recording:
        timeline = recording.timeline
        assert timeline.volumes.tolist() == [[0, 5], [5, 10]]
        assert timeline.z.tolist() == [0, 2, 4, 6, 8, 0, 2, 4, 6, 8, 0, 2]
        assert timeline.direction.tolist() == [1] * 10 + [0] * 2
        assert ((timeline.flags & Flag.INCOMPLETE) != 0).tolist() == [False] * 10 + [True] * 2
        assert timeline.origins["z"] == Origin.USER
        assert (recording.voxel_size.z, recording.voxel_size.x) == (2, 0.5)


def test_the_rates_of_a_scape_run_give_fractional_volumes_that_do_not_drift(spool):
    made = spool(40)
    made.write_info(framerate=100.0, scanRate=30.0)  # 3.333... frames a volume
    with wormio.open(made.folder) as recording:
        starts = recording.timeline.volumes[:, 0].tolist()
        assert starts == [int(np.ceil(k * 10 / 3 - 1e-9)) for k in range(12)]
        assert recording.timeline.policy["name"] == "from_modulo"
        assert recording.timeline.origins["volume"] == Origin.NOMINAL
        assert recording.metadata["info"]["volume_rate"] == 30.0


def test_the_scanners_steps_are_compared_with_the_rates(spool):
    made = spool()
    made.write_info(scanRate=25.0, pixelsPerLine=6)
    with wormio.open(made.folder) as recording:
        assert [finding.code for finding in recording.findings] == ["planes-disagree"]
    with wormio.open(made.folder, planes=6) as recording:
        assert (recording.timeline.n_volumes, recording.findings) == (2, ())


def test_the_info_file_may_lie_beside_the_folder_and_be_of_matlab_7_3(spool, tmp_path):
    made = spool()
    with h5py.File(tmp_path / "spool_info.mat", "w", userblock_size=512) as file:
        file["info/camera/framerate"] = np.array([[100.0]])
        file["info/daq/scanRate"] = np.array([[25.0]])
    with (tmp_path / "spool_info.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file")
    with wormio.open(made.folder) as recording:
        assert recording.timeline.volumes.tolist() == [[0, 4], [4, 8], [8, 12]]


def test_fewer_frames_than_the_run_was_to_have_is_truncated(spool):
    made = spool()
    made.write_info(kineticSeriesLength=20)
    with pytest.raises(TruncatedRecordingError, match="20 frames"):
        wormio.open(made.folder)
    with wormio.open(made.folder, allow_truncated=True) as recording:
        assert recording.timeline.n_volumes == 3
    made.write_info(kineticSeriesLength=8)
    with pytest.raises(CorruptRecordingError, match="kineticSeriesLength"):
        wormio.open(made.folder)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), [1.0, 2.0], "ten"])
def test_an_impossible_rate_is_corrupt(spool, value):
    made = spool()
    made.write_info(framerate=value)
    with pytest.raises(CorruptRecordingError, match=r"info\.camera\.framerate"):
        wormio.open(made.folder)


def test_times_are_the_cameras_else_nominal_else_unknown(spool):
    made = spool(4)

    def times(**options: object) -> tuple[list[float], Origin, list[str]]:
        with wormio.open(made.folder, planes=1, **options) as recording:
            codes = [finding.code for finding in recording.findings]
            return recording.timeline.time.tolist(), recording.timeline.origins["time"], codes

    assert times() == (pytest.approx([0.10, 0.11, 0.12, 0.13]), Origin.MEASURED, [])
    assert times(frame_rate=50) == (pytest.approx([0, 0.02, 0.04, 0.06]), Origin.USER, [])
    made.write_header(n_frames=4, ticks=[])
    assert times() == (pytest.approx([0, 0.01, 0.02, 0.03]), Origin.NOMINAL, [])
    made.write_header(tick="0")
    assert times() == (pytest.approx([0, 0.01, 0.02, 0.03]), Origin.NOMINAL, ["times-unusable"])
    made.write_header(ticks=made.ticks[[0, 2, 1, 3]])
    assert times()[1:] == (Origin.NOMINAL, ["times-unusable"])


def test_metadata_only_needs_no_block(spool):
    made = spool()
    for block in made.folder.glob("*spool.dat"):
        block.unlink()
    with wormio.open(made.folder, planes=3, metadata_only=True) as recording:
        assert recording.timeline.n_volumes == 4
        with pytest.raises(MissingPartError):
            recording.frames[0]


# ---- damage -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("AOIHeight", 10**9),
        ("AOIHeight", -4),
        ("AOIWidth", 8),
        ("AOIStride", 4),
        ("AOIStride", "nan"),
        ("ImageSizeBytes", 10),
        ("ImageSizeBytes", 2**63),
        ("ImagesPerFile", 0),
    ],
)
def test_impossible_settings_are_corrupt(spool, entry, value):
    made = spool()
    made.write_settings(**{entry: value})
    with pytest.raises((CorruptRecordingError, TruncatedRecordingError)):
        read(made.folder)


def test_a_header_that_promises_more_times_than_it_holds_is_refused_at_once(spool):
    made = spool()
    header = made.folder / "Spooled files.sifx"
    promised = b" 999999999 1 19999999980 20\n"
    header.write_bytes(header.read_bytes().replace(b" 12 1 240 20\n", promised))
    with pytest.raises((CorruptRecordingError, TruncatedRecordingError), match="sifx"):
        read(made.folder)


def test_every_cut_of_every_file_is_noticed(spool):
    made = spool(6, per_file=2)
    made.write_info()
    with wormio.open(made.folder, frame_rate=None) as recording:
        whole, time = recording.frames[:], recording.timeline.time
    for path in sorted(made.folder.iterdir()):
        content = path.read_bytes()
        for part in range(64):
            path.write_bytes(content[: len(content) * part // 64])
            try:
                with wormio.open(made.folder) as recording:
                    found, found_time = recording.frames[:], recording.timeline.time
            except WormioError as error:
                named = path.name in str(error) or str(made.folder) in str(error)
                assert named, error  # noqa: PT017 (some cuts do no harm)
            else:
                assert np.array_equal(found, whole)
                assert np.array_equal(found_time, time)
        path.write_bytes(content)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_flipped_byte_gives_an_error_of_wormio_or_a_recording(spool, data):
    made = spool(6, per_file=2)
    info = made.write_info()
    small = [info, made.folder / "Spooled files.sifx", made.folder / "acquisitionmetadata.ini"]
    path = data.draw(st.sampled_from(small))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        with wormio.open(made.folder) as recording:
            assert recording.frames[:].shape == recording.frames.shape
    except WormioError:
        pass
