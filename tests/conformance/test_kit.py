"""The kit finds nothing in what is right, and every mutant in what is wrong."""

import json
from pathlib import Path
from xml.etree import ElementTree

import attrs
import memory
import mutants
import mutants_tables
import pytest
import reference
from reference import ReferenceAdapter, subject, subject_for

import wormio.testing.checks  # noqa: F401 (fills CHECKS)
from wormio.errors import OptionError
from wormio.model import Recording
from wormio.testing import Sample, check_adapter, make_truth
from wormio.testing.checks import identity
from wormio.testing.engine import CHECKS, Check, applicable_checks
from wormio.testing.subject import pixel_digest
from wormio.testing.subjects.leifer import subject as leifer
from wormio.testing.subjects.tiff import subject as tiff

LETTERS = "SIATVEX"  # test_kit_machine.py has the others
IDS = [name for name in CHECKS if name[4] in LETTERS]
MUTANTS = mutants.MUTANTS | mutants_tables.MUTANTS


def of_letters(letters, of):
    return [one.id for one in applicable_checks(of) if one.id[4] in letters]


# -- what is right ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "right",
    [
        pytest.param(subject, id="reference"),
        pytest.param(leifer, id="leifer"),
        pytest.param(tiff, id="tiff"),
    ],
)
def test_a_sound_adapter_passes(right):
    report = check_adapter(right, only=of_letters(LETTERS, right), examples=4)
    assert not report.failures(strict=True), str(report)


@pytest.mark.slow
@pytest.mark.parametrize("right", [subject, leifer, tiff], ids=lambda s: s.format)
def test_a_sound_adapter_passes_many_examples(right):
    report = check_adapter(right, only=of_letters(LETTERS, right), examples=60)
    assert not report.failures(strict=True), str(report)


def test_the_recording_in_memory_passes_what_applies():
    report = check_adapter(
        memory.subject, only=of_letters(LETTERS + "L", memory.subject), examples=4
    )
    # Nobody names the clock of a truth: the one rule that merely should hold.
    assert [r.id for r in report.failures(strict=True)] == ["WIO-T06"], str(report)
    assert report.ok


@pytest.fixture
def sample(tmp_path):
    numbers = {"channels": 2, "volumes": 2, "planes": 3, "height": 4, "width": 5}
    truth = make_truth(reference.LIMITS, dtype="uint16", stimuli=[1], **numbers)
    path = reference.make(tmp_path, truth)
    return Sample(path=path, digest=pixel_digest(truth.frames), shape=truth.frames.shape)


def test_samples_are_checked_without_a_writer(sample):
    only_samples = subject_for(ReferenceAdapter, make=None, samples=[sample])
    report = check_adapter(only_samples, only=of_letters(LETTERS, only_samples))
    assert not report.failures(strict=True), str(report)
    assert "WIO-A08" in {r.id for r in report.results}
    assert {"WIO-A01", "WIO-E02", "WIO-X01"} <= set(report.not_applicable)


# -- what is wrong ----------------------------------------------------------------------------


def test_every_check_has_a_mutant():
    assert sorted(MUTANTS) == sorted(IDS)


def _cases():
    for name, makers in MUTANTS.items():
        for number, make_subject in enumerate(makers):
            label = make_subject.__name__
            if label == "<lambda>":
                label = make_subject(Path()).options["adapter"].partition(":")[2]
            # The first of each check in every run, the others where time is cheap.
            marks = [pytest.mark.slow] if number else []
            yield pytest.param(name, make_subject, id=f"{name}-{label}", marks=marks)


CASES = list(_cases())


@pytest.mark.parametrize(("name", "make_subject"), CASES)
def test_the_mutant_is_caught(name, make_subject, tmp_path):
    (result,) = check_adapter(make_subject(tmp_path), only=[name], examples=4).results
    assert result.outcome == "failed", str(result)
    assert result.observed
    assert result.expected
    # What another check would say better is an accident here.
    assert "ContractError" not in result.observed


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_the_mutant_is_caught_by_few_checks(name, tmp_path):
    broken = MUTANTS[name][0](tmp_path)
    report = check_adapter(broken, only=of_letters(LETTERS, broken), examples=2)
    assert len([r for r in report.results if r.outcome == "failed"]) <= 9, str(report)


def test_failures_come_shrunk():
    broken = subject_for(mutants.FillsDroppedFrames)
    (result,) = check_adapter(broken, only=["WIO-A01"]).results
    assert "1 channels, 2x2" in result.reproduce
    assert "saved twice [], events []" in result.reproduce
    dropped = result.reproduce.partition("dropped [")[2].partition("]")[0]
    assert len(dropped.split(",")) == 1
    assert int(dropped) > 100


