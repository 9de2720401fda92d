"""Signals as xarray, pandas and pynapple objects. Each library is imported when it is needed."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError, SignalError
from wormio.export._libraries import library
from wormio.model import Events
from wormio.model._fields import as_dict
from wormio.signal import Signal

if TYPE_CHECKING:
    import pandas
    import pynapple
    import xarray

__all__ = ["Form", "PynappleObjects", "Values", "to_pandas", "to_pynapple", "to_xarray"]

Form = Literal["wide", "tidy"]
Values = Literal["data", "valid", "sample_time"]

_log = logging.getLogger(__name__)


def to_xarray(signal: Signal) -> xarray.Dataset:
    """Return a signal as a Dataset of dimensions (time, neuron).

    Parameters
    ----------
    signal : Signal

    Returns
    -------
    xarray.Dataset
        Variables ``data``, ``valid``, ``sample_time`` and, if they are known, ``voxels``,
        ``saturated`` and ``background``; coordinates ``time`` (seconds, NaN where unknown),
        ``volume`` and ``neuron`` (the labels).
        Attributes ``quantity``, ``unit``, ``recording``; and as JSON ``channel``, ``history``,
        ``events`` and ``provenance``. It can be written as netCDF or Zarr.

    Raises
    ------
    UnsupportedCapabilityError
        xarray is not installed.
    """
    xr = library("xarray")
    both = ("time", "neuron")
    variables: dict[str, Any] = {
        "data": (both, signal.data, {"units": signal.unit, "long_name": signal.quantity}),
        "valid": (both, signal.valid, {"long_name": "whether the sample was measured"}),
        "sample_time": (both, signal.sample_time, {"long_name": "seconds, each sample's own"}),
    }
    for name in ("voxels", "saturated", "background"):
        if (values := getattr(signal, name)) is not None:
            variables[name] = (both, values)
    dataset: xarray.Dataset = xr.Dataset(
        variables,
        coords={
            # Without "units": xarray would decode them as dates when it opens the file.
            "time": ("time", signal.time, {"long_name": "seconds on the recording's clock"}),
            "neuron": ("neuron", np.array(signal.labels, dtype=object)),
            "volume": ("time", signal.volume),
        },
        attrs=_attributes(signal),
    )
    return dataset


def to_pandas(signal: Signal, form: Form = "wide", *, values: Values = "data") -> pandas.DataFrame:
    """Return a signal as a table.

    Parameters
    ----------
    signal : Signal
    form : {"wide", "tidy"}
        ``"wide"``: a row a volume, a column a neuron; the index is the time in seconds or, where
        no time is known, the volume. ``"tidy"``: a row a sample, with the columns ``volume``,
        ``time``, ``neuron``, ``value``, ``valid``, ``sample_time``, volume by volume.
    values : {"data", "valid", "sample_time"}
        What a wide table holds: a table of ``"valid"`` is the mask of that of ``"data"``.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    UnsupportedCapabilityError
        pandas is not installed.
    OptionError
        `form` or `values` is unknown.
    """
    if form not in get_args(Form):
        raise OptionError("form is unknown", expected="'wide' or 'tidy'", found=repr(form))
    if values not in get_args(Values) or (form == "tidy" and values != "data"):
        raise OptionError(
            "values are unknown, or all in a tidy table already",
            expected=" or ".join(map(repr, get_args(Values))),
            found=repr(values),
        )
    pd = library("pandas")
    n, k = signal.data.shape
    if form == "tidy":
        tidy: pandas.DataFrame = pd.DataFrame(
            {
                "volume": np.repeat(signal.volume, k),
                "time": np.repeat(signal.time, k),
                "neuron": np.tile(np.array(signal.labels, dtype=object), n),
                "value": signal.data.ravel(),
                "valid": signal.valid.ravel(),
                "sample_time": signal.sample_time.ravel(),
            }
        )
        return tidy
    known = np.isfinite(signal.time).any()
    index = pd.Index(signal.time, name="time") if known else pd.Index(signal.volume, name="volume")
    wide: pandas.DataFrame = pd.DataFrame(
        getattr(signal, values).copy(),
        index=index,
        columns=pd.Index(signal.labels, name="neuron"),
    )
    return wide


@attrs.frozen(kw_only=True, eq=False)
class PynappleObjects:
    """A signal in the objects of pynapple, which hold no mask and no events beside the traces.

    Parameters
    ----------
    traces : pynapple.TsdFrame
        (T, N), columns by the labels. Metadata of each column: ``measured``, the share of its
        samples that were measured, and ``channel``.
    valid : pynapple.TsdFrame
        (T, N) bool: whether a sample was measured.
    events : mapping of str to pynapple.Ts
        Times of the events of each table that lie in the recording.
    epochs : mapping of str to pynapple.IntervalSet
        From begin to end of those whose duration is known and positive, with ``event``, the row in
        the table, as metadata. A table whose events overlap has none: pynapple would merge them.
    """

    traces: pynapple.TsdFrame
    valid: pynapple.TsdFrame
    events: Mapping[str, pynapple.Ts] = attrs.field(converter=as_dict)
    epochs: Mapping[str, pynapple.IntervalSet] = attrs.field(converter=as_dict)


def to_pynapple(signal: Signal) -> PynappleObjects:
    """Return a signal as pynapple objects; rows have the time of their volume.

    Parameters
    ----------
    signal : Signal

    Returns
    -------
    PynappleObjects

    Raises
    ------
    UnsupportedCapabilityError
        pynapple is not installed.
    SignalError
        A time is not known, or times do not increase strictly: pynapple would sort or refuse them.
    """
    known = np.isfinite(signal.time)
    if not known.all() or not known.size or (np.diff(signal.time) <= 0).any():
        raise SignalError(
            "pynapple needs the time of every volume, strictly increasing",
            found=f"{int((~known).sum())} of {signal.n_volumes} times unknown",
            cure="give the volumes' times, for example attrs.evolve(signal, time=...)",
        )
    nap = library("pynapple")
    names = list(signal.labels)
    metadata = {
        "measured": signal.valid.mean(axis=0),
        "channel": [signal.channel.name] * len(names),
    }
    epochs = {name: _epochs(nap, name, table) for name, table in signal.events.items()}
    return PynappleObjects(
        traces=nap.TsdFrame(
            t=signal.time.copy(), d=signal.data.copy(), columns=names, metadata=metadata
        ),
        valid=nap.TsdFrame(t=signal.time.copy(), d=signal.valid.copy(), columns=names),
        events={
            name: nap.Ts(t=np.sort(table.time[np.isfinite(table.time)]))
            for name, table in signal.events.items()
        },
        epochs={name: found for name, found in epochs.items() if found is not None},
    )


def _epochs(nap: Any, name: str, table: Events) -> Any:
    rows = np.flatnonzero(np.isfinite(table.time) & (table.duration > 0))
    rows = rows[np.argsort(table.time[rows], kind="stable")]
    start: NDArray[np.float64] = table.time[rows]
    end = start + table.duration[rows]
    if not len(rows):
        return None
    if (start[1:] <= end[:-1]).any() or not np.isfinite(end).all():
        _log.warning("the events %r overlap: pynapple would merge their intervals", name)
        return None
    return nap.IntervalSet(start=start, end=end, metadata={"event": rows})


def _attributes(signal: Signal) -> dict[str, str]:
    provenance = signal.provenance
    told = {
        "channel": attrs.asdict(signal.channel),
        "history": [attrs.asdict(step) for step in signal.history],
        "events": {name: table.to_json() for name, table in signal.events.items()},
        "provenance": {}
        if provenance is None
        else {
            name: getattr(provenance, name)
            for name in ("source", "recording_id", "options", "versions")
        },
    }
    return {
        "quantity": signal.quantity,
        "unit": signal.unit,
        "recording": signal.recording,
        **{name: json.dumps(value, default=str) for name, value in told.items()},
    }
