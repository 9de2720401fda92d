"""Which rows of which images the masks touch: all that the kernels look at, and little else."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio._cext import ffi, lib
from wormio.extraction.passing import Boundary, Points, check_status, pass_options, pointer

__all__ = ["RowSpans", "touched_rows"]

Ints = NDArray[np.int64]


@attrs.frozen(eq=False)
class RowSpans:
    """Stretches of rows, in any order; they may overlap.

    Parameters
    ----------
    table : (M, 3) int64
        Image, index into the images, (channel, frame) flattened; first row; the row after the last
        one. C-contiguous.
    """

    table: Ints

    @property
    def image(self) -> Ints:
        """(M,) int64."""
        return self.table[:, 0]

    @property
    def first(self) -> Ints:
        """(M,) int64."""
        return self.table[:, 1]

    @property
    def stop(self) -> Ints:
        """(M,) int64, above `first`."""
        return self.table[:, 2]


def touched_rows(
    points: Sequence[Points],
    shape: tuple[int, int],
    *,
    boundary: Boundary,
    linear: bool = False,
) -> RowSpans:
    """Return the rows that masks around points touch.

    Parameters
    ----------
    points : sequence of Points
        With the masks around them, all in the same planes: image ``c * n_planes + plane``.
    shape : (int, int)
        Height and width of an image. A point outside touches nothing.
    boundary : {"exclude", "clip", "nan"}
        Whether the edge of the image, and the nearest saved plane towards the centre, stand for
        what is beyond, or that is left out.
    linear : bool
        Whether voxels are interpolated between two rows.

    Returns
    -------
    RowSpans
        By image and row; none overlaps or follows another. A few rows more than the kernels need
        where masks reach beyond the image.
    """
    height, width = shape
    n_images = points[0].n_channels * points[0].n_planes
    touched = np.zeros((n_images, height), np.uint8)
    marks = pointer("unsigned char[]", touched, writable=True)
    geometry = {"n_planes": n_images, "height": height, "width": width}
    image = ffi.new("wormio_pixels *", geometry)
    options = pass_options("sum", boundary, linear=linear)
    for each in points:
        check_status(lib.wormio_touch_rows(image, each.samples, each.masks, options, marks))
    found = np.empty((n_images * ((height + 1) // 2), 3), np.int64)
    spans = pointer("int64_t[]", found, writable=True)
    return RowSpans(found[: lib.wormio_list_spans(marks, n_images, height, spans)])
