"""Extraction: the fluorescence of neurons out of any recording."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Literal

from wormio.errors import OptionError
from wormio.extraction.assembling import assemble
from wormio.extraction.backgrounds import Background
from wormio.extraction.checking import (
    Offset,
    channel_offset,
    check_background,
    check_recording,
    check_request,
    check_where,
    pick_channels,
    pick_volumes,
    saturation_level,
)
from wormio.extraction.checkpoint import opened_checkpoint
from wormio.extraction.executors import ExecutorArgument, hired
from wormio.extraction.following import Following
from wormio.extraction.following import follow as follow_growing
from wormio.extraction.masks import Mask
from wormio.extraction.passing import Boundary
from wormio.extraction.places import MappingArgument, maps_by_channel
from wormio.extraction.plan import Plan
from wormio.extraction.presets import Preset, check_preset
from wormio.extraction.reducers import Mean, Reducer
from wormio.extraction.running import run
from wormio.extraction.targets import WhereArgument, find_target
from wormio.model import Recording
from wormio.signal import Signal

__all__ = ["extract", "make_plan"]


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
    volumes: tuple[int, int] | None = None,
    executor: ExecutorArgument = None,
    checkpoint: str | os.PathLike[str] | None = None,
    follow: bool | Following = False,
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
    volumes : (int, int), optional
        Half-open range of the complete volumes; default: all. `wormio.extraction.merge` puts the
        signals of several ranges together again.
    executor : "threads", "processes" or concurrent.futures.Executor, optional
        Who does the work. Default: threads, one a processor. Processes, and workers on other
        machines, open the recording themselves.
    checkpoint : path-like, optional
        Folder that keeps what is done, so that the same call goes on from there after it was
        interrupted or killed; made if it is not there.
    follow : bool or Following
        Whether to keep up with an acquisition that is still writing: volumes are extracted as they
        become complete, until nothing has grown for a while (`Following` says for how long, and
        where an acquisition marks its end). The result is that of the recording as it is then.
    memory : int
        Bytes that pixels may take at once, in each worker if they are on other machines; one
        volume at least is read.
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
        Pixels of a type that the kernels do not know; an executor of other processes for a
        recording in memory, or one that forks.
    CheckpointError
        The checkpoint is of another extraction, or another process is at work in it.
    """
    check_recording(recording)
    check_where(where)
    choices: dict[str, Any] = {
        "mask": mask,
        "reducer": reducer,
        "channels": channels,
        "mapping": mapping,
        "boundary": boundary,
        "subpixel": subpixel,
        "offset": offset,
        "saturation": saturation,
        "background": background,
        "preset": preset,
    }
    if follow:
        if checkpoint is not None or volumes is not None:
            raise OptionError(
                "a growing recording has no checkpoint, and no range of volumes",
                found="follow= with " + ("volumes=" if checkpoint is None else "checkpoint="),
                cure="leave it out: to extract again what there is takes less time than it took",
            )
        plan, samples = follow_growing(
            recording,
            where,
            lambda snapshot: make_plan(snapshot, where, **choices),
            Following() if follow is True else follow,
            executor=executor,
            memory=memory,
            progress=progress,
        )
        return assemble(plan, samples, (0, plan.recording.timeline.n_volumes))
    with ExitStack() as stack:
        workers = stack.enter_context(hired(executor, recording))
        plan = make_plan(recording, where, **choices)
        span = pick_volumes(recording, volumes)
        kept = None
        if checkpoint is not None:
            kept = stack.enter_context(opened_checkpoint(checkpoint, plan))
        samples = run(plan, workers, span, memory=memory, checkpoint=kept, progress=progress)
    return assemble(plan, samples, span)


def make_plan(
    recording: Recording,
    where: WhereArgument,
    *,
    mask: Mask | Mapping[str, Mask] | None,
    reducer: Reducer,
    channels: str | int | Sequence[str | int] | None,
    mapping: MappingArgument,
    boundary: Boundary,
    offset: Offset,
    subpixel: Literal["linear"] | None = None,
    saturation: float | None = None,
    background: Background | None = None,
    preset: Preset | None = None,
) -> Plan:
    """Check what is asked for and make all choices; no pixel is read. See `extract`."""
    picked = pick_channels(recording, channels)
    check_preset(preset, where, boundary, subpixel)
    check_request(recording, boundary, subpixel)
    maps = maps_by_channel(recording, mapping)
    target = find_target(recording, where, picked, maps, mask=mask, reducer=reducer, preset=preset)
    return Plan(
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
