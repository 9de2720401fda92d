"""brains.json and matches.txt: neurons of all volumes, and which of them are one neuron.

Written here by the description of the files; no real one was at hand.
"""

import json

import numpy as np
import pytest

from wormio import read_positions
from wormio.errors import CorruptRecordingError, FormatError, MissingPartError, OptionError

COUNTS = [3, 2, 4]
COORDS = np.arange(27.0).reshape(9, 3)
REFERENCE = 0
# Neuron j of the reference is neuron ... of each volume.
TRUE = np.array([[0, 1, 2], [1, -1, 0], [3, 2, -1]])
WANTED = np.full((3, 3, 3), np.nan)
for volume, first in enumerate([0, 3, 5]):
    for neuron, at in enumerate(TRUE[volume]):
        if at >= 0:
            WANTED[volume, neuron] = COORDS[first + at]
# Neuron j of each volume is neuron ... of the reference; filled up with -1.
TO_REFERENCE = [[0, 1, 2, -1], [2, 0, -1, -1], [-1, -1, 1, 0]]
HEADER = {"ref_index": REFERENCE}


@pytest.fixture
def lab(tmp_path):
    def write(matches=TO_REFERENCE, header=HEADER, **changes):
        content = {
            "type": "Brains",
            "nInVolume": COUNTS,
            "coordZYX": COORDS.tolist(),
            "zOfFrame": [[0.0] * 10, [0.0] * 9, [0.0] * 11],
            "labels": [["AVA", "", "AVA"], ["", ""], ["x", "y", "z", "w"]],
        }
        content |= changes
        content = {key: value for key, value in content.items() if value is not None}
        (tmp_path / "brains.json").write_text(json.dumps(content))
        if matches is not None:
            text = json.dumps(header) if header is not None else ""
            np.savetxt(tmp_path / "matches.txt", np.array(matches), header=text)
        return tmp_path / "brains.json"

    return write


@pytest.mark.parametrize("matches", [TO_REFERENCE, TRUE])
def test_neurons_are_followed_through_the_volumes(lab, matches):
    # Either table can be read one way only: the other would name neurons that are not there.
    found = read_positions(lab(matches))
    np.testing.assert_array_equal(found.coords, WANTED)
    assert found.z_unit == "frame"
    assert found.labels == ("AVA (0)", "1", "AVA (2)")
    assert found.volumes is None


def test_a_table_that_fits_both_readings_is_asked_about(lab):
    turned = [[0, 1, 2], [1, 2, 0], [2, 0, 1]]
    path = lab(turned, nInVolume=[3, 3, 3], labels=None)
    with pytest.raises(OptionError, match="two ways"):
        read_positions(path)
    there = read_positions(path, direction="to reference").coords
    back = read_positions(path, direction="from reference").coords
    assert there[1, :, 0].tolist() == [15, 9, 12]
    assert back[1, :, 0].tolist() == [12, 15, 9]


def test_the_neurons_of_one_volume_need_no_matches(lab):
    path = lab(matches=None)
    found = read_positions(path, volume="2", channel="red")
    np.testing.assert_array_equal(found.coords, COORDS[5:])
    assert found.labels == ("x", "y", "z", "w")
    assert found.channel == "red"
    with pytest.raises(MissingPartError, match=r"matches\.txt"):
        read_positions(path)
    with pytest.raises(OptionError, match="no volume 3"):
        read_positions(path, volume=3)


def test_the_volumes_they_were_found_in(lab):
    found = read_positions(lab(), first_frame=5)
    assert found.volumes.tolist() == [[5, 15], [15, 24], [24, 35]]


def test_volumes_that_began_one_frame_early(lab, caplog):
    found = read_positions(lab(), first_frame=5, legacy_first_frame=True)
    assert found.volumes.tolist() == [[6, 16], [16, 25], [25, 36]]
    moved = WANTED - [1, 0, 0]
    moved[0, 0] = np.nan  # its plane, 0, is the last of the volume before
    np.testing.assert_array_equal(found.coords, moved)
    assert "1 positions" in caplog.text
    with pytest.raises(OptionError, match="legacy_first_frame"):
        read_positions(lab(), legacy_first_frame="ture")


def test_the_reference_volume_is_in_the_header_or_said(lab):
    with pytest.raises(OptionError, match="reference="):
        read_positions(lab(header=None))
    np.testing.assert_array_equal(read_positions(lab(header=None), reference=0).coords, WANTED)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"nInVolume": None}, FormatError),
        ({"coordZYX": None}, FormatError),
        ({"nInVolume": [3, 2, 5]}, CorruptRecordingError),
        ({"nInVolume": [3, -2, 8]}, CorruptRecordingError),
        ({"coordZYX": [[1, 2], [3, 4]]}, CorruptRecordingError),
        ({"coordZYX": "many"}, CorruptRecordingError),
        ({"coordZYX": [[1, 2, 3], [4, 5]]}, CorruptRecordingError),
        ({"matches": TO_REFERENCE[:2]}, CorruptRecordingError),
        ({"matches": [[0, 1, 9, -1], *TO_REFERENCE[1:]]}, CorruptRecordingError),
        ({"matches": [[0, 1, 1, -1], *TO_REFERENCE[1:]]}, CorruptRecordingError),
        ({"matches": [[0.5, 1, 2, -1], *TO_REFERENCE[1:]]}, FormatError),
    ],
)
def test_files_that_do_not_fit_are_told(lab, changes, error):
    with pytest.raises(error):
        read_positions(lab(**changes))


def test_files_that_are_not_wormbrains(tmp_path):
    path = tmp_path / "brains.json"
    for text in ("", "[]", "{", "[" * 100_000, "\xff"):
        path.write_text(text, encoding="latin-1")
        with pytest.raises((FormatError, CorruptRecordingError)):
            read_positions(path)
