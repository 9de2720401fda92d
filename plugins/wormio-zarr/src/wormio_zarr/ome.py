"""The metadata of an image of OME-Zarr: axes, scales and units, channels."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
from wormio.errors import CorruptRecordingError, UnsupportedCapabilityError
from wormio.model import Channel, Finding

from wormio_zarr.finding import Item
from wormio_zarr.nodes import Node, take

__all__ = ["Axis", "Image", "letters_of", "read_image", "seconds", "um"]

_VERSIONS = ("0.1", "0.2", "0.3", "0.4", "0.5")
_WORDS = {
    "T": ("t", "time", "frame", "frames", "volume", "volumes"),
    "Z": ("z", "plane", "planes", "slice", "slices", "depth"),
    "C": ("c", "ch", "channel", "channels", "color", "colour"),
    "Y": ("y", "row", "rows", "height"),
    "X": ("x", "col", "cols", "column", "columns", "width"),
}
_LETTERS = {word: letter for letter, words in _WORDS.items() for word in words}
# SI prefixes as UDUNITS spells them, and as people abbreviate them.
_PREFIXES = {
    "yocto": 1e-24, "zepto": 1e-21, "atto": 1e-18, "femto": 1e-15, "pico": 1e-12, "nano": 1e-9,
    "micro": 1e-6, "milli": 1e-3, "centi": 1e-2, "deci": 1e-1, "": 1.0, "deca": 1e1, "hecto": 1e2,
    "kilo": 1e3, "mega": 1e6, "giga": 1e9, "tera": 1e12, "peta": 1e15, "exa": 1e18, "zetta": 1e21,
    "yotta": 1e24,
}  # fmt: skip
_UM = {"angstrom": 1e-4, "inch": 25_400.0, "foot": 304_800.0, "yard": 914_400.0, "mile": 1.609344e9}
_UM |= {"parsec": 3.085677581491367e22, "um": 1.0, "\u00b5m": 1.0, "\u03bcm": 1.0, "micron": 1.0}
_UM |= {"nm": 1e-3, "mm": 1e3, "m": 1e6}
_S = {"minute": 60.0, "hour": 3600.0, "day": 86_400.0, "s": 1.0, "ms": 1e-3, "us": 1e-6}


@attrs.frozen(kw_only=True)
class Axis:
    """One dimension of an image.

    Parameters
    ----------
    letter : str
        T, Z, C, Y or X; Q if none of them.
    unit : str
        "" if there is none.
    scale, translation : float
        From index to `unit`.
    """

    letter: str
    unit: str = ""
    scale: float = 1.0
    translation: float = 0.0


@attrs.frozen(kw_only=True)
class Image:
    """What an image says of itself.

    Parameters
    ----------
    array : str
        Path of its full resolution, inside the image.
    axes : tuple of Axis
    channels : tuple of Channel
    metadata : mapping
        All that OME-Zarr says of it.
    """

    array: str
    axes: tuple[Axis, ...]
    channels: tuple[Channel, ...]
    metadata: Mapping[str, Any]

    def axis(self, letter: str) -> Axis | None:
        """Return the only axis of that letter; None if there is none, or several."""
        found = [axis for axis in self.axes if axis.letter == letter]
        return found[0] if len(found) == 1 else None

    def step(self, letter: str) -> tuple[float, float] | None:
        """Return step and start of an axis in um or s; None if they are not known."""
        axis = self.axis(letter)
        factor = None if axis is None else (seconds if letter == "T" else um)(axis.unit)
        if axis is None or factor is None:
            return None
        return axis.scale * factor, axis.translation * factor

    def without_unit(self, letters: str) -> tuple[Finding, ...]:
        """Tell of axes whose steps have no unit that is known, so that they mean nothing."""
        axes = [axis for axis in map(self.axis, letters) if axis is not None]
        lost = [axis for axis in axes if self.step(axis.letter) is None]
        if not lost:
            return ()
        told = ", ".join(f"{a.letter.lower()} ({a.scale:g} {a.unit or '?'})" for a in lost)
        options = {"T": "volume_rate=", "Z": "um_per_plane="}
        cures = dict.fromkeys(options.get(axis.letter, "um_per_pixel=") for axis in lost)
        return (
            Finding(
                code="unit-unknown",
                message=f"the steps of these axes have no known unit and are not used: {told}",
                cure=f"give {', '.join(cures)}",
            ),
        )


def read_image(node: Node, item: Item, n_dimensions: int | None, path: Path) -> Image:
    """Read the metadata of an image.

    Parameters
    ----------
    node : Node
        Of its group.
    item : Item
    n_dimensions : int, optional
        Of its array, for images of OME-Zarr 0.1 and 0.2, which do not name them.
    path : Path
        Of the file, for messages.

    Raises
    ------
    CorruptRecordingError
        They contradict the standard.
    UnsupportedCapabilityError
        They are of a version that is not known.
    """
    ome = node.ome
    scales = take(ome, "multiscales", list, path)
    if item.number >= len(scales) or not isinstance(scales[item.number], Mapping):
        raise CorruptRecordingError("multiscales is empty", path=path)
    scale = scales[item.number]
    version = scale.get("version", ome.get("version"))
    if version is not None and str(version) not in _VERSIONS:
        raise UnsupportedCapabilityError(
            "is of a version of OME-Zarr that is not known",
            expected=", ".join(_VERSIONS),
            found=repr(version)[:100],
            path=path,
            cure="pip install --upgrade wormio-zarr",
        )
    levels = take(scale, "datasets", list, path)
    if not levels or not isinstance(levels[0], Mapping):
        raise CorruptRecordingError("the image has no datasets", path=path)
    axes = _axes(scale, version, n_dimensions, path)
    for owner in (levels[0], scale):
        axes = _transformed(axes, owner.get("coordinateTransformations"), path)
    return Image(
        array=take(levels[0], "path", str, path),
        axes=axes,
        channels=_channels(ome.get("omero")),
        metadata=ome,
    )


def letters_of(names: tuple[str, ...] | None) -> str | None:
    """Return one letter for each name of a dimension, if Y and X are among them once each."""
    if names is None:
        return None
    letters = "".join(_LETTERS.get(name.lower(), "Q") for name in names)
    return letters if letters.count("Y") == 1 and letters.count("X") == 1 else None


def um(unit: str) -> float | None:
    """Return how many um a unit of length is; None if it is none that is known."""
    return _factor(unit, _UM, "meter", 1e6)


def seconds(unit: str) -> float | None:
    """Return how many seconds a unit of time is; None if it is none that is known."""
    return _factor(unit, _S, "second", 1.0)


def _factor(unit: str, known: Mapping[str, float], base: str, of_base: float) -> float | None:
    name = unit.strip().lower()
    for form in (name, name.removesuffix("s"), name.replace("metre", "meter").removesuffix("s")):
        if form in known:
            return known[form]
        if form.endswith(base) and form.removesuffix(base) in _PREFIXES:
            return _PREFIXES[form.removesuffix(base)] * of_base
    return None


def _axes(
    scale: Mapping[str, Any], version: object, n_dimensions: int | None, path: Path
) -> tuple[Axis, ...]:
    listed = scale.get("axes")
    if listed is None and str(version) in {"0.1", "0.2"} and n_dimensions in {None, 5}:
        listed = list("tczyx")
    if not isinstance(listed, list) or not listed:
        raise CorruptRecordingError(
            "the image has no axes", expected="a list", found=repr(listed)[:200], path=path
        )
    axes, names = [], []
    for one in listed:
        axis = {"name": one} if isinstance(one, str) else one
        if not isinstance(axis, Mapping) or not isinstance(axis.get("name"), str):
            raise CorruptRecordingError("an axis has no name", found=repr(one)[:200], path=path)
        names.append(axis["name"])
        unit = axis.get("unit")
        axes.append(Axis(letter=_letter(axis), unit=unit if isinstance(unit, str) else ""))
    letters = [axis.letter for axis in axes]
    if len(set(names)) < len(names) or any(letters.count(letter) > 1 for letter in "YX"):
        raise CorruptRecordingError(
            "two axes have one name", found=", ".join(names)[:200], path=path
        )
    return tuple(axes)


def _letter(axis: Mapping[str, Any]) -> str:
    """Return what an axis is: its type says it, and of those in space, its name."""
    kind, named = axis.get("type"), _LETTERS.get(axis["name"].lower(), "Q")
    if kind == "space":
        return named if named in "ZYX" else "Q"
    known = {"time": "T", "channel": "C"}
    if kind is None or kind in known:
        return known.get(str(kind), named)
    return "Q"


def _transformed(axes: tuple[Axis, ...], listed: object, path: Path) -> tuple[Axis, ...]:
    """Apply one list of transformations to the steps and starts of axes."""
    if listed is None:
        return axes
    if not isinstance(listed, list):
        raise CorruptRecordingError(
            "coordinateTransformations is no list", found=repr(listed)[:200], path=path
        )
    for one in listed:
        kind = one.get("type") if isinstance(one, Mapping) else None
        if kind == "identity":
            continue
        if kind not in {"scale", "translation"} or "path" in one:
            raise UnsupportedCapabilityError(
                "a coordinate transformation is not known",
                expected="scale or translation, with its numbers",
                found=repr(one)[:200],
                path=path,
            )
        values = one.get(kind)
        if (
            not isinstance(values, list)
            or len(values) != len(axes)
            or not all(map(_is_finite, values))
        ):
            raise CorruptRecordingError(
                f"the {kind} of an image is impossible",
                expected=f"{len(axes)} numbers, one an axis",
                found=repr(values)[:200],
                path=path,
            )
        if kind == "scale" and not all(value > 0 for value in values):
            raise CorruptRecordingError(
                "a scale is not positive", found=repr(values)[:200], path=path
            )
        axes = tuple(
            attrs.evolve(axis, scale=axis.scale * v, translation=axis.translation * v)
            if kind == "scale"
            else attrs.evolve(axis, translation=axis.translation + v)
            for axis, v in zip(axes, values, strict=True)
        )
    return axes


def _is_finite(value: object) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(float(value))  # type: ignore[arg-type]


def _channels(omero: object) -> tuple[Channel, ...]:
    listed = omero.get("channels") if isinstance(omero, Mapping) else None
    if not isinstance(listed, list):
        return ()
    labels = [one.get("label") if isinstance(one, Mapping) else None for one in listed]
    return tuple(
        Channel(name=re.sub(r"[\0\ud800-\udfff]", "?", label) if isinstance(label, str) else "")
        for label in labels
    )
