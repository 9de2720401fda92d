"""Recordings in memory: the perfect recording, for examples, phantoms and as an oracle."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wormio.errors import ContractError
from wormio.model.channel import Channel, VoxelSize
from wormio.model.columns import Flag, Origin
from wormio.model.events import Events
from wormio.model.frames import LazyFrames
from wormio.model.recording import BaseRecording
from wormio.model.source import Source
from wormio.model.timeline import Timeline, stored_in_order
from wormio.model.volumes import regular

__all__ = ["ArrayFrames", "ArrayRecording"]


class ArrayFrames(LazyFrames):
    """A `FrameArray` over a NumPy array; results are copies.

    Parameters
    ----------
    frames : (F, C, Y, X) array_like
    """

    def __init__(self, frames: ArrayLike) -> None:
        array = np.asarray(frames)
        if array.ndim != self.ndim or array.dtype.kind not in "uif":
            raise ContractError(
                "frames are no stack of images",
                expected="numbers of shape (frame, channel, y, x)",
                found=f"dtype {array.dtype}, shape {array.shape}",
            )
        super().__init__(array.shape, array.dtype)
        self._array = array

    def digest(self) -> str:
        """Return the SHA-256 of the pixels, whatever the byte order of this machine.

        It reads all of them, every time: nobody promises that the array stays as it is.
        """
        digest = hashlib.sha256()
        for image in self._array:
            digest.update(np.ascontiguousarray(image, self.dtype.newbyteorder("<")).data)
        return digest.hexdigest()

    def _read(self, frames: range, channels: range, rows: range, columns: range) -> NDArray[Any]:
        picked = self._array[np.ix_(frames, channels)]
        return picked[:, :, rows.start : rows.stop, columns.start : columns.stop]


class ArrayRecording(BaseRecording):
    """A recording whose pixels are an array.

    It declares no capability of files: it is not mappable, and a process executor refuses it,
    since its Source cannot be opened elsewhere. Its `recording_id` is that of its pixels too, which
    are read when it is asked for, not before.

    Parameters
    ----------
    frames : (F, C, Y, X) array_like
    timeline : Timeline
    channels : sequence of Channel, optional
        Default: ``channel-0``, ``channel-1``, ...
    voxel_size, events, metadata
        As in `BaseRecording`.

    Examples
    --------
    >>> import numpy as np
    >>> volumes = np.arange(2 * 3 * 1 * 4 * 5).reshape(2, 3, 1, 4, 5)  # (V, Z, C, Y, X)
    >>> recording = ArrayRecording.from_volumes(
    ...     volumes, voxel_size=VoxelSize(z=2.0, y=0.4, x=0.4), volume_interval=0.2
    ... )
    >>> recording.frames.shape, recording.timeline.n_volumes
    ((6, 1, 4, 5), 2)
    >>> bool((recording.volume(1) == volumes[1]).all())
    True
    """

    def __init__(
        self,
        frames: ArrayLike,
        timeline: Timeline,
        *,
        channels: Sequence[Channel] | None = None,
        voxel_size: VoxelSize | None = None,
        events: Mapping[str, Events] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        array = ArrayFrames(frames)
        if channels is None:
            channels = [Channel(name=f"channel-{i}") for i in range(array.shape[1])]
        super().__init__(
            source=Source(
                "memory",
                {"shape": list(array.shape), "dtype": array.dtype.str},
                content=array.digest,
            ),
            frames=array,
            timeline=timeline,
            channels=channels,
            voxel_size=voxel_size or VoxelSize(),
            events=events or {},
            metadata=metadata or {},
        )

    @classmethod
    def from_volumes(
        cls,
        volumes: ArrayLike,
        *,
        voxel_size: VoxelSize | None = None,
        volume_interval: float | None = None,
        channels: Sequence[Channel] | None = None,
        events: Mapping[str, Events] | None = None,
    ) -> ArrayRecording:
        """Make a recording of regular volumes.

        Parameters
        ----------
        volumes : (V, Z, C, Y, X) array_like
        voxel_size : VoxelSize, optional
            Its z gives the planes their positions 0, z, 2z, ... µm.
        volume_interval : float, optional
            Seconds from volume to volume, spread evenly over the planes.
        channels, events
            As in `ArrayRecording`.
        """
        array = np.asarray(volumes)
        if array.ndim != 5:
            raise ContractError(
                "volumes have the wrong number of axes",
                expected="five: (volume, z, channel, y, x)",
                found=str(array.shape),
            )
        n_volumes, n_planes, n_channels = array.shape[:3]
        n_frames = n_volumes * n_planes
        assigned = regular(np.arange(n_frames), planes=n_planes)
        step = None if voxel_size is None else voxel_size.z
        time = np.full(n_frames, np.nan)
        if volume_interval is not None:
            time = (np.arange(n_frames) + 0.5) * (volume_interval / n_planes)
        z = np.full(n_frames, np.nan) if step is None else np.arange(n_frames) % n_planes * step
        nominal = Origin.NOMINAL
        timeline = Timeline(
            time=time,
            z=z,
            volumes=assigned.frames,
            stored=stored_in_order(n_frames, n_channels),
            flags=np.full(n_frames, int(Flag.Z_UNKNOWN) if step is None else 0),
            direction=np.full(n_frames, 0 if step is None else 1, np.int8),
            origins={
                "time": Origin.UNKNOWN if volume_interval is None else nominal,
                "z": Origin.UNKNOWN if step is None else nominal,
                "volume": nominal,
                "direction": Origin.UNKNOWN if step is None else nominal,
            },
            policy=assigned.policy,
        )
        return cls(
            array.reshape(n_frames, *array.shape[2:]),
            timeline,
            channels=channels,
            voxel_size=voxel_size,
            events=events,
        )
