"""From a path to a recording: ask every format, take the surest, say why not."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import attrs

from wormio.errors import (
    AmbiguousFormatError,
    CorruptRecordingError,
    OptionError,
    UnknownFormatError,
    WormioError,
)
from wormio.model import BaseRecording, Positions, Source, as_base_recording
from wormio.model.derive import derive
from wormio.registry.format import Confidence, Format, load_code
from wormio.registry.manager import PluginRegistry, default_registry
from wormio.registry.options import Options, make_options
from wormio.registry.probe import Probe

__all__ = [
    "Explanation",
    "Verdict",
    "contents",
    "explain",
    "list_formats",
    "open",
    "read_positions",
    "reopen",
]

PathLike = str | os.PathLike[str]


@attrs.frozen(kw_only=True)
class Verdict:
    """What one format says of a path.

    Parameters
    ----------
    format : str
    distribution : str
        That the format comes from.
    answer : {"yes", "mine, but", "no", "crashed"}
    confidence : Confidence, optional
    evidence, missing : tuple of str
    cure : str
    """

    format: str
    distribution: str
    answer: Literal["yes", "mine, but", "no", "crashed"]
    confidence: Confidence | None = None
    evidence: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    cure: str = ""

    def __str__(self) -> str:
        text = f"{self.format}: {self.answer}"
        if self.evidence:
            text += f" ({'; '.join(self.evidence)})"
        if self.missing:
            text += f"; missing: {', '.join(self.missing)}"
        return text


@attrs.frozen(kw_only=True)
class Explanation:
    """Every format's verdict on a path, best first.

    Parameters
    ----------
    path : Path
    verdicts : tuple of Verdict
    failures : tuple of str
        Plugins that could not be loaded, and so could not be asked.
    """

    path: Path
    verdicts: tuple[Verdict, ...]
    failures: tuple[str, ...] = ()

    @property
    def best(self) -> tuple[Verdict, ...]:
        """The verdicts that share the highest confidence; more than one is a tie."""
        claims = [v for v in self.verdicts if v.confidence is not None]
        return tuple(v for v in claims if v.confidence == claims[0].confidence)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.verdicts), *(f"not loaded: {f}" for f in self.failures)])


def explain(path: PathLike, *, registry: PluginRegistry | None = None) -> Explanation:
    """Ask every format about a path.

    Raises
    ------
    FileNotFoundError, PermissionError
        The path is not there or cannot be listed: no format is asked then.
    """
    registry = registry or default_registry()
    path = _existing(path)
    probe = Probe(path)
    verdicts = [_ask(fmt, registry.distribution(fmt.name), probe) for fmt in registry.formats]
    verdicts.sort(key=lambda v: (-(v.confidence or 0), v.format))
    return Explanation(
        path=path, verdicts=tuple(verdicts), failures=tuple(map(str, registry.failures))
    )


def open(  # noqa: A001 (wormio.open, as in tarfile, gzip and the like)
    path: PathLike,
    format: str | None = None,
    *,
    registry: PluginRegistry | None = None,
    **options: Any,
) -> BaseRecording:
    """Open a recording, whatever its format.

    Parameters
    ----------
    path : path-like
        File or folder.
    format : str, optional
        Name of the format; default: the one that recognises the path most surely.
    registry : PluginRegistry, optional
        Default: the installed plugins.
    **options
        Of the format (`wormio formats NAME` lists them), and those common to all: `Options`.

    Returns
    -------
    BaseRecording
        Nothing of its pixels has been read.

    Raises
    ------
    UnknownFormatError, AmbiguousFormatError
        No format, or several, claim the path.
    OptionError
        An option is missing or wrong.
    RecordingError
        A part is missing, truncated or corrupt.
    """
    registry = registry or default_registry()
    path = _existing(path)
    fmt = registry.get(format) if format is not None else _recognise(path, registry)
    chosen = make_options(load_code(fmt.options), options, owner=fmt.name)
    return as_base_recording(_call(fmt, fmt.opener, path, chosen))


def contents(
    path: PathLike,
    format: str | None = None,
    **options: Any,
) -> list[str]:
    """List the recordings in a file or folder, as `open` takes them in ``item=``.

    A path that holds a single recording gives an empty list.
    """
    registry = default_registry()
    path = _existing(path)
    fmt = registry.get(format) if format is not None else _recognise(path, registry)
    if fmt.contents is None:
        return []
    chosen = make_options(load_code(fmt.options), options, owner=fmt.name)
    return list(_call(fmt, fmt.contents, path, chosen))


def list_formats(*, registry: PluginRegistry | None = None) -> tuple[Format, ...]:
    """Return the formats that can be opened, sorted by name."""
    return (registry or default_registry()).formats


def reopen(source: Source, *, root: PathLike | None = None) -> BaseRecording:
    """Make a recording from its `Source`, in any process.

    Parameters
    ----------
    source : Source
    root : path-like, optional
        Folder to look in for the files, by name, instead of where they were.

    Raises
    ------
    CorruptRecordingError
        A file has another size than it had.
    """
    if source.operation != "open":
        return derive(
            source, {name: reopen(parent, root=root) for name, parent in source.parents.items()}
        )
    arguments = source.arguments
    path = Path(arguments["path"])
    if root is not None:
        path = Path(root) / path.name
    recording = open(path, arguments["format"], **arguments.get("options", {}))
    parts = recording.source.arguments.get("parts", {})
    if parts != arguments.get("parts", {}):
        recording.close()
        raise CorruptRecordingError(
            "the files have changed since the recording was first opened",
            expected=f"{arguments.get('parts', {})}"[:500],
            found=f"{parts}"[:500],
            path=path,
        )
    return recording


def read_positions(
    path: PathLike,
    reader: str | None = None,
    *,
    registry: PluginRegistry | None = None,
    **options: Any,
) -> Positions:
    """Read neuron positions from a file.

    Parameters
    ----------
    path : path-like
    reader : str, optional
        Name of the reader; default: the one whose pattern matches the file's name.
    **options
        Of the reader.

    Raises
    ------
    OptionError
        No reader, or several, take files of that name, or the reader is unknown.
    """
    registry = registry or default_registry()
    path = _existing(path)
    readers = registry.position_readers
    if reader is not None:
        chosen = [r for r in readers if r.name == reader]
    else:
        chosen = [r for r in readers if any(path.match(pattern) for pattern in r.patterns)]
    if len(chosen) != 1:
        known = ", ".join(f"{r.name} ({' '.join(r.patterns)})" for r in readers)
        raise OptionError(
            "no reader of positions fits" if not chosen else "several readers fit",
            expected=f"one of {known}",
            found=reader or path.name,
            path=path,
            cure="name the reader: --reader NAME (reader= in Python)",
        )
    positions: Positions = load_code(chosen[0].reader)(path, **options)
    return positions


def _existing(path: PathLike) -> Path:
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, "there is no such file or folder", str(path))
    return path


def _ask(fmt: Format, distribution: str, probe: Probe) -> Verdict:
    try:
        found = fmt.detect(probe)
        if found is None:
            return Verdict(format=fmt.name, distribution=distribution, answer="no")
        return Verdict(
            format=fmt.name,
            distribution=distribution,
            answer="mine, but" if found.missing else "yes",
            confidence=found.confidence,
            evidence=found.evidence,
            missing=found.missing,
            cure=found.cure,
        )
    except Exception as error:
        return Verdict(
            format=fmt.name,
            distribution=distribution,
            answer="crashed",
            evidence=(f"{type(error).__name__}: {error}",),
        )


def _recognise(path: Path, registry: PluginRegistry) -> Format:
    explanation = explain(path, registry=registry)
    best = explanation.best
    if len(best) == 1:
        return registry.get(best[0].format)
    if best:
        raise AmbiguousFormatError(
            "several formats claim it equally well",
            found="; ".join(f"{v.format} of {v.distribution}" for v in best),
            path=path,
            cure=f"choose one: wormio.open(path, {best[0].format!r}), or --format {best[0].format}",
        )
    raise UnknownFormatError(
        "no format recognises it",
        expected=f"one of {', '.join(f.name for f in registry.formats) or 'no formats at all'}",
        found=_seen(path, explanation.verdicts, explanation.failures),
        path=path,
        cure="`wormio explain PATH` says why; if you know the format, name it with --format",
    )


def _seen(path: Path, verdicts: Sequence[Verdict], failures: Sequence[str]) -> str:
    if path.is_dir():
        names = sorted(p.name for p in path.iterdir())
        text = f"a folder with {', '.join(names[:8])}" if names else "an empty folder"
        if len(names) > 8:
            text += f" and {len(names) - 8} more"
    else:
        size = path.stat().st_size
        text = f"a file of {size} bytes" if size else "an empty file"
    crashed = [str(v) for v in verdicts if v.answer == "crashed"]
    return "; ".join([text, *crashed, *(f"not loaded: {f}" for f in failures)])


def _call(fmt: Format, code: str, path: Path, options: Options) -> Any:
    """Run a format's code; what its library raises on a bad file is translated here, once."""
    try:
        return load_code(code)(path, options)
    except (WormioError, OSError, MemoryError):
        raise
    except Exception as error:
        raise CorruptRecordingError(
            f"format {fmt.name!r} cannot read it: {type(error).__name__}: {error}",
            path=path,
            cure="if the file is sound, this is a bug of the format's reader: please report it",
        ) from error
