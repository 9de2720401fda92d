"""From the samples of all volumes to signals with their provenance."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version

import attrs
import numpy as np

from wormio.extraction.plan import Plan
from wormio.extraction.task import Samples
from wormio.model import recording_id
from wormio.signal import Provenance, Signal, Step

__all__ = ["assemble"]


def assemble(plan: Plan, samples: Samples) -> dict[str, Signal]:
    """Return the signals of each channel and mask: ``"green"``, or ``"green/ring"``.

    Parameters
    ----------
    plan : Plan
    samples : Samples
        Of all complete volumes of the recording.
    """
    recording, timeline = plan.recording, plan.recording.timeline
    options, versions = plan.options(), _versions()
    provenance = Provenance(
        source=recording.source.to_json(),
        recording_id=recording_id(recording),
        options=options,
        versions=versions,
        positions=plan.where,
        volumes=timeline.volumes,
        centre_frame=plan.places[0].centres.frame,
    )
    signals = {}
    for j, (index, place) in enumerate(zip(plan.channels, plan.places, strict=True)):
        frame = place.centres.frame
        channel = recording.channels[index]
        sampled = np.where(frame >= 0, timeline.time[frame], np.nan)
        own = provenance
        if not np.array_equal(frame, provenance.centre_frame):
            own = attrs.evolve(own, centre_frame=frame)
        if plan.by_channel:
            own = attrs.evolve(own, positions=place.positions)
        for k, name in enumerate(plan.masks):
            data, voxels = samples.data[j, k], samples.voxels[j, k]
            key = f"{channel.name}/{name}" if name else channel.name
            parameters = options | {"channel": channel.name} | ({"name": name} if name else {})
            signals[key] = Signal(
                data=data,
                volume=np.arange(timeline.n_volumes),
                time=timeline.volume_time + channel.time_offset,
                sample_time=sampled + channel.time_offset,
                valid=(voxels > 0) & np.isfinite(data),
                voxels=voxels,
                saturated=samples.saturated[j, k],
                background=None if samples.background is None else samples.background[j, 0],
                labels=plan.where.labels,
                events=recording.events,
                channel=channel,
                quantity="fluorescence",
                unit=plan.reducer.unit,
                history=(Step("extract", parameters, versions["wormio"]),),
                recording=provenance.recording_id,
                provenance=own,
            )
    return signals


@cache  # of one process; reading them takes longer than extracting a volume
def _versions() -> Mapping[str, str]:
    return {
        "wormio": version("wormio"),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
