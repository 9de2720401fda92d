"""Ordering the planes of a stack: T slowest, then Z, then C, whatever their order in the file."""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError, UnsupportedCapabilityError
from wormio.formats.tiff.stack import KNOWN_DIALECTS, Stack, TiffPart

__all__ = ["Planes", "arrange", "fits"]

_MEANINGFUL = "TZCYX"


@attrs.frozen(kw_only=True)
class Planes:
    """The planes of a stack as (T, Z, C) arrays.

    Parameters
    ----------
    file : int32
        Index into the stack's parts; -1 where there is no plane.
    page : int64
        As in `Stack`.
    cut : bool
    element : int64
        Pixels of the page before pixel (0, 0) of the plane.
    delta_t, position_z : float64, optional
        Seconds and um.
    height, width : int
    row_step, pixel_step : int
        Pixels of the page from row to row and from column to column.
    own_t, own_z : bool
        Whether T and Z are what the header calls T and Z, so that its steps apply to them.
    """

    file: NDArray[np.int32]
    page: NDArray[np.int64]
    cut: NDArray[np.bool_]
    element: NDArray[np.int64]
    delta_t: NDArray[np.float64] | None
    position_z: NDArray[np.float64] | None
    height: int
    width: int
    row_step: int
    pixel_step: int
    own_t: bool
    own_z: bool

    def until(self, n_t: int) -> Planes:
        """Return the first `n_t` indices of T."""
        names = ("file", "page", "cut", "element", "delta_t", "position_z")
        arrays: dict[str, Any] = {name: getattr(self, name) for name in names}
        kept: dict[str, Any] = {n: None if a is None else a[:n_t] for n, a in arrays.items()}
        return attrs.evolve(self, **kept)


def arrange(stack: Stack, axes: str | None) -> Planes:
    """Order the planes.

    Parameters
    ----------
    stack : Stack
    axes : str, optional
        The user's names for the axes, with or without those of length 1.

    Raises
    ------
    OptionError
        The axes are not known and not given, or what is given does not fit.
    UnsupportedCapabilityError
        Rows or columns are spread over pages.
    """
    labels = _named_by_file(stack) if axes is None else _named_by_user(stack, axes)
    n_outer = stack.page.ndim
    inner = labels[n_outer:]
    if "Y" not in inner or "X" not in inner:
        raise UnsupportedCapabilityError(
            "Y and X must lie inside a page",
            expected=f"them among the last {len(inner)} axes of {stack.shape}",
            found="".join(labels),
            path=_first(stack).path,
        )
    steps = [math.prod(stack.inner_shape[i + 1 :]) for i in range(len(inner))]
    y, x = inner.index("Y"), inner.index("X")
    others = [i for i in range(len(inner)) if i not in {y, x}]
    inside = np.zeros([stack.inner_shape[i] for i in others], np.int64)
    for axis, i in enumerate(others):
        along = np.arange(stack.inner_shape[i]) * steps[i]
        inside += along.reshape([-1 if a == axis else 1 for a in range(len(others))])
    names = labels[:n_outer] + [inner[i] for i in others]
    full = stack.shape[:n_outer] + inside.shape
    order = [i for letter in "TZC" for i, name in enumerate(names) if name == letter]
    lengths = [
        math.prod(full[i] for i, name in enumerate(names) if name == letter) for letter in "TZC"
    ]

    def ordered(values: NDArray[Any]) -> NDArray[Any]:
        return np.broadcast_to(values, full).transpose(order).reshape(lengths)

    def of_pages(values: NDArray[Any] | None) -> Any:
        if values is None:
            return None
        return ordered(values.reshape(values.shape + (1,) * len(others)))

    return Planes(
        file=of_pages(stack.file),
        page=of_pages(stack.page),
        cut=of_pages(stack.cut),
        element=ordered(inside),
        delta_t=of_pages(stack.delta_t),
        position_z=of_pages(stack.position_z),
        height=stack.inner_shape[y],
        width=stack.inner_shape[x],
        row_step=steps[y],
        pixel_step=steps[x],
        own_t=_is_own(stack, labels, "T"),
        own_z=_is_own(stack, labels, "Z"),
    )


def fits(stack: Stack, axes: str) -> bool:
    """Tell whether `axes` has one letter for each dimension, those of length 1 counted or not."""
    return len(axes) in {len(stack.shape), len(_squeezed(stack)[1])}


def _named_by_file(stack: Stack) -> list[str]:
    unknown = [
        axis
        for axis, n in zip(stack.axes, stack.shape, strict=True)
        if n > 1 and axis not in _MEANINGFUL
    ]
    if stack.names_axes and not unknown:
        # An unknown axis of length 1 means nothing, wherever it is put.
        return [axis if axis in _MEANINGFUL else "C" for axis in stack.axes]
    axes, shape = _squeezed(stack)
    title = KNOWN_DIALECTS.get(stack.dialect, "a plain TIFF")
    if stack.names_axes:
        problem = f"the file has dimensions that are none of time, z and channel: {unknown}"
    else:
        problem = (
            f"the file ({title}) does not say what its dimensions mean: option axes is missing"
        )
    raise OptionError(
        problem,
        expected=f"axes=, one letter of T, Z, C, Y, X for each of the dimensions {shape}",
        found=f"axes {axes!r} of lengths {shape}",
        path=_first(stack).path,
        cure="for example " + " or ".join(f"axes={a!r}" for a in _proposals(axes)),
    )


def _proposals(axes: str) -> list[str]:
    """Return `axes` with its unknown letters replaced by what they could be."""
    known = [axis for axis in axes if axis in _MEANINGFUL]
    free = [letter for letter in "TZC" if letter not in known]
    unknown = [axis for axis in axes if axis not in _MEANINGFUL]
    if not unknown:
        return [axes]
    if len(unknown) == 1:
        letters = ["C"] if unknown == ["S"] else [*free, "C"] if "C" not in free else free
        return [axes.replace(unknown[0], letter) for letter in letters]
    fill = iter([*free, *"CCCCCC"])
    return ["".join(axis if axis in _MEANINGFUL else next(fill) for axis in axes)]


def _named_by_user(stack: Stack, axes: str) -> list[str]:
    squeezed_axes, squeezed = _squeezed(stack)
    if len(axes) == len(stack.shape):
        return list(axes)
    if len(axes) != len(squeezed):
        raise OptionError(
            "option axes does not fit the file",
            expected=f"one letter for each of the {len(squeezed)} dimensions {squeezed} "
            f"(the file calls them {squeezed_axes})",
            found=f"{axes!r}, {len(axes)} letters",
            path=_first(stack).path,
        )
    rest = iter(axes)
    return [
        next(rest) if _kept(a, n) else "C" for a, n in zip(stack.axes, stack.shape, strict=True)
    ]


def _kept(axis: str, length: int) -> bool:
    return length > 1 or axis in "YX"


def _squeezed(stack: Stack) -> tuple[str, tuple[int, ...]]:
    kept = [(a, n) for a, n in zip(stack.axes, stack.shape, strict=True) if _kept(a, n)]
    return "".join(a for a, _ in kept), tuple(n for _, n in kept)


def _is_own(stack: Stack, labels: list[str], letter: str) -> bool:
    named = [
        axis
        for axis, label, n in zip(stack.axes, labels, stack.shape, strict=True)
        if label == letter and n > 1
    ]
    return stack.names_axes and named in ([], [letter])


def _first(stack: Stack) -> TiffPart:
    return next(part for part in stack.parts if part is not None)
