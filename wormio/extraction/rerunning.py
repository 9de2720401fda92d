"""Repeating an extraction from what its signals embed, and saying whether the result differs."""

from __future__ import annotations

import inspect
import itertools
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from wormio.errors import MissingPartError, SignalError, WormioError
from wormio.extraction.backgrounds import background_from_json
from wormio.extraction.engine import extract
from wormio.extraction.executors import ExecutorArgument
from wormio.extraction.labelled import describe_labels
from wormio.extraction.masks import mask_from_json
from wormio.extraction.reducers import reducer_from_json
from wormio.mapping import PointMap
from wormio.model import Labels, Positions, Recording, Source, recording_id
from wormio.registry import reopen
from wormio.signal import Provenance, Signal

__all__ = ["Change", "Rerun", "rerun"]

_log = logging.getLogger(__name__)

# Recordings lie a few folders deep; the disk of a lab has millions of files.
_MAX_DEPTH = 6
_MAX_TRIES = 1000


@attrs.frozen
class Change:
    """One column of a signal that is not what it was.

    Parameters
    ----------
    channel, column : str
    how : str
        In words.
    """

    channel: str
    column: str
    how: str

    def __str__(self) -> str:
        return f"{self.channel}: {self.column} {self.how}"


@attrs.frozen(kw_only=True)
class Rerun:
    """An extraction that was repeated.

    Parameters
    ----------
    path : str
        Where the recording was found.
    signals : mapping of str to Signal
        As they came out this time.
    columns : int
        How many were compared, of all channels.
    changes : tuple of Change
        Empty if nothing differs.
    versions : mapping of str to (str, str)
        Software that is another one than then: then, now.
    """

    path: str
    signals: Mapping[str, Signal]
    columns: int
    changes: tuple[Change, ...]
    versions: Mapping[str, tuple[str, str]]


def rerun(
    signals: Mapping[str, Signal],
    *,
    root: str | os.PathLike[str] | None = None,
    labels: Labels | None = None,
    executor: ExecutorArgument = None,
    progress: Callable[[int, int], None] | None = None,
) -> Rerun:
    """Extract again what signals were extracted from, and compare column by column.

    Parameters
    ----------
    signals : mapping of str to Signal
        As `extract` made them, or `wormio.load` read them.
    root : path-like, optional
        Folder in which the recording is looked for, under whatever name; default: where it was.
        It is known by its identity, never by its path.
    labels : Labels, optional
        The label image, if the signals were extracted by one: of that they keep the checksum only.
    executor, progress
        As of `extract`.

    Raises
    ------
    SignalError
        The signals do not say how they were extracted, were processed since, or were made by a
        newer version of wormio; or the label image is missing, or another one.
    MissingPartError
        The recording is not there.
    """
    provenance = _provenance(signals)
    where = _where(signals, provenance, labels)
    recording = _found(provenance, None if root is None else Path(root))
    try:
        again = extract(
            recording,
            where,
            executor=executor,
            progress=progress,
            **_arguments(provenance.options),
        )
        changes, columns = _compare(signals, again)
        now = next(iter(again.values())).provenance
        versions = {} if now is None else now.versions
        return Rerun(
            path=str(recording.source.leaves()[0].arguments.get("path", "")),
            signals=again,
            columns=columns,
            changes=tuple(changes),
            versions={
                name: (str(provenance.versions.get(name)), str(versions.get(name)))
                for name in {**provenance.versions, **versions}
                if provenance.versions.get(name) != versions.get(name)
            },
        )
    finally:
        recording.close()


def _provenance(signals: Mapping[str, Signal]) -> Provenance:
    for name, signal in signals.items():
        if signal.provenance is None:
            raise SignalError(
                f"signal {name!r} does not say how it was extracted",
                cure="only what wormio extracted can be repeated",
            )
        if len(signal.history) != 1:
            raise SignalError(
                f"signal {name!r} was processed after it was extracted",
                expected="the file that `wormio extract` wrote",
                found=", ".join(step.name for step in signal.history),
            )
    first = next(iter(signals.values()), None)
    if first is None or first.provenance is None:
        raise SignalError("there is no signal")
    return first.provenance


