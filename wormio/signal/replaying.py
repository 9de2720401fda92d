"""Doing again what a history tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wormio.errors import SignalError
from wormio.signal.history import Step
from wormio.signal.signal import Signal
from wormio.signal.steps import ORIGINS, STEPS, step_function

__all__ = ["replay"]


def replay(
    history: Sequence[Step], signal: Signal, others: Iterable[Signal] | Mapping[str, Signal] = ()
) -> Signal:
    """Repeat the steps of a history on the signal that they began with.

    The result has the digest of the signal that the history is from, if `signal` has that of the
    one it began with, and the version of wormio computes alike.

    Parameters
    ----------
    history : sequence of Step
        For example ``processed.history``. It begins with that of `signal`; the steps after it are
        repeated.
    signal : Signal
        Where to begin: as it was extracted, or after some of the steps.
    others : iterable or mapping of Signal
        Those that steps take besides (a reference channel, a matchless signal), as they were
        extracted or after some of their own steps: what became of them is repeated, and checked
        by its digest.

    Returns
    -------
    Signal

    Raises
    ------
    SignalError
        The history is not one of this signal, has a step that cannot be repeated, or needs a
        signal that is not among the others.
    """
    begun = len(signal.history)
    if not _is_begin(signal.history, history):
        raise SignalError(
            "this signal is not where the history began",
            expected="the first steps of the history: " + _names(history[:begun]),
            found=_names(signal.history),
        )
    given = tuple(others.values() if isinstance(others, Mapping) else others)
    for step in history[begun:]:
        if step.name not in STEPS:
            origin = step.name in ORIGINS
            raise SignalError(
                f"the step {step.name!r} cannot be repeated",
                expected="one of " + ", ".join(sorted(STEPS)),
                cure="begin with the signal that this step made" if origin else "",
            )
        parameters = {key: _resolved(value, step, given) for key, value in step.parameters.items()}
        signal = step_function(step.name)(signal, **parameters)
    return signal


def _resolved(value: Any, step: Step, others: tuple[Signal, ...]) -> Any:
    """Return a parameter's value; a signal that is described is made again."""
    if not (isinstance(value, dict) and value.keys() == {"signal"}):
        return value
    about = value["signal"]
    history = [Step(**one) for one in about["history"]]
    # One that is already what is wanted comes first.
    for other in sorted(others, key=lambda other: -len(other.history)):
        if not _is_begin(other.history, history):
            continue
        if len(other.history) == len(history):
            found = other
        elif all(one.name in STEPS for one in history[len(other.history) :]):
            found = replay(history, other, others)
        else:
            continue
        if found.digest == about["digest"]:
            return found
    raise SignalError(
        f"the step {step.name!r} needs another signal, and none that is given becomes it",
        expected=f"a signal of channel {about['channel']!r} that after "
        f"{_names(history)} has the digest {about['digest'][:12]}...",
        found=f"{len(others)} other signals",
        cure="give it, as it was extracted: replay(history, signal, [other])",
    )


def _is_begin(begin: Sequence[Step], history: Sequence[Step]) -> bool:
    """Tell whether a history begins like this; versions may differ."""
    return len(begin) <= len(history) and all(
        (a.name, a.parameters) == (b.name, b.parameters)
        for a, b in zip(begin, history, strict=False)
    )


def _names(history: Sequence[Step]) -> str:
    return ", ".join(step.name for step in history) or "no step"
