"""I: what a recording is made of, what it says about itself, and what it declares."""

from __future__ import annotations

import inspect
import json
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from wormio.errors import WormioError
from wormio.model import (
    BaseRecording,
    Channel,
    Events,
    Finding,
    MappableFrames,
    Recording,
    Source,
    Timeline,
    VoxelSize,
    summarise,
)
from wormio.testing.checks._common import lies_where_it_says, same
from wormio.testing.engine import SPEC_VERSION, CheckFailure, Context, check, require
from wormio.testing.subject import subjects_of

__all__: list[str] = []

_KINDS: dict[str, type | tuple[type, ...]] = {
    "source": Source,
    "timeline": Timeline,
    "channels": tuple,
    "voxel_size": VoxelSize,
    "events": Mapping,
    "metadata": Mapping,
    "findings": tuple,
}


@check("WIO-I01")
def members_are_of_their_kinds(context: Context) -> None:
    """Every member of the Recording protocol is there, of its kind and with its signature."""
    with context.opened() as recording:
        for name in (name for name in vars(Recording) if not name.startswith("_")):
            require(hasattr(recording, name), f"no {name}", "all members of wormio.model.Recording")
        for name, kind in _KINDS.items():
            found = getattr(recording, name)
            require(isinstance(found, kind), f"{name} is a {type(found).__name__}", f"{kind}")
        _all_are(recording.channels, Channel, "channels")
        _all_are(recording.findings, Finding, "findings")
        _all_are(recording.events.values(), Events, "events")
        _all_are(recording.events, str, "names of events")
        frames = recording.frames
        shape = frames.shape
        is_shape = isinstance(shape, tuple) and all(type(n) is int for n in shape)
        require(is_shape and len(shape) == 4, repr(shape), "a tuple of four int", "frames.shape")
        require(isinstance(frames.dtype, np.dtype), frames.dtype, "a numpy.dtype", "frames.dtype")
        require(frames.ndim == 4, frames.ndim, 4, "frames.ndim")
        require(len(frames) == shape[0], len(frames), shape[0], "len(frames)")
        for owner in (recording, frames):
            close = getattr(owner, "close", None)
            if close is not None:
                _takes_nothing(close, f"{type(owner).__name__}.close")


def _all_are(values: Any, kind: type, what: str) -> None:
    for value in values:
        require(isinstance(value, kind), f"{value!r} among {what}", f"only {kind.__name__}")


def _takes_nothing(function: Callable[..., Any], what: str) -> None:
    require(callable(function), f"{what} is {function!r}", "a method")
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise CheckFailure(f"{what}{inspect.signature(function)}", "no arguments") from error


@check("WIO-I02")
def source_and_metadata_are_json_and_stable(context: Context) -> None:
    """Source and metadata are JSON, and they and the recording's id are equal at every opening."""
    path = context.path()
    with context.opened(path) as first, context.opened(path) as second:
        tree = _json(first.source.to_json(), "source")
        require(Source.from_json(tree) == first.source, tree, "Source.from_json gives it back")
        metadata = _json(first.metadata, "metadata")
        again = _json(second.metadata, "metadata")
        require(metadata == again, again, metadata, "metadata of the same file opened again")
        for name in ("source", "recording_id", "channels", "voxel_size", "timeline", "events"):
            one, other = getattr(first, name), getattr(second, name)
            require(one == other, other, one, f"{name} of the same file opened again")


