"""NumPy's own files, read without trusting them: no objects, and no more than the file holds."""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from wormio.errors import (
    CorruptRecordingError,
    FormatError,
    MissingPartError,
    TruncatedRecordingError,
    UnsafeReferenceError,
    WormioError,
)
from wormio.storage.door import translated

__all__ = ["load_npy", "load_npz"]

_MAGIC = b"\x93NUMPY"
_ZIP = b"PK\x03\x04"
_MAX_UNPACKED = 4 << 30
_MAX_RATIO = 1100  # deflate's own limit is 1032
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def load_npy(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read an array from a .npy file.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    MissingPartError
        There is no such file.
    FormatError
        It is no .npy file.
    UnsafeReferenceError
        It holds Python objects: a pickle, which is never read.
    TruncatedRecordingError, CorruptRecordingError
    """
    path = Path(path)
    with _opened(path, _MAGIC, ".npy") as file, _about(path):
        return _array(file, path.stat().st_size)


def load_npz(path: str | os.PathLike[str]) -> Mapping[str, NDArray[Any]]:
    """Read all arrays from a .npz file, by name.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    MissingPartError, FormatError, UnsafeReferenceError
    TruncatedRecordingError, CorruptRecordingError
        Also of one that unpacks to more than 4 GiB.
    """
    path = Path(path)
    found = {}
    with _opened(path, _ZIP, ".npz") as file:
        content = io.BytesIO(file.read())  # of which no damage leads outside
    with _about(path), zipfile.ZipFile(content) as archive:
        left = min(_MAX_UNPACKED, _MAX_RATIO * path.stat().st_size)
        for entry in archive.infolist():
            left -= entry.file_size
            if left < 0:
                raise CorruptRecordingError(
                    "the file promises more than it can hold",
                    expected=f"at most {_MAX_UNPACKED} bytes unpacked",
                )
            with archive.open(entry) as inner:
                name = entry.filename.removesuffix(".npy")
                found[name] = _array(inner, entry.file_size)  # type: ignore[arg-type]
    return found


@contextmanager
def _about(path: Path) -> Iterator[None]:
    """Translate what numpy and zipfile raise, and name the file."""
    try:
        with translated(path, "a file of NumPy", "it was read"):
            yield
    except WormioError as error:
        error.path = error.path or str(path)
        raise


def _opened(path: Path, magic: bytes, what: str) -> BinaryIO:
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "there is no such file"
        raise MissingPartError(problem, path=path)
    file = path.open("rb")
    start = file.read(len(magic))
    if start != magic:
        file.close()
        if magic.startswith(start):
            raise TruncatedRecordingError("the file ends too early", path=path)
        raise FormatError(f"is no {what} file", found=repr(start), path=path)
    file.seek(0)
    return file


def _array(file: BinaryIO, size: int) -> NDArray[Any]:
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise CorruptRecordingError(
            "the array is of an unknown version", expected="1.0 or 2.0", found=str(version)
        )
    shape, fortran, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise UnsafeReferenceError(
            "the file holds Python objects, as a pickle: they are never read",
            expected="numbers or text",
            found=f"dtype {dtype}",
            cure="save the numbers in it with numpy.save, in the program that made it",
        )
    length = math.prod(shape) * dtype.itemsize
    if length > size:  # before anything is allocated for it
        raise TruncatedRecordingError(
            "the file ends before its array does",
            expected=f"{length} bytes: shape {shape}, {dtype}",
            found=f"{size} bytes",
        )
    data = file.read(length)
    if len(data) < length:
        raise TruncatedRecordingError(
            "the file ends before its array does",
            expected=f"{length} bytes: shape {shape}, {dtype}",
            found=f"{len(data)} bytes",
        )
    values = np.frombuffer(data, dtype) if length else np.zeros(math.prod(shape), dtype)
    return values.reshape(shape, order="F" if fortran else "C")
