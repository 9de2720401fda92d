"""Recognising HDF5 files by their first bytes, and whose they are by what shows among them."""

from __future__ import annotations

from wormio.registry import Confidence, Detection, Probe

__all__ = ["detect", "detect_imaris", "detect_zephir"]

_MAGIC = b"\x89HDF\r\n\x1a\n"
# A user block of 512 bytes, or of any power of 2 above, may lie before the HDF5 file itself.
_STARTS = (0, 512, 1024, 2048)
_DATA, _METADATA, _ANNOTATIONS = "data.h5", "metadata.json", "annotations.h5"


def _is_hdf5(head: bytes) -> bool:
    return any(head.startswith(_MAGIC, start) for start in _STARTS)


def detect(probe: Probe) -> Detection | None:
    """Tell whether the path is an HDF5 file of no format in particular.

    The claim is the weakest of all: whoever knows more of the file is to have it.
    """
    if probe.is_dir or not _is_hdf5(probe.head()):
        return None
    # NWB has a plugin of its own; without it, its name is a better answer than an array's axes.
    if probe.path.suffix.lower() == ".nwb" or b"nwb_version" in probe.head():
        return None
    return Detection(Confidence.NAME, ["the file begins as HDF5"])


def detect_imaris(probe: Probe) -> Detection | None:
    """Tell whether the path is a file of Imaris 5.5 or later."""
    if probe.is_dir or not _is_hdf5(probe.head()):
        return None
    for name in (b"ImarisDataSet", b"ImarisVersion", b"DataSetInfo"):
        if name in probe.head():
            return Detection(Confidence.SIGNATURE, [f"HDF5 with {name.decode()}"])
    if probe.path.suffix.lower() == ".ims":
        return Detection(Confidence.STRUCTURE, ["*.ims that begins as HDF5"])
    return None


def detect_zephir(probe: Probe) -> Detection | None:
    """Tell whether the path is a folder of ZephIR: data.h5 and a metadata.json with shape_t."""
    if not probe.is_dir:
        return None
    metadata = probe.has(_METADATA) and b'"shape_t"' in probe.head(_METADATA)
    data = probe.has(_DATA) and _is_hdf5(probe.head(_DATA))
    if metadata and data:
        evidence = [f"{_DATA} beside a {_METADATA} with shape_t"]
        return Detection(Confidence.STRUCTURE, evidence)
    if metadata:
        return Detection(
            Confidence.STRUCTURE,
            [f"{_METADATA} with shape_t"],
            missing=[_DATA],
            cure=f"put {_DATA} there; metadata_only=True opens the recording without its pixels",
        )
    if data and probe.has(_ANNOTATIONS) and not probe.has(_METADATA):
        return Detection(
            Confidence.STRUCTURE,
            [f"{_DATA} beside {_ANNOTATIONS}"],
            missing=[_METADATA],
            cure=f"copy {_METADATA} too",
        )
    return None
