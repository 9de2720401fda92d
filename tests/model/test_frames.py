"""Frame arrays of every kind index as numpy does, and never invent a pixel."""

import os
import signal
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormio.errors import (
    ContractError,
    CorruptRecordingError,
    FrameIndexError,
    MissingImageError,
    MissingPartError,
    RecordingClosedError,
    UnsupportedCapabilityError,
)
from wormio.model import (
    ArrayFrames,
    ArrayRecording,
    FrameArray,
    MissingFrames,
    combine,
    frames_from_reader,
)

SHAPE = (7, 3, 5, 4)
# No two pixels are equal, so that no axis can be swapped or shifted unseen.
TRUTH = np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)


def by_reader():
    return frames_from_reader(lambda f, c: TRUTH[f, c], SHAPE, "u2")


def by_view():
    """Return TRUTH as a view of a larger array with other channels in another order."""
    larger = np.full((11, 5, 5, 4), 9999, np.uint16)
    larger[2:9, [4, 0, 2]] = TRUTH
    whole = ArrayRecording.from_volumes(larger[:, None])
    return whole.select(channels=[4, 0, 2], frames=slice(2, 9)).frames


def by_view_of_view():
    larger = np.full((13, 4, 5, 4), 9999, np.uint16)
    larger[3:10, [3, 1, 2]] = TRUTH
    whole = ArrayRecording.from_volumes(larger[:, None])
    return whole.select(frames=slice(1, 12)).select(channels=[3, 1, 2], frames=slice(2, 9)).frames


def by_combination():
    a = ArrayRecording.from_volumes(TRUTH[:, None, :1], volume_interval=1.0)
    b = ArrayRecording.from_volumes(TRUTH[:, None, 1:], volume_interval=1.0)
    return combine({"a": a, "b": b}, on="index").frames


KINDS = {
    "array": lambda: ArrayFrames(TRUTH),
    "big-endian array": lambda: ArrayFrames(TRUTH.astype(">u2")),
    "fortran array": lambda: ArrayFrames(np.asfortranarray(TRUTH)),
    "reader": by_reader,
    "view": by_view,
    "view of a view": by_view_of_view,
    "combination": by_combination,
}
FRAMES = {name: make() for name, make in KINDS.items()}

every_kind = pytest.mark.parametrize("kind", KINDS)


@st.composite
def basic_keys(draw):
    """Draw any key that numpy calls basic: integers, slices, one ellipsis, new axes."""
    sizes = SHAPE[: draw(st.integers(0, 4))]
    integers = [st.integers(-size, size - 1) for size in sizes]
    key = [
        draw(integer | integer.map(np.int64) | st.slices(size))
        for integer, size in zip(integers, sizes, strict=True)
    ]
    if draw(st.booleans()):
        # What comes after an ellipsis counts from the last axis.
        n_front = draw(st.integers(0, len(key)))
        tail = [draw(st.slices(4)) for _ in range(draw(st.integers(0, 4 - n_front)))]
        key = [*key[:n_front], ..., *tail]
    for _ in range(draw(st.integers(0, 2))):
        key.insert(draw(st.integers(0, len(key))), None)
    if len(key) == 1 and draw(st.booleans()):
        return key[0]
    return tuple(key)


@every_kind
@given(key=basic_keys())
def test_any_basic_index_gives_what_numpy_gives(kind, key):
    result = FRAMES[kind][key]
    np.testing.assert_array_equal(result, TRUTH[key], strict=True)
    assert np.shape(result) == TRUTH[key].shape
    assert result.dtype.isnative
    assert result.flags.c_contiguous


@every_kind
def test_reports_shape_dtype_and_length(kind):
    frames = FRAMES[kind]
    assert (frames.shape, frames.ndim, len(frames)) == (SHAPE, 4, SHAPE[0])
    assert frames.dtype == np.dtype("u2")
    assert frames.dtype.isnative
    assert isinstance(frames, FrameArray)


