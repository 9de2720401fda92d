"""Names of channels, where a file gives none, or the same twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from wormio.model import Channel

__all__ = ["name_channels"]


def name_channels(listed: Sequence[Channel], offsets: Iterable[float]) -> tuple[Channel, ...]:
    """Give every channel a unique name and its time offset.

    Parameters
    ----------
    listed : sequence of Channel
        As the file lists them; not used if their number is another, because then the user's axes
        are not the file's.
    offsets : (C,) iterable of float
        Seconds.
    """
    offsets = list(offsets)
    if len(listed) != len(offsets):
        listed = [Channel(name="") for _ in offsets]
    made: list[Channel] = []
    taken: set[str] = set()
    for index, (channel, offset) in enumerate(zip(listed, offsets, strict=True)):
        base = channel.name or f"channel-{index}"
        name, n = base, 1
        while name in taken:
            n += 1
            name = f"{base}-{n}"
        taken.add(name)
        made.append(attrs.evolve(channel, name=name, time_offset=float(offset)))
    return tuple(made)
