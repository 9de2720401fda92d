"""Running code where it can do no harm, and measuring what it touches.

Checks that may crash, hang, change the working directory or install audit hooks (which cannot be
taken away again) run in a child process with a time limit. The limit is no stopwatch: it only turns
a hang into a finding.
"""

from __future__ import annotations

import ctypes
import faulthandler
import hashlib
import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from wormio.errors import MissingImageError
from wormio.model import Recording
from wormio.testing.engine import CheckFailure

__all__ = [
    "Meter",
    "bound_by_permissions",
    "differences",
    "files_in_use",
    "fingerprint",
    "fresh",
    "isolated",
    "portion",
    "tree_state",
    "watch",
]

T = TypeVar("T")
Say = Callable[[str], None]

_SECONDS = 60.0
_PORTION = 64 << 20
# Of linux/capability.h: its version, and CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH.
_CAPABILITIES_V3 = 0x20080522
_PASS_OVER_PERMISSIONS = 1 << 1 | 1 << 2
_WHERE = signal.SIGUSR1
_COLUMNS: tuple[str, ...] = ("time", "z", "count", "raw_time", "raw_count", "direction", "flags")
_COLUMNS += ("stored", "volumes", "volume_counts")


def isolated(work: Callable[[Say], T], *, seconds: float = _SECONDS) -> T:
    """Run a function in a forked child and return its result.

    Parameters
    ----------
    work : callable
        ``work(say)``. What it last told `say` is reported if it fails, crashes or hangs. Its
        result must pickle.
    seconds : float
        After which it is killed.

    Raises
    ------
    CheckFailure
        That of `work`, or: it raised another error, crashed, hung or left the interpreter.
    """
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    with tempfile.TemporaryFile() as crash, receiving:
        child = context.Process(target=_run, args=(work, sending, crash.fileno()))
        with warnings.catch_warnings():
            # Python 3.12 warns of threads of the parent; the child uses none of their locks.
            warnings.simplefilter("ignore", DeprecationWarning)
            child.start()
        sending.close()
        try:
            kind, value, said = _listen(receiving, time.monotonic() + seconds)
        finally:
            _end(child)
        crash.seek(0)
        where = _where(crash.read().decode(errors="replace"))
    if kind == "done":
        return value  # type: ignore[no-any-return]
    if kind == "raised":
        value.reproduce = "; ".join(part for part in (said, value.reproduce) if part)
        raise value
    if kind == "hung":
        observed = f"no answer within {seconds:g} s{where}"
    else:
        observed = f"the process died ({_cause(child.exitcode)}){where}"
    raise CheckFailure(observed, "a result or an error", said)


def _end(child: Any) -> None:
    child.join(0.5)
    if child.is_alive():
        os.kill(child.pid, _WHERE)  # first it tells where it hangs
        child.join(0.2)
        child.kill()
    child.join()


def _run(work: Callable[[Say], Any], sending: Connection, crash: int) -> None:
    faulthandler.enable(crash)
    # Not dump_traceback_later: a forked child that inherits its lock would hang.
    faulthandler.register(_WHERE, crash)
    try:
        answer: tuple[str, Any] = ("done", work(lambda text: sending.send(("said", text))))
    except Exception as error:
        answer = ("raised", _as_finding(error))
    except BaseException as error:  # SystemExit of a library that calls quit()
        found = f"{type(error).__name__}({error}), which leaves the interpreter"
        answer = ("raised", CheckFailure(found, "an error, derived from Exception"))
    sending.send(answer)


def _as_finding(error: Exception) -> CheckFailure:
    """Turn an error into one that pickles, with the place that it comes from."""
    if isinstance(error, CheckFailure):
        return error
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    place = " > ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames)
    return CheckFailure(f"{type(error).__name__}: {error}", "no error", place)


def _listen(receiving: Connection, deadline: float) -> tuple[str, Any, str]:
    said = ""
    while receiving.poll(max(0.0, deadline - time.monotonic())):
        try:
            kind, value = receiving.recv()
        except (EOFError, OSError):
            return "died", None, said
        if kind != "said":
            return kind, value, said
        said = value
    return "hung", None, said


