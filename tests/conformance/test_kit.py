from reference import subject

from wormio.testing import check_adapter


def test_the_reference_passes_every_check():
    report = check_adapter(subject, examples=4)
    assert report.ok, str(report)
