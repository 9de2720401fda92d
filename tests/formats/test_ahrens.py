"""Light-sheet folders. Oracles: folders written by numpy and h5py in a few lines."""

from pathlib import Path

import h5py
import numpy as np
import pytest

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
from wormio.model import Flag, MappableFrames, Origin

SHAPE = (3, 4, 5)  # planes, rows, columns


def volumes(n_volumes: int = 4, n_channels: int = 2) -> np.ndarray:
    """Return (T, C, Z, Y, X): every value is another one."""
    shape = (n_volumes, n_channels, *SHAPE)
    return np.arange(np.prod(shape), dtype=np.uint16).reshape(shape) + 60_000


@pytest.fixture
def folder(tmp_path):
    def write(
        kind: str = "stack",
        *,
        data: np.ndarray | None = None,
        first: int = 0,
        camera: int = 0,
        dataset: str = "default",
        xml: str | None = None,
        frequency: str | None = None,
        name: str = "fish",
    ) -> Path:
        data = volumes() if data is None else data
        made = tmp_path / name
        made.mkdir(exist_ok=True)
        for time, channels in enumerate(data, start=first):
            for channel, volume in enumerate(channels):
                path = made / f"TM{time:05d}_CM{camera}_CHN{channel:02d}.{kind}"
                if kind == "h5":
                    with h5py.File(path, "w") as file:
                        file.create_dataset(dataset, data=volume, chunks=True, compression="gzip")
                else:
                    path.write_bytes(volume.astype("<u2").tobytes())
        z, y, x = SHAPE
        if xml is None:
            xml = f'<info lab="M&M" />\n<info dimensions="{x}x{y}x{z}" />\n<info z_step="5.0" />'
        (made / "ch0.xml").write_text(f"<push_config>\n{xml}\n</push_config>\n")
        if frequency is None:
            frequency = f"2.000000\r\n{len(data) / 2}\r\n{len(data)}\r\n"
        (made / "Stack_frequency.txt").write_text(frequency)
        return made

    return write


@pytest.mark.parametrize("kind", ["stack", "h5"])
def test_frames_are_the_planes_of_the_volumes_in_order(folder, kind):
    with wormio.open(folder(kind), um_per_pixel=0.4) as recording:
        expected = volumes().transpose(0, 2, 1, 3, 4).reshape(12, 2, 4, 5)
        assert np.array_equal(recording.frames[:], expected)
        assert np.array_equal(recording.frames[7, 1, 1:3, ::2], expected[7, 1, 1:3, ::2])
        assert isinstance(recording.frames, MappableFrames) == (kind == "stack")
        assert [channel.name for channel in recording.channels] == ["CHN00", "CHN01"]
        assert recording.timeline.stored[3:5].tolist() == [[6, 9], [7, 10]]
        size = recording.voxel_size
        assert (size.z, size.y, size.x) == (5.0, 0.4, 0.4)


def test_times_and_positions_are_nominal(folder):
    with wormio.open(folder()) as recording:
        timeline = recording.timeline
        assert timeline.volumes.tolist() == [[0, 3], [3, 6], [6, 9], [9, 12]]
        assert timeline.time == pytest.approx(np.arange(12) / 6)
        assert timeline.z.tolist() == [0, 5, 10] * 4
        assert timeline.origins["time"] == timeline.origins["z"] == Origin.NOMINAL
        assert "times-spread" in {finding.code for finding in recording.findings}
        assert recording.metadata["info"]["lab"] == "M&M"
        assert recording.metadata["stack_frequency"] == {
            "rate": 2.0,
            "duration": 2.0,
            "n_volumes": 4,
        }
    with wormio.open(folder(), volume_rate="4", um_per_plane=2) as recording:
        assert recording.timeline.time == pytest.approx(np.arange(12) / 12)
        assert recording.timeline.z[:3].tolist() == [0, 2, 4]
        assert recording.timeline.origins["time"] == Origin.USER
        assert recording.voxel_size.z == 2


def test_without_a_step_z_is_unknown(folder):
    with wormio.open(folder(xml='<info dimensions="5.0x4x3"/><info z_step="0"/>')) as recording:
        assert recording.timeline.origins["z"] == Origin.UNKNOWN
        assert (recording.timeline.flags & Flag.Z_UNKNOWN).all()


