"""Neuron positions from arrays of NumPy, whose axes the user states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wormio.errors import ContractError, FormatError, OptionError
from wormio.model import Positions
from wormio.storage.npy import load_npy, load_npz

__all__ = ["read"]

_CURE = "say it: axes='neuron, zyx', or axes='volume, neuron, zyx', in the order of the array"
_MAX_CELLS = 60_000_000


def read(
    path: Path,
    *,
    axes: str | None = None,
    z_unit: str | None = None,
    key: str | None = None,
    channel: str | None = None,
) -> Positions:
    """Read positions from a .npy or .npz file.

    y and x are in pixels. NaN is a neuron that was not found. In a .npz file, an array ``labels``
    (N,) names the neurons, and ``confidence``, of the positions' shape without its last axis, is
    taken too.

    Parameters
    ----------
    path : Path
    axes : str
        What each axis is, in order: ``"neuron, zyx"`` for (N, 3), ``"volume, neuron, xyz"`` for
        tracked ones (V, N, 3) whose columns are x, y, z. Never guessed.
    z_unit : {"um", "frame"}
        µm, or the index of the frame in its volume. Never guessed.
    key : str, optional
        Of a .npz file: the array that holds the positions. Default: the only one that is neither
        ``labels`` nor ``confidence``.
    channel : str, optional
        Name of the channel they were found in.

    Raises
    ------
    OptionError
        The axes, the unit or the array are not said, or do not fit.
    FormatError
        The array holds no positions.
    MissingPartError, UnsafeReferenceError, TruncatedRecordingError, CorruptRecordingError
    """
    names, columns = _axes(axes, path)
    unit: Any = z_unit
    if unit not in {"um", "frame"}:
        raise OptionError(
            "the unit of z is not known",
            expected="'um' or 'frame'",
            found="nothing" if z_unit is None else repr(z_unit),
            path=path,
            cure="say it: --z-unit um or --z-unit frame (z_unit= in Python)",
        )
    values, others = _arrays(path, key)
    if values.ndim != len(names) + 1 or values.shape[-1] != 3 or values.dtype.kind not in "iuf":
        raise FormatError(
            "the array does not have these axes",
            expected=f"numbers ({', '.join(names)}, {columns})",
            found=f"{values.dtype} of shape {values.shape}",
            path=path,
        )
    if values.size > _MAX_CELLS:
        raise FormatError(
            "there are more positions than any recording has", found=str(values.shape), path=path
        )
    zyx = values[..., [columns.index(axis) for axis in "zyx"]].astype(np.float64)
    confidence = others.get("confidence")
    if confidence is not None and confidence.shape != values.shape[:-1]:
        raise FormatError(
            "confidence does not fit the positions",
            expected=f"shape {values.shape[:-1]}",
            found=f"shape {confidence.shape}",
            path=path,
        )
    if names == ("neuron", "volume"):
        zyx = zyx.swapaxes(0, 1)
        confidence = None if confidence is None else confidence.swapaxes(0, 1)
    given: dict[str, Any] = {}
    if "labels" in others:
        given["labels"] = [str(one) for one in others["labels"].ravel().tolist()]
    try:
        return Positions(coords=zyx, z_unit=unit, confidence=confidence, channel=channel, **given)
    except ContractError as error:
        raise FormatError(
            error.problem, expected=error.expected, found=error.found, path=path
        ) from error


def _axes(axes: str | None, path: Path) -> tuple[tuple[str, ...], str]:
    """Return the names of all axes but the last, and the order of the coordinates."""
    parts = [part.strip() for part in (axes or "").lower().split(",")]
    names, columns = tuple(parts[:-1]), parts[-1]
    known = {("neuron",), ("volume", "neuron"), ("neuron", "volume")}
    if names not in known or sorted(columns) != ["x", "y", "z"]:
        raise OptionError(
            "the axes of the array are not known" if axes is None else "the axes are unknown",
            expected="neuron, and volume if they were tracked; then zyx in their order",
            found="nothing" if axes is None else repr(axes),
            path=path,
            cure=_CURE,
        )
    return names, columns


def _arrays(path: Path, key: str | None) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
    if path.suffix.lower() != ".npz":
        if key is not None:
            raise OptionError("key means nothing here", expected="a .npz file", path=path)
        return load_npy(path), {}
    found = dict(load_npz(path))
    others = {name: found[name] for name in ("labels", "confidence") if name in found}
    left = [name for name in found if name not in others]
    if key is None and len(left) == 1:
        key = left[0]
    if key not in found:
        raise OptionError(
            "which array holds the positions?" if key is None else f"there is no array {key!r}",
            expected=f"key=, one of {', '.join(left)[:500] or 'none'}",
            path=path,
        )
    return found[key], {name: values for name, values in others.items() if name != key}
