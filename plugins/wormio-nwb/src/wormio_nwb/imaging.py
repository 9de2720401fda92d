"""Voxel size and channels: the imaging plane, volume or space that a series was recorded from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
from wormio.formats.stacks.hdf5 import attributes, number
from wormio.formats.stacks.units import micrometres
from wormio.model import Channel, Finding
from wormio.storage.foreign_hdf5 import has

from wormio_nwb.reading import Nwb
from wormio_nwb.schema import kind_of

if TYPE_CHECKING:
    import h5py

__all__ = ["Imaging", "read_imaging"]

_LINKS = ("imaging_plane", "imaging_volume", "imaging_space")
_SPACES = ("PlanarImagingSpace", "VolumetricImagingSpace")
# In um: each has its own unit in its name.
_SPACINGS_IN_UM = ("pixel_size_in_um", "voxel_size_in_um", "grid_spacing_in_um")
# Nobody's microscope has pixels of a millimetre: the unit was left at its default, meters.
_LARGEST_UM = 1000.0


@attrs.frozen(kw_only=True)
class Imaging:
    """What a series' imaging plane, volume or space says.

    Parameters
    ----------
    x, y, z : float, optional
        Spacing in um.
    depth : float, optional
        Z of the origin in um.
    channels : tuple of Channel
        As many as the series has, or none where their order is not known.
    about : dict
        Everything small that is written there, untouched.
    findings : tuple of Finding
    """

    x: float | None = None
    y: float | None = None
    z: float | None = None
    depth: float | None = None
    channels: tuple[Channel, ...] = ()
    about: dict[str, Any] = attrs.field(factory=dict)
    findings: tuple[Finding, ...] = ()


def read_imaging(nwb: Nwb, series: h5py.Group, n_channels: int) -> Imaging:
    """Read the imaging metadata of a series; nothing of it is required.

    Raises
    ------
    RecordingError
        A link to it leads nowhere, or out of the folder.
    """
    plane = _place(nwb, series)
    if plane is None:
        return Imaging(channels=_channels_of(nwb, [series], [], n_channels))
    findings: list[Finding] = []
    x, y, z = _spacing(nwb, plane, findings)
    about = nwb.about(plane)
    listed = _listed(nwb, plane)
    channels = _channels_of(nwb, [series, plane], listed, n_channels)
    if not channels and n_channels > 1:
        findings.append(
            Finding(
                code="channels-unordered",
                message=f"the order of the {n_channels} channels is not written in the file",
            )
        )
    return Imaging(
        x=x,
        y=y,
        z=z,
        depth=_depth(nwb, plane),
        channels=channels,
        about=about | ({"order_optical_channels": listed} if listed else {}),
        findings=tuple(findings),
    )


def _place(nwb: Nwb, series: h5py.Group) -> h5py.Group | None:
    for name in _LINKS:
        if has(series, name):
            return nwb.group(series, name)
    return next((one for _, one in _children(nwb, series) if kind_of(one) in _SPACES), None)


def _children(nwb: Nwb, parent: h5py.Group) -> list[tuple[str, h5py.Group]]:
    """Return the groups that a group holds itself: hard links only, in the order of their names."""
    import h5py

    links = ((name, parent.get(name, getlink=True)) for name in parent)
    names = [name for name, link in links if isinstance(link, h5py.HardLink)]
    found = ((name, parent[name]) for name in names)
    return [(name, one) for name, one in found if isinstance(one, h5py.Group)]


def _spacing(
    nwb: Nwb, plane: h5py.Group, findings: list[Finding]
) -> tuple[float | None, float | None, float | None]:
    for name in ("grid_spacing", *_SPACINGS_IN_UM):
        if not has(plane, name):
            continue
        written = nwb.value(plane, name, 3)
        written = written if isinstance(written, list) else [written]
        unit = "um" if name in _SPACINGS_IN_UM else _unit(nwb, plane, name)
        factor = micrometres(unit)
        sizes = [(number(one) or 0.0) * (factor or 0.0) for one in written]
        told = f"{name} {written} in {unit}"
        if factor is None or any(not 0 < size <= _LARGEST_UM for size in sizes):
            findings.append(
                Finding(
                    code="spacing-unusable",
                    message=f"{told} is no spacing of voxels: it is not used",
                    cure="give um_per_pixel= and um_per_plane=",
                )
            )
            return None, None, None
        x, y, z = ([*sizes, None, None, None])[:3]
        return x, y, z
    return None, None, None


def _depth(nwb: Nwb, plane: h5py.Group) -> float | None:
    """Return z of the origin in um."""
    for name, default in (("origin_coords", "meters"), ("origin_coordinates", "micrometers")):
        if has(plane, name):
            written = nwb.value(plane, name, 3)
            z = number(written[2]) if isinstance(written, list) and len(written) == 3 else None
            factor = micrometres(_unit(nwb, plane, name, default))
            return z * factor if z is not None and factor is not None else None
    return None


def _unit(nwb: Nwb, plane: h5py.Group, name: str, default: str = "meters") -> str:
    unit = attributes(nwb.dataset(plane, name), ["unit"]).get("unit")
    return unit.strip() if isinstance(unit, str) and unit.strip() else default


def _listed(nwb: Nwb, plane: h5py.Group) -> list[str]:
    """Return the names of an ImagingVolume's channels in the order of its data."""
    if not has(plane, "order_optical_channels"):
        return []
    found = nwb.value(nwb.group(plane, "order_optical_channels"), "channels", 256)
    return [str(one) for one in found] if isinstance(found, list) else []


def _channels_of(
    nwb: Nwb, places: list[h5py.Group], listed: list[str], n_channels: int
) -> tuple[Channel, ...]:
    """Return the channels if it is known which is which."""
    plane = nwb.about(places[-1])
    made = {
        name: _channel(name, nwb.about(one), plane)
        for place in places
        for name, one in _children(nwb, place)
        if "Channel" in kind_of(one) and name != "order_optical_channels"
    }
    if len(listed) == n_channels:
        blank = {name: Channel(name=name) for name in listed}
        return tuple((blank | made)[name] for name in listed)
    return tuple(made.values()) if len(made) == n_channels == 1 else ()


def _channel(name: str, about: dict[str, Any], plane: dict[str, Any]) -> Channel:
    indicator = plane.get("indicator")

    def wavelength(*values: Any) -> float | None:
        found = (number(value) for value in values if value is not None)
        return next((one for one in found if one and one > 0 and math.isfinite(one)), None)

    return Channel(
        name=name,
        excitation_nm=wavelength(
            about.get("excitation_wavelength_in_nm"),
            about.get("excitation_lambda"),
            plane.get("excitation_lambda"),
        ),
        emission_nm=wavelength(
            about.get("emission_wavelength_in_nm"), about.get("emission_lambda")
        ),
        indicator=indicator if isinstance(indicator, str) else "",
    )
