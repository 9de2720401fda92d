"""Deliberately broken adapters: for every check of S, I, A, T, V, E and X at least one it catches.

`MUTANTS` maps a check's id to functions that make the broken subject in an empty folder.
"""

# ruff: noqa: ARG002 (a mutant has its parent's signatures)

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from reference import LIMITS, ReferenceAdapter, forged, make, subject_for

from wormio.model import (
    BaseRecording,
    Events,
    FileLayout,
    FrameArray,
    MappedFrames,
    Source,
    Timeline,
)
from wormio.testing import Sample, Subject, make_truth

MakeSubject = Callable[[Path], Subject]


class FramesMutant(ReferenceAdapter):
    """Base: another class of frames."""

    kind: type[MappedFrames] = MappedFrames

    def frames(self) -> FrameArray:
        return self.kind(self.layout())


def with_getitem(change: Callable[[MappedFrames, Any, Any], Any]) -> type[MappedFrames]:
    """Return frames whose result of every read is changed: ``change(frames, key, result)``."""

    class Changed(MappedFrames):
        def __getitem__(self, key: Any) -> Any:
            return change(self, key, super().__getitem__(key))

    return Changed


class TimelineMutant(ReferenceAdapter):
    """Base: the timeline is right, then parts of it are forged."""

    def timeline(self) -> Timeline:
        timeline = super().timeline()
        return forged(timeline, **self.lies(timeline)) if len(timeline) else timeline

    def lies(self, timeline: Timeline) -> dict[str, Any]:
        return {}


class EventsMutant(ReferenceAdapter):
    """Base: the table of stimuli is right, then changed."""

    def events(self, timeline: Timeline) -> Mapping[str, Events]:
        right = super().events(timeline)
        return {name: self.change(table, timeline) for name, table in right.items()}

    def change(self, table: Events, timeline: Timeline) -> Events:
        return table


def frozen(values: Any) -> Any:
    array = np.array(values)
    array.setflags(write=False)
    return array


# -- S ---------------------------------------------------------------------------------------


class FloatsForOneImage(FramesMutant):
    kind = with_getitem(lambda _f, key, found: found.astype("f8") if key == (0, 0) else found)


class BigEndianResults(FramesMutant):
    kind = with_getitem(
        lambda _f, _key, found: found.astype(found.dtype.newbyteorder(">")) if found.ndim else found
    )


class SwapsRowsAndColumns(ReferenceAdapter):
    def layout(self) -> FileLayout:
        right = super().layout()
        height, width = right.width, right.height
        stride = width * right.dtype.itemsize
        return attrs.evolve(right, height=height, width=width, row_stride=stride)


class ChannelNamesReversed(ReferenceAdapter):
    def channels(self) -> list[Any]:
        return super().channels()[::-1]


class EmptyWithoutAxes(FramesMutant):
    kind = with_getitem(
        lambda _f, _key, found: np.zeros(0, found.dtype) if 0 in found.shape else found
    )


class FortranOrder(FramesMutant):
    kind = with_getitem(lambda _f, _key, found: np.asarray(found, order="F"))


class _SelectsTheFirstChannel(BaseRecording):
    def select(self, *, channels: object = None, **stretch: Any) -> BaseRecording:
        return super().select(channels=self.channels[0].name, **stretch)


class SelectsTheFirstChannel(ReferenceAdapter):
    def recording(self, **parts: Any) -> BaseRecording:
        return _SelectsTheFirstChannel(**parts)


# -- I ---------------------------------------------------------------------------------------


class FindingsAreText(ReferenceAdapter):
    def recording(self, **parts: Any) -> BaseRecording:
        return forged(super().recording(**parts), findings=["all is well"])


class ShapeOfNumpyNumbers(ReferenceAdapter):
    def frames(self) -> FrameArray:
        frames = MappedFrames(self.layout())
        frames.shape = tuple(np.array(frames.shape))
        return frames


class _CloseWantsForce(BaseRecording):
    def close(self, force: bool) -> None:  # type: ignore[override]
        super().close()

    def __exit__(self, *exc_info: object) -> None:
        self.close(force=True)


class CloseWantsForce(ReferenceAdapter):
    def recording(self, **parts: Any) -> BaseRecording:
        return _CloseWantsForce(**parts)


