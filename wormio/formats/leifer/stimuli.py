"""pharosTriggers.txt: two-photon stimuli, placed on the saved frames."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError
from wormio.formats.leifer.names import STIMULI_TABLE
from wormio.model import Column, Events, Finding, Origin, Timeline

__all__ = ["read_stimuli"]

_OLD = [
    "frameCount",
    "nPulses",
    "repRateDivider",
    "optogTargetX",
    "optogTargetY",
    "optogTargetZ",
    "optogTargetXYSpace",
    "optogTargetZSpace",
    "optogTargetZDevice",
    "Time",
]
_NEW = [*_OLD[:3], "nTrains", "timeBtwTrains", *_OLD[3:]]
_TEXT = ("optogTargetXYSpace", "optogTargetZSpace", "optogTargetZDevice", "Time")


def read_stimuli(
    folder: Path,
    timeline: Timeline,
    edges: NDArray[np.int64],
    daq_range: tuple[int, int] | None,
    z_scan: Mapping[str, Any] | None,
    um_per_pixel: float,
) -> tuple[Events | None, list[Finding]]:
    """Read the stimuli; None if the recording has no such file.

    Parameters
    ----------
    folder : Path
    timeline : Timeline
    edges : (K,) int64
        Counters at which the laser gate opened. Each stimulus inside the DAQ's counters moves to
        the nearest; `Events.error_frames` says how far.
    daq_range : (int, int), optional
        First and last DAQ counter.
    z_scan : mapping, optional
        Calibration of the tunable lens.
    um_per_pixel : float

    Raises
    ------
    CorruptRecordingError
        Unknown header, or a row that does not fit it.
    """
    path = folder / STIMULI_TABLE
    if not path.is_file():
        return None, []
    table = _read(path)
    counts = np.array(table["frameCount"], np.int64)
    findings: list[Finding] = []
    snapped = counts
    if len(edges) and daq_range is not None:
        right = np.clip(np.searchsorted(edges, counts), 0, len(edges) - 1)
        left = np.maximum(right - 1, 0)
        nearer_left = counts - edges[left] <= np.abs(edges[right] - counts)
        nearest = np.where(nearer_left, edges[left], edges[right])
        # One that the DAQ did not see has no edge of its own: moving it would invent an event.
        seen = (counts >= daq_range[0]) & (counts <= daq_range[1])
        snapped = np.where(seen, nearest, counts)
    elif len(counts):
        findings.append(
            Finding(
                code="no-laser-gate",
                message="stimuli are placed by their own counters: the DAQ recorded no laser gate",
            )
        )
    target, uncalibrated = _targets(table, z_scan, um_per_pixel)
    if uncalibrated:
        findings.append(
            Finding(
                code="etl-uncalibrated",
                message=f"the z of {uncalibrated} targets is in dioptres of the tunable lens and "
                "unknown in pixels",
                cure="zScan.json must hold etlCalibrationMindpt, etlCalibrationMaxdpt "
                "and 'etl dpt/um'",
            )
        )
    given = Origin.MEASURED
    properties = {
        "target": Column(values=target, unit="px", origin=given),
        "file_count": Column(values=counts, unit="frames", origin=given),
    }
    for name, values in table.items():
        if name != "frameCount":
            properties[name] = Column(values=np.array(values), origin=given)
    return (
        Events.at_counts(
            timeline, snapped, error_frames=np.abs(snapped - counts), properties=properties
        ),
        findings,
    )


def _read(path: Path) -> dict[str, list[Any]]:
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    header = [name.strip() for name in lines[0].rstrip("\t").split("\t")] if lines else []
    if header not in (_OLD, _NEW):
        raise CorruptRecordingError(
            "the header is not the one of this table",
            expected=f"{len(_OLD)} columns ({' '.join(_OLD[:4])} ...) or {len(_NEW)} "
            f"({' '.join(_NEW[:5])} ...)",
            found=f"{len(header)} columns: {' '.join(header)[:200]!r}",
            path=path,
        )
    table: dict[str, list[Any]] = {name: [] for name in header}
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.rstrip("\t").split("\t")]
        try:
            if len(fields) != len(header):
                raise ValueError(f"{len(fields)} fields")
            row = [
                field if name in _TEXT else int(field) if name == "frameCount" else float(field)
                for name, field in zip(header, fields, strict=True)
            ]
        except ValueError as error:
            raise CorruptRecordingError(
                f"line {number} cannot be read: {error}",
                expected=f"{len(header)} fields separated by tabs",
                found=repr(line[:200]),
                path=path,
            ) from error
        for name, value in zip(header, row, strict=True):
            table[name].append(value)
    return table


def _targets(
    table: Mapping[str, list[Any]], z_scan: Mapping[str, Any] | None, um_per_pixel: float
) -> tuple[NDArray[np.float64], int]:
    """Return (E, 3) targets as (z, y, x) in pixels, and how many z could not be converted."""
    z, y, x = (np.array(table[f"optogTarget{axis}"], np.float64) for axis in "ZYX")
    dioptres = np.array(
        [
            space == "etl0 space" and device == "tunable lens"
            for space, device in zip(
                table["optogTargetZSpace"], table["optogTargetZDevice"], strict=True
            )
        ],
        dtype=bool,
    )
    uncalibrated = 0
    if dioptres.any():
        try:
            settings = z_scan or {}
            low, high = settings["etlCalibrationMindpt"], settings["etlCalibrationMaxdpt"]
            scale = um_per_pixel * settings["etl dpt/um"]
            z[dioptres] = (z[dioptres] + (high - low) / 2) / scale
        except (KeyError, TypeError, ZeroDivisionError):
            z[dioptres] = np.nan
            uncalibrated = int(dioptres.sum())
    return np.stack([z, y, x], axis=1), uncalibrated
