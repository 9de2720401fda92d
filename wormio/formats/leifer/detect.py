"""Recognising a Leifer folder, also one that lacks a file."""

from __future__ import annotations

from wormio.formats.leifer.names import (
    DAQ_TABLE,
    FRAMES_FILE,
    FRAMES_HEADER,
    FRAMES_TABLE,
    VOLUME_TABLE,
    Z_SCAN,
)
from wormio.registry import Confidence, Detection, Probe

__all__ = ["detect"]


def detect(probe: Probe) -> Detection | None:
    """Tell whether the path is a Leifer recording, or the frame file of one."""
    if not probe.is_dir:
        if FRAMES_FILE.fullmatch(probe.path.name):
            return Detection(Confidence.NAME, [f"{probe.path.name} is named like a frame file"])
        return None
    frame_files = [name for name in probe.names if FRAMES_FILE.fullmatch(name)]
    has_table = probe.has(FRAMES_TABLE)
    signed = has_table and probe.head(FRAMES_TABLE).startswith("\t".join(FRAMES_HEADER).encode())
    if not signed and not frame_files:
        return None
    evidence = [f"{FRAMES_TABLE} begins with its header"] if signed else []
    evidence += frame_files
    missing = []
    cures = []
    if not has_table:
        missing.append(FRAMES_TABLE)
        cures.append("copy the whole folder")
    elif not signed:
        missing.append(f"a readable {FRAMES_TABLE}")
        cures.append(f"see whether you may read {FRAMES_TABLE}, and copy it again if it is damaged")
    if not frame_files:
        missing.append("sCMOS_Frames_U16_<rows>x<columns>.dat")
        cures.append("copy the frame file, or look at the rest with metadata_only=True")
    if not probe.has(DAQ_TABLE):
        if probe.has(Z_SCAN) or probe.has(VOLUME_TABLE):
            missing.append(DAQ_TABLE)
            cures.append("copy it, or open with planar=True if the recording is 2-D")
        elif has_table:
            evidence.append(f"no {DAQ_TABLE}: read as 2-D")
    if signed:
        confidence = Confidence.SIGNATURE
    elif has_table or probe.has(DAQ_TABLE):
        confidence = Confidence.STRUCTURE
    else:
        confidence = Confidence.NAME  # other formats of the lab name their frames alike
    return Detection(confidence, evidence, missing, "; ".join(cures))
