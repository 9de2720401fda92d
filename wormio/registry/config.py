"""Files ``NAME.wormio.toml``: what the data do not say, kept by hand beside them.

This module reads them and finds them; what they say is carried out by `wormio.registry.configured`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import attrs

from wormio.errors import OptionError, UnsafeReferenceError
from wormio.model.channel import Role
from wormio.registry.probe import Probe
from wormio.registry.toml import Document, Keys, read_toml, structured

__all__ = [
    "SUFFIX",
    "ChannelFacts",
    "Combine",
    "Configuration",
    "EventTable",
    "Member",
    "Property",
    "chosen_config",
    "described_data",
    "find_config",
    "is_config",
    "read_config",
]

SUFFIX = ".wormio.toml"
_OWN = ".wormio"

PathLike = str | os.PathLike[str]


@attrs.frozen(kw_only=True)
class ChannelFacts:
    """``[channels.NAME]``: what is to be known of a channel; see `wormio.model.Channel`."""

    name: str | None = None
    role: Role | None = None
    excitation_nm: float | None = None
    emission_nm: float | None = None
    indicator: str | None = None
    offset: float | None = None
    time_offset: float | None = None

    def given(self) -> dict[str, Any]:
        """Return what is there."""
        return {k: v for k, v in attrs.asdict(self).items() if v is not None}


@attrs.frozen(kw_only=True)
class Property:
    """``[events.NAME.properties.PROPERTY]``: one value an event."""

    values: tuple[Any, ...]
    unit: str = ""


@attrs.frozen(kw_only=True)
class EventTable:
    """``[events.NAME]``: where the events are (one of four ways), and what is known of them.

    Parameters
    ----------
    count, frame : tuple of int, optional
        Hardware counters, or indices of saved frames.
    time : tuple of float, optional
        Seconds on the recording's clock.
    file : str, optional
        A CSV table with a column count, time or frame, and maybe duration; all others are
        properties.
    duration : float or tuple of float, optional
        Seconds, of all events or of each.
    units : mapping of str to str
        Of the columns of `file`.
    properties : mapping of str to Property
    replace : bool
        Whether the data's own events of that name are to be replaced.
    """

    count: tuple[int, ...] | None = None
    time: tuple[float, ...] | None = None
    frame: tuple[int, ...] | None = None
    file: str | None = None
    duration: float | tuple[float, ...] | None = None
    units: Mapping[str, str] = attrs.field(factory=dict)
    properties: Mapping[str, Property] = attrs.field(factory=dict)
    replace: bool = False

    def __attrs_post_init__(self) -> None:
        places = [k for k in ("count", "time", "frame", "file") if getattr(self, k) is not None]
        if len(places) != 1:
            raise OptionError(
                "events need one place",
                expected="one of count, time, frame, file",
                found=" and ".join(places) or "none of them",
            )
        if self.file is None and self.units:
            raise OptionError("units are those of a file", cure="give each property its own unit")
        if self.file is not None and (self.properties or self.duration is not None):
            raise OptionError(
                "the file holds the durations and properties",
                found="some here too",
                cure="move them into the file's columns",
            )


@attrs.frozen(kw_only=True)
class Member:
    """``[combine.members.NAME]``: one camera's recording.

    Parameters
    ----------
    path : str
        Relative to the file.
    format : str, optional
    options : mapping
        Of its format.
    channels : tuple of str, optional
        Those to take, in this order; default: all.
    """

    path: str
    format: str | None = None
    options: Mapping[str, Any] = attrs.field(factory=dict)
    channels: tuple[str, ...] | None = None


@attrs.frozen(kw_only=True)
class Combine:
    """``[combine]``: several recordings that are one; see `wormio.combine`."""

    members: Mapping[str, str | Member]
    on: Literal["count", "time", "index"] = "count"
    tolerance: float | None = None

    def member(self, name: str) -> Member:
        """Return a member; a path alone stands for one without options."""
        found = self.members[name]
        return Member(path=found) if isinstance(found, str) else found


@attrs.frozen(kw_only=True)
class _Content:
    """Everything such a file may hold."""

    data: str | None = None
    format: str | None = None
    options: Mapping[str, Any] = attrs.field(factory=dict)
    channels: Mapping[str, ChannelFacts] = attrs.field(factory=dict)
    events: Mapping[str, EventTable] = attrs.field(factory=dict)
    combine: Combine | None = None

    def __attrs_post_init__(self) -> None:
        if self.combine is None:
            return
        for name in ("data", "format", "options"):
            if getattr(self, name):
                raise OptionError(
                    f"{name!r} means nothing beside [combine]",
                    cure=f"say it of each member: [combine.members.NAME] {name} = ..."
                    if name != "data"
                    else "leave it out: the members say where the data are",
                )


@attrs.frozen
class Configuration:
    """One file, read and checked.

    Parameters
    ----------
    document : Document
        It knows the lines, for errors.
    content : object
        What the file says: ``data``, ``format``, ``options``, ``channels``, ``events``,
        ``combine``.
    """

    document: Document
    content: _Content

    @property
    def path(self) -> Path:
        """The file."""
        return self.document.path

    def inside(self, named: str, keys: Keys, *, trust: bool) -> Path:
        """Return a file or folder that this file names.

        Raises
        ------
        UnsafeReferenceError
            It lies outside this file's folder, and nobody said that this is right.
        OptionError
            It is not there.
        """
        folder = self.path.parent
        path = folder / named
        outside = not path.resolve().is_relative_to(folder.resolve())
        if not trust and (outside or Path(named).is_absolute()):
            raise UnsafeReferenceError(
                f"line {self.document.line_of(keys)}: it names something outside its folder",
                expected=f"a path relative to {folder.resolve()}, inside it",
                found=named,
                path=self.path,
                cure="if you trust this file: trust=True (--option trust=true)",
            )
        if not path.exists():
            raise self.document.error(keys, "there is no such file or folder", found=str(path))
        return path


def is_config(path: Path) -> bool:
    """Tell whether a path is such a file by its name."""
    return path.name.endswith(SUFFIX) and path.name != SUFFIX and path.is_file()


def read_config(path: Path) -> Configuration:
    """Read such a file.

    Raises
    ------
    OptionError
        It is no TOML, or holds something else than it may; the message has line and key.
    """
    document = read_toml(path)
    return Configuration(document, structured(_Content, document))


def find_config(probe: Probe) -> Configuration | None:
    """Return the file that describes a recording: beside it, by its name, or in its folder.

    A file that names its data, or the members of a combination, describes these and nothing else
    that happens to be called alike.

    Raises
    ------
    OptionError
        There are several, or one cannot be read.
    """
    path = Path(probe.path.absolute())
    found = [path.with_name(name + SUFFIX) for name in _names(path)]
    if probe.is_dir:
        inside = [*probe.matching(f"*{SUFFIX}"), path.name + SUFFIX]  # a huge folder is cut short
        inside = [n for n in dict.fromkeys(inside) if probe.has(n) and not n.startswith(".")]
        found += [path / name for name in inside]
    configs = [read_config(candidate) for candidate in found if is_config(candidate)]
    configs = [config for config in configs if _describes(config, path)]
    if len(configs) > 1:
        raise OptionError(
            "several files could describe it",
            expected=f"one NAME{SUFFIX}",
            found=", ".join(str(config.path) for config in configs),
            path=probe.path,
            cure="choose one: config= (--config FILE), or none: config=False",
        )
    return configs[0] if configs else None


def _names(path: Path) -> list[str]:
    """Return what a file that describes `path` may be called."""
    if not path.name:
        return []
    shorter = [path.stem, Path(path.stem).stem]  # of movie.ome.tif: movie.ome, movie
    if Path(path.stem).suffix == _OWN:
        shorter = shorter[:1]  # what wormio wrote holds all that was said of the original
    # left.wormio.toml belongs to the folder left, and not to left.h5 beside it.
    shorter = [name for name in shorter if not path.with_name(name).exists()]
    return list(dict.fromkeys([path.name, *shorter]))


def _describes(config: Configuration, path: Path) -> bool:
    """Tell whether a file that was found by its name is about this path."""
    folder, real = config.path.parent, path.resolve()
    if config.content.data is not None:
        named = (folder / config.content.data).resolve()
        return named == real or not named.exists()  # a name that leads nowhere is an error later
    combined = config.content.combine
    if combined is None:
        return True
    members = [(folder / combined.member(name).path).resolve() for name in combined.members]
    return all(real in member.parents for member in members)


def chosen_config(probe: Probe, config: PathLike | Literal[False] | None) -> Configuration | None:
    """Return the configuration to open a path with, if any.

    Parameters
    ----------
    probe : Probe
        Of what is opened: the data, or a configuration itself.
    config : path-like, False or None
        One that was named; None: the one that belongs to the path; False: none.

    Raises
    ------
    OptionError
        It is not readable, there are several, or two were named.
    """
    if is_config(probe.path):
        if config is not None:
            raise OptionError(
                "this is a configuration itself",
                expected="data, to be opened with another configuration or none",
                found=f"config={os.fspath(config)!r}" if config else "config=False",
                path=probe.path,
            )
        return read_config(probe.path)
    if config is False:
        return None
    if config is None:
        return find_config(probe)
    chosen = read_config(Path(config))
    if chosen.content.combine is not None:
        raise chosen.document.error(
            ("combine",),
            "it describes a combination, not these data",
            found=str(probe.path),
            cure=f"open it itself: wormio.open({os.fspath(config)!r})",
        )
    return chosen


def described_data(config: Configuration, probe: Probe, *, trust: bool) -> Probe:
    """Return a probe of what a configuration describes, which may be what was opened.

    Raises
    ------
    OptionError
        It describes nothing that is there, or something else than was opened.
    UnsafeReferenceError
        It names data outside its folder.
    """
    named = config.content.data
    if not is_config(probe.path):
        if named is not None and (config.path.parent / named).resolve() != probe.path.resolve():
            raise config.document.error(
                ("data",),
                "it describes other data than those that are opened",
                expected=str(probe.path),
                found=named,
            )
        return probe
    if named is not None:
        return Probe(config.inside(named, ("data",), trust=trust))
    path = config.path.with_name(config.path.name.removesuffix(SUFFIX))
    if not path.exists():
        raise config.document.error(
            (),
            "it does not say what it describes",
            found=f"no {path.name} beside it",
            cure='name it: data = "FILE OR FOLDER"',
        )
    return Probe(path)
