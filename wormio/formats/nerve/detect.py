"""Recognising a NeRVE folder by the files that only it has."""

from __future__ import annotations

from wormio.formats.nerve.names import CAMERA_TABLE, DAQ_TABLE, FRAMES_FILE, TIMING, named
from wormio.registry import Confidence, Detection, Probe

__all__ = ["detect"]


def detect(probe: Probe) -> Detection | None:
    """Tell whether the path is a folder with hiResData.mat, or with both text tables."""
    if not probe.is_dir:
        return None
    timing = named(probe.names, TIMING)
    tables = [named(probe.names, CAMERA_TABLE), named(probe.names, DAQ_TABLE)]
    frame_files = [name for name in probe.names if FRAMES_FILE.fullmatch(name)]
    seen = [name for name in (timing, *tables, *frame_files) if name is not None]
    if timing is None and None in tables:
        # One of the tables is evidence only beside frames.
        if not frame_files or not any(tables):
            return None
        missing = [
            TIMING,
            *(w for w, t in zip((CAMERA_TABLE, DAQ_TABLE), tables, strict=True) if t is None),
        ]
        return Detection(
            Confidence.STRUCTURE,
            seen,
            missing,
            f"copy {TIMING}, or both {CAMERA_TABLE} and {DAQ_TABLE}",
        )
    # The lab's newer folders may hold a hiResData.mat computed from their framesDetails.txt.
    newer = probe.has("framesDetails.txt")
    confidence = Confidence.NAME if newer else Confidence.STRUCTURE
    if frame_files:
        return Detection(confidence, seen)
    return Detection(
        confidence,
        seen,
        ["sCMOS_Frames_U16_<rows>x<columns>.dat"],
        "copy the frame file, or look at the rest with metadata_only=True",
    )
