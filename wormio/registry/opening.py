"""From a path to a recording: ask every format, take the surest, say why not."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from wormio.errors import (
    AmbiguousFormatError,
    CorruptRecordingError,
    MissingPluginError,
    OptionError,
    UnknownFormatError,
    WormioError,
)
from wormio.model import BaseRecording, Positions, Source, as_base_recording
from wormio.model.derive import derive
from wormio.registry.config import chosen_config, described_data
from wormio.registry.configured import (
    FileOptions,
    combination,
    for_members,
    merged,
    supplement,
    trusted,
)
from wormio.registry.explaining import (
    Explanation,
    PathLike,
    Verdict,
    existing,
    explain,
    fits,
    verdicts,
)
from wormio.registry.format import Format, load_code
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


def open(  # noqa: A001 (wormio.open, as in tarfile, gzip and the like)
    path: PathLike,
    format: str | None = None,
    *,
    config: PathLike | Literal[False] | None = None,
    registry: PluginRegistry | None = None,
    **options: Any,
) -> BaseRecording:
    """Open a recording, whatever its format.

    Parameters
    ----------
    path : path-like
        File or folder, or a file ``NAME.wormio.toml``: then what that describes.
    format : str, optional
        Name of the format; default: the one that recognises the path most surely.
    config : path-like or False, optional
        File with options, channels and events that the data do not hold. Default:
        ``NAME.wormio.toml`` beside the data or in their folder, if there is one; False: none. What
        is given here as an argument wins over what the file says.
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
    MissingPluginError
        No installed format claims the path, but a known plugin would read it.
    OptionError
        An option is missing or wrong.
    RecordingError
        A part is missing, truncated or corrupt.
    """
    return _open(existing(path), format, options, registry or default_registry(), config)


def _open(
    path: Path,
    format: str | None,
    options: Mapping[str, Any],
    registry: PluginRegistry,
    config: PathLike | Literal[False] | None = None,
    files: tuple[FileOptions, ...] = (),
    within: tuple[Path, ...] = (),
) -> BaseRecording:
    """Open a path with the options of `files`; `within` are the combinations it belongs to."""
    probe = Probe(path)
    chosen = chosen_config(probe, config)
    if chosen is None:
        return _open_data(probe, format, options, registry, files)
    here = chosen.path.resolve()
    if here in within:
        raise chosen.document.error(("combine",), "this combination contains itself")
    trust = trusted(options)
    wanted = chosen.content.combine
    if wanted is not None:
        for_members(chosen, format, options, files)

        def open_member(path: Path, about: FileOptions) -> BaseRecording:
            return _open(path, None, options, registry, None, (about,), (*within, here))

        recording = combination(chosen, wanted, open_member, trust=trust)
    else:
        probe = described_data(chosen, probe, trust=trust)
        files = (*files, FileOptions.of(chosen))
        recording = _open_data(probe, format, options, registry, files)
    given = {*options, *(name for file in files[:-1] for name in file.options)}
    return supplement(recording, chosen, overridden=given, trust=trust)


def _open_data(
    probe: Probe,
    format: str | None,
    options: Mapping[str, Any],
    registry: PluginRegistry,
    files: tuple[FileOptions, ...],
) -> BaseRecording:
    fmt, chosen = _format_and_options(probe, format, options, registry, files)
    return as_base_recording(_call_format(fmt, fmt.opener, probe, chosen))


def _format_and_options(
    probe: Probe,
    format: str | None,
    options: Mapping[str, Any],
    registry: PluginRegistry,
    files: tuple[FileOptions, ...],
) -> tuple[Format, Options]:
    named = [format, *(file.format for file in files)]
    all_names = {*options, *(name for file in files for name in file.options)}
    if "description" in all_names and options.get("description", True) is not None:
        named.append("described")
    name = next((name for name in named if name is not None), None)
    fmt = registry.get(name) if name is not None else _recognise(probe, registry)
    cls = load_code(fmt.options)
    made = make_options(cls, merged(cls, fmt.name, options, files), owner=fmt.name)
    if made.item is not None and fmt.contents is None:
        raise OptionError(
            f"format {fmt.name!r} has one recording a path: there is nothing to choose from",
            found=f"item={made.item!r}",
            path=probe.path,
            cure="leave item out",
        )
    return fmt, made


def contents(
    path: PathLike,
    format: str | None = None,
    *,
    config: PathLike | Literal[False] | None = None,
    registry: PluginRegistry | None = None,
    **options: Any,
) -> list[str]:
    """List the recordings in a file or folder, as `open` takes them in ``item=``.

    A path that holds a single recording gives an empty list.
    """
    probe = Probe(existing(path))
    chosen = chosen_config(probe, config)
    files: tuple[FileOptions, ...] = ()
    if chosen is not None:
        if chosen.content.combine is not None:
            return []
        probe = described_data(chosen, probe, trust=trusted(options))
        files = (FileOptions.of(chosen),)
    registry = registry or default_registry()
    fmt, made = _format_and_options(probe, format, options, registry, files)
    if fmt.contents is None:
        return []
    return list(_call_format(fmt, fmt.contents, probe, made))


def list_formats(*, registry: PluginRegistry | None = None) -> tuple[Format, ...]:
    """Return the formats that can be opened, sorted by name."""
    return (registry or default_registry()).formats


def reopen(
    source: Source, *, root: PathLike | None = None, registry: PluginRegistry | None = None
) -> BaseRecording:
    """Make a recording from its `Source`, in any process.

    Parameters
    ----------
    source : Source
    root : path-like, optional
        Folder to look in for the files, by name, instead of where they were.
    registry : PluginRegistry, optional
        Default: the installed plugins.

    Raises
    ------
    CorruptRecordingError
        A file has another size than it had.
    """
    if source.operation != "open":
        parents = {
            name: reopen(p, root=root, registry=registry) for name, p in source.parents.items()
        }
        derived = derive(source, parents)
        derived.owned = tuple(parents.values())
        return derived
    arguments = source.arguments
    path = Path(arguments["path"])
    if root is not None:
        path = Path(root) / path.name
    options = arguments.get("options", {})
    # What a file beside it said is in the source; it may say something else by now.
    recording = open(path, arguments["format"], config=False, registry=registry, **options)
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
        No reader, or several, take files of that name, or the reader or an option is unknown.
    CorruptRecordingError
        The reader cannot make sense of the file.
    """
    registry = registry or default_registry()
    path = existing(path)
    readers = registry.position_readers
    if reader is not None:
        chosen = [r for r in readers if r.name == reader]
    else:
        chosen = [r for r in readers if any(path.match(pattern) for pattern in r.patterns)]
    if len(chosen) != 1:
        known = ", ".join(f"{r.name} ({' '.join(r.patterns) or 'by name only'})" for r in readers)
        raise OptionError(
            "no reader of positions fits" if not chosen else "several readers fit",
            expected=f"one of {known}",
            found=reader or path.name,
            path=path,
            cure="name the reader: --reader NAME (reader= in Python)",
        )
    owner = f"reader {chosen[0].name!r}"
    try:
        inspect.signature(load_code(chosen[0].reader)).bind(path, **options)
    except TypeError as error:
        raise OptionError(f"{owner} does not take these options: {error}") from error
    positions: Positions = _call(owner, chosen[0].reader, path, **options)
    return positions


