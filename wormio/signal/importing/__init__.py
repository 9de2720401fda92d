"""Traces that other programs wrote, as signals that say where they come from.

One module a kind of file. What a file does not tell stays unknown: times are NaN unless they are
given by ``rate=`` or ``times=``. The history of each signal holds a step ``import``, and before it
what the other program had done already.
"""

from wormio.signal.importing.folder import LegacyFolder, read_legacy_folder
from wormio.signal.importing.legacy import read_legacy_pickle
from wormio.signal.importing.text import read_text, read_text_header

__all__ = [
    "LegacyFolder",
    "read_legacy_folder",
    "read_legacy_pickle",
    "read_text",
    "read_text_header",
]
