"""From two images of the same things to a map: a shift, then spots, then the point methods."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import MappingError
from wormio.mapping.fitting import Fit
from wormio.mapping.matching import register
from wormio.mapping.steps import Space
from wormio.mapping.transforms import Linear

__all__ = ["find_spots", "phase_shift", "register_images"]

Floats = NDArray[np.float64]

# A spot must stand out of the filtered image's noise by so many robust standard deviations.
_CONTRAST = 6.0
_NORMAL_MAD = 1.4826


def register_images(
    source: ArrayLike,
    target: ArrayLike,
    *,
    spot_sigma: float = 2.0,
    model: str = "auto",
    reach: float = 5.0,
    spaces: tuple[Space, Space] = (Space(), Space()),
    provenance: dict[str, Any] | None = None,
) -> Fit:
    """Fit a map to two images of the same beads or neurons.

    Parameters
    ----------
    source, target : (Y, X) array_like
        For example the mean images of the red and the green channel.
    spot_sigma : float
        Radius of a spot in pixels, as a standard deviation.
    model, reach, spaces, provenance
        See `register`.

    Raises
    ------
    MappingError
        The images differ in size, or too few spots are found or find a partner.
    """
    a, b = _image(source), _image(target)
    start = phase_shift(a, b)
    return register(
        find_spots(a, spot_sigma),
        find_spots(b, spot_sigma),
        model=model,
        reach=reach,
        start=Linear(np.column_stack([np.eye(2), start])),
        spaces=spaces,
        provenance={"spot_sigma": spot_sigma, "start": start.tolist(), **(provenance or {})},
    )


def phase_shift(source: ArrayLike, target: ArrayLike) -> Floats:
    """Return by how many whole pixels `source` must be moved to lie over `target`.

    By phase correlation (Kuglin & Hines, Proc. IEEE Int. Conf. Cybern. Soc. 163, 1975).

    Parameters
    ----------
    source, target : (Y, X) array_like
        Of one size.

    Returns
    -------
    (2,) float64
        y, x.
    """
    from scipy import fft

    a, b = _image(source), _image(target)
    if a.shape != b.shape:
        raise MappingError("the images differ in size", expected=f"{a.shape}", found=f"{b.shape}")
    # Without a window, the edges of the images are what both have in common.
    window = np.outer(np.hanning(a.shape[0]), np.hanning(a.shape[1]))
    first = fft.fft2((a - a.mean()) * window)
    second = fft.fft2((b - b.mean()) * window)
    cross = second * first.conj()
    size = np.abs(cross)
    peak = np.abs(fft.ifft2(np.where(size > 0, cross / np.where(size > 0, size, 1), 0)))
    at = np.array(np.unravel_index(int(peak.argmax()), peak.shape))
    half = np.array(peak.shape) // 2
    return np.asarray(np.where(at > half, at - np.array(peak.shape), at), np.float64)


def find_spots(image: ArrayLike, sigma: float = 2.0) -> Floats:
    """Find bright spots: maxima of the image filtered with a Laplacian of Gaussian.

    Parameters
    ----------
    image : (Y, X) array_like
    sigma : float
        Radius of a spot in pixels, as a standard deviation.

    Returns
    -------
    (N, 2) float64
        y, x; fractions of a pixel by a parabola through the maximum and its neighbours.
    """
    from scipy import ndimage

    pixels = _image(image)
    if not sigma > 0:
        raise MappingError("the radius of a spot must be positive", found=repr(sigma))
    bright = -ndimage.gaussian_laplace(pixels, sigma)
    middle = np.median(bright)
    noise = _NORMAL_MAD * float(np.median(np.abs(bright - middle)))
    reach = max(1, round(2 * sigma))
    highest = ndimage.maximum_filter(bright, size=2 * reach + 1)
    found = (bright == highest) & (bright > middle + _CONTRAST * noise) & (bright > 0)
    # At the edge a parabola has no second neighbour, and a spot may be cut.
    found[[0, -1]] = found[:, [0, -1]] = False
    rows, columns = np.nonzero(found)
    value = bright[rows, columns]
    steps = []
    for below, above in (
        (bright[rows - 1, columns], bright[rows + 1, columns]),
        (bright[rows, columns - 1], bright[rows, columns + 1]),
    ):
        bend = 2 * value - below - above
        steps.append(np.where(bend > 0, (above - below) / (2 * np.where(bend > 0, bend, 1)), 0.0))
    return np.stack([rows + steps[0], columns + steps[1]], axis=1)


def _image(image: ArrayLike) -> Floats:
    pixels = np.asarray(image, np.float64)
    if pixels.ndim != 2 or min(pixels.shape) < 3:
        raise MappingError(
            "this is no image", expected="an array (Y, X)", found=f"shape {pixels.shape}"
        )
    if not np.isfinite(pixels).all():
        raise MappingError("the image has pixels that are not finite")
    return pixels
