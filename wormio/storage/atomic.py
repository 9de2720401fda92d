"""Writing a file so that at any moment there is the whole of it, or nothing."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wormio.errors import OptionError, OutputExistsError

__all__ = [
    "check_target",
    "is_new",
    "naming",
    "refuse_existing",
    "refuse_foreign",
    "write_atomically",
    "writing_atomically",
]

_FULL = {errno.ENOSPC, errno.EDQUOT}
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def refuse_existing(
    path: str | os.PathLike[str],
    cure: str = "choose another name, or ask for it to be overwritten: overwrite=True "
    "(--overwrite)",
) -> None:
    """Raise `OutputExistsError` if there is anything at `path`."""
    if os.path.lexists(path):
        raise OutputExistsError("the output is there already", path=path, cure=cure)


def is_new(path: str | os.PathLike[str]) -> bool:
    """Tell whether there is nothing at `path`, or an empty folder."""
    path = Path(path)
    return not os.path.lexists(path) or (path.is_dir() and not any(path.iterdir()))


def refuse_foreign(
    path: str | os.PathLike[str],
    what: str,
    is_ours: Callable[[Path], bool],
    *,
    overwrite: bool,
) -> None:
    """Raise unless an output may be written to `path`: what others made is never replaced.

    A mistyped name may be that of the positions or of the frames.

    Parameters
    ----------
    path : path-like
        File or folder to be written.
    what : str
        What it may replace, for the message: ``"file of signals"``.
    is_ours : callable
        ``is_ours(path)`` tells whether an existing file or folder is such a one.
    overwrite : bool
        Whether an earlier output may be replaced.

    Raises
    ------
    OutputExistsError
    """
    path = Path(path)
    if is_new(path):
        return
    if not is_ours(path):
        raise OutputExistsError(
            f"the output exists and is no {what}: it is never replaced",
            path=path,
            cure="choose another name",
        )
    if not overwrite:
        refuse_existing(path)


def check_target(path: str | os.PathLike[str]) -> Path:
    """Return the file that is to be written, links followed, if it can have its folder.

    Raises
    ------
    OptionError
        There is no such folder, or `path` is one.
    """
    target = Path(os.path.realpath(path))
    if target.parent.is_file():
        raise OptionError(
            "cannot be written: its folder is a file",
            found=f"a file {target.parent}",
            path=path,
            cure="choose another name",
        )
    if not target.parent.is_dir():
        raise OptionError(
            "cannot be written: there is no such folder",
            found=f"no folder {target.parent}",
            path=path,
            cure="create the folder first",
        )
    if target.is_dir():
        raise OptionError("cannot be written: it is a folder", path=path, cure="name a file in it")
    return target


def write_atomically(
    path: str | os.PathLike[str], content: bytes, *, overwrite: bool = False
) -> None:
    """Write a file that appears at once, complete and on the disk; see `writing_atomically`.

    Parameters
    ----------
    path : path-like
    content : bytes
    overwrite : bool

    Raises
    ------
    OutputExistsError, OptionError, OSError
    """
    with writing_atomically(path, overwrite=overwrite) as temporary, naming(path):
        try:
            _write(temporary, content)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            free = shutil.disk_usage(temporary.parent).free
            # The half that was written takes up room too, and goes now.
            free += temporary.stat().st_size if temporary.exists() else 0
            needed = f"{error.strerror}: {len(content)} bytes are needed, {free} are free"
            raise OSError(error.errno, needed) from error


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Name the file in errors of the system that do not: a full disk when a descriptor is used."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


@contextmanager
def writing_atomically(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Write a file that is too large for the memory; it appears at once, complete and on the disk.

    Its content goes to a temporary file beside it, which takes its name in the end. A failure
    removes the temporary file and leaves what was there before; a kill may leave the temporary
    file, whose name begins with ``.wormio-``. A symbolic link is followed, not replaced.

    Parameters
    ----------
    path : path-like
    overwrite : bool
        Otherwise an existing file is kept, even one that appears while this one is written.

    Yields
    ------
    Path
        The file to create and to fill; it must be closed before the block ends.

    Raises
    ------
    OutputExistsError
        There is a file already.
    OptionError
        There is no such folder, or `path` is one.
    OSError
        The disk is full, the folder cannot be written to, ...
    """
    target = check_target(path)
    if not overwrite:
        refuse_existing(target)
    temporary = target.parent / f".wormio-{secrets.token_hex(8)}.partial"
    try:
        yield temporary
        with naming(path):
            _sync(temporary)
            if overwrite:
                temporary.replace(target)
            else:
                _rename_to_new(temporary, target)
    except FileExistsError:
        refuse_existing(path)
        raise
    except OSError as error:
        # Nobody has heard of the temporary file.
        if error.errno is not None and error.filename == str(temporary):
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
    finally:
        os.close(descriptor)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
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
