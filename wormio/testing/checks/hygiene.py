"""H: leave the data alone, run no code of theirs, read no more than asked."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from wormio.registry import explain
from wormio.testing.copies import write
from wormio.testing.engine import Context, check, require
from wormio.testing.isolation import (
    Meter,
    bound_by_permissions,
    differences,
    fingerprint,
    fresh,
    isolated,
    tree_state,
    watch,
)

__all__: list[str] = []

_LARGE = 18 << 20
_LEAST = 16 << 20
_EXECUTING = ("pickle.find_class", "exec", "compile", "marshal.loads", "os.system", "os.exec")
_UNWANTED = {"pytest", "hypothesis", "dask", "matplotlib"}
_MODULE_FILES = (".py", ".pyc", ".so", ".pyd", ".pth", ".abi3.so", ".zip")
_IMPORTING = """
import importlib, os
import wormio.registry
opened = []
def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        opened.append(os.fsdecode(arguments[0]))
modules = json.load(sys.stdin)
sys.addaudithook(hook)
for name in modules:
    importlib.import_module(name)
print(json.dumps({"opened": opened, "modules": sorted(sys.modules)}))
"""


@check("WIO-H01")
def the_data_are_not_touched(context: Context) -> None:
    """Using a recording changes no file beside it, and works where nothing can be written."""
    path = context.path()
    if context.subject.make is None:
        root = path if path.is_dir() else path.parent
        before = {p.name: (p.stat().st_size, p.stat().st_mtime_ns) for p in root.iterdir()}
        with context.opened(path) as recording:
            recording.frames[0]
        after = {p.name: (p.stat().st_size, p.stat().st_mtime_ns) for p in root.iterdir()}
        require(after == before, sorted(set(after.items()) ^ set(before.items())), "no change")
        return
    written = write(context, path)
    first = tree_state(written.root)
    explain(path, registry=context.subject.registry())
    with context.opened(path) as recording:
        whole = fingerprint(recording)
    with context.opened(path, metadata_only=True):
        pass
    now = tree_state(written.root)
    changed = sorted(name for name in set(now) | set(first) if now.get(name) != first.get(name))
    require(not changed, f"changed: {', '.join(changed)}", "no change of names, sizes or times")

    def work(say: Callable[[str], None]) -> None:
        context.folder.chmod(0o755)
        for entry in written.root.rglob("*"):
            entry.chmod(0o555 if entry.is_dir() else 0o444)
        written.root.chmod(0o555)
        if not bound_by_permissions() or not os.access(path, os.R_OK, effective_ids=True):
            return  # this machine cannot tell
        say("a folder that cannot be written")
        with context.opened(path) as recording:
            found = fingerprint(recording)
        require(found == whole, differences(found, whole), "no difference")

    try:
        isolated(work)
    finally:
        written.root.chmod(0o755)


@check("WIO-H02", severity="SHOULD")
def no_code_of_the_data_runs(context: Context) -> None:
    """Opening and reading unpickle nothing, and execute nothing that the files contain."""
    warm, path = context.path(), context.path()

    def work(say: Callable[[str], None]) -> None:
        def use(which: Path) -> None:
            with context.opened(which) as recording:
                fingerprint(recording)

        use(warm)  # modules are code too, but not the data's
        say("audit events while a second recording was opened and read")
        events = watch(*_EXECUTING)
        use(path)
        require(not events, events, "no event of " + ", ".join(_EXECUTING))

    isolated(work)


@check("WIO-H03")
def reading_is_lazy(context: Context) -> None:
    """Opening reads less than 1 % of the pixels, and one frame at most four times its size."""
    if context.subject.make is None:
        path = warm = context.subject.samples[0].path
    else:
        warm, path = context.path(), _write_large(context)
    folder = path.parent

    def work(say: Callable[[str], None]) -> None:
        with context.opened(warm) as recording:
            recording.frames[0]  # imports
        meter = Meter(folder)
        with context.opened(path) as recording:
            opened = meter.take()
            n_frames = len(recording.frames)
            frame = recording.frames[n_frames // 2]
            read = meter.take()
        pixels = frame.nbytes * n_frames
        if opened is None or read is None or pixels < _LEAST:
            return  # no /proc, or a sample too small to tell
        say(f"a recording of {n_frames} frames of {frame.nbytes} bytes")
        require(opened < pixels // 100, f"{opened} bytes read by opening", f"< {pixels // 100}")
        most = 4 * frame.nbytes
        require(read <= most, f"{read} bytes read for one frame", f"at most {most}")

    isolated(work)


def _write_large(context: Context) -> Path:
    dtype = max(context.subject.limits.dtypes, key=lambda name: np.dtype(name).itemsize)
    plain: dict[str, list[int]] = {"lost": [], "twice": [], "stimuli": []}
    small = context.truth(dtype=dtype, **plain)
    pixels = _LARGE / math.prod(small.frames.shape[:2]) / np.dtype(dtype).itemsize
    height = int(math.sqrt(pixels))
    return context.write(
        context.truth(dtype=dtype, height=height, width=math.ceil(pixels / height), **plain)
    )


@check("WIO-H04")
def importing_is_light(context: Context) -> None:
    """Importing the adapter opens no file but modules, and loads no test or plotting library."""
    fmt = context.subject.registry().get(context.subject.format)
    names = [name for name in (fmt.opener, fmt.options, fmt.contents) if name is not None]
    modules = [name.partition(":")[0] for name in names] + [fmt.detect.__module__]
    found = fresh(_IMPORTING, json.dumps(modules).encode())
    unwanted = sorted(_UNWANTED & set(found["modules"]))
    require(not unwanted, f"imports {', '.join(unwanted)}", f"none of {sorted(_UNWANTED)}", modules)
    data = [path for path in found["opened"] if not _is_module(path)]
    require(not data, f"opens {data}", "no file but modules", f"import {', '.join(modules)}")


def _is_module(path: str) -> bool:
    system = path.startswith(("/proc/", "/sys/", "/dev/"))
    # An atomic write of a .pyc goes through a temporary name beside it.
    return system or path.endswith(_MODULE_FILES) or "__pycache__" in path or ".dist-info" in path


@check("WIO-H05", severity="SHOULD")
def any_spelling_of_a_path_works(context: Context) -> None:
    """A path may be a str, relative, a symlink, and may hold spaces and any letters."""
    if context.subject.make is None:
        with context.opened() as recording:
            whole = fingerprint(recording)
        with context.open(str(context.path())) as recording:  # type: ignore[arg-type]
            require(fingerprint(recording) == whole, "other content", "the same", "str")
        return
    written = write(context)
    inner = written.path.relative_to(written.root)
    odd = written.copy_to(context.folder / "données µm 線虫 (1)")
    link = context.folder / "a link"
    link.symlink_to(written.root, target_is_directory=True)

    def work(say: Callable[[str], None]) -> None:
        with context.opened(written.path) as recording:
            whole = fingerprint(recording)

        def use(how: str, path: str | Path) -> None:
            say(how)
            with context.open(path) as recording:  # type: ignore[arg-type]
                found = fingerprint(recording)
            require(found == whole, differences(found, whole), "the same as by its plain path")

        use("as a str", str(written.path))
        use("with spaces and other letters", odd.path)
        use("through a symlink to its folder", link / inner)
        os.chdir(context.folder)
        use("by a relative path", written.path.relative_to(context.folder))
        os.chdir(written.root)
        use("from inside its folder", inner)

    isolated(work)
