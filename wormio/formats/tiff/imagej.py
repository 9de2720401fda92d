"""ImageJ hyperstacks: a short header of ``key=value`` lines, planes in one run or page by page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from wormio.errors import CorruptRecordingError, OptionError, TruncatedRecordingError
from wormio.formats.stacks.units import micrometres, seconds
from wormio.formats.tiff.stack import Calibration, Stack, TiffPart, stack_in_one_file
from wormio.model import Finding

__all__ = ["is_imagej", "read_imagej"]

# `order` names the axes fastest first; "czt" is what ImageJ itself writes.
_ORDERS = {"".join(o) for o in ("czt", "ctz", "zct", "ztc", "tcz", "tzc")}
_LENGTHS = {"t": "frames", "z": "slices", "c": "channels"}


def is_imagej(part: TiffPart) -> bool:
    """Tell whether the first page has an ImageJ header."""
    return "imagej" in part.flags


def read_imagej(part: TiffPart, *, allow_truncated: bool) -> Stack:
    """Read a hyperstack.

    A header that says nothing of its axes (several images, but neither slices nor frames nor
    channels) gives an axis I, which the caller must name.

    Raises
    ------
    TruncatedRecordingError
        The file holds fewer images than the header promises.
    CorruptRecordingError
        It holds more.
    """
    header = part.imagej
    lengths = {axis: _length(header, name, part) for axis, name in _LENGTHS.items()}
    images = _length(header, "images", part)
    pages = len(part.chain.pages)
    findings: list[Finding] = []
    calibration = _calibration(part, findings)
    metadata = {"dialect": "imagej", "imagej": _jsonable(header)}
    order = str(header.get("order", "czt")).lower()
    order = "czt" if order == "default" else order
    if order not in _ORDERS:
        raise OptionError(
            "the ImageJ header has an unknown order of axes",
            expected=", ".join(sorted(_ORDERS)),
            found=repr(order),
            path=part.path,
            cure="name the axes of its pages: axes='TYX', for example",
        )
    axes = order[::-1].upper()
    shape = tuple(lengths[axis] for axis in order[::-1])
    keyframe = part.keyframe
    if lengths["c"] > 1 and _samples(part) == lengths["c"]:
        # Bio-Formats declares the samples of a pixel as channels.
        axes = axes.replace("C", "")
        shape = tuple(n for n, axis in zip(shape, order[::-1], strict=True) if axis != "c")
        keyframe_axes = keyframe.axes.replace("S", "C")
    else:
        keyframe_axes = keyframe.axes
    planes = math.prod(shape)
    if planes == 1 and max(images, pages) > 1:
        axes, shape, planes = "I", (max(images, pages),), max(images, pages)
    in_run, there = _where(part, planes, allow_truncated=allow_truncated)
    held = np.arange(planes) < there
    return stack_in_one_file(
        part,
        dialect="imagej",
        axes=axes + keyframe_axes,
        shape=shape + keyframe.shape,
        page=np.where(held, np.arange(planes), -1).reshape(shape),
        cut=~held.reshape(shape),
        run=0 if in_run else -1,
        calibration=calibration,
        metadata=metadata,
        findings=tuple(findings),
    )


def _length(header: Mapping[str, Any], name: str, part: TiffPart) -> int:
    value = header.get(name, 1)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise CorruptRecordingError(
            f"the ImageJ header has an impossible number of {name}",
            expected="a positive whole number",
            found=repr(value)[:100],
            path=part.path,
        )
    return value


def _samples(part: TiffPart) -> int:
    axes = part.keyframe.axes
    return part.keyframe.shape[axes.index("S")] if "S" in axes else 1


def _where(part: TiffPart, planes: int, *, allow_truncated: bool) -> tuple[bool, int]:
    """Return whether the planes lie in one run behind the first, and how many are there."""
    chain, first = part.chain, part.chain.pages[0]
    if len(chain.pages) == planes and not chain.broken:
        return False, planes
    size = first.decoded_bytes
    run_end = first.data + planes * size
    # Above 4 GB ImageJ writes one directory and all pixels in one run. A second directory inside
    # that run says that this is no such file.
    is_run = first.data >= 0 and (
        not first.following or first.following >= run_end or first.following < first.data
    )
    if is_run and (len(chain.pages) == 1 or chain.broken):
        there = min(planes, max(0, chain.size - first.data) // size)
        if there == planes or allow_truncated:
            return True, there
    elif len(chain.pages) > planes:
        raise CorruptRecordingError(
            "the ImageJ header and the file disagree on the number of images",
            expected=f"{planes} images, as the header says",
            found=f"{len(chain.pages)} pages",
            path=part.path,
            cure="name the axes of the pages yourself: axes='TYX', for example",
        )
    else:
        there = len(chain.pages)
        if allow_truncated:
            return False, there
    raise TruncatedRecordingError(
        "the file holds fewer images than its header promises",
        expected=f"{planes} images",
        found=f"{there} images in {chain.size} bytes",
        path=part.path,
        cure="copy the file again, or open it with allow_truncated=True to get the complete "
        "volumes only; if the header was left over from a larger stack, name the axes of what is "
        "there: axes='YX', for example",
    )


def _calibration(part: TiffPart, findings: list[Finding]) -> Calibration:
    header = part.imagej
    unit = str(header.get("unit", ""))
    scales = {
        "x": micrometres(unit),
        "y": micrometres(str(header.get("yunit", unit))),
        "z": micrometres(str(header.get("zunit", unit))),
    }
    if unit.lower() not in {"", "pixel", "pixels"} and None in scales.values():
        findings.append(
            Finding(
                code="unit-unknown",
                message=f"the header measures lengths in {unit!r}, which is no unit known here",
                cure="give um_per_pixel= and um_per_plane=",
            )
        )
    steps = {
        "x": _inverse(part.resolution[0]),
        "y": _inverse(part.resolution[1]),
        # ImageJ takes the absolute value, too.
        "z": abs(_number(header.get("spacing")) or 0.0) or None,
    }
    um: dict[str, Any] = {}
    for axis, scale in scales.items():
        step = steps[axis]
        um[axis] = None if scale is None or step is None else step * scale
    return Calibration(**um, interval=_interval(header, findings))


def _interval(header: Mapping[str, Any], findings: list[Finding]) -> float | None:
    interval = _number(header.get("finterval"))
    if interval:
        unit = str(header.get("tunit", "sec"))
        scale = seconds(unit)
        if scale is None:
            findings.append(
                Finding(
                    code="unit-unknown",
                    message=f"the header measures time in {unit!r}, which is no unit known here",
                    cure="give volume_rate=",
                )
            )
            return None
        return abs(interval) * scale
    rate = _number(header.get("fps"))
    if not rate or rate < 0:
        return None
    findings.append(
        Finding(
            code="time-from-fps",
            message=f"the header has no frame interval; time is made from fps={rate:g}, which "
            "ImageJ also uses for the speed of playing",
            cure="give volume_rate= if it is another",
        )
    )
    return 1 / rate


def _number(value: object) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def _inverse(resolution: float | None) -> float | None:
    return 1 / resolution if resolution else None


def _jsonable(value: Any) -> Any:
    """Return what JSON can hold; tables of bytes (overlays, colours) by their size only."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (bytes, np.ndarray)):
        size = value.nbytes if isinstance(value, np.ndarray) else len(value)
        return f"<{size} bytes>"
    return str(value)
