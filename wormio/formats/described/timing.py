"""From tables to a timeline: counters, times, z, volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import ContractError, CorruptRecordingError
from wormio.formats.described import tables
from wormio.formats.described.join import (
    FrameCounters,
    join_column,
    nearest_row,
    repair,
    steady_rows,
)
from wormio.formats.described.schema import TIME_UNITS, Description, Extra, FramesTable, Scan
from wormio.formats.described.sweeps import assign
from wormio.formats.described.values import Values
from wormio.model import Clock, Column, Finding, Flag, Origin, Timeline, stored_in_order
from wormio.model._rows import search_rows

__all__ = ["ScanRows", "make_timeline"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@attrs.frozen(kw_only=True)
class ScanRows:
    """The scan's rows that can be used, in order, and how they meet the frames.

    Parameters
    ----------
    spec : Scan
    table : Table
        All its rows.
    count : (R,) int64, optional
        Counters of all its rows, shifted; None where it is joined by time.
    rows : (K,) int64
        The usable ones, sorted by `place`.
    place : (K,)
        Counter or time of each; `frame_place` (F,) is that of the frames.
    """

    spec: Scan
    table: tables.Table
    count: Ints | None
    rows: Ints
    place: NDArray[Any]
    frame_place: NDArray[Any]
    origin: Origin
    _row: Ints = attrs.field(init=False)  # one search for all columns

    @_row.default
    def _(self) -> Ints:
        return nearest_row(self.frame_place, self.place)

    def join(self, values: Floats) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
        """Give each frame a value of its own row; see `join_column`."""
        if self.spec.join == "row":
            nowhere = np.zeros(len(values), bool)
            return values, nowhere, nowhere
        return join_column(self.frame_place, self.place, values[self.rows], self._row)

    def join_label(self, values: Floats) -> Floats:
        """Give each frame the value of the last row that is not after it; labels have no mean."""
        if self.spec.join == "row":
            return values
        row = search_rows(self.place, self.frame_place, "right") - 1
        return np.asarray(values[self.rows][np.maximum(row, 0)])


def make_timeline(
    description: Description,
    table: tables.Table,
    scan_table: tables.Table | None,
    values: Values,
    findings: list[Finding],
) -> tuple[Timeline, ScanRows | None]:
    """Make the timeline of all rows of the table of frames.

    Parameters
    ----------
    description : Description
    table : Table
        Of the frames.
    scan_table : Table, optional
        Of the scan; the same one if it has no table of its own.
    values : Values
    findings : list of Finding
        What is noticed is added here.

    Raises
    ------
    CorruptRecordingError
        The tables contradict each other or themselves.
    OptionError
        A number is unknown that only the user can know.
    """
    spec, scan = description.frames_table, description.scan
    raw_count, raw_time = _raw(spec, table)
    counters = repair(raw_count, raw_time, spec.repair)
    n_frames = len(table)
    origins = {
        "count": Origin.NOMINAL if spec.counter is None else Origin.MEASURED,
        "time": Origin.UNKNOWN if counters.time is None else Origin.MEASURED,
    }
    time = np.full(n_frames, np.nan) if counters.time is None else counters.time
    rate = values.find(spec.rate)
    if rate is not None:
        time = (counters.count - counters.count[0]) / rate
        origins["time"] = Origin.NOMINAL
    flags = counters.flags.copy()
    columns: dict[str, Any] = {}
    extra = _extra(spec.extra, table, Origin.MEASURED)
    rows = None
    if scan is None or scan_table is None or scan.z is None:
        flags |= Flag.Z_UNKNOWN
    if scan is not None and scan_table is not None:
        rows = _scan_rows(scan, scan_table, spec, table, counters, values)
        for one in scan.extra:
            joined = rows.join(scan_table.numbers(one.column))[0]
            extra[one.name] = Column(values=joined, unit=one.unit, origin=rows.origin)
        if scan.z is not None:
            z, interpolated, outside = rows.join(scan_table.numbers(scan.z))
            flags |= np.where(interpolated, Flag.Z_INTERPOLATED, 0)
            flags |= np.where(outside, Flag.Z_UNKNOWN, 0)
            columns |= _calibrated(scan, z, values, findings)
            origins["z"] = rows.origin
    assigned, direction_origin = assign(description, counters.count, rows, values, findings)
    origins["volume"] = assigned.origin
    if direction_origin is not None:
        origins["direction"] = direction_origin
    if assigned.policy["name"] != "planar":
        edges = np.zeros(n_frames + 1, np.int64)  # volumes do not overlap
        np.add.at(edges, assigned.frames[:, 0], 1)
        np.add.at(edges, assigned.frames[:, 1], -1)
        flags |= np.where(np.cumsum(edges[:-1]) > 0, 0, Flag.INCOMPLETE)
    try:
        timeline = Timeline(
            time=time,
            count=counters.count,
            raw_time=time if raw_time is None else raw_time,
            raw_count=raw_count,
            volumes=assigned.frames,
            volume_counts=assigned.counts,
            direction=assigned.direction,
            stored=stored_in_order(n_frames, len(description.channels)),
            flags=flags,
            extra=extra,
            origins=origins,
            clock=Clock(name=spec.clock or description.name),
            policy=assigned.policy,
            **columns,
        )
    except ContractError as error:
        # The table is at fault, not the caller.
        raise CorruptRecordingError(
            error.problem,
            expected=error.expected,
            found=error.found,
            path=table.path,
            cure="the time stamps or counters of this table cannot be repaired",
        ) from error
    return timeline, rows


def _raw(spec: FramesTable, table: tables.Table) -> tuple[Ints, Floats | None]:
    count = np.arange(len(table))
    if spec.counter is not None:
        count = table.counters(spec.counter)
        back = np.flatnonzero(np.diff(count) < 0)
        if len(back):
            at = int(back[0])
            raise CorruptRecordingError(
                f"the frame counter falls at row {at + 1}",
                expected=f"at least {count[at]}",
                found=str(count[at + 1]),
                path=table.path,
            )
    if spec.time is None or spec.time_unit is None:
        return count, None
    return count, table.numbers(spec.time) * TIME_UNITS[spec.time_unit]


def _extra(extra: Sequence[Extra], table: tables.Table, origin: Origin) -> dict[str, Column]:
    return {
        one.name: Column(values=table.numbers(one.column), unit=one.unit, origin=origin)
        for one in extra
    }


def _scan_rows(
    scan: Scan,
    table: tables.Table,
    frames_spec: FramesTable,
    frames: tables.Table,
    counters: FrameCounters,
    values: Values,
) -> ScanRows:
    if scan.join == "row":
        if len(table) != len(frames):
            raise CorruptRecordingError(
                "the tables cannot be joined row by row",
                expected=f"{len(frames)} rows, as in {frames_spec.file}",
                found=f"{len(table)}",
                path=table.path,
            )
        whole = np.arange(len(table))
        origin = Origin.MEASURED if scan.file is None else Origin.JOINED
        return ScanRows(
            spec=scan,
            table=table,
            count=counters.count,
            rows=whole,
            place=whole,
            frame_place=whole,
            origin=origin,
        )
    count: Ints | None = None
    place: NDArray[Any]
    frame_place: NDArray[Any] = counters.count
    if scan.join == "counter":
        count = table.counters(scan.counter or "")
        if scan.shift is not None:
            count = count + round(values.need(scan.shift, "the shift", positive=False))
        usable = (
            steady_rows(count) if "steady-counter" in scan.repair else np.ones(len(count), bool)
        )
        place = count
    else:
        place = table.numbers(scan.time or "") * TIME_UNITS[scan.time_unit or "s"]
        usable = np.ones(len(place), bool)
        if counters.time is not None:
            frame_place = counters.time
    rows = np.flatnonzero(usable)
    rows = rows[np.argsort(place[rows], kind="stable")]
    _check_join(scan, table, frames_spec, frame_place, place, rows)
    return ScanRows(
        spec=scan,
        table=table,
        count=count,
        rows=rows,
        place=place[rows],
        frame_place=frame_place,
        origin=Origin.JOINED if scan.join == "counter" else Origin.INTERPOLATED,
    )


def _check_join(
    scan: Scan,
    table: tables.Table,
    frames_spec: FramesTable,
    frame_place: NDArray[Any],
    place: NDArray[Any],
    rows: Ints,
) -> None:
    used = place[rows]
    if scan.join == "counter":
        meet = bool(np.isin(frame_place, used).any())
    else:
        meet = bool(len(used) and used[0] <= frame_place[-1] and used[-1] >= frame_place[0])
    if not meet:
        shift = "" if scan.shift is None else ", or the shift of the counters is wrong"
        raise CorruptRecordingError(
            f"{frames_spec.file} and {scan.file} share no {scan.join}",
            expected=f"{frame_place[0]} to {frame_place[-1]}, as in {frames_spec.file}",
            found=f"{place.min()} to {place.max()}, {len(rows)} usable rows",
            path=table.path,
            cure=f"the files are of different recordings{shift}",
        )
    still = np.flatnonzero(np.diff(used) <= 0)
    if len(still):
        raise CorruptRecordingError(
            f"two rows have one {scan.join}: {used[still[0]]}",
            expected=f"a {scan.join} that increases",
            path=table.path,
            cure='if the rest can be trusted, the description may say repair = ["steady-counter"]'
            if scan.join == "counter"
            else "",
        )


def _calibrated(scan: Scan, z: Floats, values: Values, findings: list[Finding]) -> dict[str, Any]:
    scale = values.find(scan.um_per_unit)
    if scale is None and scan.z_unit == "V":
        missing = values.missing(scan.um_per_unit)
        findings.append(
            Finding(
                code="z-uncalibrated",
                message="".join(f"{name} is missing: " for name in missing[:1])
                + "z is in volts of the scan monitor",
                cure=values.cure(scan.um_per_unit),
            )
        )
        return {"z": z, "z_unit": "V"}
    if scan.um_per_unit is not None:
        return {"z": z * values.need(scan.um_per_unit, "the calibration of z")}
    return {"z": z}
