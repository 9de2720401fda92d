"""Neuron positions as ZephIR writes them: ``annotations.h5``, one row a neuron and time point."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError, FormatError, MissingPartError, OptionError
from wormio.formats.hdf5.zephir_metadata import NAME, image_shape, read_metadata
from wormio.model import Positions
from wormio.storage.foreign_hdf5 import dataset, has, open_foreign

__all__ = ["read"]

_COLUMNS = ("t_idx", "worldline_id", "z", "y", "x")
_MAX_POSITIONS = 20_000_000
# Tracking may lose a neuron beyond the edge of the image; pixels are farther out.
_FAR_OUTSIDE = 2.0


def read(path: Path, *, shape: object = None, provenance: str | None = None) -> Positions:
    """Read the annotations of a recording.

    ZephIR's coordinates run from 0 to 1 over the whole image, from edge to edge: the centre of
    pixel i of n lies at (i + 0.5) / n. So the index is ``coordinate * n - 0.5``, for y, x and z
    alike; z is the index of the plane in its volume (``z_unit`` is ``"frame"``).

    Parameters
    ----------
    path : Path
    shape : (int, int, int) or str, optional
        Z, Y, X of the images: ``(23, 200, 512)`` or ``"23,200,512"``. Default: that of the
        metadata.json beside the file.
    provenance : str, optional
        Only rows of this origin, for example ``"ZEIR"`` (tracked) or ``"ANTT"`` (by hand).

    Returns
    -------
    Positions
        Tracked, one volume a time point; NaN where a neuron has no row. Labels are the
        worldline ids.

    Raises
    ------
    OptionError
        The shape is not known, or no row has that provenance.
    FormatError
        The file has not the columns of annotations.
    CorruptRecordingError
        They contradict each other.
    """
    size, n_volumes = _image(path, shape)
    columns = _columns(path, provenance)
    time, neuron = (columns[name].astype(np.int64) for name in ("t_idx", "worldline_id"))
    ids, at = np.unique(neuron, return_inverse=True)
    n_volumes = max(n_volumes, int(time.max()) + 1)
    if time.min() < 0 or n_volumes * len(ids) > _MAX_POSITIONS:
        raise CorruptRecordingError(
            "t_idx cannot be an index of volumes",
            found=f"{time.min()} to {time.max()}",
            path=path,
        )
    _check_unique(time, at, n_volumes, path)
    coords = np.full((n_volumes, len(ids), 3), np.nan)
    for axis, (name, n) in enumerate(zip("zyx", size, strict=True)):
        values = columns[name].astype(np.float64)
        if np.isinf(values).any() or (np.abs(values - 0.5) > _FAR_OUTSIDE).any():
            raise CorruptRecordingError(
                f"{name} is not normalised",
                expected="coordinates between 0 and 1",
                found=f"{np.nanmin(values)} to {np.nanmax(values)}",
                path=path,
            )
        coords[time, at, axis] = values * n - 0.5
    return Positions.tracked(coords, z_unit="frame", labels=[str(one) for one in ids])


def _image(path: Path, shape: object) -> tuple[tuple[int, ...], int]:
    """Return (Z, Y, X) and the number of volumes, 0 if it is not known."""
    if shape is not None:
        values = re.findall(r"[^,x\s()]+", shape) if isinstance(shape, str) else shape
        try:
            given = tuple(map(_whole, values)) if isinstance(values, Iterable) else ()
        except (TypeError, ValueError):
            given = ()
        if len(given) != 3 or min(given) < 1:
            raise OptionError(
                "shape is not that of a volume",
                expected="Z, Y, X, three positive whole numbers: shape=23,200,512",
                found=repr(shape),
            )
        return given, 0
    folder = path.absolute().parent
    try:
        metadata = read_metadata(folder / NAME)
    except MissingPartError as error:
        raise OptionError(
            "the shape of the images is not known: the file's coordinates are fractions of it",
            expected="shape=, or metadata.json beside the file",
            path=path,
            cure="say it: shape=(Z, Y, X), for example shape=23,200,512",
        ) from error
    n_volumes, *size = image_shape(metadata, "TZYX", folder)
    return tuple(size), n_volumes


def _whole(value: Any) -> int:
    number = int(value)
    if number != float(value):
        raise ValueError("no whole number")
    return number


def _columns(path: Path, provenance: str | None) -> dict[str, NDArray[Any]]:
    folder = path.absolute().parent
    with open_foreign(path) as file:
        absent = [name for name in _COLUMNS if not has(file, name)]
        if absent:
            raise FormatError(
                "these are no annotations of ZephIR",
                expected=", ".join(_COLUMNS),
                found=f"no {', '.join(absent)}; there are {', '.join(list(file)[:20])}",
                path=path,
            )
        names = [*_COLUMNS, *(["provenance"] if provenance is not None else [])]
        sources = {name: dataset(file, name, folder=folder) for name in names}
        n_rows = sources["t_idx"].size
        for name, source in sources.items():
            kinds = "S" if name == "provenance" else "ui" if name in _COLUMNS[:2] else "f"
            # MATLAB writes columns with a second dimension of length 1.
            if source.size != n_rows or max(source.shape or (0,)) != n_rows or not n_rows:
                problem = f"column {name} has another length than t_idx, or none"
            elif source.dtype.kind not in kinds:
                problem = f"column {name} holds other values than annotations do"
            else:
                continue
            raise CorruptRecordingError(
                problem,
                expected=f"{n_rows} values",
                found=f"{source.dtype} of shape {source.shape}",
                path=path,
            )
        columns = {name: np.asarray(source[()]).ravel() for name, source in sources.items()}
    if provenance is None:
        return columns
    wanted = columns.pop("provenance") == provenance.encode()
    if not wanted.any():
        raise OptionError(f"no row has the provenance {provenance!r}", path=path)
    return {name: values[wanted] for name, values in columns.items()}


def _check_unique(
    time: NDArray[np.int64], neuron: NDArray[np.intp], n_volumes: int, path: Path
) -> None:
    rows = np.sort(neuron * n_volumes + time)
    twice = rows[1:][rows[1:] == rows[:-1]]
    if len(twice):
        at = int(twice[0]) % n_volumes
        raise CorruptRecordingError(
            f"{len(twice)} rows give a neuron a second position, the first at t_idx {at}",
            expected="one row a neuron and time point",
            path=path,
            cure="provenance= takes those of one origin only, for example provenance='ANTT'",
        )
