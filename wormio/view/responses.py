"""The mean response of each neuron to an event."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from wormio.errors import OptionError
from wormio.view.overview import require_matplotlib

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from wormio.signal import Average

__all__ = ["mean_responses"]

_COLUMNS = 5


def mean_responses(average: Average, *, most: int = 40) -> Figure:
    """Draw the mean response of each neuron with its standard error, a panel each.

    Parameters
    ----------
    average : Average
    most : int
        Draw at most so many neurons: the first.

    Returns
    -------
    matplotlib.figure.Figure
        Save it with ``figure.savefig(path)``.

    Raises
    ------
    PluginLoadError
        matplotlib is not installed.
    OptionError
        There is no neuron to draw.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    n = min(len(average.labels), most)
    if n < 1:
        raise OptionError("there is no neuron to draw")
    columns = min(n, _COLUMNS)
    rows = math.ceil(n / columns)
    figure = Figure(figsize=(2.6 * columns + 0.6, 1.7 * rows + 0.8), layout="constrained")
    panels = np.atleast_1d(figure.subplots(rows, columns, sharex=True, squeeze=False)).ravel()
    for neuron, axes in enumerate(panels):
        if neuron >= n:
            axes.set_axis_off()
            continue
        mean, sem = average.mean[:, neuron], average.sem[:, neuron]
        axes.axvline(0, color="tab:red", linewidth=0.8)
        axes.fill_between(average.tau, mean - sem, mean + sem, color="tab:blue", alpha=0.3, lw=0)
        axes.plot(average.tau, mean, color="tab:blue", linewidth=1.2)
        counts = average.count[:, neuron]
        greatest = int(counts.max(initial=0))
        fewest = int(counts.min(initial=greatest))
        how_many = f"{greatest}" if fewest == greatest else f"{fewest} to {greatest}"
        axes.set_title(f"{average.labels[neuron]} (n = {how_many})", fontsize="small")
        # The lowest of each column, though the last row may be shorter.
        axes.tick_params(labelsize="x-small", labelbottom=neuron + columns >= n)
    unit = f" ({average.unit})" if average.unit else ""
    figure.supxlabel("time from the event (s)", fontsize="small")
    figure.supylabel(f"{average.channel.name}: {average.quantity}{unit}", fontsize="small")
    left = len(average.labels) - n
    if left:
        figure.suptitle(f"the first {n} neurons; {left} more are not drawn", fontsize="small")
    return figure
