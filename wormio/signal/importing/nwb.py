"""Traces in NWB files: every RoiResponseSeries, read as plain HDF5."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import CorruptRecordingError, FormatError, OptionError
from wormio.model import Channel
from wormio.signal.importing._making import make_signal, sample_times
from wormio.signal.importing._nwb_regions import Regions, read_regions, words
from wormio.signal.signal import Signal
from wormio.storage.foreign_hdf5 import dataset, has, open_foreign

if TYPE_CHECKING:
    import h5py

__all__ = ["Axes", "read_nwb"]

Axes = Literal["time, region", "region, time"]

_TYPE = "RoiResponseSeries"
_MAX_DEPTH = 20
_NO_UNITS = {"n.a.", "n/a", "na", "a.u.", "unknown"}
_MAX_GROUPS = 100_000


def read_nwb(
    path: Path,
    *,
    rate: float | None = None,
    times: ArrayLike | None = None,
    axes: Axes | None = None,
    labels: Iterable[str] | str | None = None,
    trust: bool = False,
) -> dict[str, Signal]:
    """Read all traces of an NWB file.

    Values are what the file defines: ``data * conversion + offset``, in its unit.

    Parameters
    ----------
    path : path-like
    rate : float, optional
        Samples a second. Default: the file's ``timestamps``, or ``starting_time`` and its rate.
    times : (T,) array_like, optional
        Seconds.
    axes : {"time, region", "region, time"}, optional
        Order of the axes of ``data``. The schema says time first; a file that breaks it is told
        by the number of its regions or times, and needs this option.
    labels : str or iterable of str, optional
        A name of a column of the table of regions; or the labels themselves. Default: the first
        of ``ID_labels``, ``neuropal_ids``, ``labels``, ``label`` that is there, else ``id``.
    trust : bool
        Follow links to files outside the file's folder.

    Returns
    -------
    dict of str to Signal
        By the series' names; where two share one, by their paths. Regions without a name, or
        whose name another one has, too, get their id behind it: ``"AVA (3)"``. The channel is a
        reference where the names say Reference, else the signal.

    Raises
    ------
    MissingPartError, TruncatedRecordingError, CorruptRecordingError, UnsafeReferenceError
    FormatError
        There are no traces in it.
    OptionError
        An option does not fit, or the order of the axes must be given.
    """
    path = Path(path)
    if axes is not None and axes not in get_args(Axes):
        expected = " or ".join(map(repr, get_args(Axes)))
        raise OptionError("axes are unknown", expected=expected, found=repr(axes))
    options = _Options(path=path, rate=rate, times=times, axes=axes, labels=labels, trust=trust)
    found: dict[str, Signal] = {}
    with open_foreign(path) as file:
        series = _find(file)
        if not series:
            raise FormatError(
                "the file holds no traces",
                expected=f"a {_TYPE}, in a container Fluorescence or DfOverF",
                found=", ".join(list(file)[:20]) or "an empty file",
                path=path,
            )
        short = [where.rpartition("/")[2] for where in series]
        about = {"nwb_version": words(file.attrs.get("nwb_version"))}
        for where, name in zip(series, short, strict=True):
            key = name if short.count(name) == 1 else where
            found[key] = _signal(file, where, about, options)
    return found


@attrs.frozen(kw_only=True)
class _Options:
    path: Path
    rate: float | None
    times: ArrayLike | None
    axes: Axes | None
    labels: Iterable[str] | str | None
    trust: bool

    def dataset(self, parent: h5py.Group, name: str) -> h5py.Dataset:
        return dataset(parent, name, folder=self.path.absolute().parent, trust=self.trust)


def _find(file: h5py.File) -> list[str]:
    """Return the paths of all series, in the order of the file; links are not followed."""
    import h5py

    found: list[str] = []
    left = _MAX_GROUPS
    todo: list[tuple[h5py.Group, int]] = [(file["/"], 0)]
    seen = set()
    while todo:
        here, depth = todo.pop()
        left -= 1
        identity = h5py.h5o.get_info(here.id)
        if (identity.fileno, identity.addr) in seen:
            continue
        seen.add((identity.fileno, identity.addr))
        if left < 0 or depth > _MAX_DEPTH:
            raise CorruptRecordingError("the file is too deep", found=str(here.name))
        if words(here.attrs.get("neurodata_type")) == _TYPE:
            found.append(str(here.name).strip("/"))
            continue
        inner = [
            here[name]
            for name in here
            if isinstance(here.get(name, getlink=True), h5py.HardLink)
            and here.get(name, getclass=True) is h5py.Group
        ]
        todo += [(one, depth + 1) for one in reversed(inner)]
    return found


def _signal(file: h5py.File, where: str, about: Mapping[str, Any], options: _Options) -> Signal:
    series = file[where]
    source = options.dataset(series, "data")
    if source.dtype.kind not in "iuf" or source.ndim not in {1, 2}:
        raise CorruptRecordingError(
            f"{where}/data holds no traces",
            expected="numbers (time, region)",
            found=f"{source.dtype} of shape {source.shape}",
        )
    stored = np.ascontiguousarray(source[()])
    values = stored.astype(np.float64)
    regions = read_regions(series, options.path, options.labels, trust=options.trust)
    values = _oriented(values, where, series, regions, options)
    with np.errstate(over="ignore"):
        values = values * _factor(source, "conversion", 1.0) + _factor(source, "offset", 0.0)
    time, told = _times(series, len(values), where, options)
    container = where.split("/")[:-1]
    is_dff = any("DfOverF" in words(one.attrs.get("neurodata_type")) for one in _parents(series))
    is_reference = "Reference" in where
    unit = words(source.attrs.get("unit"))
    labels = regions.labels if regions is not None else None
    if labels is None and options.labels is not None and not isinstance(options.labels, str):
        labels = tuple(options.labels)
    facts = {
        "path": where,
        # Of the traces, not of the file: that may hold the whole recording.
        "sha256_of_data": hashlib.sha256(stored.tobytes()).hexdigest(),
        "container": "/".join(container),
        "description": words(series.attrs.get("description")),
        "region_ids": None if regions is None else list(regions.ids),
        **told,
        **about,
    }
    return make_signal(
        values,
        options.path,
        "nwb",
        channel=Channel(
            name=where.rpartition("/")[2], role="reference" if is_reference else "signal"
        ),
        time=time,
        about=facts,
        labels=labels,
        quantity="dF/F" if is_dff else "fluorescence",
        unit="" if unit.lower() in _NO_UNITS else unit,
    )


def _parents(series: h5py.Group) -> Iterable[h5py.Group]:
    here = series
    while here.name != "/":
        here = here.parent
        yield here


def _factor(source: h5py.Dataset, name: str, default: float) -> float:
    value = source.attrs.get(name, default)
    factor = float(np.asarray(value).ravel()[0])
    if not np.isfinite(factor):
        raise CorruptRecordingError(f"{source.name} has an impossible {name}", found=str(factor))
    return factor


def _oriented(
    values: NDArray[np.float64],
    where: str,
    series: h5py.Group,
    regions: Regions | None,
    options: _Options,
) -> NDArray[np.float64]:
    """Return (time, region); the file's own numbers of both must fit."""
    if values.ndim == 1:
        values = values[:, np.newaxis]  # one region: the schema allows to leave its axis out
    elif options.axes == "region, time":
        values = values.T
    n_times = None
    if has(series, "timestamps"):
        n_times = options.dataset(series, "timestamps").size
    expected = (n_times, None if regions is None else len(regions.ids))
    if all(n is None or n == m for n, m in zip(expected, values.shape, strict=True)):
        return values
    turned = all(n is None or n == m for n, m in zip(expected, values.T.shape, strict=True))
    raise (OptionError if turned and options.axes is None else CorruptRecordingError)(
        f"{where}/data does not fit its times and regions",
        expected=f"({expected[0] or 'any'} times, {expected[1] or 'any'} regions)",
        found=f"shape {values.shape}",
        path=options.path,
        cure="if the file has them the other way round: axes='region, time'" if turned else "",
    )


def _times(
    series: h5py.Group, n: int, where: str, options: _Options
) -> tuple[NDArray[np.float64], dict[str, Any]]:
    if options.rate is not None or options.times is not None:
        return sample_times(n, options.times, options.rate, options.path)
    if has(series, "timestamps"):
        stamps = np.asarray(options.dataset(series, "timestamps")[()], np.float64).ravel()
        known = stamps[~np.isnan(stamps)]
        if np.isinf(known).any() or (np.diff(known) < 0).any():
            raise CorruptRecordingError(
                f"{where}/timestamps go back",
                expected="seconds that never decrease",
                path=options.path,
                cure="give them: times=",
            )
        return stamps, {"time": "timestamps"}
    if has(series, "starting_time"):
        start = options.dataset(series, "starting_time")
        rate = float(np.asarray(start.attrs.get("rate", np.nan)).ravel()[0])
        first = float(np.asarray(start[()]).ravel()[0])
        if rate > 0 and np.isfinite(rate) and np.isfinite(first):
            return first + np.arange(n) / rate, {"time": "nominal", "rate": rate}
    return np.full(n, np.nan), {"time": "unknown"}
