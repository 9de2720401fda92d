"""A folder of wormdatamodel's files: what is in it, and its traces as signals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, get_args

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import FormatError, MissingPartError, OptionError
from wormio.model._fields import as_dict
from wormio.signal.importing._making import events_of_strides
from wormio.signal.importing.heatdata import read_heat_data
from wormio.signal.importing.legacy import read_legacy_pickle
from wormio.signal.importing.text import read_text, read_text_header
from wormio.signal.signal import Signal

__all__ = ["LegacyFolder", "Prefer", "read_legacy_folder"]

Prefer = Literal["text", "pickle"]

_THRESHOLD = "matchless_nan_th.txt"
_ADDED = "added_ref_neurons.txt"
_MOST_SHOWN = 500
_TRACES = ("green", "red", "signal")
_MATLAB = {"heatData.mat", "heatDataMS.mat"}
_OF_RECORDING = "of the recording: wormio.open reads the folder"
_OTHERS = {
    "recording.pickle": _OF_RECORDING,
    "framesDetails.txt": _OF_RECORDING,
    "other-frameSynchronous.txt": _OF_RECORDING,
    "other-volumeMetadataUtilities.txt": _OF_RECORDING,
    "pharosTriggers.txt": _OF_RECORDING,
    "zScan.json": _OF_RECORDING,
    "brains.json": "positions: wormio.read_positions reads them",
    "matches.txt": "positions: wormio.read_positions reads them with brains.json",
}


@attrs.frozen(kw_only=True)
class LegacyFolder:
    """What a folder of wormdatamodel's files holds.

    Parameters
    ----------
    signals : mapping of str to Signal
        By the files' names without ending: ``"green"``, ``"red"``, ``"green_matchless"``,
        ``"signal"``; and ``"green_unsmoothed"`` where a pickle holds smoothed traces. Those of
        ``heatData.mat`` by MATLAB's names, ``"rRaw"``.
    files : mapping of str to str
        Of each signal, the file it was read from.
    left_out : mapping of str to str
        Files that were not read, or parts of one, and why.
    matchless_nan_th : float or None
        Share of missing samples from which a neuron is to be taken from the matchless traces.
    added_ref_neurons : (n, C) float64
        One row a neuron that was added by hand: they are the last n columns of the traces.
    """

    signals: Mapping[str, Signal] = attrs.field(converter=as_dict)
    files: Mapping[str, str] = attrs.field(converter=as_dict)
    left_out: Mapping[str, str] = attrs.field(converter=as_dict)
    matchless_nan_th: float | None
    added_ref_neurons: NDArray[np.float64] = attrs.field(eq=attrs.cmp_using(eq=np.array_equal))

    @property
    def n_added(self) -> int:
        """How many neurons were added by hand."""
        return len(self.added_ref_neurons)


def read_legacy_folder(
    folder: Path,
    *,
    prefer: Prefer = "text",
    leave_out: Iterable[str] = (),
    rate: float | None = None,
    times: ArrayLike | None = None,
    strides: Mapping[str, Iterable[int]] | None = None,
) -> LegacyFolder:
    """Read the traces of a folder; nothing in it is changed, and no pickle is run.

    Matchless traces stay signals of their own: putting them in is a step of its own. The threshold
    and the neurons that were added by hand stand in each signal's step ``import``, as
    ``matchless_nan_th`` and ``added_ref_neurons``; not in those of ``heatData.mat``, which know
    neither.

    Parameters
    ----------
    folder : path-like
    prefer : {"text", "pickle"}
        Which file counts where there are two of one name. The text holds the raw traces; the
        pickle those to which something was done already, and it may be older.
    leave_out : iterable of str
        Names of files that are not to be read.
    rate : float, optional
        Volumes a second.
    times : (T,) array_like, optional
        Of the volumes, in seconds. Default: unknown, NaN.
    strides : mapping of str to iterable of int, optional
        Lengths of the blocks that stimuli cut the volumes into.

    Returns
    -------
    LegacyFolder

    Raises
    ------
    MissingPartError
        There is no such folder, or no traces are in it.
    OptionError
        `prefer` is unknown, a file to leave out is not there, or times do not fit.
    FormatError, SignalError, UnsafeReferenceError, RecordingError
        Of the file that cannot be read.
    """
    folder = Path(folder)
    if prefer not in get_args(Prefer):
        raise OptionError("prefer is unknown", expected="'text' or 'pickle'", found=repr(prefer))
    if not folder.is_dir():
        raise MissingPartError(
            "is no folder" if folder.exists() else "there is no such folder",
            path=folder,
            cure="name the folder that holds the file; in Python, read_text and "
            "read_legacy_pickle read a single one"
            if folder.exists()
            else "",
        )
    there = sorted(path.name for path in folder.iterdir() if path.is_file())
    chosen, left_out = _choose(there, prefer, set(leave_out), folder)
    matlab = [name for name in there if name in _MATLAB and name not in left_out]
    if not chosen and not matlab:
        raise MissingPartError(
            "there are no traces in the folder",
            expected="green.txt, red.txt, green.pickle, signal.pickle, heatData.mat, ...",
            found=_some(f"{name} ({why})" for name, why in left_out.items()) or "no such files",
            path=folder,
        )
    threshold = _threshold(folder / _THRESHOLD) if _THRESHOLD in there else None
    added = _added(folder / _ADDED) if _ADDED in there else np.zeros((0, 3))
    given: dict[str, Any] = {"rate": rate, "times": times}
    signals: dict[str, Signal] = {}
    files: dict[str, str] = {}
    for name, file in chosen.items():
        path = folder / file
        if path.suffix == ".txt":
            found = {name: _with_events(read_text(path, **given), strides, path)}
        else:
            given_all = {**given, "strides": strides}
            found = {name: read_legacy_pickle(path, **given_all)}
            if any(step.name == "smooth" for step in found[name].history):
                with suppress(OptionError):  # older ones did not keep them
                    before = read_legacy_pickle(path, unsmoothed=True, **given_all)
                    found[f"{name}_unsmoothed"] = before
        for key, signal in found.items():
            signals[key] = _with_facts(signal, threshold, added)
            files[key] = file
    for file in matlab:
        heat = read_heat_data(folder / file, **given)
        for name, signal in heat.signals.items():
            key = name if name not in signals else f"{file.removesuffix('.mat')}-{name}"
            signals[key] = _with_events(signal, strides, folder / file)
            files[key] = file
        rest = [*heat.tables, *heat.left_out]
        if rest:
            left_out[f"{file}: {', '.join(rest)}"] = "no traces: read_heat_data reads what it knows"
    return LegacyFolder(
        signals=signals,
        files=files,
        left_out=left_out,
        matchless_nan_th=threshold,
        added_ref_neurons=added,
    )


def _choose(
    there: list[str], prefer: Prefer, unwanted: set[str], folder: Path
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the file of each signal, and why each other file is left out."""
    missing = unwanted - set(there)
    if missing:
        raise OptionError(
            "a file to leave out is not there", found=", ".join(sorted(missing)), path=folder
        )
    left_out: dict[str, str] = {}
    found: dict[str, dict[str, str]] = {}
    for file in there:
        stem, _, ending = file.rpartition(".")
        kind = {"txt": "text", "pickle": "pickle"}.get(ending)
        if file in unwanted:
            left_out[file] = "as asked"
        elif file in {_THRESHOLD, _ADDED} | _MATLAB:
            continue
        elif file in _OTHERS:
            left_out[file] = _OTHERS[file]
        elif kind is None:
            left_out[file] = "not a file of traces"
        elif kind == "pickle" and stem not in _TRACES:
            left_out[file] = (
                "a pickle of another name than green, red and signal: "
                "wormio.signal.importing.read_legacy_pickle reads it if it holds a signal"
            )
        elif kind == "text" and not _is_text_signal(folder / file, stem):
            left_out[file] = (
                "no header of a text signal: wormio.signal.importing.read_text reads it if it "
                "is one"
            )
        else:
            found.setdefault(stem, {})[kind] = file
    chosen = {}
    for stem, files in found.items():
        kind = prefer if prefer in files else next(iter(files))
        chosen[stem] = files[kind]
        for other in set(files.values()) - {files[kind]}:
            left_out[other] = f"{files[kind]} is taken: prefer={prefer!r}"
    return chosen, left_out


