"""Ordering the planes of a stack: T slowest, then Z, then C, whatever their order in the file."""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import TruncatedRecordingError, UnsupportedCapabilityError
from wormio.formats.stacks.axes import Axes
from wormio.formats.tiff.stack import KNOWN_DIALECTS, Stack

__all__ = ["Planes", "arrange", "axes_of"]


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
    TruncatedRecordingError
        The header that would name the axes is cut off.
    """
    named = axes_of(stack)
    if axes is None and any(part is not None and part.chain.headless for part in stack.parts):
        raise TruncatedRecordingError(
            "the file ends too early, and its header is cut off",
            expected="a header that says what the pages are",
            found=f"pages only, in all of shape {stack.shape}",
            path=named.path,
            cure="name the axes of the pages, axes='TYX' for example, or copy the file again",
        )
    labels = named.label(axes)
    n_outer = stack.page.ndim
    inner = labels[n_outer:]
    if "Y" not in inner or "X" not in inner:
        raise UnsupportedCapabilityError(
            "Y and X must lie inside a page",
            expected=f"them among the last {len(inner)} axes of {stack.shape}",
            found="".join(labels),
            path=named.path,
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
        own_t=named.is_own(labels, "T"),
        own_z=named.is_own(labels, "Z"),
    )


def axes_of(stack: Stack) -> Axes:
    """Return the stack's dimensions, to be named."""
    return Axes(
        letters=stack.axes,
        shape=stack.shape,
        named=stack.names_axes,
        title=KNOWN_DIALECTS.get(stack.dialect, "a plain TIFF"),
        path=next(part.path for part in stack.parts if part is not None),
    )
