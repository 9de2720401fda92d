"""Files of NumPy: what numpy wrote comes back, objects and lies do not."""

import io
import os
import zipfile

import numpy as np
import pytest

from wormio.errors import (
    CorruptRecordingError,
    FormatError,
    MissingPartError,
    TruncatedRecordingError,
    UnsafeReferenceError,
    WormioError,
)
from wormio.storage.npy import load_npy, load_npz

ARRAYS = {
    "doubles": np.random.default_rng(0).random((3, 4)),
    "fortran": np.asfortranarray(np.arange(12).reshape(3, 4)),
    "big": np.arange(5, dtype=">i2"),
    "text": np.array(["a", "ßß"]),
    "none": np.zeros((0, 3)),
    "scalar": np.array(2.5),
    "truth": np.array([True, False]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_what_numpy_wrote_comes_back(tmp_path, name):
    np.save(tmp_path / "a.npy", ARRAYS[name])
    np.testing.assert_array_equal(load_npy(tmp_path / "a.npy"), ARRAYS[name], strict=True)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_many_at_once(tmp_path, save):
    save(tmp_path / "a.npz", **ARRAYS)
    found = load_npz(tmp_path / "a.npz")
    assert set(found) == set(ARRAYS)
    for name, values in ARRAYS.items():
        np.testing.assert_array_equal(found[name], values, strict=True)


class Touches:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_objects_are_never_read(tmp_path):
    array = np.array([Touches(tmp_path / "touched"), None], object)
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", array)
    for load, name in ((load_npy, "a.npy"), (load_npz, "a.npz")):
        with pytest.raises(UnsafeReferenceError, match="never read") as raised:
            load(tmp_path / name)
        assert name in str(raised.value)
    assert not (tmp_path / "touched").exists()


def test_a_cut_file_is_told(tmp_path):
    np.save(tmp_path / "a.npy", ARRAYS["doubles"])
    raw = (tmp_path / "a.npy").read_bytes()
    for stop in range(0, len(raw), 7):
        (tmp_path / "b.npy").write_bytes(raw[:stop])
        with pytest.raises((TruncatedRecordingError, CorruptRecordingError)):
            load_npy(tmp_path / "b.npy")


def test_a_shape_is_no_promise(tmp_path):
    buffer = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (1 << 40, 1 << 20)}
    np.lib.format.write_array_header_1_0(buffer, header)
    (tmp_path / "a.npy").write_bytes(buffer.getvalue() + b"\0" * 64)
    with pytest.raises(TruncatedRecordingError, match="1099511627776"):
        load_npy(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(5):
            archive.writestr(f"{n}.npy", b"\0" * 1_000_000)
    with pytest.raises(WormioError):
        load_npz(tmp_path / "a.npz")


def test_other_files_are_told(tmp_path):
    (tmp_path / "a.npy").write_text("z,y,x\n")
    with pytest.raises(FormatError):
        load_npy(tmp_path / "a.npy")
    with pytest.raises(FormatError):
        load_npz(tmp_path / "a.npy")
    for load in (load_npy, load_npz):
        with pytest.raises(MissingPartError):
            load(tmp_path / "none")
        with pytest.raises(MissingPartError):
            load(tmp_path)
