"""Recognising a TIFF file by its first bytes, and its dialect if the header lies among them."""

from __future__ import annotations

import re

from wormio.registry import Confidence, Detection, Probe

__all__ = ["detect"]

_MAGIC = {
    b"II*\x00": "TIFF, little-endian",
    b"MM\x00*": "TIFF, big-endian",
    b"II+\x00": "BigTIFF, little-endian",
    b"MM\x00+": "BigTIFF, big-endian",
}
_DIALECTS = (
    (re.compile(rb"<(\w+:)?OME[\s>]"), "OME-XML"),
    (re.compile(rb"(ImageJ|SCIFIO)="), "an ImageJ header"),
)


def detect(probe: Probe) -> Detection | None:
    """Tell whether the path is a TIFF file.

    The header of a dialect may lie at the end of the file, out of a probe's sight; which dialect a
    file is, opening finds out.
    """
    if probe.is_dir:
        return None
    head = probe.head()
    kind = _MAGIC.get(head[:4])
    if kind is None:
        return None
    seen = [f"{name} in the first {len(head)} bytes" for key, name in _DIALECTS if key.search(head)]
    return Detection(Confidence.SIGNATURE, [f"the file begins as a {kind}", *seen])
