"""The program `wormio`, as a user types it."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import wormio
from wormio.cli.exits import exit_code
from wormio.testing import Phantom, Scan, write_leifer, write_truth


@pytest.fixture(scope="module")
def phantom_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom") / "recording"
    phantom = Phantom(Scan.synthetic(n_volumes=6), n_neurons=8, shape=(64, 96), n_stimuli=1)
    write_leifer(phantom, folder)
    write_truth(phantom, folder)
    return folder


@pytest.fixture
def real_folder(real_data):
    return real_data / "leifer" / "brainscanner20231024"


def test_info_on_the_real_folder_says_which_file_is_missing(run, real_folder):
    code, out, err = run("info", real_folder)
    assert code == 4
    assert not out
    assert "sCMOS_Frames_U16_<rows>x<columns>.dat" in err
    assert "--metadata-only" in err


def test_info_metadata_only_gives_the_numbers_of_the_real_folder(run, real_folder):
    code, out, err = run("info", real_folder, "--metadata-only")
    assert (code, err) == (0, "")
    for text in (
        "56,988 saved",
        "83 repeated, of which 78 repaired",
        "248 in the drop ledger",
        "1,719 complete, of 32 to 34 counter steps",
        "frame interval 5 ms",
        "z JOINED",
        "volume INFERRED",
        "55 frames interpolated",
        "zScan.json is missing",
        "--option um_per_volt=8",
    ):
        assert text in out


def test_info_json_gives_the_same_numbers_to_programs(run, real_folder):
    code, out, err = run("info", real_folder, "--metadata-only", "--json")
    assert (code, err) == (0, "")
    summary = json.loads(out)
    assert summary["schema_version"] == 1
    assert summary["frames"] == {
        "saved": 56_988,
        "repeated_counters": 83,
        "repaired_counters": 78,
        "repaired_times": 78,
        "duplicates": 5,
        "dropped": 248,
        "outside_volumes": 18,
    }
    assert summary["volumes"]["complete"] == 1719
    assert (
        summary["volumes"]["min_counter_steps"],
        summary["volumes"]["max_counter_steps"],
    ) == (32, 34)
    assert summary["time"]["frame_interval_s"] == pytest.approx(0.005)
    assert summary["origins"]["z"] == "JOINED"
    assert summary["z"]["unit"] == "V"
    assert [finding["code"] for finding in summary["findings"]] == ["z-uncalibrated"]
    assert "um_per_volt=8" in summary["findings"][0]["cure"]
    code, out, _ = run(
        "info", real_folder, "--metadata-only", "--json", "--option", "um_per_volt=8"
    )
    assert json.loads(out)["z"]["unit"] == "um"
    assert json.loads(out)["findings"] == []


def test_extract_writes_signals_that_load_and_refuses_to_replace_them(
    run, phantom_folder, tmp_path
):
    output = tmp_path / "traces.h5"
    arguments = (
        "extract",
        phantom_folder,
        "--positions",
        phantom_folder / "positions.csv",
        "-o",
        output,
    )
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    assert "green, 8 neurons in 6 volumes" in out
    with wormio.open(phantom_folder) as recording:
        where = wormio.read_positions(phantom_folder / "positions.csv")
        assert wormio.load(output) == wormio.extract(recording, where)
    before = output.read_bytes()
    code, _, err = run(*arguments)
    assert code == 6
    assert "--overwrite" in err
    assert output.read_bytes() == before
    code, out, _ = run(
        *arguments,
        "--overwrite",
        "--channel",
        "green",
        "--reducer",
        "sum",
        "--box",
        "1,1,1",
        "--offset",
        "0",
        "--threads",
        "1",
        "--boundary",
        "nan",
    )
    assert code == 0
    signal = wormio.load(output)["green"]
    assert list(wormio.load(output)) == ["green"]
    with wormio.open(phantom_folder) as recording:
        frame = int(signal.provenance.centre_frame[2, 3])
        y, x = np.floor(where.coords[3, 1:] + 0.5).astype(int)
        assert signal.data[2, 3] == recording.frames[frame, 1, y, x]


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        ("label,z_um,y,x\n", 3, "no neurons"),
        ("a,b\n1,2\n", 3, "z_um (or z_frame), y, x"),
        ("z_um,y,x\n40,10\n", 3, "line 2"),
        ("z,y,x\n40,10,10\n", 2, "--z-unit"),
        ("z_um,y,x\n40,500,10\n", 2, "outside the image"),
        ("z_um,y,x\n4000,5,10\n", 2, "not one neuron"),
        ("label,z_um,y,x\nA,40,5,10\nA,40,6,10\n", 3, "share a label"),
    ],
)
def test_positions_that_cannot_be_used_are_told_with_their_exit_code(
    run, phantom_folder, tmp_path, content, code, message
):
    table = tmp_path / "neurons.csv"
    table.write_text(content)
    result = run("extract", phantom_folder, "-p", table, "-o", tmp_path / "out.h5")
    assert result[0] == code
    assert message in result[2]
    assert str(table) in result[2]
    assert not (tmp_path / "out.h5").exists()


def test_positions_in_an_array_take_the_options_of_their_reader(run, phantom_folder, tmp_path):
    where = wormio.read_positions(phantom_folder / "positions.csv")
    np.save(tmp_path / "neurons.npy", where.coords[..., ::-1])
    arguments = ("extract", phantom_folder, "-p", tmp_path / "neurons.npy", "--z-unit", "um")
    output = tmp_path / "out.h5"
    code, _, err = run(*arguments, "-o", output)
    assert code == 2
    assert "axes" in err
    axes = "volume, neuron, xyz" if where.is_tracked else "neuron, xyz"
    code, _, err = run(*arguments, "-o", output, "--positions-option", f"axes={axes}")
    assert (code, err) == (0, "")
    green = wormio.load(output)["green"]
    with wormio.open(phantom_folder) as recording:
        wanted = wormio.extract(recording, where)["green"]
    np.testing.assert_array_equal(green.data, wanted.data)


def test_centres_outside_the_image_can_be_dropped_when_asked(run, phantom_folder, tmp_path):
    table = tmp_path / "neurons.csv"
    table.write_text("label,z_um,y,x\nin,40,20,30\nout,40,500,10\n")
    output = tmp_path / "out.h5"
    assert run("extract", phantom_folder, "-p", table, "-o", output, "--drop-outside")[0] == 0
    assert wormio.load(output)["green"].valid.any(axis=0).tolist() == [True, False]


@pytest.mark.parametrize("what", ["empty folder", "text file", "empty file", "nothing", "half"])
def test_what_is_no_recording_ends_with_a_message_and_a_code(run, tmp_path, what, real_data):
    path = tmp_path / "path"
    expected = 3
    if what == "empty folder":
        path.mkdir()
    elif what == "text file":
        path.write_text("hello")
    elif what == "empty file":
        path.write_bytes(b"")
    elif what == "half":
        whole = (real_data / "imagej_tiff" / "zcyx.tiff").read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        expected = 4
    else:
        expected = 6
    code, out, err = run("info", path)
    assert code == expected
    assert str(path) in err
    assert "Traceback" not in err
    assert not out


def test_misspelt_words_are_answered_with_the_likely_one(run, phantom_folder):
    code, _, err = run("inf", phantom_folder)
    assert code == 2
    assert "info" in err
    code, _, err = run("info", phantom_folder, "--option", "layuot=split")
    assert code == 2
    assert "did you mean layout?" in err
    code, _, err = run("info", phantom_folder, "--format", "lefer")
    assert code == 2
    assert "did you mean leifer?" in err
    code, _, err = run("info", phantom_folder, "--option", "latency=soon")
    assert code == 2
    assert "latency" in err


def test_formats_lists_each_format_with_its_distribution_and_options(run):
    code, out, _ = run("formats")
    assert code == 0
    assert "leifer" in out
    assert "tiff" in out
    assert f"[wormio {wormio.__version__}]" in out
    code, out, _ = run("formats", "leifer")
    assert "um_per_volt" in out
    code, out, _ = run("formats", "--json")
    listed = {fmt["name"]: fmt for fmt in json.loads(out)["formats"]}
    assert "layout" in [option["name"] for option in listed["leifer"]["options"]]


def test_explain_gives_a_verdict_for_each_format(run, phantom_folder):
    code, out, _ = run("explain", phantom_folder)
    assert code == 0
    assert out.splitlines()[0] == f"{phantom_folder} is a leifer recording"
    assert "leifer: yes" in out
    assert "tiff: no" in out


def test_phantom_writes_a_recording_that_opens(run, tmp_path):
    code, out, _ = run(
        "phantom",
        tmp_path / "p",
        "--volumes",
        "4",
        "--neurons",
        "6",
        "--stimuli",
        "1",
        "--layout",
        "interleaved",
    )
    assert code == 0
    assert "layout=interleaved" in out
    code, out, _ = run("info", tmp_path / "p", "--option", "layout=interleaved")
    assert code == 0
    assert "4 complete" in out
    assert run("phantom", tmp_path / "p", "--volumes", "4", "--stimuli", "1")[0] == 6
    assert run("phantom", tmp_path / "q", "--frames", "9")[0] == 2


@pytest.mark.slow
def test_demo_recovers_the_truth_and_draws_it(run, tmp_path):
    pytest.importorskip("matplotlib", reason="the demo draws a figure: wormio[view]")
    code, out, _ = run("demo", "--output", tmp_path / "demo", "--quiet")
    assert code == 0
    median, worst = (float(word) for word in out.replace(",", "").split() if word[:2] == "0.")
    assert median >= 0.99
    assert worst >= 0.97
    assert (tmp_path / "demo" / "demo.png").read_bytes().startswith(b"\x89PNG")
    assert run("demo", "--output", tmp_path / "demo", "--quiet")[0] == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    assert run("demo", "--output", tmp_path / "mine")[0] == 6


def test_the_installed_program_keeps_json_on_stdout_and_ends_quietly_in_a_closed_pipe(
    phantom_folder,
):
    command = [sys.executable, "-c", "from wormio.cli import main; main()"]
    done = subprocess.run(
        [*command, "info", phantom_folder, "--json"], capture_output=True, check=True
    )
    assert json.loads(done.stdout)["volumes"]["complete"] == 6
    assert done.stderr == b""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        piped = subprocess.run(
            [*command, "info", phantom_folder], stdout=closed, stderr=subprocess.PIPE, check=False
        )
    assert (piped.returncode, piped.stderr) == (0, b"")


def test_an_interrupt_while_the_program_loads_ends_it_without_a_word():
    # Whatever is being loaded then, a Ctrl-C looks like this.
    code = """
import sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "wormio.cli.app":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
from wormio.cli import main
main(["info", "."])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_an_error_nobody_expected_is_a_bug_with_exit_code_1():
    assert exit_code(RuntimeError("?")) == 1
    assert exit_code(KeyboardInterrupt()) == 130
    assert exit_code(PermissionError()) == 6


def test_overwrite_replaces_earlier_outputs_only(run, phantom_folder, tmp_path):
    table = tmp_path / "neurons.csv"
    table.write_text("z_um,y,x\n40,20,30\n")
    frames = next(phantom_folder.glob("*.dat"))
    refused = {table: (6, "never replaced"), frames: (6, "never replaced")}
    for output, expected in (refused | {phantom_folder: (2, "it is a folder")}).items():
        before = table.read_bytes(), frames.stat().st_size
        code, _, err = run("extract", phantom_folder, "-p", table, "-o", output, "--overwrite")
        assert code == expected[0]
        assert expected[1] in err
        assert (table.read_bytes(), frames.stat().st_size) == before
    real = tmp_path / "real"
    real.mkdir()
    (real / "framesDetails.txt").write_text("precious")
    for options in ((), ("--overwrite",)):
        assert run("phantom", real, "--volumes", "4", "--stimuli", "1", *options)[0] == 6
    assert [path.name for path in real.iterdir()] == ["framesDetails.txt"]
    assert run("demo", "--output", phantom_folder)[0] == 6
