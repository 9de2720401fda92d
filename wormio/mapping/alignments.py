"""``alignments.mat`` of Leifer-lab recordings: control points between the channels and cameras."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import CorruptRecordingError, MappingError, MissingPartError
from wormio.mapping.fitting import Fit, fit
from wormio.mapping.pointmap import Space
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
_LARGEST_FILE = 1 << 30


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
    import scipy.io

    path = Path(path)
    if layout not in {"split", "interleaved"}:
        raise MappingError("unknown layout", expected="split or interleaved", found=repr(layout))
    if not path.is_file():
        raise MissingPartError("there is no such file", path=path)
    if path.stat().st_size > _LARGEST_FILE:
        raise CorruptRecordingError("the file is too large to hold control points", path=path)
    try:
        # MATLAB's objects (t_concord, Rsegment) stay undecoded; the maps are fitted anew.
        raw = scipy.io.loadmat(
            path, variable_names=["alignments"], squeeze_me=True, struct_as_record=False
        )
        struct = raw["alignments"]
        fields = {name: getattr(struct, name) for name in struct._fieldnames}
        points = {
            name: _control_points(name, value, layout)
            for name, value in fields.items()
            if hasattr(value, "_fieldnames")
        }
        background = _background(fields.get("background"), layout)
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise CorruptRecordingError(
            f"the file holds no alignments: {type(error).__name__}: {error}"[:300],
            expected="a MATLAB file (v5 to v7) with the struct alignments and in it "
            + ", ".join(_SPACES),
            path=path,
        ) from error
    if not points:
        raise CorruptRecordingError(
            "the file holds no control points", expected=", ".join(_SPACES), path=path
        )
    return Alignments(points=points, background=background)


def _control_points(name: str, struct: Any, layout: Layout) -> ControlPoints:
    # Only the high-resolution camera's points lie in the recording's frames.
    by_side = {
        "S2AHiRes": (layout, layout),
        "Hi2LowResF": (layout, "split"),
    }.get(name, ("split", "split"))
    source, target = struct.Sall, struct.Aall
    if name == "lowResFluor2BF":  # here "A" is the fluorescence camera: from A to S
        source, target = target, source
    rectangles: list[Any] = [getattr(struct, key, ()) for key in ("rect1", "rect2")]
    crops = None
    if all(np.shape(rectangle) == (4,) for rectangle in rectangles):
        crops = np.stack([_crop(rectangle, layout) for rectangle in rectangles])
    return ControlPoints(
        name=name,
        source=_points(source, by_side[0]),
        target=_points(target, by_side[1]),
        crops=crops,
    )


def _points(values: Any, layout: str) -> Floats:
    """Return MATLAB's (x, y) from 1 as our (y, x) from 0."""
    xy = np.asarray(values, np.float64)[:, :2] - 1
    return xy[:, ::-1] if layout == "split" else xy


def _crop(rectangle: Any, layout: Layout) -> NDArray[np.int64]:
    x, y, width, height = (int(value) for value in rectangle)
    if layout == "split":
        return np.array([y - 1, x - 1, height, width])
    return np.array([x - 1, y - 1, width, height])


def _background(values: Any, layout: Layout) -> Floats | None:
    # 0 stands for none.
    if values is None or np.ndim(values) != 2:
        return None
    image = np.asarray(values, np.float64)
    return image if layout == "split" else image.T
