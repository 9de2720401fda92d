"""A recording of any built-in format is identical after conversion."""

import pytest

import wormio
from wormio.export import to_hdf5
from wormio.registry import list_formats
from wormio.testing.subject import subjects_of
from wormio.testing.truth import make_truth

SUBJECTS = [
    pytest.param(subject, id=f"{fmt.name} {subject.title}".strip())
    for fmt in list_formats()
    if fmt.subject
    for subject in subjects_of(fmt)
]
NUMBERS = ("channels", "volumes", "planes", "height", "width")


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_recording_is_identical_after_conversion(tmp_path, subject):
    if subject.make is None:
        pytest.skip(f"nothing writes {subject.format} here")
    limits = subject.limits
    truth = make_truth(
        limits,
        **{
            name: min(high, max(low, 2))
            for name in NUMBERS
            for low, high in [getattr(limits, name)]
        },
        dtype=limits.dtypes[0],
        lost=[3] if limits.drops else [],
        stimuli=[1] if limits.events else [],
    )
    (tmp_path / "in").mkdir()
    path = subject.make(tmp_path / "in", truth)
    output = tmp_path / "out.wormio.h5"
    with wormio.open(path, subject.format, **subject.options) as recording:
        to_hdf5(recording, output)
        with wormio.open(output) as back:
            assert str(wormio.diff(recording, back)) == "identical"
            assert len(back.timeline) == len(truth.frames)
            assert len(back.events) == (limits.events is not None)
