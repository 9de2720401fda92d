"""Tables of events, placed on the saved frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError
from wormio.formats.described import tables
from wormio.formats.described.join import rising_edges, snap
from wormio.formats.described.schema import TIME_UNITS, Actuator, EventTable
from wormio.formats.described.timing import ScanRows
from wormio.formats.described.values import Values
from wormio.model import Column, Events, Finding, Origin, Timeline

__all__ = ["place_events"]

Ints = NDArray[np.int64]


def place_events(
    spec: EventTable,
    table: tables.Table,
    timeline: Timeline,
    scan: ScanRows | None,
    values: Values,
    findings: list[Finding],
) -> Events:
    """Place the rows of a table of events.

    Raises
    ------
    CorruptRecordingError
        A column is missing, or holds what it must not.
    """
    columns = _columns(spec, table, values, findings)
    given = Origin.MEASURED
    properties = {
        one.name: Column(
            values=np.stack([columns[name] for name in one.columns], axis=1)
            if len(one.columns) > 1
            else columns[one.columns[0]],
            unit=one.unit,
            origin=given,
        )
        for one in spec.properties
    }
    placed_by = spec.counter or spec.time
    for name in table.columns:
        if name != placed_by:
            column = Column(values=table.any(name), unit=spec.units.get(name, ""), origin=given)
            properties[name] = column
    duration = None
    if spec.duration is not None:
        duration = table.numbers(spec.duration) * TIME_UNITS[spec.duration_unit]
    if spec.counter is None:
        seconds = table.numbers(spec.time or "") * TIME_UNITS[spec.time_unit or "s"]
        return Events.at_times(timeline, seconds, duration=duration, properties=properties)
    counts = table.counters(spec.counter)
    if spec.noted is not None:
        properties[spec.noted] = Column(values=counts, unit="frames", origin=given)
    moved = _snapped(counts, scan, findings) if spec.snap_to_gate else counts
    return Events.at_counts(
        timeline,
        moved,
        duration=duration,
        error_frames=np.abs(moved - counts),
        properties=properties,
    )


def _snapped(counts: Ints, scan: ScanRows | None, findings: list[Finding]) -> Ints:
    edges = np.zeros(0, np.int64)
    count = None if scan is None else scan.count
    gate = None if scan is None else scan.spec.gate
    if scan is not None and count is not None and gate is not None and _is_there(gate, scan):
        edges = rising_edges(count, scan.table.numbers(gate) > 0.5)
    if len(edges) and count is not None:
        return snap(counts, edges, (int(count.min()), int(count.max())))
    if len(counts):
        findings.append(
            Finding(
                code="no-gate",
                message="events are placed by their own counters: no opening of a gate was "
                "recorded",
            )
        )
    return counts


def _is_there(gate: str | int, scan: ScanRows) -> bool:
    """Tell whether the gate was recorded: one given by its number may follow the named columns."""
    return isinstance(gate, str) or scan.table.has(gate)


def _columns(
    spec: EventTable, table: tables.Table, values: Values, findings: list[Finding]
) -> dict[str, NDArray[Any]]:
    """Return the columns by name, those of actuators converted."""
    columns: dict[str, NDArray[Any]] = {}
    for one in spec.properties:
        for name in one.columns:
            columns[name] = table.any(name)
    for actuator in spec.actuators:
        rows = np.ones(len(table), bool)
        for name, word in actuator.when.items():
            rows &= table.any(name) == word
        if rows.any():
            converted = table.numbers(actuator.column).copy()
            low, high, per_um = _range(actuator, values)
            if low is None or high is None or not per_um:
                findings.append(_uncalibrated(actuator, int(rows.sum())))
                converted[rows] = np.nan
            else:
                converted[rows] = (converted[rows] + (high - low) / 2) / per_um
            columns[actuator.column] = converted
    return columns


def _range(actuator: Actuator, values: Values) -> tuple[float | None, float | None, float | None]:
    try:
        low = values.find(actuator.low, positive=False)
        high = values.find(actuator.high, positive=False)
        per_unit = values.find(actuator.per_um)
        if per_unit is not None and actuator.um_per_pixel is not None:
            per_unit = values.need(actuator.um_per_pixel, "the size of a pixel") * per_unit
    except CorruptRecordingError:  # told as a finding: all else of the event is known
        return None, None, None
    return low, high, per_unit


def _uncalibrated(actuator: Actuator, n: int) -> Finding:
    keys = map(str, (actuator.low, actuator.high, actuator.per_um))
    return Finding(
        code=f"{actuator.name}-uncalibrated",
        message=f"{n} values of {actuator.column!r} are in {actuator.unit} of the {actuator.name} "
        "and unknown in pixels",
        cure=f"needed: {', '.join(keys)}",
    )
