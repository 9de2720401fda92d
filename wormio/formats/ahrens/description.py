"""What is written beside the volumes: ``ch0.xml`` and ``Stack_frequency.txt``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import attrs

from wormio.errors import CorruptRecordingError, MissingPartError
from wormio.formats.ahrens.names import FREQUENCY, description_name
from wormio.model._fields import as_dict
from wormio.storage.door import translated

__all__ = ["Description", "Frequency", "read_description", "read_frequency"]

_MAX_BYTES = 1 << 20
_DIMENSIONS = re.compile(r"(\d{1,6})(?:\.0*)?x(\d{1,6})(?:\.0*)?x(\d{1,6})(?:\.0*)?")
# The microscope's program does not escape what the user types.
_BARE_AMPERSAND = re.compile(rb"&(?!(?:\w+|#\w+);)")
_CURE = "copy it from the original folder"


@attrs.frozen(kw_only=True)
class Description:
    """What ``ch0.xml`` says.

    Parameters
    ----------
    shape : (int, int, int)
        Planes, rows, columns.
    z_step : float, optional
        um.
    entries : mapping
        All attributes of its ``info`` elements.
    """

    shape: tuple[int, int, int]
    z_step: float | None
    entries: Mapping[str, str] = attrs.field(converter=as_dict)


@attrs.frozen(kw_only=True)
class Frequency:
    """What ``Stack_frequency.txt`` says: Hz, seconds, volumes."""

    rate: float
    duration: float
    n_volumes: int


def read_description(folder: Path, channels: Sequence[int]) -> Description:
    """Read ``ch0.xml``; those of other channels, if they are there, must agree in the dimensions.

    Raises
    ------
    MissingPartError
        ``ch0.xml`` is not there.
    CorruptRecordingError
        A file is no such XML, or they contradict each other.
    """
    path = folder / description_name(0)
    if not path.is_file():
        raise MissingPartError(
            "the dimensions of the volumes are missing",
            expected=f"the file {path.name}",
            path=path,
            cure=_CURE,
        )
    description = _read(path)
    for channel in channels:
        other = folder / description_name(channel)
        if channel and other.is_file() and _read(other).shape != description.shape:
            raise CorruptRecordingError(
                "the channels have different dimensions",
                expected=f"{description.shape} (planes, rows, columns), as in {path.name}",
                found=str(_read(other).shape),
                path=other,
            )
    return description


def read_frequency(folder: Path, *, needed: bool) -> Frequency | None:
    """Read ``Stack_frequency.txt``.

    Raises
    ------
    MissingPartError
        It is `needed` and not there.
    CorruptRecordingError
        It does not hold the three numbers.
    """
    path = folder / FREQUENCY
    if not path.is_file():
        if not needed:
            return None
        raise MissingPartError(
            "the number and the rate of the volumes are missing",
            expected=f"the file {FREQUENCY}",
            path=path,
            cure=f"{_CURE}; without it, allow_truncated=True (--option allow_truncated=true) opens "
            "the volumes that are there",
        )
    lines = _content(path).decode("latin-1").split()
    try:
        rate, duration, n_volumes = map(float, lines)
    except ValueError:
        rate = duration = n_volumes = math.nan
    if not (0 < rate < math.inf and 0 <= duration < math.inf and 1 <= n_volumes < 1 << 31):
        raise CorruptRecordingError(
            "the file does not hold the rate, duration and number of the volumes",
            expected="three numbers: Hz, s, volumes",
            found=repr(lines)[:200],
            path=path,
            cure=_CURE,
        )
    if n_volumes != int(n_volumes):
        raise CorruptRecordingError(
            "the number of volumes is no whole number", found=str(n_volumes), path=path
        )
    return Frequency(rate=rate, duration=duration, n_volumes=int(n_volumes))


def _content(path: Path) -> bytes:
    if path.stat().st_size > _MAX_BYTES:
        raise CorruptRecordingError(
            "the file is too large", expected=f"at most {_MAX_BYTES} bytes", path=path
        )
    return path.read_bytes()


def _read(path: Path) -> Description:
    entries: dict[str, str] = {}
    with translated(path, "XML", "it was parsed"):
        # Expat 2.4 and later bounds the expansion of entities, and external ones are not fetched.
        root = ET.fromstring(_BARE_AMPERSAND.sub(b"&amp;", _content(path)))  # noqa: S314
        for element in root.iter("info"):
            for name, value in element.attrib.items():
                if entries.setdefault(name, value) != value and name in {"dimensions", "z_step"}:
                    raise CorruptRecordingError(
                        f"{name} stands there twice",
                        found=f"{entries[name]} and {value}",
                        path=path,
                    )
    return Description(shape=_shape(entries, path), z_step=_z_step(entries, path), entries=entries)


def _shape(entries: Mapping[str, Any], path: Path) -> tuple[int, int, int]:
    text = entries.get("dimensions", "")
    matched = _DIMENSIONS.fullmatch(text)
    if matched is None or not all(map(int, matched.groups())):
        raise CorruptRecordingError(
            "the dimensions of the volumes cannot be read",
            expected='<info dimensions="XxYxZ"/>, for example 2048x1024x41',
            found=repr(text)[:200],
            path=path,
        )
    x, y, z = map(int, matched.groups())
    return z, y, x


def _z_step(entries: Mapping[str, str], path: Path) -> float | None:
    text = entries.get("z_step")
    if text is None:
        return None
    try:
        step = float(text)
    except ValueError:
        step = math.nan
    if not math.isfinite(step):
        raise CorruptRecordingError("z_step is no number", found=text[:100], path=path)
    return step if step > 0 else None
