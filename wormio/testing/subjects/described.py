"""A described format under test: one of no microscope, written a few lines a file.

Channels stand side by side in big-endian frames behind a header of 16 bytes; z stands in the table
of the frames, in nm, times in ms.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from wormio.registry import Detection, Format, PluginRegistry, Probe, hookimpl
from wormio.testing.subject import Subject
from wormio.testing.truth import Limits, Truth

__all__ = ["DESCRIPTION", "subject"]

_SIZE = {name: {"file": "rig.ini", "key": ["camera", name]} for name in ("rows", "columns")}
_TABLE = {"file": "frames.csv", "delimiter": "comma"}

DESCRIPTION: dict[str, Any] = {
    "name": "kit-rig",
    "match": {"files": ["*.img", "frames.csv", "rig.ini"], "begins": {"frames.csv": "trigger,ms"}},
    "frames": {
        "file": r"part(?P<index>\d+)\.img",
        "example": "part0.img",
        "dtype": "int16",
        "byte_order": "big",
        "layout": "split-columns",
        "header_bytes": 16,
        **_SIZE,
    },
    "frames_table": {**_TABLE, "counter": "trigger", "time": "ms", "time_unit": "ms"},
    "scan": {"z": "nm", "z_unit": "other", "um_per_unit": 0.001, "direction": "up"},
    "volumes": {
        "policy": "regular",
        "planes": {"file": "rig.ini", "key": ["scan", "planes"]},
        "direction": "column",
    },
    "channels": [{"name": "colour a"}, {"name": "colour b", "role": "signal"}],
    "voxel": {
        "z": {"file": "rig.ini", "key": ["scan", "step"]},
        "y": {"file": "rig.ini", "key": ["camera", "pixel"]},
        "x": {"file": "rig.ini", "key": ["camera", "pixel"]},
    },
    "events": [
        {
            "name": "puffs",
            "file": "puffs.txt",
            "delimiter": "space",
            "header": False,
            "columns": ["trigger", "kind"],
            "text": ["kind"],
            "counter": "trigger",
        }
    ],
}

_FRAMES_A_FILE = 6


def _make(folder: Path, truth: Truth) -> Path:
    n_frames, _, height, width = truth.frames.shape
    side_by_side = np.concatenate([truth.frames[:, 0], truth.frames[:, 1]], axis=2)
    # As a camera's software does: a new file when one is full.
    for number, first in enumerate(range(0, n_frames, _FRAMES_A_FILE)):
        part = side_by_side[first : first + _FRAMES_A_FILE]
        head = b"RIG0" + number.to_bytes(12, "big")
        (folder / f"part{number}.img").write_bytes(head + part.astype(">i2").tobytes())
    rows = zip(truth.count, truth.time * 1e3, truth.z * 1e3, truth.direction, strict=True)
    lines = [f"{count},{ms:.4f},{nm:.2f},{up}" for count, ms, nm, up in rows]
    (folder / "frames.csv").write_text("\n".join(["trigger,ms,nm,up", *lines, ""]))
    rig = configparser.ConfigParser()
    planes = int(truth.volume_counts[0, 1] - truth.volume_counts[0, 0])
    rig["camera"] = {
        "rows": str(height),
        "columns": str(2 * width),
        "pixel": str(truth.pixel_size),
    }
    rig["scan"] = {"planes": str(planes), "step": str(truth.plane_step)}
    with (folder / "rig.ini").open("w") as file:
        rig.write(file)
    (folder / "puffs.txt").write_text("".join(f"{count} CO2\n" for count in truth.events))
    return folder


def _detect(probe: Probe) -> Detection | None:
    from wormio.formats.described.detect import claim
    from wormio.formats.described.shelf import Shelf, of_data

    return claim(probe, Shelf((("kit-rig.toml", *of_data(DESCRIPTION)),)))


class _WithDescription:
    """wormio's own formats, as if the user kept the description of this rig."""

    def __init__(self, plugin: Any) -> None:
        self._plugin = plugin

    @hookimpl
    def wormio_formats(self) -> Iterable[Format]:
        """Return the formats; "described" knows the rig."""
        for fmt in self._plugin.wormio_formats():
            if fmt.name == "described":
                yield attrs.evolve(fmt, detect=_detect)
            else:
                yield fmt


def _registry() -> PluginRegistry:
    from wormio.formats import hooks

    registry = PluginRegistry()
    registry.register(_WithDescription(hooks), "builtin", "wormio's own formats")
    return registry


subject = Subject(
    format="described",
    make=_make,
    limits=Limits(
        dtypes=("int16",),
        channels=(2, 2),
        scan="regular",
        drops=True,
        duplicates=True,
        time_tol=1e-6,
        z_tol=1e-5,
        events="puffs",
    ),
    options={"description": DESCRIPTION},
    capabilities={"events", "growing", "mappable", "pickle"},
    side_files=("part0.img", "frames.csv", "rig.ini", "puffs.txt"),
    registry=_registry,
)