def _where(
    signals: Mapping[str, Signal], provenance: Provenance, labels: Labels | None
) -> Positions | dict[str, Positions] | Labels:
    """Return the neurons, as they were given: positions for all channels, or for each; labels."""
    mask = provenance.options.get("mask")
    kept = mask if isinstance(mask, Mapping) and mask.get("name") == "labels" else None
    given = None if labels is None else describe_labels(labels)
    if kept != given:
        raise SignalError(
            "the signals were extracted by another label image"
            if kept and given
            else "the signals were extracted by a label image, of which they keep the checksum only"
            if kept
            else "the signals were not extracted by a label image",
            expected=_label_words(kept),
            found=_label_words(given),
            cure="give the same image: wormio.extraction.rerun(signals, labels=...)"
            if kept
            else "leave labels= out",
        )
    if labels is not None:
        return labels
    if "positions_by_channel" not in provenance.options:
        return provenance.positions
    return {
        signal.channel.name: signal.provenance.positions
        for signal in signals.values()
        if signal.provenance is not None
    }


def _label_words(image: Mapping[str, Any] | None) -> str:
    if image is None:
        return "no label image"
    return f"labels of shape {image.get('shape')}, SHA-256 {str(image.get('sha256'))[:12]}..."


def _arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `extract` for the options that a provenance keeps."""
    given = {k: v for k, v in options.items() if k != "positions_by_channel"}
    arguments: dict[str, Any] = {}
    try:
        mask = given.pop("mask")
        if mask.get("name") == "labels":
            pass  # they are their own mask
        elif isinstance(mask.get("name"), str):
            arguments["mask"] = mask_from_json(mask)
        else:  # several, by name
            arguments["mask"] = {name: mask_from_json(each) for name, each in mask.items()}
        arguments["reducer"] = reducer_from_json(given.pop("reducer"))
        if "mapping" in given:
            maps = given.pop("mapping")
            arguments["mapping"] = {name: PointMap.from_json(each) for name, each in maps.items()}
        if "background" in given:
            arguments["background"] = background_from_json(given.pop("background"))
        if "part" in given:
            arguments["volumes"] = tuple(given.pop("part")["volumes"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SignalError(
            "the options of the extraction are not readable",
            found=f"{type(error).__name__}: {error}",
            cure="was it made by a newer wormio? pip install --upgrade wormio",
        ) from error
    # All others are what `extract` takes, as it takes it.
    unknown = given.keys() - inspect.signature(extract).parameters.keys()
    if unknown:
        raise SignalError(
            "the signals were extracted with options that this version does not know",
            found=", ".join(sorted(unknown)),
            cure="pip install --upgrade wormio",
        )
    return arguments | given


def _found(provenance: Provenance, root: Path | None) -> Recording:
    """Open the recording, wherever it is, and make sure that it is the one."""
    source = Source.from_json(provenance.source)
    tried = 0
    why = ""
    candidates = [source] if root is None else _relocated(source, root)
    for candidate in itertools.islice(candidates, _MAX_TRIES):
        tried += 1
        try:
            recording = reopen(candidate)
        except (WormioError, OSError) as error:
            if root is None:
                raise
            why = str(error).partition("\n")[0]
            continue
        found = recording_id(recording)
        if found == provenance.recording_id:
            return recording
        recording.close()
        why = f"recording {found[:12]}"
    leaf = source.leaves()[0].arguments
    raise MissingPartError(
        "the recording is not there",
        expected=f"recording {provenance.recording_id[:12]}, once {leaf.get('path')}",
        found=f"{tried} that look like it{': ' if why else ''}{why}" if tried else "none like it",
        path=root or leaf.get("path"),
        cure="--root FOLDER (root=) looks for it elsewhere; `wormio info PATH --json` tells the "
        "identity of a recording",
    )


def _relocated(source: Source, root: Path) -> Iterator[Source]:
    """Yield the source with its paths replaced by those under `root` that hold the same files."""
    if not root.is_dir():
        raise MissingPartError("there is no such folder", path=root)
    leaves = source.leaves()
    files = list(_walk(root))
    places = [sorted(_places(leaf, files), key=_unlikely(leaf)) for leaf in leaves]
    for chosen in itertools.product(*places):
        paths = iter(chosen)
        yield _moved(source, paths)


def _walk(folder: Path, depth: int = 0) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink() and depth < _MAX_DEPTH:
            yield from _walk(path, depth + 1)


def _places(leaf: Source, files: list[Path]) -> set[Path]:
    """Return the paths where a recording's first file lies, by name and size."""
    parts = {
        name: size
        for name, size in leaf.arguments.get("parts", {}).items()
        if isinstance(size, int)
    }
    old = Path(leaf.arguments["path"])
    if not parts:
        return {path for path in files if path.name == old.name}
    name, size = next(iter(parts.items()))
    found = set()
    for path in files:
        if path.name == Path(name).name and path.is_file() and path.stat().st_size == size:
            folder = path.parents[len(Path(name).parts) - 1]
            # What was opened: a file, its folder, or a file beside it.
            found |= {path, folder} | {p for p in [folder / old.name] if p.exists()}
    return found


