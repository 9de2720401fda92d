"""Maps that pygmmreg fitted, from the four arrays of its parameters.

Of its *files* (``redGreenRegistration*``) only the prefix of the names is known: not their layout,
so none is read here. Who can load the four arrays gets the map from them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import MappingError
from wormio.mapping.pointmap import PointMap
from wormio.mapping.steps import Space, Step
from wormio.mapping.transforms import ThinPlate

__all__ = ["from_gmmreg"]

Floats = NDArray[np.float64]

# pygmmreg is three-dimensional; wormdatamodel gave all points this z.
_PLANE_Z = -1.0


def from_gmmreg(
    control: ArrayLike,
    parameters: ArrayLike,
    norm: ArrayLike,
    denorm: ArrayLike,
    *,
    spaces: tuple[Space, Space] = (Space(channel="red"), Space(channel="green")),
) -> PointMap:
    """Make the map of points (y, x) from parameters in pygmmreg's order, (x, y, z = -1).

    With the normalised point p, ``T(p) = (1, p) A - |p - c| Z tau``: A are rows 0 to 3 of
    `parameters`, tau the rest, Z the last n - 4 columns of Q in the full QR decomposition of
    (1, control). For points of one plane that matrix has rank 3 only; Z is then what LAPACK's QR
    makes of it.

    Parameters
    ----------
    control : (n, 3) array_like
        Control points, normalised, x y z.
    parameters : (n, 3) array_like
    norm, denorm : (4,) array_like
        Centroid (x, y, z) and scale of source and target.
    spaces : (Space, Space)

    Raises
    ------
    MappingError
        The arrays do not fit each other.
    """
    knots, table = np.asarray(control, np.float64), np.asarray(parameters, np.float64)
    into, out = np.asarray(norm, np.float64), np.asarray(denorm, np.float64)
    if (
        knots.ndim != 2
        or knots.shape != table.shape
        or knots.shape[1] != 3
        or len(knots) < 4
        or into.shape != (4,)
        or out.shape != (4,)
    ):
        raise MappingError(
            "these are no parameters of pygmmreg",
            expected="control (n, 3), parameters (n, 3), norm (4,), denorm (4,)",
            found=f"{knots.shape}, {table.shape}, {into.shape}, {out.shape}",
        )
    if not all(np.isfinite(a).all() for a in (knots, table, into, out)) or into[3] <= 0:
        raise MappingError("a parameter is not finite, or a scale is not positive")
    if np.ptp(knots[:, 2]) > 1e-9:
        raise MappingError(
            "the control points do not lie in one plane", expected="one z, as wormdatamodel made it"
        )
    z = (_PLANE_Z - into[2]) / into[3]
    plane = np.column_stack([np.ones(len(knots)), knots])
    free = np.linalg.qr(plane, mode="complete")[0][:, 4:]
    weights = free @ table[4:]
    affine = table[:3].copy()
    affine[0] += z * table[3]
    # The distance of points that differ in z by a constant is not their distance in the plane.
    if abs(z - knots[0, 2]) > 1e-9:
        raise MappingError(
            "the points' z is not the control points'",
            expected=f"normalised z {z:g}",
            found=f"{knots[0, 2]:g}",
        )
    order = [1, 0]  # to (y, x)
    moved = affine[[0, 2, 1]][:, order] * out[3]
    moved[0] += out[order]
    return PointMap(
        steps=[
            Step(
                ThinPlate(
                    knots=knots[:, order],
                    weights=weights[:, order] * out[3],
                    affine=moved,
                    centre=into[order],
                    scale=into[3],
                    kernel="-r",
                ),
                np.stack([knots.min(axis=0), knots.max(axis=0)])[:, order] * into[3] + into[order],
            )
        ],
        source=spaces[0],
        target=spaces[1],
        provenance={"operation": "from_gmmreg"},
    )