def _is_text_signal(path: Path, stem: str) -> bool:
    if stem.removesuffix("_matchless") in _TRACES:
        return True  # also one without a header
    with suppress(FormatError):
        return not {"method", "wormio"}.isdisjoint(read_text_header(path))
    return False


def _threshold(path: Path) -> float:
    with path.open(encoding="utf-8", errors="replace") as file:
        line = file.readline(1000).strip()
    try:
        value = float(line)
        if not 0 <= value <= 1:
            raise ValueError("no share")
    except ValueError as error:
        raise FormatError(
            "the threshold cannot be read",
            expected="one number from 0 to 1 in the first line",
            found=repr(line)[:100] if line else "an empty line",
            path=path,
        ) from error
    return value


def _added(path: Path) -> NDArray[np.float64]:
    """Return the table of added neurons; one row is a table, too, and so is none."""
    try:
        lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
        if not any(not line.lstrip().startswith("#") for line in lines):
            return np.zeros((0, 3))
        return np.loadtxt(lines, ndmin=2)
    except ValueError as error:
        raise FormatError(
            "the neurons that were added by hand cannot be read",
            expected="one row of numbers a neuron",
            found=str(error)[:200],
            path=path,
        ) from error


def _with_events(signal: Signal, strides: Mapping[str, Iterable[int]] | None, path: Path) -> Signal:
    if strides is None:
        return signal
    return attrs.evolve(signal, events=events_of_strides(strides, signal.time, path))


def _with_facts(signal: Signal, threshold: float | None, added: NDArray[np.float64]) -> Signal:
    """Return the signal with what the folder says of it in its step ``import``."""
    *before, step = signal.history
    facts = {"matchless_nan_th": threshold, "added_ref_neurons": added.tolist()}
    step = attrs.evolve(step, parameters={**step.parameters, **facts})
    return attrs.evolve(signal, history=(*before, step))


def _some(texts: Iterable[str]) -> str:
    """Return the first few texts, whole, and how many more there are."""
    first, *rest = [*texts] or [""]
    shown = [first]
    while rest and len(", ".join([*shown, rest[0]])) <= _MOST_SHOWN:
        shown.append(rest.pop(0))
    return ", ".join(shown) + (f" and {len(rest)} more" if rest else "")
