"""The clockwork of a phantom: counters, times and z of every frame, and the tables that tell them.

A scan says twice what happened: as it was (one row a *triggered* frame, before any loss) and as a
microscope would have written it down, with its faults. The distance between the two is what a
reader has to bridge.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import MissingPartError, OptionError
from wormio.model._fields import array_field

__all__ = ["Scan", "seeded"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# The real recording's own beginning, so that nobody's code relies on counters from 0.
_FIRST_COUNT = 27598
_START_TIME = 138.218
_TABLES = "framesDetails.txt and other-frameSynchronous.txt"
# Its DAQ began two triggers after the camera and ended two after it.
_DAQ_LAG = 2
# Faults keep this distance, in counters, so that each shows as itself.
_SPACING = 5
# Ten hours at 200 frames a second, ten times over.
_MOST_FRAMES = 72_000_000


def seeded(seed: int) -> np.random.Generator:
    """Return the random numbers of a seed.

    Raises
    ------
    OptionError
        The seed is negative.
    """
    if seed < 0:
        raise OptionError("a seed cannot be negative", expected="0, 1, 2, ...", found=str(seed))
    return np.random.default_rng(seed)


@attrs.frozen(kw_only=True, eq=False)
class Scan:
    """What the microscope did (T triggered frames) and what it noted (S saved, R DAQ rows).

    Use `synthetic` or `like`.

    Parameters
    ----------
    count : (T,) int64
        Camera frame counters, consecutive.
    time : (T,) float64
        Mid-exposure, s.
    z_um : (T,) float64
        Focal position, um.
    volts : (T,) float64
        Piezo monitor, V, with its noise.
    direction : (T,) int64
        +1 where z rises, -1 where it falls.
    volume : (T,) int64
        Complete sweep of each frame, -1 outside; -1 throughout if `sweeps` are not known.
    sweeps : (V, 2) int64
        Half-open counter ranges of the complete sweeps; empty if they are not known.
    triggered : (S,) int64
        Row among the triggered frames of each saved frame, in the order of the file.
    file_count, file_time : (S,)
        Counter and stamp (s) in ``framesDetails.txt``, faults included.
    dropped : (D,) int64
        Counters between the first and the last that were never saved.
    duplicates : (K,) int64
        Saved frames that are second copies of the saved frame before.
    glitched : (G,) int64
        Saved frames whose counter and stamp in the file are their successor's.
    daq_count, daq_direction, daq_volume, stage_x, stage_y : (R,) int64
        Columns of ``other-frameSynchronous.txt``.
    daq_volts : (R,) float64
        Its monitor column, V.
    um_per_volt : float
        Calibration of the piezo.
    """

    count: Ints = array_field("i8", (None,))
    time: Floats = array_field("f8", (None,))
    z_um: Floats = array_field("f8", (None,))
    volts: Floats = array_field("f8", (None,))
    direction: Ints = array_field("i8", (None,))
    volume: Ints = array_field("i8", (None,))
    sweeps: Ints = array_field("i8", (None, 2))
    triggered: Ints = array_field("i8", (None,))
    file_count: Ints = array_field("i8", (None,))
    file_time: Floats = array_field("f8", (None,))
    dropped: Ints = array_field("i8", (None,))
    duplicates: Ints = array_field("i8", (None,))
    glitched: Ints = array_field("i8", (None,))
    daq_count: Ints = array_field("i8", (None,))
    daq_volts: Floats = array_field("f8", (None,))
    daq_direction: Ints = array_field("i8", (None,))
    daq_volume: Ints = array_field("i8", (None,))
    stage_x: Ints = array_field("i8", (None,))
    stage_y: Ints = array_field("i8", (None,))
    um_per_volt: float

    def __len__(self) -> int:
        """Return the number of saved frames, second copies included."""
        return len(self.triggered)

    @property
    def unique(self) -> Ints:
        """(S - K,) int64: the saved frames without the second copies."""
        return np.setdiff1d(np.arange(len(self)), self.duplicates)

    @property
    def plane_step_um(self) -> float:
        """Median distance of consecutive planes in um."""
        return float(np.median(np.abs(np.diff(self.z_um))))

    @property
    def z_range_um(self) -> tuple[float, float]:
        """Lowest and highest plane in um."""
        return float(self.z_um.min()), float(self.z_um.max())

    @classmethod
    def synthetic(
        cls,
        n_volumes: int = 60,
        planes: float = 33.3,
        *,
        frame_interval: float = 0.005,
        z_span_um: tuple[float, float] = (31.0, 49.0),
        um_per_volt: float = 8.0,
        noise_volts: float = 0.003,
        n_dropped: int = 0,
        n_duplicates: int = 0,
        n_glitches: int = 0,
        n_daq_faults: int = 0,
        counted_volumes: bool = False,
        seed: int = 0,
    ) -> Scan:
        """Make a bidirectional triangular scan whose every boundary is known.

        The turning points fall on frames, so that the first frame of each volume is beyond
        dispute; a fractional `planes` makes sweeps of different lengths, as in real recordings.
        The recording begins and ends in the middle of a sweep; the first complete one falls. With
        any drop at all, the first plane of the middle volume is dropped; with three or more, two
        neighbours are.

        Parameters
        ----------
        n_volumes : int
            Complete sweeps.
        planes : float
            Mean number of frames a sweep, at least 8.
        frame_interval : float
            Seconds.
        z_span_um : (float, float)
            Turning points of z in um.
        um_per_volt : float
        noise_volts : float
            Standard deviation of the piezo monitor's noise.
        n_dropped, n_duplicates, n_glitches : int
            Frames never saved, saved twice, and saved under their successor's counter and stamp.
        n_daq_faults : int
            DAQ rows that carry their successor's counter, away from turning points.
        counted_volumes : bool
            Whether the DAQ's volume column counts; -1 throughout if not.
        seed : int

        Raises
        ------
        OptionError
            A sweep or the recording is too short for what was asked.
        """
        if n_volumes < 1 or planes < 8:
            raise OptionError(
                "the scan is too short",
                expected="at least 1 volume of at least 8 planes",
                found=f"{n_volumes} volumes of {planes} planes",
            )
        if n_volumes * planes > _MOST_FRAMES:
            raise OptionError(
                "the scan is too long",
                expected=f"at most {_MOST_FRAMES} frames",
                found=f"{n_volumes} volumes of {planes} planes",
            )
        rng = seeded(seed)
        lead, tail = round(0.5 * planes), round(0.6 * planes)
        turns = lead + np.round(np.arange(n_volumes + 1) * planes).astype(np.int64)
        n = int(turns[-1]) + tail
        row = np.arange(n)
        low, high = z_span_um
        knots = np.concatenate([[lead - planes], turns, [turns[-1] + planes]])
        z = np.interp(row, knots, np.where(np.arange(len(knots)) % 2, high, low))
        sweep = np.searchsorted(turns, row, side="right") - 1
        direction = np.where(sweep % 2, 1, -1)
        count, time = _FIRST_COUNT + row, np.float64(_START_TIME) + row * frame_interval
        volts = z / um_per_volt + rng.normal(0, noise_volts, n)

        first_plane = turns[n_volumes // 2 : n_volumes // 2 + 1][: min(n_dropped, 1)]
        dropped, copied, glitched = _place_faults(
            n, first_plane, (n_dropped, n_duplicates, n_glitches), rng
        )
        triggered = np.sort(np.concatenate([np.setdiff1d(row, dropped), copied]))
        noted = triggered + np.isin(triggered, glitched)
        return cls(
            count=count,
            time=time,
            z_um=z,
            volts=volts,
            direction=direction,
            volume=np.where(sweep < n_volumes, sweep, -1),
            sweeps=_FIRST_COUNT + np.stack([turns[:-1], turns[1:]], axis=1),
            triggered=triggered,
            file_count=count[noted],
            file_time=np.round(time[noted], 3),
            dropped=count[dropped],
            duplicates=np.flatnonzero(np.diff(triggered) == 0) + 1,
            glitched=np.flatnonzero(np.isin(triggered, glitched)),
            um_per_volt=um_per_volt,
            **_daq_rows(
                count, volts, turns, sweep + 1 if counted_volumes else None, n_daq_faults, rng
            ),
        )

    @classmethod
    def like(
        cls, folder: str | os.PathLike[str], n_frames: int | None = None, um_per_volt: float = 8.0
    ) -> Scan:
        """Take over the clockwork of a real recording's tables, faults and all.

        The tables of the scan are the real rows. The truth about them follows from plain rules: a
        jump of 2 followed by a repeat is a counter one too high; times of such frames and of
        dropped ones lie between their neighbours; z comes from the DAQ row of the same counter if
        that row can be trusted, else from its neighbours; the direction from the smoothed monitor,
        true to about a frame at the turns. Sweeps are left unknown.

        Parameters
        ----------
        folder : path-like
            Holds ``framesDetails.txt`` and ``other-frameSynchronous.txt``.
        n_frames : int, optional
            Saved frames to take, from the first on; default: all.
        um_per_volt : float

        Raises
        ------
        MissingPartError
            There is no such folder, or one of the two tables is not in it.
        """
        if not Path(folder).is_dir():
            raise MissingPartError(
                "is no folder" if Path(folder).exists() else "there is no such folder",
                expected=f"the folder of a recording, with {_TABLES}",
                path=folder,
            )
        frames = _rows(Path(folder) / "framesDetails.txt")[:n_frames]
        stamp = [row[0] for row in frames]
        noted = [int(row[1]) for row in frames]
        true = list(noted)
        for i in range(1, len(noted) - 1):
            if noted[i] - noted[i - 1] == 2 and noted[i + 1] == noted[i]:
                true[i] = noted[i] - 1
        glitched = [i for i in range(len(true)) if true[i] != noted[i]]
        known: dict[int, float] = {}
        for i, counter in enumerate(true):
            if counter == noted[i]:
                known.setdefault(counter, stamp[i])
        count = np.arange(true[0], true[-1] + 1)

        daq = _rows(Path(folder) / "other-frameSynchronous.txt")
        stop = next((i for i, r in enumerate(daq) if r[0] > true[-1] + _DAQ_LAG), len(daq))
        columns = [list(column) for column in zip(*daq[:stop], strict=True)]
        volts = _volts_of(count, [int(c) for c in columns[0]], columns[1])
        slope = np.diff(np.convolve(volts, np.ones(5) / 5, mode="same"))
        # The filter's ends see the zeros outside; they lie inside the first and last flank.
        slope[:2], slope[-2:] = slope[2], slope[-3]
        slope = np.append(slope, slope[-1])  # a frame carries the step that leaves it
        return cls(
            count=count,
            time=np.interp(count, sorted(known), [known[c] for c in sorted(known)]),
            z_um=volts * um_per_volt,
            volts=volts,
            direction=np.where(slope > 0, 1, -1),
            volume=np.full(len(count), -1),
            sweeps=np.zeros((0, 2), np.int64),
            triggered=np.array(true) - true[0],
            file_count=np.array(noted),
            file_time=np.array(stamp),
            dropped=np.setdiff1d(count, true),
            duplicates=np.array([i for i in range(1, len(true)) if true[i] == true[i - 1]], int),
            glitched=np.array(glitched, int),
            daq_count=np.array(columns[0], int),
            daq_volts=np.array(columns[1]),
            daq_direction=np.array(columns[2], int),
            daq_volume=np.array(columns[3], int),
            stage_x=np.array(columns[4], int),
            stage_y=np.array(columns[5], int),
            um_per_volt=um_per_volt,
        )


def _place_faults(
    n: int, first_plane: Ints, numbers: tuple[int, int, int], rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """Choose the triggered rows that are dropped, saved twice, and glitched."""
    n_dropped, n_copied, n_glitched = numbers
    places = np.arange(_SPACING, n - _SPACING, _SPACING)
    if len(first_plane):
        places = places[np.abs(places - first_plane[0]) >= _SPACING]
    # Two neighbours share a place.
    n_alone = n_dropped - len(first_plane) - (n_dropped >= 3)
    wanted = n_alone + n_copied + n_glitched
    if wanted > len(places):
        raise OptionError(
            "the recording is too short for its faults",
            expected=f"at most {len(places)} drops, duplicates and glitches in {n} frames",
            found=str(wanted),
            cure="ask for more volumes or fewer faults",
        )
    alone, copied, glitched = np.split(
        rng.permutation(places)[:wanted], [n_alone, n_alone + n_copied]
    )
    neighbour = alone[:1] + 1 if n_dropped >= 3 else alone[:0]
    return np.sort(np.concatenate([first_plane, alone, neighbour])), copied, glitched


def _daq_rows(
    count: Ints,
    volts: Floats,
    turns: Ints,
    sweep: Ints | None,
    n_faults: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return the DAQ's columns for a synthetic scan."""
    seen = np.arange(_DAQ_LAG, len(count) + _DAQ_LAG)
    inside = np.minimum(seen, len(count) - 1)
    ticks = count[0] + seen
    following = np.searchsorted(turns, seen)
    near = np.clip([following - 1, following], 0, len(turns) - 1)
    away = np.abs(turns[near] - seen).min(axis=0) > _SPACING
    away[:_SPACING] = away[-_SPACING:] = False
    # Every fifth row, so that two faults never touch.
    places = np.flatnonzero(away & (seen % _SPACING == 0))
    if n_faults > len(places):
        raise OptionError(
            "the recording is too short for its DAQ faults",
            expected=f"at most {len(places)}",
            found=str(n_faults),
        )
    ticks[rng.permutation(places)[:n_faults]] += 1
    # The controller notes the new direction one or two rows after the turn; it counts the
    # voltage's rise as -1.
    late = turns + rng.integers(1, 3, len(turns))
    after = np.searchsorted(late, seen, side="right")
    return {
        "daq_count": ticks,
        "daq_volts": np.round(volts[inside], 6),
        "daq_direction": np.where(after % 2, 1, -1),
        "daq_volume": np.full(len(seen), -1) if sweep is None else sweep[inside],
        "stage_x": 80972 + (rng.random(len(seen)) < 0.01),
        "stage_y": 44483 - (rng.random(len(seen)) < 0.01),
    }


def _rows(path: Path) -> list[list[float]]:
    if not path.is_file():
        raise MissingPartError(
            "a table of the recording to imitate is not there",
            expected=_TABLES,
            path=path,
        )
    lines = path.read_text().splitlines()[1:]
    return [[float(field) for field in line.split()] for line in lines if line.strip()]


def _volts_of(count: Ints, ticks: list[int], volts: list[float]) -> Floats:
    """Return the monitor at each counter: its own row's if that can be trusted."""
    times = Counter(ticks)
    last = len(ticks) - 1
    trusted = {
        tick: volts[i]
        for i, tick in enumerate(ticks)
        if times[tick] == 1
        and (i == 0 or tick - ticks[i - 1] == 1)
        and (i == last or ticks[i + 1] - tick == 1)
    }
    return np.interp(count, sorted(trusted), [trusted[tick] for tick in sorted(trusted)])
