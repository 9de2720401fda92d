"""``alignments.mat`` of Leifer-lab recordings: control points between the channels and cameras."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError, MappingError
from wormio.formats.mat.opening import read_mat
from wormio.formats.mat.tree import MatFile, MatStruct, describe, numbers
from wormio.mapping.fitting import Fit, fit
from wormio.mapping.steps import Space
from wormio.model._fields import array_field

__all__ = ["Alignments", "ControlPoints", "read_alignments"]

Floats = NDArray[np.float64]
Layout = Literal["split", "interleaved"]

# Which points are whose: in S2AHiRes "S" (segment) is red and "A" (activity) green, each in its
# own crop; in the others the low-magnification camera's images.
_SPACES = {
    "S2AHiRes": ("red", "green"),
    "lowResFluor2BF": ("low-resolution fluorescence", "behaviour"),
    "Hi2LowResF": ("red", "low-resolution fluorescence"),
}


# No image is so large.
_LARGEST = 1 << 20


@attrs.frozen(kw_only=True)
class ControlPoints:
    """Pairs of points that somebody clicked.

    Parameters
    ----------
    name : str
    source, target : (N, 2) float64
        y, x from 0, integers at pixel centres; those of the channels each in its own crop.
    crops : (2, 4) int64, optional
        Of source and target in the frame: y, x, height, width, from 0.
    """

    name: str
    source: Floats = array_field("f8", (None, 2))
    target: Floats = array_field("f8", (None, 2))
    crops: NDArray[np.int64] | None = array_field("i8", (2, 4), optional=True)

    def fit(self, *, model: str = "auto", outliers: float = 0.0) -> Fit:
        """Fit the map from source to target; see `wormio.mapping.fit`."""
        spaces = _SPACES.get(self.name, ("", ""))
        return fit(
            self.source,
            self.target,
            model=model,
            outliers=outliers,
            spaces=(Space(channel=spaces[0]), Space(channel=spaces[1])),
            provenance={"control_points": self.name, "file": "alignments.mat"},
        )


@attrs.frozen(kw_only=True)
class Alignments:
    """What the file holds.

    Parameters
    ----------
    points : mapping of str to ControlPoints
        ``"S2AHiRes"`` (red to green), ``"lowResFluor2BF"``, ``"Hi2LowResF"``, and others if the
        file has them.
    background : (Y, X) float64, optional
        A whole frame without light.
    """

    points: Mapping[str, ControlPoints]
    background: Floats | None = array_field("f8", (None, None), optional=True)

    def __getitem__(self, name: str) -> ControlPoints:
        if name not in self.points:
            raise MappingError(
                f"there are no control points {name!r}", expected=", ".join(self.points) or "none"
            )
        return self.points[name]


def read_alignments(path: str | os.PathLike[str], *, layout: Layout) -> Alignments:
    """Read the control points.

    MATLAB counts x and y from 1. How its axes lie in the image of `wormio.formats.leifer` depends
    on the frame file: a file of the split layout was shown to the user as it is, so y and x are
    y and x; one of the interleaved layout was read column by column, so MATLAB's x runs along the
    lines of the file, our y.

    Parameters
    ----------
    path : path-like
    layout : {"split", "interleaved"}
        Of the recording's frame file.

    Raises
    ------
    MissingPartError
        There is no such file.
    CorruptRecordingError
        It cannot be read, or holds no control points.
    MappingError
        The layout is unknown.
    """
    path = Path(path)
    if layout not in {"split", "interleaved"}:
        raise MappingError("unknown layout", expected="split or interleaved", found=repr(layout))
    file = read_mat(path)
    struct = file.variables.get("alignments")
    fields = struct.fields if isinstance(struct, MatStruct) else {}
    points = {
        # MATLAB's objects (t_concord, Rsegment) are not decoded; the maps are fitted anew.
        name: _control_points(file, name, layout)
        for name, value in fields.items()
        if isinstance(value, MatStruct) and {"Sall", "Aall"} & set(value.fields)
    }
    if not points:
        raise CorruptRecordingError(
            "the file holds no control points",
            expected=f"a struct alignments and in it {', '.join(_SPACES)}",
            found=describe(file.variables),
            path=path,
        )
    background = numbers(file, "alignments.background") if "background" in fields else None
    return Alignments(points=points, background=_background(background, layout))


def _control_points(file: MatFile, name: str, layout: Layout) -> ControlPoints:
    # Only the high-resolution camera's points lie in the recording's frames.
    by_side = {
        "S2AHiRes": (layout, layout),
        "Hi2LowResF": (layout, "split"),
    }.get(name, ("split", "split"))
    sides = ("Sall", "Aall")
    if name == "lowResFluor2BF":  # here "A" is the fluorescence camera: from A to S
        sides = ("Aall", "Sall")
    source, target = (
        _points(file, f"alignments.{name}.{side}", which)
        for side, which in zip(sides, by_side, strict=True)
    )
    if len(source) != len(target):
        raise CorruptRecordingError(
            f"the control points of {name} are no pairs",
            expected="as many in Sall as in Aall",
            found=f"{len(source)} and {len(target)}",
            path=file.path,
        )
    rectangles = [numbers(file, f"alignments.{name}.{key}") for key in ("rect1", "rect2")]
    known = [r.ravel() for r in rectangles if r is not None and r.size == 4]
    crops = None
    if len(known) == 2:
        if not all((np.abs(r) < _LARGEST).all() and (r == np.floor(r)).all() for r in known):
            raise CorruptRecordingError(
                f"the crops of {name} are no rectangles of pixels",
                expected="x, y, width and height, whole numbers",
                found=f"{known[0].tolist()} and {known[1].tolist()}",
                path=file.path,
            )
        crops = np.stack([_crop(r, layout) for r in known])
    return ControlPoints(name=name, source=source, target=target, crops=crops)


def _points(file: MatFile, name: str, layout: str) -> Floats:
    """Return MATLAB's (x, y) from 1 as our (y, x) from 0."""
    values = numbers(file, name)
    if values is None or values.ndim != 2 or values.shape[1] != 2 or not np.isfinite(values).all():
        raise CorruptRecordingError(
            f"{name} holds no points",
            expected="a table of x and y, all finite",
            found="nothing" if values is None else f"shape {values.shape}",
            path=file.path,
        )
    xy = values - 1
    return xy[:, ::-1] if layout == "split" else xy


def _crop(rectangle: Floats, layout: Layout) -> NDArray[np.int64]:
    x, y, width, height = (int(value) for value in rectangle)
    if layout == "split":
        return np.array([y - 1, x - 1, height, width])
    return np.array([x - 1, y - 1, width, height])


def _background(image: Floats | None, layout: Layout) -> Floats | None:
    # A single 0 stands for none.
    if image is None or image.size < 2 or image.ndim != 2:
        return None
    return image if layout == "split" else image.T
