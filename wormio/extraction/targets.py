"""What is extracted: neurons at points or by labels, and the masks around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from wormio.errors import ExtractionError, OptionError
from wormio.extraction.checking import check_positions, named_masks
from wormio.extraction.labelled import place_labels
from wormio.extraction.masks import Box, Mask
from wormio.extraction.places import Place, find_places
from wormio.extraction.presets import Preset, early_centres, spread
from wormio.extraction.reducers import Reducer
from wormio.mapping import PointMap
from wormio.model import Labels, Positions, Recording, channel_index

__all__ = ["Target", "WhereArgument", "find_target"]

WhereArgument = Positions | Labels | Mapping[str, Positions]
MaskArgument = Mask | Mapping[str, Mask] | None


@attrs.frozen(kw_only=True)
class Target:
    """The neurons of an extraction.

    Parameters
    ----------
    where : Positions
        As they were given, or the centres of labels.
    places : tuple of Place
        Of each channel.
    masks : dict of str to Mask
        By name; ``""`` where there is only one.
    """

    where: Positions
    places: tuple[Place, ...]
    masks: dict[str, Mask]


def find_target(
    recording: Recording,
    where: WhereArgument,
    channels: Sequence[int],
    maps: Mapping[str, PointMap],
    *,
    mask: MaskArgument,
    reducer: Reducer,
    preset: Preset | None,
) -> Target:
    """Find the neurons in each of `channels`, and their masks.

    Raises
    ------
    ExtractionError, MappingError, OptionError
        See `wormio.extract`.
    """
    if isinstance(where, Labels):
        if mask is not None or maps:
            raise OptionError(
                "the voxels of labels are their mask, and are not mapped",
                expected="neither mask= nor mapping= with a label image",
                found="mask=" if mask is not None else "mapping=",
                cure="extract a mask around positions instead",
            )
        if not len(where):
            raise ExtractionError("there are no labels", expected="at least one", found="none")
        place, labelled = place_labels(recording, where)
        return Target(where=place.positions, places=(place,) * len(channels), masks={"": labelled})
    if isinstance(where, Mapping):
        positions = _by_channel(recording, where, channels, maps)
        first = positions[channels[0]]
        places = [find_places(recording, positions[i], [i], {})[0] for i in channels]
    else:
        check_positions(recording, where)
        first, places = where, find_places(recording, where, channels, maps)
    masks = named_masks(Box(3, 5, 5) if mask is None else mask, len(first), reducer)
    if preset is not None:
        timeline = recording.timeline
        masks = spread(masks, timeline)
        places = [
            attrs.evolve(place, centres=early_centres(timeline, place.positions))
            for place in places
        ]
    return Target(where=first, places=tuple(places), masks=masks)


def _by_channel(
    recording: Recording,
    where: Mapping[str, Positions],
    channels: Sequence[int],
    maps: Mapping[str, PointMap],
) -> dict[int, Positions]:
    if maps:
        raise OptionError(
            "positions in every channel are not mapped",
            expected="either positions by channel, or mapping=",
            found="both",
        )
    found = {channel_index(recording, name): positions for name, positions in where.items()}
    missing = [recording.channels[i].name for i in channels if i not in found]
    if missing:
        raise OptionError(
            f"there are no positions in channel {missing[0]!r}",
            expected="positions in each channel that is extracted",
            found=", ".join(map(repr, where)) or "none",
            cure="name the channels: channels=[...]",
        )
    names = found[channels[0]].labels
    for positions in found.values():
        if positions.labels != names:
            raise OptionError(
                "the positions in two channels are of different neurons",
                expected="the same labels in the same order",
                found=f"{len(names)} and {len(positions.labels)} neurons",
            )
        check_positions(recording, positions)
    return found
