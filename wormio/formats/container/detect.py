"""Recognising a container by what it says of itself in its first bytes."""

from __future__ import annotations

from wormio.formats.container.names import FORMAT, SIGNATURE, SUFFIX
from wormio.registry import Confidence, Detection, Probe

__all__ = ["detect"]


def detect(probe: Probe) -> Detection | None:
    """Tell whether the path is a recording in wormio's own container."""
    if probe.is_dir:
        return None
    head = probe.head()
    if not head.startswith(SIGNATURE):
        return None
    if FORMAT.encode() in head:
        return Detection(Confidence.SIGNATURE, [f"an HDF5 file that says {FORMAT!r}"])
    if probe.path.name.endswith(SUFFIX):
        # Another program may write the attribute last: then it lies anywhere.
        return Detection(Confidence.STRUCTURE, [f"an HDF5 file named *{SUFFIX}"])
    return None
