"""A part of a signal: some of its neurons, some of its time."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError, SignalError
from wormio.signal._parts import part_of

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["Neurons", "Rows", "select"]

Neurons = str | int | slice | Sequence[str | int] | NDArray[Any]
Rows = slice | range | Mapping[str, int | None] | Sequence[int] | NDArray[Any]
Ints = NDArray[np.int64]


def select(
    signal: Signal,
    *,
    neurons: Neurons | None = None,
    rows: Rows | None = None,
    time: Sequence[float] | None = None,
) -> Signal:
    """Return some neurons, some rows, or a stretch of time; axes are never dropped.

    Every array goes along. Events stay as they are: their table is that of the recording, as are
    the volumes that `Signal.volume` names, so that an event is found where it was. One that lies
    outside the rows is left out by `around`, and cuts nothing in `blocks`.

    Parameters
    ----------
    signal : Signal
    neurons : str, int, slice, or sequence of these, or (N,) bool, optional
        Labels, or columns (negative: from the end), in the order wanted. A text is always a label,
        a number always a column. Default: all.
    rows : slice, range, sequence of int, or (T,) bool, optional
        Rows in the order of time; ``{"start": 0, "stop": 10}``, as a recipe has it, is a slice.
        Default: all.
    time : (start, stop) of float, optional
        Seconds: rows with ``start <= time < stop``. Not together with `rows`.

    Returns
    -------
    Signal
        Its provenance still has all the positions, as they were given, but volumes and centre
        frames of what was selected.

    Raises
    ------
    OptionError
        There is no such neuron or row, one is asked for twice, or rows go back in time.
    SignalError
        `time` is given and the volumes' times are unknown.
    """
    if rows is not None and time is not None:
        raise OptionError("rows and time are both given", expected="one of them")
    kept: dict[str, Any] = {"neurons": None, "rows": None, "time": None}
    row_index = columns = None
    if time is not None:
        start, stop = _stretch(time)
        kept["time"] = [start, stop]
        row_index = _rows_between(signal, start, stop)
    elif rows is not None:
        row_index, kept["rows"] = _rows(signal, rows)
    if neurons is not None:
        columns = _columns(signal, neurons)
        kept["neurons"] = [signal.labels[column] for column in columns]
    found = {"rows": signal.n_volumes if row_index is None else len(row_index)}
    return signal.with_step("select", kept, found=found, **part_of(signal, row_index, columns))


def _stretch(time: Sequence[float]) -> tuple[float, float]:
    try:
        start, stop = (float(second) for second in time)
    except (OverflowError, TypeError, ValueError):
        start = stop = math.nan
    if not (math.isfinite(start) and math.isfinite(stop) and start < stop):
        raise OptionError(
            "time is no stretch",
            expected="(start, stop) in seconds, start < stop",
            found=repr(time)[:200],
        )
    return start, stop


def _rows_between(signal: Signal, start: float, stop: float) -> Ints:
    if signal.n_volumes and not np.isfinite(signal.time).any():
        raise SignalError(
            "rows cannot be selected by time",
            expected="volumes at known times",
            found="no known time",
            cure="select(rows=...)",
        )
    return np.flatnonzero((signal.time >= start) & (signal.time < stop))


def _rows(signal: Signal, rows: Rows) -> tuple[Ints, Any]:
    """Return the rows as indices, and as JSON that selects them again."""
    n = signal.n_volumes
    if isinstance(rows, Mapping):
        odd = set(rows) - {"start", "stop", "step"}
        if odd:
            raise OptionError("rows is no slice", expected="start, stop, step", found=str(odd))
        rows = slice(rows.get("start"), rows.get("stop"), rows.get("step"))
    if isinstance(rows, slice):
        kept = {"start": rows.start, "stop": rows.stop, "step": rows.step}
        try:
            index = np.arange(n)[rows]
        except (OverflowError, TypeError, ValueError) as error:
            raise OptionError("rows is no slice of rows", found=repr(rows)) from error
        return _forward(index, rows), kept
    index = _whole_numbers(rows, n, "rows")
    return _forward(index, rows), index.tolist()


def _forward(index: Ints, given: object) -> Ints:
    if (np.diff(index) <= 0).any():
        raise OptionError(
            "rows go back in time, or one is asked for twice",
            expected="increasing rows",
            found=repr(given)[:200],
        )
    return index


def _columns(signal: Signal, neurons: Neurons) -> Ints:
    n = signal.n_neurons
    if isinstance(neurons, slice):
        try:
            return np.arange(n)[neurons]
        except (OverflowError, TypeError, ValueError) as error:
            raise OptionError(
                "neurons is no slice of columns", found=repr(neurons), cure="labels: a list"
            ) from error
    if isinstance(neurons, (str, int, np.integer)):
        neurons = [neurons]
    if not isinstance(neurons, np.ndarray) or neurons.dtype.kind == "U":
        place = {label: column for column, label in enumerate(signal.labels)}
        neurons = [_column(place, one) if isinstance(one, str) else one for one in _listed(neurons)]
    index = _whole_numbers(neurons, n, "neurons")
    if len(set(index.tolist())) != len(index):
        raise OptionError("a neuron is asked for twice", found=repr(neurons)[:200])
    return index


def _listed(neurons: Any) -> list[Any]:
    try:
        return list(neurons)
    except TypeError as error:
        raise OptionError(
            "neurons are not named", expected="labels or columns", found=repr(neurons)[:200]
        ) from error


def _column(place: Mapping[str, int], label: str) -> int:
    if label not in place:
        close = difflib.get_close_matches(label, place, n=1)
        raise OptionError(
            f"there is no neuron {label!r}",
            expected=", ".join(map(repr, list(place)[:20])) + (", ..." if len(place) > 20 else ""),
            cure=f"did you mean {close[0]!r}?" if close else "",
        )
    return place[label]


def _whole_numbers(given: Any, n: int, what: str) -> Ints:
    """Return indices into an axis of length `n`; a mask of that length will do."""
    try:
        if isinstance(given, str | bytes):
            raise TypeError
        index = np.asarray(given if isinstance(given, np.ndarray) else list(given))
    except (OverflowError, TypeError, ValueError) as error:
        raise OptionError(f"{what} are no indices", found=repr(given)[:200]) from error
    if index.dtype == bool and index.shape == (n,):
        return np.flatnonzero(index)
    if index.size == 0 and index.ndim == 1:
        return np.zeros(0, np.int64)
    if index.ndim != 1 or index.dtype.kind not in "iu":
        raise OptionError(
            f"{what} are no indices",
            expected=f"whole numbers, or {n} truth values",
            found=repr(given)[:200],
        )
    index = index.astype(np.int64)
    outside = index[(index < -n) | (index >= n)]
    if len(outside):
        raise OptionError(
            f"{what}: there is no {outside[0]}", expected=f"less than {n}", found=repr(given)[:200]
        )
    return np.where(index < 0, index + n, index)
