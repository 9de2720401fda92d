"""A: reading pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from wormio.errors import FrameIndexError
from wormio.model import BaseRecording, FrameArray, MappableFrames
from wormio.testing.checks._common import (
    each_recording,
    first_frames,
    for_keys,
    lies_where_it_says,
    must_raise,
    same,
)
from wormio.testing.engine import CheckFailure, Context, check, require
from wormio.testing.subject import pixel_digest
from wormio.testing.truth import Truth

__all__: list[str] = []

_MOST_IMAGES = 1000  # of a sample, which may have a hundred thousand
_NO_INDICES: tuple[Any, ...] = (0.0, 1.5, "0", True, [0, 0], np.array([True]), {})


@check("WIO-A01", "writer")
def pixels_are_those_of_the_truth(context: Context) -> None:
    """Every pixel of every frame is that of the truth, in its type."""

    def test(truth: Truth, recording: BaseRecording) -> None:
        same(recording.frames[:], truth.frames, "frames[:]")
        for index in range(len(truth.frames)):
            same(recording.frames[index], truth.frames[index], f"frames[{index}]")

    context.for_truths(test)


@check("WIO-A02")
def random_access_equals_sequential(context: Context) -> None:
    """Frames read in any order, some of them twice, are those read one after the other."""
    with first_frames(context) as (recording, pixels):
        n = len(pixels)
        order = np.random.default_rng(0).permutation(n).tolist()[:200]
        for index in [n - 1, 0, *order, *order[:3], n - 1, 0]:
            same(recording.frames[index], pixels[index], f"frames[{index}] after other frames")


@check("WIO-A03")
def chunks_make_the_whole(context: Context) -> None:
    """Reads of any length, one after the other, make the same whole."""
    with first_frames(context) as (recording, pixels):
        n = len(pixels)
        for size in sorted({size for size in (1, 2, 3, 7, n - 1, n, n + 1) if size > 0}):
            starts = range(0, n, size)
            chunks = [recording.frames[at : min(at + size, n)] for at in starts]
            for at, chunk in zip(starts, chunks, strict=True):
                stop = min(at + size, n)
                same(chunk, pixels[at:stop], f"frames[{at}:{stop}] among chunks of {size} frames")


@check("WIO-A04")
def bad_indices_are_refused(context: Context) -> None:
    """Integers out of range raise FrameIndexError, and what is no basic index is refused."""
    with context.opened() as recording:
        frames = recording.frames
        for axis, n in enumerate(frames.shape):
            before = (slice(0, 1),) * axis
            for index in (n, n + 7, -n - 1, 2**40, -(2**40), np.int64(n)):
                _refuses(frames, (*before, index) if before else index, FrameIndexError)
            for wrong in _NO_INDICES:
                key = (*before, wrong) if before else wrong
                _refuses(frames, key, FrameIndexError, TypeError)
        _refuses(frames, (0, 0, 0, 0, 0), FrameIndexError)


def _refuses(frames: FrameArray, key: Any, *kinds: type[Exception]) -> None:
    must_raise(kinds, lambda: frames[key], f"frames[{key!r}]")


@check("WIO-A05")
def basic_indices_are_those_of_numpy(context: Context) -> None:
    """Integers (negative and numpy's too), slices and their mixtures give what numpy gives."""
    with first_frames(context) as (recording, pixels):
        n = len(pixels)
        whole = n == len(recording.frames)

        def test(key: Any) -> None:
            same(recording.frames[key], pixels[key], f"frames[{key!r}]")

        keys: list[Any] = [np.int64(0), np.uint8(0), np.int64(n - 1), (slice(0, n), np.int32(0))]
        keys += [(0, 0), (0, 0, 0, 0), slice(0, n, 2), (slice(0, n), slice(None, None, -1))]
        keys += [(0, ..., 0), (0, None)]
        if whole:
            keys += [-1, -n, slice(-2, None), slice(n - 1, n + 10), slice(None, None, -1)]
        for key in keys:
            test(key)
        if whole:
            for_keys(context, pixels.shape, test)


@check("WIO-A06", "mappable")
def pixels_can_be_read_into_a_given_buffer(context: Context) -> None:
    """The bytes of every saved image, read by the layout into a given buffer, are its pixels."""

    def test(_truth: Truth | None, recording: BaseRecording) -> None:
        frames = recording.frames
        if not isinstance(frames, MappableFrames):
            raise CheckFailure(type(frames).__name__, "frames with a layout", "recording.frames")
        layout = frames.layout
        file, stored = layout.file, recording.timeline.stored
        require(file.shape == stored.shape, file.shape, stored.shape, "frames.layout.file")
        for frame, channel in np.argwhere((file >= 0) != (stored >= 0)).tolist():
            place = "no place" if file[frame, channel] < 0 else "a place"
            index = f"timeline.stored is {stored[frame, channel]}"
            raise CheckFailure(place, index, f"layout of frame {frame}, channel {channel}")
        for frame, channel in np.argwhere(file >= 0)[:_MOST_IMAGES].tolist():
            lies_where_it_says(frames, layout, frame, channel)

    each_recording(context, test)


@check("WIO-A07")
def results_are_nobody_elses(context: Context) -> None:
    """A result may be changed: it shares memory with no other result and no cache."""
    with context.opened() as recording:
        frames = recording.frames
        for key in (0, slice(0, 2), (slice(0, 2), 0), (0, 0)):
            kept = frames[key].copy()
            first, second = frames[key], frames[key]
            where = f"frames[{key!r}]"
            require(first.flags.writeable, "a read-only result", "one that may be changed", where)
            shared = np.shares_memory(first, second)
            require(not shared, "two results that share memory", "fresh arrays", where)
            first[...] = ~first if first.dtype.kind in "ui" else -first - 1
            after = f"{where} after another result was changed"
            same(second, kept, after)
            same(frames[key], kept, after)
        if recording.timeline.n_volumes:
            one, other = recording.volume(0), recording.volume(0)
            require(not np.shares_memory(one, other), "shared memory", "fresh arrays", "volume(0)")


@check("WIO-A08", "digests")
def samples_are_as_another_tool_reads_them(context: Context) -> None:
    """Every sample has the shape and the pixels that another tool found in it."""
    for sample in context.subject.samples:
        with context.opened(sample.path, **sample.options) as recording:
            shape = tuple(recording.frames.shape)
            if sample.shape is not None:
                require(shape == tuple(sample.shape), shape, sample.shape, sample.path)
            if sample.digest is not None:
                found = pixel_digest(recording.frames[:])
                require(found == sample.digest, found, sample.digest, sample.path)


@check("WIO-X01", "writer")
def sessions_equal_the_truth(context: Context) -> None:
    """Whatever is read, selected, closed, reopened and pickled in any order equals the truth."""
    from wormio.testing.stateful import run_sessions  # loads hypothesis

    run_sessions(context)
