"""A grid of planes in an array of any order of axes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wormio.errors import OptionError
from wormio.formats.stacks.arrays import ArrayPlanes
from wormio.formats.stacks.axes import Axes


def turned(array, labels):
    """Order an array as (T, Z, C, Y, X) by numpy alone."""
    order = [i for letter in "TZCYX" for i, label in enumerate(labels) if label == letter]
    lengths = [
        int(np.prod([n for n, label in zip(array.shape, labels, strict=True) if label == letter]))
        for letter in "TZCYX"
    ]
    return array.transpose(order).reshape(lengths)


@given(st.data())
def test_planes_of_any_order_of_axes_are_those_of_a_transposed_array(data):
    labels = data.draw(
        st.lists(st.sampled_from("TZC"), max_size=4).flatmap(
            lambda outer: st.permutations([*outer, "Y", "X"])
        )
    )
    shape = data.draw(st.tuples(*[st.integers(1, 4)] * len(labels)))
    array = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    planes = ArrayPlanes(labels, shape)
    truth = turned(array, labels)
    assert planes.grid == truth.shape[:3]
    flat = truth.reshape(planes.frames_shape)
    read = planes.reader(array.__getitem__)
    offsets = planes.offsets(array.strides)
    for frame in range(len(flat)):
        for channel in range(flat.shape[1]):
            np.testing.assert_array_equal(read(frame, channel), flat[frame, channel])
            first = array.tobytes()[offsets[frame, channel] :][:4]
            assert np.frombuffer(first, np.int32)[0] == flat[frame, channel, 0, 0]


def test_stored_counts_the_planes_as_they_lie_in_the_array():
    planes = ArrayPlanes(list("CZYTX"), (2, 3, 5, 4, 6))
    stored = planes.stored()
    assert stored.shape == (4, 3, 2)
    # C is slowest (12 planes a channel), then Z (4 planes), then T.
    assert stored[3, 2, 1] == 12 + 2 * 4 + 3
    assert sorted(stored.ravel()) == list(range(24))


@pytest.mark.parametrize(
    ("letters", "shape", "proposal"),
    [
        ("QQQ", (9, 8, 7), "axes='TYX' or axes='ZYX'"),
        ("QQQQQ", (2, 3, 4, 5, 6), "axes='TZCYX'"),
        ("QYX", (9, 8, 7), "axes='TYX'"),
    ],
)
def test_axes_that_nobody_names_are_asked_for(letters, shape, proposal):
    axes = Axes(letters=letters, shape=shape, named=False, title="an array", path=Path("a.h5"))
    with pytest.raises(OptionError) as caught:
        axes.label(None)
    assert proposal in str(caught.value)
    assert "a.h5" in str(caught.value)


def test_the_user_may_leave_out_dimensions_of_length_1():
    axes = Axes(
        letters="QQQQ", shape=(1, 7, 5, 6), named=False, title="an array", path=Path("a.h5")
    )
    assert axes.label("TYX") == ["C", "T", "Y", "X"]
    assert axes.label("CTYX") == ["C", "T", "Y", "X"]
    with pytest.raises(OptionError, match="does not fit"):
        axes.label("YX")
