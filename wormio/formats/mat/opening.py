"""Opening a MATLAB file of any version by its header."""

from __future__ import annotations

from pathlib import Path

from wormio.errors import (
    CorruptRecordingError,
    MissingPartError,
    TruncatedRecordingError,
    UnsupportedCapabilityError,
)
from wormio.formats.mat.tree import MatFile
from wormio.formats.mat.v5 import HEADER_BYTES, read_v5
from wormio.formats.mat.v73 import read_v73
from wormio.storage.door import translated

__all__ = ["MAGIC", "mat_version", "read_mat"]

MAGIC = {b"MATLAB 5.0 MAT-file": 5, b"MATLAB 7.3 MAT-file": 73}
_MARKS = {b"\x00\x01IM": 5, b"\x01\x00MI": 5, b"\x00\x02IM": 73, b"\x02\x00MI": 73}


def mat_version(head: bytes) -> int | None:
    """Return 5 (up to 7) or 73 from the first bytes of a file; None if they are no MATLAB file's.

    The text at the beginning may be anything; version and byte order lie at its end.
    """
    for magic, version in MAGIC.items():
        if head.startswith(magic):
            return version
    return _MARKS.get(head[124:128]) if head.startswith(b"MATLAB") else None


def read_mat(path: Path, *, allow_truncated: bool = False) -> MatFile:
    """Read what a file holds, without the values.

    Raises
    ------
    MissingPartError
        There is no such file.
    TruncatedRecordingError, CorruptRecordingError
    UnsupportedCapabilityError
        It is of version 4 or no MATLAB file.
    """
    if not path.is_file():
        raise MissingPartError("there is no such file", path=path)
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
    if len(head) < HEADER_BYTES:
        raise TruncatedRecordingError(
            "the file ends within its header",
            expected=f"at least {HEADER_BYTES} bytes",
            found=f"{len(head)} bytes",
            path=path,
        )
    version = mat_version(head)
    if version is None:
        raise UnsupportedCapabilityError(
            "this is no MATLAB file of version 5 to 7.3",
            expected="a header that begins with 'MATLAB 5.0 MAT-file' or 'MATLAB 7.3 MAT-file'",
            found=repr(head[:20]),
            path=path,
            cure="in MATLAB, load it and save it again with -v7.3",
        )
    if version == 73:
        return read_v73(path)
    with translated(path, "MATLAB", "its variables were listed"):
        try:
            return read_v5(path, allow_truncated=allow_truncated)
        except RecursionError as error:
            raise CorruptRecordingError("the file is too deep", path=path) from error
