"""One figure that shows a recording, where its neurons are, and what they did."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import PluginLoadError, SignalError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from wormio.model import Recording
    from wormio.signal import Signal

__all__ = ["overview", "require_matplotlib"]

_TRACES = 5


def require_matplotlib() -> None:
    """Raise unless matplotlib is there; before any long work.

    Raises
    ------
    PluginLoadError
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise PluginLoadError(
            "figures need matplotlib", cure='install it: pip install "wormio[view]"'
        )


def overview(
    recording: Recording, signal: Signal, *, truth: ArrayLike | None = None, volume: int = 0
) -> Figure:
    """Draw a volume with its neurons, all traces, and some of them large.

    Parameters
    ----------
    recording : Recording
        That the signal was extracted from; one volume of one channel is read.
    signal : Signal
        With its `Provenance`.
    truth : (T, N) array_like, optional
        True brightness, drawn over the traces after a straight-line fit to each.
    volume : int
        Which to show.

    Returns
    -------
    matplotlib.figure.Figure
        Save it with ``figure.savefig(path)``.

    Raises
    ------
    SignalError
        The signal has no provenance, so nothing says where its neurons are.
    PluginLoadError
        matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    if signal.provenance is None:
        raise SignalError("the signal does not say where its neurons are", found="no provenance")
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=[1.1, 1], width_ratios=[1, 1.2])
    _draw_volume(figure.add_subplot(grid[0, 0]), recording, signal, volume)
    _draw_raster(figure, figure.add_subplot(grid[0, 1]), signal)
    scale = None if truth is None else np.asarray(truth, dtype=float)
    _draw_traces(figure.add_subplot(grid[1, :]), signal, scale)
    return figure


def _draw_volume(axes: Axes, recording: Recording, signal: Signal, volume: int) -> None:
    from wormio.model import channel_index

    first, stop = recording.timeline.volume_range(volume)
    channel = channel_index(recording, signal.channel.name)
    image = recording.frames[first:stop, channel].max(axis=0)
    low, high = np.percentile(image, [1, 99.8])
    axes.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    assert signal.provenance is not None  # noqa: S101 (checked by overview)
    _, y, x = signal.provenance.positions.at(volume, volume + 1)[0].T
    axes.plot(x, y, "o", mfc="none", mec="tab:orange", ms=7, mew=0.8)
    axes.set(
        title=f"volume {volume}, {signal.channel.name}: brightest of {stop - first} planes",
        xlabel="x (pixels)",
        ylabel="y (pixels)",
    )


def _draw_raster(figure: Figure, axes: Axes, signal: Signal) -> None:
    data = signal.data
    middle = np.nanmedian(data, axis=0)
    relative = (data - middle) / np.where(middle > 0, middle, np.nan)
    time = signal.time
    extent = (time[0], time[-1], data.shape[1] - 0.5, -0.5)
    limit = float(np.nanpercentile(np.abs(relative), 99))
    image = axes.imshow(
        relative.T,
        aspect="auto",
        extent=extent,
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
        interpolation="nearest",
    )
    _draw_events(axes, signal)
    figure.colorbar(image, ax=axes, label="(F - median) / median", pad=0.01)
    axes.set(title="all neurons", xlabel="time (s)", ylabel="neuron")


def _draw_traces(axes: Axes, signal: Signal, truth: NDArray[Any] | None) -> None:
    spread = np.nan_to_num(np.nanstd(signal.data, axis=0))
    chosen = np.argsort(-spread, kind="stable")[:_TRACES]
    step = 1.1 * float(np.nanmax(np.nanmax(signal.data, 0) - np.nanmin(signal.data, 0)))
    for row, neuron in enumerate(chosen):
        trace = signal.data[:, neuron]
        base = float(np.nanmin(trace)) - step * (len(chosen) - 1 - row)
        label = "extracted" if row == 0 else None
        axes.plot(signal.sample_time[:, neuron], trace - base, color="tab:green", lw=1, label=label)
        if truth is not None:
            known = np.isfinite(trace) & np.isfinite(truth[:, neuron])
            slope, offset = np.polyfit(truth[known, neuron], trace[known], 1)
            label = "truth (fitted line)" if row == 0 else None
            fitted = slope * truth[:, neuron] + offset
            axes.plot(
                signal.sample_time[:, neuron],
                fitted - base,
                color="black",
                lw=0.8,
                ls="--",
                label=label,
            )
        axes.annotate(
            signal.labels[neuron],
            (0.002, float(np.nanmedian(trace)) - base),
            xycoords=("axes fraction", "data"),
            fontsize=8,
        )
    _draw_events(axes, signal)
    # Above the axes, where it hides no trace.
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), fontsize=8, ncols=3, frameon=False)
    # At the left: the legend is at the right, and would touch a title in the middle.
    axes.set_title(f"the {len(chosen)} most active neurons, {signal.channel.name}", loc="left")
    axes.set(xlabel="time (s)", ylabel=f"{signal.unit}, shifted")


def _draw_events(axes: Axes, signal: Signal) -> None:
    label: str | None = "stimulus"
    for events in signal.events.values():
        for time in events.time[np.isfinite(events.time)]:
            axes.axvline(time, color="tab:red", lw=0.7, alpha=0.7, label=label)
            label = None
