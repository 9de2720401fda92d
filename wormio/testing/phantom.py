"""The phantom: a whole-brain recording whose truth is known, rendered frame by frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import FrameIndexError, OptionError
from wormio.model import (
    ArrayRecording,
    Channel,
    Column,
    Events,
    Flag,
    Origin,
    Positions,
    Timeline,
    VoxelSize,
    stored_in_order,
)
from wormio.model._fields import array_field
from wormio.testing.neurons import Neurons
from wormio.testing.scan import Scan, seeded

if TYPE_CHECKING:
    from wormio.mapping import PointMap

__all__ = ["Phantom", "Stimuli", "most_stimuli"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHANNELS = ("red", "green")
# Frames between a stimulus and whatever could make its trigger ambiguous.
_CLEAR = 6
# Frames a stimulus needs for itself.
_ROOM = 40
# Light below this many counts is not worth a photon.
_FAINT = 0.01
_RADIUS = 9
# Responses a second: far more than the indicator can tell apart.
_MOST_RESPONSES = 10.0
_LARGEST_IN_MEMORY = 2 * 1024**3


@attrs.frozen(kw_only=True, eq=False)
class Stimuli:
    """What was done to the animal, E stimuli.

    Parameters
    ----------
    count : (E,) int64
        The true counter: the first DAQ row with an open laser gate.
    file_count : (E,) int64
        The counter noted with the stimulus, a few frames off.
    time : (E,) float64
        Seconds, at `count`.
    neuron : (E,) int64
        The neuron aimed at.
    target : (E, 3) float64
        Its centre: z in um, y and x in pixels.
    """

    count: Ints = array_field("i8", (None,))
    file_count: Ints = array_field("i8", (None,))
    time: Floats = array_field("f8", (None,))
    neuron: Ints = array_field("i8", (None,))
    target: Floats = array_field("f8", (None, 3))

    def __len__(self) -> int:
        return len(self.count)


def _at_least_32(_owner: object, _attribute: object, shape: tuple[int, int]) -> None:
    if min(shape) < 32:
        raise OptionError(
            "the image is too small", expected="at least 32 x 32 pixels", found=str(shape)
        )


def _a_rate(_owner: object, _attribute: object, rate: float) -> None:
    if not 0 <= rate <= _MOST_RESPONSES:
        raise OptionError(
            "neurons cannot be active at such a rate",
            expected=f"0 to {_MOST_RESPONSES:g} responses a second",
            found=str(rate),
        )


@attrs.frozen(eq=False)
class Phantom:
    """A recording whose truth is known: what every pixel shows follows from a few numbers.

    Neurons are Gaussian blobs; red (channel 0, reference) only bleaches and drifts, green (channel
    1, signal) also answers to stimuli and is active on its own. The camera adds photon noise,
    read noise and its dark level. Nothing depends on the order in which frames are rendered.

    Parameters
    ----------
    scan : Scan
        Counters, times, z, and their faults.
    n_neurons : int
    shape : (int, int)
        Height and width of the image in pixels.
    pixel_size_um : float
    dark : float
        Camera offset, counts.
    read_noise : float
        Standard deviation, counts.
    motion_px : float
        Amplitude of the slow common displacement along y and x; `positions` do not follow it.
    n_stimuli : int
    spontaneous_rate : float
        Responses a second of each neuron on its own, besides the three that everyone has.
    seed : int
    channel_map : PointMap, optional
        From y, x in red to y, x in green, in pixels; default: both images lie on each other.
        Neurons, stimuli and truth are given where they are in red.

    Attributes
    ----------
    neurons : Neurons
    stimuli : Stimuli

    Raises
    ------
    OptionError
        The neurons or the stimuli do not fit.

    Examples
    --------
    >>> phantom = Phantom(Scan.synthetic(n_volumes=4), n_neurons=6, shape=(64, 96), n_stimuli=1)
    >>> phantom.render(0).shape, phantom.brightness("green", [140.0]).shape
    ((2, 64, 96), (1, 6))
    """

    scan: Scan
    n_neurons: int = attrs.field(default=40, kw_only=True)
    shape: tuple[int, int] = attrs.field(default=(200, 320), kw_only=True, validator=_at_least_32)
    pixel_size_um: float = attrs.field(default=0.42, kw_only=True)
    dark: float = attrs.field(default=100.0, kw_only=True)
    read_noise: float = attrs.field(default=2.0, kw_only=True)
    motion_px: float = attrs.field(default=0.3, kw_only=True)
    n_stimuli: int = attrs.field(default=3, kw_only=True)
    spontaneous_rate: float = attrs.field(default=0.12, kw_only=True, validator=_a_rate)
    seed: int = attrs.field(default=0, kw_only=True)
    channel_map: PointMap | None = attrs.field(default=None, kw_only=True)
    neurons: Neurons = attrs.field(init=False, repr=False)
    stimuli: Stimuli = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        rng = seeded(self.seed)
        scan = self.scan
        count = _place_stimuli(scan, self.n_stimuli, rng)
        time = scan.time[count - scan.count[0]]
        neuron = rng.integers(0, self.n_neurons, self.n_stimuli)
        neurons = Neurons.make(
            self.n_neurons,
            shape=self.shape,
            z_range_um=scan.z_range_um,
            plane_step_um=scan.plane_step_um,
            span=(float(scan.time[0]), float(scan.time[-1])),
            stimulus_time=time,
            stimulus_target=neuron,
            spontaneous_rate=self.spontaneous_rate,
            rng=rng,
        )
        stimuli = Stimuli(
            count=count,
            file_count=count + rng.integers(-2, 4, self.n_stimuli),
            time=time,
            neuron=neuron,
            target=neurons.zyx[neuron],
        )
        object.__setattr__(self, "neurons", neurons)
        object.__setattr__(self, "stimuli", stimuli)

    def __len__(self) -> int:
        """Return the number of saved frames."""
        return len(self.scan)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the neurons."""
        return tuple(f"n{i:02d}" for i in range(self.n_neurons))

    def displacement(self, time: ArrayLike) -> Floats:
        """Return the common displacement (T, 2) along y and x in pixels at times in s."""
        t = np.atleast_1d(np.asarray(time, np.float64)) - self.scan.time[0]
        y = np.sin(2 * np.pi * t / 7.3)
        x = 0.6 * np.sin(2 * np.pi * t / 4.1 + 1.0) + 0.4 * np.sin(2 * np.pi * t / 11.9)
        return self.motion_px * np.stack([y, x], axis=1)

    def brightness(self, channel: int | str, time: ArrayLike) -> Floats:
        """Return the true brightness of the neurons, without noise.

        Parameters
        ----------
        channel : {0, 1, "red", "green"}
        time : (T,) array_like
            Seconds on the recording's clock.

        Returns
        -------
        (T, N) float64
            Counts above the dark level, at the neurons' centres.
        """
        index = CHANNELS.index(channel) if isinstance(channel, str) else channel
        return self.neurons.brightness(index, np.atleast_1d(np.asarray(time, np.float64)))

    def positions(self) -> Positions:
        """Return where the neurons rest: static, z in um, y and x in pixels."""
        return Positions.static(self.neurons.zyx, labels=self.labels)

    def tracked(self, time: ArrayLike) -> Positions:
        """Return where the neurons are at the time of each volume, (V,) in s."""
        shift = self.displacement(time)
        coords = np.repeat(self.neurons.zyx[np.newaxis], len(shift), axis=0)
        coords[:, :, 1:] += shift[:, np.newaxis]
        return Positions.tracked(coords, labels=self.labels)

    def light(self, frame: int) -> Floats:
        """Return the noiseless image (2, Y, X) of a saved frame, counts above the dark level.

        Raises
        ------
        FrameIndexError
            There is no such frame.
        """
        row = self._triggered(frame)
        time, z = self.scan.time[row : row + 1], self.scan.z_um[row]
        away = (z - self.neurons.zyx[:, 0]) / self.neurons.sigma[:, 0]
        peak = np.concatenate([self.brightness(c, time) for c in (0, 1)]) * np.exp(-(away**2) / 2)
        red = self.neurons.zyx[:, 1:] + self.displacement(time)
        if self.channel_map is None:
            return self._draw(peak, red)
        green = self.channel_map(red, outside="ignore")
        return np.concatenate([self._draw(peak[:1], red), self._draw(peak[1:], green)])

    def _draw(self, peak: Floats, centre: Floats) -> Floats:
        """Draw blobs of some brightness (C, N) at some centres (N, 2), (C, Y, X)."""
        corner = np.floor(centre + 0.5).astype(np.int64) - _RADIUS
        size = 2 * _RADIUS + 1
        # (N, 2, size): one profile along y and one along x; a blob is their product.
        pixel = corner[:, :, np.newaxis] + np.arange(size)
        distance = (pixel - centre[:, :, np.newaxis]) / self.neurons.sigma[:, 1:, np.newaxis]
        profile = np.exp(-(distance**2) / 2)
        height, width = self.shape
        # A margin as wide as a blob spares the clipping at the edges.
        canvas = np.zeros((len(peak), height + 2 * size, width + 2 * size))
        inside = ((corner >= -size) & (corner < np.array(self.shape))).all(axis=1)
        for i in np.flatnonzero(inside & (peak.max(axis=0) > _FAINT)):
            y, x = corner[i] + size
            blob = profile[i, 0, :, np.newaxis] * profile[i, 1]
            canvas[:, y : y + size, x : x + size] += peak[:, i, np.newaxis, np.newaxis] * blob
        return canvas[:, size:-size, size:-size]

    def render(self, frame: int) -> NDArray[np.uint16]:
        """Return the image (2, Y, X) of a saved frame, as the camera would have saved it.

        A second copy of a frame has the same pixels as the first.

        Raises
        ------
        FrameIndexError
            There is no such frame.
        """
        row = self._triggered(frame)
        light = self.light(frame)
        # Counter-based: the frame's own stream, wherever rendering begins.
        rng = np.random.Generator(np.random.Philox(key=self.seed, counter=[0, row, 0, 0]))
        image = rng.standard_normal(light.shape, dtype=np.float32)
        image *= np.float32(self.read_noise)
        image += np.float32(self.dark)
        lit = light > _FAINT
        image[lit] += rng.poisson(light[lit])
        return np.clip(np.rint(image), 0, 65535).astype(np.uint16)

    def recording(self) -> ArrayRecording:
        """Return the perfect recording: each saved frame once, the true timeline.

        Volumes are known if the scan's sweeps are.

        Raises
        ------
        OptionError
            It does not fit into memory.
        """
        scan, saved = self.scan, self.scan.unique
        size = len(saved) * 2 * self.shape[0] * self.shape[1] * 2
        if size > _LARGEST_IN_MEMORY:
            raise OptionError(
                "the phantom is too large for an ArrayRecording",
                expected=f"at most {_LARGEST_IN_MEMORY >> 20} MiB",
                found=f"{size >> 20} MiB",
                cure="write it with write_leifer and open that",
            )
        row = scan.triggered[saved]
        count = scan.count[row]
        ranges = np.searchsorted(count, scan.sweeps)
        unfinished = (scan.volume[row] < 0) & (len(ranges) > 0)
        measured = Origin.MEASURED
        timeline = Timeline(
            time=scan.time[row],
            z=scan.z_um[row],
            count=count,
            volumes=ranges,
            volume_counts=scan.sweeps,
            direction=scan.direction[row].astype(np.int8),
            stored=stored_in_order(len(saved), 2),
            flags=np.where(unfinished, int(Flag.INCOMPLETE), 0),
            origins=dict.fromkeys(("time", "z", "count", "direction"), measured)
            | {"volume": measured if len(ranges) else Origin.UNKNOWN},
            policy={"name": "truth"},
        )
        per_pixel = [1 / self.pixel_size_um, 1.0, 1.0]
        stimuli = Events.at_counts(
            timeline,
            self.stimuli.count,
            error_frames=np.abs(self.stimuli.file_count - self.stimuli.count),
            properties={
                "target": Column(values=self.stimuli.target * per_pixel, unit="px"),
                "file_count": Column(values=self.stimuli.file_count, unit="frames"),
            },
        )
        return ArrayRecording(
            np.stack([self.render(int(i)) for i in saved]),
            timeline,
            channels=[
                Channel(name="red", role="reference", offset=self.dark),
                Channel(name="green", role="signal", offset=self.dark),
            ],
            voxel_size=VoxelSize(y=self.pixel_size_um, x=self.pixel_size_um),
            events={"optogenetics": stimuli},
        )

    def _triggered(self, frame: int) -> int:
        if not 0 <= frame < len(self):
            raise FrameIndexError(
                f"there is no frame {frame}", expected=f"0 to {len(self) - 1}", found=str(frame)
            )
        return int(self.scan.triggered[frame])


def most_stimuli(scan: Scan) -> int:
    """Return how many stimuli a scan has room for."""
    return max(len(scan.count) // _ROOM - 2, 0)


def _place_stimuli(scan: Scan, n: int, rng: np.random.Generator) -> Ints:
    """Spread the stimuli over the recording, clear of faults of the DAQ's counter."""
    if n > most_stimuli(scan):
        raise OptionError(
            "the recording is too short for its stimuli",
            expected=f"at most {most_stimuli(scan)}",
            found=str(n),
            cure="ask for more volumes or fewer stimuli",
        )
    faults = scan.daq_count[np.flatnonzero(np.diff(scan.daq_count) != 1)]
    room = (len(scan.count) - 2 * _ROOM) / max(n, 1)
    begin = _ROOM + np.arange(n) * room
    chosen = []
    for place in begin + rng.uniform(0.2, 0.5, n) * room:
        count = int(scan.count[0] + place)
        while (np.abs(faults - count) <= _CLEAR).any():
            count += 1
        chosen.append(count)
    return np.array(chosen, np.int64)
