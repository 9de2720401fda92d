"""What wormio-zarr offers to wormio. Importing this module imports no reader."""

from __future__ import annotations

import re

from wormio.registry import Confidence, Detection, Format, Probe, hookimpl

__all__ = ["detect", "wormio_formats"]

_OME = re.compile(
    rb'"(multiscales|plate|well|bioformats2raw\.layout)"\s*:|"ome"\s*:\s*\{|"wormio-recording"'
)
_ARRAY = re.compile(rb'"node_type"\s*:\s*"array"')
_METADATA = ("zarr.json", ".zattrs", ".zgroup", ".zarray")
_ZIP_SUFFIXES = (".zarr.zip", ".zip", ".ozx")


def detect(probe: Probe) -> Detection | None:
    """Tell whether the path is a Zarr store. It asks the probe and opens nothing itself."""
    return _detect_folder(probe) if probe.is_dir else _detect_zip(probe)


def _detect_folder(probe: Probe) -> Detection | None:
    there = [name for name in _METADATA if probe.has(name)]
    if not there:
        return None
    for name in ("zarr.json", ".zattrs"):
        found = _OME.search(probe.head(name))
        if found and not _ARRAY.search(probe.head(name)):
            return Detection(
                Confidence.SIGNATURE, evidence=[f"{name} has {found[0].decode().strip(': {')}"]
            )
    return Detection(Confidence.STRUCTURE, evidence=[f"the folder has {', '.join(there)}"])


def _detect_zip(probe: Probe) -> Detection | None:
    if not probe.head().startswith(b"PK\x03\x04"):
        return None
    if not probe.path.name.lower().endswith(_ZIP_SUFFIXES):
        return None
    for name in _METADATA:
        if name.encode() in probe.head():
            return Detection(Confidence.STRUCTURE, evidence=[f"a zip file that has {name}"])
    if probe.path.name.lower().endswith((".zarr.zip", ".ozx")):
        return Detection(Confidence.NAME, evidence=["a zip file with the name of a Zarr store"])
    return None


@hookimpl
def wormio_formats() -> list[Format]:
    """Return the format; its code is named, and imported when a recording is opened."""
    return [
        Format(
            name="zarr",
            title="OME-Zarr 0.1 to 0.5 and plain Zarr 2 and 3, in folders and zip files",
            patterns=("*.ome.zarr", "*.zarr", "*.zarr.zip", "*.ozx"),
            opener="wormio_zarr.adapter:open",
            detect=detect,
            options="wormio_zarr.options:ZarrOptions",
            contents="wormio_zarr.adapter:contents",
            capabilities={"events", "mappable", "pickle"},
            thread_safe=True,
            subject=(
                "wormio_zarr.conformance:ome_05",
                "wormio_zarr.conformance:ome_04",
                "wormio_zarr.conformance:with_table",
            ),
        )
    ]
