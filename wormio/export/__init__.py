"""Recordings, positions and signals in the files and tables of other programs."""

from wormio.export.container import to_hdf5
from wormio.export.positions import positions_to_csv
from wormio.export.tables import PynappleObjects, to_pandas, to_pynapple, to_xarray
from wormio.export.text import to_text

__all__ = [
    "PynappleObjects",
    "positions_to_csv",
    "to_hdf5",
    "to_pandas",
    "to_pynapple",
    "to_text",
    "to_xarray",
]