def test_several_cameras_are_items(folder):
    folder(camera=0)
    made = folder(camera=1, data=volumes()[::-1])
    assert wormio.contents(made) == ["CM0", "CM1"]
    with pytest.raises(OptionError, match="item='CM0'"):
        wormio.open(made)
    with wormio.open(made, item="CM1") as recording:
        assert np.array_equal(recording.frames[:3], volumes()[3].swapaxes(0, 1))
    assert wormio.contents(folder(name="single")) == []


def test_two_kinds_of_files_need_the_option(folder):
    folder("stack")
    made = folder("h5", data=volumes() + 1)
    with pytest.raises(OptionError, match="kind='h5'"):
        wormio.open(made)
    for kind, offset in (("stack", 0), ("h5", 1)):
        with wormio.open(made, kind=kind) as recording:
            assert recording.frames[0, 0, 0, 0] == 60_000 + offset


def test_klb_is_refused_and_explained(folder):
    made = folder("klb")
    with pytest.raises(UnsupportedCapabilityError, match="pyklb"):
        wormio.open(made)
    (verdict,) = wormio.explain(made).best
    assert (verdict.format, verdict.answer) == ("ahrens", "mine, but")


def test_the_only_volume_of_a_file_is_taken_else_it_must_be_named(folder):
    made = folder("h5", dataset="images")
    with wormio.open(made) as recording:
        assert recording.frames.shape == (12, 2, 4, 5)
    for path in made.glob("*.h5"):
        with h5py.File(path, "a") as file:
            file["background"] = np.zeros(SHAPE)
            file["group/deeper"] = file["images"][:] + 1
    with pytest.raises(OptionError, match="dataset='background'"):
        wormio.open(made)
    with wormio.open(made, dataset="group/deeper") as recording:
        assert recording.frames[0, 0, 0, 0] == 60_001
    with pytest.raises(OptionError, match="no dataset 'none'"):
        wormio.open(made, dataset="none")


# ---- what does not fit --------------------------------------------------------------------------


def test_missing_parts_are_named(folder):
    for name in ("ch0.xml", "Stack_frequency.txt"):
        made = folder(name=name)
        (made / name).unlink()
        with pytest.raises(MissingPartError, match=name):
            wormio.open(made)
    made = folder()
    (made / "TM00002_CM0_CHN01.stack").unlink()
    for allowed in (False, True):
        with pytest.raises(MissingPartError, match=r"TM00002_CM0_CHN01\.stack"):
            wormio.open(made, allow_truncated=allowed)


def test_the_number_of_volumes_must_be_the_one_recorded(folder):
    made = folder(frequency="2\n3\n6\n")
    with pytest.raises(TruncatedRecordingError, match="6, as in Stack_frequency"):
        wormio.open(made)
    with wormio.open(made, allow_truncated=True) as recording:
        assert recording.timeline.n_volumes == 4
        assert "4 of 6" in recording.findings[0].message
    with pytest.raises(CorruptRecordingError, match="more volumes"):
        wormio.open(folder(frequency="2\n1\n2\n"))


def test_numbers_may_begin_at_one_if_nothing_is_missing(folder):
    made = folder(first=1)
    with wormio.open(made) as recording:
        assert recording.timeline.n_volumes == 4
    (made / "Stack_frequency.txt").write_text("2\n2.5\n5\n")
    with pytest.raises(MissingPartError, match="from number 0 on"):
        wormio.open(made, allow_truncated=True)


def test_without_the_frequency_time_is_unknown_and_the_end_not_known(folder):
    made = folder()
    (made / "Stack_frequency.txt").unlink()
    with wormio.open(made, allow_truncated=True) as recording:
        assert recording.timeline.origins["time"] == Origin.UNKNOWN
        assert "unknown number" in recording.findings[0].message


@pytest.mark.parametrize(
    "xml",
    [
        '<info dimensions="5x4"/>',
        '<info dimensions="5x4x0"/>',
        '<info dimensions="5x4x-3"/>',
        '<info dimensions="5x4x3"/><info dimensions="5x4x2"/>',
        '<info dimensions="5x4x3"/><info z_step="nan"/>',
        '<info dimensions="5x4x999999"/>',
        '<info z_step="1"/>',
        "<info",
    ],
)
@pytest.mark.parametrize("kind", ["stack", "h5"])
def test_impossible_descriptions_are_refused(folder, kind, xml):
    with pytest.raises((CorruptRecordingError, TruncatedRecordingError)):
        wormio.open(folder(kind, xml=xml), metadata_only=True)


