"""Methods of `Signal` that clean, smooth and scale; what they do is in the modules they name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from wormio.signal import _removed, baselines, normalizing, segments, smoothing, spikes
from wormio.signal import noise as _noise
from wormio.signal._stretches import Stretch, StretchUnit
from wormio.signal._windows import Window

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["CleaningMethods"]

Floats = NDArray[np.float64]


class CleaningMethods:
    """What each neuron's numbers go through."""

    __slots__ = ()

    def remove_infinities(self) -> Signal:
        """Make infinite samples NaN; see `wormio.signal.spikes.remove_infinities`."""
        return spikes.remove_infinities(_signal(self))

    def remove_spikes(
        self,
        *,
        window: Window = 7,
        threshold: float = 4.0,
        replace: spikes.Replacement = "nan",
        method: spikes.SpikeMethod = "hampel",
        force: bool = False,
    ) -> Signal:
        """Take out samples that stand alone; see `wormio.signal.spikes.remove_spikes`."""
        return spikes.remove_spikes(
            _signal(self),
            window=window,
            threshold=threshold,
            replace=replace,
            method=method,
            force=force,
        )

    def median_filter(self, *, window: Window = 3, force: bool = False) -> Signal:
        """Replace samples by local medians; see `wormio.signal.spikes.median_filter`."""
        return spikes.median_filter(_signal(self), window=window, force=force)

    def removed(self, name: str | None = None) -> NDArray[np.bool_]:
        """Return which samples steps took out, as (T, N) bool.

        As infinite, as spikes, or for want of a divisor. Their numbers may have been filled in
        since; the history says where they were, by label and volume.

        Parameters
        ----------
        name : str, optional
            Only by this step, for example ``"remove_spikes"``. Default: by any.
        """
        return _removed.removed(_signal(self), name)

    def smooth(
        self,
        kind: smoothing.Smoothing = "savgol",
        window: Window = 13,
        order: int | None = None,
        *,
        legacy: bool = False,
        force: bool = False,
    ) -> Signal:
        """Smooth by local polynomials or means; see `wormio.signal.smoothing.smooth`."""
        return smoothing.smooth(_signal(self), kind, window, order, legacy=legacy, force=force)

    def derivative(
        self, window: Window = 3, order: int = 1, *, legacy: bool = False, force: bool = False
    ) -> Signal:
        """Return slopes per second; see `wormio.signal.smoothing.derivative`."""
        return smoothing.derivative(_signal(self), window, order, legacy=legacy, force=force)

    def baseline(
        self,
        kind: baselines.BaselineKind = "percentile",
        *,
        percentile: float = 20.0,
        window: Window = "60 s",
        value: float | Sequence[float] | None = None,
        over: Stretch | None = None,
        unit: StretchUnit = "seconds",
    ) -> Floats:
        """Return F0, as (T, N); see `wormio.signal.baselines.baseline`."""
        return baselines.baseline(
            _signal(self),
            kind,
            percentile=percentile,
            window=window,
            value=value,
            over=over,
            unit=unit,
        )

    def global_baseline(self, fraction: float = 0.05) -> Floats:
        """Return a quantile of each neuron's whole trace, as (N,)."""
        return baselines.global_baseline(_signal(self), fraction)

    def subtract_baseline(
        self,
        kind: baselines.BaselineKind = "percentile",
        *,
        percentile: float = 20.0,
        window: Window = "60 s",
        value: float | Sequence[float] | None = None,
        over: Stretch | None = None,
        unit: StretchUnit = "seconds",
        force: bool = False,
    ) -> Signal:
        """Return F - F0; see `wormio.signal.baselines.subtract_baseline`."""
        return baselines.subtract_baseline(
            _signal(self),
            kind,
            percentile=percentile,
            window=window,
            value=value,
            over=over,
            unit=unit,
            force=force,
        )

    def dff(
        self,
        kind: baselines.BaselineKind = "percentile",
        *,
        percentile: float = 20.0,
        window: Window = "60 s",
        value: float | Sequence[float] | None = None,
        over: Stretch | None = None,
        unit: StretchUnit = "seconds",
        floor: float | None = None,
        force: bool = False,
    ) -> Signal:
        """Return (F - F0) / F0; see `wormio.signal.baselines.dff`."""
        return baselines.dff(
            _signal(self),
            kind,
            percentile=percentile,
            window=window,
            value=value,
            over=over,
            unit=unit,
            floor=floor,
            force=force,
        )

    def normalize(
        self,
        kind: normalizing.Normalization = "local_std",
        *,
        over: Stretch | None = None,
        unit: StretchUnit = "seconds",
        window: Window = 4,
        force: bool = False,
    ) -> Signal:
        """Divide each neuron by its noise or height; see `wormio.signal.normalizing.normalize`."""
        return normalizing.normalize(
            _signal(self), kind, over=over, unit=unit, window=window, force=force
        )

    def segment(
        self,
        start: float,
        stop: float,
        *,
        before: float | None = None,
        baseline: segments.SegmentBaseline = "constant",
        baseline_range: Stretch | None = None,
        normalize: segments.SegmentNormalization = "none",
        noise_range: Stretch | None = None,
        peak_range: Stretch | None = None,
        window: Window = 4,
        unit: StretchUnit = "seconds",
        force: bool = False,
    ) -> Signal:
        """Cut out a stretch with its own baseline; see `wormio.signal.segments.segment`."""
        return segments.segment(
            _signal(self),
            start,
            stop,
            before=before,
            baseline=baseline,
            baseline_range=baseline_range,
            normalize=normalize,
            noise_range=noise_range,
            peak_range=peak_range,
            window=window,
            unit=unit,
            force=force,
        )

    def noise(
        self,
        method: _noise.NoiseMethod = "local_std",
        *,
        window: Window = 4,
        legacy: bool = False,
        force: bool = False,
    ) -> Floats:
        """Return each neuron's noise, as (N,); see `wormio.signal.noise.noise`."""
        return _noise.noise(_signal(self), method, window=window, legacy=legacy, force=force)

    def rolling_std(self, window: Window = 8) -> Floats:
        """Return the noise around each sample, (T, N); see `wormio.signal.noise.rolling_std`."""
        return _noise.rolling_std(_signal(self), window)

    def snr(
        self,
        kind: _noise.SnrKind = "power",
        *,
        method: _noise.NoiseMethod = "local_std",
        window: Window = 4,
        force: bool = False,
    ) -> Floats:
        """Return each neuron's ratio of signal to noise, (N,); see `wormio.signal.noise.snr`."""
        return _noise.snr(_signal(self), kind, method=method, window=window, force=force)


def _signal(methods: CleaningMethods) -> Signal:
    return cast("Signal", methods)
