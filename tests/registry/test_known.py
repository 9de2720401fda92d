"""Formats of plugins are known by what the files hold, not by their names."""

import struct

import pytest

from wormio.registry import Probe
from wormio.registry.known import suggest


def _suggested(path):
    return [(one.distribution, one.evidence) for one in suggest(Probe(path))]


@pytest.mark.parametrize(("magic", "order"), [(b"II*\0", "<"), (b"MM\0*", ">")])
def test_a_lone_ndtiff_stack_names_the_plugin(tmp_path, magic, order):
    path = tmp_path / "worm_NDTiffStack.tif"
    path.write_bytes(magic + struct.pack(f"{order}5I", 28, 483729, 3, 2, 2355492))
    assert _suggested(path) == [("wormio-ndtiff", "the TIFF has the header of an NDTiff stack")]
    path.write_bytes(magic + struct.pack(f"{order}5I", 28, 54773648, 3, 2, 2355492))
    assert _suggested(path) == []


def test_the_index_of_an_ndtiff_data_set_names_the_plugin(tmp_path):
    path = tmp_path / "NDTiff.index"
    path.write_bytes(struct.pack("<I", 10) + b'{"time":0}' + bytes(40))
    assert [name for name, _ in _suggested(path)] == ["wormio-ndtiff"]
    path.write_bytes(b"fed the worms\n")
    assert _suggested(path) == []
