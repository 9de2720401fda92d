"""One array seen as blocks of unequal length, in several ways at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import ContractError, SignalError
from wormio.model._fields import as_tuple, frozen_array, same_array

__all__ = ["IrregularArray"]

Ints = NDArray[np.int64]
Block = NDArray[Any]

_WORDS = {"nan": None, "inf": "inf", "-inf": "-inf"}


def _as_array(values: ArrayLike) -> NDArray[Any]:
    try:
        array = frozen_array(values, None)
    except ContractError as error:
        raise SignalError(
            f"array: {error.problem}", expected=error.expected, found=error.found
        ) from error
    if array.ndim == 0:
        raise SignalError("array has no axis to be cut into blocks", found=repr(values)[:100])
    return array


def _as_strides(given: Mapping[str, ArrayLike]) -> dict[str, Ints]:
    strides = {}
    for name, lengths in dict(given).items():
        try:
            strides[str(name)] = frozen_array(lengths, np.int64, (None,))
        except ContractError as error:
            raise SignalError(
                f"strides {name!r}: {error.problem}", expected=error.expected, found=error.found
            ) from error
    return strides


def _same_strides(a: Mapping[str, Ints], b: Mapping[str, Ints]) -> bool:
    return list(a) == list(b) and all(same_array(a[name], b[name]) for name in a)


@attrs.frozen(repr=False)
class IrregularArray:
    """An array whose axis 0 falls into blocks, under one or several names.

    ``array(trial=2)`` is block 2 of the striding "trial"; ``array(trial=[0, 2])`` a list of
    blocks, ``array(trial=1, odour=0)`` a list with the blocks of both, in that order. With one
    striding its name may be left out: ``array(2)``. Negative indices count from the end. Names in
    `columns` select rows by value instead: ``array(z=3)`` has the rows whose column z is 3,
    ``array(trial=2, z=3)`` those of block 2.

    Blocks are read-only views. ``array[a:b]`` is again an `IrregularArray`: its blocks keep their
    numbers and hold what is left of them. ``array[i]`` is a row.

    Parameters
    ----------
    array : (R, ...) array_like
    strides : mapping of str to (B,) array_like of int
        Lengths of the blocks, in order, none negative; their sum is R, so that each striding's
        blocks partition the rows.
    columns : sequence of str
        Names of axis 1; default: they have none.

    Raises
    ------
    SignalError
        Strides do not partition the rows, or names clash or do not fit axis 1.

    Examples
    --------
    >>> array = IrregularArray([10, 11, 12, 13, 14], {"trial": [2, 0, 3]})
    >>> array(trial=-1)
    array([12, 13, 14])
    >>> [len(block) for block in array(trial=[0, 1])]
    [2, 0]
    """

    array: NDArray[Any] = attrs.field(converter=_as_array, eq=attrs.cmp_using(eq=same_array))
    strides: Mapping[str, Ints] = attrs.field(
        factory=dict, converter=_as_strides, eq=attrs.cmp_using(eq=_same_strides)
    )
    columns: tuple[str, ...] = attrs.field(default=(), converter=as_tuple, kw_only=True)

    def __attrs_post_init__(self) -> None:
        for name, lengths in self.strides.items():
            if (lengths < 0).any() or int(lengths.sum()) != len(self.array):
                raise SignalError(
                    f"strides {name!r} do not partition the rows",
                    expected=f"lengths of 0 and more whose sum is {len(self.array)}",
                    found=f"{lengths.tolist()}"[:200],
                )
        if self.columns and (self.array.ndim < 2 or self.array.shape[1] != len(self.columns)):
            raise SignalError(
                "columns do not name axis 1",
                expected=f"{len(self.columns)} columns",
                found=f"an array of shape {self.array.shape}",
            )
        names = [*self.strides, *self.columns]
        if len(set(names)) != len(names):
            raise SignalError("a name is given twice", expected="different names", found=str(names))

    def __repr__(self) -> str:
        blocks = ", ".join(f"{name}: {len(lengths)}" for name, lengths in self.strides.items())
        return f"<IrregularArray {self.array.shape} {self.array.dtype}, blocks: {blocks or 'none'}>"

    def __len__(self) -> int:
        return len(self.array)

    def n_blocks(self, name: str) -> int:
        """Return how many blocks a striding has."""
        return len(self.strides[self._known(name)])

    def starts(self, name: str) -> Ints:
        """Return the first row of each block of a striding, (B,) int64."""
        lengths = self.strides[self._known(name)]
        return np.cumsum(lengths) - lengths

    def stops(self, name: str) -> Ints:
        """Return the row after the last of each block of a striding, (B,) int64."""
        return np.cumsum(self.strides[self._known(name)])

    def __call__(
        self, index: int | Sequence[int] | None = None, /, **selected: Any
    ) -> Block | list[Block]:
        """Return a block, or a list of blocks; see the class.

        Raises
        ------
        IndexError
            There is no such block.
        SignalError
            There is no such striding or column.
        """
        if index is not None:
            if len(self.strides) != 1:
                raise SignalError(
                    "which striding?", expected=f"one of {list(self.strides)}: array(name=index)"
                )
            selected = {next(iter(self.strides)): index, **selected}
        wanted = {name: selected[name] for name in selected if name not in self.columns}
        values = {name: selected[name] for name in selected if name in self.columns}
        if not wanted:
            if not values:
                raise SignalError("no block is named", expected="array(name=index)")
            return self._rows_with(self.array, values)
        blocks = []
        for name, which in wanted.items():
            self._known(name)
            # Not `isinstance(..., Sequence)`: an array of indices is a list as well.
            several = np.ndim(which) > 0
            chosen = which if several else [which]
            blocks += [self._rows_with(self._block(name, one), values) for one in chosen]
        single = len(wanted) == 1 and np.ndim(next(iter(wanted.values()))) == 0
        return blocks[0] if single else blocks

    def __getitem__(self, key: int | slice) -> Any:
        """Return rows ``a:b`` with what is left of each block, or one row."""
        if isinstance(key, (int, np.integer)):
            return self.array[key]
        if not isinstance(key, slice) or key.step not in (None, 1):
            raise SignalError(
                "blocks cannot be carried over to these rows",
                expected="array[a:b], or array[i] for a row",
                found=repr(key)[:100],
                cure="index the plain array: array.array[...]",
            )
        first, stop, _ = key.indices(len(self))
        stop = max(first, stop)
        strides = {}
        for name in self.strides:
            left = np.clip(self.starts(name), first, stop)
            strides[name] = np.clip(self.stops(name), first, stop) - left
        return attrs.evolve(self, array=self.array[first:stop], strides=strides)

    def to_arrays(self) -> dict[str, Ints]:
        """Return starts and stops as arrays, ``{"trial/starts": ..., "trial/stops": ...}``."""
        arrays = {}
        for name in self.strides:
            arrays[f"{name}/starts"] = self.starts(name)
            arrays[f"{name}/stops"] = self.stops(name)
        return arrays

    @classmethod
    def from_arrays(
        cls, array: ArrayLike, blocks: Mapping[str, ArrayLike], *, columns: Iterable[str] = ()
    ) -> IrregularArray:
        """Return the array with the blocks of `to_arrays`.

        Raises
        ------
        SignalError
            Starts and stops do not partition the rows in order.
        """
        strides = {}
        for key in blocks:
            name, slash, which = key.rpartition("/")
            if not slash or which not in {"starts", "stops"}:
                raise SignalError("this is no array of blocks", expected="NAME/starts", found=key)
            try:
                starts, stops = (np.asarray(blocks[f"{name}/{w}"]) for w in ("starts", "stops"))
            except KeyError as error:
                raise SignalError("starts or stops are missing", found=str(error)) from error
            if starts.shape != stops.shape or (starts[1:] != stops[:-1]).any() or starts[:1].any():
                raise SignalError(
                    f"blocks {name!r} do not follow each other",
                    expected="each starts where the one before stops, the first at 0",
                    found=f"{starts.tolist()} and {stops.tolist()}"[:200],
                )
            strides[name] = stops - starts
        return cls(array, strides, columns=tuple(columns))

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON's own types: NaN is None, infinities are text."""
        plain: Any = self.array.tolist()
        if self.array.dtype.kind == "f":
            odd = self.array.astype(object)
            for at in np.argwhere(~np.isfinite(self.array)):
                odd[tuple(at)] = _WORDS[str(float(self.array[tuple(at)]))]
            plain = odd.tolist()
        return {
            "array": plain,
            "dtype": self.array.dtype.str,
            "shape": list(self.array.shape),
            "strides": {name: lengths.tolist() for name, lengths in self.strides.items()},
            "columns": list(self.columns),
        }

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> IrregularArray:
        """Rebuild the array from `to_json`, equal in dtype, shape and every value."""
        values = np.array(table["array"], table["dtype"]).reshape(table["shape"])
        return cls(values, table["strides"], columns=table["columns"])

    def _known(self, name: str) -> str:
        if name not in self.strides:
            known = ", ".join(map(repr, [*self.strides, *self.columns])) or "none"
            raise SignalError(f"there are no blocks {name!r}", expected=known)
        return name

    def _block(self, name: str, index: Any) -> Block:
        n = len(self.strides[name])
        if isinstance(index, (bool, np.bool_)) or not isinstance(index, (int, np.integer)):
            raise SignalError(
                f"this is no block of {name!r}", expected="a whole number", found=repr(index)[:100]
            )
        if not -n <= index < n:
            raise IndexError(f"{name!r} has {n} blocks, there is no block {index}")
        at = int(index) % n
        return self.array[int(self.starts(name)[at]) : int(self.stops(name)[at])]

    def _rows_with(self, rows: Block, values: Mapping[str, Any]) -> Block:
        for name, wanted in values.items():
            column = rows[:, self.columns.index(name)]
            rows = rows[np.isin(column, np.atleast_1d(wanted))]
        return rows
