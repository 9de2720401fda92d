"""Recognising TIFF files by their first bytes, and folders of them by the names in them."""

from __future__ import annotations

import re
import struct

from wormio.formats.tiff.folder import is_tiff_name
from wormio.formats.tiff.micromanager_folder import METADATA, has_begun
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
    (re.compile(rb"SI\.hChannels|state\.acq\."), "a ScanImage header"),
)
_MMSTACK, _NDTIFF = 54773648, 483729
_NDTIFF_INDEX = "NDTiff.index"
# Notes beside the TIFFs do not count; of other files there may be one in so many.
_NOTES = ("txt", "md", "json", "csv", "tsv", "xml", "log", "ini", "yml", "yaml", "toml")
_FEW = 10


def detect(probe: Probe) -> Detection | None:
    """Tell whether the path is a TIFF file, or a folder of TIFFs.

    The header of a dialect may lie at the end of the file, out of a probe's sight; which dialect a
    file is, opening finds out.
    """
    return _folder(probe) if probe.is_dir else _file(probe.head())


def _file(head: bytes) -> Detection | None:
    kind = _MAGIC.get(head[:4])
    if kind is None:
        return None
    seen = [f"{name} in the first {len(head)} bytes" for key, name in _DIALECTS if key.search(head)]
    if _begins_with(head, _MMSTACK):
        seen.append("the header of a Micro-Manager stack")
    if _begins_with(head, _NDTIFF):  # its plugin knows more of it
        seen.append("the header of an NDTiff stack")
        return Detection(Confidence.STRUCTURE, [f"the file begins as a {kind}", *seen])
    return Detection(Confidence.SIGNATURE, [f"the file begins as a {kind}", *seen])


def _begins_with(head: bytes, mark: int) -> bool:
    """Tell whether Micro-Manager's mark follows the header of a TIFF."""
    order = "<" if head[:2] == b"II" else ">"
    return len(head) >= 12 and bool(struct.unpack_from(order + "I", head, 8)[0] == mark)


def _folder(probe: Probe) -> Detection | None:
    """Recognise a folder of TIFFs; any format that knows such folders better is surer."""
    if probe.has(_NDTIFF_INDEX):
        return None
    for name in (METADATA, *(f"{entry}/{METADATA}" for entry in _positions(probe))):
        if has_begun(probe.head(name)):
            return Detection(Confidence.STRUCTURE, [f"{name} is one of Micro-Manager's"])
    shown = [name for name in probe.names if not name.startswith(".")]
    tiffs = [name for name in shown if is_tiff_name(name)]
    others = sum(_counts(name) for name in shown) - len(tiffs)
    if not tiffs or others > (1 if len(tiffs) > 1 else 0) + len(tiffs) // _FEW:
        return None
    if probe.head(tiffs[0])[:4] not in _MAGIC:
        return None
    return Detection(Confidence.NAME, [f"{len(tiffs)} of {len(shown)} entries are TIFFs"])


def _counts(name: str) -> bool:
    """Tell whether a file is named as data of some kind."""
    _, dot, kind = name.rpartition(".")
    return bool(dot) and kind.lower() not in _NOTES


def _positions(probe: Probe) -> list[str]:
    return [name for name in probe.names if name.startswith("Pos")][:3]
