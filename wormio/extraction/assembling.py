"""From the samples of all volumes to signals with their provenance."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

import attrs
import numpy as np

from wormio.extraction.gathering import Span
from wormio.extraction.plan import Plan
from wormio.extraction.task import Samples
from wormio.model import recording_id
from wormio.signal import Provenance, Signal, Step

__all__ = ["assemble", "options_of"]


def assemble(plan: Plan, samples: Samples, span: Span) -> dict[str, Signal]:
    """Return the signals of each channel and mask: ``"green"``, or ``"green/ring"``.

    Parameters
    ----------
    plan : Plan
    samples : Samples
    span : (int, int)
        The half-open range of volumes that they are of.
    """
    recording, timeline = plan.recording, plan.recording.timeline
    rows = slice(*span)
    options, versions = options_of(plan, span), _versions()
    provenance = Provenance(
        source=recording.source.to_json(),
        recording_id=recording_id(recording),
        options=options,
        versions=versions,
        positions=plan.where,
        volumes=timeline.volumes[rows],
        centre_frame=plan.places[0].centres.frame[rows],
    )
    signals = {}
    for j, (index, place) in enumerate(zip(plan.channels, plan.places, strict=True)):
        frame = place.centres.frame[rows]
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
                volume=np.arange(*span),
                time=timeline.volume_time[rows] + channel.time_offset,
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


def options_of(plan: Plan, span: Span) -> dict[str, Any]:
    """Return the choices that a provenance keeps, as JSON; with the volumes if they are not all."""
    n_volumes = plan.recording.timeline.n_volumes
    if span == (0, n_volumes):
        return plan.options()
    return plan.options() | {"part": {"volumes": list(span), "of": n_volumes}}


@cache  # of one process; reading them takes longer than extracting a volume
def _versions() -> Mapping[str, str]:
    return {
        "wormio": version("wormio"),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
