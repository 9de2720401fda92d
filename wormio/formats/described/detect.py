"""Recognising folders by the descriptions that ``WORMIO_DESCRIPTIONS`` names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from wormio.registry import Confidence, Detection, Probe

if TYPE_CHECKING:
    from wormio.formats.described.schema import Description
    from wormio.formats.described.shelf import Shelf

__all__ = ["best_matches", "claim", "detect"]


def detect(probe: Probe) -> Detection | None:
    """Tell whether a description that the user keeps fits the path.

    Raises
    ------
    OptionError
        None fits, and one is broken, which might have.
    """
    if not os.environ.get("WORMIO_DESCRIPTIONS"):
        return None
    from wormio.formats.described.shelf import from_environment

    return claim(probe, from_environment())


def claim(probe: Probe, shelf: Shelf) -> Detection | None:
    """Tell whether one of these descriptions fits the path."""
    from wormio.errors import OptionError

    matches = best_matches(probe, shelf)
    if not matches and shelf.broken:
        raise OptionError(
            "a description of WORMIO_DESCRIPTIONS is broken", found="; ".join(shelf.broken)
        )
    if not matches:
        return None
    evidence = [f"{description.name} ({name}): {seen}" for name, description, _, seen in matches]
    evidence += [f"broken: {told}" for told in shelf.broken]
    missing = _missing(probe, matches[0][1]) if len(matches) == 1 else []
    cure = "copy the whole folder" if missing else ""
    return Detection(matches[0][2], evidence, missing, cure)


def best_matches(probe: Probe, shelf: Shelf) -> list[tuple[str, Description, Confidence, str]]:
    """Return the descriptions that fit best: file, description, how sure, what was seen."""
    found = []
    for name, description, _ in shelf.descriptions:
        verdict = _fits(probe, description)
        if verdict is not None:
            found.append((name, description, *verdict))
    best = max((confidence for _, _, confidence, _ in found), default=None)
    return [one for one in found if one[2] == best]


def _fits(probe: Probe, description: Description) -> tuple[Confidence, str] | None:
    match = description.match
    if match is None:
        return None
    if not probe.is_dir:
        if description.frames.pattern.fullmatch(probe.path.name):
            return Confidence.NAME, f"{probe.path.name} is named like a frame file"
        return None
    if not all(probe.matching(pattern) for pattern in match.files):
        return None
    for name, text in match.begins.items():
        if not probe.has(name) or not probe.head(name).removeprefix(b"\xef\xbb\xbf").startswith(
            text.encode()
        ):
            return None
    sure = Confidence.SIGNATURE if match.begins else Confidence.STRUCTURE
    return sure, f"{', '.join(match.files)} are there"


def _missing(probe: Probe, description: Description) -> list[str]:
    if not probe.is_dir:
        return []
    tables = [description.frames_table.file]
    if description.scan is not None and description.scan.file is not None:
        tables.append(description.scan.file)
    tables += [one.file for one in description.events if not one.optional]
    missing = [name for name in tables if "/" not in name and not probe.has(name)]
    if not any(description.frames.pattern.fullmatch(name) for name in probe.names):
        missing.append(description.frames.shown)
    return missing
