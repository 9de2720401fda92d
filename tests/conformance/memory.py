"""A format whose files are empty: the opener returns the truth itself, as an ArrayRecording."""

from __future__ import annotations

from pathlib import Path

from reference import LIMITS, registry_of

from wormio.model import ArrayRecording
from wormio.registry import Confidence, Detection, Format, Options, Probe
from wormio.testing import Subject, Truth

_WRITTEN: dict[Path, Truth] = {}


def make(folder: Path, truth: Truth) -> Path:
    """Remember a truth under the name of an empty file."""
    path = folder / "recording.memory"
    path.touch()
    _WRITTEN[path] = truth
    return path


def detect(probe: Probe) -> Detection | None:
    """Tell by the name."""
    return Detection(Confidence.NAME, ["*.memory"]) if probe.path.suffix == ".memory" else None


def open(path: Path, options: Options) -> ArrayRecording:  # noqa: A001 (an opener)
    """Return the truth."""
    return _WRITTEN[path].recording(LIMITS)


_FORMAT = Format(name="memory", title="Truths", opener="memory:open", detect=detect)
subject = Subject(
    format="memory",
    make=make,
    limits=LIMITS,
    capabilities={"events"},
    registry=lambda: registry_of(_FORMAT),
)
