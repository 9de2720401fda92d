"""Methods of `Signal` that are written elsewhere, each in a module of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from wormio.signal import _html, arithmetic, selection, substitution
from wormio.signal import around as _around
from wormio.signal import blocks as _blocks

if TYPE_CHECKING:
    from wormio.signal.irregular import IrregularArray
    from wormio.signal.responses import Responses
    from wormio.signal.signal import Signal

__all__ = ["SignalMethods"]


class SignalMethods:
    """What a `Signal` does apart from holding its arrays."""

    __slots__ = ()

    def select(
        self,
        *,
        neurons: selection.Neurons | None = None,
        rows: selection.Rows | None = None,
        time: Sequence[float] | None = None,
    ) -> Signal:
        """Return some neurons or a stretch of time; see `wormio.signal.selection.select`."""
        return selection.select(_signal(self), neurons=neurons, rows=rows, time=time)

    def subtract(self, other: Signal | float) -> Signal:
        """Return the difference; see `wormio.signal.arithmetic.subtract`."""
        return arithmetic.subtract(_signal(self), other)

    def divide(self, other: Signal | float) -> Signal:
        """Return the ratio; see `wormio.signal.arithmetic.divide`."""
        return arithmetic.divide(_signal(self), other)

    def __sub__(self, other: Signal | float) -> Signal:
        return arithmetic.subtract(_signal(self), other)

    def __truediv__(self, other: Signal | float) -> Signal:
        return arithmetic.divide(_signal(self), other)

    def substitute(
        self,
        matchless: Signal,
        threshold: float,
        *,
        criterion: substitution.Criterion = "count",
        added: int | None = None,
    ) -> Signal:
        """Replace badly tracked neurons; see `wormio.signal.substitution.substitute`."""
        return substitution.substitute(
            _signal(self), matchless, threshold, criterion=criterion, added=added
        )

    def around(
        self,
        event_name: str,
        before: float,
        after: float,
        *,
        until: _around.Until = "window",
        align: _around.Align = "nearest",
        baseline: tuple[float, float] | None = None,
    ) -> Responses:
        """Cut out the time around each event; see `wormio.signal.around.around`."""
        return _around.around(
            _signal(self), event_name, before, after, until=until, align=align, baseline=baseline
        )

    def blocks(self, event_name: str, *, skip: Sequence[int] = ()) -> _blocks.Blocks:
        """Cut the signal at its events; see `wormio.signal.blocks.blocks`."""
        return _blocks.blocks(_signal(self), event_name, skip=skip)

    def irregular(self, *event_names: str) -> IrregularArray:
        """Return the traces in blocks by events; see `wormio.signal.blocks.irregular`."""
        return _blocks.irregular(_signal(self), *event_names)

    def _repr_html_(self) -> str:
        return _html.html(_signal(self))


def _signal(methods: SignalMethods) -> Signal:
    return cast("Signal", methods)
