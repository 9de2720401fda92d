"""What a map leaves: where its points are, and by how much each misses its target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wormio.view.overview import require_matplotlib

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from wormio.mapping import Fit

__all__ = ["residual_field"]

# An arrow of the median residual is this share of the figure's width.
_ARROW = 0.06


def residual_field(fit: Fit) -> Figure:
    """Draw the displacement of the map's points, their residuals, and the models' scores.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    matplotlib.figure.Figure
        Save it with ``figure.savefig(path)``.

    Raises
    ------
    PluginLoadError
        matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4.4), layout="constrained")
    moved, missed, scores = figure.subplots(1, 3)
    y, x = fit.source[:, -2], fit.source[:, -1]
    used = fit.inliers
    panels = (
        (moved, fit.target - fit.source, "source to target"),
        (missed, fit.residuals, f"residuals of the {fit.model} map"),
    )
    for axes, arrows, title in panels:
        dy, dx = arrows[:, -2], arrows[:, -1]
        length = float(np.median(np.hypot(dy[used], dx[used])))
        width = float(max(np.ptp(x), np.ptp(y), 1.0))
        scale = length / (_ARROW * width) if length > 0 else 1.0
        for rows, colour, label in ((used, "tab:blue", "used"), (~used, "tab:red", "left out")):
            if rows.any():
                axes.quiver(
                    x[rows],
                    y[rows],
                    dx[rows],
                    dy[rows],
                    angles="xy",
                    scale_units="xy",
                    scale=scale,
                    color=colour,
                    label=label,
                    width=0.005,
                )
        axes.plot(x, y, ".", color="0.3", markersize=3)
        axes.set(title=f"{title}\n(median {length:.2f} px)", xlabel="x (px)", ylabel="y (px)")
        axes.set_aspect("equal", adjustable="datalim")
        axes.margins(0.15)
        axes.invert_yaxis()
        if not used.all():
            axes.legend(loc="best", fontsize="small")
    judged = [score for score in fit.scores if not score.problem]
    names = [score.name for score in judged]
    place = np.arange(len(judged))
    scores.barh(place + 0.2, [s.rms for s in judged], 0.4, label="fitted points", color="0.7")
    scores.barh(
        place - 0.2, [s.loo_rms for s in judged], 0.4, label="left-out points", color="tab:blue"
    )
    scores.set_yticks(place, [f"{n} (chosen)" if n == fit.model else n for n in names])
    scores.invert_yaxis()
    scores.set(title="error of the models", xlabel="root mean square distance (px)")
    scores.legend(fontsize="small")
    return figure
