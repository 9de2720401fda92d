"""Tiny NWB files, written with h5py group by group: for tests, and no way to write NWB.

What the extensions of the C. elegans dandisets write can so be written without them. It shares no
code with the reader.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import h5py

__all__ = ["CORE", "MICROSCOPY", "VOLUMES", "cache_schema", "column", "series", "session", "typed"]

CORE = "core"
MICROSCOPY = "ndx-microscopy"
VOLUMES = "ndx-multichannel-volume"


def session(path: Path) -> h5py.File:
    """Create a file with what every session has."""
    import h5py

    file = h5py.File(path, "w")
    file.attrs.update({"neurodata_type": "NWBFile", "namespace": CORE, "nwb_version": "2.8.0"})
    file["session_start_time"] = "2024-05-06T07:08:09+00:00"
    file["timestamps_reference_time"] = "2024-05-06T07:00:00+00:00"
    file.create_group("acquisition")
    return file


def typed(file: h5py.Group, path: str, kind: str, namespace: str = CORE) -> h5py.Group:
    """Create a group of a neurodata type."""
    group = file.create_group(path)
    group.attrs.update({"neurodata_type": kind, "namespace": namespace})
    return group


def series(
    file: h5py.File,
    path: str,
    kind: str,
    data: Any = None,
    *,
    namespace: str = CORE,
    times: Any = None,
    rate: float | None = None,
    start: float = 0.0,
) -> h5py.Group:
    """Create a time series with time stamps, or with a start and a rate."""
    group = typed(file, path, kind, namespace)
    if data is not None:
        group["data"] = data
    if times is not None:
        group["timestamps"] = times
    if rate is not None:
        group["starting_time"] = start
        group["starting_time"].attrs["rate"] = rate
    return group


def cache_schema(file: h5py.File, namespace: str, version: str, *types: dict[str, Any]) -> None:
    """Write the definitions of an extension's types into the file, as pynwb does."""
    where = f"specifications/{namespace}/{version}"
    file[f"{where}/namespace"] = json.dumps({"namespaces": [{"name": namespace}]})
    file[f"{where}/{namespace}.extensions"] = json.dumps({"groups": types})


def column(table: h5py.Group, name: str, values: Any, ends: Any = None) -> None:
    """Write a column; a ragged one with the place where each row ends."""
    table[name] = values
    if ends is not None:
        table[f"{name}_index"] = ends
