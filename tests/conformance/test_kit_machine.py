"""The checks of closing, processes, detection, damage, hygiene and growth catch their mutants."""

import os
import sys
import time

import pytest
from mutants_files import FromReader, Growing
from mutants_machine import MUTANTS_MACHINE
from reference import subject as reference
from reference import subject_for

import wormio.testing.checks  # noqa: F401 (fills CHECKS)
from wormio.testing.checks import concurrency
from wormio.testing.engine import CHECKS, CheckFailure, applicable_checks, run_check
from wormio.testing.isolation import Meter, bound_by_permissions, files_in_use, fresh, isolated
from wormio.testing.subjects.leifer import subject as leifer
from wormio.testing.subjects.tiff import subject as tiff

MACHINE = [name for name in CHECKS if name[4] in "LCDRHG"]
IMAGE_BY_IMAGE = subject_for(FromReader)
CASES = [
    pytest.param(name, subject, id=f"{name}-{number}-{subject.options.get('adapter', '')}")
    for name, subjects in MUTANTS_MACHINE.items()
    for number, subject in enumerate(subjects)
]
BINDING = isolated(lambda _: bound_by_permissions())


def test_every_check_has_a_mutant():
    assert sorted(MUTANTS_MACHINE) == sorted(MACHINE)


@pytest.mark.parametrize(("name", "subject"), CASES)
def test_the_mutant_is_caught(name, subject, monkeypatch):
    monkeypatch.setattr(concurrency, "_FORK_SECONDS", 1.5)
    if name == "WIO-R03" and not BINDING:
        pytest.skip("root here cannot give up its rights")
    result = run_check(CHECKS[name], subject)
    assert result.outcome == "failed", str(result)
    assert result.observed
    assert "Traceback" not in result.observed


@pytest.mark.parametrize("name", MACHINE)
@pytest.mark.parametrize(
    "subject",
    [
        pytest.param(reference, id="reference"),
        pytest.param(IMAGE_BY_IMAGE, id="image by image"),
        pytest.param(leifer, id="leifer"),
        pytest.param(tiff, id="tiff"),
    ],
)
def test_a_sound_adapter_passes(name, subject):
    if CHECKS[name] not in applicable_checks(subject):
        pytest.skip("does not apply")
    if subject is IMAGE_BY_IMAGE and name[4] in "DH":
        pytest.skip("as the reference")
    result = run_check(CHECKS[name], subject)
    assert result.outcome == "passed", str(result)


def test_a_growing_recording_passes():
    subject = subject_for(Growing, capabilities={"events", "mappable", "pickle", "growing"})
    result = run_check(CHECKS["WIO-G01"], subject)
    assert result.outcome == "passed", str(result)


# -- isolation ---------------------------------------------------------------------------------


def test_isolated_returns_the_result():
    assert isolated(lambda say: {"pid": os.getpid()})["pid"] != os.getpid()


def test_an_error_says_where_it_was():
    def work(say):
        say("dividing")
        raise ZeroDivisionError("by zero")

    with pytest.raises(CheckFailure, match="ZeroDivisionError: by zero") as caught:
        isolated(work)
    assert caught.value.reproduce.startswith("dividing; ")


def test_a_crash_says_where_it_was():
    def work(say):
        say("the third file")
        os.abort()

    with pytest.raises(CheckFailure, match="SIGABRT") as caught:
        isolated(work)
    assert caught.value.reproduce == "the third file"


def test_a_hang_is_ended_and_says_where_it_was():
    def work(say):
        say("the second file")
        time.sleep(1000)

    with pytest.raises(CheckFailure, match=r"no answer.*in work") as caught:
        isolated(work, seconds=0.5)
    assert caught.value.reproduce == "the second file"


def test_leaving_the_interpreter_is_a_finding():
    with pytest.raises(CheckFailure, match="SystemExit"):
        isolated(lambda say: sys.exit(0))


def test_isolated_may_be_nested():
    assert isolated(lambda _: isolated(lambda _: 42)) == 42


def test_fresh_reports_what_the_interpreter_says():
    assert fresh("print(json.dumps(sys.stdin.read()))", b"hello") == "hello"
    with pytest.raises(CheckFailure, match="KeyError"):
        fresh("{}[1]")


def test_open_files_are_seen(tmp_path):
    before = files_in_use()
    with (tmp_path / "some file").open("wb"):
        assert any("some file" in name for name in files_in_use() - before)
    assert files_in_use() == before


def test_reads_are_counted(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(100_000))
    meter = Meter(tmp_path)
    quiet = meter.take()
    if quiet is None:
        pytest.skip("no /proc/self/io")
    path.read_bytes()
    read = meter.take()
    assert quiet < 1000
    assert 100_000 <= read < 101_000
