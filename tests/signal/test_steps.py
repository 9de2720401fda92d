"""Steps that must not be repeated."""

import pickle

import numpy as np
import pytest

from wormio.errors import AlreadyAppliedError, SignalError
from wormio.signal._steps import refuse_repeat


def test_a_step_is_refused_where_it_is_in_the_history(make_signal):
    signal = make_signal(np.ones((3, 1))).with_step("debleach", {"mode": "divide"})
    refuse_repeat(signal, "smooth")
    with pytest.raises(AlreadyAppliedError, match=r"debleach was applied already") as caught:
        refuse_repeat(signal, "debleach")
    assert "step 1 of 1: debleach(mode='divide')" in str(caught.value)
    assert "force=True" in caught.value.cure
    assert isinstance(caught.value, SignalError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    refuse_repeat(signal, "debleach", force=True)


def test_a_step_is_refused_after_one_that_excludes_it(make_signal):
    signal = make_signal(np.ones((3, 1))).with_step("fit_bleaching", {}).with_step("smooth", {})
    with pytest.raises(AlreadyAppliedError, match=r"dff cannot follow smooth"):
        refuse_repeat(signal, "dff", also=("smooth", "derivative"))
    refuse_repeat(signal, "dff", also=("derivative",))
    refuse_repeat(signal, "dff", True, also=("smooth",))
