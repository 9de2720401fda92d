"""Traces of suite2p: ``F.npy``, ``Fneu.npy``, ``spks.npy`` and ``iscell.npy`` of one plane."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import CorruptRecordingError, MissingPartError, OptionError
from wormio.model import Channel
from wormio.signal.importing._making import digest, make_signal, sample_times
from wormio.signal.signal import Signal
from wormio.storage.npy import load_npy

__all__ = ["read_suite2p"]

# Name of the file, quantity, unit, and what suite2p did.
_FILES = {
    "F": ("fluorescence", "counts"),
    "Fneu": ("neuropil fluorescence", "counts"),
    "spks": ("deconvolved activity", "arbitrary"),
}


def read_suite2p(
    folder: Path,
    *,
    rate: float | None = None,
    times: ArrayLike | None = None,
    accepted: bool | None = None,
    channel: Channel | None = None,
) -> dict[str, Signal]:
    """Read the traces of one plane. Nothing is subtracted: ``F`` still has its neuropil.

    ``ops.npy`` and ``stat.npy`` are pickles of objects and are not read: the rate in them must be
    given.

    Parameters
    ----------
    folder : path-like
        ``plane0``, ``combined``, ..., or a folder with only one such.
    rate : float, optional
        Frames a second of this plane (``ops["fs"]``).
    times : (T,) array_like, optional
        Of the frames, in seconds. Default: unknown, NaN.
    accepted : bool, optional
        True: only regions that ``iscell.npy`` calls cells. False: all. Default: cells if there is
        that file, else all.
    channel : Channel, optional
        Default: one named ``"functional"``.

    Returns
    -------
    dict of str to Signal
        ``"F"``, ``"Fneu"``, ``"spks"``, of those that are there. Labels are suite2p's numbers of
        the regions; the step ``import`` holds each one's probability of being a cell.

    Raises
    ------
    MissingPartError
        There is no F.npy, or no iscell.npy although cells were asked for.
    OptionError
        There are several planes, or the times do not fit.
    FormatError, UnsafeReferenceError, TruncatedRecordingError, CorruptRecordingError
    """
    folder = _plane(Path(folder))
    path = folder / "F.npy"
    first = _traces(path)
    n_regions, n_frames = first.shape
    cells = _cells(folder / "iscell.npy", n_regions, accepted)
    keep = np.arange(n_regions) if cells is None or accepted is False else np.flatnonzero(cells[0])
    time, about = sample_times(n_frames, times, rate, path)
    about |= {"regions": n_regions, "accepted": len(keep) if cells is not None else None}
    if cells is not None:
        about |= {"is_cell": cells[0][keep].tolist(), "probability": cells[1][keep].tolist()}
    channel = Channel(name="functional", role="signal") if channel is None else channel
    signals = {}
    for name, (quantity, unit) in _FILES.items():
        path = folder / f"{name}.npy"
        if not path.exists():
            continue
        values = first if name == "F" else _traces(path)
        if values.shape != first.shape:
            raise CorruptRecordingError(
                "the files of the plane do not fit together",
                expected=f"shape {first.shape}, as F.npy",
                found=f"shape {values.shape}",
                path=path,
            )
        signals[name] = make_signal(
            values[keep].T,
            path,
            "suite2p",
            channel=channel,
            time=time,
            about={**about, "sha256": digest(path)},
            labels=keep.tolist(),
            quantity=quantity,
            unit=unit,
        )
    return signals


def _plane(folder: Path) -> Path:
    if not folder.is_dir():
        raise MissingPartError("there is no such folder", path=folder)
    if (folder / "F.npy").exists():
        return folder
    inner = [*folder.glob("*/F.npy"), *folder.glob("suite2p/*/F.npy")]
    if not inner:
        raise MissingPartError(
            "there are no traces of suite2p", expected="F.npy", found="none", path=folder
        )
    if len(inner) > 1:
        listed = ", ".join(sorted(str(path.parent.relative_to(folder)) for path in inner))
        raise OptionError(
            "which plane?",
            expected=f"one of {listed}",
            path=folder,
            cure="read each plane by its own folder: their samples have different times",
        )
    return inner[0].parent


def _traces(path: Path) -> NDArray[np.float64]:
    values = load_npy(path)
    if values.ndim != 2 or values.dtype.kind not in "iuf":
        raise CorruptRecordingError(
            "the file holds no traces",
            expected="numbers (regions, frames)",
            found=f"{values.dtype} of shape {values.shape}",
            path=path,
        )
    return values.astype(np.float64)


def _cells(
    path: Path, n_regions: int, accepted: bool | None
) -> tuple[NDArray[np.bool_], NDArray[np.float64]] | None:
    if not path.exists():
        if accepted:
            raise MissingPartError(
                "which regions are cells is not known", path=path, cure="accepted=False takes all"
            )
        return None
    values = load_npy(path)
    if values.shape != (n_regions, 2) or values.dtype.kind not in "iuf":
        raise CorruptRecordingError(
            "iscell.npy does not fit F.npy",
            expected=f"shape ({n_regions}, 2): is it a cell, with which probability",
            found=f"{values.dtype} of shape {values.shape}",
            path=path,
        )
    return values[:, 0] != 0, values[:, 1].astype(np.float64)
