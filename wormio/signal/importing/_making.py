"""What the readers of foreign signals share: times that are known or not, and the first step."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import CorruptRecordingError, OptionError, WormioError
from wormio.model import Channel, Events, EventStatus
from wormio.signal.signal import Signal

__all__ = [
    "as_channel",
    "digest",
    "events_of_strides",
    "json_value",
    "make_signal",
    "sample_times",
]

Floats = NDArray[np.float64]

_MAX_VALUES = 300_000
_MAX_DEPTH = 100
_ROLES = {"green": "signal", "gcamp": "signal", "red": "reference", "rfp": "reference"}


def make_signal(
    data: Floats,
    path: Path,
    format: str,
    *,
    channel: Channel,
    time: Floats,
    about: Mapping[str, Any],
    labels: Iterable[object] | None = None,
    **fields: Any,
) -> Signal:
    """Return a signal whose last step is ``import``.

    Parameters
    ----------
    data : (T, N) float64
    path : Path
        Its name goes into the step; not its folder.
    format : str
    channel : Channel
    time : (T,) float64
    about : mapping
        Further parameters of the step, JSON-able.
    labels : iterable, optional
    **fields
        Further fields of `Signal`.
    """
    if labels is not None:
        fields["labels"] = labels
    try:
        step = {"format": format, "file": path.name, **json_value(about)}
        signal = Signal(data=data, time=time, channel=channel, **fields)
        return signal.with_step("import", step)
    except WormioError as error:
        error.path = error.path or str(path)
        raise


def json_value(value: Any) -> Any:
    """Return what a file said as JSON can hold it; numbers that are not finite become text.

    Raises
    ------
    CorruptRecordingError
        It is nested too deep, or would be far longer than what the file holds.
    """
    return _Json().value(value, 0)


class _Json:
    def __init__(self) -> None:
        self.left = _MAX_VALUES

    def value(self, found: Any, depth: int) -> Any:
        self.left -= 1
        if self.left < 0 or depth > _MAX_DEPTH:
            raise CorruptRecordingError(
                "what the file says of its traces is too long, or nested too deep",
                expected=f"at most {_MAX_VALUES} values in {_MAX_DEPTH} levels",
            )
        if isinstance(found, (np.ndarray, np.generic)):
            found = found.tolist()
        if isinstance(found, Mapping):
            return {str(key): self.value(one, depth + 1) for key, one in found.items()}
        if isinstance(found, (list, tuple)):
            return [self.value(one, depth + 1) for one in found]
        return _leaf(found)


def _leaf(found: Any) -> Any:
    if isinstance(found, (set, frozenset)):
        return sorted(map(str, found))
    if isinstance(found, bytes):
        return found.decode("latin-1")
    is_plain = found is None or isinstance(found, (bool, int, str))
    if is_plain or (isinstance(found, float) and math.isfinite(found)):
        return found
    return str(found)


def sample_times(
    n_volumes: int, times: ArrayLike | None, rate: float | None, path: Path
) -> tuple[Floats, dict[str, Any]]:
    """Return the times of the rows and what the step says of them.

    Parameters
    ----------
    n_volumes : int
    times : (T,) array_like, optional
        Seconds.
    rate : float, optional
        Volumes a second: the first row is at 0 s.
    path : Path
        For messages.

    Returns
    -------
    time : (T,) float64
        NaN if neither is given: a rate is never guessed.
    about : dict

    Raises
    ------
    OptionError
        Both are given, or they cannot be times.
    """
    if times is not None and rate is not None:
        raise OptionError("times and rate are both given", expected="one of them", path=path)
    if rate is not None:
        if isinstance(rate, bool) or not (math.isfinite(rate) and rate > 0):
            raise OptionError(
                "the rate is impossible",
                expected="volumes a second, a positive number",
                found=repr(rate),
                path=path,
            )
        return np.arange(n_volumes) / rate, {"time": "nominal", "rate": float(rate)}
    if times is None:
        return np.full(n_volumes, np.nan), {"time": "unknown"}
    try:
        given = np.asarray(times, np.float64)
    except (TypeError, ValueError) as error:
        raise OptionError("times are no numbers", found=str(error)[:200], path=path) from error
    if given.shape != (n_volumes,):
        raise OptionError(
            "the times do not fit the traces",
            expected=f"{n_volumes} times in seconds, one a volume",
            found=f"shape {given.shape}",
            path=path,
        )
    known = given[~np.isnan(given)]
    if np.isinf(known).any() or (np.diff(known) < 0).any():
        raise OptionError(
            "the times are impossible",
            expected="seconds that never decrease; NaN where unknown",
            path=path,
        )
    return given, {"time": "given"}


def as_channel(channel: Channel | str | None, name: str) -> Channel:
    """Return the channel that was given, or one of that name, its role by its words.

    A name that begins with red is a reference, one that begins with green the signal.
    """
    if isinstance(channel, Channel):
        return channel
    name = name if channel is None else channel
    found = [role for word, role in _ROLES.items() if name.lower().startswith(word)]
    return Channel(name=name, role=found[0] if found else "other")  # type: ignore[arg-type]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def events_of_strides(
    strides: Mapping[str, Iterable[int]] | None, time: Floats, path: Path
) -> dict[str, Events]:
    """Return tables of events from the lengths of the blocks between them.

    Block 0 lies before the first event. Of an event, its volume is known, and the time of that
    volume; not its frame.

    Raises
    ------
    OptionError
        The lengths do not add up to the number of volumes.
    """
    tables = {}
    for name, lengths in (strides or {}).items():
        blocks = np.asarray(list(lengths))
        if blocks.dtype.kind not in "iu" or (blocks < 0).any() or blocks.sum() != len(time):
            raise OptionError(
                f"the strides {name!r} do not fit the traces",
                expected=f"lengths of blocks, whole numbers with the sum {len(time)}",
                found=str(blocks.tolist())[:200],
                path=path,
            )
        volume = np.cumsum(blocks[:-1])
        inside = volume < len(time)
        n = len(volume)
        tables[name] = Events(
            count=np.full(n, -1),
            frame=np.full(n, -1),
            time=np.where(inside, time[np.minimum(volume, max(len(time) - 1, 0))], np.nan)
            if len(time)
            else np.full(n, np.nan),
            volume=np.where(inside, volume, -1),
            duration=np.full(n, np.nan),
            error_frames=np.zeros(n, np.int64),
            status=np.where(inside, EventStatus.OK, EventStatus.OUTSIDE),
        )
    return tables
