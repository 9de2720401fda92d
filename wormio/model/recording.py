"""The contract: what a recording is, and the class that adapters fill in.

This page is all an adapter's author needs to read. Pixels are ordered (frame, channel, y, x),
points (z, y, x); integer y and x are pixel centres; lengths are µm, times seconds. A *frame* is all
channels at one focal position in one exposure; frames are in acquisition order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, Self, runtime_checkable

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import ContractError
from wormio.model._fields import as_dict, as_tuple
from wormio.model.channel import Channel, Finding, VoxelSize
from wormio.model.events import Events
from wormio.model.frames import FrameArray, MissingFrames
from wormio.model.source import Source
from wormio.model.timeline import Timeline

__all__ = ["BaseRecording", "GrowingRecording", "Recording", "recording_id"]


class Recording(Protocol):
    """A whole-brain recording, whatever its format."""

    @property
    def source(self) -> Source:
        """How to open it again, in any process."""
        ...

    @property
    def frames(self) -> FrameArray:
        """Lazy pixels of shape (F, C, Y, X)."""
        ...

    @property
    def timeline(self) -> Timeline:
        """One row a frame, and the volumes."""
        ...

    @property
    def channels(self) -> tuple[Channel, ...]:
        """One for each index of axis 1."""
        ...

    @property
    def voxel_size(self) -> VoxelSize:
        """Spacing in µm."""
        ...

    @property
    def events(self) -> Mapping[str, Events]:
        """Stimuli by name; empty if there are none."""
        ...

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The format's own metadata, JSON-serialisable, untouched."""
        ...

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the user should know about this recording."""
        ...

    def close(self) -> None:
        """Release the files; reading pixels afterwards raises `RecordingClosedError`."""
        ...


@runtime_checkable
class GrowingRecording(Protocol):
    """Optional capability: a recording whose acquisition is still writing."""

    def refresh(self) -> Recording:
        """Return a new snapshot, of which this one is an identical prefix."""
        ...


@attrs.define(eq=False, kw_only=True, on_setattr=attrs.setters.frozen)
class BaseRecording:
    """A `Recording` made of its parts; adapters build one, `ArrayRecording` is one.

    Parameters
    ----------
    source : Source
    frames : FrameArray
        Lazy, (F, C, Y, X). If it has a ``close`` method, closing the recording calls it.
    timeline : Timeline
    channels : sequence of Channel
        Unique names.
    voxel_size : VoxelSize, optional
    events : mapping of str to Events, optional
    metadata : mapping, optional
        JSON-serialisable.
    findings : sequence of Finding, optional

    Raises
    ------
    ContractError
        Parts that do not belong together: their numbers of frames or channels differ.
    """

    source: Source
    frames: FrameArray
    timeline: Timeline
    channels: tuple[Channel, ...] = attrs.field(converter=as_tuple)
    voxel_size: VoxelSize = VoxelSize()
    events: Mapping[str, Events] = attrs.field(factory=dict, converter=as_dict)
    metadata: Mapping[str, Any] = attrs.field(factory=dict, converter=as_dict)
    findings: tuple[Finding, ...] = attrs.field(default=(), converter=as_tuple)
    closed: bool = attrs.field(init=False, default=False, on_setattr=attrs.setters.NO_OP)
    owned: tuple[Recording, ...] = attrs.field(
        init=False, default=(), repr=False, on_setattr=attrs.setters.NO_OP
    )
    """Recordings that were opened for this one alone (by `reopen`): closed with it."""

    def __attrs_post_init__(self) -> None:
        names = [channel.name for channel in self.channels]
        if len(set(names)) != len(names) or not names:
            raise ContractError(
                "channels need unique names",
                expected="at least one, all different",
                found=str(names),
            )
        expected = {
            "timeline.stored": (self.timeline.stored.shape, (len(self.timeline), len(names))),
        }
        if not isinstance(self.frames, MissingFrames):
            expected["frames"] = (tuple(self.frames.shape[:2]), (len(self.timeline), len(names)))
        for what, (found, wanted) in expected.items():
            if found != wanted:
                raise ContractError(
                    f"{what} does not fit the timeline and the channels",
                    expected=f"{wanted} (frames, channels)",
                    found=str(found),
                )
        for name, events in self.events.items():
            if len(events) and events.frame.max() >= len(self.timeline):
                raise ContractError(
                    f"events {name!r} point past the last frame",
                    expected=f"frames below {len(self.timeline)}",
                    found=str(int(events.frame.max())),
                )

    def close(self) -> None:
        """Release the files; pixels that were read before stay valid. May be called again.

        A recording that was derived from others (`select`, `combine`, ...) opened no files:
        closing it leaves them open.
        """
        if not self.closed:
            self.closed = True
            close = getattr(self.frames, "close", None)
            if close is not None:
                close()
            for recording in self.owned:
                recording.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[object, ...]:
        # A recording travels as its recipe, never as pixels.
        return (_reopen, (self.source.to_json(),))

    def __repr__(self) -> str:
        from wormio.model.summary import one_line

        return one_line(self)

    @property
    def recording_id(self) -> str:
        """See `recording_id`."""
        return recording_id(self)

    def channel_index(self, channel: str | int) -> int:
        """Return the index of a channel given by name or index; see `derive.channel_index`."""
        from wormio.model.derive import channel_index

        return channel_index(self, channel)

    def volume(self, index: int) -> NDArray[Any]:
        """Read the saved frames of one volume, (frames, C, Y, X)."""
        from wormio.model.derive import volume

        return volume(self, index)

    def iter_volumes(self) -> Iterator[NDArray[Any]]:
        """Read volume after volume, each (frames, C, Y, X)."""
        return (self.volume(index) for index in range(self.timeline.n_volumes))

    def select(
        self,
        *,
        channels: object = None,
        frames: slice | None = None,
        volumes: slice | None = None,
    ) -> BaseRecording:
        """Return a recording of some channels, and of a stretch of frames or volumes."""
        from wormio.model.derive import select

        return select(self, channels=channels, frames=frames, volumes=volumes)

    def with_events(self, /, **events: Events) -> BaseRecording:
        """Return the recording with further events, or with some replaced."""
        from wormio.model.derive import with_events

        return with_events(self, **events)

    def with_channels(self, changes: Mapping[str, Mapping[str, Any]]) -> BaseRecording:
        """Return the recording with other facts about its channels, by their names."""
        from wormio.model.derive import with_channels

        return with_channels(self, changes)

    def with_timeline(self, policy: str, **parameters: Any) -> BaseRecording:
        """Return the recording with its volumes assigned by another policy."""
        from wormio.model.derive import with_timeline

        return with_timeline(self, policy, **parameters)


def _reopen(tree: Mapping[str, Any]) -> Recording:
    import wormio  # the public door; this floor of the house knows no registry

    reopened: Recording = wormio.reopen(Source.from_json(tree))
    return reopened


def recording_id(recording: Recording) -> str:
    """Identify a recording by its content, wherever it lies.

    SHA-256 of format, options, names and sizes of the parts, and the timeline; never of paths or
    modification times. Of a recording in memory, also of its pixels.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    digest.update(json.dumps(recording.source.identity(), sort_keys=True).encode())
    timeline = recording.timeline
    for name in ("time", "z", "count", "volumes", "volume_counts", "stored", "flags"):
        values = np.ascontiguousarray(getattr(timeline, name))
        digest.update(f"{name}{values.shape}{values.dtype.str}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
