"""Results of CaImAn, as it saves them in HDF5."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import CorruptRecordingError, FormatError
from wormio.model import Channel
from wormio.model._fields import as_dict, as_tuple
from wormio.signal.importing._making import digest, make_signal, sample_times
from wormio.signal.signal import Signal
from wormio.storage.foreign_hdf5 import dataset, group, has, open_foreign

if TYPE_CHECKING:
    import h5py
    from scipy.sparse import csc_array

__all__ = ["CaimanResults", "read_caiman"]

# Name in the file, quantity, unit. Those that are None in the file are left out.
_TRACES = {
    "C": ("denoised fluorescence", "arbitrary"),
    "F_dff": ("dF/F", ""),
    "S": ("deconvolved activity", "arbitrary"),
    "YrA": ("residual fluorescence", "arbitrary"),
    "R": ("residual fluorescence", "arbitrary"),
    "f": ("background fluorescence", "arbitrary"),
}


@attrs.frozen(kw_only=True, eq=False)
class CaimanResults:
    """What a file of CaImAn holds; N components, T frames.

    Parameters
    ----------
    signals : mapping of str to Signal
        By CaImAn's names: ``"C"`` (denoised), ``"F_dff"`` (dF/F), ``"S"`` (deconvolved), ``"YrA"``
        and ``"R"`` (residuals), ``"f"`` (background, whose columns are its parts).
    footprints : (pixels, N) sparse array or None
        ``A``: weights of each component; pixels in Fortran's order of `shape`.
    shape : tuple of int
        Of the image, (d1, d2) or (d1, d2, d3); empty if it is not known.
    """

    signals: Mapping[str, Signal] = attrs.field(converter=as_dict)
    footprints: csc_array | None = attrs.field(repr=False)
    shape: tuple[int, ...] = attrs.field(converter=as_tuple)

    def centres(self) -> NDArray[np.float64]:
        """Return the weighted centre of each component, (N, D) pixels in the order of `shape`.

        Raises
        ------
        FormatError
            The file has no footprints, or does not tell the image's shape.
        """
        if self.footprints is None or not self.shape:
            raise FormatError("the file has no footprints, or not the shape of the image")
        pixels = np.unravel_index(np.arange(self.footprints.shape[0]), self.shape, order="F")
        weights = np.asarray(self.footprints.sum(axis=0)).ravel()
        sums = np.stack(pixels, axis=1).T @ self.footprints
        with np.errstate(invalid="ignore"):  # a component without pixels has no centre: NaN
            found: NDArray[np.float64] = (np.asarray(sums) / weights).T
        return found


def read_caiman(
    path: Path,
    *,
    rate: float | None = None,
    times: ArrayLike | None = None,
    accepted: bool | None = None,
    channel: Channel | None = None,
) -> CaimanResults:
    """Read what ``cnm.save("results.hdf5")`` wrote.

    Parameters
    ----------
    path : path-like
    rate : float, optional
        Frames a second. The file's own ``params/data/fr`` is 30 wherever nobody set it, so it is
        not taken; the step ``import`` holds it.
    times : (T,) array_like, optional
        Of the frames, in seconds. Default: unknown, NaN.
    accepted : bool, optional
        True: only components that passed CaImAn's evaluation (``idx_components``). False: all.
        Default: those that passed if there was an evaluation, else all.
    channel : Channel, optional
        Default: one named ``"functional"``.

    Returns
    -------
    CaimanResults
        Labels are CaImAn's numbers of the components.

    Raises
    ------
    MissingPartError, TruncatedRecordingError, CorruptRecordingError, UnsafeReferenceError
    FormatError
        It holds no results of CaImAn, or no evaluation although one was asked for.
    OptionError
        The times do not fit.
    """
    path = Path(path)
    with open_foreign(path) as file:
        estimates = _estimates(file, path)
        tables = {name: _numbers(estimates, name, path) for name in _TRACES}
        good = _numbers(estimates, "idx_components", path)
        file_rate = _file_rate(file, path)
        footprints, shape = _footprints(estimates, path)
    found = {name: values for name, values in tables.items() if values is not None}
    first = next((found[name] for name in ("C", "F_dff", "S") if name in found), None)
    if first is None or first.ndim != 2:
        raise FormatError(
            "the file holds no traces of CaImAn",
            expected="estimates/C or estimates/F_dff (components, frames)",
            found=", ".join(found) or "none",
            path=path,
        )
    n, n_frames = first.shape
    keep = _kept(good, n, accepted, path)
    time, about = sample_times(n_frames, times, rate, path)
    about |= {"components": n, "evaluated": good is not None, "sha256": digest(path)}
    about |= {"fr_in_file": file_rate}
    channel = Channel(name="functional", role="signal") if channel is None else channel
    signals = {}
    for name, values in found.items():
        if values.ndim != 2 or (name != "f" and values.shape != first.shape):
            raise CorruptRecordingError(
                f"estimates/{name} does not fit the other traces",
                expected=f"shape {first.shape}",
                found=f"shape {values.shape}",
                path=path,
            )
        rows = np.arange(len(values)) if name == "f" else keep
        quantity, unit = _TRACES[name]
        signals[name] = make_signal(
            values[rows].T,
            path,
            "caiman",
            channel=channel,
            time=time,
            about={**about, "name": name},
            labels=rows.tolist(),
            quantity=quantity,
            unit=unit,
        )
    if footprints is not None:
        if footprints.shape[1] != n:
            raise CorruptRecordingError(
                "the footprints do not fit the traces",
                expected=f"{n} components",
                found=f"{footprints.shape[1]}",
                path=path,
            )
        footprints = footprints[:, keep]
    return CaimanResults(signals=signals, footprints=footprints, shape=shape)


def _estimates(file: h5py.File, path: Path) -> h5py.Group:
    if not has(file, "estimates"):
        raise FormatError(
            "the file holds no results of CaImAn",
            expected="a group 'estimates'",
            found=", ".join(list(file)[:20]) or "an empty file",
            path=path,
        )
    return group(file, "estimates", folder=path.absolute().parent)


def _numbers(parent: h5py.Group, name: str, path: Path) -> NDArray[np.float64] | None:
    """Return an array; None if it is not there, or is CaImAn's ``None``, a text."""
    import h5py

    link = parent.get(name, getlink=True)
    if link is None:
        return None
    # What lies behind another link is only looked at by `dataset`, which guards it.
    if isinstance(link, h5py.HardLink) and parent.get(name, getclass=True) is not h5py.Dataset:
        return None
    source = dataset(parent, name, folder=path.absolute().parent)
    if source.dtype.kind not in "iuf":
        return None
    return np.asarray(source[()], np.float64)


