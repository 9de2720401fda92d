"""Long and large extractions, as a user types them: in shards, over lists, again, dry."""

import json
import os
import shutil
import signal

import attrs
import numpy as np
import pytest

import wormio
from wormio.testing import Phantom, Scan, write_leifer, write_truth


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Return a folder with three recordings, each with its own positions."""
    folder = tmp_path_factory.mktemp("lab")
    for number, n_volumes in enumerate([5, 7, 4]):
        scan = Scan.synthetic(n_volumes=n_volumes, seed=number)
        phantom = Phantom(scan, n_neurons=4, shape=(40, 56), n_stimuli=0, seed=number)
        write_leifer(phantom, folder / f"worm-{number}")
        write_truth(phantom, folder / f"worm-{number}")
    (folder / "datasets.txt").write_text(
        "# all of them\n\nworm-0 #good gcamp\n  worm-1\t#good#moving\r\nworm-2#bad\n"
    )
    return folder


@pytest.fixture(scope="module")
def whole(lab):
    """Return the signals of each recording, extracted in one go."""
    signals = []
    for number in range(3):
        folder = lab / f"worm-{number}"
        with wormio.open(folder) as recording:
            signals.append(
                wormio.extract(recording, wormio.read_positions(folder / "positions.csv"))
            )
    return signals


def one(lab, number=0):
    folder = lab / f"worm-{number}"
    return "extract", folder, "-p", folder / "positions.csv"


def test_shards_of_one_recording_are_merged_into_what_one_run_gives(run, lab, whole, tmp_path):
    for number in (3, 1, 2):
        output = tmp_path / "traces.h5"
        code, out, err = run(*one(lab), "-o", output, "--shard", f"{number}/3")
        assert (code, err) == (0, "")
        assert f"traces.shard-{number}-of-3.h5" in out
    code, out, _ = run("merge", tmp_path)
    assert code == 0
    assert "3 shards, 5 volumes" in out
    assert wormio.load(tmp_path / "traces.h5") == whole[0]
    assert run("merge", tmp_path)[0] == 6
    assert run("merge", tmp_path, "--overwrite")[0] == 0
    (tmp_path / "traces.shard-2-of-3.h5").unlink()
    code, _, err = run("merge", tmp_path, "-o", tmp_path / "other.h5")
    assert code == 4
    assert "nothing of volumes 1 to 2" in err
    assert not (tmp_path / "other.h5").exists()


def test_a_list_is_extracted_in_shards_and_merged(run, lab, whole, tmp_path):
    listed = ("extract", "--list", lab / "datasets.txt", "-p", "positions.csv", "-o", tmp_path)
    for number in range(1, 5):  # three recordings on four nodes
        code, _, err = run(*listed, "--shard", f"{number}/4", "--quiet")
        assert (code, err) == (0, "")
    code, out, _ = run("merge", tmp_path)
    assert code == 0
    assert out.count("2 shards") == 3
    for number in range(3):
        assert wormio.load(tmp_path / f"worm-{number}.h5") == whole[number]
    # What is there is not done again; unless it was something else.
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    code, out, _ = run(*listed)
    assert code == 0
    assert out.count("is there already") == 3
    code, _, err = run(*listed, "--boundary", "nan")
    assert code == 6
    assert err.count("other options") == 3
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_tags_choose_from_a_list(run, lab, tmp_path):
    listed = ("extract", "--list", lab / "datasets.txt", "-p", "positions.csv", "-o", tmp_path)
    assert run(*listed, "--tags", "good", "--exclude-tags", "moving stuck")[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["worm-0.h5"]
    assert run(*listed, "--tags", "good missing")[0] == 2


def test_one_bad_recording_of_a_list_does_not_stop_the_others(run, lab, whole, tmp_path):
    bad = tmp_path / "lab"
    shutil.copytree(lab, bad)
    (bad / "worm-1" / "framesDetails.txt").unlink()
    (bad / "out").mkdir()
    code, _, err = run(
        *("extract", "--list", bad / "datasets.txt", "-p", "positions.csv", "-o", bad / "out")
    )
    assert code == 4
    assert "2 of 3" in err
    assert "framesDetails.txt" in err
    for number in (0, 2):
        found = wormio.load(bad / "out" / f"worm-{number}.h5")["green"]
        assert np.array_equal(found.data, whole[number]["green"].data, equal_nan=True)


def test_what_is_asked_wrongly_is_refused_before_any_work(run, lab, tmp_path):
    output = tmp_path / "traces.h5"
    for arguments, said in [
        ((*one(lab), "-o", output, "--shard", "0/3"), "from 1 to N"),
        ((*one(lab), "-o", output, "--list", lab / "datasets.txt"), "which recording"),
        (("extract", "-p", "positions.csv", "-o", output), "which recording"),
        ((*one(lab), "-o", output, "--json"), "--dry-run"),
        ((*one(lab), "-o", output, "--memory", "lots"), "800000000"),
        ((*one(lab), "-o", output, "--threads", "1", "--processes", "1"), "threads or processes"),
        ((*one(lab), "-o", output, "--follow", "5", "--shard", "1/2"), "neither"),
        ((*one(lab), "-o", output, "--stop-mark", "done"), "--follow"),
        (("merge", lab), "no shards"),
        (("merge", lab / "datasets.txt"), "no shard by its name"),
    ]:
        code, _, err = run(*arguments)
        assert code == 2
        assert said in err
    listed = ("extract", "--list", lab / "datasets.txt", "-p", "positions.csv")
    assert run(*listed, "-o", output)[0] == 2
    assert not list(tmp_path.iterdir())


def test_a_dry_run_tells_the_cost_and_writes_nothing(run, lab, tmp_path):
    arguments = (*one(lab, 1), "-o", tmp_path / "traces.h5", "--dry-run")
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    assert "an estimate" in out
    code, out, _ = run(*arguments, "--json", "--threads", "1")
    (cost,) = json.loads(out)["extractions"]
    assert (cost["volumes"], cost["neurons"], cost["channels"]) == (7, 4, 2)
    with wormio.open(lab / "worm-1") as recording:
        size = recording.frames.dtype.itemsize * np.prod(recording.frames.shape)
        assert cost["recording_bytes"] == size
        assert 0 < cost["bytes_to_read"] <= size
    assert cost["seconds"] > 0
    code, out, _ = run(*arguments, "--json", "--box", "1,1,1")
    assert json.loads(out)["extractions"][0]["bytes_to_read"] < cost["bytes_to_read"]
    assert not list(tmp_path.iterdir())


def test_rerun_repeats_an_extraction_and_says_what_differs(run, lab, tmp_path):
    output = tmp_path / "traces.h5"
    assert run(*one(lab), "-o", output, "--boundary", "clip", "--reducer", "sum")[0] == 0
    code, out, err = run("rerun", output)
    assert (code, err) == (0, "")
    assert "identical" in out
    moved = tmp_path / "disk" / "old worm"
    shutil.copytree(lab / "worm-0", moved)
    code, out, _ = run("rerun", output, "--root", tmp_path, "-o", tmp_path / "again.h5")
    assert code == 0
    assert str(moved) in out
    assert wormio.load(tmp_path / "again.h5")["red"].data.shape == (5, 4)
    signals = wormio.load(output)
    signals["red"] = attrs.evolve(signals["red"], data=signals["red"].data + 1)
    wormio.save(output, signals, overwrite=True)
    code, out, _ = run("rerun", output, "--json")
    assert code == 7
    told = json.loads(out)
    assert not told["identical"]
    assert [(each["channel"], each["column"]) for each in told["differences"]] == [("red", "data")]


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("keep", [True, False])
def test_a_signal_ends_the_work_with_its_code_and_the_way_to_go_on(
    run, lab, whole, tmp_path, monkeypatch, number, expected, keep
):
    from wormio.extraction import running

    output, kept = tmp_path / "traces.h5", tmp_path / "kept"
    arguments = (*one(lab), "-o", output, "--memory", "1")
    if keep:
        arguments = (*arguments, "--checkpoint", kept)
    put = running.Gathered.put

    def put_and_stop(self, span, samples):
        put(self, span, samples)
        if span[0] == 3:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(running.Gathered, "put", put_and_stop)
    code, _, err = run(*arguments)
    assert code == expected
    assert "stopped after 3 of 5 volumes" in err
    assert "the same command" in err
    assert ("--checkpoint" in err) != keep
    assert not output.exists()
    monkeypatch.undo()
    if keep:
        assert [path.name for path in kept.glob("*.block")]
        assert run(*arguments)[0] == 0
        assert wormio.load(output) == whole[0]


def test_each_output_of_a_list_has_a_checkpoint_of_its_own(run, lab, whole, tmp_path):
    kept, outputs = tmp_path / "kept", tmp_path / "out"
    outputs.mkdir()
    code, _, err = run(
        *("extract", "--list", lab / "datasets.txt", "-p", "positions.csv", "-o", outputs),
        *("--checkpoint", kept, "--shard", "1/2"),
    )
    assert (code, err) == (0, "")
    assert sorted(path.name for path in kept.iterdir()) == ["worm-0", "worm-1.shard-1-of-2"]
    code, _, err = run(*one(lab), "-o", tmp_path / "t.h5", "--checkpoint", kept / "worm-0")
    assert code == 0
    assert wormio.load(tmp_path / "t.h5") == whole[0]
    code, _, err = run(
        *(*one(lab), "-o", tmp_path / "u.h5", "--checkpoint", kept / "worm-0"),
        *("--boundary", "clip"),
    )
    assert code == 2
    assert "boundary" in err


def test_follow_ends_at_the_mark_with_what_the_finished_recording_gives(run, lab, whole, tmp_path):
    mark, output = tmp_path / "done", tmp_path / "traces.h5"
    mark.write_text("")
    code, _, err = run(*one(lab), "-o", output, "--follow", "3600", "--stop-mark", mark)
    assert (code, err) == (0, "")
    assert wormio.load(output) == whole[0]


def test_masks_reducers_and_backgrounds_are_typed_as_they_are_written_in_python(run, lab, tmp_path):
    from wormio.extraction import Annulus, BrightestMean, Ellipsoid, Offsets, PlanePercentile

    folder, output = lab / "worm-0", tmp_path / "traces.h5"
    where = wormio.read_positions(folder / "positions.csv")
    cross = Offsets([[0, 0, 0], [0, 1, 0], [0, -1, 0]])
    for name, mask in (("cross", cross), ("dot", wormio.Box(1, 1, 1))):
        (tmp_path / f"{name}.json").write_text(json.dumps(mask.to_json()))
    ring = Annulus(percentile=20.0)
    (tmp_path / "ring.json").write_text(json.dumps(ring.to_json()))
    masks = [f"--mask={name}={tmp_path / name}.json" for name in ("cross", "dot")]
    cases = [
        (["--ellipsoid", "3,5,7"], {"mask": Ellipsoid(3, 5, 7)}),
        (masks, {"mask": {"cross": cross, "dot": wormio.Box(1, 1, 1)}}),
        (["--reducer", "brightest-mean=3"], {"reducer": BrightestMean(3)}),
        (["--background", "annulus=20"], {"background": ring}),
        (["--background", tmp_path / "ring.json"], {"background": ring}),
        (["--background", "plane-percentile=5"], {"background": PlanePercentile(5.0)}),
        (
            ["--subpixel", "linear", "--saturation", "150"],
            {"subpixel": "linear", "saturation": 150},
        ),
    ]
    for arguments, choices in cases:
        code, _, err = run(*one(lab), "-o", output, "--overwrite", *arguments)
        assert not err
        assert code == 0
        with wormio.open(folder) as recording:
            assert wormio.load(output) == wormio.extract(recording, where, **choices)
        code, out, _ = run("rerun", output)
        assert code == 0
        assert "identical" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--box", "3,5"], "three odd numbers"),
        (["--box", "2,5,5"], "odd"),
        (["--box", "3,5,5", "--ellipsoid", "3,5,5"], "one of"),
        (["--reducer", "mode"], "brightest-mean"),
        (["--reducer", "percentile=high"], "needs a number"),
        (["--reducer", "brightest-mean"], "needs a number"),
        (["--background", "sky"], "plane-percentile"),
        (["--background", "plane-percentile"], "plane-percentile=20"),
        (["--mask", "a.json", "--mask", "b.json"], "a.json"),
        (["--preset", "other"], "wormdatamodel-1.5"),
        (["--subpixel", "cubic"], "linear"),
    ],
)
def test_choices_that_are_none_say_which_there_are(run, lab, tmp_path, arguments, said):
    code, _, err = run(*one(lab), "-o", tmp_path / "traces.h5", *arguments)
    assert code in {2, 4}
    assert said in err
    assert not list(tmp_path.iterdir())
