"""Tables of neuron positions."""

import numpy as np
import pytest

import wormio
from wormio.errors import FormatError, OptionError


@pytest.fixture
def table(tmp_path):
    def write(text, name="neurons.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_static_positions_keep_labels_units_and_holes(table):
    where = wormio.read_positions(table("label,z_um,y,x\nAVA,1.5,2,3\nAVE,,4,5\n"))
    assert where.labels == ("AVA", "AVE")
    assert where.z_unit == "um"
    assert np.array_equal(where.coords, [[1.5, 2, 3], [np.nan, 4, 5]], equal_nan=True)


def test_columns_may_come_in_any_order_with_tabs_comments_crlf_and_a_bom(table):
    text = b"\xef\xbb\xbf# made by hand\r\nx\ty\tZ_frame\r\n3\t2\t1\r\n\r\n"
    where = wormio.read_positions(table(text, "neurons.tsv"))
    assert where.z_unit == "frame"
    assert where.coords.tolist() == [[1, 2, 3]]


def test_a_volume_column_makes_them_tracked_and_absent_rows_nan(table):
    text = "volume,label,z_um,y,x\n0,A,1,2,3\n2,A,4,5,6\n2,B,7,8,9\n"
    where = wormio.read_positions(table(text))
    assert where.labels == ("A", "B")
    assert where.coords.shape == (3, 2, 3)
    assert where.coords[2].tolist() == [[4, 5, 6], [7, 8, 9]]
    assert np.isnan(where.coords[1]).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "header"),
        (b"\x00\xff\xfe", "no text"),
        (b"z_um,y\n1,2\n", "header"),
        (b"z_um,y,x,color\n1,2,3,4\n", "header"),
        (b"z_um,z_frame,y,x\n1,1,2,3\n", "column of z"),
        (b"z_um,y,x\n1,2,inf\n", "line 2"),
        (b"z_um,y,x\n1,2,3\n1,a,3\n", "line 3"),
        (b"volume,z_um,y,x\n0,1,2,3\n", "need labels"),
        (b"volume,label,z_um,y,x\n-1,A,1,2,3\n", "negative"),
        (b"volume,label,z_um,y,x\n0,A,1,2,3\n0,A,1,2,3\n", "twice"),
    ],
)
def test_a_table_that_is_wrong_says_where(table, text, message):
    path = table(text)
    with pytest.raises(FormatError, match=message) as caught:
        wormio.read_positions(path)
    assert str(path) in str(caught.value)


def test_the_unit_of_a_plain_z_must_be_said_and_must_not_contradict(table):
    path = table("z,y,x\n1,2,3\n")
    with pytest.raises(OptionError, match="z-unit"):
        wormio.read_positions(path)
    assert wormio.read_positions(path, z_unit="frame").z_unit == "frame"
    with pytest.raises(OptionError, match="contradicts"):
        wormio.read_positions(table("z_um,y,x\n1,2,3\n"), z_unit="frame")
    hidden = table("z_um,y,x\n1,2,3\n", "neurons.dat")
    with pytest.raises(OptionError, match="--reader"):
        wormio.read_positions(hidden)
    assert len(wormio.read_positions(hidden, "csv")) == 1


TRACKED = "volume,label,z_um,y,x\n0,A,1,2,3\n2,A,4,5,6\n"


@pytest.mark.parametrize("n_volumes", [5, "5", np.int64(5)])
def test_last_volumes_without_a_neuron_are_there_if_their_number_is_said(table, n_volumes):
    where = wormio.read_positions(table(TRACKED), n_volumes=n_volumes)
    assert where.coords.shape == (5, 1, 3)
    assert np.isfinite(where.coords[:, 0, 0]).tolist() == [True, False, True, False, False]


@pytest.mark.parametrize(
    ("text", "n_volumes", "error", "part"),
    [
        (TRACKED, 2, OptionError, "line 3 lies outside the volumes"),
        (TRACKED, 10**11, OptionError, "n_volumes is impossible"),
        (TRACKED, 2.5, OptionError, "n_volumes is no number"),
        (TRACKED, "x", OptionError, "n_volumes is no number"),
        ("label,z_um,y,x\nA,1,2,3\n", 2, OptionError, "n_volumes means nothing"),
        (TRACKED + "100000000000,A,1,2,3\n", None, FormatError, "line 4: the volume is impossible"),
        (TRACKED + "1" * 4000 + ",A,1,2,3\n", None, FormatError, "line 4: the volume"),
        (TRACKED + "-1,A,1,2,3\n", None, FormatError, "line 4: a volume is negative"),
        (TRACKED + "2,A,1,2,3\n", None, FormatError, "line 4: neuron 'A' is in volume 2 twice"),
    ],
)
def test_impossible_volumes_are_refused_before_they_take_memory(
    table, text, n_volumes, error, part
):
    path = table(text)
    given = {} if n_volumes is None else {"n_volumes": n_volumes}
    with pytest.raises(error, match=part):
        wormio.read_positions(path, **given)


def test_the_labels_of_very_many_neurons_are_compared(table):
    # Looking at every pair of them would take minutes.
    rows = [f"n{i},1,2,3" for i in range(50_000)]
    where = wormio.read_positions(table("\n".join(["label,z_um,y,x", *rows])))
    assert len(where.labels) == 50_000
    with pytest.raises(FormatError, match=r"share a label[^$]*n7"):
        wormio.read_positions(table("\n".join(["label,z_um,y,x", *rows, "n7,1,2,3"])))
