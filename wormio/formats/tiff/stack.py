"""What a dialect reads from its header: an array of planes, where they lie, what is known of them.

A `Stack` has the file's own axes in the file's own order. The outer ones count pages, the inner
ones lie inside a page (Y, X, and samples if a pixel has several).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.formats.tiff.directories import Chain, read_chain
from wormio.model import Channel, Clock, Finding
from wormio.storage.door import translated

__all__ = [
    "KNOWN_DIALECTS",
    "Calibration",
    "Keyframe",
    "Stack",
    "TiffPart",
    "open_part",
    "stack_in_one_file",
]

Floats = NDArray[np.float64]

KNOWN_DIALECTS = {
    "ome": "OME-TIFF",
    "imagej": "ImageJ",
    "scanimage": "ScanImage",
    "ndtiff": "NDTiff",
    "mmstack": "Micro-Manager",
    "micromanager": "Micro-Manager",
    "shaped": "tifffile's own",
    "lsm": "Zeiss LSM",
    "stk": "MetaMorph STK",
    "fluoview": "Olympus FluoView",
}
"""tifffile's flags, and what people call them; in order of how much they say."""

# Of Micro-Manager's two formats tifffile would read the whole index to tell.
_ASKED = tuple(flag for flag in KNOWN_DIALECTS if flag not in {"mmstack", "ndtiff"})
_NDTIFF = 483729


@attrs.frozen(kw_only=True)
class Keyframe:
    """What tifffile says of a first page; all pages of a stack are like it.

    Parameters
    ----------
    axes : str
        Of a page: ``"YX"``, ``"YXS"``, ``"SYX"``, ...
    shape : tuple of int
    dtype : numpy.dtype
        Native.
    """

    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@attrs.frozen(kw_only=True)
class TiffPart:
    """One TIFF file of a recording.

    Parameters
    ----------
    chain : Chain
    keyframe : Keyframe
    flags : frozenset of str
        Of `KNOWN_DIALECTS`, those that tifffile takes the file for.
    description, software : str
        ImageDescription and Software of the first page.
    resolution : (float or None, float or None)
        Pixels in a unit of length along x and y; of which unit, the dialect knows.
    imagej : mapping
        What tifffile reads of an ImageJ header; empty if there is none.
    """

    chain: Chain
    keyframe: Keyframe
    flags: frozenset[str]
    description: str
    software: str = ""
    resolution: tuple[float | None, float | None] = (None, None)
    imagej: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def path(self) -> Path:
        """The file."""
        return self.chain.path


@attrs.frozen(kw_only=True)
class Calibration:
    """Steps that a header gives; None where it is silent.

    Parameters
    ----------
    z, y, x : float, optional
        Spacing in um.
    interval : float, optional
        Seconds from one index of T to the next.
    clock : Clock, optional
    """

    z: float | None = None
    y: float | None = None
    x: float | None = None
    interval: float | None = None
    clock: Clock = Clock()


@attrs.frozen(kw_only=True)
class Stack:
    """Planes as a dialect finds them.

    Parameters
    ----------
    dialect : str
    parts : tuple of TiffPart or None
        Files in the order in which the header names them; None for one that is absent, which only
        ``metadata_only`` allows.
    names_axes : bool
        Whether the header itself says what the axes mean.
    axes : str
        One letter an axis, outer ones first, slowest first.
    shape : tuple of int
    file : (outer axes) int32
        Index into `parts`; -1 where a plane was never saved.
    page : (outer axes) int64
        Index of the page in that file; -1 where a plane was never saved.
    cut : (outer axes) bool
        Planes that the header promises and a truncated file does not hold.
    run : int
        If not negative: the planes have no directories of their own, plane k lies k planes behind
        the first pixel of this page.
    dtype : numpy.dtype
        Native.
    calibration : Calibration
    delta_t, position_z : (outer axes) float64, optional
        Seconds and um of each plane, NaN where not known.
    channels : tuple of Channel
        As the header lists them; empty if it does not.
    metadata : mapping
    findings : tuple of Finding
    """

    dialect: str
    names_axes: bool = True
    parts: tuple[TiffPart | None, ...]
    axes: str
    shape: tuple[int, ...]
    file: NDArray[np.int32]
    page: NDArray[np.int64]
    cut: NDArray[np.bool_]
    dtype: np.dtype[Any]
    run: int = -1
    calibration: Calibration = Calibration()
    delta_t: Floats | None = None
    position_z: Floats | None = None
    channels: tuple[Channel, ...] = ()
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def inner_axes(self) -> str:
        """Axes inside a page."""
        return self.axes[self.page.ndim :]

    @property
    def inner_shape(self) -> tuple[int, ...]:
        """Their lengths."""
        return self.shape[self.page.ndim :]


def open_part(path: Path, *, allow_truncated: bool) -> TiffPart:
    """Read the directories of a file and what its first page says.

    Raises
    ------
    FormatError
        It is no TIFF.
    RecordingError
        It is truncated or corrupt.
    """
    with translated(path, "TIFF", "its directories were read"):
        chain = read_chain(path, allow_truncated=allow_truncated)
    import tifffile

    with translated(path, "TIFF", "its first page was read"), tifffile.TiffFile(path) as tif:
        first = tif.pages.first
        if first.dtype is None:
            raise ValueError("tifffile does not know the type of its pixels")
        keyframe = Keyframe(
            axes=first.axes, shape=tuple(map(int, first.shape)), dtype=np.dtype(first.dtype)
        )
        return TiffPart(
            chain=chain,
            keyframe=keyframe,
            # Not tif.flags: it looks at further pages, which a truncated file may not have.
            flags=frozenset(f for f in _ASKED if getattr(tif, f"is_{f}", False))
            | ({"ndtiff"} if _is_ndtiff(chain) else set()),
            description=first.description,
            software=_text(first, "Software"),
            resolution=(_ratio(first, "XResolution"), _ratio(first, "YResolution")),
            imagej=dict(tif.imagej_metadata or {}),
        )


def _is_ndtiff(chain: Chain) -> bool:
    """Tell whether the file has the header of an NDTiff file, and the index lies beside it."""
    fd = os.open(chain.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        head = os.pread(fd, 4, 8)
    finally:
        os.close(fd)
    is_one = len(head) == 4 and struct.unpack(chain.byteorder + "I", head)[0] == _NDTIFF
    return is_one and chain.path.with_name("NDTiff.index").is_file()


def _text(page: Any, name: str) -> str:
    tag = page.tags.get(name)
    return tag.value if tag is not None and isinstance(tag.value, str) else ""


def _ratio(page: Any, name: str) -> float | None:
    tag = page.tags.get(name)
    if tag is None:
        return None
    numerator, denominator = tag.value
    return float(numerator / denominator) if numerator and denominator else None


def stack_in_one_file(
    part: TiffPart,
    *,
    page: NDArray[np.int64],
    cut: NDArray[np.bool_] | None = None,
    **fields: Any,
) -> Stack:
    """Make a stack whose planes all lie in one file; `fields` as in `Stack`."""
    return Stack(
        parts=(part,),
        file=np.where(page < 0, -1, 0).astype(np.int32),
        page=page,
        cut=np.zeros(page.shape, bool) if cut is None else cut,
        dtype=part.keyframe.dtype,
        **fields,
    )