@every_kind
def test_results_are_fresh(kind):
    frames = KINDS[kind]()
    for key in (0, slice(2, 5), (slice(None), 1), (..., slice(None, None, 2)), (1, 1)):
        first = frames[key]
        assert first.flags.writeable
        assert not np.shares_memory(first, TRUTH)
        first[...] = 0
        np.testing.assert_array_equal(frames[key], TRUTH[key])


@every_kind
@pytest.mark.parametrize(
    ("key", "axis"),
    [
        (7, "frame"),
        (-8, "frame"),
        ((0, 3), "channel"),
        ((0, 0, 5), "y"),
        ((0, 0, 0, -5), "x"),
        ((..., 4), "x"),
        ((slice(0, 0), 3), "channel"),
    ],
)
def test_an_integer_out_of_range_raises_an_index_error_that_names_the_axis(kind, key, axis):
    with pytest.raises(IndexError):
        TRUTH[key]
    with pytest.raises(FrameIndexError, match=rf"axis {axis}\b"):
        FRAMES[kind][key]


@every_kind
@pytest.mark.parametrize(
    "key",
    [
        1.0,
        "1",
        True,
        np.bool_(False),
        [0, 1],
        np.array([0, 1]),
        np.ones(7, bool),
        (0, 0, 0, 0, 0),
        (..., ...),
        slice(0, 2, 0),
        slice(0.5, 2),
    ],
    ids=repr,
)
def test_what_is_no_basic_index_raises_an_index_error(kind, key):
    with pytest.raises(FrameIndexError):
        FRAMES[kind][key]


@every_kind
def test_empty_slices_keep_the_other_axes_and_the_dtype(kind):
    result = FRAMES[kind][4:4]
    assert (result.shape, result.dtype) == ((0, 3, 5, 4), np.dtype("u2"))


@every_kind
def test_pixels_are_not_read_by_accident(kind):
    with pytest.raises(UnsupportedCapabilityError, match=r"frames\[:\]"):
        np.asarray(FRAMES[kind])


@every_kind
def test_reading_after_close_raises_and_what_was_read_stays(kind):
    frames = KINDS[kind]()
    before = frames[2]
    frames.close()
    frames.close()
    with pytest.raises(RecordingClosedError):
        frames[0]
    with pytest.raises(ValueError, match="closed"):
        frames[0:0]
    np.testing.assert_array_equal(before, TRUTH[2])
    assert "closed" in repr(frames)


def test_a_view_cannot_be_read_once_its_recording_is_closed():
    recording = ArrayRecording.from_volumes(TRUTH[:, None])
    part = recording.select(frames=slice(1, 3))
    recording.close()
    with pytest.raises(RecordingClosedError):
        part.frames[0]


@pytest.mark.parametrize("dtype", ["i1", "u1", ">i2", "<u4", ">f4", "f8"])
def test_pixels_of_any_type_keep_their_values(dtype):
    truth = np.arange(24).reshape(2, 1, 3, 4).astype(dtype)
    frames = ArrayFrames(truth)
    assert frames.dtype == truth.dtype.newbyteorder("=")
    np.testing.assert_array_equal(frames[::-1], truth[::-1])


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((2, 3, 4)),
        np.zeros((2, 3, 4, 5), complex),
        np.full((1, 1, 1, 1), "a"),
        np.zeros((1, 1, 1, 1), object),
    ],
)
def test_what_is_no_stack_of_images_is_refused(frames):
    with pytest.raises(ContractError, match="no stack of images"):
        ArrayFrames(frames)


# --- frames_from_reader --------------------------------------------------------------------------


def test_a_reader_is_asked_for_the_wanted_images_only():
    asked = []

    def read(frame, channel):
        asked.append((frame, channel))
        return TRUTH[frame, channel]

    frames_from_reader(read, SHAPE, "u2")[-1:2:-2, 1, 1:3, ::2]
    assert sorted(asked) == [(4, 1), (6, 1)]


