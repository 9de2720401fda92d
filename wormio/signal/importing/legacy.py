"""Signals of wormdatamodel: from what its pickles held to `Signal`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import CorruptRecordingError, OptionError, SignalError
from wormio.model import Channel
from wormio.signal.importing._making import (
    as_channel,
    digest,
    events_of_strides,
    json_value,
    make_signal,
    sample_times,
)
from wormio.signal.importing.pickles import LegacyObject, read_pickle
from wormio.signal.signal import Signal, Step
from wormio.storage.door import translated

__all__ = ["read_legacy_pickle"]

_CLASS = "Signal"
_BY = "wormdatamodel"

# In the order in which they were done, whatever the order of the flags; by the names of wormio's
# own steps, so that none is done a second time.
_STEPS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("nan_interpolated", "interpolate", ()),
    ("inf_removed", "remove_infinities", ()),
    ("inst_photobl_corrected", "correct_jumps", ()),
    ("photobl_applied", "debleach", ("photobl_p", "maxY")),
    ("spikes_removed", "remove_spikes", ()),
    ("smoothed", "smooth", ("smooth_n", "smooth_mode", "smooth_poly")),
)


def read_legacy_pickle(
    path: Path,
    *,
    rate: float | None = None,
    times: ArrayLike | None = None,
    channel: Channel | str | None = None,
    labels: Iterable[str] | None = None,
    strides: Mapping[str, Iterable[int]] | None = None,
    unsmoothed: bool = False,
) -> Signal:
    """Read a pickled Signal of wormdatamodel, such as ``green.pickle``, without running it.

    Parameters
    ----------
    path : path-like
    rate : float, optional
        Volumes a second.
    times : (T,) array_like, optional
        Of the volumes, in seconds. Default: unknown, NaN; the file does not tell.
    channel : Channel or str, optional
        Default: by the description in the file.
    labels : iterable of str, optional
    strides : mapping of str to iterable of int, optional
        Lengths of the blocks that stimuli cut the volumes into. Default: those in the file, which
        are lost in most.
    unsmoothed : bool
        The traces as they were before smoothing, where the file still has them.

    Returns
    -------
    Signal
        What had been done before is in its history, under the names of wormio's steps and with
        ``"by": "wormdatamodel"``; `Signal.valid` is false where the file's mask tells that a
        neuron was not found. The step ``import`` holds all else that the file held and that is not
        an array as long as the traces; the stored derivative is left out, because it has the wrong
        sign.

    Raises
    ------
    UnsafeReferenceError
        The pickle asks for more than a signal needs.
    SignalError
        It holds something else than a signal.
    MissingPartError, TruncatedRecordingError, CorruptRecordingError
    OptionError
        The times, the rate or the strides do not fit, or there are no traces from before
        smoothing.
    """
    path = Path(path)
    found = read_pickle(path)
    if not isinstance(found, LegacyObject) or found.name.rpartition(".")[2] != _CLASS:
        raise SignalError(
            "the pickle holds no signal",
            expected="a Signal of wormdatamodel",
            found=found.name if isinstance(found, LegacyObject) else type(found).__name__,
            path=path,
        )
    state = found.state
    # A damaged file may hold anything anywhere.
    with translated(path, "a signal of wormdatamodel", "its parts were put together"):
        data = _traces(state, "unsmoothed_data" if unsmoothed else "data", path)
        history = _history(state, unsmoothed=unsmoothed)
        valid = _valid(state, data, path)
        own_strides = _strides(state)
    description = state.get("description")
    name = description if isinstance(description, str) and description else path.stem
    time, about = sample_times(len(data), times, rate, path)
    strides = own_strides if strides is None else strides
    about |= {
        "class": found.name,
        "sha256": digest(path),
        **{key: json_value(value) for key, value in state.items() if _isjson_value(value, data)},
    }
    info = state.get("info")
    corrected = isinstance(info, Mapping) and "correction_method" in info
    return make_signal(
        data,
        path,
        "wormdatamodel-pickle",
        channel=as_channel(channel, name),
        time=time,
        about=about,
        labels=labels,
        valid=valid,
        events=events_of_strides(strides, time, path),
        history=history,
        quantity="corrected fluorescence" if corrected else "fluorescence",
    )


def _traces(state: Mapping[str, Any], name: str, path: Path) -> NDArray[np.float64]:
    values = state.get(name)
    if values is None and name == "unsmoothed_data":
        raise OptionError(
            "the file has no traces from before smoothing", found=", ".join(state)[:300], path=path
        )
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iuf":
        raise CorruptRecordingError(
            f"the pickled signal has no {name}",
            expected="an array of numbers (volumes, neurons)",
            found=type(values).__name__,
            path=path,
        )
    if values.ndim == 1:
        values = values[:, np.newaxis]
    if values.ndim != 2:
        raise CorruptRecordingError(
            f"{name} has another shape",
            expected="(volumes, neurons)",
            found=str(values.shape),
            path=path,
        )
    return values.astype(np.float64)


def _valid(state: Mapping[str, Any], data: NDArray[np.float64], path: Path) -> NDArray[np.bool_]:
    mask = state.get("nan_mask")
    valid = np.isfinite(data)
    if mask is None:
        return valid
    if not isinstance(mask, np.ndarray) or mask.size != data.size:
        raise CorruptRecordingError(
            "nan_mask does not fit the traces",
            expected=f"shape {data.shape}",
            found=str(getattr(mask, "shape", type(mask).__name__)),
            path=path,
        )
    valid &= mask.reshape(data.shape) == 0  # (some versions made numbers of it)
    return valid


def _history(state: Mapping[str, Any], *, unsmoothed: bool) -> list[Step]:
    steps = []
    info = state.get("info")
    if isinstance(info, Mapping) and "correction_method" in info:
        # The ratio was formed before anything was done to the result.
        kept = ("correction_method", "uncorr_signal", "reference")
        about = {"by": _BY} | {key: json_value(info[key]) for key in kept if key in info}
        steps.append(Step("correct_motion", about, _BY))
    for flag, name, parameters in _STEPS:
        if not state.get(flag) or (unsmoothed and flag == "smoothed"):
            continue
        about = {"by": _BY} | {key: json_value(state[key]) for key in parameters if key in state}
        spikes = state.get("spikes") if flag == "spikes_removed" else None
        if isinstance(spikes, np.ndarray):
            about["samples"] = np.argwhere(spikes).tolist()
        steps.append(Step(name, about, _BY))
    return steps


def _strides(state: Mapping[str, Any]) -> dict[str, list[int]]:
    """Return the lengths of blocks if the file still has them: most pickles lost them."""
    lengths, names = state.get("strides"), state.get("stride_names")
    if not isinstance(lengths, (list, tuple)) or not isinstance(names, (list, tuple)):
        return {}
    if len(lengths) != len(names):
        return {}
    return {
        str(name): np.asarray(blocks).ravel().tolist()
        for name, blocks in zip(names, lengths, strict=True)
        if np.asarray(blocks).dtype.kind in "iu"
    }


def _isjson_value(value: Any, data: NDArray[np.float64]) -> bool:
    """Tell whether a part of the file goes into the step: not what is as long as the traces."""
    return not (isinstance(value, np.ndarray) and value.size >= max(data.size, 1))
