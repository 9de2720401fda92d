"""Traces that other programs wrote, as signals that say where they come from.

One module a kind of file. What a file does not tell stays unknown: times are NaN unless they are
given by ``rate=`` or ``times=``. The history of each signal holds a step ``import``, and before it
what the other program had done already, under the names of wormio's own steps.
"""

from wormio.signal.importing.caiman import CaimanResults, read_caiman
from wormio.signal.importing.folder import LegacyFolder, read_legacy_folder
from wormio.signal.importing.heatdata import ETHOGRAM, HeatData, read_heat_data
from wormio.signal.importing.legacy import read_legacy_pickle
from wormio.signal.importing.nwb import read_nwb
from wormio.signal.importing.pickles import LegacyObject, read_pickle
from wormio.signal.importing.suite2p import read_suite2p
from wormio.signal.importing.text import read_text, read_text_header

__all__ = [
    "ETHOGRAM",
    "CaimanResults",
    "HeatData",
    "LegacyFolder",
    "LegacyObject",
    "read_caiman",
    "read_heat_data",
    "read_legacy_folder",
    "read_legacy_pickle",
    "read_nwb",
    "read_pickle",
    "read_suite2p",
    "read_text",
    "read_text_header",
]
