"""Fields of signals: read-only arrays, JSON values, and text that every file can hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs
from numpy.typing import DTypeLike, NDArray

from wormio.errors import ContractError, SignalError
from wormio.model._fields import frozen_array, plain, same_array

__all__ = ["ROW_ARRAYS", "SAMPLE_ARRAYS", "check_shapes", "json_field", "signal_array"]

ROW_ARRAYS = ("time", "volume")
"""Fields of `Signal` with a number for each row, (T,)."""

SAMPLE_ARRAYS = ("data", "sample_time", "valid", "voxels", "saturated", "background")
"""Fields of `Signal` with a number for each sample, (T, N), or None."""


def signal_array(dtype: DTypeLike, n_axes: int, *, optional: bool = False, **kwargs: Any) -> Any:
    """Declare a field like `wormio.model`'s, whose errors are `SignalError` and name the field.

    Parameters
    ----------
    dtype : dtype_like
    n_axes : int
        Their lengths are checked together, by `check_shapes`.
    optional : bool
        Whether None, then the default, is allowed.
    """

    def convert(values: Any, _owner: object, field: attrs.Attribute[Any]) -> NDArray[Any] | None:
        if optional and values is None:
            return None
        try:
            return frozen_array(values, dtype, (None,) * n_axes)
        except ContractError as error:
            raise SignalError(
                f"{field.name}: {error.problem}", expected=error.expected, found=error.found
            ) from error

    if optional:
        kwargs.setdefault("default", None)
    return attrs.field(
        converter=attrs.Converter(convert, takes_self=True, takes_field=True),
        eq=attrs.cmp_using(eq=same_array),
        **kwargs,
    )


def check_shapes(owner: object, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise `SignalError` unless each named field of `owner` is None or has its shape."""
    for name, shape in shapes.items():
        array = getattr(owner, name)
        if array is not None and array.shape != shape:
            raise SignalError(
                f"{name} does not fit the other arrays",
                expected=f"shape {shape}",
                found=f"shape {array.shape}",
            )


def json_field(**kwargs: Any) -> Any:
    """Declare a field that holds what JSON gives back, so that equal values compare equal."""

    def convert(value: Any, _owner: object, field: attrs.Attribute[Any]) -> Any:
        try:
            return json.loads(json.dumps(value, allow_nan=False, default=plain))
        except (OverflowError, TypeError, ValueError) as error:
            raise SignalError(
                f"{field.name} cannot be written as JSON",
                expected="numbers, text, true, false, null, and lists and objects of these",
                found=f"{value!r}"[:300],
                cure=str(error),
            ) from error

    return attrs.field(
        converter=attrs.Converter(convert, takes_self=True, takes_field=True), **kwargs
    )
