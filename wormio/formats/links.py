"""The files of a recording lie in its folder, or the user trusts whoever made links out of it."""

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
    # Of thousands of files in the folder itself, one question each is enough.
    if trust or (Path(name).name == name and not path.is_symlink()):
        return path
    real = Path(os.path.realpath(path))
    if real.is_relative_to(os.path.realpath(folder)):
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
