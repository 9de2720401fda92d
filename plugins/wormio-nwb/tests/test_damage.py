"""Files that are cut, that point elsewhere, or that promise what they do not have."""

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
    MissingImageError,
    MissingPartError,
    UnsafeReferenceError,
    WormioError,
)

from wormio_nwb.writer import VOLUMES, column, series, session, typed

DATA = np.arange(1, 3 * 4 * 5 * 2 + 1, dtype="u2").reshape(3, 4, 5, 2)


def _write(path: Path) -> Path:
    with session(path) as file:
        group = series(file, "acquisition/a", "TwoPhotonSeries", DATA, times=[1.0, 2.0, 3.0])
        plane = typed(file, "general/optophysiology/plane", "ImagingPlane")
        plane["grid_spacing"] = [1e-6, 1e-6, 1e-6]
        group["imaging_plane"] = h5py.SoftLink(plane.name)
        table = typed(file, "intervals/trials", "TimeIntervals")
        column(table, "start_time", [1.0, 2.0])
        column(table, "stop_time", [1.5, 2.5])
        column(table, "tags", ["a", "b", "c"], [1, 3])
    return path


def _right(path: Path) -> bool:
    with wormio.open(path) as recording:
        frames = recording.frames[:]
    wanted = DATA.transpose(0, 3, 2, 1).reshape(6, 1, 5, 4)
    return np.array_equal(frames, wanted)


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = _write(tmp_path / "whole.nwb").read_bytes()
    path = tmp_path / "cut.nwb"
    for part in range(64):
        path.write_bytes(whole[: len(whole) * part // 64])
        with pytest.raises(WormioError):
            wormio.open(path)


@settings(max_examples=50)
@given(flips=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), min_size=1, max_size=4))
def test_flipped_bytes_give_an_error_or_a_recording(tmp_path_factory, flips) -> None:
    path = _write(tmp_path_factory.mktemp("nwb") / "a.nwb")
    content = bytearray(path.read_bytes())
    pixels = content.find(DATA.tobytes())
    for place, change in flips:
        at = int(place * (len(content) - 1))
        if not pixels <= at < pixels + DATA.nbytes:  # there is no checksum of them
            content[at] ^= change
    path.write_bytes(content)
    try:
        with wormio.open(path) as recording:
            assert recording.frames[:].shape == recording.frames.shape
    except (WormioError, OSError):
        pass


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    home = tmp_path / "recording"
    home.mkdir()
    _write(tmp_path / "other.nwb")
    path = home / "a.nwb"
    with session(path) as file:
        file["acquisition/a"] = h5py.ExternalLink("../other.nwb", "/acquisition/a")
    with pytest.raises(UnsafeReferenceError):
        wormio.open(path)
    with pytest.raises(UnsafeReferenceError):
        wormio.open(path, item="acquisition/a")
    with wormio.open(path, trust=True) as recording:
        assert recording.frames.shape == (6, 1, 5, 4)
    with h5py.File(path, "r+") as file:
        series(file, "acquisition/own", "TwoPhotonSeries", DATA)
    with wormio.open(path) as recording:  # the only one that may be looked at
        assert recording.metadata["series"]["path"] == "acquisition/own"
        assert "link-refused" in [finding.code for finding in recording.findings]


def test_a_series_linked_from_a_file_beside_it_is_read(tmp_path: Path) -> None:
    _write(tmp_path / "raw.nwb")
    path = tmp_path / "a.nwb"
    with session(path) as file:
        group = series(file, "acquisition/a", "TwoPhotonSeries", rate=1.0)
        group["data"] = h5py.ExternalLink("raw.nwb", "/acquisition/a/data")
    assert _right(path)
    with wormio.open(path) as recording:
        assert set(recording.source.arguments["parts"]) == {"a.nwb", "raw.nwb"}
    (tmp_path / "raw.nwb").unlink()
    with pytest.raises(MissingPartError):
        wormio.open(path)


def test_virtual_and_external_storage_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    home = tmp_path / "recording"
    home.mkdir()
    secret = tmp_path / "secret.txt"
    secret.write_bytes(bytes(40))
    _write(tmp_path / "other.nwb")
    path = home / "a.nwb"
    with session(path) as file:
        raw = series(file, "acquisition/raw", "TwoPhotonSeries")
        raw.create_dataset("data", (2, 4, 5), "u1", external=[(str(secret), 0, 40)])
        virtual = series(file, "acquisition/virtual", "TwoPhotonSeries")
        layout = h5py.VirtualLayout(DATA.shape, "u2")
        layout[:] = h5py.VirtualSource("../other.nwb", "acquisition/a/data", DATA.shape)
        virtual.create_virtual_dataset("data", layout)
    for name in ("raw", "virtual"):
        with pytest.raises(UnsafeReferenceError):
            wormio.open(path, item=f"acquisition/{name}")


def test_cycles_end(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.nwb")
    with h5py.File(path, "r+") as file:
        file["acquisition/up"] = file["acquisition"]
        file["acquisition/a/round"] = h5py.SoftLink("/acquisition/a/round")
        file["intervals/self"] = file["intervals"]
    assert _right(path)


def test_promises_that_the_file_cannot_keep(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    huge = (1 << 20, 1 << 12, 1 << 12)
    with session(path) as file:
        group = series(file, "acquisition/huge", "TwoPhotonSeries")
        group.create_dataset("data", huge, "u2", chunks=(1, 64, 64), compression="gzip")
        group = series(file, "acquisition/compound", "TwoPhotonSeries")
        group["data"] = np.zeros((2, 3, 4), [("a", "u2"), ("b", "f4")])
        group = series(file, "acquisition/references", "TwoPhotonSeries")
        group.create_dataset("data", (2, 3, 4), h5py.ref_dtype)
        series(file, "acquisition/empty", "TwoPhotonSeries", np.zeros((0, 3, 4)))
        series(file, "acquisition/none", "TwoPhotonSeries")
        group = series(file, "acquisition/stamps", "TwoPhotonSeries", DATA)
        group.create_dataset("timestamps", (1 << 40,), "f8", chunks=(1 << 10,))
        group = series(file, "acquisition/text", "TwoPhotonSeries", DATA)
        group["timestamps"] = ["a", "b", "c"]
    for name in wormio.contents(path):
        with pytest.raises(CorruptRecordingError):
            wormio.open(path, item=name)


def test_images_that_were_never_written_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    with session(path) as file:
        group = series(file, "acquisition/a", "MultiChannelVolumeSeries", namespace=VOLUMES, rate=1)
        data = group.create_dataset("data", (3, 4, 5, 2), "u2", chunks=(1, 4, 5, 2))
        data[0], data[2] = DATA[0], DATA[2]
    with wormio.open(path) as recording:
        assert recording.timeline.stored[:, 0].tolist() == [0, 1, -1, -1, 4, 5]
        assert np.array_equal(recording.frames[5, 0], DATA[2, :, :, 1].T)
        with pytest.raises(MissingImageError):
            recording.frames[2]
        assert "images-missing" in [finding.code for finding in recording.findings]


def test_opening_loads_neither_pynwb_nor_pixels(tmp_path: Path) -> None:
    import subprocess
    import sys

    path = _write(tmp_path / "a.nwb")
    code = (
        "import sys, wormio; r = wormio.open(sys.argv[1]); r.close(); "
        "print([m for m in ('pynwb', 'hdmf', 'tifffile') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_an_hdf5_file_of_another_kind_is_no_nwb(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros(3)
    assert "nwb" not in [v.format for v in wormio.explain(path).verdicts if v.answer == "yes"]
    with pytest.raises(FormatError):
        wormio.open(path, "nwb")
