"""From positions to centre planes: the frame and slot each neuron is read in, volume by volume."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import ExtractionError, OptionError
from wormio.model import Flag, Positions, Timeline

__all__ = ["Centres", "find_centres", "plane_table"]

# A neuron farther from every saved plane than this lies between or beyond them.
_MAX_PLANE_STEPS = 0.75
# So many distances between neurons and planes are looked at together.
_MAX_DISTANCES = 1 << 20


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
    timeline: Timeline,
    channels: Sequence[int],
    first_volume: int,
    stop_volume: int,
    first_frame: int,
) -> NDArray[np.int64]:
    """Return where the planes of some volumes lie in a block of frames.

    Frames that were saved twice count once.

    Returns
    -------
    (C, V, S) int64
        Row of the block (0 is `first_frame`) for each channel, volume and slot; -1 if never saved.
    """
    n_slots = int(np.diff(timeline.volume_counts[first_volume:stop_volume], axis=1).max())
    begin, end = int(timeline.volumes[first_volume, 0]), int(timeline.volumes[stop_volume - 1, 1])
    rows = slice(begin, end)
    volume = timeline.volume[rows] - first_volume
    used = np.flatnonzero((volume >= 0) & ((timeline.flags[rows] & Flag.DUPLICATE) == 0))
    place = volume[used] * n_slots + timeline.slot[rows][used]
    table = np.full((len(channels), (stop_volume - first_volume) * n_slots), -1, np.int64)
    for of_channel, channel in zip(table, channels, strict=True):
        stored = timeline.stored[rows, channel][used] >= 0
        of_channel[place] = np.where(stored, used + (begin - first_frame), -1)
    return table.reshape(len(channels), -1, n_slots)


def _nearest_in_um(timeline: Timeline, positions: Positions) -> NDArray[np.int64]:
    z = timeline.z_um
    if np.isnan(z).all():
        raise OptionError(
            "positions are in um but the z of the frames is unknown",
            expected="a recording with z, or positions with z_unit='frame'",
            found=f"z of origin {timeline.origins['z'].name}",
            cure="give z as the index of the frame in its volume",
        )
    # The frames that count, volume after volume, in a table of as many columns as the longest has.
    single = (timeline.flags & Flag.DUPLICATE) == 0
    frames = np.flatnonzero((timeline.volume >= 0) & single & np.isfinite(z))
    volume = timeline.volume[frames]
    length = np.bincount(volume, minlength=timeline.n_volumes)
    column = np.arange(len(frames)) - np.repeat(np.cumsum(length) - length, length)
    frame = np.full((timeline.n_volumes, max(int(length.max(initial=0)), 1)), -1, np.int64)
    frame[volume, column] = frames
    coords = positions.at(0, timeline.n_volumes)[..., 0]
    result = np.full(coords.shape, -1, np.int64)
    at_once = max(1, _MAX_DISTANCES // max(frame.shape[1] * coords.shape[1], 1))
    for begin in range(0, len(frame), at_once):
        part = slice(begin, begin + at_once)
        result[part] = _nearest(timeline, z, frame[part], coords[part])
    return result


def _nearest(
    timeline: Timeline,
    z: NDArray[np.float64],
    frame: NDArray[np.int64],
    coords: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Return the frame nearest to each neuron; `frame` is (V, S), -1 at the end of each line."""
    there = frame >= 0
    planes = np.where(there, z[frame], np.inf)
    found = np.isfinite(coords) & there.any(axis=1, keepdims=True)
    wanted = np.where(found, coords, 0.0)
    distance = np.abs(wanted[:, :, np.newaxis] - planes[:, np.newaxis, :])
    nearest = distance.argmin(axis=2)
    limit = _MAX_PLANE_STEPS * _plane_steps(planes, timeline.slot[frame], there)
    least = np.take_along_axis(distance, nearest[:, :, np.newaxis], axis=2)[:, :, 0]
    near = found & (least <= limit[:, np.newaxis])
    return np.where(near, np.take_along_axis(frame, nearest, axis=1), -1)


def _plane_steps(
    planes: NDArray[np.float64], slot: NDArray[np.int64], there: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return each volume's median distance of neighbouring slots."""
    both = there[:, 1:]
    with np.errstate(invalid="ignore", divide="ignore"):  # at the end of the lines
        step = np.abs(np.diff(planes, axis=1) / np.diff(slot, axis=1))
    step = np.sort(np.where(both, step, np.inf), axis=1)
    # A volume of one plane: whatever is in it is in that plane.
    result = np.full(len(planes), np.inf)
    number = both.sum(axis=1)
    some = np.flatnonzero(number)
    low, high = (number[some] - 1) // 2, number[some] // 2
    result[some] = (step[some, low] + step[some, high]) / 2
    return result


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
