"""Drawing truths with hypothesis; a failure is shrunk to the smallest that still shows it."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st

from wormio.testing.truth import Limits, Truth, make_truth

__all__ = ["index_keys", "truths"]


@st.composite
def truths(draw: st.DrawFn, limits: Limits) -> Truth:
    """Draw a truth that a format with these limits can hold."""

    def between(bounds: tuple[int, int]) -> int:
        return draw(st.integers(*bounds))

    sizes = {
        name: between(getattr(limits, name))
        for name in ("channels", "volumes", "planes", "height", "width")
    }
    dtype = draw(st.sampled_from(limits.dtypes))
    n_frames = sizes["volumes"] * sizes["planes"]
    rows = st.integers(0, max(n_frames - 1, 0))
    few = st.lists(rows, max_size=3, unique=True)
    lost = draw(few) if limits.drops else []
    twice = draw(few) if limits.duplicates else []
    stimuli = draw(st.lists(rows, max_size=3)) if limits.events else []
    return make_truth(limits, dtype=dtype, lost=lost, twice=twice, stimuli=stimuli, **sizes)


def index_keys(shape: tuple[int, ...]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Draw keys of numpy's basic indexing that fit a (F, C, Y, X) array."""
    axes = [st.one_of(st.integers(-n, n - 1), st.slices(n)) if n else st.slices(n) for n in shape]
    return st.tuples(*axes).flatmap(
        lambda key: st.integers(0, len(key)).map(lambda length: key[:length])
    )
