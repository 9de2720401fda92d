"""Recordings, positions and signals in the files and tables of other programs."""

from wormio.export.container import to_hdf5
from wormio.export.positions import positions_to_csv
from wormio.export.text import to_text

__all__ = ["positions_to_csv", "to_hdf5", "to_text"]
