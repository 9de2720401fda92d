"""Opening what a description describes."""

from __future__ import annotations

import json
from pathlib import Path

import attrs

from wormio.errors import AmbiguousFormatError, OptionError
from wormio.formats.described import engine
from wormio.formats.described.detect import best_matches
from wormio.formats.described.growing import FolderRecording
from wormio.formats.described.options import DescribedOptions, chosen_values
from wormio.formats.described.schema import Description
from wormio.formats.described.shelf import VARIABLE, described, from_environment, shipped_names
from wormio.model import BaseRecording, Source
from wormio.registry import Probe

__all__ = ["open"]


def open(path: Path, options: DescribedOptions) -> BaseRecording:  # noqa: A001 (what openers are called)
    """Open a folder, or the folder of a frame file, as its description says.

    Raises
    ------
    OptionError
        There is no description, or it is wrong, or a number is unknown that only the user can know.
    AmbiguousFormatError
        No description is named, and several match.
    RecordingError
        The files are not as described; see `engine.read`.
    """
    folder = path if path.is_dir() else path.parent
    description, kept = _chosen(path, options)
    given = chosen_values(description, options.set)
    reading = engine.read(
        description,
        folder,
        options,
        given,
        as_option=lambda name: _as_option(description, name),
        growing=options.growing,
    )
    # The source keeps what the description says, not where it lay: it must open anywhere, and the
    # recording's identity must not depend on paths.
    return FolderRecording(
        source=Source.opened(
            folder,
            format="described",
            options=attrs.evolve(options, description=kept),
            parts=reading.parts,
        ),
        frames=reading.frames,
        timeline=reading.timeline,
        channels=reading.channels,
        voxel_size=reading.voxel_size,
        events=reading.events,
        metadata={
            "description": description.name,
            "frame_files": [file.name for file in reading.frame_files],
            "side_files": reading.values.files,
        },
        findings=reading.findings,
    )


def _chosen(path: Path, options: DescribedOptions) -> tuple[Description, str]:
    """Return the description, and how a source keeps it: by a shipped name, or as JSON."""
    if options.description is not None:
        description, data = described(options.description)
        if options.description in shipped_names():
            return description, options.description
        return description, json.dumps(data, sort_keys=True)
    shelf = from_environment()
    matches = best_matches(Probe(path), shelf)
    if len(matches) > 1:
        raise AmbiguousFormatError(
            "several descriptions match equally well",
            found=", ".join(f"{one.name} ({file})" for file, one, _, _ in matches),
            path=path,
            cure=f"choose one: description={matches[0][0]} (--option description={matches[0][0]})",
        )
    if not matches:
        raise OptionError(
            "no description is given",
            expected=f"description= a .toml file or one of {', '.join(shipped_names())}; "
            f"or {VARIABLE} that names one that matches",
            found="; ".join(shelf.broken) or f"nothing in {VARIABLE} that matches",
            path=path,
            cure="--option description=FILE.toml; `wormio describe` shows how to write one",
        )
    data = next(data for file, _, data in shelf.descriptions if file == matches[0][0])
    return matches[0][1], json.dumps(data, sort_keys=True)


def _as_option(description: Description, name: str) -> str:
    spec = description.options[name]
    value = "NUMBER" if spec.example is None else f"{spec.example:g}"
    return f"--option set={name}={value} ({spec.help})"
