"""Opening with a file ``NAME.wormio.toml``: its options, channels, events and combinations."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import attrs

from wormio.errors import ContractError, OptionError
from wormio.model import BaseRecording
from wormio.model.combination import combine
from wormio.model.derive import configured, with_channels, with_events
from wormio.registry.config import Combine, Configuration
from wormio.registry.hand_kept import place_events
from wormio.registry.options import Options, check_option
from wormio.registry.toml import Keys

__all__ = [
    "FileOptions",
    "Opener",
    "combination",
    "for_members",
    "merged",
    "supplement",
    "trusted",
]

Opener = Callable[[Path, "FileOptions"], BaseRecording]
"""Opens a member, with what the file says about it."""

_FOR_ALL = frozenset({"metadata_only", "allow_truncated", "trust"})


@attrs.frozen
class FileOptions:
    """The options that one file gives for one recording.

    Parameters
    ----------
    config : Configuration
    keys : tuple
        Where in the file they are.
    format : str, optional
    options : mapping
    """

    config: Configuration
    keys: Keys
    format: str | None
    options: Mapping[str, Any]

    @classmethod
    def of(cls, config: Configuration) -> FileOptions:
        """Return those of a file that describes a single recording."""
        return cls(config, ("options",), config.content.format, config.content.options)


def merged(
    cls: type[Options], owner: str, given: Mapping[str, Any], files: Iterable[FileOptions]
) -> dict[str, Any]:
    """Return the options of a format: given ones first, then those of the files in their order.

    Raises
    ------
    OptionError
        A file has an option that the format has not, or a value it cannot have, or vouches for
        itself; with file and line.
    """
    options = dict(given)
    for file in files:
        document = file.config.document
        for name, value in file.options.items():
            way = (*file.keys, name)
            if name == "trust":
                raise document.error(
                    way,
                    "a file that travels with the data cannot say that it is to be trusted",
                    cure="say it yourself: trust=True (--option trust=true)",
                )
            try:
                check_option(cls, name, value, owner=owner)
            except OptionError as error:
                raise document.error(
                    way,
                    error.problem,
                    expected=error.expected,
                    found=error.found,
                    cure=error.cure,
                ) from error
            options.setdefault(name, value)
    return options


def trusted(options: Mapping[str, Any]) -> bool:
    """Tell whether the caller said that references may lead anywhere."""
    try:
        return attrs.converters.to_bool(options.get("trust", False))
    except (ValueError, TypeError):
        return False  # opening refuses it


def for_members(
    config: Configuration,
    format: str | None,
    options: Mapping[str, Any],
    files: Iterable[FileOptions] = (),
) -> None:
    """Refuse what cannot be meant for all members of a combination.

    Raises
    ------
    OptionError
    """
    formats = [format, *(file.format for file in files)]
    names = [*options, *(name for file in files for name in file.options)]
    wrong = [name for name in names if name not in _FOR_ALL]
    if any(f is not None for f in formats):
        wrong.append("format")
    if wrong:
        raise OptionError(
            f"{wrong[0]!r} cannot be given for several recordings at once",
            expected=f"only {', '.join(sorted(_FOR_ALL))}",
            found=", ".join(wrong),
            path=config.path,
            cure="write it into this file, for the member it is meant for: "
            "[combine.members.NAME]; config=False opens a folder without its file",
        )


def combination(
    config: Configuration, wanted: Combine, open_member: Opener, *, trust: bool
) -> BaseRecording:
    """Open the members of a ``[combine]`` and make them one recording, which closes them."""
    document = config.document
    with ExitStack() as stack:
        members = {}
        for name in wanted.members:
            member = wanted.member(name)
            keys: Keys = ("combine", "members", name)
            way = keys if isinstance(wanted.members[name], str) else (*keys, "path")
            path = config.inside(member.path, way, trust=trust)
            about = FileOptions(config, (*keys, "options"), member.format, member.options)
            recording = open_member(path, about)
            stack.callback(recording.close)
            if member.channels is not None:
                try:
                    part = recording.select(channels=member.channels)
                except (OptionError, ContractError) as error:
                    raise document.error(
                        (*keys, "channels"),
                        error.problem,
                        expected=error.expected,
                        found=error.found,
                    ) from error
                part.owned = (recording,)
                stack.callback(part.close)
                recording = part
            members[name] = recording
        try:
            both = combine(members, on=wanted.on, tolerance=wanted.tolerance)
        except (OptionError, ContractError) as error:
            raise document.error(
                ("combine",),
                error.problem,
                expected=error.expected,
                found=error.found,
                cure=error.cure,
            ) from error
        both.owned = tuple(members.values())
        stack.pop_all()
    return both


def supplement(
    recording: BaseRecording,
    config: Configuration,
    *,
    overridden: Container[str] = (),
    trust: bool = False,
) -> BaseRecording:
    """Return the recording with the channels and events of a file, and a finding that says so.

    Closing it closes `recording`. The options in `overridden` were given otherwise.
    """
    content = config.content
    supplies = []
    with ExitStack() as stack:
        stack.callback(recording.close)
        result = recording
        if content.combine is not None:
            supplies.append(f"the combination of {', '.join(content.combine.members)}")
        if content.format is not None:
            supplies.append(f"format {content.format}")
        used = {k: v for k, v in content.options.items() if k not in overridden}
        if used:
            pairs = ", ".join(f"{name}={value!r}" for name, value in used.items())
            supplies.append(f"options {pairs}")
        if content.channels:
            supplies.append(f"channels {', '.join(content.channels)}")
            result = _with_channels(result, config)
        if content.events:
            supplies.append(f"events {', '.join(content.events)}")
            result = with_events(result, **_events(result, config, trust=trust))
        result = configured(result, str(config.path.absolute()), supplies)
        result.owned = (recording,)
        stack.pop_all()
    return result


def _with_channels(recording: BaseRecording, config: Configuration) -> BaseRecording:
    changes = {name: facts.given() for name, facts in config.content.channels.items()}
    for name in changes:
        try:
            with_channels(recording, {name: {}})
        except OptionError as error:
            raise config.document.error(
                ("channels", name), error.problem, expected=error.expected, found=error.found
            ) from error
    try:
        return with_channels(recording, changes)
    except OptionError as error:
        raise config.document.error(("channels",), error.problem, found=error.found) from error


def _events(recording: BaseRecording, config: Configuration, *, trust: bool) -> dict[str, Any]:
    placed = {}
    for name, table in config.content.events.items():
        if name in recording.events and not table.replace:
            raise config.document.error(
                ("events", name),
                "the data have events of that name",
                found=f"{len(recording.events[name])} events {name!r}",
                cure="take another name, or say that they are to be replaced: replace = true",
            )
        placed[name] = place_events(config, name, recording.timeline, trust=trust)
    return placed