@pytest.mark.parametrize(
    "text", ["", "2\n2\n", "0\n2\n4\n", "nan\n2\n4\n", "2\n2\n3.5\n", "2\nx\n4"]
)
def test_an_impossible_frequency_is_corrupt(folder, text):
    with pytest.raises(CorruptRecordingError, match="Stack_frequency"):
        wormio.open(folder(frequency=text))


def test_channels_of_different_dimensions_are_corrupt(folder):
    made = folder()
    (made / "ch1.xml").write_text('<push_config><info dimensions="5x3x4"/></push_config>')
    with pytest.raises(CorruptRecordingError, match=r"ch1\.xml"):
        wormio.open(made)


def test_a_volume_unlike_the_others_is_found_when_it_is_read(folder):
    made = folder("h5")
    path = made / "TM00001_CM0_CHN00.h5"
    with h5py.File(path, "w") as file:
        file["default"] = np.zeros((3, 4, 5), np.float32)
    with wormio.open(made) as recording:
        assert recording.frames[0, 0, 0, 0] == 60_000
        with pytest.raises(CorruptRecordingError, match=path.name):
            recording.frames[3]


def test_a_volume_that_was_not_written_is_no_black_volume(folder):
    made = folder("h5")
    path = made / "TM00003_CM0_CHN01.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("default", SHAPE, "u2", chunks=(1, 4, 5))[:2] = 1
    with pytest.raises(TruncatedRecordingError, match="not written to its end"):
        wormio.open(made)
    with wormio.open(made, allow_truncated=True) as recording:
        assert recording.timeline.n_volumes == 3


def test_files_that_refer_to_others_are_refused(folder, tmp_path):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["default"] = np.zeros(SHAPE, np.uint16)
    (tmp_path / "secret.raw").write_bytes(bytes(120))
    for how in ("link", "virtual", "external", "symlink"):
        made = folder("h5", name=how)
        path = made / "TM00000_CM0_CHN00.h5"
        path.unlink()
        if how == "symlink":
            path.symlink_to(secret)
        else:
            with h5py.File(path, "w") as file:
                if how == "link":
                    file["default"] = h5py.ExternalLink(str(secret), "/default")
                elif how == "virtual":
                    layout = h5py.VirtualLayout(SHAPE, "u2")
                    layout[:] = h5py.VirtualSource(str(secret), "default", SHAPE)
                    file.create_virtual_dataset("default", layout)
                else:
                    raw = [(str(tmp_path / "secret.raw"), 0, 120)]
                    file.create_dataset("default", SHAPE, "u2", external=raw)
        with pytest.raises(UnsafeReferenceError):
            wormio.open(made, dataset="default")


@pytest.mark.parametrize("kind", ["stack", "h5"])
def test_every_cut_of_every_file_is_noticed(folder, kind):
    made = folder(kind, data=volumes(2, 1))
    with wormio.open(made) as recording:
        whole, time = recording.frames[:], recording.timeline.time
    for path in sorted(made.iterdir()):
        content = path.read_bytes()
        for part in range(64):
            path.write_bytes(content[: len(content) * part // 64])
            try:
                with wormio.open(made) as recording:
                    found, found_time = recording.frames[:], recording.timeline.time
            except WormioError as error:
                named = path.name in str(error) or str(made) in str(error)
                assert named, error  # noqa: PT017 (some cuts do no harm)
            else:
                assert np.array_equal(found, whole)
                assert np.array_equal(found_time, time)
        path.write_bytes(content)


def test_the_volumes_before_a_cut_one_can_be_had(folder):
    for kind in ("stack", "h5"):
        made = folder(kind, name=kind)
        path = made / f"TM00003_CM0_CHN01.{kind}"
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(TruncatedRecordingError, match=path.name):
            wormio.open(made)
        with wormio.open(made, allow_truncated=True) as recording:
            expected = volumes()[:3].transpose(0, 2, 1, 3, 4).reshape(9, 2, 4, 5)
            assert np.array_equal(recording.frames[:], expected)
            assert "3 of 4" in recording.findings[0].message


def test_more_files_than_may_be_open_are_read(folder):
    many = volumes(30, 1)
    with wormio.open(folder("h5", data=many)) as recording:
        expected = many.reshape(90, 1, 4, 5)
        assert np.array_equal(recording.frames[:], expected)
        assert np.array_equal(recording.frames[::-7], expected[::-7])
