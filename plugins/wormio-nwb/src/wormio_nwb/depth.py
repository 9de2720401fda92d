"""Series whose depth was recorded with each frame: the volumes follow from its turning points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray
from wormio.errors import CorruptRecordingError, OptionError
from wormio.formats.stacks import Grid, StackOptions, Timing, make_timing
from wormio.model import Finding, Flag, Origin, from_scan

from wormio_nwb.reading import Nwb

if TYPE_CHECKING:
    import h5py

__all__ = ["depth_timeline", "read_depths"]

_NAME = "depth_per_frame_in_um"


def read_depths(nwb: Nwb, series: h5py.Group, n_frames: int) -> NDArray[np.float64]:
    """Return the depth of each frame in um, NaN where it is not known.

    Raises
    ------
    CorruptRecordingError
        There are not as many as frames.
    """
    source = nwb.dataset(series, _NAME)
    if source.shape != (n_frames,) or source.dtype.kind not in "iuf":
        raise CorruptRecordingError(
            f"{source.name} does not fit the images",
            expected=f"{n_frames} numbers, one a frame",
            found=f"{source.dtype} of shape {source.shape}",
        )
    depths = np.asarray(source[()], np.float64)
    return np.where(np.isfinite(depths), depths, np.nan)


def depth_timeline(grid: Grid, depths: NDArray[np.float64], options: StackOptions) -> Timing:
    """Make the timeline of frames with measured depths.

    With option planes, so many frames make a volume; without, volumes lie between the turning
    points of the depth (`wormio.model.from_scan`); if the depth never changes, each frame is one.

    Raises
    ------
    OptionError
        The depth is to be replaced by a step, and nothing says of how many planes.
    """
    measured = attrs.evolve(
        grid, position_z=np.broadcast_to(depths.reshape(-1, 1, 1), grid.stored.shape)
    )
    if options.planes is not None:
        return make_timing(measured, options)
    if options.um_per_plane is not None:
        raise OptionError(
            "um_per_plane replaces the depths that the file has of each frame",
            expected="planes= too: the frames of one volume",
            found="um_per_plane alone",
        )
    timing = make_timing(measured, options)
    known = depths[np.isfinite(depths)]
    if len(known) == 0 or known.min() == known.max():
        return timing
    found = from_scan(timing.timeline.count, depths)
    inside = np.zeros(len(depths), bool)
    for first, stop in found.frames:
        inside[first:stop] = True
    flags = np.where(np.isnan(depths), int(Flag.Z_UNKNOWN), 0)
    flags |= np.where(inside, 0, int(Flag.INCOMPLETE))
    has_volumes = len(found.frames) > 0
    timeline = attrs.evolve(
        timing.timeline,
        volumes=found.frames,
        volume_counts=found.counts,
        direction=found.direction,
        flags=flags,
        origins={
            **timing.timeline.origins,
            "volume": found.origin if has_volumes else Origin.UNKNOWN,
            "direction": Origin.INFERRED if found.direction.any() else Origin.UNKNOWN,
        },
        policy=found.policy,
    )
    findings = list(timing.findings)
    if not has_volumes:
        findings.append(
            Finding(
                code="volumes-unknown",
                message="the depth of the frames has no two turning points: there is no complete "
                "volume",
                cure="planes= says how many frames make one",
            )
        )
    return attrs.evolve(timing, timeline=timeline, findings=tuple(findings))
