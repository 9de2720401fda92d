"""From positions to centre planes: the frame and slot each neuron is read in, volume by volume."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import ExtractionError, OptionError
from wormio.model import Flag, Positions, Timeline

__all__ = ["Centres", "find_centres", "plane_table"]

# A neuron farther from every saved plane than this lies between or beyond them.
_MAX_PLANE_STEPS = 0.75


@attrs.frozen
class Centres:
    """Where the centre plane of each sample is.

    Parameters
    ----------
    frame : (V, N) int64
        Frame of the centre plane, -1 where there is none.
    slot : (V, N) int32
        Its slot in the sweep, -1 where there is none.
    """

    frame: NDArray[np.int64]
    slot: NDArray[np.int32]


def find_centres(timeline: Timeline, positions: Positions) -> Centres:
    """Find the frame and slot of each neuron in each volume.

    Positions in µm take the frame of the volume whose z is nearest, if it is at most 0.75 plane
    steps away (the volume's median distance of neighbouring slots). Positions in frames count the
    saved frames of their volume, rounded by floor(z + 0.5).

    Raises
    ------
    OptionError
        z is needed in µm but not calibrated or not known; or static frame indices on a scan that
        goes both ways, where they would be different places.
    ExtractionError
        Not a single neuron lies in a plane of its volume.
    """
    if positions.z_unit == "um":
        frame = _nearest_in_um(timeline, positions)
    else:
        frame = _by_frame_index(timeline, positions)
    if (frame < 0).all() and np.isfinite(positions.coords[..., 0]).any():
        raise _none_found(timeline, positions)
    slot = np.where(frame >= 0, timeline.slot[frame], -1).astype(np.int32)
    return Centres(frame, slot)


def plane_table(
    timeline: Timeline, channel: int, first_volume: int, stop_volume: int, first_frame: int
) -> NDArray[np.int64]:
    """Return where the planes of some volumes lie in a block of frames.

    Frames that were saved twice count once.

    Returns
    -------
    (V, S) int64
        Row of the block (0 is `first_frame`) for each volume and slot; -1 if never saved.
    """
    n_slots = int(timeline.n_slots[first_volume:stop_volume].max())
    table = np.full((stop_volume - first_volume, n_slots), -1, np.int64)
    start, stop = timeline.volumes[first_volume, 0], timeline.volumes[stop_volume - 1, 1]
    rows = np.arange(start, stop)
    used = (
        (timeline.volume[rows] >= 0)
        & ((timeline.flags[rows] & Flag.DUPLICATE) == 0)
        & (timeline.stored[rows, channel] >= 0)
    )
    rows = rows[used]
    table[timeline.volume[rows] - first_volume, timeline.slot[rows]] = rows - first_frame
    return table


def _nearest_in_um(timeline: Timeline, positions: Positions) -> NDArray[np.int64]:
    z = timeline.z_um
    if np.isnan(z).all():
        raise OptionError(
            "positions are in um but the z of the frames is unknown",
            expected="a recording with z, or positions with z_unit='frame'",
            found=f"z of origin {timeline.origins['z'].name}",
            cure="give z as the index of the frame in its volume",
        )
    single = (timeline.flags & Flag.DUPLICATE) == 0
    coords = positions.at(0, timeline.n_volumes)[..., 0]
    result = np.full(coords.shape, -1, np.int64)
    for volume, (first, stop) in enumerate(timeline.volumes):
        rows = np.arange(first, stop)
        rows = rows[single[first:stop] & np.isfinite(z[first:stop])]
        if not len(rows):
            continue
        distance = np.abs(coords[volume][:, np.newaxis] - z[rows])
        found = np.isfinite(coords[volume])
        nearest = np.where(found[:, np.newaxis], distance, np.inf).argmin(axis=1)
        limit = _MAX_PLANE_STEPS * _plane_step(z[rows], timeline.slot[rows])
        near = found & (distance[np.arange(len(nearest)), nearest] <= limit)
        result[volume] = np.where(near, rows[nearest], -1)
    return result


def _plane_step(z: NDArray[np.float64], slot: NDArray[np.int64]) -> float:
    if len(z) < 2:
        return float("inf")  # a volume of one plane: whatever is in it is in that plane
    return float(np.median(np.abs(np.diff(z) / np.diff(slot))))


def _by_frame_index(timeline: Timeline, positions: Positions) -> NDArray[np.int64]:
    if not positions.is_tracked and {-1, 1} <= set(np.unique(timeline.direction).tolist()):
        raise OptionError(
            "static frame indices on a scan that goes both ways",
            expected="z in um, or tracked positions",
            found="z as the index of the frame in its volume: another place on the way back",
            cure="convert z to um: Positions.static(..., z_unit='um')",
        )
    coords = positions.at(0, timeline.n_volumes)[..., 0]
    index = np.floor(np.nan_to_num(coords, nan=-1.0) + 0.5)
    first = timeline.volumes[:, :1]
    inside = (index >= 0) & (index < timeline.volumes[:, 1:] - first)
    return np.where(inside, first + np.where(inside, index, 0).astype(np.int64), -1)


def _none_found(timeline: Timeline, positions: Positions) -> ExtractionError:
    z = positions.coords[..., 0]
    if positions.z_unit == "um":
        planes = f"z from {np.nanmin(timeline.z):g} to {np.nanmax(timeline.z):g} um"
    else:
        planes = f"{int(np.diff(timeline.volumes).max())} frames in the longest volume"
    return ExtractionError(
        "not one neuron lies in a plane of its volume",
        expected=planes,
        found=f"positions with z from {np.nanmin(z):g} to {np.nanmax(z):g} {positions.z_unit}",
        cure="check the unit of z (um or frame) and the order of the axes (z, y, x)",
    )
