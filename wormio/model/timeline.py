"""The timeline: when and where each frame was taken, and which volume it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import ContractError, FrameIndexError, OptionError
from wormio.model._fields import array_field, as_dict, frozen_array
from wormio.model.columns import Clock, Column, Flag, Origin

__all__ = ["Timeline", "stored_in_order"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# A counter that jumps by more than this was not counting frames.
_MAX_DROPPED = 100_000_000


_COLUMNS = ("time", "z", "count", "volume", "direction")


@attrs.frozen(kw_only=True)
class Timeline:
    """One row a frame in acquisition order, and the complete volumes.

    F frames, C channels, V volumes. All arrays are read-only.

    Parameters
    ----------
    time : (F,) float64
        Seconds, mid-exposure. Never decreases; equal neighbours only where flagged DUPLICATE.
        All NaN if unknown (a static stack).
    volumes : (V, 2) int64
        Half-open frame ranges of the *complete* volumes, in order and disjoint.
    stored : (F, C) int64
        Index of the image in the file, -1 if it was never saved. See `stored_in_order`.
    origins : mapping of column name to Origin
        For ``time``, ``z``, ``count``, ``volume`` and ``direction``. A column that is given must
        have one; one that is not given gets UNKNOWN (``count``: NOMINAL).
    z : (F,) float64, optional
        Position along the scan, mid-exposure, in `z_unit`. NaN if unknown.
    z_unit : {"um", "V"}
        ``"V"``: a piezo monitor without calibration.
    count : (F,) int64, optional
        Hardware frame counter after repair; 0, 1, 2, ... if there is none.
    raw_count, raw_time : (F,), optional
        As in the file, before any repair. Default: `count` and `time`.
    direction : (F,) int8, optional
        +1 where z rises during the sweep, -1 where it falls, 0 if unknown.
    volume_counts : (V, 2) int64, optional
        Half-open *counter* ranges of the volumes. They differ from the counters of the saved
        frames where the first or last plane of a sweep was dropped. Default: from the first
        saved frame of a volume to just after its last.
    flags : (F,) int64, optional
        `Flag` bits.
    extra : mapping of str to Column, optional
        Further columns of length F (stage position, ...).
    clock : Clock, optional
    policy : mapping, optional
        Name and parameters of the rule that assigned the volumes.

    Attributes
    ----------
    volume : (F,) int64
        Volume of each frame, -1 outside every complete volume.
    slot : (F,) int64
        ``count`` minus the volume's first counter: a plane's place in its sweep, so that a dropped
        plane leaves a gap; -1 outside every volume.
    dropped : (D,) int64
        Counters between the first and the last that were never saved.

    Raises
    ------
    ContractError
        If a column has the wrong length, or time, count or volumes break their rules.
    """

    time: Floats = array_field("f8", (None,))
    volumes: Ints = array_field("i8", (None, 2))
    stored: Ints = array_field("i8", (None, None))
    origins: Mapping[str, Origin] = attrs.field(converter=as_dict)
    z: Floats = array_field("f8", (None,))
    z_unit: Literal["um", "V"] = "um"
    count: Ints = array_field("i8", (None,))
    raw_count: Ints = array_field("i8", (None,))
    raw_time: Floats = array_field("f8", (None,))
    direction: NDArray[np.int8] = array_field("i1", (None,))
    volume_counts: Ints = array_field("i8", (None, 2))
    flags: Ints = array_field("i8", (None,))
    extra: Mapping[str, Column] = attrs.field(factory=dict, converter=as_dict)
    clock: Clock = Clock()
    policy: Mapping[str, Any] = attrs.field(factory=dict, converter=as_dict)
    volume: Ints = attrs.field(init=False, repr=False, eq=False)
    slot: Ints = attrs.field(init=False, repr=False, eq=False)
    dropped: Ints = attrs.field(init=False, repr=False, eq=False)

    @z.default
    def _(self) -> Floats:
        return np.full(len(self.time), np.nan)

    @count.default
    def _(self) -> Ints:
        return np.arange(len(self.time))

    @raw_count.default
    def _(self) -> Ints:
        return self.count

    @raw_time.default
    def _(self) -> Floats:
        return self.time

    @direction.default
    def _(self) -> NDArray[np.int8]:
        return np.zeros(len(self.time), np.int8)

    @flags.default
    def _(self) -> Ints:
        return np.zeros(len(self.time), np.int64)

    @volume_counts.default
    def _(self) -> Ints:
        first, stop = self.volumes[:, 0], self.volumes[:, 1]
        if len(first) and (
            first.min() < 0 or stop.max() > len(self.count) or (stop <= first).any()
        ):
            return np.zeros((len(first), 2), np.int64)  # refused with its reason below
        return np.stack([self.count[first], self.count[stop - 1] + 1], axis=1)

    def __attrs_post_init__(self) -> None:
        self._complete_origins()
        self._check_lengths()
        self._check_monotonic()
        self._check_volumes()
        volume = np.full(len(self), -1)
        slot = np.full(len(self), -1)
        first, frames = self.volumes[:, 0], np.diff(self.volumes, axis=1)[:, 0]
        index = np.repeat(np.arange(len(self.volumes)), frames)
        rows = np.arange(len(index)) + np.repeat(first - (np.cumsum(frames) - frames), frames)
        volume[rows] = index
        slot[rows] = self.count[rows] - self.volume_counts[index, 0]
        for name, values in (("volume", volume), ("slot", slot), ("dropped", _gaps(self.count))):
            values.setflags(write=False)  # so that it need not be copied
            object.__setattr__(self, name, frozen_array(values, "i8", (None,)))

    def _complete_origins(self) -> None:
        given = {
            "time": bool(np.isfinite(self.time).any()),
            "z": bool(np.isfinite(self.z).any()),
            "count": not np.array_equal(self.count, np.arange(len(self))),
            "volume": len(self.volumes) > 0,
            "direction": bool(self.direction.any()),
        }
        for name, origin in self.origins.items():
            if name not in _COLUMNS:
                raise ContractError(
                    "the origin of an unknown column was given",
                    expected=", ".join(_COLUMNS),
                    found=repr(name),
                )
            if not isinstance(origin, Origin):
                raise ContractError(
                    f"the origin of {name!r} is no Origin",
                    expected="a member of wormio.model.Origin",
                    found=repr(origin),
                )
        for name, is_given in given.items():
            if is_given and self.origins.get(name, Origin.UNKNOWN) == Origin.UNKNOWN:
                raise ContractError(
                    f"column {name!r} has values but no origin",
                    expected=f"origins={{{name!r}: Origin....}}",
                    found="nothing that says where the values come from",
                )
        blank = dict.fromkeys(_COLUMNS, Origin.UNKNOWN) | {"count": Origin.NOMINAL}
        object.__setattr__(self, "origins", blank | dict(self.origins))

    def _check_lengths(self) -> None:
        names = ("z", "count", "raw_count", "raw_time", "direction", "flags", "stored")
        columns = {name: getattr(self, name) for name in names}
        columns |= {f"extra[{name!r}]": column.values for name, column in self.extra.items()}
        for name, values in columns.items():
            if len(values) != len(self):
                raise ContractError(
                    f"column {name} has the wrong length",
                    expected=f"{len(self)} rows, one a frame",
                    found=f"{len(values)} rows",
                )
        if self.z_unit not in {"um", "V"}:
            raise ContractError("z_unit is unknown", expected="'um' or 'V'", found=self.z_unit)

    def _check_monotonic(self) -> None:
        duplicate = (self.flags[1:] & Flag.DUPLICATE) != 0
        finite = np.isfinite(self.time)
        if not finite.all() and not np.isnan(self.time).all():
            raise ContractError(
                "some times are NaN or infinite",
                expected="every frame has a time, or none has (origin UNKNOWN)",
                found=f"{int((~finite).sum())} of {len(self)} have none",
            )
        for name, values in (("time", self.time), ("count", self.count)):
            step = np.diff(values)
            wrong = np.flatnonzero((step < 0) | ((step == 0) & ~duplicate))
            if len(wrong):
                at = int(wrong[0])
                raise ContractError(
                    f"{name} does not increase at frame {at + 1}",
                    expected=f"{name} above {values[at]}, or the flag DUPLICATE",
                    found=f"{values[at + 1]} ({len(wrong)} such frames)",
                    cure="repair or flag these frames before building the timeline",
                )

    def _check_volumes(self) -> None:
        bounds = self.volumes
        if len(self.volume_counts) != len(bounds):
            raise ContractError(
                "volume_counts has the wrong length",
                expected=f"{len(bounds)} rows, one a volume",
                found=f"{len(self.volume_counts)} rows",
            )
        flat = bounds.ravel()
        if len(bounds) and (
            flat[0] < 0
            or flat[-1] > len(self)
            or (bounds[:, 1] <= bounds[:, 0]).any()
            or (bounds[1:, 0] < bounds[:-1, 1]).any()
        ):
            raise ContractError(
                "volume ranges overlap, are empty, out of order or out of range",
                expected=f"half-open ranges in order, inside 0..{len(self)}",
                found=f"ranges from {flat[0]} to {flat[-1]}",
            )
        first, stop = bounds[:, 0], bounds[:, 1]
        outside = (self.count[first] < self.volume_counts[:, 0]) | (
            self.count[stop - 1] >= self.volume_counts[:, 1]
        )
        if outside.any():
            at = int(np.flatnonzero(outside)[0])
            raise ContractError(
                f"the frames of volume {at} lie outside its counters",
                expected=f"counters in {self.volume_counts[at].tolist()} (half-open)",
                found=f"{self.count[first[at]]} to {self.count[stop[at] - 1]}",
            )

    def __len__(self) -> int:
        return len(self.time)

    @property
    def n_volumes(self) -> int:
        """Number of complete volumes."""
        return len(self.volumes)

    @property
    def n_slots(self) -> Ints:
        """(V,) int64: planes of each volume, dropped ones included."""
        return self.volume_counts[:, 1] - self.volume_counts[:, 0]

    @property
    def z_um(self) -> Floats:
        """(F,) float64: z in µm.

        Raises
        ------
        OptionError
            z is in volts and nobody said how many volts make a µm.
        """
        if self.z_unit != "um":
            raise OptionError(
                "z is not calibrated",
                expected="z in um",
                found=f"the piezo monitor in {self.z_unit}",
                cure="give the calibration: wormio.open(path, um_per_volt=8.0), "
                "or --option um_per_volt=8 on the command line",
            )
        return self.z

    @property
    def frame_interval(self) -> float:
        """Median time of one counter step in seconds; NaN if time is unknown."""
        step = np.diff(self.count)
        used = step > 0
        if not used.any():
            return float("nan")
        return float(np.median(np.diff(self.time)[used] / step[used]))

    @property
    def volume_time(self) -> Floats:
        """(V,) float64: mean time of each volume's frames in seconds."""
        if not self.n_volumes:
            return np.zeros(0)
        # Summed volume by volume: a running sum over an absolute clock loses milliseconds.
        sums = np.add.reduceat(np.append(self.time, 0.0), self.volumes.ravel())[::2]
        return np.asarray(sums / np.diff(self.volumes, axis=1)[:, 0])

    @property
    def volume_interval(self) -> float:
        """Median time from volume to volume in seconds; NaN with fewer than two volumes."""
        if self.n_volumes < 2:
            return float("nan")
        return float(np.median(np.diff(self.volume_time)))

    def nearest(self, volume: int, z_um: float) -> int:
        """Return the frame of `volume` whose z is nearest to `z_um`, skipping duplicates.

        Raises
        ------
        FrameIndexError
            There is no such volume, or none of its frames has a z.
        OptionError
            z is not calibrated.
        """
        first, stop = self.volume_range(volume)
        distance = np.abs(self.z_um[first:stop] - z_um)
        distance[(self.flags[first:stop] & Flag.DUPLICATE) != 0] = np.nan
        if np.isnan(distance).all():
            raise FrameIndexError(f"no frame of volume {volume} has a known z")
        return first + int(np.nanargmin(distance))

    def volume_range(self, volume: int) -> tuple[int, int]:
        """Return the half-open frame range of a volume; negative indices count from the end.

        Raises
        ------
        FrameIndexError
            There is no such volume.
        """
        if not -self.n_volumes <= volume < self.n_volumes:
            raise FrameIndexError(
                f"there is no volume {volume}", expected=f"0 to {self.n_volumes - 1}"
            )
        first, stop = self.volumes[volume]
        return int(first), int(stop)

    def require(self, **origins: str | Origin) -> None:
        """Raise unless each named column's origin is at least as good as asked.

        Parameters
        ----------
        **origins
            For example ``timeline.require(z="joined", time="measured")``.

        Raises
        ------
        OptionError
            A column's origin is worse.
        """
        for name, wanted in origins.items():
            if name not in self.origins:
                raise OptionError(f"there is no column {name!r}", expected=", ".join(self.origins))
            try:
                limit = Origin[wanted.upper()] if isinstance(wanted, str) else wanted
            except KeyError:
                raise OptionError(
                    f"unknown origin {wanted!r}",
                    expected=", ".join(origin.name.lower() for origin in Origin),
                ) from None
            if self.origins[name] > limit:
                raise OptionError(
                    f"the origin of {name!r} is not good enough",
                    expected=f"{limit.name} or better",
                    found=self.origins[name].name,
                )


def stored_in_order(n_frames: int, n_channels: int) -> Ints:
    """Return `Timeline.stored` of a file that holds every image, channel by channel in a frame.

    Returns
    -------
    (F, C) int64
    """
    return np.arange(n_frames * n_channels, dtype=np.int64).reshape(n_frames, n_channels)


def _gaps(count: Ints) -> Ints:
    step = np.diff(count)
    at = np.flatnonzero(step > 1)
    if step[at].sum() > _MAX_DROPPED:
        raise ContractError(
            "the frame counters have impossible gaps",
            expected=f"fewer than {_MAX_DROPPED} dropped frames",
            found=f"{int(step[at].sum())}",
        )
    if not len(at):
        return np.zeros(0, np.int64)
    missing = step[at] - 1
    before = np.repeat(count[at] - (np.cumsum(missing) - missing), missing)
    return before + np.arange(1, len(before) + 1)