def _cause(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return signal.Signals(-exitcode).name
    return f"exit code {exitcode}"


def _where(dump: str) -> str:
    lines = [line.strip() for line in dump.splitlines() if line.strip().startswith("File ")]
    return f", in {lines[0]}" if lines else ""


def fresh(code: str, data: bytes = b"", *, seconds: float = _SECONDS) -> Any:
    """Run code in a new interpreter with the same `sys.path` and environment.

    Parameters
    ----------
    code : str
        Reads ``sys.stdin.buffer``; its last printed line is JSON.
    data : bytes
        Given to its standard input.
    seconds : float

    Returns
    -------
    object
        What the JSON says.

    Raises
    ------
    CheckFailure
        It failed or hung.
    """
    prelude = "import json, sys; sys.path[:] = json.loads(sys.argv[1])\n"
    command = [sys.executable, "-X", "faulthandler", "-c", prelude + code, json.dumps(sys.path)]
    try:
        done = subprocess.run(  # noqa: S603 (our own interpreter and code)
            command, input=data, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise CheckFailure(f"no answer within {seconds:g} s", "an answer", code) from None
    output = done.stdout.decode(errors="replace").splitlines()
    if done.returncode or not output:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        found = said[-1] if said else f"exit code {done.returncode}"
        raise CheckFailure(f"a new interpreter failed: {found}", "success")
    return json.loads(output[-1])


def bound_by_permissions() -> bool:
    """Give up root's right to pass over permissions, in a child; tell whether they now bind it.

    The user stays the same: another one might not be able to reach the interpreter's own files.
    """
    if os.geteuid() != 0:
        return True
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_V3, 0)  # 0: this process
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; low and high half
    try:
        if libc.capget(header, sets):
            return False
        for i in range(3):
            sets[i] &= ~_PASS_OVER_PERMISSIONS & 0xFFFFFFFF
        return not libc.capset(header, sets)
    except AttributeError:  # no Linux
        return False


def watch(*names: str) -> list[tuple[str, str]]:
    """Record audit events, in a child: a hook cannot be removed.

    Parameters
    ----------
    *names : str
        Of events, as in Python's audit events table.

    Returns
    -------
    list of (str, str)
        Grows: event and its first argument. Clear it at will.
    """
    seen: list[tuple[str, str]] = []
    wanted = frozenset(names)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in wanted:
            first = arguments[0] if arguments else ""
            seen.append((event, first if isinstance(first, str) else repr(first)[:200]))

    sys.addaudithook(hook)
    return seen


def files_in_use() -> frozenset[str]:
    """Return the files that this process holds open or mapped; empty where there is no /proc.

    Descriptors are counted one by one; shared libraries and what is no file are left out.
    """
    found = set()
    for entry in Path("/proc/self/fd").glob("*"):
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target.startswith("/") and not target.startswith(("/dev/", "/proc/")):
            found.add(f"descriptor {entry.name} of {target}")
    maps = Path("/proc/self/maps")
    if maps.exists():
        for line in maps.read_text().splitlines():
            target = line.split(maxsplit=5)[5] if line.count("/") else ""
            if target.startswith("/") and ".so" not in target and not target.startswith("/dev/"):
                found.add(f"mapping of {target}")
    return frozenset(found)


class Meter:
    """Counts the bytes that this process reads, and holds mapped of a folder's files.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._read = self._mapped = 0
        self.take()

    def take(self) -> int | None:
        """Return the bytes since the last call; None where /proc does not tell."""
        try:
            read, mapped = self._read_so_far(), self._mapped_now()
            since = read - self._read + max(0, mapped - self._mapped)
            # Looking is reading too: it must not count.
            self._read, self._mapped = self._read_so_far(), mapped
        except OSError:
            return None
        return since

    def _read_so_far(self) -> int:
        return int(Path("/proc/self/io").read_text().split("rchar:")[1].split()[0])

    def _mapped_now(self) -> int:
        total, inside = 0, False
        for line in Path("/proc/self/smaps").read_text().splitlines():
            first = line.split(maxsplit=1)[0]
            if not first.endswith(":"):
                inside = self._folder in line
            elif inside and first == "Rss:":
                total += 1024 * int(line.split()[1])
        return total


def portion(recording: Recording) -> slice:
    """Return the frames that are few enough to read: all of a written truth, not of a sample."""
    shape = recording.frames.shape
    size = math.prod(shape[1:]) * recording.frames.dtype.itemsize
    return slice(0, max(1, _PORTION // max(size, 1)))


def tree_state(path: Path) -> dict[str, tuple[int, int, str]]:
    """Return size, modification time and hash of every file in a folder; folders are named too."""
    state = {}
    for entry in sorted(path.rglob("*")):
        name = str(entry.relative_to(path))
        if entry.is_file():
            about = entry.stat()
            content = hashlib.sha256(entry.read_bytes()).hexdigest()
            state[name] = (about.st_size, about.st_mtime_ns, content)
        else:
            state[name] = (-1, 0, "")
    return state


def fingerprint(recording: Recording) -> dict[str, str]:
    """Return what a recording is, part by part, as short texts: equal for equal recordings."""
    parts = {
        "shape": str(tuple(recording.frames.shape)),
        "dtype": recording.frames.dtype.str,
        "pixels": _pixels(recording),
        "channels": repr(recording.channels),
        "voxel_size": repr(recording.voxel_size),
        "metadata": json.dumps(dict(recording.metadata), sort_keys=True, default=repr),
        "findings": repr(recording.findings),
    }
    for name in _COLUMNS:
        values = np.ascontiguousarray(getattr(recording.timeline, name))
        parts[f"timeline.{name}"] = _digest(values)
    for name, table in recording.events.items():
        parts[f"events[{name!r}]"] = json.dumps(table.to_json(), sort_keys=True)
    return parts


def _digest(values: Any) -> str:
    head = f"{values.shape}{values.dtype.str}".encode()
    return hashlib.sha256(head + values.tobytes()).hexdigest()[:16]


def _pixels(recording: Recording) -> str:
    """Hash image by image, since some may be missing: a portion, and the last frame."""
    digest = hashlib.sha256()
    n_frames, n_channels = recording.frames.shape[:2]
    for frame in sorted({*range(n_frames)[portion(recording)], n_frames - 1} - {-1}):
        for channel in range(n_channels):
            try:
                digest.update(np.ascontiguousarray(recording.frames[frame, channel]).tobytes())
            except MissingImageError:
                digest.update(b"missing")
    return digest.hexdigest()[:16]


def differences(found: Mapping[str, str], expected: Mapping[str, str]) -> str:
    """Return the names of the parts in which two fingerprints differ, with their values."""
    names = sorted(set(found) | set(expected))
    return "; ".join(
        f"{name}: {found.get(name, 'nothing')[:60]} instead of {expected.get(name, 'nothing')[:60]}"
        for name in names
        if found.get(name) != expected.get(name)
    )
