"""``metadata.json`` of a folder of ZephIR: the shape of its images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wormio.errors import CorruptRecordingError, MissingPartError

__all__ = ["NAME", "image_shape", "read_metadata"]

NAME = "metadata.json"
_MAX_BYTES = 1 << 20


def read_metadata(path: Path) -> dict[str, Any]:
    """Read metadata.json.

    Raises
    ------
    MissingPartError
    CorruptRecordingError
        It is no JSON object.
    """
    if not path.is_file():
        raise MissingPartError(
            "the shape of the images is missing",
            expected=f"the file {NAME} beside them",
            path=path,
            cure="copy it from the original folder",
        )
    if path.stat().st_size > _MAX_BYTES:
        raise CorruptRecordingError(
            "this is no metadata of ZephIR",
            expected=f"at most {_MAX_BYTES} bytes",
            found=f"{path.stat().st_size}",
            path=path,
        )
    try:
        found = json.loads(path.read_bytes(), parse_constant=str)
    # RecursionError: JSON that is nested too deeply.
    except (ValueError, RecursionError) as error:
        raise CorruptRecordingError("this is no JSON", found=str(error)[:300], path=path) from error
    if not isinstance(found, dict):
        raise CorruptRecordingError(
            "this is no metadata of ZephIR", expected="a JSON object", path=path
        )
    return found


def image_shape(metadata: dict[str, Any], letters: str, folder: Path) -> tuple[int, ...]:
    """Return ``shape_t``, ``shape_c``, ... for each letter.

    Raises
    ------
    CorruptRecordingError
        One is missing, or no positive whole number.
    """
    shape = []
    for letter in letters:
        value = metadata.get(f"shape_{letter.lower()}")
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 1 << 40:
            raise CorruptRecordingError(
                f"shape_{letter.lower()} is missing or wrong",
                expected="a positive whole number",
                found=repr(value)[:100],
                path=folder / NAME,
            )
        shape.append(value)
    return tuple(shape)
