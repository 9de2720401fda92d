"""L: opening, closing, and what is left behind."""

from __future__ import annotations

import gc
import io
import logging
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from wormio.errors import RecordingClosedError
from wormio.testing.copies import write
from wormio.testing.engine import CheckFailure, Context, check, require
from wormio.testing.isolation import differences, files_in_use, fingerprint, isolated, portion

__all__: list[str] = []


@check("WIO-L01")
def closing_is_idempotent(context: Context) -> None:
    """Leaving the `with` block closes it, `closed` says so, and closing again is fine."""
    recording = context.open(context.path())
    try:
        require(recording.closed is False, recording.closed, False, "before the block is left")
        with recording as entered:
            require(entered is recording, "another object", "the recording itself", "__enter__")
        require(recording.closed is True, recording.closed, True, "after the block is left")
    finally:
        recording.close()
    recording.close()
    require(recording.closed is True, recording.closed, True, "closed three times")


@check("WIO-L02")
def reading_after_close_raises(context: Context) -> None:
    """Reading a closed recording raises RecordingClosedError; what was read before stays valid."""
    path = context.path()

    def work(say: Callable[[str], None]) -> None:
        recording = context.open(path)
        view = recording.select(channels=[0])
        before = recording.frames[portion(recording)]
        kept, n_rows = before.copy(), len(recording.timeline)
        recording.close()
        reads: dict[str, Callable[[], Any]] = {
            "frames[0]": lambda: recording.frames[0],
            "frames[:2]": lambda: recording.frames[:2],
            "frames[-1, 0, :1]": lambda: recording.frames[-1, 0, :1],
            "select(channels=[0]).frames[0]": lambda: view.frames[0],
        }
        if recording.timeline.n_volumes:
            reads["volume(0)"] = lambda: recording.volume(0)
        for name, read in reads.items():
            say(f"close(), then {name}")
            require_closed(read)
        say("arrays that were read before close()")
        gc.collect()
        same = np.array_equal(before, kept, equal_nan=before.dtype.kind == "f")
        require(same, "other pixels", "the same as before")
        require(len(recording.timeline) == n_rows, len(recording.timeline), n_rows, "timeline")

    isolated(work)


def require_closed(read: Callable[[], Any]) -> None:
    """Raise `CheckFailure` unless a read raises `RecordingClosedError`."""
    try:
        found = read()
    except RecordingClosedError:
        return
    except Exception as error:
        raise CheckFailure(f"{type(error).__name__}: {error}", "RecordingClosedError") from error
    raise CheckFailure(f"pixels of shape {np.shape(found)}", "RecordingClosedError")


@check("WIO-L03")
def reopening_gives_the_same(context: Context) -> None:
    """A path opened again gives the same pixels, timeline, events and metadata."""
    path = context.path()
    with context.opened(path) as recording:
        first, first_id = fingerprint(recording), recording.recording_id
    with context.opened(path) as recording:
        second, second_id = fingerprint(recording), recording.recording_id
    require(first == second, differences(second, first), "no difference", "opened twice")
    require(first_id == second_id, second_id, first_id, "recording_id")


@check("WIO-L04")
def nothing_stays_open(context: Context) -> None:
    """After closing, no file is open or mapped, also when opening has failed half-way."""
    path = context.path()
    damaged = []
    if context.subject.make is not None:
        whole = write(context, path)
        for number, name in enumerate(whole.names()):
            copy = whole.copy_to(context.folder / f"cut-{number}")
            size = copy.at(name).stat().st_size
            os.truncate(copy.at(name), size * 2 // 3)
            damaged.append((f"{name} cut to {size * 2 // 3} of {size} bytes", copy.path))

    def work(say: Callable[[str], None]) -> None:
        use(path)  # what a library opens once and keeps is no leak
        gc.collect()
        before = files_in_use()
        say("open, read, close")
        pixels = use(path)  # kept: a view of a memory map would keep the map
        gc.collect()
        left = files_in_use() - before
        require(not left, sorted(left), "nothing open", f"pixels of shape {pixels.shape} are kept")
        for what, cut in damaged:
            say(what)
            try:
                use(cut)
            except Exception:
                logging.getLogger(__name__).debug("refused: %s", what)
            gc.collect()
            left = files_in_use() - before
            require(not left, sorted(left), "nothing open after opening failed")

    def use(which: Path) -> Any:
        with context.opened(which) as recording:
            return recording.frames[portion(recording)]

    isolated(work)


class _Recorder(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO + 1)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(f"{record.levelname} of {record.name}: {record.getMessage()}")


@check("WIO-L05")
def nothing_is_said(context: Context) -> None:
    """Use leaves no ResourceWarning, nothing on stdout and stderr, and no log above INFO."""
    path = context.path()

    def work(say: Callable[[str], None]) -> None:
        say("open, read a frame and a volume, close")
        recorder = _Recorder()
        logging.getLogger().addHandler(recorder)
        with (context.folder / "said").open("w+b") as said:
            for descriptor in (1, 2):
                os.dup2(said.fileno(), descriptor)
            sys.stdout = sys.stderr = io.TextIOWrapper(
                os.fdopen(1, "wb", buffering=0, closefd=False), write_through=True
            )
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                recording = context.open(path)
                recording.frames[0]
                if recording.timeline.n_volumes:
                    recording.volume(0)
                recording.close()
                del recording
                gc.collect()
            said.seek(0)
            text = said.read().decode(errors="replace")
        require(not text, f"printed {text!r}", "nothing on stdout and stderr")
        require(not recorder.texts, recorder.texts, "no log above INFO")
        unclosed = [str(w.message) for w in caught if issubclass(w.category, ResourceWarning)]
        require(not unclosed, unclosed, "no ResourceWarning")

    isolated(work)
