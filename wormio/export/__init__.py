"""Recordings in the files of other programs, and in wormio's own container."""

from wormio.export.container import to_hdf5
from wormio.export.positions import positions_to_csv

__all__ = ["positions_to_csv", "to_hdf5"]
