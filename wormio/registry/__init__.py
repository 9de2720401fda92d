"""Formats, how they are found, and how a path becomes a recording.

Authors of plugins need `hookimpl`, `Format`, `Detection`, `Confidence`, `Options` and `option`.
"""

from wormio.registry.format import (
    SPEC_VERSION,
    Confidence,
    Detection,
    Format,
    PositionReader,
    ReducerPlugin,
    load_code,
)
from wormio.registry.hookspecs import hookimpl
from wormio.registry.manager import LoadFailure, PluginRegistry, default_registry
from wormio.registry.opening import (
    Explanation,
    Verdict,
    contents,
    explain,
    list_formats,
    open,  # noqa: A004 (wormio.open)
    read_positions,
    reopen,
)
from wormio.registry.options import (
    Options,
    finite_number,
    make_options,
    one_of,
    option,
    positive_number,
)
from wormio.registry.probe import Probe

__all__ = [
    "SPEC_VERSION",
    "Confidence",
    "Detection",
    "Explanation",
    "Format",
    "LoadFailure",
    "Options",
    "PluginRegistry",
    "PositionReader",
    "Probe",
    "ReducerPlugin",
    "Verdict",
    "contents",
    "default_registry",
    "explain",
    "finite_number",
    "hookimpl",
    "list_formats",
    "load_code",
    "make_options",
    "one_of",
    "open",
    "option",
    "positive_number",
    "read_positions",
    "reopen",
]
