"""Recognising a light-sheet folder, also one that lacks a file."""

from __future__ import annotations

from wormio.formats.ahrens.names import (
    FREQUENCY,
    VOLUME_FILE,
    VOLUME_PATTERN,
    description_name,
)
from wormio.registry import Confidence, Detection, Probe

__all__ = ["detect"]


def detect(probe: Probe) -> Detection | None:
    """Tell whether the path is the folder of a recording."""
    if not probe.is_dir:
        return None
    matched = [VOLUME_FILE.fullmatch(name) for name in probe.matching(VOLUME_PATTERN)]
    volumes = [found for found in matched if found is not None]
    described = probe.has(description_name(0))
    signed = described and b"dimensions=" in probe.head(description_name(0))
    timed = probe.has(FREQUENCY)
    if not volumes and not (signed and timed):
        return None
    evidence = [f"{len(volumes)} files like {volumes[0][0]}"] if volumes else []
    missing, cures = [], ["copy the whole folder"]
    if signed:
        evidence.append(f"{description_name(0)} gives the dimensions of a volume")
    if not described:
        missing.append(description_name(0))
    if timed:
        evidence.append(FREQUENCY)
    else:
        missing.append(FREQUENCY)
    if not volumes:
        missing.append("TM00000_CM0_CHN00.h5 or .stack")
    elif all(found["kind"] == "klb" for found in volumes):
        missing.append("a reader of .klb files")
        cures = ["convert the volumes to .h5 with pyklb"]
    if signed and volumes:
        confidence = Confidence.SIGNATURE
    else:
        confidence = Confidence.STRUCTURE if described or timed else Confidence.NAME
    return Detection(confidence, evidence, missing, "; ".join(cures) if missing else "")
