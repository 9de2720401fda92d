"""Finding rows by counters, against numpy's own search."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wormio.model._rows import search_rows

numbers = st.integers(-(2**40), 2**40)


@given(
    numbers,
    st.integers(0, 30),
    st.lists(st.integers(0, 29), max_size=3),
    st.lists(st.integers(-5, 40), max_size=9),
    st.sampled_from(["left", "right"]),
    st.sampled_from(["i8", "f8"]),
)
def test_rows_are_found_as_numpy_finds_them(first, n, lost, wanted, side, dtype):
    place = np.setdiff1d(np.arange(n), lost).astype(dtype) + first  # with gaps, and without
    wanted = np.array(wanted, dtype) + first
    found = search_rows(place, wanted, side)
    np.testing.assert_array_equal(found, np.searchsorted(place, wanted, side=side))


def test_counters_that_come_twice_are_found_too():
    place = np.array([4, 5, 5, 7])
    assert search_rows(place, np.array([5, 6, 8]), "left").tolist() == [1, 3, 4]
    assert search_rows(place, np.array([5, 6, 8]), "right").tolist() == [3, 3, 4]
