"""Extraction: the fluorescence of neurons out of any recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Literal

from wormio.extraction.assembling import assemble
from wormio.extraction.backgrounds import Background
from wormio.extraction.checking import (
    Offset,
    channel_offset,
    check_background,
    check_request,
    pick_channels,
    saturation_level,
)
from wormio.extraction.kernels import Boundary
from wormio.extraction.masks import Mask
from wormio.extraction.places import MappingArgument, maps_by_channel
from wormio.extraction.plan import Plan
from wormio.extraction.presets import Preset, check_preset
from wormio.extraction.reducers import Mean, Reducer
from wormio.extraction.running import check_executor, run
from wormio.extraction.targets import WhereArgument, find_target
from wormio.model import Recording
from wormio.signal import Signal

__all__ = ["extract"]


def extract(
    recording: Recording,
    where: WhereArgument,
    *,
    mask: Mask | Mapping[str, Mask] | None = None,
    reducer: Reducer = Mean(),  # noqa: B008 (frozen)
    channels: str | int | Sequence[str | int] | None = None,
    mapping: MappingArgument = None,
    boundary: Boundary = "exclude",
    subpixel: Literal["linear"] | None = None,
    offset: Offset = "channel",
    saturation: float | None = None,
    background: Background | None = None,
    preset: Preset | None = None,
    executor: Executor | None = None,
    memory: int = 1 << 30,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Signal]:
    """Extract the fluorescence of neurons from every complete volume.

    The result depends neither on the number of threads nor on how volumes are batched, bit for
    bit. Memory is bounded by a few volumes whatever the length of the recording.

    Parameters
    ----------
    recording : Recording
    where : Positions, Labels, or mapping of channel name to Positions
        Centres of the neurons, (z, y, x), rounded to voxels by floor(x + 0.5); the same neurons in
        each channel, where they differ; or a label image, whose planes are the slots of a sweep.
    mask : Mask, or mapping of str to Mask
        Voxels around the centre: `Box`, `Ellipsoid`, `Offsets`, `Weighted`; default: ``Box(3, 5,
        5)``. Labels are their own mask. Several, by name, are
        done in one pass; their signals are called ``"green/ring"``: channel, then mask.
    reducer : Reducer
        What becomes of the voxels: `Mean`, `Sum`, `BrightestMean`, `Median`, `Percentile`, `Max`,
        `Std`, or a plugin's. Weighted masks go with `Mean` and `Sum`.
    channels : str, int or sequence, optional
        Default: all.
    mapping : PointMap or mapping of channel name to PointMap, optional
        From the channel in which the neurons were found to others, which are then read where the
        neurons are *there*; a single map goes into the channel that it names. Channels without a
        map are read at the positions themselves. What a map puts outside the image is not valid.
    boundary : {"exclude", "clip", "nan"}
        What becomes of voxels outside the image or the sweep, or in a dropped plane: left out;
        replaced by the nearest voxel inside; or the whole sample becomes NaN.
    subpixel : "linear", optional
        Centres are not rounded in y and x: each voxel is interpolated between its four pixels.
        Planes are never mixed.
    offset : "channel", float or mapping of channel name to float
        Camera offset in counts, subtracted from every voxel. ``"channel"``: each channel's own
        (nothing where it is unknown).
    saturation : float, optional
        Counts from which on a pixel is counted as saturated. Default: the highest that integer
        pixels can have; none of floating-point ones.
    background : Annulus or PlanePercentile, optional
        Is measured for each sample and subtracted; `Signal.background` keeps it. Goes with all
        reducers of wormio but `Std`.
    preset : "wormdatamodel-1.5", optional
        The numbers that this program published, its errors included: see *Extraction* in the
        documentation. The defaults have none of them.
    executor : concurrent.futures.Executor, optional
        Of threads; default: a pool of its own, one thread a processor.
    memory : int
        Bytes that pixels may take at once; one volume at least is read.
    progress : callable, optional
        ``progress(volumes_done, volumes)``.

    Returns
    -------
    dict of str to Signal
        One a channel, by name; (volumes, neurons).

    Raises
    ------
    ExtractionError
        No neurons, no volumes, centres outside the image, positions of another recording.
    OptionError
        Unknown channel or boundary, z in µm without calibration, a map into no channel.
    MappingError
        The positions were found in another channel than the map begins in.
    UnsupportedCapabilityError
        Pixels of a type that the kernels do not know; an executor whose workers are other
        processes.
    """
    check_executor(executor)
    picked = pick_channels(recording, channels)
    check_preset(preset, where, boundary, subpixel)
    check_request(recording, boundary, subpixel)
    maps = maps_by_channel(recording, mapping)
    target = find_target(recording, where, picked, maps, mask=mask, reducer=reducer, preset=preset)
    plan = Plan(
        recording=recording,
        where=target.where,
        channels=tuple(picked),
        places=target.places,
        maps=maps,
        masks=target.masks,
        reducer=reducer,
        boundary=boundary if preset is None else "clip",
        preset=preset,
        background=check_background(background, target.masks, len(target.where), reducer),
        by_channel=isinstance(where, Mapping),
        linear=subpixel == "linear",
        saturation=saturation_level(recording, saturation),
        offsets=tuple(channel_offset(recording, i, offset) for i in picked),
    )
    return assemble(plan, run(plan, executor=executor, memory=memory, progress=progress))
