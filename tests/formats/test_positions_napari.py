"""Points of napari, as its own writer lays them out."""

import numpy as np
import pytest

from wormio import read_positions
from wormio.errors import FormatError, OptionError
from wormio.model import Positions


@pytest.fixture
def points(tmp_path):
    def write(text):
        (tmp_path / "points.csv").write_text(text)
        return tmp_path / "points.csv"

    return write


STATIC = "index,axis-0,axis-1,axis-2\n0.0,1.5,20.0,30.25\n1.0,2.0,5.0,7.0\n"
TRACKED = (
    "index,axis-0,axis-1,axis-2,axis-3,label,confidence\n"
    "0,0,1,2,3,AVA,0.5\n1,0,4,5,6,AVB,0.1\n2,2,7,8,9,AVA,0.2\n"
)


def test_static_points(points):
    found = read_positions(points(STATIC), "napari", z_unit="frame")
    assert found == Positions.static([[1.5, 20, 30.25], [2, 5, 7]], z_unit="frame")
    scaled = read_positions(points(STATIC), "napari", z_unit="um", z_scale=2.5, yx_scale="2")
    assert scaled.coords.tolist() == [[3.75, 40, 60.5], [5, 10, 14]]


def test_tracked_points(points):
    found = read_positions(points(TRACKED), "napari", z_unit="um", n_volumes=4)
    wanted = np.full((4, 2, 3), np.nan)
    wanted[0] = [[1, 2, 3], [4, 5, 6]]
    wanted[2, 0] = [7, 8, 9]
    assert found == Positions.tracked(wanted, labels=["AVA", "AVB"])


def test_a_column_of_names_may_be_chosen(points):
    text = "index,axis-0,axis-1,axis-2,cell\n0,1,2,3,RIM\n"
    assert read_positions(points(text), "napari", z_unit="um", label="cell").labels == ("RIM",)
    with pytest.raises(OptionError, match="cel'"):
        read_positions(points(text), "napari", z_unit="um", label="cel")


def test_the_reader_of_tables_tells_what_they_are(points):
    with pytest.raises(FormatError, match="--reader napari"):
        read_positions(points(STATIC))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("z,y,x\n1,2,3\n", "no table of napari"),
        ("index,axis-0,axis-1\n0,1,2\n", "not those of volumes"),
        ("index,axis-0,axis-2,axis-1\n0,1,2,3\n", "not those of volumes"),
        ("index,axis-0,axis-1,axis-2\n", "only a header"),
        ("index,axis-0,axis-1,axis-2\n0,1,2\n", "line 2 has 3 fields"),
        ("index,axis-0,axis-1,axis-2\n0,1,2,a\n", "line 2"),
        ("index,axis-0,axis-1,axis-2\n0,1,2,nan\n", "line 2"),
        ("index,axis-0,axis-1,axis-2,label\n0,1,2,3,a\n1,1,2,3,a\n", "share"),
        ("index,axis-0,axis-1,axis-2,axis-3\n0,1,2,3,4\n", "need labels"),
        ("index,axis-0,axis-1,axis-2,axis-3,label\n0,0.5,2,3,4,a\n", "count volumes"),
        ("index,axis-0,axis-1,axis-2,axis-3,label\n0,-1,2,3,4,a\n", "count volumes"),
        ("index,axis-0,axis-1,axis-2,axis-3,label\n0,1e15,2,3,4,a\n", "index of volumes"),
        ("index,axis-0,axis-1,axis-2,axis-3,label\n0,1,2,3,4,a\n1,1,2,3,4,a\n", "twice"),
    ],
)
def test_tables_that_are_wrong_are_told(points, text, says):
    with pytest.raises(FormatError, match=says):
        read_positions(points(text), "napari", z_unit="um")


def test_what_is_not_said_is_asked(points):
    for options in (
        {},
        {"z_unit": "mm"},
        {"z_unit": "um", "z_scale": 0},
        {"z_unit": "um", "z_scale": "a"},
        {"z_unit": "um", "n_volumes": 3},
    ):
        with pytest.raises(OptionError):
            read_positions(points(STATIC), "napari", **options)
    (points("").parent / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError):
        read_positions(points("").parent / "binary.csv", "napari", z_unit="um")
