"""Links among the files of a folder: none may lead out of it unasked."""

from __future__ import annotations

import os
from pathlib import Path

from wormio.errors import UnsafeReferenceError

__all__ = ["refuse_link_out"]


def refuse_link_out(path: Path, folder: Path, *, trust: bool) -> None:
    """Raise if a file of a folder is a link to somewhere else.

    Parameters
    ----------
    path : Path
        The file.
    folder : Path
        The recording's.
    trust : bool
        Follow all links.

    Raises
    ------
    UnsafeReferenceError
    """
    if trust or not path.is_symlink():
        return
    target = Path(os.path.realpath(path))
    if not target.is_relative_to(os.path.realpath(folder)):
        raise UnsafeReferenceError(
            "the file is a link out of the recording's folder",
            found=str(target),
            path=path,
            cure="trust=True (--option trust=yes) follows it, if you made it",
        )
