"""What wormio-nwb offers to wormio. Importing this module imports no reader."""

from __future__ import annotations

from wormio.registry import Confidence, Detection, Format, PositionReader, Probe, hookimpl

__all__ = ["detect", "wormio_formats", "wormio_position_readers"]

_MAGIC = b"\x89HDF\r\n\x1a\n"
# A user block of 512 bytes, or of any power of 2 above, may lie before the HDF5 file itself.
_STARTS = (0, 512, 1024, 2048)


def detect(probe: Probe) -> Detection | None:
    """Tell whether the path is an NWB file: HDF5 that names its nwb_version, or is called so."""
    head = probe.head()
    if probe.is_dir or not any(head.startswith(_MAGIC, start) for start in _STARTS):
        return None
    if b"nwb_version" in head:
        return Detection(Confidence.SIGNATURE, ["HDF5 with nwb_version"])
    if probe.path.suffix.lower() == ".nwb":
        return Detection(Confidence.STRUCTURE, ["*.nwb that begins as HDF5"])
    return None


@hookimpl
def wormio_formats() -> list[Format]:
    """Return the format; its code is named, and imported when a recording is opened."""
    return [
        Format(
            name="nwb",
            title="NWB 2 (Neurodata Without Borders), HDF5",
            patterns=("*.nwb",),
            opener="wormio_nwb.adapter:open",
            detect=detect,
            options="wormio.formats.stacks:StackOptions",
            contents="wormio_nwb.adapter:contents",
            capabilities={"events", "mappable", "pickle"},
            thread_safe=True,
            subject=(
                "wormio_nwb.subject:two_photon",
                "wormio_nwb.subject:multichannel",
                "wormio_nwb.subject:variable_depth",
            ),
        )
    ]


@hookimpl
def wormio_position_readers() -> list[PositionReader]:
    """Return the reader of segmentation tables."""
    return [
        PositionReader(
            name="nwb",
            title="Segmentation tables of NWB files (voxel, pixel and image masks)",
            patterns=("*.nwb",),
            reader="wormio_nwb.positions:read",
        )
    ]
