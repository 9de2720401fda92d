"""When the images of a series were taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray
from wormio.errors import CorruptRecordingError, TruncatedRecordingError
from wormio.formats.stacks.hdf5 import attributes, number
from wormio.model import Clock, Finding
from wormio.storage.foreign_hdf5 import has

from wormio_nwb.reading import Nwb

if TYPE_CHECKING:
    import h5py
    from wormio.formats.stacks import StackOptions

__all__ = ["Times", "read_clock", "read_times", "seconds_of"]

Floats = NDArray[np.float64]


@attrs.frozen(kw_only=True)
class Times:
    """The times of a series.

    Parameters
    ----------
    each : (n,) float64, optional
        Measured seconds, one an index of T or one a plane.
    interval : float, optional
        Seconds from one index of T to the next.
    start : float
        Seconds at the first, where only `interval` is known.
    findings : tuple of Finding
    """

    each: Floats | None = None
    interval: float | None = None
    start: float = 0.0
    findings: tuple[Finding, ...] = ()


def read_clock(nwb: Nwb) -> Clock:
    """Return the clock that all times of the file count on."""
    start = nwb.text(nwb.file, "timestamps_reference_time") or nwb.text(
        nwb.file, "session_start_time"
    )
    return Clock(name="nwb", start=start or None)


def read_times(nwb: Nwb, series: h5py.Group, n_t: int, n_z: int, options: StackOptions) -> Times:
    """Read the time stamps of a series, or its start and rate.

    Parameters
    ----------
    nwb : Nwb
    series : h5py.Group
    n_t, n_z : int
        Lengths of T and Z.
    options : StackOptions

    Raises
    ------
    TruncatedRecordingError
        There are more time stamps than images.
    CorruptRecordingError
        There are fewer, or they are no numbers.
    """
    if has(series, "timestamps"):
        return _stamps(nwb, series, n_t, n_z, options)
    if not has(series, "starting_time"):
        return Times()
    rate = _rate(nwb, series)
    start = nwb.number(series, "starting_time")
    if rate is None or start is None:
        told = f"starting_time {start}, rate {_written_rate(nwb, series)}"
        return Times(findings=(_unusable(f"{told}: the times of the images are not known"),))
    return Times(interval=1 / rate, start=start)


def seconds_of(nwb: Nwb, series: h5py.Group, n: int) -> Floats | None:
    """Return the seconds of each of the `n` samples of any time series; None if not known."""
    if has(series, "timestamps"):
        source = nwb.dataset(series, "timestamps")
        if source.shape != (n,) or source.dtype.kind not in "iuf":
            return None
        return np.asarray(source[()], np.float64)
    rate, start = _rate(nwb, series), nwb.number(series, "starting_time")
    if rate is None or start is None:
        return None
    found: Floats = start + np.arange(n) / rate
    return found


def _stamps(nwb: Nwb, series: h5py.Group, n_t: int, n_z: int, options: StackOptions) -> Times:
    source = nwb.dataset(series, "timestamps")
    n = source.size or 0
    if source.ndim != 1 or source.dtype.kind not in "iuf":
        raise CorruptRecordingError(
            f"{source.name} holds no time stamps",
            expected="numbers in one dimension",
            found=f"{source.dtype} of shape {source.shape}",
        )
    findings: list[Finding] = []
    wanted = n_t * n_z if n == n_t * n_z else n_t
    counted = f"{n_t}, one a time point" + (f", or {n_t * n_z}, one a plane" if n_z > 1 else "")
    if n > wanted:
        # Time stamps are written as the images come in: these have none, or lost theirs.
        if not options.allow_truncated:
            raise TruncatedRecordingError(
                "the series has fewer images than time stamps",
                expected=f"{n} time points, as {source.name} says",
                found=f"{n_t} time points in the images",
                cure="allow_truncated=True gives the images that are there",
            )
        told = f"images are there for {n_t} of {n} time stamps"
        findings.append(Finding(code="truncated", message=told))
    if n < wanted and options.volume_rate is None:
        raise CorruptRecordingError(
            "the series has more images than time stamps",
            expected=counted,
            found=f"{n} time stamps",
            cure="volume_rate= opens it without them",
        )
    unit = attributes(source, ["unit"]).get("unit")
    if isinstance(unit, str) and unit.lower() not in {"", "s", "sec", "second", "seconds"}:
        findings.append(_unusable(f"the time stamps are in {unit!r}, not in seconds"))
        return Times(findings=tuple(findings))
    if n < wanted:
        return Times(findings=tuple(findings))
    return Times(each=np.asarray(source[:wanted], np.float64), findings=tuple(findings))


def _rate(nwb: Nwb, series: h5py.Group) -> float | None:
    rate = number(_written_rate(nwb, series))
    # 1 / rate must be a number too.
    return rate if rate is not None and 1e-12 < rate < 1e12 else None


def _written_rate(nwb: Nwb, series: h5py.Group) -> Any:
    if not has(series, "starting_time"):
        return None
    return attributes(nwb.dataset(series, "starting_time"), ["rate"]).get("rate")


def _unusable(problem: str) -> Finding:
    return Finding(code="times-unusable", message=problem, cure="give volume_rate=, if it is known")
