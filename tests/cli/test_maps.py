"""``wormio map`` as a user types it."""

import numpy as np
import pytest

import wormio
from wormio import mapping


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
    for name in ("alignments.mat", "redGreenRegistrationCtrl.txt"):
        (tmp_path / name).touch()  # told apart by their names
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
        (("map", "fit", "red.csv", "green.csv", "--outlier", "0.1"), 2, "--outlier"),
        (("map", "fit", "red.csv", "green.csv", "--outliers", "0.1", "--match"), 2, "--outliers"),
        (("map", "fit", "red.csv", "green.csv", "--reach", "3"), 2, "--reach"),
        (("map", "fit", "red.csv", "green.csv", "--layout", "split"), 2, "--layout"),
        (("map", "fit", "alignments.mat", "--layout", "split", "--match"), 2, "--match"),
        (("map", "fit", "red.csv", "green.csv", "--channels", "red,"), 2, "channels"),
        (("map", "fit", "red.csv", "green.csv", "--channels", "red,red"), 2, "channels"),
        (("map", "fit", "red.csv", "green.csv", "-o", "none/map.json"), 2, "no such folder"),
        (("map", "fit", "red.csv", "green.csv", "--plot", "none/a.png"), 2, "no such folder"),
        (("map", "fit", "red.csv", "green.csv", "--plot", "figure.xyz"), 2, "figure.xyz"),
        (("map", "fit", "red.csv", "green.csv", "-o", "red.csv", "--overwrite"), 6, "no map"),
        (("map", "apply", "red.csv", "green.csv", "-o", "moved.csv"), 2, "no map"),
    ],
)
def test_mistakes_are_told(run, tables, monkeypatch, words, code, told):
    monkeypatch.chdir(tables[0])
    found, _, err = run(*words)
    assert found == code, err
    assert told in err


@pytest.mark.parametrize(
    "words",
    [
        ("fit", "none"),
        ("fit", "none.csv"),
        ("fit", "none.mat"),
        ("fit", "none.mat", "--layout", "split"),
        ("fit", "none.mat", "--match"),
        ("fit", "none.csv", "green.csv"),
        ("fit", "red.csv", "none.csv", "--reach", "3"),
        ("show", "none.json"),
        ("apply", "none.json", "red.csv", "-o", "moved.csv"),
        ("apply", "map.json", "none.csv", "-o", "moved.csv"),
        ("apply", "map.json", "none.csv", "-o", "old.csv", "--overwrite"),
    ],
)
def test_a_file_that_is_not_there_is_told_before_anything_else(run, tables, monkeypatch, words):
    monkeypatch.chdir(tables[0])
    assert run("map", "fit", "red.csv", "green.csv", "-o", "map.json")[0] == 0
    (tables[0] / "old.csv").touch()
    missing = next(word for word in words if word.startswith("none"))
    code, out, err = run("map", *words)
    assert (code, out) == (6, "")
    assert err == f"wormio: {missing}: there is no such file or folder\n"
    assert not (tables[0] / "moved.csv").exists()


def test_what_is_no_table_or_is_the_input_is_never_replaced(run, tables, monkeypatch):
    monkeypatch.chdir(tables[0])
    assert run("map", "fit", "red.csv", "green.csv", "-o", "map.json")[0] == 0
    for output in ("map.json", "red.csv"):
        before = (tables[0] / output).read_bytes()
        code, _, err = run("map", "apply", "map.json", "red.csv", "-o", output, "--overwrite")
        assert code == 6, err
        assert (tables[0] / output).read_bytes() == before
    for _ in range(2):
        assert run("map", "apply", "map.json", "red.csv", "-o", "moved.csv", "--overwrite")[0] == 0


def test_tables_without_labels_are_pairs_row_by_row_or_not_at_all(run, tables):
    folder, zyx, there = tables
    for name, points in (("a", zyx), ("b", there), ("short", there[:-3])):
        rows = [",".join(map(str, row)) for row in points.tolist()]
        (folder / f"{name}.csv").write_text("\n".join(["z,y,x", *rows]))
    unit = ("--z-unit", "um")
    code, out, _ = run("map", "fit", folder / "a.csv", folder / "b.csv", *unit)
    assert code == 0
    assert "30 pairs by row" in out
    code, _, err = run("map", "fit", folder / "a.csv", folder / "short.csv", *unit)
    assert code == 2
    assert "nothing says which rows are pairs" in err
    code, out, _ = run("map", "fit", folder / "a.csv", folder / "short.csv", *unit, "--match")
    assert code == 0
    assert "27 pairs found among 30 and 27" in out


def test_the_way_back_is_shown_too(run, tables):
    folder, *_ = tables
    bounds = [[0, 0], [100, 100]]
    linear = mapping.Linear(np.array([[1.0, 0, 5], [0, 1, 7]]))
    there = mapping.PointMap(steps=[mapping.Step(linear, bounds)])
    there.inverse().save(folder / "back.json")
    code, out, _ = run("map", "show", folder / "back.json")
    assert code == 0
    assert "good into (0.00, 0.00) to (100.00, 100.00)" in out


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
