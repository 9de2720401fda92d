"""Writing a file so that at any moment there is the whole of it, or nothing."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path

from wormio.errors import OptionError, OutputExistsError

__all__ = ["refuse_existing", "write_atomically"]

_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def refuse_existing(path: str | os.PathLike[str]) -> None:
    """Raise `OutputExistsError` if there is anything at `path`."""
    if os.path.lexists(path):
        raise OutputExistsError(
            "the output is there already",
            path=path,
            cure="choose another name, or ask for it to be overwritten: overwrite=True",
        )


def write_atomically(
    path: str | os.PathLike[str], content: bytes, *, overwrite: bool = False
) -> None:
    """Write a file that appears at once, complete and on the disk.

    Its content goes to a temporary file beside it, which takes its name in the end. A failure
    removes the temporary file and leaves what was there before; a kill may leave the temporary
    file, whose name begins with ``.wormio-``. A symbolic link is followed, not replaced.

    Parameters
    ----------
    path : path-like
    content : bytes
    overwrite : bool
        Otherwise an existing file is kept, even one that appears while this one is written.

    Raises
    ------
    OutputExistsError
        There is a file already.
    OptionError
        There is no such folder, or `path` is one.
    OSError
        The disk is full, the folder cannot be written to, ...
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise OptionError(
            "cannot be written: there is no such folder",
            found=f"no folder {target.parent}",
            path=path,
            cure="create the folder first",
        )
    if target.is_dir():
        raise OptionError("cannot be written: it is a folder", path=path, cure="name a file in it")
    temporary = target.parent / f".wormio-{secrets.token_hex(8)}.partial"
    try:
        _write(temporary, content)
        if overwrite:
            temporary.replace(target)
        else:
            _rename_to_new(temporary, target)
    except FileExistsError:
        refuse_existing(path)
        raise
    except OSError as error:
        if error.filename is None:  # os.write and os.fsync do not know their file's name
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(target.parent)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename_to_new(temporary: Path, target: Path) -> None:
    """Give the file its name, unless another one has it: a rename would replace that one."""
    try:
        target.hardlink_to(temporary)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        # Some file systems know no second name for a file. There, an empty file takes the name
        # first, which fails if there is one; what replaces it is ours.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        try:
            temporary.replace(target)
        except OSError:
            target.unlink()
            raise


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power cut, on file systems that can; the file itself is safe."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
