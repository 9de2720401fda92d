"""``wormio map`` as a user types it."""

import numpy as np
import pytest

import wormio
from wormio import mapping
from wormio.cli import main


@pytest.fixture
def run(capsys):
    """Run a command line; return exit code, stdout and stderr."""

    def run(*words):
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        told = capsys.readouterr()
        return ended.value.code or 0, told.out, told.err

    return run


@pytest.fixture
def tables(tmp_path):
    """Two tables of the same 30 neurons in another order, the second shifted and turned."""
    rng = np.random.default_rng(0)
    zyx = np.column_stack([rng.uniform(0, 30, 30), rng.uniform(20, 480, (30, 2))])
    there = zyx.copy()
    there[:, 1:] = zyx[:, 1:] @ [[0.999, 0.03], [-0.03, 0.999]] + [12.0, -7.0]
    for name, points, order in (
        ("red", zyx, np.arange(30)),
        ("green", there, rng.permutation(30)),
    ):
        rows = [f"n{i},{points[i, 0]},{points[i, 1]},{points[i, 2]}" for i in order]
        (tmp_path / f"{name}.csv").write_text("\n".join(["label,z_um,y,x", *rows]))
    return tmp_path, zyx, there


@pytest.mark.parametrize("how", [(), ("--match", "--reach", "8")])
def test_fit_show_apply_and_back(run, tables, how):
    folder, zyx, there = tables
    made = folder / "map.json"
    code, out, _ = run("map", "fit", folder / "red.csv", folder / "green.csv", "-o", made, *how)
    assert code == 0
    assert "<- chosen" in out
    code, out, _ = run("map", "show", made)
    assert code == 0
    assert "red (px)" in out
    code, _, _ = run("map", "apply", made, folder / "red.csv", "-o", folder / "moved.csv")
    assert code == 0
    moved = wormio.read_positions(folder / "moved.csv")
    np.testing.assert_allclose(moved.coords, there, atol=0.01)
    code, _, _ = run(
        "map", "apply", made, folder / "moved.csv", "-o", folder / "back.csv", "--back"
    )
    assert code == 0
    np.testing.assert_allclose(wormio.read_positions(folder / "back.csv").coords, zyx, atol=1e-6)


def test_outputs_are_not_replaced_unasked(run, tables):
    folder, *_ = tables
    made = folder / "map.json"
    tables_ = (folder / "red.csv", folder / "green.csv")
    assert run("map", "fit", *tables_, "-o", made)[0] == 0
    code, _, err = run("map", "fit", *tables_, "-o", made)
    assert code == 6
    assert "map.json" in err
    assert run("map", "fit", *tables_, "-o", made, "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("map", "fit", "red.csv"), 2, "second table"),
        (("map", "fit", "red.csv", "green.csv", "--model", "afine"), 2, "unknown model"),
        (("map", "fit", "red.csv", "none.csv"), 6, "none.csv"),
        (("map", "show", "red.csv"), 2, "no map"),
        (("map", "fit", "redGreenRegistrationCtrl.txt", "red.csv"), 2, "from_gmmreg"),
    ],
)
def test_mistakes_are_told(run, tables, monkeypatch, words, code, told):
    monkeypatch.chdir(tables[0])
    found, _, err = run(*words)
    assert found == code, err
    assert told in err


def test_the_real_alignments(run, real_data, tmp_path):
    path = real_data / "leifer" / "brainscanner20231024" / "alignments.mat"
    code, _, err = run("map", "fit", path)
    assert code == 2
    assert "--layout" in err
    figure = tmp_path / "residuals.png"
    code, out, _ = run(
        "map", "fit", path, "--layout", "split", "-o", tmp_path / "m.json", "--plot", figure
    )
    assert code == 0
    assert "thin-plate" in out
    assert figure.stat().st_size > 10_000
    red_green = mapping.load(tmp_path / "m.json")
    assert red_green.target.channel == "green"
    # The first pair that was clicked, MATLAB's x y from 1, taken from the file by hand.
    there = red_green([[153.972637 - 1, 389.495122 - 1]])[0]
    assert np.hypot(*(there - [234.211443 - 1, 380.753659 - 1])) < 4
