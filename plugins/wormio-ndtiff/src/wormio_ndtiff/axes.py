"""What the axes of the images mean: the recordings of a data set, and time, z and channel in each.

Nothing is guessed: time, z, channel and position are words of the format, row and column the tiles
of a mosaic; what any other axis means, the user says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray
from wormio.errors import CorruptRecordingError, OptionError

from wormio_ndtiff.index import AxisValue, Index
from wormio_ndtiff.options import ROLES, NdtiffOptions

__all__ = ["Item", "Places", "choose_item", "find_items", "find_places"]

Ints = NDArray[np.int64]

_ROLES = {
    "time": "time",
    "z": "z",
    "channel": "channel",
    "position": "position",
    "row": "position",
    "column": "position",
}
# More places than this an image, or in all, are no recording but a damaged number.
_MOST_PLACES_AN_IMAGE = 100
_MOST_EMPTY_PLACES = 1_000_000


@attrs.frozen(kw_only=True, eq=False)
class Item:
    """One recording of a data set: the images at one position that have the same axes.

    Parameters
    ----------
    label : str
        As ``item=`` takes it; empty if it is the only one.
    images : (N,) int64
        Indices of its images in the `Index`, in order.
    axes : mapping of str to str
        Name of each axis to its role.
    """

    label: str
    images: Ints
    axes: Mapping[str, str]


@attrs.frozen(kw_only=True, eq=False)
class Places:
    """Where each image of a recording belongs. N images.

    Parameters
    ----------
    t, z, c : (N,) int64
        From 0 on.
    channels : tuple of str
        Name of each channel; empty where the axis has numbers only, or there is no such axis.
    numbers : tuple of int or None
        The number of each channel on its axis, if it is one.
    """

    t: Ints
    z: Ints
    c: Ints
    channels: tuple[str, ...]
    numbers: tuple[int | None, ...]


def find_items(index: Index, options: NdtiffOptions) -> list[Item]:
    """Return the recordings of a data set.

    Raises
    ------
    OptionError
        An axis has a name that means nothing here, or the option names one that is not there.
    CorruptRecordingError
        An axis has both numbers and names.
    """
    values = _values(index)
    roles = _roles(values, options, index.path)
    groups: dict[tuple[object, ...], list[int]] = {}
    for image, axes in enumerate(index.axes):
        at = tuple((name, value) for name, value in axes.items() if roles[name] == "position")
        groups.setdefault((frozenset(axes), frozenset(at)), []).append(image)
    kinds = {frozenset(axes) for axes in index.axes}
    labels = []
    for images in groups.values():
        axes = index.axes[images[0]]
        label = _label({n: v for n, v in axes.items() if roles[n] == "position"}, values)
        if len(kinds) > 1:
            label = f"{label} [{', '.join(axes) or 'no axes'}]".strip()
        labels.append(label)
    if len(groups) == 1:
        labels = [""]
    elif len(set(labels)) < len(labels):  # {"a": "1, b 2"} reads as {"a": 1, "b": 2}
        labels = [str(number) for number in range(len(labels))]
    return [
        Item(
            label=label,
            images=np.array(images, np.int64),
            axes={name: roles[name] for name in index.axes[images[0]]},
        )
        for label, images in zip(labels, groups.values(), strict=True)
    ]


def _values(index: Index) -> dict[str, dict[AxisValue, None]]:
    """Return the values of each axis, both in order of first appearance."""
    values: dict[str, dict[AxisValue, None]] = {}
    for axes in index.axes:
        for name, value in axes.items():
            values.setdefault(name, {})[value] = None
    for name, found in values.items():
        if len({type(value) for value in found}) > 1:
            raise CorruptRecordingError(
                f"axis {name!r} has both numbers and names",
                found=", ".join(repr(value) for value in list(found)[:10]),
                path=index.path,
            )
    return values


def _roles(
    values: Mapping[str, Mapping[AxisValue, None]], options: NdtiffOptions, path: Path
) -> dict[str, str]:
    given = dict(options.axes or {})
    absent = sorted(set(given) - set(values))
    if absent:
        raise OptionError(
            f"option axes names {', '.join(map(repr, absent))}, which the data set does not have",
            expected=f"some of {', '.join(values)}",
            path=path,
        )
    roles = _ROLES | given
    unknown = [name for name in values if name not in roles and len(values[name]) > 1]
    if unknown:
        raise OptionError(
            f"the data set has axes whose meaning it does not say: {', '.join(unknown)}; "
            "option axes is missing",
            expected=f"for each of them one of {', '.join(ROLES)}",
            found="; ".join(f"{name}: {_shown(values[name])}" for name in unknown),
            path=path,
            cure="for example axes='" + ",".join(f"{name}=channel" for name in unknown) + "'",
        )
    # An axis with one value means nothing, whatever it is called.
    return {name: roles.get(name, "") for name in values}


def _shown(values: Mapping[AxisValue, None]) -> str:
    few = [str(value) for value in list(values)[:5]]
    return f"{len(values)} values, {', '.join(few)}{', ...' if len(values) > 5 else ''}"


def _label(axes: Mapping[str, AxisValue], values: Mapping[str, Mapping[AxisValue, None]]) -> str:
    """Name a position: by its value if there is one axis only, else by all that differ."""
    telling = {name: value for name, value in axes.items() if len(values[name]) > 1} or axes
    if len(telling) == 1:
        return str(next(iter(telling.values())))
    return ", ".join(f"{name} {value}" for name, value in telling.items())


def choose_item(items: Sequence[Item], item: str | None, path: Path) -> Item:
    """Return the recording that the option asks for.

    Raises
    ------
    OptionError
        There are several, and none was chosen, or one that is not there.
    """
    if item is None and len(items) == 1:
        return items[0]
    for one in items:
        if one.label == item:
            return one
    shown = ", ".join(repr(one.label) for one in items[:20])
    several = len(items) > 1
    raise OptionError(
        "the data set holds several recordings: option item is missing"
        if item is None
        else f"the data set has no recording {item!r}",
        expected=f"item={shown}{', ...' if len(items) > 20 else ''}" if several else "no item",
        path=path,
        cure=f"for example item={items[0].label!r}" if several else "leave item out",
    )


def find_places(index: Index, item: Item) -> Places:
    """Return time, z and channel of the images of a recording.

    An axis of numbers is counted from its least number on, so that a number that no image has is a
    place without image. The values of an axis of names, and those of several axes that mean the
    same, are counted in the order in which they first appear.

    Raises
    ------
    CorruptRecordingError
        The numbers are impossible.
    """
    columns: dict[str, Ints] = {}
    for role in ("time", "z"):
        columns[role], _ = _numbered(index, item, role)
    c, first = _numbered(index, item, "channel")
    used, c = np.unique(c, return_inverse=True)
    shape = [int(columns[role].max()) + 1 for role in ("time", "z")] + [len(used)]
    n_places = shape[0] * shape[1] * shape[2]
    n = len(item.images)
    if n_places > max(_MOST_EMPTY_PLACES, _MOST_PLACES_AN_IMAGE * n):
        raise CorruptRecordingError(
            "the index leaves out far more images than it has",
            expected=f"numbers of times, planes and channels that fit {n} images",
            found=" x ".join(map(str, shape)),
            path=index.path,
            cure="if an axis does not count images, leave it out: axes='NAME=position', for example",
        )
    chosen = [first[code] for code in used.tolist()]
    return Places(
        t=columns["time"],
        z=columns["z"],
        c=c.astype(np.int64),
        channels=tuple(_channel_label(value) for value in chosen),
        numbers=tuple(v[0] if len(v) == 1 and isinstance(v[0], int) else None for v in chosen),
    )


def _numbered(index: Index, item: Item, role: str) -> tuple[Ints, dict[int, tuple[AxisValue, ...]]]:
    """Return the number of each image along the axes of a role, and the value of each number."""
    names = [name for name, given in item.axes.items() if given == role]
    found = [tuple(index.axes[image][name] for name in names) for image in item.images.tolist()]
    if len(names) == 1 and isinstance(found[0][0], int):
        numbers = np.array([value[0] for value in found], np.int64)
        numbers -= numbers.min()
    else:
        order = {value: code for code, value in enumerate(dict.fromkeys(found))}
        numbers = np.array([order[value] for value in found], np.int64)
    return numbers, dict(zip(numbers.tolist(), found, strict=True))


def _channel_label(value: tuple[AxisValue, ...]) -> str:
    """Name a channel by its value, or by those of all axes; a number alone is no name."""
    if len(value) == 1 and isinstance(value[0], int):
        return ""
    return " ".join(map(str, value))
