"""Array-valued attrs fields: converted, read-only, compared by value with NaN equal to NaN."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import DTypeLike, NDArray

from wormio.errors import ContractError

__all__ = [
    "array_field",
    "as_dict",
    "as_frozenset",
    "as_tuple",
    "frozen_array",
    "is_text",
    "plain",
    "plain_text",
    "same_array",
]

Shape = tuple[int | None, ...]
"""Lengths of the axes; None stands for any length."""


def frozen_array(values: Any, dtype: DTypeLike | None, *shapes: Shape) -> NDArray[Any]:
    """Return `values` as a read-only array.

    Parameters
    ----------
    values : array_like
    dtype : dtype_like or None
        None keeps the values' own.
    *shapes : tuple of int or None
        Those allowed; none given: any.

    Raises
    ------
    ContractError
        The values do not convert without loss, or have another shape.
    """
    found = np.asarray(values)
    if found.dtype.kind in "OV":
        raise ContractError(
            "an array holds objects or records",
            expected="numbers, truth values, times or text: what any file can hold",
            found=f"dtype {found.dtype}",
        )
    wanted = found.dtype if dtype is None else np.dtype(dtype)
    if found.size == 0 and shapes and found.ndim != len(shapes[0]):
        found = np.zeros(tuple(n or 0 for n in shapes[0]), wanted)  # [] stands for no rows
    if found.size and not np.can_cast(found.dtype, wanted, casting="same_kind"):
        raise ContractError(
            "an array has values of the wrong kind",
            expected=f"something that is {wanted} without loss",
            found=f"dtype {found.dtype}",
        )
    if shapes and not any(_fits(found.shape, shape) for shape in shapes):
        expected = " or ".join(
            "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")" for shape in shapes
        )
        raise ContractError(
            "an array has the wrong shape", expected=expected, found=str(found.shape)
        )
    if found.dtype == wanted and found.flags.c_contiguous and _is_immutable(found):
        return found  # nobody can change it: shared, not copied
    result = np.array(found, dtype=wanted, order="C")
    if not np.can_cast(found.dtype, wanted, casting="safe") and not np.array_equal(result, found):
        raise ContractError(
            "an array has values that do not fit their type",
            expected=f"something that is {wanted} without loss",
            found=f"{found.dtype} from {found.min()} to {found.max()}",
        )
    result.setflags(write=False)
    return result


def _is_immutable(array: NDArray[Any]) -> bool:
    owner: Any = array
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return False
        owner = owner.base
    return owner is None or isinstance(owner, bytes)


def _fits(found: tuple[int, ...], shape: Shape) -> bool:
    return len(found) == len(shape) and all(
        want is None or want == have for want, have in zip(shape, found, strict=True)
    )


def same_array(a: NDArray[Any] | None, b: NDArray[Any] | None) -> bool:
    """Compare two optional arrays by dtype, shape and value, NaN equal to NaN."""
    if a is None or b is None:
        return a is b
    may_be_nan = a.dtype.kind in "fcmM"
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=may_be_nan)


def array_field(
    dtype: DTypeLike | None, *shapes: Shape, optional: bool = False, **kwargs: Any
) -> Any:
    """Declare an attrs field that holds a read-only array; with `optional`, or None."""

    def convert(values: Any) -> Any:
        if optional and values is None:
            return None
        return frozen_array(values, dtype, *shapes)

    def show(array: NDArray[Any] | None) -> str:
        return "None" if array is None else f"<{'x'.join(map(str, array.shape))} {array.dtype}>"

    if optional:
        kwargs.setdefault("default", None)
    return attrs.field(
        converter=convert,
        eq=attrs.cmp_using(eq=same_array),
        repr=kwargs.pop("repr", show),
        **kwargs,
    )


def plain_text(text: str) -> str:
    """Return a name as text that every file format can hold.

    Raises
    ------
    ContractError
        It has a NUL or a lone surrogate.
    """
    name = str(text)
    if "\0" in name or any("\ud800" <= c <= "\udfff" for c in name):
        raise ContractError(
            "a name cannot be stored", expected="text without NUL", found=repr(name)
        )
    return name


def as_dict(values: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a mapping; a converter of attrs that type checkers understand."""
    return dict(values)


def as_frozenset(values: Iterable[Any]) -> frozenset[Any]:
    """Copy an iterable; a converter of attrs that type checkers understand."""
    return frozenset(values)


def as_tuple(values: Iterable[Any]) -> tuple[Any, ...]:
    """Copy an iterable; a converter of attrs that type checkers understand.

    Raises
    ------
    ContractError
        A single string, which would fall apart into its letters.
    """
    if isinstance(values, str):
        raise ContractError(
            "one string is given for several", expected=f"[{values!r}]", found=repr(values)
        )
    return tuple(values)


def is_text(value: object) -> bool:
    """Tell whether `value` is text without NUL and lone surrogates, which files cannot hold."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def plain(value: object) -> Any:
    """Return numpy scalars, arrays, paths and mappings as JSON's own types (`json.dumps` hook)."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON-serialisable")
