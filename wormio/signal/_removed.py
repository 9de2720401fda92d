"""Which samples a step took out, as a history keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wormio.signal.steps import step_function

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["as_found", "measured", "removed"]

Bools = NDArray[np.bool_]


def as_found(signal: Signal, mask: Bools) -> dict[str, Any]:
    """Return what a step's `found` says of the samples it took out.

    By label and volume, so that it stays true when neurons or rows are left out later.

    Parameters
    ----------
    signal : Signal
        The one the step was applied to.
    mask : (T, N) bool
        The samples.

    Returns
    -------
    dict
        ``"counts"``: samples by label; ``"removed"``: by label, half-open ranges of volumes.
        Neurons that lost nothing are not listed.
    """
    counts, ranges = {}, {}
    for column in np.flatnonzero(mask.any(axis=0)):
        label = signal.labels[column]
        volumes = np.unique(signal.volume[mask[:, column]])
        breaks = np.flatnonzero(np.diff(volumes) != 1)
        starts = volumes[np.concatenate([[0], breaks + 1])]
        stops = volumes[np.concatenate([breaks, [-1]])] + 1
        counts[label] = int(mask[:, column].sum())
        ranges[label] = np.stack([starts, stops], axis=1).tolist()
    return {"counts": counts, "removed": ranges}


def removed(signal: Signal, name: str | None = None) -> Bools:
    """Return which samples steps took out, as infinite, spikes or quotients without a divisor.

    Their number may have been filled in since. The history says where they were, by label and
    volume: a neuron that was renamed is not found again.

    Parameters
    ----------
    signal : Signal
    name : str, optional
        Only by this step, for example ``"remove_spikes"``. Default: by any.

    Returns
    -------
    (T, N) bool

    Raises
    ------
    OptionError
        There is no step of that name, in the history or anywhere.
    """
    if name is not None and all(name != step.name for step in signal.history):
        step_function(name)  # a name that is misspelt would have removed nothing
    mask = np.zeros(signal.data.shape, bool)
    column = {label: index for index, label in enumerate(signal.labels)}
    for step in signal.history:
        ranges: Mapping[str, Any] = step.found.get("removed", {})
        if name is not None and step.name != name:
            continue
        for label, pairs in ranges.items():
            if label in column:
                starts, stops = np.array(pairs).T
                place = np.searchsorted(starts, signal.volume, side="right") - 1
                inside = (place >= 0) & (signal.volume < stops[place])
                mask[:, column[label]] |= inside
    return mask


def measured(signal: Signal) -> NDArray[np.float64]:
    """Return the samples that were measured and kept, (T, N); NaN for all others.

    A spike that was taken out and filled in since is none.
    """
    kept = signal.valid & np.isfinite(signal.data) & ~removed(signal)
    return np.where(kept, signal.data, np.nan)
