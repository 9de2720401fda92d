"""Every real file does what its table says; the page in the documentation says the same.

The tables of files that need a plugin are tested with WORMIO_TEST_PLUGINS=1 and all plugins
installed, as .ci/run does; the others without any.
"""

import os

import pytest
from real_files import PAGE, Entry, Family, check, families, make_page, uncovered

FAMILIES = families()
WITH_PLUGINS = bool(os.environ.get("WORMIO_TEST_PLUGINS"))
ENTRIES = [
    pytest.param(entry, id=f"{entry.path} {' '.join(entry.options)}".strip())
    for family in FAMILIES
    for entry in family.files
    if bool(family.plugin) == WITH_PLUGINS
]


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_real_file_does_what_the_table_says(entry: Entry, real_data):
    check(entry, real_data)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.title)
def test_no_real_file_is_left_out(family: Family, real_data):
    assert uncovered(family, real_data) == []


def test_the_page_is_what_the_tables_make():
    assert PAGE.read_text(encoding="utf-8") == make_page(), "run python tests/real/real_files.py"
