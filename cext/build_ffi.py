"""Build `wormio._cext`, the C core seen from Python (cffi, API mode).

setup.py names this file; setuptools runs it from the project's root. The environment variable
WORMIO_CFLAGS is appended to the flags of compiler and linker (sanitizers, warnings).
"""

import hashlib
import os
import shlex
import sysconfig
from pathlib import Path

from cffi import FFI

__all__ = ["ffibuilder", "source_hash"]

HERE = Path(__file__).resolve().parent
# The only place that lists the files; setuptools wants them relative to the project's root.
SOURCES = [
    "src/geometry.c",
    "src/list_spans.c",
    "src/place_rows.c",
    "src/read_ranges.c",
    "src/reduce.c",
    "src/status.c",
    "src/touch_rows.c",
    "src/values.c",
]
DEPENDS = [
    "build_ffi.py",
    "include/wormio_extract.cdef.h",
    "include/wormio_extract.h",
    "include/wormio_read.cdef.h",
    "include/wormio_read.h",
    "src/geometry.h",
    "src/reduce.inc.h",
    "src/values.h",
]


def source_hash() -> str:
    """SHA-256 over names and bytes of everything the module is built from.

    It is compiled in as `wormio_build_id()`. An editable install does not rebuild by itself
    when C is edited; a test compares the two.
    """
    digest = hashlib.sha256()
    for name in sorted(SOURCES + DEPENDS):
        content = (HERE / name).read_bytes()
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _macros() -> list[tuple[str, str | None]]:
    macros: list[tuple[str, str | None]] = [("WORMIO_BUILD_ID", f'"{source_hash()}"')]
    # One binary for all CPython >= 3.11; free-threaded builds have no limited API yet, and cffi
    # leaves it out there by itself.
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        macros.append(("Py_LIMITED_API", "0x030B0000"))
    return macros


_flags = shlex.split(os.environ.get("WORMIO_CFLAGS", ""))

ffibuilder = FFI()
for name in ("wormio_extract", "wormio_read"):
    ffibuilder.cdef((HERE / f"include/{name}.cdef.h").read_text(encoding="utf-8"))
ffibuilder.set_source(
    "wormio._cext",
    '#include "wormio_extract.h"\n#include "wormio_read.h"',
    sources=[f"cext/{name}" for name in SOURCES],
    depends=[f"cext/{name}" for name in DEPENDS],
    include_dirs=["cext/include"],
    libraries=["m"],
    define_macros=_macros(),
    # No fused multiply-add: results must have the same bits on every machine.
    extra_compile_args=["-O3", "-ffp-contract=off", *_flags],
    extra_link_args=_flags,
)
