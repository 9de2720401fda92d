"""The neurons of a phantom: where they are, how bright, and what they answer to."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError
from wormio.model._fields import array_field

__all__ = ["Neurons"]

Floats = NDArray[np.float64]

# Width of a nucleus: pixels in the image, plane steps along the scan. Wide along z, so that the
# chance position of a sweep's planes does not matter much.
_SIGMA_PX = 1.8
_SIGMA_STEPS = 2.5
# Closest two neurons, in widths: their boxes of 3 x 5 x 5 voxels see little of each other.
_APART = 5.0
# Planes between a neuron and the turning points: room for its box in every sweep.
_MARGIN_STEPS = 3.0
# Indicator: time constants in s, and the largest relative change of brightness.
_RISE, _DECAY, _LARGEST = 0.3, 1.5, 1.4
# Evaluated at once: bounds the memory of long recordings.
_BLOCK = 4096


@attrs.frozen(kw_only=True, eq=False)
class Neurons:
    """N neurons; C = 2 channels, red then green; K responses of each neuron.

    Parameters
    ----------
    zyx : (N, 3) float64
        Centres: z in um, y and x in pixels.
    sigma : (N, 3) float64
        Widths, in the same units.
    baseline : (C, N) float64
        Brightness at the centre before bleaching, counts.
    bleach_tau : (C, N) float64
        Time constants of the bleaching, s; half of the brightness bleaches.
    onset : (N, K) float64
        When each response begins, s.
    strength : (N, K) float64
        How strong it is; 0 for none.
    drift_period, drift_phase : (N,) float64
        Slow modulation of the red channel, s and rad.
    start : float
        Time from which bleaching counts, s.
    """

    zyx: Floats = array_field("f8", (None, 3))
    sigma: Floats = array_field("f8", (None, 3))
    baseline: Floats = array_field("f8", (2, None))
    bleach_tau: Floats = array_field("f8", (2, None))
    onset: Floats = array_field("f8", (None, None))
    strength: Floats = array_field("f8", (None, None))
    drift_period: Floats = array_field("f8", (None,))
    drift_phase: Floats = array_field("f8", (None,))
    start: float

    @classmethod
    def make(
        cls,
        n: int,
        *,
        shape: tuple[int, int],
        z_range_um: tuple[float, float],
        plane_step_um: float,
        span: tuple[float, float],
        stimulus_time: Floats,
        stimulus_target: NDArray[np.int64],
        spontaneous_rate: float,
        rng: np.random.Generator,
    ) -> Neurons:
        """Draw neurons that fill a tilted egg, and their activity.

        Parameters
        ----------
        n : int
        shape : (int, int)
            Height and width of the image.
        z_range_um : (float, float)
            Turning points of the scan.
        plane_step_um : float
        span : (float, float)
            First and last time, s.
        stimulus_time : (E,) float64
        stimulus_target : (E,) int64
            The neuron each stimulus aims at: it answers surely.
        spontaneous_rate : float
            Responses a second of each neuron on its own, besides three.
        rng : numpy.random.Generator

        Raises
        ------
        OptionError
            They do not fit into the image.
        """
        first, last = span
        zyx = _place(n, shape, z_range_um, plane_step_um, rng)
        # Everybody is active on its own, those without any answer too: each trace says something.
        duration = last - first
        n_own = 3 + int(rng.poisson(spontaneous_rate * duration))
        own = rng.uniform(first + 0.05 * duration, last - 0.15 * duration, (n, n_own))
        gain = rng.uniform(0.5, 1.2, n) * (rng.random(n) < 0.5)
        evoked = gain[:, np.newaxis] * rng.uniform(0.8, 1.2, (n, len(stimulus_time)))
        evoked[stimulus_target, np.arange(len(stimulus_time))] = 1.3
        sigma = np.array([_SIGMA_STEPS * plane_step_um, _SIGMA_PX, _SIGMA_PX])
        return cls(
            zyx=zyx,
            sigma=sigma * rng.uniform(0.9, 1.1, (n, 3)),
            # The brightest voxel stays below 500 counts whatever the activity.
            baseline=np.stack([rng.uniform(150, 440, n), rng.uniform(90, 200, n)]),
            bleach_tau=np.stack([rng.uniform(250, 350, n), rng.uniform(100, 150, n)]),
            onset=np.hstack([own, np.broadcast_to(stimulus_time, evoked.shape)]),
            strength=np.hstack([rng.uniform(0.3, 1.2, own.shape), evoked]),
            drift_period=rng.uniform(20, 60, n),
            drift_phase=rng.uniform(0, 2 * np.pi, n),
            start=first,
        )

    def brightness(self, channel: int, time: Floats) -> Floats:
        """Return the noiseless brightness at the centres, counts above the dark level.

        Parameters
        ----------
        channel : {0, 1}
        time : (T,) float64
            Seconds.

        Returns
        -------
        (T, N) float64
        """
        age = (time - self.start)[:, np.newaxis]
        level = self.baseline[channel] * (0.5 + 0.5 * np.exp(-age / self.bleach_tau[channel]))
        if channel == 0:
            drift = np.sin(2 * np.pi * age / self.drift_period + self.drift_phase)
            return np.asarray(level * (1 + 0.04 * drift))
        blocks = [self._activity(time[i : i + _BLOCK]) for i in range(0, len(time), _BLOCK)]
        activity = np.concatenate(blocks) if blocks else np.zeros_like(level)
        # The indicator saturates, which also bounds the brightest voxel.
        return np.asarray(level * (1 + _LARGEST * (1 - np.exp(-activity))))

    def _activity(self, time: Floats) -> Floats:
        """(T, N): sum of double-exponential transients, each with a peak of its strength."""
        since = np.maximum(time[:, np.newaxis, np.newaxis] - self.onset, 0.0)
        at_peak = np.log(_DECAY / _RISE) / (1 / _RISE - 1 / _DECAY)
        norm = np.exp(-at_peak / _DECAY) - np.exp(-at_peak / _RISE)
        shape = (np.exp(-since / _DECAY) - np.exp(-since / _RISE)) / norm
        return np.asarray((shape * self.strength).sum(axis=-1))


def _place(
    n: int,
    shape: tuple[int, int],
    z_range_um: tuple[float, float],
    plane_step_um: float,
    rng: np.random.Generator,
) -> Floats:
    """(N, 3): centres in a head-like egg without any symmetry, no two too close."""
    low = z_range_um[0] + _MARGIN_STEPS * plane_step_um
    high = z_range_um[1] - _MARGIN_STEPS * plane_step_um
    width = np.array([_SIGMA_STEPS * plane_step_um, _SIGMA_PX, _SIGMA_PX])
    chosen: list[Floats] = []
    for _ in range(2000 * n):
        ball = rng.uniform(-1, 1, 3)
        if ball @ ball > 1 or rng.random() > 0.7 - 0.3 * ball[2]:  # denser towards small x
            continue
        along = 0.85 * ball[0] + 0.15 * ball[2]  # tilted
        centre = np.array(
            [
                low + (high - low) * (0.5 + 0.5 * along),
                shape[0] * (0.44 + 0.3 * ball[1] * (0.75 - 0.25 * ball[2])),  # thinner at large x
                shape[1] * (0.46 + 0.36 * ball[2]),
            ]
        )
        apart = [float(np.linalg.norm((centre - other) / width)) for other in chosen]
        if min(apart, default=np.inf) >= _APART:
            chosen.append(centre)
        if len(chosen) == n:
            return np.array(chosen)
    raise OptionError(
        "the neurons do not fit into the image",
        expected=f"room for {n} neurons",
        found=f"room for {len(chosen)} in {shape[0]} x {shape[1]} pixels",
        cure="ask for fewer neurons, a larger image or a deeper scan",
    )
