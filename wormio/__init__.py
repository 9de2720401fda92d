"""wormio: one interface to whole-brain recordings.

>>> import wormio
>>> recording = wormio.open("path/to/recording")  # doctest: +SKIP
>>> signals = wormio.extract(recording, wormio.Positions.static(zyx))  # doctest: +SKIP

Importing `wormio` loads nothing but this module; each name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wormio import errors as errors
    from wormio import model as model
    from wormio.extraction import Box as Box
    from wormio.extraction import BrightestMean as BrightestMean
    from wormio.extraction import Ellipsoid as Ellipsoid
    from wormio.extraction import Max as Max
    from wormio.extraction import Mean as Mean
    from wormio.extraction import Median as Median
    from wormio.extraction import Offsets as Offsets
    from wormio.extraction import Std as Std
    from wormio.extraction import Sum as Sum
    from wormio.extraction import Weighted as Weighted
    from wormio.extraction import extract as extract
    from wormio.model import ArrayRecording as ArrayRecording
    from wormio.model import Channel as Channel
    from wormio.model import Events as Events
    from wormio.model import Labels as Labels
    from wormio.model import Positions as Positions
    from wormio.model import Recording as Recording
    from wormio.model import Source as Source
    from wormio.model import Timeline as Timeline
    from wormio.model import VoxelSize as VoxelSize
    from wormio.model import combine as combine
    from wormio.model import diff as diff
    from wormio.registry import contents as contents
    from wormio.registry import explain as explain
    from wormio.registry import list_formats as list_formats
    from wormio.registry import open as open  # noqa: A004 (the word of the field)
    from wormio.registry import read_positions as read_positions
    from wormio.registry import reopen as reopen
    from wormio.signal import Signal as Signal
    from wormio.signal import load as load
    from wormio.signal import save as save

_HOMES = {
    "wormio.extraction": (
        "Box",
        "BrightestMean",
        "Ellipsoid",
        "Max",
        "Mean",
        "Median",
        "Offsets",
        "Std",
        "Sum",
        "Weighted",
        "extract",
    ),
    "wormio.model": (
        "ArrayRecording",
        "Channel",
        "Events",
        "Labels",
        "Positions",
        "Recording",
        "Source",
        "Timeline",
        "VoxelSize",
        "combine",
        "diff",
    ),
    "wormio.registry": (
        "contents",
        "explain",
        "list_formats",
        "open",
        "read_positions",
        "reopen",
    ),
    "wormio.signal": ("Signal", "load", "save"),
}
_SUBPACKAGES = ("errors", "export", "mapping", "model", "registry", "signal", "testing", "view")

__all__ = sorted(  # noqa: PLE0605 (a sorted list of strings)
    [name for names in _HOMES.values() for name in names] + ["errors"]
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        # Kept: reading it takes milliseconds, and each step of a signal is marked with it.
        globals()[name] = version("wormio")
        return globals()[name]
    if name in _SUBPACKAGES:
        return importlib.import_module(f"wormio.{name}")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module 'wormio' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_SUBPACKAGES, "__version__"])
