"""Instantaneous changes of the level: a laser that steps, a fluorophore that bleaches at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError, SignalError
from wormio.signal._checks import check_choice, check_number, check_whole
from wormio.signal._medians import nan_median, noise_of
from wormio.signal._range import computes
from wormio.signal._step_field import FEWEST, step_field
from wormio.signal._steps import refuse_repeat

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["correct_jumps"]

Direction = Literal["down", "both"]
Common = Literal["auto", "only", "never"]
Floats = NDArray[np.float64]

# Fewest neurons that can have a jump in common.
_FEWEST_NEURONS = 5
# A jump shows in a short window as well: half its width in rows, the least of the size that must
# show there, and how clearly. A slow fall, as of a response, is a slope there.
_SHORT, _LEAST_SHORT, _Z_SHORT = 10, 0.6, 3.5
# By how many times a jump is larger than the steps elsewhere in its trace.
_UNUSUAL = 5.0
# Share of the neurons that go the same way in a common jump.
_TOGETHER = 0.8
# A sample amid a jump that is this far from both levels, in standard deviations, belongs to none.
_BETWEEN = 5.0


@computes
def correct_jumps(
    signal: Signal,
    *,
    direction: Direction = "down",
    common: Common = "auto",
    at: Sequence[float] | None = None,
    threshold: float = 8.0,
    half_window: int = 55,
    transition: int = 3,
    force: bool = False,
) -> Signal:
    """Undo instantaneous changes of the level.

    Around each row the logarithm of a trace is taken for a line with a step, ``a + b t + c [t >=
    jump]``, in `half_window` rows on each side without `transition` rows from the jump on. The
    step c is the difference of the two sides' means, less what their common slope b explains, so
    that ordinary bleaching is no part of it. Its z is c over its standard error, by the noise of
    successive samples (1.4826 MAD of the differences / sqrt 2); it must also be 5 times
    what is usual in the trace (1.4826 median), where motion makes steps. The clearest is corrected,
    all later samples divided by ``exp(c)``, and the search begins anew, until no z is beyond
    `threshold`. A jump must also show within 10 rows: a response that ends in a few seconds does
    not.

    A step of the laser's power meets all neurons. So first the median of all neurons' c is
    searched for jumps in either direction, and these are corrected in all neurons alike.

    Meant for the reference channel. In the signal channel activity can end as fast as a jump: use
    ``common="only"`` there, or `at`.

    Parameters
    ----------
    signal : Signal
    direction : {"down", "both"}
        Which jumps of single neurons to look for. Bleaching only goes down.
    common : {"auto", "only", "never"}
        Whether to look for jumps of all neurons as well, or for nothing else. ``"auto"`` does
        where there are 5 neurons or more.
    at : sequence of float, optional
        Seconds at which all neurons are known to jump: nothing is searched for. The first volume
        at or after each is the first one at the new level.
    threshold : float
        In standard errors.
    half_window, transition : int
        Rows.
    force : bool
        Whether to do it once more on a signal whose jumps were corrected already.

    Returns
    -------
    Signal
        At the level before its first jump. A sample amid a jump, at neither level, is NaN. What the
        step found: ``"jumps"``, each with its label (None if common to all), row, time, factor and
        z; ``"between"``, the samples amid jumps; ``"blind_rows"`` at each end of a trace, where
        a jump leaves too few samples to be seen; ``"not_searched"``, neurons with too few positive
        samples.

    Raises
    ------
    AlreadyAppliedError
        Jumps were corrected already, and not `force`.
    OptionError
        An option is impossible.
    SignalError
        `at` is outside of the recording or too near to its ends.
    """
    refuse_repeat(signal, "correct_jumps", force)
    _check_options(signal, direction, common, at, threshold, half_window, transition)
    options = {
        "direction": direction,
        "common": common,
        "at": None if at is None else [float(seconds) for seconds in at],
        "threshold": threshold,
        "half_window": half_window,
        "transition": transition,
        "force": force,
    }
    positive = np.isfinite(signal.data) & (signal.data > 0) & signal.valid
    log = np.log(np.where(positive, signal.data, np.nan))
    enough = positive.sum(axis=0) >= 4 * FEWEST + transition
    work = _Work(log.copy(), half_window, transition, threshold, noise_of(log))
    if at is not None:
        for seconds in sorted(at):
            row = _row(signal, seconds, transition)
            if signal.n_neurons:
                work.correct_all(row)
    else:
        if common == "only" or (common == "auto" and signal.n_neurons >= _FEWEST_NEURONS):
            work.search_common()
        if common != "only":
            for column in np.flatnonzero(enough):
                work.search(int(column), direction)
    factor, between = work.outcome()
    data = np.where(between, np.nan, signal.data / factor) if work.jumps else signal.data
    rows, columns = np.nonzero(between)
    jumps = [
        {
            "label": None if jump.column is None else signal.labels[jump.column],
            "row": jump.row,
            "time": float(signal.time[jump.row]) if np.isfinite(signal.time[jump.row]) else None,
            "factor": float(np.exp(jump.size)),
            "z": jump.z,
        }
        for jump in sorted(work.jumps, key=lambda jump: (jump.row, jump.column or 0))
    ]
    found = {
        "jumps": jumps,
        "between": [[signal.labels[n], int(t)] for t, n in zip(rows, columns, strict=True)],
        "blind_rows": [FEWEST, FEWEST + transition - 1],
        "not_searched": [signal.labels[n] for n in np.flatnonzero(~enough)],
    }
    return signal.with_step("correct_jumps", options, found=found, data=data)


def _check_options(
    signal: Signal,
    direction: str,
    common: str,
    at: Sequence[float] | None,
    threshold: float,
    half_window: int,
    transition: int,
) -> None:
    check_choice("direction", direction, Direction)
    check_choice("common", common, Common)
    check_number("threshold", threshold, 0, above=True)
    for name, rows, least in (("half_window", half_window, _SHORT), ("transition", transition, 0)):
        check_whole(name, rows, least)
    if at is not None:
        if isinstance(at, str) or not np.iterable(at):
            raise OptionError("at holds no times", expected="[seconds, ...]", found=repr(at)[:200])
        for seconds in at:
            check_number("at", seconds)
    if at is None and common == "only" and signal.n_neurons < _FEWEST_NEURONS:
        raise OptionError(
            "what is common to all cannot be told from so few neurons",
            expected=f"{_FEWEST_NEURONS} or more",
            found=str(signal.n_neurons),
            cure="say when it happened: at=[seconds, ...]",
        )


def _row(signal: Signal, seconds: float, transition: int) -> int:
    time = signal.time
    row = int(np.searchsorted(time, seconds)) if np.isfinite(time).all() else -1
    last = signal.n_volumes - FEWEST - transition
    if not FEWEST <= row <= last:
        known = (
            f"{time[FEWEST]:.6g} to {time[last]:.6g} s" if 0 < FEWEST <= last else "more volumes"
        )
        raise SignalError(
            "a jump's size cannot be found here",
            expected=known if row >= 0 else "the time of every volume",
            found=f"at={seconds!r}",
        )
    return row


def _usual(steps: Floats) -> float:
    """Return the standard deviation of most of the steps, 1.4826 times their median size."""
    known = np.abs(steps[np.isfinite(steps)])
    return 1.4826 * float(np.median(known)) if known.size else 0.0


@attrs.frozen
class _Jump:
    """A jump: None as its column is all of them."""

    row: int
    column: int | None
    size: float
    z: float


@attrs.define
class _Work:
    """The logarithms of the traces (T, N), corrected so far, and the jumps found in them."""

    log: Floats
    half_window: int
    transition: int
    threshold: float
    noise: Floats
    jumps: list[_Jump] = attrs.field(factory=list)

    def search(self, column: int, direction: Direction) -> None:
        """Correct the jumps of one neuron, the clearest first."""
        if not self.noise[column] > 0:
            return
        trace = self.log[:, [column]]
        unsharp = np.zeros(len(trace), bool)
        while True:
            c, error = step_field(trace, self.half_window, self.transition)
            # Motion is no white noise: its steps are as large elsewhere.
            usual = _UNUSUAL / self.threshold * _usual(c / error)
            z = np.nan_to_num((c / (error * max(self.noise[column], usual)))[:, 0])
            z[unsharp] = 0
            row = int(np.argmax(np.abs(z) if direction == "both" else -z))
            if abs(z[row]) <= self.threshold or (direction == "down" and z[row] > 0):
                return
            row = self._refined(trace[:, 0], row, float(np.sign(z[row])))
            unsharp[max(0, row - _SHORT) : row + _SHORT + 1] = True
            size = float(c[row, 0])
            short, short_error = step_field(trace, _SHORT, self.transition)
            if self._is_sharp(short[row, 0], size, short_error[row, 0] * self.noise[column]):
                self.jumps.append(_Jump(row, column, size, float(z[row]) or self.threshold))
                trace[row:] -= size
                self.log[row:, column] -= size

    def search_common(self) -> None:
        """Correct the jumps that all neurons make, the clearest first."""
        unsharp = np.zeros(len(self.log), bool)
        while True:
            c, error = self._common(self.half_window)
            z = np.where(unsharp, 0.0, np.nan_to_num(c / error))
            row = int(np.argmax(np.abs(z)))
            if not abs(z[row]) > self.threshold:
                return
            middle = nan_median(self.log - nan_median(self.log, 0), 1)
            row = self._refined(middle, row, float(np.sign(z[row])))
            unsharp[max(0, row - _SHORT) : row + _SHORT + 1] = True
            short, short_error = self._common(_SHORT)
            if self._is_sharp(short[row], c[row], short_error[row]):
                self.jumps.append(_Jump(row, None, float(c[row]), float(z[row])))
                self.log[row:] -= c[row]

    def correct_all(self, row: int) -> None:
        """Correct a jump that all neurons are known to make."""
        c, error = self._common(self.half_window, every=True)
        if not np.isfinite(c[row]):
            raise SignalError(
                "a jump's size cannot be found here",
                expected=f"{FEWEST} positive samples on each side of row {row}",
            )
        z = c[row] / error[row] if error[row] > 0 else 0.0
        self.jumps.append(_Jump(row, None, float(c[row]), float(z)))
        self.log[row:] -= c[row]

    def _common(self, half: int, *, every: bool = False) -> tuple[Floats, Floats]:
        """Return the median neuron's step at each row (T,), and its standard error."""
        c, error = step_field(self.log, half, self.transition)
        n = np.count_nonzero(np.isfinite(c), axis=1)
        middle = nan_median(c, 1)
        alone = error * np.where(self.noise > 0, self.noise, np.nan)
        spread = 1.4826 * nan_median(np.abs(c - middle[:, np.newaxis]), 1)
        least = nan_median(alone, 1)
        # Standard error of a median: 1.2533 times that of a mean.
        total = 1.2533 * np.fmax(spread, least) / np.sqrt(np.maximum(n, 1))
        total = np.fmax(total, _UNUSUAL / self.threshold * _usual(middle))
        if not every:
            same = np.count_nonzero(np.sign(c) == np.sign(middle)[:, np.newaxis], axis=1)
            middle = np.where((n >= _FEWEST_NEURONS) & (same >= _TOGETHER * n), middle, np.nan)
        return middle, total

    def _refined(self, trace: Floats, row: int, sign: float) -> int:
        """Return the row of the largest change: the field is as high some rows before."""
        known = np.flatnonzero(np.isfinite(trace))
        change = sign * np.diff(trace[known])
        after = known[1:]
        near = np.abs(after - row) <= self.transition + 2
        return int(after[near][np.argmax(change[near])]) if near.any() else row

    def _is_sharp(self, short: float, size: float, error: float) -> bool:
        return bool(short / size >= _LEAST_SHORT and abs(short) >= _Z_SHORT * error)

    def outcome(self) -> tuple[Floats, NDArray[np.bool_]]:
        """Return what to divide by, and the samples that lie amid a jump, both (T, N)."""
        shift = np.zeros(self.log.shape)
        between = np.zeros(self.log.shape, bool)
        for jump in self.jumps:
            if not jump.size:  # at a known time, in traces that do not change
                continue
            columns = slice(None) if jump.column is None else slice(jump.column, jump.column + 1)
            shift[jump.row :, columns] += jump.size
            begin, end = max(0, jump.row - self.transition), jump.row + self.transition
            beside = np.concatenate(
                [
                    self.log[max(0, begin - FEWEST) : begin, columns],
                    self.log[end : end + FEWEST, columns],
                ]
            )
            away = self.log[begin:end, columns] - nan_median(beside, 0)
            # Before the jump towards the new level, after it still towards the old one.
            rows = np.arange(begin, begin + len(away))[:, np.newaxis]
            part = away / jump.size * np.where(rows < jump.row, 1, -1)
            clear = np.abs(away) > _BETWEEN * self.noise[columns]
            between[begin:end, columns] |= clear & (part > 0) & (part < 1)
        return np.exp(shift), between
