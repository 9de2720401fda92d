"""The C core by itself: its plain C tests, and whether the built module is the checked-out one."""

import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

from wormio import _cext

CEXT = Path(__file__).resolve().parents[2] / "cext"

needs_checkout = pytest.mark.skipif(
    not (CEXT / "build_ffi.py").is_file(), reason="the C sources are not beside the tests"
)


@needs_checkout
@pytest.mark.skipif(
    shutil.which("make") is None or shutil.which("cc") is None,
    reason="the plain C tests need make and a C compiler",
)
def test_the_plain_c_tests_pass_under_the_sanitizers():
    result = subprocess.run(
        [shutil.which("make"), "-C", str(CEXT), "test"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "checks passed" in result.stdout


@needs_checkout
def test_the_built_module_is_that_of_the_sources():
    source_hash = runpy.run_path(str(CEXT / "build_ffi.py"))["source_hash"]
    built = _cext.ffi.string(_cext.lib.wormio_build_id()).decode()
    assert built == source_hash(), "stale build: run `python setup.py build_ext --inplace`"


@needs_checkout
def test_every_source_is_compiled_and_hashed():
    build = runpy.run_path(str(CEXT / "build_ffi.py"))
    listed = {CEXT / name for name in build["SOURCES"] + build["DEPENDS"]}
    present = {*CEXT.glob("src/*"), *CEXT.glob("include/*"), CEXT / "build_ffi.py"}
    assert listed == present


@needs_checkout
@pytest.mark.parametrize(
    ("word", "modules"),
    [
        ("_cext", {"kernels", "passing", "ranges", "touching"}),
        (".from_buffer(", {"passing"}),  # the one gate that checks what C is given
    ],
)
def test_only_extraction_touches_c_and_through_one_gate(word, modules):
    # import-linter cannot see a compiled module.
    package = CEXT.parent / "wormio"
    touching = {
        module.relative_to(package).as_posix()
        for module in package.rglob("*.py")
        if word in module.read_text(encoding="utf-8")
    }
    assert touching == {f"extraction/{name}.py" for name in modules}


def test_the_core_says_each_status_in_words():
    statuses = _cext.ffi.typeof("enum wormio_status").elements
    words = [_cext.ffi.string(_cext.lib.wormio_strerror(status)).decode() for status in statuses]
    assert len(set(words)) == len(words)
    assert "unknown status" not in words
