"""Which rows of which images the masks touch: all that the kernels look at, and little else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wormio._cext import ffi, lib
from wormio.extraction.passing import Boundary, Points, check_status, pass_options, pointer

__all__ = ["touched_rows"]


def touched_rows(
    points: Sequence[Points],
    shape: tuple[int, int],
    *,
    boundary: Boundary,
    linear: bool = False,
) -> NDArray[np.uint8]:
    """Mark the rows that masks around points touch.

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
    (images, height) uint8
        1 or 0. A few rows more than the kernels need where masks reach beyond the image.
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
    return touched
