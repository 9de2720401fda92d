"""The `Signal`: one channel's traces, with their times, events and history.

A step is a function ``name(signal, **parameters)`` that returns
``signal.with_step(name, parameters, found=..., **changes)``. What `Step` keeps is agreed on:
`Step.parameters` are the arguments the function was called with, all of them and nothing else, so
that calling it again with them repeats the step (`wormio.signal.steps` knows the functions by
name); `Step.found` is what was worked out on the way (fitted numbers, which neurons were left
alone), and is never fed back. An argument that is itself a signal, as a reference channel, is
given to `with_step` as it is, and is kept as its channel, digest and history.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import OptionError, SignalError
from wormio.model import Channel, Events
from wormio.model._fields import as_dict, as_tuple, is_text
from wormio.signal import cleaning
from wormio.signal._cleaning_methods import CleaningMethods
from wormio.signal._correction_methods import CorrectionMethods
from wormio.signal._digest import digest
from wormio.signal._fields import ROW_ARRAYS, SAMPLE_ARRAYS, check_shapes, signal_array
from wormio.signal._methods import SignalMethods
from wormio.signal.history import Step, new_step
from wormio.signal.provenance import Provenance

__all__ = ["Signal", "Step"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def _names(labels: Iterable[object]) -> tuple[str, ...]:
    return tuple(str(label) for label in labels)


@attrs.frozen(kw_only=True, repr=False)
class Signal(CleaningMethods, CorrectionMethods, SignalMethods):
    """Traces of N neurons over T volumes, in one channel.

    Arrays are read-only; two signals are equal if all they hold is, NaN equal to NaN.

    Parameters
    ----------
    data : (T, N) float64
        In `unit`; NaN where nothing was measured.
    time : (T,) float64
        Seconds on the recording's clock; NaN if unknown.
    volume : (T,) int64
        Index of each row's volume in the recording. Default: 0, 1, 2, ...
    sample_time : (T, N) float64
        Each sample's own time: that of its centre plane. Default: `time`.
    valid : (T, N) bool
        Whether a sample was measured. No step changes it but those that combine two signals: a
        ratio was measured where both were. Default: where `data` is finite.
    voxels : (T, N) int32, optional
        Number of voxels in each sample.
    saturated : (T, N) int32, optional
        How many of them were saturated.
    background : (T, N) float64, optional
        What was measured beside each neuron and subtracted, in counts of a voxel.
    labels : tuple of str
        Names of the neurons, unique. Default: ``"0"``, ``"1"``, ...
    events : mapping of str to Events
    channel : Channel
    quantity, unit : str
        For example ``"fluorescence"`` in ``"counts"``.
    history : tuple of Step
        What was done, oldest first.
    recording : str
        Identity of the recording (`wormio.model.recording_id`).
    provenance : Provenance, optional
        How the samples were extracted.

    Raises
    ------
    SignalError
        Shapes or labels do not fit.
    """

    data: Floats = signal_array("f8", 2)
    time: Floats = signal_array("f8", 1)
    volume: Ints = signal_array("i8", 1)
    sample_time: Floats = signal_array("f8", 2)
    valid: Bools = signal_array("?", 2)
    voxels: NDArray[np.int32] | None = signal_array("i4", 2, optional=True)
    saturated: NDArray[np.int32] | None = signal_array("i4", 2, optional=True)
    background: Floats | None = signal_array("f8", 2, optional=True)
    labels: tuple[str, ...] = attrs.field(converter=_names)
    events: Mapping[str, Events] = attrs.field(factory=dict, converter=as_dict)
    channel: Channel
    quantity: str = "fluorescence"
    unit: str = "counts"
    history: tuple[Step, ...] = attrs.field(default=(), converter=as_tuple)
    recording: str = ""
    provenance: Provenance | None = None

    @volume.default
    def _default_volume(self) -> Ints:
        return np.arange(self.n_volumes)

    @sample_time.default
    def _default_sample_time(self) -> Floats:
        return np.repeat(self.time[:, np.newaxis], self.n_neurons, axis=1)

    @valid.default
    def _default_valid(self) -> Bools:
        return np.isfinite(self.data)

    @labels.default
    def _default_labels(self) -> tuple[str, ...]:
        return tuple(map(str, range(self.n_neurons)))

    def __attrs_post_init__(self) -> None:
        rows, both = (self.n_volumes,), (self.n_volumes, self.n_neurons)
        check_shapes(self, dict.fromkeys(ROW_ARRAYS, rows) | dict.fromkeys(SAMPLE_ARRAYS, both))
        if len(self.labels) != self.n_neurons or len(set(self.labels)) != self.n_neurons:
            raise SignalError(
                "labels do not name the neurons",
                expected=f"{self.n_neurons} different names",
                found=f"{len(self.labels)} names, {len(set(self.labels))} different",
            )
        odd = [label for label in self.labels if not is_text(label)]
        if odd:
            raise SignalError(
                "a label cannot be written to a file",
                expected="text without NUL and without lone surrogates",
                found=repr(odd[0]),
            )
        if self.provenance is not None and self.provenance.centre_frame.shape != both:
            raise SignalError(
                "the provenance belongs to another signal",
                expected=f"centre_frame of shape {both}",
                found=f"shape {self.provenance.centre_frame.shape}",
            )

    def __repr__(self) -> str:
        steps = ", ".join(step.name for step in self.history) or "none"
        quantity = f"{self.quantity} in {self.unit}" if self.unit else self.quantity
        return (
            f"<Signal: {self.n_volumes} volumes x {self.n_neurons} neurons, "
            f"channel {self.channel.name!r}, {quantity}, steps: {steps}>"
        )

    @property
    def n_volumes(self) -> int:
        """Number of volumes, T."""
        return int(self.data.shape[0])

    @property
    def n_neurons(self) -> int:
        """Number of neurons, N."""
        return int(self.data.shape[1])

    @property
    def volume_interval(self) -> float:
        """Median time from row to row in seconds; NaN where fewer than two times are known."""
        intervals = np.diff(self.time)
        known = intervals[np.isfinite(intervals)]
        return float(np.median(known)) if known.size else float("nan")

    @property
    def digest(self) -> str:
        """SHA-256 of the content: arrays, labels, events, channel, quantity, unit, recording.

        Equal content has one digest, whatever history and provenance say of how it came to be.
        """
        return digest(self)

    def with_step(
        self,
        name: str,
        parameters: Mapping[str, Any],
        *,
        found: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> Signal:
        """Return this signal after a step: `changes` made, and the step added to the history.

        What does not change is shared, not copied.

        Parameters
        ----------
        name : str
        parameters : mapping
            JSON-able, or signals: the arguments of the step's function (`Step.parameters`).
        found : mapping, optional
            JSON-able: what was found on the way (`Step.found`).
        **changes
            Fields of `Signal`.
        """
        step = new_step(name, parameters, found)
        return attrs.evolve(self, history=(*self.history, step), **changes)

    def interpolate(
        self, *, max_gap: float | None = None, edge: cleaning.Edge = "nearest"
    ) -> Signal:
        """Fill in what was not measured; see `wormio.signal.cleaning.interpolate`."""
        return cleaning.interpolate(self, max_gap=max_gap, edge=edge)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write this one channel to a file; see `wormio.signal.save`."""
        from wormio.signal.files import save

        save(path, self, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str], channel: str | None = None) -> Signal:
        """Read one channel of a file.

        Parameters
        ----------
        path : path-like
        channel : str, optional
            Its name; may be left out where the file has one channel only.

        Raises
        ------
        OptionError
            There is no such channel, or none was named and there are several.
        SignalError, RecordingError
            See `wormio.signal.load`.
        """
        from wormio.signal.files import load

        signals = load(path)
        if channel is None and len(signals) == 1:
            return next(iter(signals.values()))
        if channel not in signals:
            raise OptionError(
                "which channel?" if channel is None else f"there is no channel {channel!r}",
                expected="one of " + ", ".join(map(repr, signals)),
                found="none was named" if channel is None else repr(channel),
                path=path,
            )
        return signals[channel]
