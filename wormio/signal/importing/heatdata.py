"""``heatData.mat`` and ``heatDataMS.mat`` of the NeRVE pipeline, of any MATLAB version."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import CorruptRecordingError, FormatError
from wormio.formats.mat.opening import read_mat
from wormio.formats.mat.tree import MatArray, MatFile, describe, find, numbers
from wormio.model import Channel
from wormio.model._fields import as_dict
from wormio.signal.importing._making import digest, make_signal, sample_times
from wormio.signal.signal import Signal, Step

__all__ = ["ETHOGRAM", "HeatData", "read_heat_data"]

ETHOGRAM = {-1: "reverse", 0: "pause", 1: "forward", 2: "turn"}
"""What the numbers of ``behavior.ethogram`` mean."""

_BY = "NeRVE"
_BLEACHED = Step(
    "debleach",
    {
        "by": _BY,
        "mode": "subtract",
        "model": "one exponential and a constant",
        "outliers": "NaN",
    },
    _BY,
)
_DFF = Step(
    "dff",
    {"by": _BY, "baseline": "20 % quantile of the smoothed trace", "smooth": "Gaussian, 5 points"},
    _BY,
)
_RATIO = Step("correct_motion", {"by": _BY, "method": "ratio"}, _BY)
# Name, channel, quantity, unit, what was done.
_TRACES: dict[str, tuple[str, str, str, tuple[Step, ...]]] = {
    "rRaw": ("red", "fluorescence", "counts", ()),
    "gRaw": ("green", "fluorescence", "counts", ()),
    "rPhotoCorr": ("red", "fluorescence", "counts", (_BLEACHED,)),
    "gPhotoCorr": ("green", "fluorescence", "counts", (_BLEACHED,)),
    "R2": ("red", "dF/F", "", (_BLEACHED, _DFF)),
    "G2": ("green", "dF/F", "", (_BLEACHED, _DFF)),
    "Ratio2": (
        "ratio",
        "dR/R",
        "",
        (_BLEACHED, _RATIO, _DFF),
    ),
}
_CHANNELS = {
    "red": Channel(name="red", role="reference"),
    "green": Channel(name="green", role="signal"),
    "ratio": Channel(name="ratio", role="signal"),
}
# Numbers of neurons or volumes, from 1 on.
_INDICES = ("cgIdx", "cgIdxRev", "flagged_neurons", "flagged_volumes")
_TABLES = (
    "acorr",
    "XYZcoord",
    "hasPointsTime",
    *(f"behavior.{name}" for name in ("ethogram", "x_pos", "y_pos", "v", "pc1_2", "pc_3")),
)
_INFO = {"method": "box", "version": "Jeff/Matlab", "ref_index": "Nerve multiple"}


@attrs.frozen(kw_only=True, eq=False)
class HeatData:
    """What such a file holds; T volumes, N neurons.

    Parameters
    ----------
    signals : mapping of str to Signal
        By MATLAB's names: ``rRaw``, ``gRaw``, ``rPhotoCorr``, ``gPhotoCorr`` (bleaching
        subtracted), ``R2``, ``G2``, ``Ratio2`` (already dF/F: bleaching must not be corrected
        again).
    tables : mapping of str to ndarray
        All else that is there. ``acorr`` (N, N) and ``XYZcoord`` as MATLAB shows them;
        ``hasPointsTime`` (T,) seconds; ``behavior.ethogram`` (see `ETHOGRAM`),
        ``behavior.x_pos``, ``.y_pos``, ``.v``, ``.pc_3`` as vectors, ``behavior.pc1_2`` as a table;
        ``cgIdx``, ``cgIdxRev`` (order of clusters), ``flagged_neurons``, ``flagged_volumes`` as
        indices that begin with 0, one less than MATLAB's.
    left_out : tuple of str
        Variables of the file that are neither.
    """

    signals: Mapping[str, Signal] = attrs.field(converter=as_dict)
    tables: Mapping[str, NDArray[Any]] = attrs.field(converter=as_dict)
    left_out: tuple[str, ...]


def read_heat_data(
    path: Path, *, rate: float | None = None, times: ArrayLike | None = None
) -> HeatData:
    """Read all of a ``heatData.mat``.

    MATLAB's arrays are (neurons, volumes); those of the signals are (volumes, neurons).

    Parameters
    ----------
    path : path-like
    rate : float, optional
        Volumes a second.
    times : (T,) array_like, optional
        Of the volumes, in seconds. Default: the file's ``hasPointsTime``; without it unknown, NaN.

    Returns
    -------
    HeatData

    Raises
    ------
    MissingPartError, TruncatedRecordingError, CorruptRecordingError, UnsupportedCapabilityError
    FormatError
        There are no traces in it.
    OptionError
        The times do not fit.
    """
    path = Path(path)
    file = read_mat(path)
    arrays = {name: found for name in _TRACES if (found := _matrix(file, name)) is not None}
    if not arrays:
        raise FormatError(
            "the file holds no traces of NeRVE",
            expected="one of " + ", ".join(_TRACES),
            found=describe(file.variables),
            path=path,
        )
    shape = next(iter(arrays.values())).shape
    for name, values in arrays.items():
        if values.shape != shape:
            raise CorruptRecordingError(
                f"{name} does not fit the other traces",
                expected=f"{shape[0]} neurons x {shape[1]} volumes",
                found=" x ".join(map(str, values.shape)),
                path=path,
            )
    tables = _tables(file)
    own = tables.get("hasPointsTime")
    if own is not None and times is None and rate is None:
        time, about = sample_times(shape[1], _own_times(own, shape, path), None, path)
        about["time"] = "hasPointsTime"
    else:
        time, about = sample_times(shape[1], times, rate, path)
    about |= {"header": _INFO, "sha256": digest(path)}
    signals = {}
    for name, values in arrays.items():
        channel, quantity, unit, history = _TRACES[name]
        signals[name] = make_signal(
            values.T,
            path,
            "heatData",
            channel=_CHANNELS[channel],
            time=time,
            about={**about, "variable": name},
            quantity=quantity,
            unit=unit,
            history=history,
        )
    read = {*arrays, *(name.partition(".")[0] for name in tables)}
    left_out = tuple(name for name in file.variables if name not in read)
    return HeatData(signals=signals, tables=tables, left_out=left_out)


def _matrix(file: MatFile, name: str) -> NDArray[np.float64] | None:
    found = find(file.variables, name)
    if not isinstance(found, MatArray) or len(found.shape) != 2:
        return None
    return numbers(file, name)


def _own_times(own: NDArray[np.float64], shape: tuple[int, ...], path: Path) -> NDArray[np.float64]:
    if own.shape != (shape[1],):
        raise CorruptRecordingError(
            "hasPointsTime does not fit the traces",
            expected=f"{shape[1]} times, one a volume",
            found=f"shape {own.shape}",
            path=path,
            cure="give the times: rate= or times=",
        )
    return own


def _tables(file: MatFile) -> dict[str, NDArray[Any]]:
    tables: dict[str, NDArray[Any]] = {}
    for name in (*_TABLES, *_INDICES):
        if not isinstance(find(file.variables, name), MatArray):
            continue
        values = numbers(file, name)
        if values is None:
            continue
        if 1 in values.shape and name not in {"acorr", "XYZcoord"}:
            values = values.ravel()
        if name in _INDICES:
            if (values != np.floor(values)).any() or (values < 1).any():
                raise CorruptRecordingError(
                    f"{name} holds no numbers of rows", expected="1, 2, 3, ...", path=file.path
                )
            tables[name] = values.astype(np.int64) - 1
        else:
            tables[name] = values
    return tables
