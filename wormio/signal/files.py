"""The file of signals: one HDF5 file, a group a channel.

Its root has the attributes ``format``, ``schema_version`` and ``wormio``; `wormio.signal._layout`
describes the rest.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wormio.errors import (
    ContractError,
    CorruptRecordingError,
    MissingPartError,
    RecordingError,
    SignalError,
    TruncatedRecordingError,
    WormioError,
)
from wormio.model._fields import is_text
from wormio.signal._layout import get_signals, put_signals
from wormio.signal.signal import Signal
from wormio.storage.atomic import check_target, refuse_foreign, write_atomically
from wormio.storage.hdf5_opening import has_format

if TYPE_CHECKING:
    import h5py

__all__ = ["check_output", "load", "save"]

FORMAT = "wormio-signal"
SCHEMA_VERSION = 1

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_CURE = "copy it again from where it came, or extract it again"


def save(
    path: str | os.PathLike[str],
    signals: Signal | Mapping[str, Signal],
    *,
    overwrite: bool = False,
) -> None:
    """Write signals to one HDF5 file, which appears at once and complete, or not at all.

    Parameters
    ----------
    path : path-like
    signals : Signal or mapping of str to Signal
        By the names that `load` gives back; a single one goes by its channel's name.
    overwrite : bool
        Whether an earlier file of signals is replaced. What is none is never replaced.

    Raises
    ------
    OutputExistsError
        There is a file already, and `overwrite` is false or it is no file of signals.
    OptionError
        There is no such folder, or `path` is one.
    SignalError
        There is no signal, or something that cannot be written.
    OSError
        The disk is full, the folder cannot be written to, ...
    """
    named = {signals.channel.name: signals} if isinstance(signals, Signal) else dict(signals)
    if not named:
        raise SignalError("there is no signal to write", path=path)
    for name in named:
        if not is_text(name):
            raise SignalError(
                "a signal's name cannot be written to a file",
                expected="text without NUL and without lone surrogates",
                found=repr(name),
                path=path,
            )
    check_output(path, overwrite=overwrite)
    try:
        image = _image(named)
    except ContractError as error:
        raise SignalError(
            error.problem, expected=error.expected, found=error.found, path=path
        ) from error
    write_atomically(path, image, overwrite=overwrite)


def check_output(path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Raise what `save` raises if signals must not be written to `path`; ask before long work.

    Raises
    ------
    OutputExistsError, OptionError
    """
    check_target(path)
    refuse_foreign(
        path, "file of signals", lambda found: has_format(found, FORMAT), overwrite=overwrite
    )


def load(path: str | os.PathLike[str]) -> dict[str, Signal]:
    """Read the signals of a file that `save` wrote.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict of str to Signal
        By name, in the order they were written. Event tables and provenances that were shared
        are shared again.

    Raises
    ------
    SignalError
        It is no file of signals, or one of a newer version.
    MissingPartError, TruncatedRecordingError, CorruptRecordingError, UnsafeReferenceError
        It is not there, ends too early, is damaged, or points to other files.
    """
    import h5py

    path = Path(path)
    _check_signature(path)
    # No locks: a file of signals is only ever replaced, never changed; and some network file
    # systems cannot lock.
    with _translated(path), h5py.File(path, "r", locking=False) as file:
        _check_format(file, path)
        return get_signals(file)


def _image(named: Mapping[str, Signal]) -> bytes:
    """Return the bytes of the file.

    It is made in memory: on a full disk, HDF5 fails late and takes the process with it.
    """
    import h5py

    import wormio

    # HDF5 tells open files apart by their names, also those in memory.
    with h5py.File(secrets.token_hex(8), "w", driver="core", backing_store=False) as file:
        file.attrs["format"] = FORMAT
        file.attrs["schema_version"] = SCHEMA_VERSION
        file.attrs["wormio"] = wormio.__version__
        put_signals(file, named)
        file.flush()
        image: bytes = file.id.get_file_image()
    return image


def _check_signature(path: Path) -> None:
    """Look at the first bytes, so that HDF5 is only asked about its own files."""
    try:
        if path.is_dir():
            raise SignalError("is no file of signals", found="a folder", path=path)
        with path.open("rb") as file:
            start = file.read(len(_SIGNATURE))
    except FileNotFoundError as error:
        raise MissingPartError("there is no such file", path=path) from error
    if start == _SIGNATURE:
        return
    if _SIGNATURE.startswith(start):
        raise TruncatedRecordingError(
            "ends too early", expected="an HDF5 file", found=f"{len(start)} bytes", path=path
        )
    raise SignalError(
        "is no file of signals", expected="an HDF5 file", found=f"{start!r}, ...", path=path
    )


def _check_format(file: h5py.File, path: Path) -> None:
    found = file.attrs.get("format")
    if not isinstance(found, str) or found != FORMAT:
        raise SignalError(
            "is no file of signals",
            expected=f"the attribute format={FORMAT!r}",
            found="an HDF5 file without it" if found is None else f"format={found!r}"[:200],
            path=path,
        )
    version = file.attrs.get("schema_version")
    if not isinstance(version, np.integer) or version < 1:
        raise CorruptRecordingError("has no schema_version", found=repr(version)[:200], path=path)
    if version > SCHEMA_VERSION:
        raise SignalError(
            "was written by a newer wormio",
            expected=f"schema_version {SCHEMA_VERSION} or older",
            found=f"schema_version {version}, written by wormio {file.attrs.get('wormio')!s:.50}",
            path=path,
            cure="pip install --upgrade wormio",
        )


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn whatever HDF5, numpy or the values' own checks raise on a bad file into our errors."""
    try:
        yield
    except WormioError as error:
        if error.path is not None:
            raise
        # What a value's own checks refuse was not written by `save`.
        kind = type(error) if isinstance(error, RecordingError) else CorruptRecordingError
        raise kind(
            error.problem, expected=error.expected, found=error.found, path=path, cure=_CURE
        ) from error
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        OSError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        cut = isinstance(error, OSError) and "truncated" in str(error)
        kind = TruncatedRecordingError if cut else CorruptRecordingError
        raise kind(
            "ends too early" if cut else "is damaged",
            expected="a file of signals, as wormio wrote it",
            found=f"{type(error).__name__}: {error}"[:300],
            path=path,
            cure=_CURE,
        ) from error
