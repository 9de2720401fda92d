"""Steps that must not be done twice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from wormio.errors import AlreadyAppliedError
from wormio.signal._checks import check_flag

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["refuse_repeat"]


def refuse_repeat(
    signal: Signal, name: str, force: bool = False, *, also: Iterable[str] = ()
) -> None:
    """Raise unless step `name` is new to the signal.

    Call it before anything is computed.

    Parameters
    ----------
    signal : Signal
    name : str
        Of the step that is about to be done, as it will stand in the history.
    force : bool
        Whether the caller wants it done again all the same.
    also : iterable of str
        Further steps that exclude this one: those that do the same in another way.

    Raises
    ------
    OptionError
        `force` is neither true nor false.
    AlreadyAppliedError
        It, or a step in `also`, is in the history, and not `force`.
    """
    check_flag("force", force)
    if force:
        return
    for position, step in enumerate(signal.history, start=1):
        if step.name == name or step.name in also:
            given = ", ".join(f"{key}={value!r}" for key, value in step.parameters.items())
            raise AlreadyAppliedError(
                f"{name} was applied already"
                if step.name == name
                else f"{name} cannot follow {step.name}",
                expected=f"a signal without {name}"
                + "".join(f" and without {other}" for other in also),
                found=f"step {position} of {len(signal.history)}: {step.name}({given})"[:300],
                cure="start from the signal as it was before that step, or do it all the same: "
                "force=True",
            )
