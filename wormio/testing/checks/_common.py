"""What several checks need: recordings with or without a truth, sequential pixels, keys."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wormio.model import BaseRecording, FileLayout, FrameArray
from wormio.testing.engine import CheckFailure, Context, require
from wormio.testing.truth import Truth

if TYPE_CHECKING:
    import hypothesis

__all__ = [
    "each_recording",
    "first_frames",
    "for_keys",
    "lies_where_it_says",
    "must_raise",
    "quiet_settings",
    "same",
    "where_different",
]

# Samples may be gigabytes: checks that hold all pixels look at this much of them.
_MAX_BYTES = 32 << 20


def each_recording(context: Context, test: Callable[[Truth | None, BaseRecording], None]) -> None:
    """Test recordings of drawn truths, or every sample if the subject has no writer."""
    if context.subject.make is not None:
        context.for_truths(test)
        return
    for sample in context.subject.samples:
        with context.opened(sample.path) as recording:
            test(None, recording)


@contextmanager
def first_frames(context: Context) -> Iterator[tuple[BaseRecording, NDArray[Any]]]:
    """Open a recording and read its first frames, one after the other."""
    with context.opened() as recording:
        one = int(np.prod(recording.frames.shape[1:])) * recording.frames.dtype.itemsize
        n = min(len(recording.frames), max(_MAX_BYTES // max(one, 1), 1))
        shape = (n, *recording.frames.shape[1:])
        frames = [recording.frames[i] for i in range(n)]
        yield recording, np.array(frames, recording.frames.dtype).reshape(shape)


def quiet_settings(context: Context, **changes: Any) -> hypothesis.settings:
    """Return hypothesis settings that repeat exactly, shrink, and write nothing anywhere."""
    import hypothesis

    arguments: dict[str, Any] = {
        "max_examples": context.examples,
        "deadline": None,
        "database": None,
        "derandomize": True,
        "report_multiple_bugs": False,
        "suppress_health_check": list(hypothesis.HealthCheck),
        "phases": [hypothesis.Phase.generate, hypothesis.Phase.shrink],
    }
    return hypothesis.settings(**(arguments | changes))


def for_keys(context: Context, shape: tuple[int, ...], test: Callable[[Any], None]) -> None:
    """Test basic indices that fit the shape, drawn by hypothesis and shrunk."""
    import hypothesis

    from wormio.testing.strategies import index_keys

    @quiet_settings(context, max_examples=8 * context.examples)
    @hypothesis.given(index_keys(shape))
    def run(key: Any) -> None:
        test(key)

    run()


def must_raise(
    kinds: type[Exception] | tuple[type[Exception], ...],
    action: Callable[[], Any],
    reproduce: str,
) -> None:
    """Require that an action raises one of these errors, and nothing else."""
    allowed = kinds if isinstance(kinds, tuple) else (kinds,)
    expected = " or ".join(kind.__name__ for kind in allowed)
    try:
        found = action()
    except allowed:
        return
    except Exception as error:
        raise CheckFailure(f"{type(error).__name__}: {error}"[:300], expected, reproduce) from error
    shown = f"an array of shape {found.shape}" if isinstance(found, np.ndarray) else repr(found)
    raise CheckFailure(shown[:300], expected, reproduce)


def same(found: Any, expected: Any, what: str) -> None:
    """Require equal arrays: shape, type and values, NaN equal to NaN."""
    a, b = np.asarray(found), np.asarray(expected)
    require(a.shape == b.shape, f"shape {a.shape}", f"shape {b.shape}", what)
    require(a.dtype == b.dtype, f"dtype {a.dtype}", f"dtype {b.dtype}", what)
    at = where_different(a, b)
    if at is not None:
        raise CheckFailure(f"{a[at]} at {at}"[:300], f"{b[at]}"[:300], what)


def lies_where_it_says(frames: FrameArray, layout: FileLayout, frame: int, channel: int) -> None:
    """Require that the bytes that a layout names, read into memory of our own, are the pixels."""
    height, width = layout.shape[2:]
    length = (height - 1) * layout.row_stride + (width - 1) * layout.pixel_stride
    buffer = bytearray(length + layout.dtype.itemsize)
    where = f"layout of frame {frame}, channel {channel}"
    fd = os.open(layout.files[layout.file[frame, channel]], os.O_RDONLY)
    try:
        read = os.preadv(fd, [buffer], int(layout.offset[frame, channel]))
    finally:
        os.close(fd)
    require(read == len(buffer), f"{read} bytes", f"{len(buffer)} bytes", where)
    strides = (layout.row_stride, layout.pixel_stride)
    image = np.ndarray((height, width), layout.dtype, buffer, strides=strides)
    pixels = frames[frame, channel]
    different = where_different(image.astype(pixels.dtype), pixels)
    require(different is None, f"other bytes at pixel {different}", "frames[...]", where)


def where_different(a: NDArray[Any], b: NDArray[Any]) -> tuple[int, ...] | None:
    """Return the first index at which two arrays of one shape differ, or None."""
    differs = a != b
    if a.dtype.kind == "f" and b.dtype.kind == "f":
        differs &= ~(np.isnan(a) & np.isnan(b))
    found = np.argwhere(differs)
    return tuple(found[0].tolist()) if len(found) else None
