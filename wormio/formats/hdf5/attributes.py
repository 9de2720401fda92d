"""Attributes of HDF5 objects as plain values, and what some of them are agreed to mean."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wormio.formats.stacks.units import seconds

if TYPE_CHECKING:
    import h5py

__all__ = [
    "attributes",
    "axis_letters",
    "frame_interval",
    "number",
    "seconds_per_unit",
    "spacing",
    "text",
]

_MAX_VALUES = 4096
_KINDS = "biufSU"
_LETTERS = {
    "T": ("t", "time", "frame", "frames", "volume", "volumes"),
    "Z": ("z", "plane", "planes", "slice", "slices", "depth"),
    "C": ("c", "ch", "channel", "channels", "color", "colour"),
    "Y": ("y", "row", "rows", "height"),
    "X": ("x", "col", "cols", "column", "columns", "width"),
}
_MEANING = {word: letter for letter, words in _LETTERS.items() for word in words}
# CaImAn's, suite2p's, and how others spell the same.
_RATES = ("fr", "fs", "fps", "frame_rate", "framerate", "frameRate", "imaging_rate")
_INTERVALS = ("frame_interval", "finterval")


def attributes(owner: h5py.HLObject, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Return attributes of an object as JSON's own types.

    What is neither a number nor text, or very long, is only named with its type.

    Parameters
    ----------
    owner : h5py.HLObject
    names : iterable of str, optional
        Those that are wanted, if they are there; default: all.
    """
    import h5py

    if names is None:
        # By number: iterating opens the object anew, which one with external storage refuses.
        numbers = range(h5py.h5a.get_num_attrs(owner.id))
        names = [h5py.h5a.open(owner.id, index=i).name.decode("utf-8", "replace") for i in numbers]
    return {name: _value(owner, name) for name in names if name in owner.attrs}


def _value(owner: h5py.HLObject, name: str) -> Any:
    import h5py

    header = owner.attrs.get_id(name)
    if header.shape is None:
        return None
    try:
        dtype = header.dtype
    except TypeError:  # there are types of HDF5 that numpy has nothing for
        return "<a type that numpy does not have>"
    known = h5py.check_string_dtype(dtype) is not None or dtype.kind in _KINDS
    if not known or math.prod(header.shape) > _MAX_VALUES:
        return f"<{dtype} of shape {header.shape}>"
    return _plain(owner.attrs[name])


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").rstrip("\0")
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # no lone surrogates
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def text(value: Any) -> str:
    """Return an attribute that is text, or an array of single characters, as Imaris has it."""
    if isinstance(value, list):
        return "".join(one for one in value if isinstance(one, str))
    return value if isinstance(value, str) else ""


def number(value: Any) -> float | None:
    """Return an attribute that is one finite number, as such or as text; else None."""
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else text(value)
    if isinstance(value, bool):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def axis_letters(source: h5py.Dataset, found: Mapping[str, Any]) -> str | None:
    """Return one letter a dimension if the file names them: T, Z, C, Y, X, or Q if unknown.

    Parameters
    ----------
    source : h5py.Dataset
    found : mapping
        Its attributes.

    Returns
    -------
    str or None
        None if there are no names, or if they do not say which dimensions are Y and X.
    """
    for words in (found.get("DIMENSION_LABELS"), *_axes_attribute(found)):
        if not isinstance(words, Sequence) or len(words) != source.ndim:
            continue
        letters = "".join(_MEANING.get(str(word).strip().lower(), "Q") for word in words)
        if letters.count("Y") == letters.count("X") == 1:
            return letters
    return None


def _axes_attribute(found: Mapping[str, Any]) -> list[Any]:
    """Return the attribute axes, "TZYX" or "t:z:y:x" or a list, as words."""
    made: list[Any] = []
    for name in ("axes", "AXES", "Axes"):
        given = found.get(name)
        one = given[0] if isinstance(given, list) and len(given) == 1 else given
        if isinstance(one, str):
            words = [word for word in re.split(r"[^A-Za-z]+", one) if word]
            made.append(list(words[0]) if len(words) == 1 else words)
        else:
            made.append(one)
    return made


def spacing(found: Mapping[str, Any]) -> tuple[float | None, float | None, float | None]:
    """Return z, y, x in um from ``element_size_um``, as ImageJ's HDF5 plugin and others write it.

    None where it says nothing, or no positive number.
    """
    value = found.get("element_size_um")
    sizes = [number(one) for one in value] if isinstance(value, list) else []
    if len(sizes) not in {2, 3}:
        return None, None, None
    z, y, x = ([None] * 3 + [size if size and size > 0 else None for size in sizes])[-3:]
    return z, y, x


def frame_interval(*owners: Mapping[str, Any]) -> float | None:
    """Return the seconds from one index of T to the next, if an attribute names them.

    Parameters
    ----------
    *owners : mapping
        Attributes of the dataset, then of the groups around it: the nearest wins.
    """
    for found in owners:
        for name in _INTERVALS:
            value = number(found.get(name))
            if value is not None and value > 0:
                return value
        for name in _RATES:
            value = number(found.get(name))
            if value is not None and value > 0 and math.isfinite(1 / value):
                return 1 / value
    return None


def seconds_per_unit(found: Mapping[str, Any]) -> float | None:
    """Return how many seconds the unit of a dataset of times is: 1 if it names none."""
    named = [text(found[name]) for name in ("units", "unit") if name in found]
    return seconds(named[0]) if named else 1.0
