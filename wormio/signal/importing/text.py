"""Text signals: one line of JSON behind a ``#``, then one line a volume, one column a neuron.

This is what `numpy.savetxt` writes with ``header=json.dumps(...)``: ``green.txt``, ``red.txt``.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import FormatError, MissingPartError, SignalError, TruncatedRecordingError
from wormio.model import Channel
from wormio.model._fields import plain
from wormio.signal.importing._making import as_channel, digest, make_signal, sample_times
from wormio.signal.importing._own_header import KEY, own_fields
from wormio.signal.signal import Signal

__all__ = ["read_text", "read_text_header", "text_of"]

_MAX_HEADER = 256 << 20
_log = logging.getLogger(__name__)


def read_text_header(path: Path) -> dict[str, Any]:
    """Read what the header of a text signal says, without reading the numbers.

    The first comment line that holds a JSON object counts.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict
        Empty if there is no header, or none that can be read; the latter is logged as a warning.

    Raises
    ------
    MissingPartError
        There is no such file.
    FormatError
        It is no text.
    """
    path = Path(path)
    with _opened(path) as file:
        return _header(file, path)[0]


def read_text(
    path: Path,
    *,
    rate: float | None = None,
    times: ArrayLike | None = None,
    channel: Channel | str | None = None,
    labels: Iterable[str] | None = None,
) -> Signal:
    """Read a text signal. NaN is a neuron that was not found in that volume.

    Parameters
    ----------
    path : path-like
    rate : float, optional
        Volumes a second.
    times : (T,) array_like, optional
        Of the volumes, in seconds. Default: unknown, NaN; the file does not tell.
    channel : Channel or str, optional
        Default: by the name of the file: ``green.txt`` is green, a signal; ``red.txt`` red, a
        reference.
    labels : iterable of str, optional
        Default: ``"0"``, ``"1"``, ...

    Returns
    -------
    Signal
        Its step ``import`` holds the header. What `wormio.export.to_text` wrote into the header
        (labels, times, what was measured, history) is restored.

    Raises
    ------
    MissingPartError
        There is no such file.
    FormatError
        It is no such table; the message names the line.
    TruncatedRecordingError
        It is empty.
    OptionError
        The times or the rate do not fit.
    """
    path = Path(path)
    with _opened(path) as file:
        header, problem, first, number = _header(file, path)
        if not number:
            raise TruncatedRecordingError(
                "the file is empty", expected="a header, then numbers", path=path
            )
        data = _numbers(first, number, path)
    own = own_fields(header, data, path)
    data = own.pop("data", data)
    own_time = own.pop("time", None)
    if times is None and rate is None and own_time is not None:
        time = own_time
        about: dict[str, Any] = {"time": "given"}
    else:
        time, about = sample_times(len(data), times, rate, path)
    if channel is not None or "channel" not in own:
        own["channel"] = as_channel(channel, path.stem.removesuffix("_matchless"))
    if labels is not None:
        own["labels"] = labels
    # What is ours in the header is in the fields again.
    about["header"] = {key: value for key, value in header.items() if key != KEY}
    about["sha256"] = digest(path)
    if problem:
        about["header_problem"] = problem
    own.setdefault("valid", np.isfinite(data))
    return make_signal(data, path, "text", time=time, about=about, **own)


def text_of(data: NDArray[np.float64], header: Mapping[str, Any]) -> bytes:
    """Return the bytes of a text signal, as `numpy.savetxt` makes them; numbers are exact.

    Raises
    ------
    SignalError
        The header cannot be written as JSON.
    """
    try:
        line = json.dumps(header, default=plain)
    except (TypeError, ValueError) as error:
        raise SignalError("the header cannot be written as JSON", found=str(error)) from error
    buffer = io.BytesIO()
    np.savetxt(buffer, data, header=line)
    return buffer.getvalue()


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    if not path.exists():
        raise MissingPartError("there is no such file", path=path)
    if path.is_dir():
        raise FormatError("is no text signal", found="a folder", path=path)
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield file
    except UnicodeDecodeError as error:
        raise FormatError(
            "is no text signal", expected="text", found=str(error)[:200], path=path
        ) from error


def _header(file: TextIO, path: Path) -> tuple[dict[str, Any], str, str, int]:
    """Return the header, what is wrong with it, the first line of numbers, and its number."""
    problem = ""
    header: dict[str, Any] | None = None
    number = 0
    while line := file.readline(_MAX_HEADER):
        number += 1
        text = line.strip()
        if text and not text.startswith("#"):
            break
        if header is None and text:
            try:
                found = json.loads(text.lstrip("#"))
                header = found if isinstance(found, dict) else None
            except (ValueError, RecursionError) as error:
                problem = problem or f"{error}: {text[:80]!r}"
    if header is None and problem:
        _log.warning("%s: the header is not read as JSON: %s", path, problem)
    return header or {}, "" if header is not None else problem, line, number


def _numbers(first: str, number: int, path: Path) -> NDArray[np.float64]:
    if not first:
        return np.zeros((0, 0))
    try:
        # By its absolute path: numpy takes what looks like one for the address of a page, and
        # reads a file faster than its lines.
        return np.loadtxt(
            str(path.absolute()), dtype=np.float64, comments="#", ndmin=2, encoding="utf-8-sig"
        )
    except UnicodeDecodeError:
        raise
    except (ValueError, OverflowError) as error:
        raise FormatError(
            "is no text signal",
            expected="as many numbers in every line, separated by blanks; nan where not found",
            found=f"{str(error).partition(';')[0]} (rows are counted from line {number})"[:300],
            path=path,
        ) from error
