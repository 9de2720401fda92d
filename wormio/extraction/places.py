"""Where the neurons are in each channel: where they were found, or through a map."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import attrs

from wormio.errors import ExtractionError, OptionError
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
        A map is for a channel that the recording does not have, for none, or for another than it
        goes into; or it is no map.
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
    if not isinstance(mapping, Mapping):
        raise OptionError(
            "mapping is no map",
            expected="a PointMap, or a mapping of channel name to PointMap",
            found=type(mapping).__name__,
            cure="of a Fit, its map: mapping=found.map; of a file: wormio.mapping.load(path)",
        )
    for name, each in mapping.items():
        if name not in known:
            raise OptionError(
                f"a map goes into channel {name!r}, which the recording does not have",
                expected=", ".join(known),
                found=name,
            )
        if not isinstance(each, PointMap):
            raise OptionError(
                f"the mapping of channel {name!r} is no map",
                expected="a PointMap",
                found=type(each).__name__,
            )
        if each.target.channel not in {"", name}:
            raise OptionError(
                f"a map given for channel {name!r} goes into another",
                expected=f"a map into {name!r}",
                found=f"a map from {each.source} to {each.target}",
                cure="give it for the channel it goes into, or use map.inverse()",
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
    ExtractionError
        A map puts every neuron outside the image.
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
            before, after = where.inside(height, width), moved.inside(height, width)
            lost = int((before & ~after).sum())
            if lost and not after.any():
                raise ExtractionError(
                    f"the map puts every neuron outside the image of channel {name!r}",
                    expected=f"y in 0..{height - 1} and x in 0..{width - 1}",
                    found=f"a map from {maps[name].source} to {maps[name].target}",
                    cure="check its direction (map.inverse()), and whether it was fitted in the "
                    "pixels of the channels' own images",
                )
            if lost:
                _log.info("%d positions fall outside the image of channel %s", lost, name)
            places.append(Place(moved, find_centres(recording.timeline, moved)))
            continue
        direct = direct or Place(where, find_centres(recording.timeline, where))
        places.append(direct)
    return places
