"""R: truncated, damaged, missing and growing files."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from wormio.errors import (
    FormatError,
    MissingPartError,
    RecordingError,
    WormioError,
)
from wormio.model import BaseRecording, Flag
from wormio.testing.copies import Written, write
from wormio.testing.engine import CheckFailure, Context, check, require
from wormio.testing.isolation import bound_by_permissions, isolated

__all__: list[str] = []

_HEADER = 512
_TEXT = 256 * 1024
_FLIPS = 40
_SEED = 20_240_229
_EVERYTHING = 64 << 20
_HEADROOM = 2 << 30


@attrs.frozen(kw_only=True)
class _Content:
    """What must not be wrong, whatever happened to the files."""

    frames: NDArray[Any]
    time: NDArray[np.float64]
    z: NDArray[np.float64]
    volume_counts: NDArray[np.int64]
    z_unknown: NDArray[np.bool_]
    findings: frozenset[str]

    @classmethod
    def of(cls, recording: BaseRecording) -> _Content:
        timeline = recording.timeline
        flags = timeline.flags & int(Flag.Z_UNKNOWN)
        return cls(
            frames=recording.frames[:],
            time=timeline.time,
            z=timeline.z,
            volume_counts=timeline.volume_counts,
            z_unknown=flags != 0,
            findings=frozenset(finding.code for finding in recording.findings),
        )

    def require_same(self, whole: _Content, tolerance: float) -> None:
        """Raise `CheckFailure` if this differs from the undamaged recording and does not say so."""
        shape = self.frames.shape
        require(shape == whole.frames.shape, f"{shape}, in silence", whole.frames.shape)
        same = self.frames.tobytes() == whole.frames.tobytes()
        require(same, "wrong pixels, in silence", "an error, or the right pixels")
        for name, unknown in (("time", np.zeros(len(self.time), bool)), ("z", self.z_unknown)):
            mine, right = getattr(self, name), getattr(whole, name)
            fits = np.isclose(mine, right, rtol=0, atol=tolerance, equal_nan=True)
            fits |= np.isnan(mine) & unknown
            at = np.flatnonzero(~fits)
            found = "" if not len(at) else f"{name}[{at[0]}] = {mine[at[0]]}, in silence"
            require(not len(at), found, "an error, or the right value, or NaN with a flag")
        volumes = self.volume_counts.tolist() == whole.volume_counts.tolist()
        told = bool(self.z_unknown.any()) or bool(self.findings - whole.findings)
        require(volumes or told, "other volumes, in silence", "an error, a finding or a flag")


def _cuts(size: int) -> list[int]:
    return sorted({0, 1, size // 4, size // 2, size * 3 // 4, size - 1} - {size})


@check("WIO-R01", "writer")
def truncation_is_noticed(context: Context) -> None:
    """A file cut short gives an error that names it, or all the right values; never a crash."""
    whole = write(context)
    limits = context.subject.limits
    tolerance = max(limits.time_tol, limits.z_tol, 1e-9)

    def work(say: Callable[[str], None]) -> None:
        with context.opened(whole.path) as recording:
            content = _Content.of(recording)
        for name in whole.names():
            size = whole.at(name).stat().st_size
            for kept in _cuts(size):
                copy = whole.copy_to(context.folder / f"{_place(name)}-{kept}")
                os.truncate(copy.at(name), kept)
                say(f"{name} cut to {kept} of {size} bytes")
                try:
                    with context.opened(copy.path) as recording:
                        found = _Content.of(recording)
                except Exception as error:
                    _require_apt(error, copy, name)
                else:
                    found.require_same(content, tolerance)

    isolated(work)


def _require_apt(error: Exception, copy: Written, name: Path) -> None:
    """Raise `CheckFailure` unless an error is of the right kind and names the file."""
    shown = f"{type(error).__name__}: {error}"
    fits = isinstance(error, (RecordingError, FormatError))
    require(fits, shown, "Truncated-, CorruptRecording-, MissingPart- or FormatError")
    named = name.name in str(error) or str(copy.path) in str(error)
    require(named, shown, f"a message that names {name.name}, or the path that was opened")


@check("WIO-R02", "writer", "side_files")
def missing_parts_are_named(context: Context) -> None:
    """Without one of its side files, opening raises MissingPartError that names it."""
    whole = write(context)
    for number, pattern in enumerate(context.subject.side_files):
        copy = whole.copy_to(context.folder / f"without-{number}")
        removed = sorted(copy.root.rglob(pattern))
        require(removed, "no such file", f"the writer makes {pattern}", "Subject.side_files")
        for file in removed:
            file.unlink()
        where = f"without {', '.join(file.name for file in removed)}"
        try:
            with context.opened(copy.path) as recording:
                recording.frames[0]
        except MissingPartError as error:
            # A reader that looks for a pattern can name no more than the pattern.
            named = any(f.name in str(error) or f.suffix in str(error) for f in removed)
            require(named, str(error), f"a message that names {removed[0].name}", where)
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
            raise CheckFailure(found, "MissingPartError", where) from error
        else:
            raise CheckFailure("no error", "MissingPartError", where)


@check("WIO-R03")
def absent_and_forbidden_paths_raise(context: Context) -> None:
    """A path that is not there raises FileNotFoundError, one not readable PermissionError."""
    absent = context.folder / "nothing-here"
    try:
        context.open(absent).close()
    except FileNotFoundError as error:
        require(absent.name in str(error), str(error), "the path in the message")
    else:
        raise CheckFailure("no error", "FileNotFoundError", str(absent))
    if context.subject.make is None:
        return
    written = write(context)

    def work(say: Callable[[str], None]) -> None:
        with context.opened(written.path) as recording:
            recording.frames[:]  # imports
        context.folder.chmod(0o755)
        for file in written.files():
            file.chmod(0)
        if not bound_by_permissions():
            return
        say("no file of the recording is readable")
        try:
            with context.opened(written.path) as recording:
                recording.frames[:]
        except (PermissionError, WormioError):
            return
        raise CheckFailure("pixels", "PermissionError, or an error of wormio")

    isolated(work)


@check("WIO-R04", "writer", severity="SHOULD")
def damaged_headers_raise(context: Context) -> None:
    """A byte changed in a header raises an error of wormio or the system; memory is bounded."""
    whole = write(context)
    rng = np.random.default_rng(_SEED)

    def work(say: Callable[[str], None]) -> None:
        with context.opened(whole.path) as recording:
            recording.frames[:]  # imports, before memory is limited
        _limit_memory()
        logging.disable()  # what libraries say of damage is no matter here
        for name in whole.names():
            content = whole.at(name).read_bytes()
            reach = len(content) if _is_text(content) else min(len(content), _HEADER)
            for number in range(_FLIPS if reach else 0):
                at, bits = int(rng.integers(reach)), int(rng.integers(1, 256))
                damaged = bytearray(content)
                damaged[at] ^= bits
                copy = whole.copy_to(context.folder / f"{_place(name)}-{number}")
                copy.at(name).write_bytes(damaged)
                say(f"byte {at} of {name} XOR {bits:#04x}")
                try:
                    with context.opened(copy.path) as recording:
                        _read_a_lot(recording)
                except (WormioError, OSError):
                    continue
                except Exception as error:
                    found = f"{type(error).__name__}: {error}"
                    raise CheckFailure(found, "an error of wormio or the system") from error

    isolated(work, seconds=120.0)


def _read_a_lot(recording: BaseRecording) -> None:
    shape = recording.frames.shape
    size = recording.frames.dtype.itemsize
    for length in shape:
        size *= length
    if size <= _EVERYTHING:
        recording.frames[:]
    elif min(shape):
        recording.frames[0, 0, :1, :1]


def _place(name: Path) -> str:
    """Return a folder's name for the damage to a file: two files may share their last name."""
    return str(name).replace("/", "_")[-80:]