def _recognise(probe: Probe, registry: PluginRegistry) -> Format:
    path = probe.path
    explanation = verdicts(probe, registry)
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
    if None in probe.unreadable:
        raise probe.unreadable[None]  # who may read it must be asked, not what it is
    crashed = [str(v) for v in explanation.verdicts if v.answer == "crashed"]
    unheard = [*crashed, *(f"not loaded: {failure}" for failure in explanation.failures)]
    if explanation.suggestions:
        looks = [f"{s.title} ({s.evidence})" for s in explanation.suggestions]
        raise MissingPluginError(
            "no installed format recognises it, but a plugin would",
            expected=_known(registry),
            found="; ".join([*looks, *unheard]),
            path=path,
            cure=", or ".join(s.cure for s in explanation.suggestions),
        )
    cure = "`wormio explain PATH` says why; if you know the format, name it with --format"
    if not registry.formats:
        cure = "`wormio doctor` says what became of each plugin"
    named = {fmt.name for fmt in registry.formats if fits(fmt, probe)}
    near = [str(v) for v in explanation.verdicts if v.format in named and v.answer == "no"]
    raise UnknownFormatError(
        "no format recognises it",
        expected=_known(registry),
        found="; ".join([explanation.seen, *near, *unheard]),
        path=path,
        cure=cure,
    )


def _known(registry: PluginRegistry) -> str:
    names = ", ".join(f.name for f in registry.formats)
    return f"one of {names}" if names else "an installed format, and there are no formats at all"


def _call_format(fmt: Format, code: str, probe: Probe, options: Options) -> Any:
    """Run a format's code on a path that may be of the wrong kind, if the user named the format."""
    try:
        return _call(f"format {fmt.name!r}", code, probe.path, options)
    except (IsADirectoryError, NotADirectoryError) as error:
        if isinstance(error, WormioError) or isinstance(error, IsADirectoryError) != probe.is_dir:
            raise
        raise OptionError(
            f"format {fmt.name!r} does not open a {'folder' if probe.is_dir else 'single file'}",
            expected=", ".join(fmt.patterns) or "a file" if probe.is_dir else "a folder",
            path=probe.path,
            cure="name what it opens, or leave the format out",
        ) from error


def _call(owner: str, code: str, path: Path, *arguments: Any, **options: Any) -> Any:
    """Run a plugin's code; what its library raises on a bad file is translated here, once."""
    try:
        return load_code(code)(path, *arguments, **options)
    except (WormioError, MemoryError):
        raise
    except (Exception, SystemExit) as error:  # a plugin that exits must not end its host
        # Without a number it is not the system's: h5py says so that a file is damaged.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise CorruptRecordingError(
            f"{owner} cannot read it: {type(error).__name__}: {error}",
            path=path,
            cure="if the file is sound, this is a bug of the format's reader: please report it",
        ) from error
