"""Events: stimulations, what the user marked, and what NIS-Elements noted of the experiment."""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray
from wormio.model import Column, Events, Finding, Origin, Timeline

__all__ = ["make_events"]

_TABLES = (("stimulation", re.compile("stimulation", re.IGNORECASE)), ("user", re.compile("User ")))
_OTHERS = "experiment"


def make_events(
    noted: Sequence[tuple[float, str]],
    timeline: Timeline,
    recorded: NDArray[np.float64],
    findings: list[Finding],
) -> dict[str, Events]:
    """Sort the events into tables, and place them on the frames.

    Parameters
    ----------
    noted : sequence of (float, str)
        Seconds on the file's clock, and the description.
    timeline : Timeline
    recorded : (F,) float64
        Seconds of the frames on the file's clock; not of use if they do not increase.
    findings : list of Finding
    """
    tables: dict[str, list[tuple[float, str]]] = {}
    for time, text in noted:
        name = next((name for name, sign in _TABLES if sign.search(text)), _OTHERS)
        tables.setdefault(name, []).append((time, text))
    placeable = bool(len(recorded)) and bool(np.isfinite(recorded).all())
    placeable = placeable and bool((np.diff(recorded) > 0).all())
    if noted and not placeable:
        findings.append(
            Finding(
                code="events-unplaced",
                message=f"the times of the frames are not usable: of {len(noted)} events it is "
                "known when they happened, but not at which frame",
            )
        )
    return {
        name: _table(rows, timeline, recorded if placeable else None)
        for name, rows in tables.items()
    }


def _table(
    rows: Sequence[tuple[float, str]],
    timeline: Timeline,
    recorded: NDArray[np.float64] | None,
) -> Events:
    time = np.array([time for time, _ in rows], np.float64)
    properties = {
        "native_time": Column(values=time, unit="s"),
        "description": Column(values=np.array([text for _, text in rows], np.str_)),
    }
    if timeline.origins["time"] == Origin.MEASURED:
        return Events.at_times(timeline, time, properties=properties)
    count = np.full(len(time), -1)
    if recorded is not None:
        # The user's rate makes another clock: an event keeps its place among the frames.
        origins = {**timeline.origins, "time": Origin.MEASURED}
        clock = attrs.evolve(timeline, time=recorded, raw_time=recorded, origins=origins)
        at = Events.at_times(clock, time)
        count = np.where(at.frame >= 0, at.count, -1)
    return Events.at_counts(timeline, count, properties=properties)