def _json(value: Any, what: str) -> Any:
    try:
        return json.loads(json.dumps(dict(value), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise CheckFailure(f"{what}: {error}", "JSON (without NaN)", f"{value!r}"[:300]) from error


@check("WIO-I03")
def spec_is_supported(context: Context) -> None:
    """The format and its subject name a version of the contract that this kit knows."""
    fmt = context.subject.registry().get(context.subject.format)
    newest = SPEC_VERSION.split(".")
    for owner, spec in (("Format", fmt.spec), ("Subject", context.subject.spec)):
        parts = spec.split(".")
        known = len(parts) == 2 and all(part.isdecimal() for part in parts)
        known = known and parts[0] == newest[0] and int(parts[1]) <= int(newest[1])
        require(known, f"{owner}.spec is {spec!r}", f"at most {SPEC_VERSION}, of the same major")


@check("WIO-I04")
def capabilities_are_as_declared(context: Context) -> None:
    """A recording has exactly the capabilities that the subject declares."""
    declared = context.subject.capabilities
    fmt = context.subject.registry().get(context.subject.format)
    if fmt.capabilities:
        every = declared
        if len(fmt.subjects) > 1:  # a dialect may have what another has not
            require(declared <= fmt.capabilities, sorted(fmt.capabilities), sorted(declared))
            every = frozenset().union(*(one.capabilities for one in subjects_of(fmt)))
        require(fmt.capabilities == every, sorted(fmt.capabilities), sorted(every), "Format")
    with context.opened() as recording:
        observed = {
            "events": bool(recording.events),
            "mappable": _is_mappable(recording),
            "pickle": _is_picklable(recording, must="pickle" in declared),
            "growing": callable(getattr(recording, "refresh", None)),
        }
    for name, is_there in observed.items():
        if name == "events" and context.subject.make is None and not is_there:
            continue  # a sample may have none
        verb = {True: "has", False: "has not"}
        require(
            is_there == (name in declared),
            f"the recording {verb[is_there]} {name!r}",
            f"that it {verb[name in declared]}, as declared",
        )


def _is_mappable(recording: BaseRecording) -> bool:
    """Tell whether frames have a layout; its bytes must be the pixels then."""
    frames = recording.frames
    if not isinstance(frames, MappableFrames):
        return False
    layout = frames.layout
    require(layout.shape == frames.shape, layout.shape, frames.shape, "frames.layout.shape")
    saved = np.argwhere(layout.file >= 0)
    some = saved[np.unique(np.linspace(0, len(saved) - 1, 16).astype(int))] if len(saved) else saved
    for frame, channel in some.tolist():
        lies_where_it_says(frames, layout, frame, channel)
    return True


def _is_picklable(recording: BaseRecording, *, must: bool) -> bool:
    """Tell whether a pickled recording comes back; it must be equal then."""
    try:
        again = pickle.loads(pickle.dumps(recording))  # noqa: S301 (its own)
    except Exception as error:
        if must:
            raise CheckFailure(
                f"pickling fails with {type(error).__name__}: {error}"[:300],
                "a recording that comes back from its Source, since 'pickle' is declared",
            ) from error
        return False
    with again:
        require(again.timeline == recording.timeline, again.timeline, recording.timeline, "pickle")
        if len(recording.frames):
            same(again.frames[-1], recording.frames[-1], "frames[-1] after a pickle round trip")
    return True


@check("WIO-I05")
def metadata_need_no_pixels(context: Context) -> None:
    """Opening and everything but pixels work without a single read of pixels."""
    path = context.path()
    with context.opened(path) as recording:
        kind = type(recording.frames)
        _read_metadata(recording)
    reads: list[str] = []
    original = kind.__getitem__

    def spy(frames: Any, key: Any) -> Any:
        reads.append(f"frames[{key!r}]")
        return original(frames, key)

    try:
        kind.__getitem__ = spy  # type: ignore[method-assign]
    except TypeError:
        return  # a type of a C extension cannot be watched
    try:
        with context.opened(path) as recording:
            require(not reads, f"opening reads {reads[:3]}", "no pixels are read")
            _read_metadata(recording)
            require(not reads, f"metadata read {reads[:3]}", "no pixels are read")
    finally:
        kind.__getitem__ = original  # type: ignore[method-assign]


def _read_metadata(recording: BaseRecording) -> None:
    for name in _KINDS:
        repr(getattr(recording, name))
    try:
        repr(recording)
        summarise(recording)
        json.dumps(dict(recording.metadata))
    except WormioError as error:
        raise CheckFailure(f"{type(error).__name__}: {error}", "metadata without pixels") from error
    _ = (recording.frames.shape, recording.frames.dtype, recording.recording_id)


@check("WIO-I06", "writer")
def id_is_of_the_content(context: Context) -> None:
    """Two copies of a recording have one id, and recordings that differ in time have two."""
    truth = context.truth()
    one, other = context.write(truth), context.write(truth)
    with context.opened(one) as first, context.opened(other) as second:
        require(
            first.recording_id == second.recording_id,
            f"{second.recording_id} in {other}",
            f"{first.recording_id}, as in {one}",
        )
        longer = context.truth(volumes=context.subject.limits.volumes[0])
        if len(longer.frames) != len(truth.frames):
            with context.opened(context.write(longer)) as third:
                differs = third.recording_id != first.recording_id
                require(differs, "one id for recordings of different length", "two ids")