def _kept(
    good: NDArray[np.float64] | None, n: int, accepted: bool | None, path: Path
) -> NDArray[np.int64]:
    if good is None and accepted:
        raise FormatError(
            "the components were never evaluated",
            expected="estimates/idx_components",
            path=path,
            cure="accepted=False takes all",
        )
    if good is None or accepted is False:
        return np.arange(n)
    keep = good.ravel().astype(np.int64)
    if ((keep < 0) | (keep >= n)).any() or len(np.unique(keep)) != len(keep):
        raise CorruptRecordingError(
            "estimates/idx_components does not fit the traces",
            expected=f"different numbers from 0 to {n - 1}",
            path=path,
        )
    return keep


def _file_rate(file: h5py.File, path: Path) -> float | None:
    if not has(file, "params/data/fr"):
        return None
    found = _numbers(group(file, "params/data", folder=path.absolute().parent), "fr", path)
    return float(found.ravel()[0]) if found is not None and found.size == 1 else None


def _footprints(estimates: h5py.Group, path: Path) -> tuple[csc_array | None, tuple[int, ...]]:
    from scipy.sparse import csc_array

    dims = _numbers(estimates, "dims", path)
    shape = () if dims is None else tuple(int(n) for n in dims.ravel())
    if not has(estimates, "A"):
        return None, shape
    inner = group(estimates, "A", folder=path.absolute().parent)
    parts: dict[str, Any] = {
        name: _numbers(inner, name, path) for name in ("data", "indices", "indptr", "shape")
    }
    absent = [name for name, values in parts.items() if values is None]
    if absent:
        raise CorruptRecordingError(
            "estimates/A is no sparse array", expected=", ".join(parts), found=f"no {absent[0]}"
        )
    rows, columns = (int(n) for n in parts["shape"].ravel())
    if shape and int(np.prod(shape, dtype=object)) != rows:
        raise CorruptRecordingError(
            "the footprints do not fit the image",
            expected=f"{' x '.join(map(str, shape))} pixels",
            found=f"{rows} pixels",
        )
    indices, indptr = (parts[name].astype(np.int64) for name in ("indices", "indptr"))
    made = csc_array((parts["data"], indices, indptr), shape=(rows, columns))
    made.check_format(full_check=True)
    return made, shape
