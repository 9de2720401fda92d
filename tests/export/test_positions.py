"""Tables of positions that are written are those that are read."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import wormio
from wormio.errors import OptionError, OutputExistsError
from wormio.export import positions_to_csv
from wormio.model import Positions

NAMES = ("AVAL", 'b "quoted"', "c, comma", "7")
values = st.floats(-1e6, 1e6) | st.just(float("nan"))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    coords=st.sampled_from([(4, 3), (1, 4, 3), (5, 4, 3)]).flatmap(
        lambda shape: arrays(np.float64, shape, elements=values)
    ),
    z_unit=st.sampled_from(["um", "frame"]),
)
def test_a_table_gives_the_same_positions_back(tmp_path, coords, z_unit):
    positions = Positions(coords=coords, z_unit=z_unit, labels=NAMES)
    positions_to_csv(positions, tmp_path / "a.csv", overwrite=True)
    assert wormio.read_positions(tmp_path / "a.csv") == positions


def test_only_a_table_of_positions_is_replaced(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("neuron,y,x\n")
    with pytest.raises(OutputExistsError, match="no table of positions"):
        positions_to_csv(Positions.static([[1, 2, 3]]), path, overwrite=True)
    assert path.read_text() == "neuron,y,x\n"


@pytest.mark.parametrize("label", ["#1", " a", "a\nb"])
def test_a_label_that_would_not_come_back_is_refused(tmp_path, label):
    with pytest.raises(OptionError, match="label"):
        positions_to_csv(Positions.static([[1, 2, 3]], labels=[label]), tmp_path / "a.csv")
