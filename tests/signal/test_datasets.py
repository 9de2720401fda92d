"""Lists of data sets (acceptance A17)."""

from pathlib import Path

import pytest

from wormio.errors import MissingPartError, OptionError, SignalError
from wormio.signal import read_dataset_list

TWELVE_LINES = (
    "\ufeff# all of our data sets\n"
    "\n"
    "/data/ds1/ #unc31 good\n"
    "/data/ds2 #good\tnoisy\r\n"
    "   /data/ds3/\n"
    "/c d/e f/ #unc31\n"
    "  # /data/old #good\n"
    "relative/ds5#good #unc31\n"
    "/data/ds1 #unc31 good again\n"
    "\t\r\n"
    "/data/ds6   #  \n"
    "../ds7 #x# y"
)


@pytest.fixture
def listed(tmp_path):
    path = tmp_path / "lists" / "datasets.txt"
    path.parent.mkdir()
    path.write_bytes(TWELVE_LINES.encode())
    return path


def paths(found):
    return [one.path for one in found]


def test_every_line_is_read(listed, caplog):
    found = read_dataset_list(listed)
    assert [(str(one.path), one.tags) for one in found] == [
        ("/data/ds1", ("unc31", "good")),
        ("/data/ds2", ("good", "noisy")),
        ("/data/ds3", ()),
        ("/c d/e f", ("unc31",)),
        (str(listed.parent / "relative/ds5"), ("good", "unc31")),
        ("/data/ds6", ()),
        (str(listed.parent / "../ds7"), ("x", "y")),
    ]
    assert "line 9" in caplog.text
    assert "line 3" in caplog.text


def test_all_tags_are_needed_and_none_excluded(listed):
    good = read_dataset_list(listed, tags="unc31 good")
    assert paths(good) == [Path("/data/ds1"), listed.parent / "relative/ds5"]
    assert paths(read_dataset_list(listed, tags=["good"], exclude="noisy unc31")) == []
    assert paths(read_dataset_list(listed, tags="  good  ", exclude=("unc31", ""))) == [
        Path("/data/ds2")
    ]
    assert paths(read_dataset_list(listed, exclude="good unc31 x")) == [
        Path("/data/ds3"),
        Path("/data/ds6"),
    ]
    assert read_dataset_list(listed, tags="again")[0].tags == ("unc31", "good", "again")


def test_no_list(tmp_path):
    with pytest.raises(MissingPartError):
        read_dataset_list(tmp_path / "none.txt")
    (tmp_path / "empty.txt").write_text("")
    assert read_dataset_list(tmp_path / "empty.txt") == ()
    for content in (b"\xff\xfe\x00", b"/data\0\n"):
        (tmp_path / "binary.txt").write_bytes(content)
        with pytest.raises(SignalError, match=r"binary\.txt"):
            read_dataset_list(tmp_path / "binary.txt")


def test_a_tag_that_is_wanted_and_excluded(listed):
    with pytest.raises(OptionError, match="good"):
        read_dataset_list(listed, tags="good", exclude="good")
