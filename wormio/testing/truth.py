"""Truths: tiny recordings known in full, which an author's writer puts into a format's files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.model import (
    ArrayRecording,
    Channel,
    Events,
    Flag,
    Origin,
    Timeline,
    VoxelSize,
    stored_in_order,
)
from wormio.model._fields import array_field, as_tuple

__all__ = ["Limits", "Truth", "make_truth"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# The filter that finds turning points needs flanks of some length on both sides.
_SHORTEST_FLANK = 8


@attrs.frozen(kw_only=True)
class Limits:
    """What a format can hold; the kit draws only truths within.

    Parameters
    ----------
    dtypes : tuple of str
        Types of pixel.
    channels, volumes, planes, height, width : (int, int)
        Least and greatest number of each.
    scan : {"regular", "triangle", "told"}
        ``"regular"``: every volume has the same planes at equal steps, bottom to top, nothing
        before or after. ``"triangle"``: z goes up and down and the reader finds the volumes from
        its turning points; sweeps are cut at both ends. ``"told"``: the format stores each
        frame's volume and z, whatever they are.
    drops, duplicates : bool
        Whether the format can tell that a frame was never saved, or saved twice.
    time, z : {"kept", "none"}
        Whether the format keeps the time and z of frames.
    time_tol, z_tol : float
        Rounding of the files, in seconds and µm.
    events : str, optional
        Name under which the adapter gives stimuli; None if the format has none.
    event_gap : int
        Least number of frames between two stimuli that the format can tell apart.
    channel_names : bool
        Whether the format keeps the channels' names.
    """

    dtypes: tuple[str, ...] = attrs.field(
        default=("uint8", "uint16", "float32"), converter=as_tuple
    )
    channels: tuple[int, int] = (1, 3)
    volumes: tuple[int, int] = (1, 4)
    planes: tuple[int, int] = (1, 5)
    height: tuple[int, int] = (2, 7)
    width: tuple[int, int] = (2, 9)
    scan: Literal["regular", "triangle", "told"] = "regular"
    drops: bool = False
    duplicates: bool = False
    time: Literal["kept", "none"] = "kept"
    z: Literal["kept", "none"] = "kept"
    time_tol: float = 1e-6
    z_tol: float = 1e-6
    events: str | None = None
    event_gap: int = 1
    channel_names: bool = True


@attrs.frozen(kw_only=True)
class Truth:
    """A recording known in full. F saved frames, C channels, V volumes.

    Parameters
    ----------
    frames : (F, C, Y, X)
        Every image differs from every other, and no axis can be mistaken for another.
    time : (F,) float64
        Seconds.
    z : (F,) float64
        µm.
    count : (F,) int64
        Hardware counter; a gap is a dropped frame, a repeat one saved twice.
    volumes, volume_counts : (V, 2) int64
        Half-open ranges of frames and of counters.
    direction : (F,) int8
    trigger_count, trigger_z : (R,)
        Counter and z (µm) of every frame that was taken, dropped ones included: what a scan
        monitor records.
    channels : tuple of str
    plane_step, pixel_size, frame_interval : float
        µm, µm, s.
    events : (E,) int64
        Counters of stimuli, in order; some may lie on dropped frames.
    """

    frames: NDArray[np.generic] = array_field(None, (None,) * 4)
    time: Floats = array_field("f8", (None,))
    z: Floats = array_field("f8", (None,))
    count: Ints = array_field("i8", (None,))
    volumes: Ints = array_field("i8", (None, 2))
    volume_counts: Ints = array_field("i8", (None, 2))
    direction: NDArray[np.int8] = array_field("i1", (None,))
    trigger_count: Ints = array_field("i8", (None,))
    trigger_z: Floats = array_field("f8", (None,))
    channels: tuple[str, ...] = attrs.field(converter=as_tuple)
    plane_step: float = 1.5
    pixel_size: float = 0.4
    frame_interval: float = 0.01
    events: Ints = array_field("i8", (None,))

    @property
    def duplicate(self) -> NDArray[np.bool_]:
        """(F,) bool: frames saved a second time."""
        return np.concatenate([[False], np.diff(self.count) == 0])[: len(self.count)]

    @property
    def dropped(self) -> Ints:
        """Counters that were never saved."""
        if not len(self.count):
            return np.zeros(0, np.int64)
        return np.setdiff1d(np.arange(self.count[0], self.count[-1]), self.count)

    def recording(self, limits: Limits) -> ArrayRecording:
        """Return the truth as the perfect recording, without what the format cannot keep."""
        n_frames, n_channels = self.frames.shape[:2]
        nothing = np.full(n_frames, np.nan)
        timeline = Timeline(
            time=self.time if limits.time == "kept" else nothing,
            z=self.z if limits.z == "kept" else nothing,
            count=self.count,
            volumes=self.volumes,
            volume_counts=self.volume_counts,
            direction=self.direction if limits.z == "kept" else np.zeros(n_frames, np.int8),
            stored=stored_in_order(n_frames, n_channels),
            flags=np.where(self.duplicate, int(Flag.DUPLICATE), 0),
            origins=dict.fromkeys(("time", "z", "count", "volume", "direction"), Origin.MEASURED),
        )
        events = {}
        if limits.events is not None:
            events[limits.events] = Events.at_counts(timeline, self.events)
        return ArrayRecording(
            self.frames,
            timeline,
            channels=[Channel(name=name) for name in self.channels],
            voxel_size=VoxelSize(z=self.plane_step, y=self.pixel_size, x=self.pixel_size),
            events=events,
        )


def make_truth(
    limits: Limits,
    *,
    channels: int,
    volumes: int,
    planes: int,
    height: int,
    width: int,
    dtype: str,
    lost: list[int] | tuple[int, ...] = (),
    twice: list[int] | tuple[int, ...] = (),
    stimuli: list[int] | tuple[int, ...] = (),
) -> Truth:
    """Make the truth with these numbers.

    Parameters
    ----------
    limits : Limits
        Says how the frames are scanned.
    channels, volumes, planes, height, width : int
    dtype : str
    lost, twice, stimuli : sequence of int
        Triggered frames, counted from the first complete volume, that were dropped, saved twice,
        or at which something was done to the animal. The last frame of a truth is never dropped.
    """
    step, interval = 1.5, 0.01
    first_count = 0 if limits.scan == "regular" else 100
    lead = tail = 0
    if limits.scan == "triangle":
        planes = max(planes, _SHORTEST_FLANK)
        lead = tail = _SHORTEST_FLANK
    n_triggered = lead + volumes * planes + tail
    trigger = np.arange(n_triggered)
    phase = trigger - lead
    rising = np.ones(n_triggered, bool)
    if limits.scan == "triangle":
        z = step * np.abs((phase % (2 * planes)) - planes).astype(float)
        rising = (phase // planes) % 2 == 1
    else:
        z = step * (phase % planes).astype(float)
    starts = lead + planes * np.arange(volumes + 1)
    keep = np.ones(n_triggered, bool)
    inside = [lead + row for row in lost if 0 < lead + row < n_triggered - 1]
    for row in inside:
        volume = (row - lead) // planes
        first = lead + volume * planes
        keep[row] = False
        if not keep[first : first + planes].any():
            keep[row] = True  # a volume of which nothing was saved is none
    # A repeat just after a gap is how one camera writes a late counter: not a frame saved twice.
    repeated = np.isin(trigger - lead, list(twice)) & np.concatenate([[True], keep[:-1]])
    saved = np.repeat(trigger, keep * (1 + repeated))
    frames = np.searchsorted(saved, starts)
    n_channels = channels
    shape = (len(saved), n_channels, height, width)
    return Truth(
        frames=_pixels(trigger[saved], shape, dtype),
        time=np.asarray(5.0 + interval * saved, np.float64),
        z=z[saved],
        count=first_count + saved,
        volumes=np.stack([frames[:-1], frames[1:]], axis=1),
        volume_counts=first_count + np.stack([starts[:-1], starts[1:]], axis=1),
        direction=np.where(rising[saved], 1, -1),
        channels=tuple(f"colour {chr(ord('a') + i)}" for i in range(n_channels)),
        plane_step=step,
        pixel_size=0.4,
        frame_interval=interval,
        trigger_count=first_count + trigger,
        trigger_z=z,
        events=first_count + lead + _apart(stimuli, limits.event_gap),
    )


def _apart(rows: Sequence[int], gap: int) -> Ints:
    """Sort, and leave out what follows another row too closely; equal rows stay."""
    kept: list[int] = []
    for row in sorted(rows):
        if not kept or row == kept[-1] or row - kept[-1] >= gap:
            kept.append(row)
    return np.array(kept, np.int64)


def _pixels(trigger: Ints, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """Draw images that tell their frame, channel, row and column apart, noise included.

    A frame saved twice has the same pixels twice.
    """
    kind = np.dtype(dtype)
    images = []
    for count in trigger.tolist():
        noise = np.random.default_rng(count).random(shape[1:])
        if kind.kind == "f":
            images.append(noise * 1000 - 100)
        else:
            bounds = np.iinfo(kind)
            images.append(np.floor(bounds.min + noise * (float(bounds.max) - bounds.min)))
    return np.array(images).reshape(shape).astype(kind)
