"""Neurons by a label image: the voxels of each label are its mask, around one of them."""

from __future__ import annotations

import hashlib
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import ExtractionError, OptionError
from wormio.extraction.centres import Centres
from wormio.extraction.places import Place
from wormio.extraction.voxels import MaskTable, runs_of_voxels, table_of_masks
from wormio.model import Labels, Positions, Recording, Timeline

__all__ = ["LabelMask", "describe_labels", "place_labels"]


@attrs.frozen(eq=False)
class LabelMask:
    """The voxels of labels as a mask.

    Parameters
    ----------
    labels : Labels
    voxels : MaskTable
    """

    labels: Labels
    voxels: MaskTable

    def table(self, n_neurons: int) -> MaskTable:  # noqa: ARG002 (it is of these labels)
        """Return the voxels of each label, in each volume if the image is one a volume."""
        return self.voxels

    def to_json(self) -> dict[str, Any]:
        """See `describe_labels`."""
        return describe_labels(self.labels)


def describe_labels(labels: Labels) -> dict[str, Any]:
    """Return name, shape and checksum of a label image, as JSON; it is too large to be kept."""
    return {
        "name": "labels",
        "shape": list(labels.image.shape),
        "values": labels.values.tolist(),
        "sha256": hashlib.sha256(np.ascontiguousarray(labels.image).data).hexdigest(),
    }


def place_labels(recording: Recording, labels: Labels) -> tuple[Place, LabelMask]:
    """Return where labels are, and their voxels.

    The centre of a label is its middle voxel in the order of z, y and x: a voxel of its own, in the
    plane that halves it.

    Raises
    ------
    ExtractionError
        The image does not fit the frames, the sweeps or the volumes; or there is not one label.
    OptionError
        One image for all volumes of a scan that goes both ways.
    """
    timeline = recording.timeline
    _check(recording, labels)
    volumes = labels.image if labels.image.ndim == 4 else labels.image[np.newaxis]
    n_neurons = len(labels)
    runs: list[NDArray[np.int32]] = []
    centre = np.full((len(volumes), n_neurons, 3), -1, np.int64)
    for image, middle in zip(volumes, centre, strict=True):
        for i, voxels in enumerate(_voxels(image, labels.values)):
            if len(voxels):
                middle[i] = voxels[len(voxels) // 2]
            runs.append(runs_of_voxels(voxels - middle[i]))
    index = np.arange(len(volumes) * n_neurons).reshape(len(volumes), n_neurons)
    place = _place(timeline, labels, np.broadcast_to(centre, (timeline.n_volumes, n_neurons, 3)))
    return place, LabelMask(labels, table_of_masks(runs, index))


def _check(recording: Recording, labels: Labels) -> None:
    timeline = recording.timeline
    *volumes, n_planes, height, width = labels.image.shape
    if (height, width) != tuple(recording.frames.shape[2:]):
        raise ExtractionError(
            "the label image is of another size than the frames",
            expected=f"{recording.frames.shape[2]} x {recording.frames.shape[3]} pixels",
            found=f"{height} x {width}",
        )
    if volumes and volumes[0] != timeline.n_volumes:
        raise ExtractionError(
            "the label images are of another number of volumes",
            expected=f"{timeline.n_volumes}, the complete volumes of the recording",
            found=str(volumes[0]),
        )
    fewest, most = int(timeline.n_slots.min()), int(timeline.n_slots.max())
    if not fewest <= n_planes <= most:
        raise ExtractionError(
            "the label image has another number of planes than the sweeps",
            expected=f"{fewest}" if fewest == most else f"{fewest} to {most}",
            found=str(n_planes),
            cure="its planes are the slots of a sweep, dropped planes included",
        )
    if not volumes and {-1, 1} <= set(np.unique(timeline.direction).tolist()):
        raise OptionError(
            "one label image for a scan that goes both ways",
            expected="a label image for each volume, (volumes, planes, y, x)",
            found="planes in the order of a sweep: other places on the way back",
        )


def _voxels(image: NDArray[np.int64], values: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the voxels of each value, (K, 3), in the order of z, y and x."""
    flat = image.ravel()
    where = np.flatnonzero(flat)
    where = where[np.argsort(flat[where], kind="stable")]
    found = flat[where]
    first, stop = np.searchsorted(found, values), np.searchsorted(found, values, side="right")
    return [
        np.stack(np.unravel_index(where[a:b], image.shape), axis=1)
        for a, b in zip(first, stop, strict=True)
    ]


def _place(timeline: Timeline, labels: Labels, centre: NDArray[np.int64]) -> Place:
    """Find the frames of the centres, (V, N, 3) slot, y, x; -1 where there is no label."""
    frames = np.arange(len(timeline.volume))
    table = np.full((timeline.n_volumes, int(timeline.n_slots.max())), -1, np.int64)
    first, stop = timeline.volumes[:, :1], timeline.volumes[:, 1:]
    for volume, (begin, end) in enumerate(timeline.volumes):
        # Backwards, so that of a frame that was saved twice the first one stays.
        rows = frames[begin:end][::-1]
        table[volume, timeline.slot[rows]] = rows
    slot = centre[..., 0]
    known = (slot >= 0) & (slot < table.shape[1])
    frame = np.take_along_axis(table, np.where(known, slot, 0), axis=1)
    frame = np.where(known & (frame >= first) & (frame < stop), frame, -1)
    if (frame < 0).all():
        raise ExtractionError(
            "not one label lies in a plane of its volume",
            expected=f"voxels of the values {labels.values[:5].tolist()}, ...",
            found="none of them in the image, or in dropped planes only",
        )
    coords = np.where(frame[..., np.newaxis] >= 0, centre, np.nan).astype(np.float64)
    coords[..., 0] = np.where(frame >= 0, frame - first, np.nan)
    positions = Positions.tracked(coords, z_unit="frame", labels=labels.names)
    return Place(positions, Centres(frame, np.where(frame >= 0, slot, -1).astype(np.int32)))
