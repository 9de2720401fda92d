"""A signal as a notebook shows it: what it is, in a table, and a sketch of its traces."""

from __future__ import annotations

import html as _escape
import itertools
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from wormio.signal.signal import Signal

__all__ = ["html"]

# At most so many traces and points: a notebook keeps every output it ever showed.
_N_TRACES = 12
_N_BINS = 120
_WIDTH, _ROW, _LEFT = 640, 26, 90
_N_EVENTS = 200
_COLOURS = ("#b33", "#36c", "#283", "#a5a")


def html(signal: Signal) -> str:
    """Return a table and an inline SVG, less than 50 kB together."""
    share = f"{signal.valid.mean():.1%}" if signal.valid.size else "none"
    known = signal.time[np.isfinite(signal.time)]
    span = f"{known.min():.6g} to {known.max():.6g} s" if known.size else "unknown"
    steps = [step.name for step in signal.history]
    rows = {
        "shape": f"{signal.n_volumes} volumes x {signal.n_neurons} neurons",
        "channel": signal.channel.name,
        "quantity": signal.quantity + (f" in {signal.unit}" if signal.unit else ""),
        "measured": f"{share} of the samples",
        "time": f"{span}, every {signal.volume_interval:.6g} s",
        "events": ", ".join(f"{name} ({len(table)})" for name, table in signal.events.items())
        or "none",
        "steps": " → ".join(steps[-20:]) or "none",
        "recording": signal.recording,
    }
    cells = "".join(
        f'<tr><th style="text-align:left">{name}</th>'
        f'<td style="text-align:left">{_text(value)}</td></tr>'
        for name, value in rows.items()
    )
    return f"<div><table>{cells}</table>{_sketch(signal)}</div>"


def _sketch(signal: Signal) -> str:
    """Return the first traces, each over its own range, with the events as vertical lines."""
    n = min(signal.n_neurons, _N_TRACES)
    if not n or signal.n_volumes < 2:
        return ""
    height = n * _ROW + 4
    parts = []
    for number, (name, table) in enumerate(signal.events.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        known = np.isfinite(signal.time)
        if not known.any() or number >= len(_COLOURS):
            continue
        at = np.interp(
            table.time[np.isfinite(table.time)],
            signal.time[known],
            np.flatnonzero(known),
            left=np.nan,
            right=np.nan,
        )
        lines = "".join(
            f"M{_x(float(row), signal.n_volumes):.0f} 0V{height}"
            for row in at[np.isfinite(at)][:_N_EVENTS]
        )
        if lines:
            title = f"<title>{_text(name)}</title>"
            parts.append(f'<path d="{lines}" stroke="{colour}" opacity=".4">{title}</path>')
    for neuron in range(n):
        top = neuron * _ROW + 2
        parts.append(
            f'<text x="{_LEFT - 6}" y="{top + _ROW // 2 + 4}" text-anchor="end" '
            f'fill="currentColor">{_text(signal.labels[neuron], 14)}</text>'
        )
        parts.append(
            f'<path d="{_trace(signal.data[:, neuron], top)}" fill="none" stroke="currentColor"/>'
        )
    more = signal.n_neurons - n
    note = f"<p>and {more} more neurons</p>" if more else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-size="11" font-family="sans-serif" role="img">'
        f"{''.join(parts)}</svg>{note}"
    )


def _trace(trace: NDArray[np.float64], top: int) -> str:
    """Return a path through the extremes of each bin; it breaks where there is no sample."""
    finite = trace[np.isfinite(trace)]
    if not finite.size:
        return ""
    low, high = float(finite.min()), float(finite.max())
    edges = np.unique(np.linspace(0, len(trace), _N_BINS + 1).astype(int))
    commands, pen = [], "M"
    for first, stop in itertools.pairwise(edges.tolist()):
        part = trace[first:stop]
        part = part[np.isfinite(part)]
        if not part.size:
            pen = "M"
            continue
        x = _x((first + stop - 1) / 2, len(trace))
        for value in {float(part.min()), float(part.max())} if stop - first > 1 else {part[0]}:
            level = 0.5 if high == low else (float(value) - low) / (high - low)
            commands.append(f"{pen}{x:.0f} {top + (1 - level) * (_ROW - 4):.1f}")
            pen = "L"
    return "".join(commands)


def _x(row: float, n_rows: int) -> float:
    return _LEFT + row / (n_rows - 1) * (_WIDTH - _LEFT - 4)


def _text(text: str, most: int = 300) -> str:
    return _escape.escape(text if len(text) <= most else text[: most - 1] + "…")
