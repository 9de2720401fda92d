"""The methods of `Signal` that correct it: for bleaching, jumps, and motion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from wormio.signal import bleaching, jumps, motion

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["CorrectionMethods"]


class CorrectionMethods:
    """What `Signal` inherits; each method calls the function of its name."""

    __slots__ = ()

    def debleach(
        self,
        *,
        mode: bleaching.Mode = "divide",
        model: bleaching.Model = "auto",
        shared: bool = False,
        fallback: bleaching.Fallback | None = None,
        window: float | None = None,
        force: bool = False,
    ) -> Signal:
        """Take the photobleaching out of each trace; see `wormio.signal.bleaching.debleach`."""
        return bleaching.debleach(
            cast("Signal", self),
            mode=mode,
            model=model,
            shared=shared,
            fallback=fallback,
            window=window,
            force=force,
        )

    def correct_jumps(
        self,
        *,
        direction: jumps.Direction = "down",
        common: jumps.Common = "auto",
        at: Sequence[float] | None = None,
        threshold: float = 8.0,
        half_window: int = 55,
        transition: int = 3,
        force: bool = False,
    ) -> Signal:
        """Undo instantaneous changes of the level; see `wormio.signal.jumps.correct_jumps`."""
        return jumps.correct_jumps(
            cast("Signal", self),
            direction=direction,
            common=common,
            at=at,
            threshold=threshold,
            half_window=half_window,
            transition=transition,
            force=force,
        )

    def correct_motion(
        self,
        reference: Signal,
        *,
        method: motion.Method = "tmac",
        scale: motion.Scale = "relative",
        missing: motion.Missing = "nan",
        force: bool = False,
        **options: Any,
    ) -> Signal:
        """Take out motion; see `wormio.signal.motion.correct_motion`."""
        return motion.correct_motion(
            cast("Signal", self),
            reference,
            method=method,
            scale=scale,
            missing=missing,
            force=force,
            **options,
        )
