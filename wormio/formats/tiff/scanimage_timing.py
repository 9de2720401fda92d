"""The timeline and the triggers of a ScanImage recording."""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError
from wormio.formats.tiff.options import TiffOptions
from wormio.formats.tiff.scanimage import Pages
from wormio.formats.tiff.scanimage_header import Acquisition
from wormio.model import Clock, Column, Events, Finding, Flag, Origin, Timeline

__all__ = ["Kept", "keep", "make_events", "make_timeline"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# How far measured and planned rates may differ before it is told.
_RATE_TOLERANCE = 0.02


@attrs.frozen(kw_only=True)
class Kept:
    """The frames that are no flyback.

    Parameters
    ----------
    rows : (F,) int64
        Their indices among all frames of the files.
    slot : (F,) int64
        Place in the volume.
    count : (F,) int64
        Counter without flyback; a frame that was never saved leaves a gap.
    frames, counts : (V, 2) int64
        Half-open ranges of the complete volumes.
    base : mapping of int to int
        Counter of position 0, by acquisition.
    per_volume, cycle : int
    """

    rows: Ints
    slot: Ints
    count: Ints
    frames: Ints
    counts: Ints
    base: Mapping[int, int]
    per_volume: int
    cycle: int

    def until_last_volume(self) -> Kept:
        """Leave out what follows the last complete volume."""
        stop = int(self.frames[-1, 1]) if len(self.frames) else 0
        return attrs.evolve(
            self, rows=self.rows[:stop], slot=self.slot[:stop], count=self.count[:stop]
        )


def keep(pages: Pages, acquisition: Acquisition, options: TiffOptions) -> Kept:
    """Find the frames that are no flyback, and the volumes.

    Raises
    ------
    OptionError
        Option planes contradicts the header.
    """
    per_volume, cycle = acquisition.per_volume, acquisition.cycle
    if options.planes is not None and options.planes != per_volume:
        if per_volume > 1:
            raise OptionError(
                "option planes contradicts the ScanImage header",
                expected=f"{per_volume}, the frames of a volume, or nothing",
                found=str(options.planes),
            )
        per_volume = cycle = options.planes
    turn, slot = np.divmod(pages.position, cycle)
    rows = np.flatnonzero(slot < per_volume)
    slot = slot[rows]
    count = np.zeros(len(rows), np.int64)
    starts: list[Ints] = []
    bases: dict[int, int] = {}
    base = 0
    for number in np.unique(pages.acquisition):
        every = np.flatnonzero(pages.acquisition == number)
        mine = pages.acquisition[rows] == number
        place = turn[rows][mine] * per_volume + slot[mine]
        if not len(place):
            continue
        if starts:
            base = base - int(place[0])  # counters go on from the acquisition before
        bases[int(number)] = base
        count[mine] = base + place
        # A volume is complete if the files reach from before its first frame to its last.
        first, last = int(pages.position[every[0]]), int(pages.position[every[-1]])
        begun = np.arange(-(-first // cycle), (last + 1 - per_volume) // cycle + 1)
        starts.append(base + begun * per_volume)
        base = int(count[mine][-1]) + 1
    begin = np.concatenate(starts) if starts else np.zeros(0, np.int64)
    counts = np.stack([begin, begin + per_volume], axis=1)
    frames = np.searchsorted(count, counts)
    saved = frames[:, 1] > frames[:, 0]
    return Kept(
        rows=rows,
        slot=slot,
        count=count,
        frames=frames[saved],
        counts=counts[saved],
        base=bases,
        per_volume=per_volume,
        cycle=cycle,
    )


def make_timeline(
    kept: Kept,
    stored: Ints,
    pages: Pages,
    acquisition: Acquisition,
    options: TiffOptions,
) -> tuple[Timeline, tuple[Finding, ...]]:
    """Make the timeline.

    Parameters
    ----------
    kept : Kept
    stored : (F, C) int64
    pages : Pages
    acquisition : Acquisition
    options : TiffOptions
    """
    findings: list[Finding] = []
    per_volume = options.planes or acquisition.per_volume
    time, time_origin = _time(kept, pages, acquisition, per_volume, options, findings)
    z, z_origin = _z(kept, acquisition, per_volume, options, findings)
    flags = np.where(np.isnan(z), int(Flag.Z_UNKNOWN), 0)
    inside = np.zeros(len(kept.rows), bool)
    for first, stop in kept.frames:
        inside[first:stop] = True
    flags |= np.where(inside, 0, int(Flag.INCOMPLETE))
    direction = _direction(z, kept.frames)
    timeline = Timeline(
        time=time,
        z=z,
        count=kept.count,
        direction=direction,
        volumes=kept.frames,
        volume_counts=kept.counts,
        stored=stored,
        flags=flags,
        origins={
            "time": time_origin,
            "z": z_origin,
            "count": Origin.INFERRED,
            "volume": Origin.NOMINAL if len(kept.frames) else Origin.UNKNOWN,
            "direction": z_origin if direction.any() else Origin.UNKNOWN,
        },
        clock=Clock(name="ScanImage", start=_start(pages.epoch)),
        policy={
            "name": "scanimage",
            "frames_per_volume": per_volume,
            "flyback_frames": acquisition.cycle - acquisition.per_volume,
        },
    )
    findings += _rate_findings(timeline, acquisition, options)
    return timeline, (*pages.findings, *findings)


def _time(
    kept: Kept,
    pages: Pages,
    acquisition: Acquisition,
    per_volume: int,
    options: TiffOptions,
    findings: list[Finding],
) -> tuple[Floats, Origin]:
    flyback = acquisition.cycle - acquisition.per_volume
    if options.volume_rate is not None:
        turn, slot = np.divmod(kept.count, per_volume)
        return (turn + slot / (per_volume + flyback)) / options.volume_rate, Origin.USER
    time = pages.time[kept.rows]
    if np.isfinite(time).all() and (np.diff(time) > 0).all() and len(time):
        return time, Origin.MEASURED
    if np.isfinite(pages.time).any():
        findings.append(
            Finding(
                code="times-unusable",
                message="the time stamps of the pages do not increase: they are not used",
                cure="give volume_rate=, if it is known",
            )
        )
    rate = acquisition.frame_rate
    # Between planes that the stage moves to, the time is not known.
    if rate is None or acquisition.slow or not len(time):
        return np.full(len(time), math.nan), Origin.UNKNOWN
    return pages.position[kept.rows] / rate, Origin.NOMINAL


def _z(
    kept: Kept,
    acquisition: Acquisition,
    per_volume: int,
    options: TiffOptions,
    findings: list[Finding],
) -> tuple[Floats, Origin]:
    positions = np.array(acquisition.z)
    if options.um_per_plane is not None:
        plane = np.arange(per_volume)
        if len(positions) == per_volume and np.isfinite(positions).all():
            # Several frames at one place are one plane.
            plane = np.concatenate([[0], np.cumsum(np.diff(positions) != 0)])
        return np.asarray(plane[kept.slot] * options.um_per_plane, np.float64), Origin.USER
    if len(positions) == per_volume and np.isfinite(positions).all():
        return np.asarray(positions[kept.slot], np.float64), Origin.NOMINAL
    if per_volume > 1:
        findings.append(
            Finding(
                code="z-unknown",
                message="the header does not say where its planes are",
                cure="give um_per_plane=",
            )
        )
    return np.full(len(kept.slot), math.nan), Origin.UNKNOWN


def _direction(z: Floats, volumes: Ints) -> NDArray[np.int8]:
    direction = np.zeros(len(z), np.int8)
    for first, stop in volumes:
        step = np.diff(z[first:stop])
        if (step >= 0).all() and (step > 0).any():
            direction[first:stop] = 1
        elif (step <= 0).all() and (step < 0).any():
            direction[first:stop] = -1
    return direction


def _start(epoch: tuple[float, ...]) -> str | None:
    """Return the local date and time as ISO 8601, as far as the microscope's computer knew it."""
    if not epoch:
        return None
    year, month, day, hour, minute = (int(part) for part in epoch[:5])
    plausible = 0 < year < 10_000 and 0 < month <= 12 and 0 < day <= 31
    if not plausible or not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= epoch[5] < 61):
        return None
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{epoch[5]:06.3f}"


def _rate_findings(
    timeline: Timeline, acquisition: Acquisition, options: TiffOptions
) -> list[Finding]:
    findings = []
    planned = acquisition.volume_rate
    if acquisition.per_volume == 1:
        planned = acquisition.frame_rate
    interval = timeline.volume_interval
    if (
        timeline.origins["time"] == Origin.MEASURED
        and planned
        and math.isfinite(interval)
        and abs(interval * planned - 1) > _RATE_TOLERANCE
        and options.planes is None
    ):
        findings.append(
            Finding(
                code="rate-differs",
                message=f"the time stamps of the pages say {1 / interval:.6g} volumes a second, "
                f"the header planned {planned:.6g}; the time stamps are used",
                cure=f"volume_rate={planned:.6g}, if you know that the header is right",
            )
        )
    wanted = acquisition.volumes
    if wanted is not None and not acquisition.slow and timeline.n_volumes < wanted:
        findings.append(
            Finding(
                code="volumes-fewer",
                message=f"{wanted} volumes were asked for, {timeline.n_volumes} are there: it was "
                "stopped early, or its last files are missing",
            )
        )
    return findings


def make_events(kept: Kept, pages: Pages, timeline: Timeline) -> dict[str, Events]:
    """Place the auxiliary triggers: each on the nearest frame in time.

    One that fell into the flyback moves to the nearest frame of a volume, so many frames away.
    """
    usable = np.isfinite(pages.time).all() and (np.diff(pages.time) > 0).all()
    if not usable or not len(kept.rows):
        return {}
    half = float(np.median(np.diff(pages.time))) / 2 if len(pages.time) > 1 else 0.5
    measured = timeline.origins["time"] == Origin.MEASURED
    events = {}
    for name, listed in pages.triggers.items():
        seconds = np.array(listed)
        inside = (seconds >= pages.time[0] - half) & (seconds <= pages.time[-1] + half)
        count, moved = _counter(kept, pages, seconds)
        table = Events.at_counts(
            timeline,
            np.where(inside, count, -1),
            error_frames=np.where(inside, moved, 0),
            properties={"native_time": Column(values=seconds, unit="s")},
        )
        placed = measured & (table.frame >= 0)
        events[name] = attrs.evolve(table, time=np.where(placed, seconds, table.time))
    return events


def _counter(kept: Kept, pages: Pages, seconds: Floats) -> tuple[Ints, Ints]:
    """Return the counter of the frame, saved or not, that each time falls on.

    Returns
    -------
    count, moved : (E,) int64
        Flyback has no counter: the nearest frame of a volume has it, so many frames away.
    """
    row = _nearest(pages.time, seconds)
    left = np.clip(np.searchsorted(pages.time, seconds, side="right") - 1, 0, len(pages.time) - 1)
    right = np.minimum(left + 1, len(pages.time) - 1)
    gap = pages.position[right] - pages.position[left]
    part = (seconds - pages.time[left]) / np.maximum(pages.time[right] - pages.time[left], 1e-12)
    # Between two neighbours of one acquisition lie the frames that were never saved.
    lost = (pages.acquisition[left] == pages.acquisition[right]) & (gap > 1)
    between = pages.position[left] + np.floor(part * gap + 0.5).astype(np.int64)
    position = np.where(lost, between, pages.position[row])
    turn, slot = np.divmod(position, kept.cycle)
    before, after = slot - (kept.per_volume - 1), kept.cycle - slot
    back = (before > 0) & (before <= after)
    forth = (before > 0) & ~back
    place = turn * kept.per_volume + np.where(back, kept.per_volume - 1, np.where(forth, 0, slot))
    place += np.where(forth, kept.per_volume, 0)
    base = np.array([kept.base.get(int(a), 0) for a in pages.acquisition[row]], np.int64)
    count = np.minimum(base + place, int(kept.count[-1]))
    return count, np.where(back, before, np.where(forth, after, 0))


def _nearest(times: Floats, seconds: Floats) -> Ints:
    right = np.clip(np.searchsorted(times, seconds), 0, len(times) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(seconds - times[left] <= times[right] - seconds, left, right)
