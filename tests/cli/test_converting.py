"""`wormio convert` and `wormio diff`, as a user types them."""

import json
import shutil

import h5py
import numpy as np
import pytest

import wormio
from wormio.testing import Phantom, Scan, write_leifer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    phantom = Phantom(Scan.synthetic(n_volumes=6), n_neurons=8, shape=(32, 48), n_stimuli=1)
    return write_leifer(phantom, tmp_path_factory.mktemp("phantom") / "recording")


@pytest.mark.parametrize("compress", [(), ("--compress", "gzip")], ids=["plain", "gzip"])
def test_a_recording_is_identical_after_conversion(run, folder, tmp_path, compress):
    output = tmp_path / "a.wormio.h5"
    code, out, err = run("convert", folder, output, *compress)
    assert (code, err) == (0, "")
    assert out.startswith(f"{output}: ")
    assert "frames of 2 x 32 x 48, 6 volumes" in out
    assert run("diff", folder, output) == (0, "identical\n", "")


def test_what_differs_is_told_and_the_exit_code_is_7(run, folder, tmp_path):
    output = tmp_path / "a.h5"
    assert run("convert", folder, output)[0] == 0
    with h5py.File(output, "r+") as file:
        file["timeline/time"][:] = file["timeline/time"][()] + 0.5
        file["timeline/z"][3] += 1
        file["frames"][7, 1] = 0
    code, out, _ = run("diff", folder, output)
    assert code == 7
    lines = dict(line.split(": ", maxsplit=1) for line in out.splitlines())
    assert lines["time"] == "all frames differ by -0.5"
    assert lines["z"].startswith("1 frames differ, first frame 3")
    assert lines["pixels"].startswith("first differ at frame 7, channel 1")
    code, out, _ = run("diff", folder, output, "--json", "--time-tol", "0.6", "--z-tol", "1.1")
    assert code == 7
    listed = json.loads(out)
    assert listed["identical"] is False
    assert [item["what"] for item in listed["differences"]] == ["pixels"]
    code, out, _ = run("diff", folder, folder, "--json")
    assert (code, json.loads(out)["identical"]) == (0, True)


def test_options_go_to_the_recording_they_are_given_for(run, folder, tmp_path):
    output = tmp_path / "a.h5"
    assert run("convert", folder, output, "--option", "camera_offset=7")[0] == 0
    with wormio.open(output) as recording:
        assert recording.channels[0].offset == 7
    assert run("diff", folder, output)[0] == 7
    assert run("diff", folder, output, "--option-a", "camera_offset=7")[0] == 0
    assert run("diff", output, folder, "--option-b", "camera_offset=7")[0] == 0
    assert run("diff", output, folder, "--format-b", "tiff")[0] in {3, 4}


def test_what_a_file_says_of_the_original_is_in_the_output_once(run, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "rec")
    (tmp_path / "rec.wormio.toml").write_text("[events.odour]\ncount = [1, 28000]\n")
    for name in ("rec.wormio.h5", "rec.h5"):
        assert run("convert", tmp_path / "rec", tmp_path / name)[0] == 0
        assert run("diff", tmp_path / "rec", tmp_path / name) == (0, "identical\n", "")
    assert run("convert", tmp_path / "rec.h5", tmp_path / "again.wormio.h5")[0] == 0
    assert run("diff", tmp_path / "rec", tmp_path / "again.wormio.h5")[1] == "identical\n"


def test_an_output_that_a_file_would_describe_anew_is_refused(run, tmp_path):
    import tifffile

    tifffile.imwrite(tmp_path / "movie.tif", np.ones((4, 8, 8), "u2"), photometric="minisblack")
    config = tmp_path / "movie.wormio.toml"
    text = '[options]\naxes = "TYX"\n'
    config.write_text(text)
    code, _, err = run("convert", tmp_path / "movie.tif", tmp_path / "movie.h5")
    assert code == 2
    assert str(config) in err
    assert "name the output NAME.wormio.h5" in err
    for name, said in [("movie.wormio.h5", text), ("movie.h5", f'data = "movie.tif"\n{text}')]:
        config.write_text(said)
        assert run("convert", tmp_path / "movie.tif", tmp_path / name)[0] == 0
        assert run("diff", tmp_path / "movie.tif", tmp_path / name)[1] == "identical\n"


def test_only_earlier_containers_are_replaced_and_only_if_asked(run, folder, tmp_path):
    output = tmp_path / "a.h5"
    assert run("convert", folder, output)[0] == 0
    code, _, err = run("convert", folder, output)
    assert code == 6
    assert "--overwrite" in err
    assert run("convert", folder, output, "--overwrite", "--compress", "gzip")[0] == 0
    frames = next(folder.glob("*.dat"))
    text = tmp_path / "thesis.txt"
    text.write_text("precious")
    for precious in (frames, text):
        before = precious.read_bytes()
        code, _, err = run("convert", folder, precious, "--overwrite")
        assert code == 6
        assert "never replaced" in err
        assert precious.read_bytes() == before
    before = output.read_bytes()
    for target in (output, folder / "a.h5"):
        source = output if target == output else folder
        code, _, err = run("convert", source, target, "--overwrite")
        assert code == 6
        assert "the recording itself" in err
    assert output.read_bytes() == before
    assert not (folder / "a.h5").exists()


def test_wrong_words_are_usage_errors(run, folder, tmp_path):
    assert run("convert", folder, tmp_path / "a.h5", "--compress", "lzma")[0] == 2
    assert run("convert", folder, tmp_path / "no" / "a.h5")[0] == 2
    assert run("diff", folder, folder, "--time-tol", "-1")[0] == 2
    assert run("diff", folder, tmp_path / "nothing")[0] == 6
    assert list(tmp_path.iterdir()) == []


def test_a_container_that_is_cut_is_corrupt(run, folder, tmp_path):
    output = tmp_path / "a.h5"
    run("convert", folder, output)
    output.write_bytes(output.read_bytes()[:-100])
    code, _, err = run("diff", folder, output)
    assert code == 4
    assert "too early" in err
