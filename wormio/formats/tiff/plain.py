"""TIFFs that do not say what their dimensions mean, or say it in a dialect not known here.

What tifffile groups into series is taken as an array of unnamed axes. Dialects with their own idea
of a series (ScanImage, NDTiff, LSM, ...) are switched off: their labels are guesses, and some of
them open other files.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from wormio.errors import TruncatedRecordingError, UnsupportedCapabilityError
from wormio.formats.stacks.units import micrometres
from wormio.formats.tiff.stack import (
    KNOWN_DIALECTS,
    Calibration,
    Stack,
    TiffPart,
    stack_in_one_file,
)
from wormio.formats.tiff.uniform import is_uniform, uniform_stack
from wormio.storage.door import translated

__all__ = ["count_plain", "read_plain"]

_OFF: dict[str, Any] = {
    f"is_{kind}": False
    for kind in (
        *(kind for kind in KNOWN_DIALECTS if kind != "shaped"),
        *("sis", "svs", "scn", "qpi", "ndpi", "bif", "avs", "eer", "philips", "nih", "mdgel"),
    )
}


@contextmanager
def _series(part: TiffPart) -> Iterator[list[Any]]:
    import tifffile

    with (
        translated(part.path, "TIFF", "its pages were grouped"),
        tifffile.TiffFile(part.path, **_OFF) as tif,
    ):
        yield tif.series


def count_plain(part: TiffPart) -> int:
    """Return how many series the file holds."""
    if is_uniform(part):
        return 1
    with _series(part) as series:
        return len(series)


def read_plain(part: TiffPart, index: int) -> Stack:
    """Read one series.

    Raises
    ------
    TruncatedRecordingError
        The series has more pages than the file.
    UnsupportedCapabilityError
        The pixels of a page are spread over the axes in a way not known here.
    """
    if is_uniform(part):
        return uniform_stack(part)
    with _series(part) as all_series:
        series = all_series[index]
        axes, shape = series.get_axes(squeeze=False), series.get_shape(squeeze=False)
        page_shape = series.keyframe.shape
        n_outer = _outer(shape, page_shape, part)
        planes = math.prod(shape[:n_outer])
        base = series.dataoffset
        first = series[0].index
        # Pages without directories of their own are counted in the shape, but not there to ask.
        size = part.chain.pages[first].decoded_bytes
        pages = part.chain.pages[first : first + planes]
        in_run = base is not None and [page.data for page in pages] != [
            base + k * size for k in range(planes)
        ]
        if in_run:
            numbers = np.arange(planes)
        elif len(series) == planes:
            numbers = np.array([page.index for page in series], np.int64)
        else:
            raise TruncatedRecordingError(
                "the file holds fewer pages than its header promises",
                expected=f"{planes} pages",
                found=f"{len(series)} pages",
                path=part.path,
            )
    # tifffile goes on where a chain is broken; what lies there has not been checked.
    there = np.ones(planes, bool) if in_run else numbers < len(part.chain.pages)
    flags = [flag for flag in KNOWN_DIALECTS if flag in part.flags]
    header = _shaped(part)
    return stack_in_one_file(
        part,
        dialect=flags[0] if flags else "plain",
        names_axes=_names_axes(header, axes),
        axes=axes,
        shape=tuple(map(int, shape)),
        page=np.where(there, numbers, -1).astype(np.int64).reshape(shape[:n_outer]),
        cut=~there.reshape(shape[:n_outer]),
        run=first if in_run else -1,
        calibration=_calibration(header),
        metadata={"dialect": flags[0] if flags else "plain", "description": part.description},
    )


def _shaped(part: TiffPart) -> dict[str, Any]:
    """Return what tifffile's own header says: JSON, with whatever the writer added."""
    if "shaped" not in part.flags:
        return {}
    with suppress(ValueError, RecursionError):
        header = json.loads(part.description)
        return header if isinstance(header, dict) else {}
    return {}


def _names_axes(header: Mapping[str, Any], axes: str) -> bool:
    """Tell whether the writer itself named the axes."""
    return header.get("axes") == axes and set(axes) <= set("TZCYXS")


def _calibration(header: Mapping[str, Any]) -> Calibration:
    scale = micrometres(str(header.get("unit", "")))
    spacing, interval = _positive(header.get("spacing")), _positive(header.get("finterval"))
    z = None if scale is None or spacing is None else spacing * scale
    return Calibration(z=z, interval=interval)


def _positive(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and value > 0 else None


def _outer(shape: tuple[int, ...], page_shape: tuple[int, ...], part: TiffPart) -> int:
    """Return how many leading axes count pages; the others lie inside a page."""
    inner = 0
    while inner < len(shape) and math.prod(shape[len(shape) - inner :]) < math.prod(page_shape):
        inner += 1
    found = tuple(n for n in shape[len(shape) - inner :] if n != 1)
    if found != tuple(n for n in page_shape if n != 1):
        raise UnsupportedCapabilityError(
            "the pages of the file do not hold whole planes",
            expected=f"a shape that ends in that of a page, {page_shape}",
            found=str(shape),
            path=part.path,
        )
    return len(shape) - inner
