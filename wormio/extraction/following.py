"""Extraction that keeps up with an acquisition: volume by volume, as they become complete."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import numpy as np

from wormio.errors import OptionError, RecordingError, UnsupportedCapabilityError
from wormio.extraction.executors import ExecutorArgument, hired
from wormio.extraction.gathering import joined
from wormio.extraction.plan import Plan
from wormio.extraction.running import run
from wormio.extraction.targets import WhereArgument
from wormio.extraction.task import Samples
from wormio.model import Flag, GrowingRecording, Labels, Positions, Recording
from wormio.registry import open as open_recording

__all__ = ["Following", "follow"]

_log = logging.getLogger(__name__)


def _positive(_following: object, attribute: attrs.Attribute[float], value: float) -> None:
    if isinstance(value, bool) or not value > 0:
        raise OptionError(
            f"the {attribute.name} is impossible",
            expected="a number of seconds above 0",
            found=repr(value),
        )


@attrs.frozen(kw_only=True)
class Following:
    """How to follow an acquisition.

    Parameters
    ----------
    timeout : float
        Seconds without growth after which it is taken as ended.
    interval : float
        Seconds between two looks at its files.
    mark : path-like, optional
        A file whose appearance says that it has ended.
    wait : callable
        ``wait(seconds)``.
    """

    timeout: float = attrs.field(default=60.0, validator=_positive)
    interval: float = attrs.field(default=1.0, validator=_positive)
    mark: str | os.PathLike[str] | None = None
    wait: Callable[[float], object] = time.sleep

    @property
    def is_marked(self) -> bool:
        """Whether the acquisition is said to have ended."""
        return self.mark is not None and Path(self.mark).exists()


def follow(
    recording: Recording,
    where: WhereArgument,
    make_plan: Callable[[Recording], Plan],
    following: Following,
    *,
    executor: ExecutorArgument,
    memory: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[Plan, Samples]:
    """Compute the samples of all complete volumes, also of those that are still to come.

    Parameters
    ----------
    recording : Recording
        With the capability `GrowingRecording`.
    where : Positions, Labels, or mapping of str to Positions
    make_plan : callable
        ``make_plan(snapshot)``.
    following : Following
    executor, memory, progress
        As of `wormio.extract`.

    Returns
    -------
    plan : Plan
        Of the last snapshot: the recording as it is when the acquisition has ended. It is closed.
    samples : Samples
        Of all its volumes.

    Raises
    ------
    UnsupportedCapabilityError
        The recording cannot grow, or the executor is none of threads.
    OptionError
        The positions are tracked.
    """
    _check(recording, where, executor)
    parts: list[Samples] = []
    done = 0
    idle = 0.0
    current, ended = recording, False
    try:
        while True:
            n_volumes = current.timeline.n_volumes
            if n_volumes > done or ended:
                plan = make_plan(current)
                if n_volumes > done:
                    with hired(executor, current) as workers:
                        parts.append(run(plan, workers, (done, n_volumes), memory=memory))
                    done = n_volumes
                    if progress is not None:
                        progress(done, done)
                if ended:
                    return plan, joined(parts)
            # A mark that comes now is of frames that the next look sees.
            ended = following.is_marked or idle >= following.timeout
            if not ended:
                following.wait(following.interval)
            following_snapshot = _finished(current) if ended else _refreshed(current)
            grown = len(following_snapshot.timeline) > len(current.timeline)
            idle = 0.0 if grown else idle + following.interval
            if not _keeps(current, following_snapshot, done):
                _log.warning("volumes are not what they were: all are extracted again")
                parts, done = [], 0
            if current is not recording:
                current.close()
            current = following_snapshot
    finally:
        if current is not recording:
            current.close()


def _check(recording: Recording, where: WhereArgument, executor: ExecutorArgument) -> None:
    if not isinstance(recording, GrowingRecording):
        raise UnsupportedCapabilityError(
            "this recording cannot be followed",
            expected="a format that can tell what of it is complete (it has refresh()), opened "
            "without a file NAME.wormio.toml beside it",
            found=f"{type(recording).__name__} of source {recording.source.operation!r}",
            cure="extract it when the acquisition has ended",
        )
    if executor not in {None, "threads"} and not isinstance(executor, ThreadPoolExecutor):
        raise UnsupportedCapabilityError(
            "a growing recording is followed by threads",
            expected="executor=None, or a ThreadPoolExecutor",
            found=repr(executor),
            cure="other processes would open it at another moment, and see another recording",
        )
    given = where.values() if isinstance(where, Mapping) else [where]
    if not all(map(_is_static, given)):
        raise OptionError(
            "an acquisition is followed with positions that hold for all volumes",
            expected="static positions, or labels",
            found="some that are given volume by volume",
        )


def _is_static(where: Positions | Labels) -> bool:
    return where.image.ndim == 3 if isinstance(where, Labels) else not where.is_tracked


def _refreshed(recording: Recording) -> Recording:
    assert isinstance(recording, GrowingRecording)  # noqa: S101 (checked in the beginning)
    return recording.refresh()


def _finished(recording: Recording) -> Recording:
    """Open the recording as one whose acquisition has ended; or as far as it got."""
    arguments = recording.source.arguments
    options = {k: v for k, v in arguments["options"].items() if k != "growing"}
    try:
        return open_recording(arguments["path"], arguments["format"], config=False, **options)
    except RecordingError as error:
        _log.warning("the acquisition has not ended in order, what is complete is taken: %s", error)
    return _refreshed(recording)


def _keeps(old: Recording, new: Recording, n_volumes: int) -> bool:
    """Tell whether the volumes that have been extracted are still the same."""
    before, after = old.timeline, new.timeline
    if not n_volumes:
        return True
    if not np.array_equal(before.volumes[:n_volumes], after.volumes[:n_volumes]):
        return False
    rows = slice(0, int(before.volumes[n_volumes - 1, 1]))
    return (
        np.array_equal(before.slot[rows], after.slot[rows])
        and np.array_equal(before.stored[rows], after.stored[rows])
        and np.array_equal(before.z[rows], after.z[rows], equal_nan=True)
        and np.array_equal(before.flags[rows] & Flag.DUPLICATE, after.flags[rows] & Flag.DUPLICATE)
    )
