"""Where the neurons are in each channel: where they were found, or through a map."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import attrs

from wormio.errors import OptionError
from wormio.extraction.centres import Centres, find_centres
from wormio.mapping import PointMap
from wormio.model import Positions, Recording

__all__ = ["MappingArgument", "Place", "find_places", "maps_by_channel"]

_log = logging.getLogger(__name__)

MappingArgument = PointMap | Mapping[str, PointMap] | None


@attrs.frozen
class Place:
    """The neurons of one channel.

    Parameters
    ----------
    positions : Positions
        In that channel's own pixels; NaN where a map puts a neuron outside the image.
    centres : Centres
    """

    positions: Positions
    centres: Centres


def maps_by_channel(recording: Recording, mapping: MappingArgument) -> dict[str, PointMap]:
    """Return the map of each channel that has one.

    Raises
    ------
    OptionError
        A map is for a channel that the recording does not have, or for none.
    """
    if mapping is None:
        return {}
    known = [channel.name for channel in recording.channels]
    if isinstance(mapping, PointMap):
        if not mapping.target.channel:
            raise OptionError(
                "the map does not say into which channel it goes",
                expected=f"mapping={{channel: map}}, for example mapping={{{known[-1]!r}: map}}",
                found=f"a map to {mapping.target}",
            )
        mapping = {mapping.target.channel: mapping}
    for name in mapping:
        if name not in known:
            raise OptionError(
                f"a map goes into channel {name!r}, which the recording does not have",
                expected=", ".join(known),
                found=name,
            )
    return dict(mapping)


def find_places(
    recording: Recording,
    where: Positions,
    channels: Sequence[int],
    maps: Mapping[str, PointMap],
) -> list[Place]:
    """Return where the neurons are in each of `channels`.

    Raises
    ------
    MappingError
        The positions are of another channel than a map begins in.
    OptionError, ExtractionError
        See `find_centres`.
    """
    height, width = recording.frames.shape[2:]
    direct: Place | None = None
    places = []
    for index in channels:
        name = recording.channels[index].name
        if name in maps:
            moved = maps[name].apply(where).without_outside(height, width)
            lost = int((moved.inside(height, width) != where.inside(height, width)).sum())
            if lost:
                _log.info("%d positions fall outside the image of channel %s", lost, name)
            places.append(Place(moved, find_centres(recording.timeline, moved)))
            continue
        direct = direct or Place(where, find_centres(recording.timeline, where))
        places.append(direct)
    return places
