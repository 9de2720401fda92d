"""Volumes by the rule that a description names, and the direction of the sweeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.model import (
    Finding,
    Origin,
    VolumeAssignment,
    from_modulo,
    from_scan,
    from_volume_index,
    planar,
    regular,
)

if TYPE_CHECKING:
    from wormio.formats.described.schema import Description
    from wormio.formats.described.timing import ScanRows
    from wormio.formats.described.values import Values

__all__ = ["assign"]

Ints = NDArray[np.int64]

# A DAQ's direction column is late, mostly by one or two rows.
_DIRECTION_LAG = 3


def assign(
    description: Description,
    count: Ints,
    rows: ScanRows | None,
    values: Values,
    findings: list[Finding],
) -> tuple[VolumeAssignment, Origin | None]:
    """Assign volumes by the first rule that applies.

    Returns
    -------
    assigned : VolumeAssignment
        Its origin is that of the column, where a column tells the volumes.
    direction : Origin or None
        Of `assigned.direction`; None if nobody knows it.
    """
    rule = description.volumes
    scanned = None
    if rows is not None and (rule.direction == "z" or "from_scan" in rule.policies):
        scanned = _by_z(description, count, rows)
    assigned = None
    for name in rule.policies:
        if name == "from_scan":
            assigned = scanned
            if scanned is not None and rows is not None and rows.spec.direction is not None:
                _check_direction(scanned, rows, findings)
        elif name == "from_volume_index" and rows is not None:
            assigned = _by_index(count, rows)
        elif name == "from_modulo" and rule.frames_per_volume is not None:
            frames = values.need(rule.frames_per_volume, "the number of frames a volume")
            assigned = from_modulo(count, frames_per_volume=frames, first=rule.first)
        elif name == "regular" and rule.planes is not None:
            planes = values.need_whole(rule.planes, "the number of planes")
            assigned = regular(count, planes=planes)
        elif name == "planar":
            assigned = planar(count)
        if assigned is not None:
            break
    if assigned is None:  # the label does not count, and no other rule is named
        assigned = from_volume_index(count, np.full(len(count), -1))
    if rule.direction == "z" and scanned is not None:
        return attrs.evolve(assigned, direction=scanned.direction), Origin.INFERRED
    if rule.direction == "column" and rows is not None and rows.spec.direction is not None:
        told = rows.join_label(rows.table.numbers(rows.spec.direction))
        return attrs.evolve(assigned, direction=np.sign(told).astype(np.int8)), rows.origin
    return attrs.evolve(assigned, direction=np.zeros(len(count), np.int8)), None


def _scan_counts(count: Ints, rows: ScanRows) -> Ints | None:
    """Return the counters of the scan's usable rows; None if it is joined by time."""
    if rows.spec.join == "row":
        return count
    return None if rows.count is None else rows.count[rows.rows]


def _by_z(description: Description, count: Ints, rows: ScanRows) -> VolumeAssignment | None:
    if rows.spec.z is None:
        return None
    rule = description.volumes
    z = rows.table.numbers(rows.spec.z)
    scan_count = _scan_counts(count, rows)
    options: dict[str, Any] = {
        "window": rule.window,
        "order": rule.order,
        "min_swing": rule.min_swing,
    }
    if scan_count is None:
        return from_scan(count, rows.join(z)[0], **options)
    return from_scan(count, z[rows.rows], scan_count=scan_count, **options)


def _by_index(count: Ints, rows: ScanRows) -> VolumeAssignment | None:
    """Take the volume index; None if it does not count."""
    if rows.spec.volume is None:
        return None
    index = rows.table.counters(rows.spec.volume)
    if not (np.diff(index) > 0).any():
        return None
    if rows.count is None:
        label = rows.join_label(index.astype(np.float64)).astype(np.int64)
        assigned = from_volume_index(count, label)
    else:
        assigned = from_volume_index(count, index, scan_count=rows.count)
    return attrs.evolve(assigned, origin=rows.origin)


def _check_direction(scanned: VolumeAssignment, rows: ScanRows, findings: list[Finding]) -> None:
    """Compare the turning points of z with the flips of the direction column."""
    if rows.count is None or rows.spec.direction is None:
        return
    direction = rows.table.numbers(rows.spec.direction)
    turns = np.union1d(scanned.counts[:, 0], scanned.counts[:, 1])
    flips = rows.count[1:][np.diff(direction) != 0]
    if not len(turns) or not len(flips):
        return
    right = np.clip(np.searchsorted(flips, turns), 0, len(flips) - 1)
    lag = np.minimum(np.abs(flips[right] - turns), np.abs(flips[np.maximum(right - 1, 0)] - turns))
    lonely = int((lag > _DIRECTION_LAG).sum())
    if lonely or len(flips) != len(turns):
        findings.append(
            Finding(
                code="direction-disagrees",
                message=f"{lonely} of {len(turns)} turning points of z have no flip of the "
                f"scan's direction within {_DIRECTION_LAG} rows ({len(flips)} flips)",
                cure="look at z around them; with_timeline() assigns volumes by another rule",
            )
        )
