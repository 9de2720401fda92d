"""What wormio-ndtiff offers to wormio. Importing this module imports no reader."""

from __future__ import annotations

import struct

from wormio.registry import Confidence, Detection, Format, Probe, hookimpl

__all__ = ["detect", "wormio_formats"]

_INDEX = "NDTiff.index"
# Version 2, and every version that stores a pyramid, keep the images one folder deeper.
_INNER = "Full resolution"
_MAGIC = 483729
_LONGEST_AXES = 2048


def detect(probe: Probe) -> Detection | None:
    """Tell whether the path is a data set, its index, or one of its TIFFs."""
    if probe.is_dir:
        return _folder(probe)
    if probe.path.name == _INDEX and _begins_an_index(probe.head()):
        return Detection(Confidence.SIGNATURE, [f"{_INDEX} begins with the axes of an image"])
    if _is_stack(probe.head()):
        return Detection(Confidence.SIGNATURE, ["the TIFF has the header of an NDTiff stack"])
    return None


def _folder(probe: Probe) -> Detection | None:
    for name, there in (
        (_INDEX, probe.has(_INDEX)),
        (f"{_INNER}/{_INDEX}", probe.has(_INNER) and probe.size(f"{_INNER}/{_INDEX}") >= 0),
    ):
        if there and _begins_an_index(probe.head(name)):
            return Detection(Confidence.SIGNATURE, [f"{name} begins with the axes of an image"])
        if there:
            return Detection(Confidence.STRUCTURE, [f"the folder has {name}"])
    return None


def _begins_an_index(head: bytes) -> bool:
    """Tell whether bytes begin as an entry: a length, and a JSON object of that length."""
    for order in "<>":
        if len(head) > 4:
            (length,) = struct.unpack_from(f"{order}I", head)
            told = head[4 : 4 + length]
            if 2 <= length <= _LONGEST_AXES and told[:1] == b"{" and told[-1:] == b"}":
                return True
    return False


def _is_stack(head: bytes) -> bool:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
    return (
        order is not None
        and len(head) >= 12
        and struct.unpack_from(f"{order}I", head, 8)[0] == _MAGIC
    )


@hookimpl
def wormio_formats() -> list[Format]:
    """Return the format; its code is named, and imported when a recording is opened."""
    return [
        Format(
            name="ndtiff",
            title="NDTiff data sets of Micro-Manager and Pycro-Manager (folder with NDTiff.index)",
            patterns=("NDTiff.index", "*_NDTiffStack*.tif"),
            opener="wormio_ndtiff.adapter:open",
            detect=detect,
            options="wormio_ndtiff.options:NdtiffOptions",
            contents="wormio_ndtiff.adapter:contents",
            capabilities={"mappable", "pickle"},
            thread_safe=True,
            subject=(
                "wormio_ndtiff.conformance:subject",
                "wormio_ndtiff.conformance:version_2",
            ),
        )
    ]
