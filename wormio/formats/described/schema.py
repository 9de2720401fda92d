"""What a description may say: one class a table of the TOML file.

`wormio.registry.toml` checks keys and types against these classes, and `checking` what they cannot
say. ``wormio describe`` prints an annotated example.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import attrs

from wormio.model.channel import Role

__all__ = [
    "LEAST",
    "MOST",
    "TIME_UNITS",
    "Actuator",
    "ChannelSpec",
    "Description",
    "EventTable",
    "Extra",
    "FrameFiles",
    "FramesTable",
    "Given",
    "Match",
    "OptionSpec",
    "Property",
    "Scan",
    "TableKeys",
    "Value",
    "VolumeRule",
    "Voxel",
]

ColumnName = str | int
"""A column, by its name or by its number, counted from 1."""
TimeUnit = Literal["s", "ms", "us", "ns"]
TIME_UNITS: dict[TimeUnit, float] = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
LEAST, MOST = 1e-9, 1e9
"""A length, a rate or a calibration beyond these is a slip of the pen in any unit."""
Policy = Literal["from_volume_index", "from_scan", "from_modulo", "regular", "planar"]


@attrs.frozen(kw_only=True)
class Given:
    """One place that a number may come from: exactly one of ``option``, ``group``, ``file``."""

    option: str | None = None
    group: str | None = None
    file: str | None = None
    key: str | tuple[str, ...] = ()
    inverse: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The way to the number in the file."""
        return (self.key,) if isinstance(self.key, str) else self.key

    def __str__(self) -> str:
        if self.option is not None:
            return f"the option {self.option}"
        if self.group is not None:
            return f"the part {self.group!r} of the frame file's name"
        return f"{'.'.join(self.keys)!r} of {self.file}"


Value = float | Given | tuple[Given, ...]
"""A number, or a place to look for it, or several in this order."""


@attrs.frozen(kw_only=True)
class OptionSpec:
    """``[options.NAME]``: a number that the user may have to give."""

    help: str
    type: Literal["number", "positive", "integer"] = "number"
    default: float | None = None
    example: float | None = None


@attrs.frozen(kw_only=True)
class Match:
    """``[match]``: by which files a folder is recognised."""

    files: tuple[str, ...]
    begins: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class FrameFiles:
    """``[frames]``: the raw files and what lies where in them."""

    file: str
    example: str = ""
    dtype: Literal["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]
    byte_order: Literal["little", "big"] | None = None
    layout: Literal[
        "split-rows", "split-columns", "interleaved-rows", "interleaved-pixels", "sequential"
    ]
    rows: Value
    columns: Value
    first_index: int = 0
    header_bytes: int = 0
    frame_header_bytes: int = 0

    @property
    def pattern(self) -> re.Pattern[str]:
        """The names of the files."""
        return re.compile(self.file)

    @property
    def shown(self) -> str:
        """What a frame file is called, for people."""
        return self.example or self.file


@attrs.frozen(kw_only=True)
class TableKeys:
    """Keys of every table of text.

    ``columns`` is what the header says; ``generations`` holds several such headers, of which any
    may be there.
    """

    delimiter: Literal["tab", "comma", "semicolon", "space"] = "tab"
    header: bool = True
    columns: tuple[str, ...] = ()
    generations: tuple[tuple[str, ...], ...] = ()
    more: int = 0
    text: tuple[str, ...] = ()

    @property
    def headers(self) -> tuple[tuple[str, ...], ...]:
        """The headers that may be there; none: any."""
        return self.generations or ((self.columns,) if self.columns else ())


@attrs.frozen(kw_only=True)
class Extra:
    """A further column that the recording shall keep."""

    name: str
    column: ColumnName
    unit: str = ""


@attrs.frozen(kw_only=True)
class FramesTable(TableKeys):
    """``[frames_table]``: one row a saved frame."""

    file: str
    counter: ColumnName | None = None
    time: ColumnName | None = None
    time_unit: TimeUnit | None = None
    rate: Value | None = None
    clock: str = ""
    repair: tuple[Literal["late-counter", "stuck-time"], ...] = ()
    extra: tuple[Extra, ...] = ()


@attrs.frozen(kw_only=True)
class Scan(TableKeys):
    """``[scan]``: where each frame was taken; columns of a table of its own or of the frames'."""

    file: str | None = None
    join: Literal["counter", "row", "time"] = "row"
    counter: ColumnName | None = None
    shift: Value | None = None
    time: ColumnName | None = None
    time_unit: TimeUnit | None = None
    repair: tuple[Literal["steady-counter"], ...] = ()
    z: ColumnName | None = None
    z_unit: Literal["um", "V", "other"] = "um"
    um_per_unit: Value | None = None
    direction: ColumnName | None = None
    volume: ColumnName | None = None
    gate: ColumnName | None = None
    extra: tuple[Extra, ...] = ()


@attrs.frozen(kw_only=True)
class VolumeRule:
    """``[volumes]``: which rules assign the frames to volumes; the first that applies counts."""

    policy: Policy | tuple[Policy, ...]
    direction: Literal["z", "column", "none"] = "none"
    planes: Value | None = None
    frames_per_volume: Value | None = None
    first: int | None = None
    window: int = 7
    order: int = 2
    min_swing: float = 0.05

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The rules in their order."""
        return self.policy if isinstance(self.policy, tuple) else (self.policy,)


@attrs.frozen(kw_only=True)
class Actuator:
    """Rows of an events column that are in the units of an actuator, for example of a lens.

    It counts from the middle of its range; ``um = (value + (high - low) / 2) / per_um``.
    """

    name: str
    column: str
    unit: str
    when: Mapping[str, str] = attrs.field(factory=dict)
    low: Value
    high: Value
    per_um: Value
    um_per_pixel: Value | None = None


@attrs.frozen(kw_only=True)
class Property:
    """A property of events that is put together from columns."""

    name: str
    columns: tuple[str, ...]
    unit: str = ""


@attrs.frozen(kw_only=True)
class EventTable(TableKeys):
    """``[[events]]``: a table of what was done to the animal."""

    name: str
    file: str
    optional: bool = False
    counter: str | None = None
    time: str | None = None
    time_unit: TimeUnit | None = None
    duration: str | None = None
    duration_unit: TimeUnit = "s"
    snap_to_gate: bool = False
    noted: str | None = None
    units: Mapping[str, str] = attrs.field(factory=dict)
    properties: tuple[Property, ...] = ()
    actuators: tuple[Actuator, ...] = ()


@attrs.frozen(kw_only=True)
class ChannelSpec:
    """``[[channels]]``, in the order in which they lie in a frame."""

    name: str
    role: Role = "other"
    offset: Value | None = None
    indicator: str = ""
    excitation_nm: float | None = None
    emission_nm: float | None = None


@attrs.frozen(kw_only=True)
class Voxel:
    """``[voxel]``: size in um."""

    z: Value | None = None
    y: Value | None = None
    x: Value | None = None


@attrs.frozen(kw_only=True)
class Description:
    """A whole description."""

    name: str
    title: str = ""
    match: Match | None = None
    options: Mapping[str, OptionSpec] = attrs.field(factory=dict)
    frames: FrameFiles
    frames_table: FramesTable
    scan: Scan | None = None
    volumes: VolumeRule
    channels: tuple[ChannelSpec, ...]
    voxel: Voxel = Voxel()
    events: tuple[EventTable, ...] = ()
