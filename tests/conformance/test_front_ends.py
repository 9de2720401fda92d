"""Three thin front ends over one engine: pytest, the command line, and the function."""

import gc
import json
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from wormio.testing import check_adapter
from wormio.testing.conformance import AdapterConformance
from wormio.testing.subjects.leifer import subject
from wormio.testing.truth import make_truth

PREAMBLE = """
import attrs
from wormio.testing.conformance import AdapterConformance
from wormio.testing.engine import check, require
from wormio.testing.subjects.leifer import subject as leifer

@check("WIO-Z01")
def nothing_is_right(context):
    "Nothing is ever right."
    require(False, "this", "that", "at index 3")

@check("WIO-Z02", severity="SHOULD")
def little_is_right(context):
    "Little should be right."
    require(False, "much", "little")
"""


MISTAKES = {
    "TestUnknown": (
        "subject = attrs.evolve(leifer, waivers={'WIO-Z99': '?'})",
        "no check WIO-Z99 to waive",
    ),
    "TestNothing": ("pass", "subject must be a wormio.testing.Subject, found None"),
    "TestText": ("subject = staticmethod(lambda: 'leifer')", "found 'leifer'"),
    "TestSpec": ("subject, spec = leifer, 'new'", "spec must be a version like '1.0'"),
}


