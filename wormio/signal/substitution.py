"""Neurons that tracking lost too often, taken from a signal that was tracked another way.

A *matchless* signal is extracted with a tracking that never loses a neuron, though it is less
exact. It replaces, on the raw traces, the neurons that the better tracking lost too often.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import MissingPartError, SignalError
from wormio.signal._checks import check_choice, check_number, check_whole, checked_signal
from wormio.signal._fields import SAMPLE_ARRAYS
from wormio.signal.arithmetic import check_together
from wormio.signal.steps import ORIGINS

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["Criterion", "count_added_neurons", "read_matchless_threshold", "substitute"]

Criterion = Literal["count", "longest_run"]

# Steps after which a signal still holds what was measured and nothing else.
_RAW = ORIGINS | {"select"}


def substitute(
    signal: Signal,
    matchless: Signal,
    threshold: float,
    *,
    criterion: Criterion = "count",
    added: int | None = None,
) -> Signal:
    """Replace the neurons that are missing too often by those of a matchless signal.

    Both must be raw: a neuron replaced after the others were processed would stay unprocessed.

    Parameters
    ----------
    signal, matchless : Signal
        Of the same recording, volumes and neurons.
    threshold : float
        From 0 to 1: a neuron is replaced if its missing samples are at least
        ``threshold * T``. 0 replaces all.
    criterion : {"count", "longest_run"}
        Which missing samples: all (those that are NaN or not valid), or the longest run.
    added : int, optional
        Replace only among the last `added` neurons: those that were added by hand. 0: none.
        Default: among all.

    Returns
    -------
    Signal
        The step's found ``"source"`` names each neuron's: ``"matched"`` or ``"matchless"``. In its
        provenance the replaced neurons have the matchless signal's centre frames, or -1 if these
        are unknown.

    Raises
    ------
    SignalError
        A signal is not raw, or they do not belong together.
    OptionError
        An argument is impossible.
    """
    checked_signal("matchless", matchless)
    check_number("threshold", threshold, 0, 1)
    check_choice("criterion", criterion, Criterion)
    if added is not None:
        check_whole("added", added, 0, signal.n_neurons)
    check_together(signal, matchless, what="the signal and its matchless signal")
    for one in (signal, matchless):
        done = [step.name for step in one.history if step.name not in _RAW]
        if done:
            raise SignalError(
                "only raw signals are substituted",
                expected="substitute(...) before any other step",
                found="a signal after " + ", ".join(done),
            )
    missing = ~(signal.valid & np.isfinite(signal.data))
    how_many = missing.sum(axis=0) if criterion == "count" else _longest_run(missing)
    # The threshold's product may be rounded up past a whole number: 0.3 * 10 is 3 samples.
    bad = how_many >= threshold * signal.n_volumes - 1e-9 * signal.n_volumes
    if added is not None:
        bad[: signal.n_neurons - added] = False
    changes: dict[str, Any] = {}
    for name in SAMPLE_ARRAYS:
        ours, theirs = getattr(signal, name), getattr(matchless, name)
        if ours is not None and theirs is not None:
            changes[name] = np.where(bad, theirs, ours)
        elif ours is not None and bad.any():
            raise SignalError(
                f"the matchless signal has no {name}",
                expected=f"{name} in both or in neither",
                found=f"{name} of the signal only",
                cure=f"attrs.evolve(signal, {name}=None)",
            )
    if signal.provenance is not None:
        other = -1 if matchless.provenance is None else matchless.provenance.centre_frame
        changes["provenance"] = attrs.evolve(
            signal.provenance,
            centre_frame=np.where(bad, other, signal.provenance.centre_frame),
        )
    names = ("matched", "matchless")
    source = {label: names[int(was)] for label, was in zip(signal.labels, bad, strict=True)}
    return signal.with_step(
        "substitute",
        {
            "matchless": matchless,
            "threshold": threshold,
            "criterion": criterion,
            "added": added,
        },
        found={"source": source},
        **changes,
    )


def read_matchless_threshold(folder: str | os.PathLike[str]) -> float | None:
    """Return the threshold in a folder's ``matchless_nan_th.txt``; None if there is no such file.

    Raises
    ------
    SignalError
        Its first line is no number from 0 to 1.
    """
    path = Path(folder) / "matchless_nan_th.txt"
    if not path.exists():
        return None
    first = path.read_text(encoding="utf-8-sig", errors="replace").partition("\n")[0].strip()
    try:
        threshold = float(first)
    except ValueError:
        threshold = math.nan
    if not 0 <= threshold <= 1:
        raise SignalError(
            "has no threshold in its first line",
            expected="one number from 0 to 1",
            found=repr(first)[:100] if first else "an empty line",
            path=path,
        )
    return threshold


def count_added_neurons(folder: str | os.PathLike[str]) -> int:
    """Return how many neurons were added by hand: the rows of ``added_ref_neurons.txt``.

    Raises
    ------
    MissingPartError
        There is no such file.
    SignalError
        It is no table of numbers.
    """
    path = Path(folder) / "added_ref_neurons.txt"
    if not path.exists():
        raise MissingPartError("there is no such file", path=path)
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    rows = [line.partition("#")[0].split() for line in text.splitlines()]
    rows = [row for row in rows if row]
    try:
        widths = {len([float(cell) for cell in row]) for row in rows}
    except ValueError as error:
        raise SignalError("is no table of numbers", found=str(error), path=path) from error
    if len(widths) > 1:
        raise SignalError(
            "is no table", expected="rows of one length", found=f"{sorted(widths)}", path=path
        )
    return len(rows)


def _longest_run(missing: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the longest run of true rows in each column."""
    row = np.arange(len(missing))[:, np.newaxis]
    last_there = np.maximum.accumulate(np.where(missing, -1, row), axis=0)
    return np.asarray((row - last_there).max(axis=0, initial=0))
