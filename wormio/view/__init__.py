"""Figures of recordings and signals. Needs matplotlib: ``pip install "wormio[view]"``."""

from wormio.view.overview import overview, require_matplotlib

__all__ = ["overview", "require_matplotlib"]
