"""A format may name several subjects, one a dialect: each is checked, and told apart in reports."""

import attrs
import pytest

from wormio.errors import ContractError, OptionError
from wormio.registry import Format, default_registry
from wormio.testing import check_adapter, subjects_of
from wormio.testing.subjects.tiff import subject as ome

TIFF = default_registry().get("tiff")


def bare(**fields: object) -> Format:
    return Format(name="x", title="x", opener="a.b:open", detect=lambda probe: None, **fields)


def test_every_subject_of_a_format_is_found_and_has_a_name_of_its_own():
    subjects = subjects_of(TIFF)
    assert len(subjects) == len(TIFF.subjects) > 1
    assert len({subject.title for subject in subjects}) == len(subjects)
    assert {subject.format for subject in subjects} == {"tiff"}


def test_a_subject_without_title_is_called_by_its_module_if_there_are_several():
    name = "wormio.testing.subjects.leifer:subject"
    (alone,) = subjects_of(bare(subject=name))
    assert alone.title == ""
    assert [s.title for s in subjects_of(bare(subject=(name, name)))] == ["leifer", "leifer"]


def test_a_format_without_subject_says_how_to_name_one():
    with pytest.raises(OptionError, match="subject="):
        subjects_of(bare())


@pytest.mark.parametrize("wrong", ["no code", ("a.b:c", "no code"), 3, ["a.b:c"]])
def test_what_names_no_subject_is_refused(wrong):
    with pytest.raises(ContractError, match="subject"):
        bare(subject=wrong)


def test_reports_name_the_subject():
    report = check_adapter(ome, only=["WIO-A01"])
    assert report.subject == "OME-TIFF"
    assert str(report).startswith("tiff, OME-TIFF (")
    assert "tiff, OME-TIFF" in report.to_junit()


def test_a_format_declares_what_its_subjects_have_together():
    # OME-TIFF has no events, ScanImage has: the format declares them.
    assert "events" not in ome.capabilities
    assert "events" in TIFF.capabilities
    assert check_adapter(ome, only=["WIO-I04"]).ok
    wrong = attrs.evolve(ome, capabilities={"events", "growing", "mappable", "pickle"})
    assert not check_adapter(wrong, only=["WIO-I04"]).ok
