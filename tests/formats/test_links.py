"""A folder whose files are links to elsewhere is read only by those who trust it."""

from pathlib import Path

import pytest

import wormio
from wormio.errors import UnsafeReferenceError
from wormio.formats.hooks import wormio_formats
from wormio.formats.links import inside
from wormio.testing.subject import subjects_of
from wormio.testing.truth import make_truth

NUMBERS = ("channels", "volumes", "planes", "height", "width")


FOLDERS = [
    pytest.param(subject, id=f"{fmt.name} {subject.title}".strip())
    for fmt in wormio_formats()
    for subject in subjects_of(fmt)
    if subject.side_files and subject.make is not None
]


@pytest.mark.parametrize("subject", FOLDERS)
def test_a_file_that_is_a_link_out_of_the_folder_needs_trust(tmp_path, subject):
    limits = subject.limits
    numbers = {
        name: min(max(2, getattr(limits, name)[0]), getattr(limits, name)[1]) for name in NUMBERS
    }
    folder = tmp_path / "recording"
    folder.mkdir()
    path = subject.make(folder, make_truth(limits, **numbers, dtype=limits.dtypes[0]))
    how = {"registry": subject.registry(), **subject.options}
    wanted = wormio.open(path, subject.format, **how)
    for file in [file for pattern in subject.side_files for file in sorted(folder.glob(pattern))]:
        moved = file.rename(tmp_path / file.name)
        file.symlink_to(moved)
        with pytest.raises(UnsafeReferenceError, match=r"outside|out of") as caught:
            wormio.open(path, subject.format, **how)
        assert Path(caught.value.path).name == file.name
        with wormio.open(path, subject.format, trust=True, **how) as recording:
            assert str(wormio.diff(recording, wanted)) == "identical"
        file.unlink()
        moved.rename(file)


def test_a_link_within_the_folder_is_followed(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "there").touch()
    (tmp_path / "here").symlink_to(tmp_path / "sub" / "there")
    assert inside(tmp_path, "here", trust=False) == tmp_path / "here"
    assert inside(tmp_path, "sub/there", trust=False) == tmp_path / "sub" / "there"
    (tmp_path / "sub" / "up").symlink_to(tmp_path.parent)
    for name in ("sub/up/x", "../x", "/x"):
        with pytest.raises(UnsafeReferenceError):
            inside(tmp_path, name, trust=False)
        assert inside(tmp_path, name, trust=True) == tmp_path / name
