"""The files of a recording: they lie in its folder, or the user trusts it."""

from __future__ import annotations

import os
from pathlib import Path

from wormio.errors import MissingPartError, UnsafeReferenceError

__all__ = ["inside", "part"]


def inside(folder: Path, name: str, *, trust: bool) -> Path:
    """Return the path of a file in the folder, which need not exist.

    Raises
    ------
    UnsafeReferenceError
        It is a link to somewhere else, and the user did not say that this is right.
    """
    path = folder / name
    real = Path(os.path.realpath(path))
    if trust or real.is_relative_to(os.path.realpath(folder)):
        return path
    raise UnsafeReferenceError(
        "the file is a link out of the recording's folder",
        expected=f"a file in {folder}",
        found=f"a link to {real}",
        path=path,
        cure="open it with trust=True (--option trust=true) if you know where the files come from",
    )


def part(folder: Path, name: str, *, trust: bool) -> Path:
    """Return the path of a file in the folder.

    Raises
    ------
    MissingPartError
        It is not there.
    UnsafeReferenceError
        See `inside`.
    """
    path = inside(folder, name, trust=trust)
    if not path.is_file():
        raise MissingPartError(
            "a part of the recording is missing",
            expected=f"the file {name}",
            path=path,
            cure="copy the whole folder of the recording",
        )
    return path
