"""`PointMap`: a function between two named spaces, which knows where it may be trusted."""

from __future__ import annotations

import json
import os
import reprlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import MappingError, MissingPartError
from wormio.mapping.steps import Space, Step, as_points
from wormio.mapping.transforms import Linear, transform_from_json
from wormio.model import Positions
from wormio.model._fields import as_tuple, plain
from wormio.storage.atomic import refuse_foreign, write_atomically

__all__ = ["OutsideWarning", "PointMap", "identity", "load"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Outside = Literal["warn", "raise", "nan", "ignore"]

_FORMAT = "wormio-map"
_SCHEMA_VERSION = 1
_LARGEST_FILE = 64 << 20


class OutsideWarning(UserWarning):
    """Points were mapped that lie outside the region to which the map was fitted."""


def _as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a JSON file gives back."""
    try:
        made: dict[str, Any] = json.loads(json.dumps(dict(values), default=plain, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise MappingError(
            f"the provenance of a map is not JSON: {error}",
            expected="names and text, finite numbers, lists or mappings of these",
        ) from error
    return made


@attrs.frozen(kw_only=True)
class PointMap:
    """A function from points of one space to points of another.

    A map of two axes moves y and x, and leaves z alone; one of three moves z (um), y and x.

    Parameters
    ----------
    steps : tuple of Step
        Applied one after the other.
    source, target : Space
    provenance : mapping
        How it was made, as JSON.

    Raises
    ------
    MappingError
        The steps do not fit each other, or the provenance is not JSON.

    Examples
    --------
    >>> import numpy as np
    >>> shift = PointMap(steps=[Step(Linear(np.array([[1, 0, 2], [0, 1, -1]])))])
    >>> shift([[10, 20]])
    array([[12., 19.]])
    >>> shift.inverse()([[5, 12, 19]])  # z, y, x: z is left alone
    array([[ 5., 10., 20.]])
    """

    steps: tuple[Step, ...] = attrs.field(converter=as_tuple)
    source: Space = Space()
    target: Space = Space()
    provenance: Mapping[str, Any] = attrs.field(factory=dict, converter=_as_json)

    def __attrs_post_init__(self) -> None:
        axes = {step.transform.n_axes for step in self.steps if isinstance(step, Step)}
        if len(axes) != 1 or not all(isinstance(step, Step) for step in self.steps):
            raise MappingError(
                "the steps of a map do not fit each other",
                expected="at least one `Step`, all of two axes (y, x) or of three (z, y, x)",
                found=f"axes {sorted(axes)}",
            )

    @property
    def n_axes(self) -> int:
        """2 (y, x) or 3 (z, y, x)."""
        return self.steps[0].transform.n_axes

    def __call__(self, points: ArrayLike, *, outside: Outside = "warn") -> Floats:
        """Map points.

        Parameters
        ----------
        points : (..., 2) or (..., 3) array_like
            (y, x) or (z, y, x). NaN stays NaN.
        outside : {"warn", "raise", "nan", "ignore"}
            What to do about points outside the region to which the map was fitted: warn with
            `OutsideWarning` and map them, raise, make them NaN, or map them without a word.
            Those that have no image at all (beyond a horizon or a fold) are NaN, if not raised.

        Returns
        -------
        float64 of the same shape

        Raises
        ------
        MappingError
            Wrong number of coordinates, or points outside with ``outside="raise"``.
        """
        given = as_points(points, "the points")
        if given.ndim < 1 or given.shape[-1] not in {self.n_axes, 3}:
            raise MappingError(
                "points have the wrong number of coordinates",
                expected="(..., 3): z, y, x" + ("" if self.n_axes == 3 else ", or (..., 2): y, x"),
                found=f"shape {given.shape}",
            )
        if outside not in {"warn", "raise", "nan", "ignore"}:
            raise MappingError(
                "outside is unknown", expected="warn, raise, nan or ignore", found=repr(outside)
            )
        flat = given.reshape(-1, given.shape[-1])
        moved = flat[:, -self.n_axes :]
        known = ~np.isnan(moved).any(axis=1)
        beyond = np.zeros(len(flat), bool)
        for step in self.steps:
            before, moved = moved, step.transform(moved)
            beyond |= step.outside(before, moved)
        lost = np.asarray(known & np.isnan(moved).any(axis=1))
        if outside == "nan":
            moved = np.where(beyond[:, np.newaxis], np.nan, moved)
        elif outside != "ignore":
            self._tell(flat, np.asarray(beyond & ~lost), lost, outside)
        result = flat.copy()
        result[:, -self.n_axes :] = moved
        # What has no y or x has no place at all.
        result[np.isnan(moved).any(axis=1)] = np.nan
        return result.reshape(given.shape)

    def _tell(self, points: Floats, beyond: Bools, lost: Bools, outside: Outside) -> None:
        told = [
            f"{int(which.sum())} of {len(points)} points {what}"
            for which, what in (
                (beyond, "lie outside the fitted region of the map"),
                (lost, "have no image: the map folds there, or sends them to infinity"),
            )
            if which.any()
        ]
        if not told:
            return
        example = f"for example {points[beyond | lost][0].round(2).tolist()}"
        if outside == "raise":
            raise MappingError(
                "; ".join(told),
                expected="; ".join(map(_told_bounds, self.steps)),
                found=example,
                cure="fit the map to points all over the image, or say outside='warn'",
            )
        warnings.warn(f"{'; '.join(told)}, {example}", OutsideWarning, stacklevel=3)

    def inverse(self) -> PointMap:
        """Return the map back, good for the points that it brings into these bounds.

        Raises
        ------
        MappingError
            There is none: different points fall on one.
        """
        steps = [step.inverse() for step in reversed(self.steps)]
        return attrs.evolve(
            self,
            steps=steps,
            source=self.target,
            target=self.source,
            provenance={"operation": "inverse", "of": dict(self.provenance)},
        )

    def then(self, other: PointMap) -> PointMap:
        """Return the map that does this one first, then `other`.

        Raises
        ------
        MappingError
            This one ends in another space than that in which `other` begins.
        """
        if not self.target.fits(other.source) or self.n_axes != other.n_axes:
            raise MappingError(
                "the maps do not follow each other",
                expected=f"one that begins in {self.target}, of {self.n_axes} axes",
                found=f"{other.source}, {other.n_axes} axes",
            )
        return PointMap(
            steps=self.steps + other.steps,
            source=self.source,
            target=other.target,
            provenance={
                "operation": "then",
                "first": dict(self.provenance),
                "second": dict(other.provenance),
            },
        )

    def apply(
        self, positions: Positions, *, rounding: bool = False, outside: Outside = "warn"
    ) -> Positions:
        """Return the positions in the target space.

        Positions have y and x in pixels, and so must the map. The volumes in which they were found
        are forgotten if the map goes into another recording.

        Parameters
        ----------
        positions : Positions
        rounding : bool
            Round y and x to whole pixels, by floor(x + 0.5).
        outside : {"warn", "raise", "nan", "ignore"}
            See `__call__`.

        Raises
        ------
        MappingError
            They were found in another channel, z is not in um and the map moves it, or the map is
            not one of pixels.
        """
        if not isinstance(positions, Positions):
            raise MappingError(
                "only positions can be mapped", expected="Positions", found=type(positions).__name__
            )
        if {self.source.unit, self.target.unit} - {"px", ""}:
            raise MappingError(
                "positions have y and x in pixels, the map has not",
                expected="px",
                found=f"from {self.source} to {self.target}",
                cure="map plain coordinates: map(points)",
            )
        if positions.channel and not self.source.fits(Space(channel=positions.channel)):
            raise MappingError(
                "the positions are of another channel than the map",
                expected=str(self.source),
                found=positions.channel,
                cure="use map.inverse(), if the map goes the other way",
            )
        if self.n_axes == 3 and positions.z_unit != "um":
            raise MappingError("a map in space needs z in um", found=f"z_unit {positions.z_unit!r}")
        coords = self(positions.coords, outside=outside)
        if rounding:
            coords[..., 1:] = np.floor(coords[..., 1:] + 0.5)
        elsewhere = self.source.recording != self.target.recording
        return attrs.evolve(
            positions,
            coords=coords,
            channel=self.target.channel or positions.channel,
            volumes=None if elsewhere else positions.volumes,
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON's own types."""
        return {
            "format": _FORMAT,
            "schema_version": _SCHEMA_VERSION,
            "source": attrs.asdict(self.source),
            "target": attrs.asdict(self.target),
            "steps": [
                {
                    "transform": step.transform.to_json(),
                    "bounds": None if step.bounds is None else step.bounds.tolist(),
                    "bounds_in": step.bounds_in,
                }
                for step in self.steps
            ],
            "provenance": _as_json(self.provenance),
        }

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Self:
        """Rebuild a map.

        Raises
        ------
        MappingError
            It is none, or one of a newer version.
        """
        if not isinstance(tree, Mapping) or tree.get("format") != _FORMAT:
            raise MappingError("this is no map", expected=f"format {_FORMAT!r}")
        version = tree.get("schema_version")
        if type(version) is not int or not 1 <= version <= _SCHEMA_VERSION:
            raise MappingError(
                "the map was written by a newer wormio",
                expected=f"schema_version 1 to {_SCHEMA_VERSION}",
                found=repr(version),
                cure="pip install --upgrade wormio",
            )
        try:
            return cls(
                steps=[
                    Step(transform_from_json(s["transform"]), s["bounds"], s["bounds_in"])
                    for s in tree["steps"]
                ],
                source=Space(**tree["source"]),
                target=Space(**tree["target"]),
                provenance=dict(tree["provenance"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, MappingError):
                raise
            raise MappingError(f"the map is damaged: {error}", found=reprlib.repr(tree)) from error

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the map to a JSON file, which appears at once and complete.

        Raises
        ------
        OutputExistsError
            There is a file already, and `overwrite` is false or it is no map.
        """
        refuse_foreign(path, "map", _is_map, overwrite=overwrite)
        text = json.dumps(self.to_json(), indent=1, allow_nan=False)
        write_atomically(path, text.encode(), overwrite=overwrite)


def load(path: str | os.PathLike[str]) -> PointMap:
    """Read a map that `PointMap.save` wrote.

    Raises
    ------
    MissingPartError
        There is no such file.
    MappingError
        It holds no map.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingPartError("there is no such file", path=path)
    if path.stat().st_size > _LARGEST_FILE:
        raise MappingError("this is no map: the file is too large", path=path)
    try:
        tree = json.loads(path.read_text(encoding="utf-8-sig"))
        return PointMap.from_json(tree)
    except MappingError as error:
        error.path = error.path or str(path)
        raise
    except (ValueError, RecursionError) as error:
        raise MappingError(f"this is no map: {error}", expected="JSON", path=path) from error


def identity(
    n_axes: int = 2,
    *,
    source: Space = Space(),  # noqa: B008 (frozen)
    target: Space = Space(),  # noqa: B008 (frozen)
) -> PointMap:
    """Return the map that moves nothing."""
    matrix = np.column_stack([np.eye(n_axes), np.zeros(n_axes)])
    return PointMap(
        steps=[Step(Linear(matrix))],
        source=source,
        target=target,
        provenance={"operation": "identity"},
    )


def _is_map(path: Path) -> bool:
    try:
        load(path)
    except (MappingError, OSError):
        return False
    return True


def _told_bounds(step: Step) -> str:
    if step.bounds is None:
        return "anything"
    verb = "from" if step.bounds_in == "source" else "that goes to"
    low, high = step.bounds.round(1).tolist()
    return f"a point {verb} {low} .. {high}"
