"""Maps between the channels, and between recordings: points of one space in another.

`fit` makes a `PointMap` from pairs of points, `register` from two sets without known pairs,
`register_images` from two images, `read_alignments` from a Leifer lab's control points.
"""

from wormio.mapping.alignments import Alignments, ControlPoints, read_alignments
from wormio.mapping.fitting import Fit, ModelScore, fit, leave_one_out
from wormio.mapping.gmmreg import from_gmmreg
from wormio.mapping.images import find_spots, phase_shift, register_images
from wormio.mapping.inverses import Inverse
from wormio.mapping.matching import match, register
from wormio.mapping.pointmap import OutsideWarning, PointMap, identity, load
from wormio.mapping.steps import Space, Step
from wormio.mapping.transforms import (
    Linear,
    Projective,
    Quadratic,
    ThinPlate,
    Transform,
    transform_from_json,
)

__all__ = [
    "Alignments",
    "ControlPoints",
    "Fit",
    "Inverse",
    "Linear",
    "ModelScore",
    "OutsideWarning",
    "PointMap",
    "Projective",
    "Quadratic",
    "Space",
    "Step",
    "ThinPlate",
    "Transform",
    "find_spots",
    "fit",
    "from_gmmreg",
    "identity",
    "leave_one_out",
    "load",
    "match",
    "phase_shift",
    "read_alignments",
    "register",
    "register_images",
    "transform_from_json",
]