def _is_text(content: bytes) -> bool:
    if len(content) > _TEXT:
        return False
    with contextlib.suppress(UnicodeDecodeError):
        return "\0" not in content.decode("utf-8")
    return False


def _limit_memory() -> None:
    """Let a child have 2 GiB more than it has."""
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        now = pages * os.sysconf("SC_PAGE_SIZE")
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (now + _HEADROOM, most))


@check("WIO-R05", "writer", severity="SHOULD")
def length_is_frozen_at_open(context: Context) -> None:
    """Files that grow after opening change neither the length nor the pixels of the recording."""
    written = write(context)

    def work(say: Callable[[str], None]) -> None:
        with context.opened(written.path) as recording:
            shape, n_rows = tuple(recording.frames.shape), len(recording.timeline)
            whole = recording.frames[:].tobytes()
            for file in written.files():
                content = file.read_bytes()
                with file.open("ab") as growing:
                    growing.write(content)
            say("every file has doubled since it was opened")
            found = tuple(recording.frames.shape)
            require(found == shape, found, shape)
            require(len(recording.timeline) == n_rows, len(recording.timeline), n_rows)
            same = recording.frames[:].tobytes() == whole
            require(same, "other pixels", "those of before")

    isolated(work)


@check("WIO-R06", "writer", severity="SHOULD")
def allow_truncated_gives_complete_volumes(context: Context) -> None:
    """With allow_truncated, a cut file gives complete volumes and a finding, or is refused."""
    whole = write(context)
    largest = max(whole.names(), key=lambda name: whole.at(name).stat().st_size)
    size = whole.at(largest).stat().st_size

    def work(say: Callable[[str], None]) -> None:
        with context.opened(whole.path) as recording:
            right = _Content.of(recording)
        for kept in (size // 2, size * 3 // 4, size - 1):
            copy = whole.copy_to(context.folder / f"cut-{kept}")
            os.truncate(copy.at(largest), kept)
            say(f"{largest} cut to {kept} of {size} bytes, allow_truncated=True")
            try:
                with context.opened(copy.path, allow_truncated=True) as recording:
                    found = _Content.of(recording)
                    volumes = recording.timeline.volumes
            except WormioError as error:
                _require_apt(error, copy, largest)
                continue
            n_frames = len(found.frames)
            if n_frames == len(right.frames):
                found.require_same(right, 1e-6)  # nothing that matters was cut off
                continue
            require(n_frames < len(right.frames), n_frames, f"fewer than {len(right.frames)}")
            same = found.frames.tobytes() == right.frames[:n_frames].tobytes()
            require(same, "wrong pixels", f"the first {n_frames} frames")
            counts = found.volume_counts.tolist()
            first = right.volume_counts[: len(counts)].tolist()
            require(counts == first, counts, first, "timeline.volume_counts")
            inside = not len(volumes) or int(volumes.max()) <= n_frames
            require(inside, volumes.tolist(), f"volumes within {n_frames} frames")
            require(found.findings - right.findings, "no finding", "a finding that says so")

    isolated(work)