def _unlikely(leaf: Source) -> Callable[[Path], tuple[bool, str]]:
    old = Path(leaf.arguments["path"]).name
    return lambda path: (path.name != old, str(path))


def _moved(source: Source, paths: Iterator[Path]) -> Source:
    if not source.parents:
        path = str(next(paths).absolute())
        return Source(source.operation, {**source.arguments, "path": path})
    parents = {name: _moved(parent, paths) for name, parent in source.parents.items()}
    return Source(source.operation, source.arguments, parents)


def _compare(before: Mapping[str, Signal], after: Mapping[str, Signal]) -> tuple[list[Change], int]:
    changes = []
    columns = 0
    for name, old in before.items():
        new = after.get(name)
        if new is None:
            changes.append(Change(name, "the signal", "is not there any more"))
            continue
        for field in attrs.fields(Signal):
            if field.name in {"history", "provenance"}:  # how it was made: versions, paths
                continue
            columns += 1
            how = _difference(getattr(old, field.name), getattr(new, field.name), old.labels)
            if how:
                changes.append(Change(name, field.name, how))
        if old.provenance is not None and new.provenance is not None:
            for column in ("volumes", "centre_frame"):
                columns += 1
                was, now = getattr(old.provenance, column), getattr(new.provenance, column)
                how = _difference(was, now, old.labels)
                if how:
                    changes.append(Change(name, column, how))
    return changes, columns


def _difference(old: Any, new: Any, labels: tuple[str, ...]) -> str:
    """Say how two columns differ; empty if they do not, NaN equal to NaN."""
    if not (isinstance(old, np.ndarray) and isinstance(new, np.ndarray)):
        return "" if old == new else f"was {old!r:.60} and is {new!r:.60}"
    if old.shape != new.shape:
        return f"was of shape {old.shape} and is of {new.shape}"
    floats = old.dtype.kind == "f"
    differs = (old != new) & ~(np.isnan(old) & np.isnan(new)) if floats else old != new
    if not differs.any():
        return ""
    text = f"differs in {int(differs.sum())} of {differs.size} values"
    if old.ndim == 2 and old.shape[1] == len(labels):
        neurons = [labels[i] for i in np.flatnonzero(differs.any(axis=0))]
        more = f" and {len(neurons) - 5} more" if len(neurons) > 5 else ""
        text += f", of neurons {', '.join(neurons[:5])}{more}"
    if floats:
        gap = np.abs(old - new)[differs]
        lost = int(np.isnan(gap).sum())
        if lost < len(gap):
            text += f", by up to {np.nanmax(gap):g}"
        if lost:
            text += f"; {lost} are there in one only"
    return text
