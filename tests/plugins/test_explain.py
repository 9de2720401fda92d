"""`wormio explain`: what a path is, what is missing, and who would read it."""

import json
import subprocess
import sys

import pytest

import wormio
from wormio.cli.exits import exit_code
from wormio.errors import MissingPluginError, UnknownFormatError
from wormio.registry import Probe
from wormio.registry.known import KNOWN, suggest
from wormio.registry.manager import PluginState
from wormio.testing import Phantom, Scan, write_leifer


@pytest.fixture(scope="module")
def leifer_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom") / "recording"
    write_leifer(
        Phantom(Scan.synthetic(n_volumes=2), n_neurons=2, n_stimuli=0, shape=(32, 48)), folder
    )
    return folder


def test_a_leifer_folder_without_its_daq_table_is_told_in_the_first_line(program, leifer_folder):
    (leifer_folder / "other-frameSynchronous.txt").rename(leifer_folder.parent / "away.txt")
    done = program("explain", leifer_folder)
    assert done.returncode == 0
    first, second = done.stdout.splitlines()[:2]
    assert first.startswith(
        f"{leifer_folder} is a leifer recording, but other-frameSynchronous.txt is missing; to do: "
    )
    assert "planar=True" in first
    assert second.startswith("leifer: mine, but (framesDetails.txt begins with its header")
    tree = json.loads(program("explain", leifer_folder, "--json").stdout)
    assert tree["verdicts"][0]["missing"] == ["other-frameSynchronous.txt"]
    assert tree["verdicts"][0]["confidence"] == "SIGNATURE"
    (tiff,) = (verdict for verdict in tree["verdicts"] if verdict["format"] == "tiff")
    assert tiff == {
        "format": "tiff",
        "distribution": f"wormio {wormio.__version__}",
        "answer": "no",
        "confidence": None,
        "evidence": ["nothing here is named *.tif or *.tiff or *.ome.tif or *.btf"],
        "missing": [],
        "cure": "",
    }


def test_every_no_says_why_and_what_is_named_rightly_is_told_when_opening_fails(tmp_path):
    for name in ("Worm.TIF", "notes.txt"):
        (tmp_path / name).write_text("a letter, no image\n")
    found = wormio.explain(tmp_path / "Worm.TIF")
    why = {verdict.format: verdict.evidence for verdict in found.verdicts}
    assert all(why.values())
    assert why["tiff"] == ("Worm.TIF is named like its files, but it is not what it looks for",)
    assert why["imaris"] == ("nothing here is named *.ims",)
    with pytest.raises(UnknownFormatError, match=r"tiff: no \(Worm.TIF is named like") as raised:
        wormio.open(tmp_path / "Worm.TIF")
    assert "imaris: no" not in str(raised.value)
    with pytest.raises(UnknownFormatError) as raised:
        wormio.open(tmp_path / "notes.txt")
    assert ": no (" not in str(raised.value)


@pytest.mark.parametrize(
    ("path", "distribution"),
    [
        ("nd2/cluster.nd2", "wormio-nd2"),
        ("ome_zarr/xyz_8bit__mitotic_plate_calibrated.ome.zarr", "wormio-zarr"),
        ("nwb/test_TwoPhotonSeries.nwb", "wormio-nwb"),
        ("nwb/2.1.0_imageseries_no_data.nwb", "wormio-nwb"),
        ("ndtiff/ndtiff3.2_11bit_1", "wormio-ndtiff"),
        ("ndtiff/ndtiffv2.0_test", "wormio-ndtiff"),
    ],
)
def test_a_known_format_names_the_distribution_that_reads_it(real_data, path, distribution):
    if any(distribution in p.distribution for p in wormio.registry.default_registry().plugins):
        pytest.skip(f"{distribution} is installed")
    found = wormio.explain(real_data / path)
    assert [s.distribution for s in found.suggestions] == [distribution]
    assert f"pip install {distribution}" in str(found).splitlines()[0]
    with pytest.raises(MissingPluginError, match=f"pip install {distribution}") as raised:
        wormio.open(real_data / path)
    assert isinstance(raised.value, UnknownFormatError)
    assert exit_code(raised.value) == 5


def test_what_only_has_a_name_is_not_taken_for_a_known_format(tmp_path):
    for name in ("empty.nd2", "empty.nwb", "NDTiff.index"):
        (tmp_path / name).write_bytes(b"")
        assert suggest(Probe(tmp_path / name)) == ()
    with pytest.raises(UnknownFormatError) as raised:
        wormio.open(tmp_path / "empty.nd2")
    assert exit_code(raised.value) == 3
    assert "an empty file" in raised.value.found


@pytest.mark.parametrize(
    ("state", "cure"),
    [
        ("loaded", None),
        ("failed", "`wormio doctor`"),
        ("disabled", "WORMIO_DISABLE_PLUGINS"),
    ],
)
def test_an_installed_distribution_is_not_to_be_installed_again(tmp_path, state, cure):
    path = tmp_path / "a.nd2"
    path.write_bytes(b"\xda\xce\xbe\x0a" + b"\0" * 100)
    plugin = PluginState(name="nd2", distribution="wormio-nd2 0.1.0", state=state)
    found = suggest(Probe(path), [plugin])
    assert len(found) == (cure is not None)
    assert all(cure in s.cure and "pip" not in s.cure for s in found)


def test_each_distribution_is_known_once():
    names = [known.distribution for known in KNOWN]
    assert len(set(names)) == len(names)


COUNTING = """
import json, sys, os
import wormio
folder = sys.argv[1]
wormio.explain(os.path.dirname(folder))  # what is imported at first use is imported now
seen = {"open": [], "os.scandir": [], "os.listdir": []}
def hook(event, arguments):
    if event in seen and arguments and str(arguments[0]).startswith(folder):
        seen[event].append(str(arguments[0]))
sys.addaudithook(hook)
wormio.explain(folder)
try:
    wormio.open(folder)
except wormio.errors.UnknownFormatError as error:
    assert "and 9992 more" in str(error)
print(json.dumps(seen))
"""


def test_a_folder_of_10_000_files_costs_one_listing_and_a_few_headers(tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(10_000):
        (folder / f"image_{i:05d}.tif").touch()
    done = subprocess.run(
        [sys.executable, "-c", COUNTING, str(folder)], capture_output=True, text=True, check=False
    )
    assert not done.stderr
    seen = json.loads(done.stdout)
    # explain and open: each lists once.
    assert seen["os.scandir"] == [str(folder)] * 2
    assert seen["os.listdir"] == []
    assert len(seen["open"]) <= 16
