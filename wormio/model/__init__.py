"""The contract: what a recording is. Start with `wormio.model.recording`.

An adapter's author needs `BaseRecording`, `Timeline`, `Channel`, `VoxelSize`, `Source`, one of the
frame arrays (`MappedFrames` for uncompressed files, `frames_from_reader` for everything else) and
one of the volume policies.
"""

from wormio.model.channel import Channel, Finding, VoxelSize
from wormio.model.columns import Clock, Column, Flag, Origin
from wormio.model.combination import combine
from wormio.model.comparison import Difference, diff
from wormio.model.derive import as_base_recording, channel_index
from wormio.model.events import Events, EventStatus
from wormio.model.frames import FrameArray, LazyFrames, MissingFrames, frames_from_reader
from wormio.model.mapped import FileLayout, MappableFrames, MappedFrames
from wormio.model.memory import ArrayFrames, ArrayRecording
from wormio.model.positions import Labels, Positions
from wormio.model.recording import BaseRecording, GrowingRecording, Recording, recording_id
from wormio.model.source import Source
from wormio.model.summary import summarise
from wormio.model.timeline import Timeline, stored_in_order
from wormio.model.volumes import (
    VolumeAssignment,
    from_modulo,
    from_scan,
    from_volume_index,
    planar,
    regular,
)

__all__ = [
    "ArrayFrames",
    "ArrayRecording",
    "BaseRecording",
    "Channel",
    "Clock",
    "Column",
    "Difference",
    "EventStatus",
    "Events",
    "FileLayout",
    "Finding",
    "Flag",
    "FrameArray",
    "GrowingRecording",
    "Labels",
    "LazyFrames",
    "MappableFrames",
    "MappedFrames",
    "MissingFrames",
    "Origin",
    "Positions",
    "Recording",
    "Source",
    "Timeline",
    "VolumeAssignment",
    "VoxelSize",
    "as_base_recording",
    "channel_index",
    "combine",
    "diff",
    "frames_from_reader",
    "from_modulo",
    "from_scan",
    "from_volume_index",
    "planar",
    "recording_id",
    "regular",
    "stored_in_order",
    "summarise",
]