def test_sessions_come_shrunk_and_in_silence(capfd):
    broken = subject_for(mutants.ReadsIntoOneBuffer)
    (result,) = check_adapter(broken, only=["WIO-X01"]).results
    assert result.reproduce.startswith("open, then frames[0], then frames[1]; truth of 2 frames")
    assert capfd.readouterr() == ("", "")


def test_errors_of_the_adapter_tell_the_truth_that_raised_them():
    (result,) = check_adapter(subject_for(mutants_tables.NeverDrops), only=["WIO-A01"]).results
    assert "ZeroDivisionError" in result.observed
    assert "truth of 2 frames" in result.reproduce
    assert "mutants_tables.py" in result.reproduce


def test_members_checked_are_those_of_the_protocol():
    members = {name for name in vars(Recording) if not name.startswith("_")}
    assert members - {"frames", "close"} == set(identity._KINDS)


# -- choosing, waiving, reporting -------------------------------------------------------------

BROKEN = subject_for(mutants.SwapsChannels)


def test_unknown_ids_are_refused():
    with pytest.raises(OptionError, match="WIO-A99"):
        check_adapter(subject, only=["WIO-A99"])
    with pytest.raises(OptionError, match="WIO-A98"):
        check_adapter(subject, only=["WIO-A01"], waivers={"WIO-A98": "because"})


def test_a_waiver_is_reported_with_its_reason():
    report = check_adapter(BROKEN, only=["WIO-A01"], waivers={"WIO-A01": "red is green"})
    assert report.results[0].outcome == "waived"
    assert report.ok
    assert "red is green" in str(report)


def test_a_waiver_that_is_not_needed_must_go():
    report = check_adapter(subject, only=["WIO-S04"], waivers={"WIO-S04": "long ago"})
    assert report.results[0].outcome == "waiver-stale"
    assert not report.ok
    assert "waiver must go" in str(report)


def test_a_rule_that_merely_should_hold_fails_only_when_strict():
    report = check_adapter(subject_for(mutants_tables.NamelessClock), only=["WIO-T06"])
    assert report.ok
    assert [r.id for r in report.failures(strict=True)] == ["WIO-T06"]


def test_reports_can_be_read_back():
    report = check_adapter(
        BROKEN, only=["WIO-A01", "WIO-S02", "WIO-V07"], waivers={"WIO-V07": "later"}, examples=4
    )
    tree = json.loads(report.to_json())
    assert (tree["ok"], tree["format"], tree["evidence"]) == (False, "reference", "A")
    outcomes = {r["id"]: r["outcome"] for r in tree["results"]}
    assert outcomes == {"WIO-S02": "passed", "WIO-A01": "failed", "WIO-V07": "waived"}
    suite = ElementTree.fromstring(report.to_junit())  # noqa: S314 (its own)
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    (failure,) = suite.iter("failure")
    assert CHECKS["WIO-A01"].rule == failure.get("message")
    assert "frames[:]" in (failure.text or "")
    text = str(report)
    assert "NOT conformant with contract 1.0" in text
    assert "1 passed, 1 failed, 1 waived" in text
    assert "#wio-a01" in text


def test_newer_rules_wait_for_a_newer_spec(monkeypatch):
    def function(context):
        """Never holds."""
        raise AssertionError

    newer = Check(
        id="WIO-Z01",
        name="newer",
        rule="Never holds.",
        function=function,
        severity="MUST",
        since="1.1",
        needs=frozenset(),
    )
    monkeypatch.setitem(CHECKS, "WIO-Z01", newer)
    report = check_adapter(subject, only=["WIO-Z01", "WIO-S04"])
    assert [r.id for r in report.results] == ["WIO-S04"]
    assert "WIO-Z01" in report.not_applicable
    report = check_adapter(subject, only=["WIO-Z01"], spec="1.1")
    assert [r.outcome for r in report.results] == ["failed"]


def test_the_evidence_is_told(sample):
    unread = attrs.evolve(sample, digest=None)
    for given, words in (
        ({}, "A: an independent writer"),
        ({"make": None, "samples": [sample]}, "B: samples read by another tool"),
        ({"make": None, "samples": [sample, unread]}, "C: self-consistency only"),
    ):
        chosen = subject_for(ReferenceAdapter, **given)
        report = check_adapter(chosen, only=["WIO-S04"])
        assert f"evidence {words}" in str(report)
        assert f"evidence {words[0]}" in report.to_junit()


def test_progress_is_told():
    seen = []
    check_adapter(subject, only=["WIO-S04", "WIO-S05"], progress=lambda *at: seen.append(at))
    assert seen == [(1, 2), (2, 2)]
