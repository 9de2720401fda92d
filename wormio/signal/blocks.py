"""A signal cut at its events: each block begins with its event and ends before the next."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError, SignalError
from wormio.model import EventStatus
from wormio.signal._fields import signal_array
from wormio.signal._removed import removed
from wormio.signal._windows import require_interval
from wormio.signal.around import event_table
from wormio.signal.history import new_step
from wormio.signal.irregular import IrregularArray
from wormio.signal.responses import Responses

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["Blocks", "blocks", "irregular"]

Ints = NDArray[np.int64]


@attrs.frozen(kw_only=True, repr=False)
class Blocks:
    """The blocks of a signal between the events of one table; E events.

    A sequence: ``blocks[i]`` begins in the volume of event i of the table and ends before the
    next event in time; ``blocks[-1]`` is that of the table's last event. Together with
    `before_first` they hold each row once. Of several events in one volume the last in the table
    has the rows; an event outside the rows of the signal, or in no complete volume, has none:
    such blocks are empty.

    Parameters
    ----------
    signal : Signal
    name : str
        Of the events.
    starts, stops : (E,) int64
        Rows of each block, half-open; both 0 for an event that is not placed.
    placed : (E,) bool
        Whether the event lies in a complete volume, within the rows.
    skip : tuple of int
        Events that `trim` leaves out.
    """

    signal: Signal
    name: str
    starts: Ints = signal_array("i8", 1)
    stops: Ints = signal_array("i8", 1)
    placed: NDArray[np.bool_] = signal_array("?", 1)
    skip: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"<Blocks of {self.name!r}: {len(self)} events, {self.placed.sum()} placed>"

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> Signal:
        """Return the block of an event, a `Signal`; negative indices count from the end.

        Raises
        ------
        IndexError
            There is no such event.
        """
        n, index = len(self), operator.index(index)
        if not -n <= index < n:
            raise IndexError(f"{self.name!r} has {n} events, there is no block {index}")
        return self._rows(int(self.starts[index]), int(self.stops[index]))

    def __iter__(self) -> Iterator[Signal]:
        return (self[index] for index in range(len(self)))

    @property
    def before_first(self) -> Signal:
        """The rows before the first event; all rows if no event is placed."""
        return self._rows(0, int(self.strides[0]))

    @property
    def strides(self) -> Ints:
        """Lengths of the blocks in the order of time, (B,) int64, as `Events.strides` gives them.

        The first is that of `before_first`, and events that are not placed have none: with these,
        an `IrregularArray` has the blocks of the signal's rows.
        """
        starts = np.sort(self.starts[self.placed])
        return np.diff(np.concatenate([[0], starts, [self.signal.n_volumes]])).astype(np.int64)

    def trim(self) -> Responses:
        """Cut the blocks to the shortest, so that they stack: E' events, L rows, N neurons.

        Blocks are compared row by row, whatever their times; `Signal.around` compares them by
        time. Empty blocks and those in `skip` are left out: `Responses.event` says which are
        there. ``blocks.trim().average()`` is the mean block.

        Raises
        ------
        SignalError
            No block is left, or the volumes' times are unknown.
        """
        skipped = np.isin(np.arange(len(self)), self.skip)
        lengths = self.stops - self.starts
        used = np.flatnonzero((lengths > 0) & ~skipped)
        if not len(used):
            raise SignalError(
                f"no block of {self.name!r} is left",
                found=f"{len(self)} events, {self.placed.sum()} placed, {len(self.skip)} skipped",
            )
        signal = self.signal
        length = int(lengths[used].min())
        interval = require_interval(signal, "the lag of a row") if length > 1 else 0.0
        rows = self.starts[used][:, np.newaxis] + np.arange(length)
        parameters = {"name": self.name, "skip": list(self.skip)}
        step = new_step("trim_blocks", parameters, {"length": length, "events": len(used)})
        return Responses(
            data=signal.data[rows],
            valid=(signal.valid & ~removed(signal))[rows],
            sample_time=signal.sample_time[rows],
            tau=np.arange(length, dtype=np.float64) * interval,
            event=used,
            complete=np.ones(len(used), bool),
            labels=signal.labels,
            channel=signal.channel,
            quantity=signal.quantity,
            unit=signal.unit,
            history=(*signal.history, step),
            recording=signal.recording,
        )

    def _rows(self, start: int, stop: int) -> Signal:
        return self.signal.select(rows=slice(start, stop))


def blocks(signal: Signal, event_name: str, *, skip: Sequence[int] = ()) -> Blocks:
    """Cut a signal at the events of a table.

    Parameters
    ----------
    signal : Signal
    event_name : str
        Key of `Signal.events`.
    skip : sequence of int
        Events, by their row in the table, that `Blocks.trim` leaves out.

    Raises
    ------
    SignalError
        There is no such table, or the signal's volumes do not increase.
    OptionError
        `skip` names an event that the table does not have.
    """
    events = event_table(signal, event_name)
    if (np.diff(signal.volume) <= 0).any():
        raise SignalError(
            "a signal whose volumes do not increase has no blocks",
            found=f"volumes {signal.volume.tolist()}"[:200],
        )
    n = len(events)
    skip = _rows(skip)
    odd = [one for one in skip if not -n <= one < n]
    if odd:
        raise OptionError(f"skip: {event_name!r} has no event {odd[0]}", expected=f"less than {n}")
    volume = events.volume
    placed = (events.status != EventStatus.OUTSIDE) & (volume >= 0)
    if signal.n_volumes:
        placed &= (volume >= signal.volume[0]) & (volume <= signal.volume[-1])
    else:
        placed[:] = False
    starts, stops = np.zeros(n, np.int64), np.zeros(n, np.int64)
    starts[placed] = np.searchsorted(signal.volume, volume[placed])
    # Stable: of several events in one volume the last in the table comes last, and has the rows.
    order = np.flatnonzero(placed)[np.argsort(starts[placed], kind="stable")]
    stops[order] = np.append(starts[order][1:], signal.n_volumes)[: len(order)]
    return Blocks(
        signal=signal,
        name=event_name,
        starts=starts,
        stops=stops,
        placed=placed,
        skip=tuple(int(one) % n for one in skip),
    )


def irregular(signal: Signal, *event_names: str) -> IrregularArray:
    """Return the traces as an `IrregularArray` over the events of one or several tables.

    As in `Events.strides`, block 0 lies before the first event, so that event i of a table whose
    events are in order begins block i + 1.

    Parameters
    ----------
    signal : Signal
    *event_names : str
        Default: all.
    """
    strides: dict[str, Any] = {
        name: blocks(signal, name).strides for name in event_names or tuple(signal.events)
    }
    return IrregularArray(signal.data, strides)


def _rows(skip: object) -> list[int]:
    try:
        rows = [] if isinstance(skip, str) else list(skip)  # type: ignore[call-overload]
        if isinstance(skip, str) or any(isinstance(one, bool) for one in rows):
            raise TypeError
        return [operator.index(one) for one in rows]
    except TypeError as error:
        raise OptionError(
            "skip names no events",
            expected="their rows in the table: [0, 3]",
            found=repr(skip)[:200],
        ) from error
