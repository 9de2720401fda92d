"""Recognising a MATLAB file by its header."""

from __future__ import annotations

from wormio.formats.mat.opening import mat_version
from wormio.registry import Confidence, Detection, Probe

__all__ = ["detect"]

_NAMES = {5: "5 to 7", 73: "7.3"}


def detect(probe: Probe) -> Detection | None:
    """Tell whether the path is a MATLAB file; one of version 4 can be told only by its name."""
    if probe.is_dir:
        return None
    head = probe.head()
    version = mat_version(head)
    if version is not None:
        return Detection(
            Confidence.SIGNATURE, [f"the header of a MATLAB file, version {_NAMES[version]}"]
        )
    if probe.path.suffix.lower() == ".mat":
        return Detection(Confidence.NAME, ["the name ends in .mat, but the header is not MATLAB's"])
    return None
