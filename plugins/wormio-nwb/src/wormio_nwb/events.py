"""Stimuli: tables with start and stop times, and the pulses of optogenetic series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from wormio.errors import CorruptRecordingError, UnsupportedCapabilityError, WormioError
from wormio.formats.stacks.hdf5 import attributes, number
from wormio.model import Column, Events, Finding, Origin, Timeline
from wormio.storage.foreign_hdf5 import has

from wormio_nwb.reading import MAX_VALUES, Nwb
from wormio_nwb.schema import kind_of
from wormio_nwb.tables import read_column
from wormio_nwb.times import seconds_of

if TYPE_CHECKING:
    import h5py

__all__ = ["read_events"]

_SKIPPED = frozenset({"specifications", "general", "units"})
_OPTOGENETIC = ("OptogeneticSeries", "PatternedOptogeneticSeries")
_UNITS = {
    "power_in_mW": "mW",
    "wavelength_in_nm": "nm",
    "pulse_length_in_ms": "ms",
    "period_in_ms": "ms",
    "intertrain_interval_in_ms": "ms",
}


def read_events(nwb: Nwb, timeline: Timeline) -> tuple[dict[str, Events], tuple[Finding, ...]]:
    """Return the events of a file by the names of their tables and series.

    A table is any group with columns start_time and stop_time (TimeIntervals and what extends it).
    What is no such table, or damaged, is told by a finding and hides nothing else.

    Returns
    -------
    events : dict of str to Events
    findings : tuple of Finding
    """
    events: dict[str, Events] = {}
    findings: list[Finding] = []
    found = nwb.groups(skip=_SKIPPED)
    while True:
        try:
            path, group = next(found, ("", None))
        except CorruptRecordingError as error:  # too many objects: the images are known by now
            findings.append(_unread("the rest of the file", error))
            break
        if group is None:
            break
        if isinstance(group, WormioError):
            continue
        try:
            table = _read_one(nwb, group, timeline, path, findings)
        except (CorruptRecordingError, UnsupportedCapabilityError) as error:
            findings.append(_unread(path, error))
            continue
        if table is not None:
            name = path.rpartition("/")[2]
            events[path if name in events else name] = table
    return events, tuple(findings)


def _unread(what: str, error: WormioError) -> Finding:
    told = f"{what} was not read as events: {error.problem}"
    return Finding(code="events-unread", message=told)


def _read_one(
    nwb: Nwb, group: h5py.Group, timeline: Timeline, path: str, findings: list[Finding]
) -> Events | None:
    """Return the events of a group, None if it holds none."""
    if has(group, "start_time") and has(group, "stop_time"):
        return _table(nwb, group, timeline, path, findings)
    if kind_of(group) in _OPTOGENETIC and has(group, "data"):
        return _pulses(nwb, group, timeline, path, findings)
    return None


def _table(
    nwb: Nwb, table: h5py.Group, timeline: Timeline, path: str, findings: list[Finding]
) -> Events | None:
    columns = _columns(nwb, table)
    starts = nwb.dataset(table, "start_time")
    n_rows = starts.size if starts.ndim == 1 else -1
    start, stop = (
        read_column(nwb, table, name, n_rows).astype(np.float64)
        for name in ("start_time", "stop_time")
    )
    properties: dict[str, Column] = {}
    left_out = []
    for name in columns:
        try:
            values = read_column(nwb, table, name, n_rows)
            unit = attributes(nwb.dataset(table, name), ["unit"]).get("unit")
        except WormioError:  # object references, ...
            left_out.append(name)
            continue
        told = unit if isinstance(unit, str) else _UNITS.get(name, "")
        properties[name] = Column(values=values, unit=told, origin=Origin.MEASURED)
    if left_out:
        told = f"columns of {path} that hold neither numbers nor text: {', '.join(left_out)}"
        findings.append(Finding(code="columns-unread", message=told))
    duration = stop - start
    wrong = duration < 0
    if wrong.any():
        told = f"{int(wrong.sum())} intervals of {path} stop before they start"
        findings.append(Finding(code="durations-unusable", message=told))
    return _placed(timeline, start, np.where(wrong, np.nan, duration), properties, path, findings)


def _columns(nwb: Nwb, table: h5py.Group) -> list[str]:
    """Return the columns but start and stop, in the table's own order."""
    named = attributes(table, ["colnames"]).get("colnames")
    names = [str(one) for one in named] if isinstance(named, list) else list(table)
    known = {"start_time", "stop_time", "id"}
    return [
        name
        for name in dict.fromkeys(names)
        if name not in known and not name.endswith("_index") and has(table, name)
    ]


def _pulses(
    nwb: Nwb, series: h5py.Group, timeline: Timeline, path: str, findings: list[Finding]
) -> Events | None:
    """Return the pulses of a series that is zero but for them."""
    source = nwb.dataset(series, "data")
    n = source.size
    if source.ndim != 1 or source.dtype.kind not in "biuf" or not 0 < n <= MAX_VALUES:
        raise CorruptRecordingError(
            "it is no series of powers", found=f"{source.dtype} of shape {source.shape}"
        )
    power = np.asarray(source[()], np.float64)
    seconds = seconds_of(nwb, series, n)
    on = power != 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], on, [False]]).astype(np.int8)))
    first, stop = edges[::2], edges[1::2]
    level = np.all(power[1:][on[1:] & on[:-1]] == power[:-1][on[1:] & on[:-1]])
    if seconds is None or on[0] or on.mean() > 0.5 or not level or not np.isfinite(power).all():
        findings.append(
            Finding(
                code="events-no-pulses",
                message=f"{path} is not clearly made of pulses (zero most of the time and at the "
                "first sample, constant in between, at known times): it is not read as events",
            )
        )
        return None
    usual = float(np.median(np.diff(seconds))) if n > 1 else np.nan
    end = np.append(seconds, seconds[-1] + usual)[stop]
    about: dict[str, Any] = attributes(source, ["unit", "conversion", "offset"])
    scale, shift = number(about.get("conversion")), number(about.get("offset"))
    unit = about.get("unit")
    values = power[first] * (1.0 if scale is None else scale) + (shift or 0.0)
    column = Column(values=values, unit=unit if isinstance(unit, str) else "")
    start = seconds[first]
    return _placed(timeline, start, end - start, {"power": column}, path, findings)


def _placed(
    timeline: Timeline,
    start: Any,
    duration: Any,
    properties: dict[str, Column],
    path: str,
    findings: list[Finding],
) -> Events | None:
    if not len(timeline) or np.isnan(timeline.time).any():
        told = f"the {len(start)} rows of {path} have no place in a recording without times"
        findings.append(
            Finding(code="events-unplaced", message=told, cure="give volume_rate=, if it is known")
        )
        return None
    seconds = Column(values=start, unit="s", origin=Origin.MEASURED)
    return Events.at_times(
        timeline,
        start,
        duration=np.where(np.isfinite(duration), duration, np.nan),
        properties={**properties, "start_time": seconds},
    )
