"""What OME-XML says of an image beside its pixels: steps, times, positions, channels."""

from __future__ import annotations

import math

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.formats.stacks.units import micrometres, seconds
from wormio.formats.tiff.ome import Element, OmeImage, attribute, children
from wormio.formats.tiff.stack import Calibration
from wormio.model import Channel, Clock, Finding

__all__ = ["PlaneColumns", "calibration", "channels", "plane_columns"]

Floats = NDArray[np.float64]
# How far steps of unit-less positions may be from PhysicalSizeZ and still confirm that they are um.
_STEP_TOLERANCE = 0.01


@attrs.frozen(kw_only=True)
class PlaneColumns:
    """Of each plane, in the image's outer axes; None where no Plane element has the attribute.

    Parameters
    ----------
    delta_t : float64, optional
        Seconds, NaN where not known.
    position_z : float64, optional
        um, NaN where not known.
    """

    delta_t: Floats | None
    position_z: Floats | None


def calibration(image: OmeImage, findings: list[Finding]) -> Calibration:
    """Read steps and the clock."""
    steps = {axis.lower(): _physical_size(image, axis, findings) for axis in "ZYX"}
    interval = _number(image.pixels, "TimeIncrement")
    if interval is not None:
        unit = image.pixels.attrib.get("TimeIncrementUnit", "s")
        scale = seconds(unit)
        if scale is None or interval <= 0:
            findings.append(_unusable("TimeIncrement", f"{interval:g} {unit}", "volume_rate"))
            interval = None
        else:
            interval *= scale
    start = None
    for name in ("AcquisitionDate", "AcquiredDate"):
        for element in children(image.element, name):
            start = (element.text or "").strip() or None
    return Calibration(**steps, interval=interval, clock=Clock(name="OME DeltaT", start=start))


def _physical_size(image: OmeImage, axis: str, findings: list[Finding]) -> float | None:
    name = f"PhysicalSize{axis}"
    value = _number(image.pixels, name)
    if value is None:
        return None
    unit = image.pixels.attrib.get(f"{name}Unit", "um")
    scale = micrometres(unit)
    if scale is None or value <= 0:
        option = "um_per_plane" if axis == "Z" else "um_per_pixel"
        findings.append(_unusable(name, f"{value:g} {unit}", option))
        return None
    return value * scale


def plane_columns(image: OmeImage, step_z: float | None, findings: list[Finding]) -> PlaneColumns:
    """Read DeltaT and PositionZ of every Plane element.

    Parameters
    ----------
    image : OmeImage
    step_z : float, optional
        PhysicalSizeZ in um; it confirms positions that come without a unit.
    findings : list of Finding
        Added to.
    """
    delta_t = np.full(image.shape, np.nan)
    position = np.full(image.shape, np.nan)
    bare = np.full(image.shape, np.nan)
    unknown_units = set()
    for plane in children(image.pixels, "Plane"):
        at = tuple(attribute(plane, f"The{axis}", 0) for axis in image.axes)
        if not all(0 <= i < n for i, n in zip(at, image.shape, strict=True)):
            continue  # of planes that were cropped away
        time, z = _number(plane, "DeltaT"), _number(plane, "PositionZ")
        if time is not None:
            unit = plane.attrib.get("DeltaTUnit", "s")
            scale = seconds(unit)
            if scale is None:
                unknown_units.add(unit)
            else:
                delta_t[at] = time * scale
        if z is not None:
            # The schema's default is "reference frame": no known length.
            scale = micrometres(plane.attrib.get("PositionZUnit", "reference frame"))
            if scale is None:
                bare[at] = z
            else:
                position[at] = z * scale
    if unknown_units:
        findings.append(_unusable("DeltaT", f"unit {sorted(unknown_units)}", "volume_rate"))
    if np.isfinite(bare).any():
        position = _confirmed(bare, position, image, step_z, findings)
    return PlaneColumns(
        delta_t=delta_t if np.isfinite(delta_t).any() else None,
        position_z=position if np.isfinite(position).any() else None,
    )


def _confirmed(
    bare: Floats,
    position: Floats,
    image: OmeImage,
    step_z: float | None,
    findings: list[Finding],
) -> Floats:
    """Take positions without a unit as um only if their steps are PhysicalSizeZ."""
    steps = np.abs(np.diff(bare, axis=image.axes.index("Z")))
    steps = steps[np.isfinite(steps)]
    if step_z is not None and steps.size:
        typical = float(np.median(steps))
        if abs(typical - step_z) <= _STEP_TOLERANCE * step_z:
            return np.where(np.isfinite(bare), bare, position)
    findings.append(
        Finding(
            code="z-without-unit",
            message="PositionZ has no unit, and its steps are not PhysicalSizeZ: not used",
            cure="give um_per_plane=",
        )
    )
    return position


def channels(image: OmeImage) -> tuple[Channel, ...]:
    """Read the Channel elements, one a plane of C."""
    return tuple(
        Channel(
            name=element.attrib.get("Name", "").strip(),
            excitation_nm=_wavelength(element, "Excitation"),
            emission_nm=_wavelength(element, "Emission"),
            indicator=element.attrib.get("Fluor", ""),
        )
        for element in children(image.pixels, "Channel")
    )


def _wavelength(element: Element, kind: str) -> float | None:
    value = _number(element, f"{kind}Wavelength")
    scale = micrometres(element.attrib.get(f"{kind}WavelengthUnit", "nm"))
    return value * scale * 1e3 if value and value > 0 and scale else None


def _number(element: Element, name: str) -> float | None:
    text = element.attrib.get(name)
    if text is None:
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def _unusable(name: str, found: str, option: str) -> Finding:
    return Finding(
        code="unit-unknown",
        message=f"{name} is of no use: {found}",
        cure=f"give {option}=",
    )
