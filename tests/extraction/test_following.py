"""An acquisition is followed while it writes: complete volumes only, and in the end all of them."""

import shutil

import numpy as np
import pytest

import wormio
from wormio.errors import OptionError, TruncatedRecordingError, UnsupportedCapabilityError
from wormio.extraction import Following
from wormio.model import ArrayRecording, Positions, VoxelSize
from wormio.testing import Phantom, Scan, write_leifer


@pytest.fixture(scope="module")
def phantom():
    scan = Scan.synthetic(n_volumes=9, n_dropped=2, n_duplicates=1, n_glitches=2, seed=4)
    return Phantom(scan, n_neurons=6, shape=(32, 48), n_stimuli=1, seed=4)


@pytest.fixture(scope="module")
def finished(phantom, tmp_path_factory):
    """Return the folder of an acquisition that has ended."""
    return write_leifer(phantom, tmp_path_factory.mktemp("leifer") / "recording")


@pytest.fixture(scope="module")
def expected(phantom, finished):
    with wormio.open(finished) as recording:
        return wormio.extract(recording, phantom.positions())


class Acquisition:
    """Writes a recording piece by piece, each file at its own pace and never at a row's end."""

    def __init__(self, finished, folder, *, start=0.35, stop=1.0, mark=None, seed=0):
        self.contents = {path.name: path.read_bytes() for path in sorted(finished.iterdir())}
        self.folder, self.stop, self.mark = folder, stop, mark
        self.rng = np.random.default_rng(seed)
        self.waits = 0
        self.share = dict.fromkeys(self.contents, start)
        folder.mkdir()
        for name in ("zScan.json", "wormio-phantom.txt"):  # written once, in the beginning
            self.share[name] = 1.0
        self._write()

    def _write(self):
        for name, share in self.share.items():
            target = self.folder / name
            written = target.stat().st_size if target.exists() else 0
            stop = int(len(self.contents[name]) * share)
            with target.open("ab") as file:  # readers keep their descriptors
                file.write(self.contents[name][written:stop])

    def go_on(self, _seconds):
        """Write something more; what extraction calls instead of sleeping."""
        self.waits += 1
        if min(self.share.values()) < self.stop:
            for name, share in self.share.items():
                self.share[name] = max(share, min(share + self.rng.uniform(0, 0.2), self.stop))
            self._write()
        elif self.mark is not None:
            self.mark.write_text("")


@pytest.mark.parametrize("seed", range(4))
def test_what_is_followed_is_what_the_finished_recording_gives(
    phantom, finished, expected, tmp_path, seed
):
    folder = tmp_path / "recording"
    acquisition = Acquisition(finished, folder, seed=seed)
    reports = []
    with wormio.open(folder, growing=True) as recording:
        found = wormio.extract(
            recording,
            phantom.positions(),
            follow=Following(timeout=3, interval=1, wait=acquisition.go_on),
            progress=lambda done, _total: reports.append(done),
        )
    for name, signal in expected.items():
        assert found[name].recording == signal.recording  # the very same recording in the end
        assert np.array_equal(found[name].data, signal.data, equal_nan=True)
        assert np.array_equal(found[name].voxels, signal.voxels)
        assert np.array_equal(found[name].sample_time, signal.sample_time, equal_nan=True)
    assert len(reports) > 2  # it kept up, and did not wait for the end
    assert reports == sorted(reports)


def test_a_mark_ends_it_without_waiting(phantom, finished, expected, tmp_path):
    mark = tmp_path / "done.txt"
    acquisition = Acquisition(finished, tmp_path / "recording", mark=mark)
    with wormio.open(tmp_path / "recording", growing=True) as recording:
        found = wormio.extract(
            recording,
            phantom.positions(),
            follow=Following(timeout=1e9, mark=mark, wait=acquisition.go_on),
        )
    assert np.array_equal(found["green"].data, expected["green"].data, equal_nan=True)


def test_an_acquisition_that_breaks_off_leaves_its_complete_volumes(
    phantom, finished, expected, tmp_path, caplog
):
    acquisition = Acquisition(finished, tmp_path / "recording", stop=0.737)
    with wormio.open(tmp_path / "recording", growing=True) as recording:
        found = wormio.extract(
            recording,
            phantom.positions(),
            follow=Following(timeout=2, wait=acquisition.go_on),
        )["green"]
    assert "has not ended in order" in caplog.text
    n_volumes = found.n_volumes
    assert 4 <= n_volumes < 9
    assert np.array_equal(found.data, expected["green"].data[:n_volumes], equal_nan=True)


def test_a_growing_folder_shows_a_prefix_of_what_it_will_be(finished, tmp_path):
    acquisition = Acquisition(finished, tmp_path / "recording", start=0.2)
    whole = wormio.open(finished)
    old = wormio.open(tmp_path / "recording", growing=True)
    while acquisition.waits < 12:
        acquisition.go_on(1)
        new = old.refresh()
        n_frames, n_volumes = len(new.timeline), new.timeline.n_volumes
        assert n_frames >= len(old.timeline)
        for name in ("time", "z", "count", "stored"):
            column = getattr(new.timeline, name)
            assert np.array_equal(column, getattr(whole.timeline, name)[:n_frames], equal_nan=True)
        assert np.array_equal(new.timeline.volumes, whole.timeline.volumes[:n_volumes])
        assert np.array_equal(new.frames[:], whole.frames[:n_frames])
        old.close()
        old = new
    assert n_volumes >= 8
    old.close()
    whole.close()


def test_what_cannot_be_followed_is_refused(phantom, finished, tmp_path):
    memory = ArrayRecording.from_volumes(
        np.zeros((2, 3, 1, 9, 9), np.uint16), voxel_size=VoxelSize(z=1, y=1, x=1)
    )
    with pytest.raises(UnsupportedCapabilityError, match="cannot be followed") as caught:
        wormio.extract(memory, Positions.static([[1.0, 4, 4]]), follow=True)
    assert "ArrayRecording" in caught.value.found
    with wormio.open(finished) as recording:
        where = phantom.positions()
        with pytest.raises(UnsupportedCapabilityError, match="by threads"):
            wormio.extract(recording, where, follow=True, executor="processes")
        with pytest.raises(OptionError, match="no checkpoint"):
            wormio.extract(recording, where, follow=True, checkpoint=tmp_path / "kept")
        tracked = Positions.tracked(np.repeat(where.coords[np.newaxis], 9, axis=0))
        with pytest.raises(OptionError, match="hold for all volumes"):
            wormio.extract(recording, tracked, follow=True)
    with pytest.raises(OptionError, match="timeout"):
        Following(timeout=0)
    empty = tmp_path / "empty"
    shutil.copytree(finished, empty)
    (frames,) = empty.glob("*.dat")
    frames.write_bytes(b"")
    with pytest.raises(TruncatedRecordingError, match="whole frame"):
        wormio.open(empty, growing=True)
