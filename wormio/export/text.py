"""Signals as the text files of wormdatamodel, which `numpy.loadtxt` reads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wormio.errors import OptionError
from wormio.signal import Signal
from wormio.signal.importing._own_header import KEY, own_header
from wormio.signal.importing.text import text_of
from wormio.storage.atomic import refuse_foreign, write_atomically

__all__ = ["to_text"]


def to_text(
    signal: Signal,
    path: str | os.PathLike[str],
    *,
    header: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a signal as text: ``# {json}``, then a line a volume, a column a neuron.

    Numbers are written in full and come back bit by bit. The header holds labels, times, volumes,
    what was measured, events, channel and history for `wormio.signal.importing.read_text`; sample
    times, voxel counts and provenance are left out: `wormio.save` keeps them. The file appears
    whole or not at all.

    Parameters
    ----------
    signal : Signal
    path : path-like
    header : mapping, optional
        What programs of the lab look for: ``method``, ``version``, ``ref_index``. Default: what a
        text file that the signal was read from said; else the mask's name and wormio's version.
    overwrite : bool
        Whether an earlier text signal is replaced. What is none is never replaced.

    Raises
    ------
    OutputExistsError
        There is a file already, and `overwrite` is false or it is no text signal.
    OptionError
        The header uses the key ``"wormio"``, or there is no such folder.
    SignalError
        The header cannot be written as JSON.
    """
    if header is not None and KEY in header:
        raise OptionError(f"the key {KEY!r} of the header is taken", path=path)
    if header is None:
        header = _header_of_file(signal)
    refuse_foreign(path, "text signal", _is_text_signal, overwrite=overwrite)
    content = text_of(signal.data, {**header, KEY: own_header(signal)})
    write_atomically(path, content, overwrite=overwrite)


def _header_of_file(signal: Signal) -> dict[str, Any]:
    for step in reversed(signal.history):
        found = step.parameters.get("header")
        if step.name == "import" and isinstance(found, Mapping):
            return {key: value for key, value in found.items() if key != KEY}
    import wormio

    # The two that wormdatamodel itself always wrote.
    mask = {} if signal.provenance is None else signal.provenance.options.get("mask", {})
    method = mask.get("name", "") if isinstance(mask, Mapping) else ""
    return {"method": method or "unknown", "version": f"wormio {wormio.__version__}"}


def _is_text_signal(path: Path) -> bool:
    """Tell whether a file begins as a text signal does: a header, or a line of numbers."""
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError:
        return False
    line = start.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0]
    if line.startswith(b"#"):
        return line.lstrip(b"# ").startswith(b"{")
    try:
        np.array(line.rpartition(b" ")[0].split() or [b"?"], dtype=np.float64)
    except ValueError:
        return False
    return True
