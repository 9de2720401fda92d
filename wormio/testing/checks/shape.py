"""S: shape, type and order of axes."""

from __future__ import annotations

import numpy as np

from wormio.model import BaseRecording
from wormio.testing.engine import Context, check, require
from wormio.testing.truth import Truth

__all__: list[str] = []


@check("WIO-S01")
def dtype_is_fixed(context: Context) -> None:
    """The type of pixels is one native-endian number type, the same in every read."""
    with context.opened() as recording:
        dtype = recording.frames.dtype
        require(dtype.kind in "uif", dtype, "an integer or floating-point type")
        require(dtype.isnative, dtype.str, "native byte order")
        for key in (0, slice(0, 1), (0, 0), (slice(None), 0, 0)):
            found = recording.frames[key].dtype
            require(found == dtype, found, f"frames.dtype, {dtype}", f"frames[{key!r}]")


@check("WIO-S02", "writer")
def axes_are_frame_channel_y_x(context: Context) -> None:
    """Frames have the axes (frame, channel, y, x) of the truth, in this order."""

    def test(truth: Truth, recording: BaseRecording) -> None:
        found = tuple(recording.frames.shape)
        require(found == truth.frames.shape, found, truth.frames.shape, "frames.shape")
        require(recording.frames.ndim == 4, recording.frames.ndim, 4, "frames.ndim")
        require(len(recording.frames) == len(truth.frames), len(recording.frames), "F", "len")

    context.for_truths(test)


@check("WIO-S03", "writer")
def channels_are_named_once_in_stable_order(context: Context) -> None:
    """There is one Channel for each index of axis 1, with unique names in a stable order."""
    truth = context.truth()
    path = context.write(truth)
    with context.opened(path) as first, context.opened(path) as second:
        names = [channel.name for channel in first.channels]
        require(len(names) == truth.frames.shape[1], len(names), truth.frames.shape[1])
        require(len(set(names)) == len(names), names, "names that differ")
        again = [channel.name for channel in second.channels]
        require(names == again, again, names, "the same file opened again")
        if context.subject.limits.channel_names:
            require(tuple(names) == truth.channels, names, truth.channels)


@check("WIO-S04")
def an_empty_range_is_empty(context: Context) -> None:
    """An empty range gives an array of shape (0, C, Y, X) and the right type."""
    with context.opened() as recording:
        n = len(recording.frames)
        for key in (slice(0, 0), slice(n, n), slice(2, 1), slice(n + 5, None)):
            found = recording.frames[key]
            expected = (0, *recording.frames.shape[1:])
            require(found.shape == expected, found.shape, expected, f"frames[{key!r}]")
            require(found.dtype == recording.frames.dtype, found.dtype, recording.frames.dtype)


@check("WIO-S05")
def results_are_c_contiguous(context: Context) -> None:
    """Every result is a C-contiguous numpy array."""
    with context.opened() as recording:
        for key in (
            slice(None),
            (slice(None), 0),
            (slice(None, None, -1), slice(None), slice(1, None), slice(None, None, 2)),
        ):
            found = recording.frames[key]
            require(isinstance(found, np.ndarray), type(found), "numpy.ndarray", f"frames[{key}]")
            require(found.flags.c_contiguous, found.strides, "C order", f"frames[{key!r}]")


@check("WIO-S06", severity="SHOULD")
def one_channel_equals_the_slice_of_all(context: Context) -> None:
    """A recording of selected channels equals the slice of the whole."""
    with context.opened() as recording:
        whole = recording.frames[:]
        for index, channel in enumerate(recording.channels):
            found = recording.select(channels=channel.name).frames[:]
            same = np.array_equal(found, whole[:, index : index + 1])
            require(same, "other pixels", "those of frames[:, i]", f"channel {channel.name!r}")