def run_pytest(folder, text: str) -> tuple[int, str]:
    """Run a test file in a child and return code and output."""
    (folder / "test_mine.py").write_text(PREAMBLE + text)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", "-q"),
            *("-k", "Z01 or Z02 or S01 or S04"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_each_check_is_one_test_a_failure_is_its_sentence_alone_a_waiver_a_strict_xfail(tmp_path):
    code, out = run_pytest(
        tmp_path,
        """
class TestMine(AdapterConformance):
    subject = leifer

class TestWaived(AdapterConformance):
    def subject():
        return attrs.evolve(leifer, waivers={"WIO-Z01": "too early", "WIO-S04": "it was broken"})
""",
    )
    assert code == 1
    assert "PASSED test_mine.py::TestMine::test_conforms[WIO-S01-dtype_is_fixed]" in out
    assert "PASSED test_mine.py::TestMine::test_conforms[WIO-S04-an_empty_range_is_empty]" in out
    assert "FAILED test_mine.py::TestMine::test_conforms[WIO-Z01-nothing_is_right]" in out
    # A rule that only should hold is told, and fails nothing.
    assert "XFAIL test_mine.py::TestMine::test_conforms[WIO-Z02-little_is_right]" in out
    failure = out.split("FAILURES")[1].split("TestWaived")[0]
    assert "WIO-Z01 failed (MUST): Nothing is ever right." in failure
    assert "observed:  this" in failure
    assert "reproduce: at index 3" in failure
    assert "Traceback" not in failure
    assert ".py:" not in failure

    waived = "test_mine.py::TestWaived::test_conforms"
    assert f"PASSED {waived}[WIO-S01-dtype_is_fixed]" in out
    assert f"XFAIL {waived}[WIO-Z01-nothing_is_right] - too early" in out
    assert "[XPASS(strict)] it was broken" in out
    assert "2 failed, 3 passed" in out


@pytest.fixture(scope="module")
def run_with_mistakes(tmp_path_factory):
    text = "".join(
        f"class {name}(AdapterConformance):\n    {body}\n\n" for name, (body, _) in MISTAKES.items()
    )
    return run_pytest(tmp_path_factory.mktemp("mistakes"), text)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_class_is_a_usage_error_in_one_line(run_with_mistakes, name):
    code, out = run_with_mistakes
    assert code == pytest.ExitCode.INTERRUPTED
    (line,) = [line for line in out.splitlines() if line.startswith(f"usage error: {name}")]
    assert MISTAKES[name][1] in line
    assert "Traceback" not in out


@pytest.mark.parametrize("name", ["test_conforms", "pytest_generate_tests"])
def test_there_is_nothing_to_override(name):
    with pytest.raises(TypeError, match="waived in the subject"):
        type("TestMine", (AdapterConformance,), {name: None})


def test_the_kit_is_free_of_pytest_but_for_its_front_end():
    code = (
        "import sys, wormio.testing, wormio.testing.checks, wormio.cli.app, wormio.cli.kit\n"
        "assert 'pytest' not in sys.modules and '_pytest' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def sample(tmp_path):
    folder = tmp_path / "worm"
    folder.mkdir()
    truth = make_truth(
        subject.limits, channels=2, volumes=3, planes=8, height=6, width=7, dtype="uint16"
    )
    return subject.make(folder, truth)


SHAPE = ("--only", "WIO-S01", "--only", "WIO-S04", "--only", "WIO-S05")


def test_a_path_alone_is_evidence_of_class_c_and_says_so(run, sample):
    code, out, err = run("check", sample, *SHAPE)
    assert (code, err) == (0, "")
    verdict, reader, note = out.splitlines()
    assert "leifer" in verdict
    assert "conformant with contract 1.0, evidence C: self-consistency only; 3 passed" in verdict
    assert reader.endswith("wormio/formats/leifer/adapter.py")
    assert "`wormio plugins test leifer`" in note


def test_reports_come_as_json_and_junit_and_into_files(run, sample, tmp_path):
    code, out, _ = run("check", sample, *SHAPE, "--report", "json", "--option", "camera_offset=3")
    tree = json.loads(out)
    assert (code, tree["schema_version"], tree["ok"]) == (0, 1, True)
    assert [r["id"] for r in tree["reports"][0]["results"]] == ["WIO-S01", "WIO-S04", "WIO-S05"]
    assert tree["reports"][0]["evidence"] == "C"
    target = tmp_path / "report.xml"
    code, out, _ = run("check", sample, *SHAPE, "--report", "junit", "-o", target)
    assert code == 0
    assert out.startswith(f"{target}: leifer")
    suites = ElementTree.fromstring(target.read_text())  # noqa: S314 - our own
    assert [case.get("name") for case in suites.iter("testcase")] == [
        "WIO-S01",
        "WIO-S04",
        "WIO-S05",
    ]
    assert run("check", sample, *SHAPE, "-o", target)[0] == 6
    assert run("check", sample, *SHAPE, "-o", target, "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--spec", "2.0"), 2, "1.0 to 1.0"),
        (("--spec", "new"), 2, "1.0 to 1.0"),
        (("--only", "WIO-Z99"), 2, "there is no check 'WIO-Z99'"),
        (("--format", "lefier"), 2, "did you mean leifer?"),
        (("--option", "camera_ofset=1"), 2, "did you mean camera_offset?"),
    ],
)
def test_what_cannot_be_asked_is_answered_before_anything_is_checked(
    run, sample, arguments, code, told
):
    ended, out, err = run("check", sample, *arguments)
    assert (ended, out) == (code, "")
    assert told in err


def test_a_ctrl_c_during_a_collection_of_garbage_ends_the_checks_all_the_same(
    run, sample, monkeypatch
):
    ended = []

    def collect(*_, progress, **__):
        def interrupt(_phase, _info):
            raise KeyboardInterrupt

        gc.callbacks.append(interrupt)
        try:
            gc.collect()  # Python ignores what is raised in there
        finally:
            gc.callbacks.remove(interrupt)
        progress(1, 2)
        ended.append("too late")

    monkeypatch.setattr("wormio.testing.check_adapter", collect)
    code, out, err = run("check", sample)
    assert (code, out, err) == (130, "", "")
    assert not ended


def test_the_front_ends_agree_with_the_function(run):
    ids = ["WIO-S01", "WIO-S02"]
    report = check_adapter(subject, only=ids)
    code, out, _ = run(
        "plugins", "test", "leifer", "--only", ids[0], "--only", ids[1], "--report", "json"
    )
    found = json.loads(out)["reports"][0]
    assert code == 0
    assert {k: v for k, v in found.items() if k != "reader"} == json.loads(report.to_json())
