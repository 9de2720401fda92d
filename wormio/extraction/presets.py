"""The numbers of programs that came before: how they differ from wormio's own.

``"wormdatamodel-1.5"``, from a description of what it computes:

- The offsets of a mask were added to a centre once for each of its coordinates: a voxel at (dz, dy,
  dx) is read at (3 dz, 3 dy, 3 dx), in recordings of single planes at (2 dy, 2 dx).
- Weights of voxels were ignored.
- Counts below the camera's offset became 0, voxel by voxel.
- Voxels outside the image or the volume were replaced by those at the edge.
- Positions were rounded to whole pixels after they had been mapped to another channel.
- A volume began one frame early, at the last frame of the volume before it, and ended one frame
  early. Its planes were counted as they were saved, whatever was dropped or saved twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError
from wormio.extraction.centres import Centres
from wormio.extraction.masks import Mask
from wormio.extraction.voxels import MaskTable, table_of_masks
from wormio.model import Positions, Timeline

__all__ = ["Preset", "SpreadMask", "check_preset", "early_centres", "early_planes", "spread"]

Preset = Literal["wormdatamodel-1.5"]


def check_preset(preset: str | None, where: object, boundary: str, subpixel: str | None) -> None:
    """Refuse an unknown preset, and what it does not go with.

    Raises
    ------
    OptionError
    """
    if preset is None:
        return
    if preset != "wormdatamodel-1.5":
        raise OptionError("unknown preset", expected="'wormdatamodel-1.5'", found=repr(preset))
    if boundary not in {"exclude", "clip"} or subpixel is not None:
        raise OptionError(
            f"preset {preset} repeats the edges and rounds positions",
            expected="neither boundary= nor subpixel= with it",
            found=f"boundary={boundary!r}, subpixel={subpixel!r}",
        )
    given = where.values() if isinstance(where, Mapping) else [where]
    if not all(isinstance(each, Positions) and each.z_unit == "frame" for each in given):
        raise OptionError(
            f"preset {preset} counts the frames of a volume",
            expected="positions with z_unit='frame'",
            found="positions in um, or labels",
        )


@attrs.frozen
class SpreadMask:
    """A mask whose offsets are multiplied, and whose weights are ignored.

    Parameters
    ----------
    mask : Mask
    factor : int
    """

    mask: Mask
    factor: int

    def table(self, n_neurons: int) -> MaskTable:
        """Return the voxels, each a run of its own."""
        table = self.mask.table(n_neurons)
        runs = []
        for mask in range(len(table.run_start) - 1):
            voxels = table.offsets(mask) * self.factor
            runs.append(np.column_stack([voxels, voxels[:, 2] + 1]).astype(np.int32))
        return table_of_masks(runs, table.index)

    def to_json(self) -> dict[str, Any]:
        """Return the mask as it was given; the preset says the rest."""
        return self.mask.to_json()


def spread(masks: dict[str, Mask], timeline: Timeline) -> dict[str, Mask]:
    """Return masks as they were read: spread by the number of coordinates."""
    factor = 3 if int(np.diff(timeline.volumes).max()) > 1 else 2
    return {name: SpreadMask(mask, factor) for name, mask in masks.items()}


def early_centres(timeline: Timeline, positions: Positions) -> Centres:
    """Find the frames of neurons in volumes that begin one frame early; the slots count frames."""
    index = np.floor(positions.at(0, timeline.n_volumes)[..., 0] + 0.5)
    first = timeline.volumes[:, :1] - 1
    slot = np.nan_to_num(index, nan=-1.0, posinf=-1.0, neginf=-1.0).astype(np.int64)
    inside = (slot >= 0) & (slot < timeline.volumes[:, 1:] - timeline.volumes[:, :1])
    inside &= first + slot >= 0
    frame = np.where(inside, first + slot, -1)
    return Centres(frame, np.where(inside, slot, -1).astype(np.int32))


def early_planes(
    timeline: Timeline,
    channels: Sequence[int],
    first_volume: int,
    stop_volume: int,
    first_frame: int,
) -> NDArray[np.int64]:
    """Return where the planes of such volumes lie in a block of frames; see `plane_table`."""
    volumes = timeline.volumes[first_volume:stop_volume]
    steps = np.arange(int(np.diff(volumes).max()))
    frame = volumes[:, :1] - 1 + steps
    there = (steps < np.diff(volumes)) & (frame >= 0)
    stored = timeline.stored[np.where(there, frame, 0)][..., list(channels)] >= 0
    saved = there & np.moveaxis(stored, -1, 0)
    return np.where(saved, frame - first_frame, -1)