class MetadataWithNumpyNumbers(ReferenceAdapter):
    def metadata(self) -> dict[str, Any]:
        return super().metadata() | {"height": np.int64(3)}


class MetadataOfThisOpening(ReferenceAdapter):
    def metadata(self) -> dict[str, Any]:
        return super().metadata() | {"reader": id(self)}


class HasNoEvents(ReferenceAdapter):
    def events(self, timeline: Timeline) -> dict[str, Events]:
        return {}


class AnotherLayout(ReferenceAdapter):
    """Base: pixels are right, but the layout tells of other places."""

    def frames(self) -> FrameArray:
        class Right(MappedFrames):
            def __getitem__(self, key: Any) -> Any:
                return right[key]

            def close(self) -> None:
                right.close()
                super().close()

        right = MappedFrames(self.layout())
        return Right(self.changed(right.layout))

    def changed(self, layout: FileLayout) -> FileLayout:
        return layout


class LayoutIsOneByteOff(AnotherLayout):
    def changed(self, layout: FileLayout) -> FileLayout:
        return attrs.evolve(layout, offset=np.maximum(layout.offset - 1, 0))


class _CannotPickle(BaseRecording):
    def __reduce__(self) -> Any:
        raise TypeError("cannot pickle '_io.BufferedReader' object")


class CannotPickle(ReferenceAdapter):
    def recording(self, **parts: Any) -> BaseRecording:
        return _CannotPickle(**parts)


class _Refreshes(BaseRecording):
    def refresh(self) -> BaseRecording:
        return self


class GrowsUndeclared(ReferenceAdapter):
    def recording(self, **parts: Any) -> BaseRecording:
        return _Refreshes(**parts)


class MeanInMetadata(ReferenceAdapter):
    def recording(self, **parts: Any) -> BaseRecording:
        parts["metadata"] = {"mean": float(parts["frames"][0].mean())}
        return super().recording(**parts)


class IdOfThePath(ReferenceAdapter):
    def source(self) -> Source:
        right = super().source()
        return Source("open", dict(right.arguments) | {"folder": str(self.path)})


class IdOfTheFormat(ReferenceAdapter):
    def recording(self, **parts: Any) -> BaseRecording:
        return _IdOfTheFormat(**parts)


class _IdOfTheFormat(BaseRecording):
    @property
    def recording_id(self) -> str:
        return "reference"


# -- A ---------------------------------------------------------------------------------------


class SwapsChannels(ReferenceAdapter):
    def layout(self) -> FileLayout:
        right = super().layout()
        return attrs.evolve(right, offset=right.offset[:, ::-1])


class WrongByteOrder(ReferenceAdapter):
    def layout(self) -> FileLayout:
        right = super().layout()
        return attrs.evolve(right, dtype=right.dtype.newbyteorder(">"))


class FillsDroppedFrames(FramesMutant):
    """Frames are shifted after a drop, as if the file held the dropped ones too."""

    def layout(self) -> FileLayout:
        right = super().layout()
        count = np.array(self.header["count"][: self.n_frames])
        dropped = np.maximum.accumulate(np.concatenate([[0], np.diff(count) > 1]))
        row = np.minimum(np.arange(self.n_frames) + dropped, self.n_frames - 1)
        return attrs.evolve(right, offset=right.offset[row])


class LayoutForgetsAnImage(AnotherLayout):
    def changed(self, layout: FileLayout) -> FileLayout:
        file = layout.file.copy()
        file[-1:, -1:] = -1
        return attrs.evolve(layout, file=file)


def _never_back(frames: Any, key: Any, found: Any) -> Any:
    if type(key) is not int:
        return found
    last = getattr(frames, "last", 0)
    frames.last = max(key, last)
    return found if key >= last else MappedFrames.__getitem__(frames, last)


class SeeksForwardOnly(FramesMutant):
    kind = with_getitem(_never_back)


def _seven_lose_one(_frames: Any, key: Any, found: Any) -> Any:
    if isinstance(key, slice) and found.shape[0] == 7:
        found[-1] = 0
    return found


class LosesTheSeventh(FramesMutant):
    kind = with_getitem(_seven_lose_one)


class _Wraps(MappedFrames):
    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(key % len(self) if type(key) is int else key)


class WrapsAround(FramesMutant):
    kind = _Wraps


class _Short(MappedFrames):
    def __getitem__(self, key: Any) -> Any:
        past = isinstance(key, (int, np.integer)) and key >= len(self)
        return super().__getitem__(slice(0, 0) if past else key)


