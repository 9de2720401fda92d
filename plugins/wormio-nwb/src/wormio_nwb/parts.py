"""What the ways to open a series have in common."""

from __future__ import annotations

from pathlib import Path

import attrs
from wormio.model import Channel, Finding, FrameArray, Timeline

from wormio_nwb.imaging import Imaging

__all__ = ["Made"]


@attrs.frozen(kw_only=True)
class Made:
    """A series as far as it is a recording.

    Parameters
    ----------
    frames : FrameArray
    parts : tuple of Path
        The files that the images lie in.
    timeline : Timeline
    channels : tuple of Channel
    imaging : Imaging
    z_is_regular : bool
        Whether the planes are as far from each other as `imaging` says.
    findings : tuple of Finding
    """

    frames: FrameArray
    parts: tuple[Path, ...]
    timeline: Timeline
    channels: tuple[Channel, ...]
    imaging: Imaging
    z_is_regular: bool
    findings: tuple[Finding, ...]

    def close(self) -> None:
        """Release the files."""
        close = getattr(self.frames, "close", None)
        if close is not None:
            close()
