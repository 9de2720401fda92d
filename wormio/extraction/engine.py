"""Extraction: the fluorescence of neurons out of any recording."""

from __future__ import annotations

import logging
import os
import platform
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from importlib.metadata import version
from typing import Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import ExtractionError, OptionError, UnsupportedCapabilityError
from wormio.extraction.blocks import Batch, plan_batches, read_block, rows_touched
from wormio.extraction.centres import plane_table
from wormio.extraction.kernels import SUPPORTED_DTYPES, Boundary, sum_runs
from wormio.extraction.masks import Box, Mask
from wormio.extraction.places import MappingArgument, Place, find_places, maps_by_channel
from wormio.extraction.reducers import Mean, Reducer
from wormio.model import Labels, Positions, Recording, channel_index, recording_id
from wormio.signal import Provenance, Signal, Step

__all__ = ["extract"]

_log = logging.getLogger(__name__)

Offset = Literal["channel"] | float | Mapping[str, float]


def extract(
    recording: Recording,
    where: Positions,
    *,
    mask: Mask = Box(3, 5, 5),  # noqa: B008 (frozen)
    reducer: Reducer = Mean(),  # noqa: B008 (frozen)
    channels: str | int | Sequence[str | int] | None = None,
    mapping: MappingArgument = None,
    boundary: Boundary = "exclude",
    offset: Offset = "channel",
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
    where : Positions
        Centres of the neurons, (z, y, x). Rounded to voxels by floor(x + 0.5).
    mask : Mask
        Voxels around the centre.
    reducer : Reducer
        `Mean` or `Sum` of the voxels.
    channels : str, int or sequence, optional
        Default: all.
    mapping : PointMap or mapping of channel name to PointMap, optional
        From the channel in which the neurons were found to others, which are then read where the
        neurons are *there*; a single map goes into the channel that it names. Channels without a
        map are read at the positions themselves. What a map puts outside the image is not valid.
    boundary : {"exclude", "clip", "nan"}
        What becomes of voxels outside the image or the sweep, or in a dropped plane: left out;
        replaced by the nearest voxel inside; or the whole sample becomes NaN.
    offset : "channel", float or mapping of channel name to float
        Camera offset in counts, subtracted from every voxel. ``"channel"``: each channel's own
        (nothing where it is unknown).
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
        Pixels of a type that the kernels do not know; a label image; an executor whose workers are
        other processes.
    """
    _check_executor(executor)
    picked = _channels(recording, channels)
    _check(recording, where, boundary)
    timeline = recording.timeline
    n_volumes, n_neurons = timeline.n_volumes, len(where)
    maps = maps_by_channel(recording, mapping)
    places = find_places(recording, where, picked, maps)
    offsets = {recording.channels[i].name: _offset(recording, i, offset) for i in picked}
    runs = mask.runs()
    shape = (len(picked), n_volumes, n_neurons)
    total, voxels = np.full(shape, np.nan), np.zeros(shape, np.int32)

    def work(batch: Batch) -> int:
        block = slice(*batch.volumes)
        sums = _reduce(recording, places, picked, batch, runs, boundary, offsets)
        for j, (batch_total, batch_voxels) in enumerate(sums):
            total[j, block], voxels[j, block] = batch_total, batch_voxels
        return batch.volumes[1] - batch.volumes[0]

    workers = getattr(executor, "_max_workers", None) or os.cpu_count() or 1
    batches = plan_batches(recording, len(picked), memory // (workers + 1))
    # One batch more than there are workers, so that none waits; fewer where a volume is so large
    # that they would not fit.
    _, _, height, width = recording.frames.shape
    image = height * width * recording.frames.dtype.itemsize
    largest = max(b.frames[1] - b.frames[0] for b in batches) * len(picked) * image
    in_flight = max(1, min(workers + 1, memory // max(largest, 1)))
    _run(work, batches, executor, in_flight, progress, n_volumes)

    options = {
        "mask": mask.to_json(),
        "reducer": reducer.to_json(),
        "boundary": boundary,
        "offset": offsets,
        "channels": list(offsets),
    }
    if maps:
        options["mapping"] = {name: each.to_json() for name, each in maps.items()}
    provenance = Provenance(
        source=recording.source.to_json(),
        recording_id=recording_id(recording),
        options=options,
        versions=_versions(),
        positions=where,
        volumes=timeline.volumes,
        centre_frame=places[0].centres.frame,
    )
    signals = {}
    for j, (index, place) in enumerate(zip(picked, places, strict=True)):
        centres = place.centres
        channel = recording.channels[index]
        data = reducer.finish(total[j], voxels[j])
        sampled = np.where(centres.frame >= 0, timeline.time[centres.frame], np.nan)
        signals[channel.name] = Signal(
            data=data,
            volume=np.arange(n_volumes),
            time=timeline.volume_time + channel.time_offset,
            sample_time=sampled + channel.time_offset,
            valid=(voxels[j] > 0) & np.isfinite(data),
            voxels=voxels[j],
            labels=where.labels,
            events=recording.events,
            channel=channel,
            quantity="fluorescence",
            unit=reducer.unit,
            history=(
                Step(
                    name="extract",
                    parameters=options | {"channel": channel.name},
                    version=version("wormio"),
                ),
            ),
            recording=provenance.recording_id,
            provenance=provenance
            if np.array_equal(centres.frame, provenance.centre_frame)
            else attrs.evolve(provenance, centre_frame=centres.frame),
        )
    return signals


def _channels(recording: Recording, channels: str | int | Sequence[str | int] | None) -> list[int]:
    if channels is None:
        return list(range(len(recording.channels)))
    wanted = [channels] if isinstance(channels, (str, int)) else list(channels)
    picked = [channel_index(recording, channel) for channel in wanted]
    if not picked or len(set(picked)) != len(picked):
        raise OptionError("channels are missing or named twice", found=repr(wanted))
    return picked


def _check(recording: Recording, where: Positions, boundary: str) -> None:
    if isinstance(where, Labels):
        raise UnsupportedCapabilityError(
            "extraction by a label image is not there yet",
            expected="Positions",
            found="Labels",
            cure="extract a Box around the centres of the labels",
        )
    if boundary not in {"exclude", "clip", "nan"}:
        raise OptionError(
            "unknown boundary", expected="'exclude', 'clip' or 'nan'", found=repr(boundary)
        )
    timeline = recording.timeline
    if not len(where):
        raise ExtractionError(
            "there are no neurons", expected="at least one position", found="none"
        )
    if not timeline.n_volumes:
        raise ExtractionError(
            "the recording has no complete volume",
            found=f"{len(timeline)} frames, volumes by {timeline.policy.get('name', 'no policy')}",
            cure="assign volumes by another rule: recording.with_timeline(...)",
        )
    if where.is_tracked and len(where.coords) != timeline.n_volumes:
        raise ExtractionError(
            "the tracked positions are of another number of volumes",
            expected=f"{timeline.n_volumes}, the complete volumes of the recording",
            found=str(len(where.coords)),
        )
    if where.volumes is not None and not np.array_equal(where.volumes, timeline.volumes):
        raise ExtractionError(
            "the positions were found in other volumes than this recording has",
            expected=f"{timeline.n_volumes} volumes, the first of frames "
            f"{timeline.volumes[0].tolist()}",
            found=f"{len(where.volumes)} volumes, the first of frames {where.volumes[:1].tolist()}",
            cure="use the recording, and the volume policy, that the neurons were found with",
        )
    if recording.frames.dtype not in SUPPORTED_DTYPES:
        raise UnsupportedCapabilityError(
            "pixels of this type cannot be extracted",
            expected=", ".join(str(dtype) for dtype in SUPPORTED_DTYPES),
            found=str(recording.frames.dtype),
        )
    _check_inside(recording, where)


def _check_inside(recording: Recording, where: Positions) -> None:
    height, width = recording.frames.shape[2:]
    outside = ~where.inside(height, width) & np.isfinite(where.coords).all(axis=-1)
    if not outside.any():
        return
    *volume, neuron = (int(i) for i in np.argwhere(outside)[0])
    _, y, x = where.coords[(*volume, neuron)]
    place = f" in volume {volume[0]}" if volume else ""
    raise ExtractionError(
        "positions lie outside the image",
        expected=f"y in 0..{height - 1} and x in 0..{width - 1}, in pixels",
        found=f"neuron {where.labels[neuron]!r} at y={y:g}, x={x:g}{place}; "
        f"{int(outside.sum())} such positions",
        cure="check the order of the axes (z, y, x) and the unit; "
        f"positions.without_outside({height}, {width}) makes them NaN (--drop-outside)",
    )


def _offset(recording: Recording, index: int, offset: Offset) -> float:
    channel = recording.channels[index]
    if offset == "channel":
        if channel.offset is None:
            _log.info("the camera offset of channel %s is unknown: not subtracted", channel.name)
        return channel.offset or 0.0
    value = offset.get(channel.name, np.nan) if isinstance(offset, Mapping) else offset
    if isinstance(value, str) or not np.isfinite(value):
        raise OptionError(
            f"the offset of channel {channel.name!r} is unusable",
            expected="'channel', a number, or a number for every channel",
            found=repr(offset),
        )
    return float(value)


def _reduce(
    recording: Recording,
    places: Sequence[Place],
    channels: Sequence[int],
    batch: Batch,
    runs: NDArray[np.int32],
    boundary: Boundary,
    offsets: Mapping[str, float],
) -> list[tuple[NDArray[np.float64], NDArray[np.int32]]]:
    """Read one batch of volumes and sum their masks, channel by channel."""
    height = recording.frames.shape[2]
    rows = rows_touched([place.positions for place in places], batch.volumes, runs, height)
    block = read_block(recording, batch.frames, channels, rows)
    volumes = slice(*batch.volumes)
    return [
        sum_runs(
            block[:, j],
            height=height,
            row_first=rows[0],
            planes=plane_table(recording.timeline, channel, *batch.volumes, batch.frames[0]),
            slot=place.centres.slot[volumes],
            yx=np.ascontiguousarray(place.positions.at(*batch.volumes)[..., 1:]),
            runs=runs,
            boundary=boundary,
            offset=offsets[recording.channels[channel].name],
        )
        for j, (channel, place) in enumerate(zip(channels, places, strict=True))
    ]


def _check_executor(executor: Executor | None) -> None:
    """Refuse workers that do not share this process's memory, before they fail at it."""
    from concurrent.futures import ProcessPoolExecutor  # imports multiprocessing

    if executor is None or isinstance(executor, ThreadPoolExecutor):
        return
    elsewhere = isinstance(executor, ProcessPoolExecutor)
    if elsewhere or executor.submit(os.getpid).result() != os.getpid():
        raise UnsupportedCapabilityError(
            "extraction cannot use other processes",
            expected="a ThreadPoolExecutor: the kernels run without Python's lock",
            found=type(executor).__name__,
            cure="pass executor=ThreadPoolExecutor(n), or none: all processors are used then",
        )


def _run(
    work: Callable[[Batch], int],
    batches: Sequence[Batch],
    executor: Executor | None,
    in_flight: int,
    progress: Callable[[int, int], None] | None,
    n_volumes: int,
) -> None:
    """Run the batches with at most `in_flight` of them at once, which bounds memory."""
    pool = executor or ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="wormio-extract")
    waiting: deque[Future[int]] = deque()
    done = 0
    try:
        for batch in batches:
            waiting.append(pool.submit(work, batch))
            if len(waiting) >= in_flight:
                done += waiting.popleft().result()
                if progress is not None:
                    progress(done, n_volumes)
        while waiting:
            done += waiting.popleft().result()
            if progress is not None:
                progress(done, n_volumes)
    finally:
        for future in waiting:
            future.cancel()
        if executor is None:
            pool.shutdown()


def _versions() -> dict[str, str]:
    return {
        "wormio": version("wormio"),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
