"""Reducers: one number from the voxels of a mask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError
from wormio.extraction.kernels import Operation
from wormio.registry import default_registry, load_code

__all__ = [
    "BrightestMean",
    "Max",
    "Mean",
    "Median",
    "Percentile",
    "Reducer",
    "Std",
    "Sum",
    "VoxelReducer",
    "reducer_from_json",
]


class Reducer(Protocol):
    """How the voxels of a sample become one number; wormio's own are done in C."""

    @property
    def unit(self) -> str:
        """Of the result."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return the reducer's name and parameters, for `reducer_from_json`."""
        ...


class CoreReducer(Reducer, Protocol):
    """A reducer of the C core."""

    @property
    def operation(self) -> Operation:
        """What the core is to do."""
        ...


@runtime_checkable
class VoxelReducer(Protocol):
    """A reducer in Python, over the voxels themselves. Slower by far, but any function will do."""

    @property
    def unit(self) -> str:
        """Of the result."""
        ...

    def reduce(
        self,
        values: NDArray[np.float64],
        voxels: NDArray[np.int32],
        weights: NDArray[np.float64] | None,
    ) -> NDArray[np.float64]:
        """Return one number for each of M samples.

        Parameters
        ----------
        values : (M, K) float64
            The first ``voxels`` of a row are the sample's voxels in the order of its mask, the
            camera offset subtracted; NaN follows.
        voxels : (M,) int32
            None is 0.
        weights : (M, K) float64 or None
            Of these voxels; None: all are 1.

        Returns
        -------
        (M,) float64
        """
        ...

    def to_json(self) -> dict[str, Any]:
        """Return the reducer's name and parameters."""
        ...


@attrs.frozen
class Mean:
    """The mean over the voxels that are there; with a `Weighted` mask, sum(w v) / sum(w)."""

    unit = "counts"
    operation = Operation("mean")

    def to_json(self) -> dict[str, Any]:
        """Return the name."""
        return {"name": "mean"}


@attrs.frozen
class Sum:
    """The sum over the voxels that are there; with a `Weighted` mask, sum(w v).

    With ``boundary="exclude"`` it is smaller at the image's edge.
    """

    unit = "counts"
    operation = Operation("sum")

    def to_json(self) -> dict[str, Any]:
        """Return the name."""
        return {"name": "sum"}


def _count(_reducer: object, _attribute: object, value: int) -> None:
    if isinstance(value, bool) or value != int(value) or not 1 <= value < 2**31:
        raise OptionError(
            "how many of the brightest voxels must be a whole number",
            expected="1, 2, 3, ...",
            found=repr(value),
        )


@attrs.frozen
class BrightestMean:
    """The mean of the `k` brightest voxels, or of all where fewer are there.

    Parameters
    ----------
    k : int
    """

    k: int = attrs.field(validator=_count)
    unit = "counts"

    @property
    def operation(self) -> Operation:
        """What the core is to do."""
        return Operation("brightest", k=int(self.k))

    def to_json(self) -> dict[str, Any]:
        """Return name and number."""
        return {"name": "brightest-mean", "k": int(self.k)}


@attrs.frozen
class Median:
    """The median of the voxels; of an even number of them, the mean of the middle two."""

    unit = "counts"
    operation = Operation("quantile", q=0.5)

    def to_json(self) -> dict[str, Any]:
        """Return the name."""
        return {"name": "median"}


def _percent(_reducer: object, _attribute: object, value: float) -> None:
    if isinstance(value, bool) or not 0 <= value <= 100:
        raise OptionError(
            "a percentile lies between 0 and 100", expected="0 to 100", found=repr(value)
        )


@attrs.frozen
class Percentile:
    """A percentile of the voxels, linear between neighbours in rank, as `numpy.percentile`.

    Parameters
    ----------
    q : float
        0 to 100.
    """

    q: float = attrs.field(validator=_percent)
    unit = "counts"

    @property
    def operation(self) -> Operation:
        """What the core is to do."""
        return Operation("quantile", q=float(self.q) / 100)

    def to_json(self) -> dict[str, Any]:
        """Return name and percentage."""
        return {"name": "percentile", "q": float(self.q)}


@attrs.frozen
class Max:
    """The brightest voxel."""

    unit = "counts"
    operation = Operation("max")

    def to_json(self) -> dict[str, Any]:
        """Return the name."""
        return {"name": "max"}


@attrs.frozen
class Std:
    """The standard deviation of the voxels: by their number, as `numpy.std`."""

    unit = "counts"
    operation = Operation("std")

    def to_json(self) -> dict[str, Any]:
        """Return the name."""
        return {"name": "std"}


def reducer_from_json(tree: Mapping[str, Any]) -> Reducer:
    """Return the reducer that `Reducer.to_json` described, one of a plugin too.

    Raises
    ------
    OptionError
        It is none.
    PluginLoadError
        The plugin's code cannot be imported.
    """
    kinds: dict[str, type[Any]] = {
        "mean": Mean,
        "sum": Sum,
        "brightest-mean": BrightestMean,
        "median": Median,
        "percentile": Percentile,
        "max": Max,
        "std": Std,
    }
    parameters = dict(tree)
    name = parameters.pop("name", None)
    for plugin in [] if name in tuple(kinds) else default_registry().reducers:
        # By the name that a plugin gave it: nothing that a file says is imported.
        if plugin.name == name:
            kinds[plugin.name] = load_code(plugin.factory)
    try:
        reducer: Reducer = kinds[name](**parameters)
    except (KeyError, TypeError) as error:
        raise OptionError(
            "this describes no reducer",
            expected=f"a name ({', '.join(kinds)}, or a plugin's) with its parameters",
            found=f"{tree!r}"[:200],
        ) from error
    return reducer
