"""The file of signals: one HDF5 file, a group a channel.

Its root has the attributes ``format``, ``schema_version`` and ``wormio``; `wormio.signal._layout`
describes the rest.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from wormio.errors import SignalError
from wormio.model._fields import is_text
from wormio.signal._container import Kind
from wormio.signal._layout import get_signals, put_signals
from wormio.signal.signal import Signal

__all__ = ["check_output", "load", "save"]

FORMAT = "wormio-signal"
SCHEMA_VERSION = 1

_KIND = Kind(FORMAT, SCHEMA_VERSION, "file of signals")


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
    _KIND.write(path, lambda file: put_signals(file, named), overwrite=overwrite)


def check_output(path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Raise what `save` raises if signals must not be written to `path`; ask before long work.

    Raises
    ------
    OutputExistsError, OptionError
    """
    _KIND.check_output(path, overwrite=overwrite)


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
    with _KIND.reading(path) as file:
        return get_signals(file)