class NothingPastTheEnd(FramesMutant):
    kind = _Short


class _Rounds(MappedFrames):
    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(int(key) if isinstance(key, (float, bool)) else key)


class RoundsIndices(FramesMutant):
    kind = _Rounds


class _OnlyPythonIntegers(MappedFrames):
    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, np.integer) and 0 <= key < len(self):
            raise IndexError("not an int")
        return super().__getitem__(key)


class OnlyPythonIntegers(FramesMutant):
    kind = _OnlyPythonIntegers


class NeverReversed(FramesMutant):
    kind = with_getitem(
        lambda _f, key, found: found[::-1].copy() if key == slice(None, None, -1) else found
    )


class _Cached(MappedFrames):
    def __getitem__(self, key: Any) -> Any:
        cache = self.__dict__.setdefault("cache", {})
        return cache.setdefault(repr(key), super().__getitem__(key))


class HandsOutItsCache(FramesMutant):
    kind = _Cached


class ReadOnlyResults(FramesMutant):
    kind = with_getitem(lambda _f, _key, found: frozen(found) if found.ndim else found)


def wrong_digest(folder: Path) -> Subject:
    numbers = {"channels": 1, "volumes": 1, "planes": 2, "height": 2, "width": 3}
    path = make(folder, make_truth(LIMITS, dtype="uint8", **numbers))
    return subject_for(ReferenceAdapter, make=None, samples=[Sample(path=path, digest="0" * 64)])


class _ReadsAfterClose(MappedFrames):
    def close(self) -> None:
        pass  # "the garbage collector will do it"


class ReadsAfterClose(FramesMutant):
    kind = _ReadsAfterClose


class _OneBuffer(MappedFrames):
    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        if type(key) is not int:
            return found
        if not hasattr(self, "buffer"):
            self.buffer = np.empty_like(found)
        self.buffer[...] = found
        return self.buffer


class ReadsIntoOneBuffer(FramesMutant):
    kind = _OneBuffer


def of(*adapters: type[ReferenceAdapter]) -> tuple[MakeSubject, ...]:
    """Return what makes the subjects of these adapters."""
    return tuple(lambda _folder, adapter=adapter: subject_for(adapter) for adapter in adapters)


def unmappable(_folder: Path) -> Subject:
    return subject_for(ReferenceAdapter, capabilities={"events", "pickle"})


def future_spec(_folder: Path) -> Subject:
    # The registry refuses such a Format; nothing but this check sees such a Subject.
    return attrs.evolve(subject_for(ReferenceAdapter), spec="1.7")


MUTANTS: dict[str, tuple[MakeSubject, ...]] = {
    "WIO-S01": of(FloatsForOneImage, BigEndianResults),
    "WIO-S02": of(SwapsRowsAndColumns),
    "WIO-S03": of(ChannelNamesReversed),
    "WIO-S04": of(EmptyWithoutAxes),
    "WIO-S05": of(FortranOrder),
    "WIO-S06": of(SelectsTheFirstChannel),
    "WIO-I01": of(FindingsAreText, ShapeOfNumpyNumbers, CloseWantsForce),
    "WIO-I02": of(MetadataWithNumpyNumbers, MetadataOfThisOpening),
    "WIO-I03": (future_spec,),
    "WIO-I04": (
        *of(HasNoEvents, LayoutIsOneByteOff, CannotPickle, GrowsUndeclared),
        unmappable,
    ),
    "WIO-I05": of(MeanInMetadata),
    "WIO-I06": of(IdOfThePath, IdOfTheFormat),
    "WIO-A01": of(SwapsChannels, WrongByteOrder, FillsDroppedFrames),
    "WIO-A02": of(SeeksForwardOnly),
    "WIO-A03": of(LosesTheSeventh),
    "WIO-A04": of(WrapsAround, NothingPastTheEnd, RoundsIndices),
    "WIO-A05": of(OnlyPythonIntegers, NeverReversed),
    "WIO-A06": of(LayoutForgetsAnImage, LayoutIsOneByteOff),
    "WIO-A07": of(HandsOutItsCache, ReadOnlyResults),
    "WIO-A08": (wrong_digest,),
    "WIO-X01": of(ReadsAfterClose, ReadsIntoOneBuffer),
}
