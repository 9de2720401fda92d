"""Recognising a spool, also one that lacks a file."""

from __future__ import annotations

from wormio.formats.andor_spool.names import (
    BLOCK_PATTERN,
    HEADER_PATTERN,
    SETTINGS,
    SIF_MAGIC,
    block_name,
    block_number,
)
from wormio.registry import Confidence, Detection, Probe

__all__ = ["detect"]


def detect(probe: Probe) -> Detection | None:
    """Tell whether the path is the folder of a spool, or a file of one."""
    if not probe.is_dir:
        return _file(probe)
    blocks = [name for name in probe.matching(BLOCK_PATTERN) if block_number(name) is not None]
    headers = probe.matching(HEADER_PATTERN)
    told = [name for name in headers if probe.head(name).startswith(SIF_MAGIC)]
    settings = b"PixelEncoding" in probe.head(SETTINGS) if probe.has(SETTINGS) else False
    if not blocks and not settings:
        return None
    evidence = [f"{len(blocks)} files like {blocks[0]}"] if blocks else []
    evidence += [f"{name} begins as Andor's" for name in told]
    evidence += [f"{SETTINGS} names a pixel encoding"] if settings else []
    missing = []
    if not blocks:
        missing.append(block_name(0))
    if not probe.has(SETTINGS):
        missing.append(SETTINGS)
    if not headers:
        missing.append("Spooled files.sifx")
    if settings or told:
        confidence = Confidence.SIGNATURE
    else:
        confidence = Confidence.STRUCTURE if not missing else Confidence.NAME
    return Detection(confidence, evidence, missing, "copy the whole folder" if missing else "")


def _file(probe: Probe) -> Detection | None:
    name = probe.path.name
    if block_number(name) is not None or name == SETTINGS:
        return Detection(Confidence.NAME, [f"{name} is named like a file of a spool"])
    if name.endswith(".sifx") and probe.head().startswith(SIF_MAGIC):
        return Detection(Confidence.SIGNATURE, [f"{name} begins as Andor's"])
    return None