@pytest.mark.parametrize("error", [KeyError("StripOffsets"), OSError("inflate() failed")])
def test_a_reader_that_raises_is_translated_and_chained(error):
    def read(frame, channel):
        raise error

    match = rf"frame 3, channel 1.*{type(error).__name__}"
    with pytest.raises(CorruptRecordingError, match=match) as caught:
        frames_from_reader(read, SHAPE, "u2")[3, 1]
    assert caught.value.__cause__ is error


def test_an_error_of_the_system_passes_a_reader_unchanged():
    def read(frame, channel):
        raise PermissionError(13, "Permission denied", "x.h5")

    with pytest.raises(PermissionError, match=r"x\.h5"):
        frames_from_reader(read, SHAPE, "u2")[0]


def test_a_reader_may_say_that_an_image_is_missing():
    def read(frame, channel):
        if frame == 2:
            raise MissingImageError("never saved")
        return TRUTH[frame, channel]

    frames = frames_from_reader(read, SHAPE, "u2")
    np.testing.assert_array_equal(frames[3:], TRUTH[3:])
    for key in (2, slice(None), (slice(None), 0, 0, 0)):
        with pytest.raises(MissingImageError):
            frames[key]


@pytest.mark.parametrize("image", [np.zeros((4, 5)), np.zeros(5), 0, None], ids=repr)
def test_a_reader_that_returns_another_shape_is_refused_not_broadcast(image):
    frames = frames_from_reader(lambda f, c: image, SHAPE, "u2")
    with pytest.raises(ContractError, match="wrong image for frame 0, channel 0"):
        frames[0]


def test_a_reader_is_released_once():
    released = []
    frames = frames_from_reader(
        lambda f, c: TRUTH[f, c], SHAPE, "u2", on_close=lambda: released.append(1)
    )
    frames.close()
    frames.close()
    assert released == [1]


@pytest.mark.parametrize("shape", [(1, 2, 3), (1, 1, 1, -1), (1, 1, 1, 1, 1)])
def test_an_impossible_shape_is_refused(shape):
    with pytest.raises(ContractError, match="impossible shape"):
        frames_from_reader(lambda f, c: None, shape, "u2")


@pytest.mark.parametrize("thread_safe", [False, True])
def test_readers_are_called_one_at_a_time_unless_they_are_thread_safe(thread_safe):
    both = threading.Barrier(2)
    inside = []

    def read(frame, channel):
        inside.append(threading.get_ident())
        if thread_safe:
            both.wait(timeout=60)  # passes only if two threads are in here at once
        else:
            assert len(set(inside)) == 1 or inside[0] == "done"
            inside[:] = ["done"]
        return TRUTH[frame, channel]

    frames = frames_from_reader(read, SHAPE, "u2", thread_safe=thread_safe)
    results = {}
    threads = [
        threading.Thread(target=lambda i=i: results.update({i: frames[i, 0]})) for i in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(2):
        np.testing.assert_array_equal(results[i], TRUTH[i, 0])


# --- MissingFrames -------------------------------------------------------------------------------


def test_missing_frames_say_why_at_every_use_of_pixels():
    frames = MissingFrames("no frame file", "/data/x.dat", "copy it")
    uses = (
        lambda: frames[0],
        lambda: frames.shape,
        lambda: frames.dtype,
        lambda: len(frames),
    )
    for use in uses:
        with pytest.raises(MissingPartError, match=r"/data/x\.dat: no frame file\n.*copy it"):
            use()
    frames.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # 3.12 warns of what we test
def test_a_child_forked_while_another_thread_reads_can_read_too():
    reading, go_on = threading.Event(), threading.Event()

    def read(frame, channel):
        if threading.current_thread() is not threading.main_thread():
            reading.set()
            go_on.wait(30)
        return np.full(SHAPE[2:], frame, np.uint16)

    frames = frames_from_reader(read, SHAPE, "u2")
    thread = threading.Thread(target=lambda: frames[0])
    thread.start()
    assert reading.wait(30)  # the thread holds the lock now
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # a child that waits for the lock dies of it
        os._exit(0 if frames[1, 0, 0, 0] == 1 else 1)
    go_on.set()
    thread.join()
    _, status = os.waitpid(child, 0)
    assert status == 0
