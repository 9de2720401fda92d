"""The frames of a recording: which images make one, and in which order they were taken."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio_ndtiff.axes import Places

__all__ = ["Frames", "is_last_volume_whole", "make_frames"]

Ints = NDArray[np.int64]


@attrs.frozen(kw_only=True, eq=False)
class Frames:
    """The frames that have an image, in order. F frames, C channels.

    Parameters
    ----------
    image : (F, C) int64
        Index among the recording's images; -1 where none was saved.
    t, z : (F,) int64
        Place on the axes.
    count : (F,) int64
        ``t * n_z`` + the plane's place in its sweep: a frame without any image leaves a gap.
    n_z : int
    in_blocks : bool
        Whether all images of a time were written before those of the next.
    """

    image: Ints
    t: Ints
    z: Ints
    count: Ints
    n_z: int
    in_blocks: bool

    def at(self, rows: NDArray[np.bool_] | Ints | slice) -> Frames:
        """Return some of the frames."""
        return attrs.evolve(
            self, image=self.image[rows], t=self.t[rows], z=self.z[rows], count=self.count[rows]
        )

    def as_written(self) -> Frames:
        """Return the frames in the order in which they were written, whatever their times are."""
        first = np.where(self.image < 0, np.iinfo(np.int64).max, self.image).min(axis=1)
        frames = self.at(np.argsort(first))
        return attrs.evolve(frames, count=np.arange(len(first)))


def make_frames(places: Places) -> Frames:
    """Join the images of one time and plane to a frame, and bring the frames into their order.

    Volumes follow each other by time. Within one, planes are in the order in which they were
    written: upwards, downwards (a scan to and fro), or in an order of their own.

    Parameters
    ----------
    places : Places
        Of the images in the order of the index.
    """
    t, z, c = places.t, places.z, places.c
    n_z = int(z.max()) + 1
    key, frame = np.unique(t * n_z + z, return_inverse=True)
    image = np.full((len(key), len(places.channels)), -1, np.int64)
    image[frame, c] = np.arange(len(t))
    frame_t, frame_z = key // n_z, key % n_z
    count = frame_t * n_z + _slots(places, frame_t, frame_z, image, n_z)
    order = np.argsort(count)
    # The places that the images of each time have in the index.
    times, at = np.unique(t, return_inverse=True)
    low, high = np.full(len(times), len(t)), np.full(len(times), -1)
    np.minimum.at(low, at, np.arange(len(t)))
    np.maximum.at(high, at, np.arange(len(t)))
    return Frames(
        image=image[order],
        t=frame_t[order],
        z=frame_z[order],
        count=count[order],
        n_z=n_z,
        in_blocks=bool((high[:-1] < low[1:]).all()),
    )


def _slots(places: Places, frame_t: Ints, frame_z: Ints, image: Ints, n_z: int) -> Ints:
    """Return the place of each frame in its sweep."""
    t, z, c = places.t, places.z, places.c
    # Channel by channel: one may have been scanned after the other.
    order = np.lexsort((np.arange(len(t)), c, t))
    together = (np.diff(t[order]) == 0) & (np.diff(c[order]) == 0)
    step = np.where(together, np.diff(z[order]), 0)
    n_t = int(t.max()) + 1
    up, down = np.zeros(n_t, bool), np.zeros(n_t, bool)
    up[t[order][1:][step > 0]] = True
    down[t[order][1:][step < 0]] = True
    slot = np.where((down & ~up)[frame_t], n_z - 1 - frame_z, frame_z)
    mixed = np.flatnonzero(up & down)
    if len(mixed):
        first = np.where(image < 0, len(t), image).min(axis=1)
        usual: Ints | None = None
        for one in mixed.tolist():
            rows = np.flatnonzero(frame_t == one)
            rank = np.argsort(np.argsort(first[rows]))
            if len(rows) == n_z:
                slot[rows] = rank
                if usual is None:
                    usual = np.zeros(n_z, np.int64)
                    usual[frame_z[rows]] = rank
            else:
                slot[rows] = rank if usual is None else usual[frame_z[rows]]
    return slot


def is_last_volume_whole(frames: Frames) -> bool:
    """Tell whether the last volume ends as one of the earlier ones does.

    How many images were meant to be taken no file says. The last volume is taken for whole if its
    last image is at the place of an earlier volume's last one, or at a place that an earlier volume
    lacks; and if there is no earlier one.
    """
    times = np.unique(frames.t)
    if len(times) == 1:
        return True
    row, channel = np.nonzero(frames.image >= 0)
    image = frames.image[row, channel]
    t = frames.t[row]
    place = (frames.count[row] % frames.n_z) * frames.image.shape[1] + channel
    order = np.lexsort((image, t))
    ends = order[np.append(np.flatnonzero(np.diff(t[order])), len(order) - 1)]
    last = place[ends[-1]]
    having = np.unique(t[place == last])
    return bool((place[ends[:-1]] == last).any() or len(having) < len(times))
