"""`wormio combine` and `--config`, as a user types them."""

import json
import shutil
import tomllib

import numpy as np
import pytest

import wormio
from wormio.testing import Phantom, Scan, write_leifer, write_truth


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original")
    phantom = Phantom(Scan.synthetic(n_volumes=4), n_neurons=6, shape=(64, 96), n_stimuli=1)
    write_leifer(phantom, folder / "a")
    write_truth(phantom, folder / "truth")
    write_leifer(phantom, folder / "sub b")
    return folder


@pytest.fixture
def folder(original, tmp_path, monkeypatch):
    copied = tmp_path / "exp"
    shutil.copytree(original, copied)
    monkeypatch.chdir(copied)
    return copied


def listed(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def test_combine_writes_one_file_that_every_command_opens(run, folder):
    before = listed(folder)
    options = ("--name", "red", "--name", "green", "--channel", "red=red", "--on", "count")
    code, out, err = run("combine", "a", "sub b", *options, "-o", "exp.wormio.toml")
    assert (code, err) == (0, "")
    assert "red and green" in out
    assert "4 volumes" in out
    assert listed(folder) == sorted([*before, "exp.wormio.toml"])
    said = tomllib.loads((folder / "exp.wormio.toml").read_text())
    assert said == {
        "combine": {
            "on": "count",
            "members": {
                "red": {"path": "a", "channels": ["red"]},
                "green": {"path": "sub b"},
            },
        }
    }
    code, out, err = run("info", "exp.wormio.toml")
    assert (code, err) == (0, "")
    assert f"{folder / 'a'} (leifer)" in out
    assert f"{folder / 'sub b'} (leifer)" in out
    assert "config-used" in out
    code, out, _ = run("info", "exp.wormio.toml", "--json")
    channels = [channel["name"] for channel in json.loads(out)["channels"]]
    assert channels == ["red", "green-red", "green-green"]
    code, out, _ = run("explain", "exp.wormio.toml")
    assert (code, "combines red and green, matched on count" in out) == (0, True)
    code, out, _ = run("explain", "exp.wormio.toml", "--json")
    assert json.loads(out)["members"]["green"]["recognised_as"] == ["leifer"]
    where = folder / "truth" / "positions.csv"
    code, out, err = run(
        "extract", "exp.wormio.toml", "-p", where, "-o", "t.h5", "--channel", "red"
    )
    assert code == 0, err
    alone = wormio.extract(wormio.open("a"), wormio.read_positions(where))["red"]
    np.testing.assert_array_equal(wormio.load("t.h5")["red"].data, alone.data)


def test_names_are_those_of_the_folders_and_odd_ones_are_written_rightly(run, folder):
    names = ('q"\\ é\x7f', "b c")
    for given, expected in (
        ((), ("a", "sub b")),
        (("--name", names[0], "--name", names[1]), names),
    ):
        code, _, err = run("combine", "a", "sub b", *given, "-o", "exp.wormio.toml")
        assert code == 0, err
        said = tomllib.loads((folder / "exp.wormio.toml").read_text())
        assert tuple(said["combine"]["members"]) == expected
        wormio.open(folder / "exp.wormio.toml").close()
        (folder / "exp.wormio.toml").unlink()


def test_options_and_format_are_written_for_every_member(run, folder):
    what = ("--format", "leifer", "--option", "um_per_pixel=0.3", "--on", "time")
    code, _, err = run("combine", "a", "sub b", *what, "--tolerance", 0.001, "-o", "e.wormio.toml")
    assert code == 0, err
    said = tomllib.loads((folder / "e.wormio.toml").read_text())["combine"]
    assert (said["on"], said["tolerance"]) == ("time", 0.001)
    for member in said["members"].values():
        assert (member["format"], member["options"]) == ("leifer", {"um_per_pixel": "0.3"})
    with wormio.open(folder / "e.wormio.toml") as both:
        assert both.voxel_size.y == 0.3


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (("a", "sub b", "-o", "exp.toml"), 2, "NAME.wormio.toml"),
        (("a", "-o", "x.wormio.toml"), 2, "at least two"),
        (("a", "a", "-o", "x.wormio.toml"), 2, "different names"),
        (("a", "sub b", "--name", "x", "-o", "x.wormio.toml"), 2, "2 times --name"),
        (("a", "sub b", "--channel", "red", "-o", "x.wormio.toml"), 2, "NAME=CHANNEL"),
        (("a", "sub b", "--channel", "a=blue", "-o", "x.wormio.toml"), 2, "'blue'"),
        (("a", "sub b", "--tolerance", 1, "-o", "x.wormio.toml"), 2, "tolerance means nothing"),
        (("a", "gone", "-o", "x.wormio.toml"), 6, "gone"),
        (("a", "truth", "-o", "x.wormio.toml"), 3, "truth"),
        (("a", "sub b", "-o", "truth/x.wormio.toml"), 2, "above the recordings"),
        (("a", "sub b", "-o", "none/x.wormio.toml"), 2, "none"),
    ],
)
def test_what_cannot_be_combined_is_refused_and_nothing_is_written(
    run, folder, arguments, code, part
):
    before = listed(folder)
    found, out, err = run("combine", *arguments)
    assert (found, out) == (code, "")
    assert part in err
    assert listed(folder) == before


def test_an_existing_file_is_never_replaced(run, folder):
    (folder / "x.wormio.toml").write_text("# mine")
    code, _, err = run("combine", "a", "sub b", "-o", "x.wormio.toml")
    assert code == 6
    assert "there already" in err
    assert "--overwrite" not in err
    assert (folder / "x.wormio.toml").read_text() == "# mine"


def test_a_config_is_named_found_or_overridden(run, folder):
    (folder / "lab.toml").write_text(
        "[options]\num_per_pixel = 0.3\n[events.light]\ncount = [27700]"
    )
    code, out, _ = run("info", "a", "--config", "lab.toml")
    assert (code, "pixel 0.3 x 0.3" in out, "light: 1" in out) == (0, True, True)
    code, out, _ = run("info", "a", "--config", "lab.toml", "--option", "um_per_pixel=0.2")
    assert "pixel 0.2 x 0.2" in out
    (folder / "lab.toml").rename(folder / "a.wormio.toml")
    for path in ("a", "a.wormio.toml"):
        code, out, _ = run("info", path)
        assert "pixel 0.3 x 0.3" in out
    code, out, _ = run(
        "extract", "a", "-p", "truth/positions.csv", "-o", "t.h5", "--config", "a.wormio.toml"
    )
    assert code == 0
    assert wormio.load("t.h5")["red"].events["light"].count.tolist() == [27700]


def test_mistakes_in_a_config_end_with_2_and_its_line(run, folder):
    (folder / "a.wormio.toml").write_text("\n[optoins]\n")
    code, out, err = run("info", "a")
    assert (code, out) == (2, "")
    assert "a.wormio.toml: line 2: optoins: unknown key" in err
    assert "did you mean options?" in err
    code, _, err = run("info", "a", "--config", "gone.toml")
    assert (code, "gone.toml" in err) == (6, True)


def test_images_that_differ_are_the_users_mistake(run, folder):
    write_leifer(
        Phantom(Scan.synthetic(n_volumes=4), n_neurons=6, shape=(64, 80), n_stimuli=0), folder / "c"
    )
    code, _, err = run("combine", "a", "c", "-o", "exp.wormio.toml")
    assert code == 2
    assert "the images of the recordings differ" in err
