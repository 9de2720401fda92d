"""Figures of recordings and signals. Needs matplotlib: ``pip install "wormio[view]"``."""

from wormio.view.overview import overview, require_matplotlib
from wormio.view.residuals import residual_field
from wormio.view.responses import mean_responses

__all__ = ["mean_responses", "overview", "require_matplotlib", "residual_field"]
